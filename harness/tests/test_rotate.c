/* Files that take turns: names, sizes, how many are kept, and what is left when they cannot be
 * written. */
#include "harness/capture/rotate.h"
#include "harness/capture/source.h"
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"

#include <dirent.h>
#include <unistd.h>

struct turns {
    char dir[64], prefix[96];
    struct rotate r;
    struct source source;
    struct text why;
};

static void begin(struct turns *t, uint64_t file_bytes, unsigned keep, bool is_scrubbed)
{
    *t = (struct turns){0};
    snprintf(t->dir, sizeof t->dir, "/tmp/test_rotate-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    snprintf(t->prefix, sizeof t->prefix, "%s/lab", t->dir);
    assert_true(source_open(&t->source, "pcaps/3.22-3.22-auth.pcap.gz", &t->why));
    t->r = (struct rotate){t->prefix, file_bytes, keep, is_scrubbed, t->source.pcap, NULL, 0, 0, 0};
}

static void put_all(struct turns *t)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;

    while (pcap_next_ex(t->source.pcap, &header, &bytes) == 1)
        assert_true(rotate_put(&t->r, header, bytes, &t->why));
}

/* How many files there are, and packets in them; a name that nobody wants fails. They are removed.
 */
static unsigned count(struct turns *t, size_t *n_packets)
{
    DIR *dir = opendir(t->dir);
    unsigned n = 0;

    *n_packets = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        struct capfile f;
        char path[400];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", t->dir, e->d_name);
        assert_string_equal(e->d_name + strlen(e->d_name) - 5, ".pcap");
        assert_true(capfile_read(&f, path));
        *n_packets += f.n;
        n++;
        capfile_fini(&f);
        unlink(path);
    }
    closedir(dir);
    rmdir(t->dir);
    source_close(&t->source);
    text_fini(&t->why);
    return n;
}

static void test_rotate_keeps_every_packet_of_whole_files(void **state)
{
    struct turns t;
    size_t n;

    (void)state;
    begin(&t, 40000, 0, false);
    assert_true(rotate_open(&t.r, &t.why));
    put_all(&t);
    assert_true(rotate_close(&t.r, &t.why));
    unsigned files = count(&t, &n);
    assert_in_range(files, 3, 8);
    assert_int_equal(n, 43);
}

static void test_rotate_makes_room(void **state)
{
    struct turns t;
    size_t n;

    (void)state;
    begin(&t, 1000, 2, false);
    assert_true(rotate_open(&t.r, &t.why));
    put_all(&t);
    assert_true(rotate_close(&t.r, &t.why));
    assert_int_equal(count(&t, &n), 2);
    assert_in_range(n, 2, 30);
}

static void test_rotate_leaves_nothing_that_is_not_scrubbed(void **state)
{
    struct turns t;
    size_t n;

    (void)state;
    begin(&t, 1 << 20, 0, true);
    assert_true(rotate_open(&t.r, &t.why));
    put_all(&t);
    assert_true(rotate_close(&t.r, &t.why));
    struct source scrubbed;
    char path[128];
    snprintf(path, sizeof path, "%s-00001.pcap", t.prefix);
    assert_true(source_open(&scrubbed, path, &t.why));
    assert_int_equal(pcap_datalink(scrubbed.pcap), DLT_RAW);
    source_close(&scrubbed);
    assert_int_equal(count(&t, &n), 1);
    assert_int_equal(n, 43);
}

static void test_rotate_says_what_cannot_be_written(void **state)
{
    struct turns t;
    size_t n;

    (void)state;
    begin(&t, 1 << 20, 0, false);
    t.r.prefix = "/nonexistent/lab";
    assert_false(rotate_open(&t.r, &t.why));
    assert_string_equal(text_string(&t.why),
                        "/nonexistent/lab-00001.pcap.part: No such file or directory");
    assert_int_equal(count(&t, &n), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotate_keeps_every_packet_of_whole_files),
        cmocka_unit_test(test_rotate_makes_room),
        cmocka_unit_test(test_rotate_leaves_nothing_that_is_not_scrubbed),
        cmocka_unit_test(test_rotate_says_what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
