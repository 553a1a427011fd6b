/* What networks and captures do to packets in combination: re-ordered far, doubled and lost at
 * once. Nothing of it is held against the peers. */
#include "harness/tests/doctor.h"

#include <glob.h>

#define SEEDS 12

static unsigned next(unsigned *random)
{
    *random = *random * 1103515245 + 12345;
    return *random >> 16;
}

static struct capfile_verdict expect_clean(const struct capfile *f, const char *name,
                                           const char *what, size_t k, size_t seed)
{
    struct capfile_verdict v = capfile_judge(f, f->n);

    if (v.n_violations > 0)
        fail_msg("%s, %s %zu, seed %zu: %s in packet %llu: %s", name, what, k, seed, v.clause,
                 (unsigned long long)v.number, v.found);
    return v;
}

static void each(void (*check)(const struct capfile *f, const char *name, size_t seed))
{
    glob_t captures;

    assert_int_equal(glob("pcaps/*.pcap.gz", 0, NULL, &captures), 0);
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        assert_true(capfile_read(&f, captures.gl_pathv[i]));
        for (size_t seed = 0; seed < SEEDS; seed++)
            check(&f, captures.gl_pathv[i], f.n * SEEDS + seed);
        capfile_fini(&f);
    }
    globfree(&captures);
}

/* --- re-ordered ------------------------------------------------------------------------------- */

struct place {
    size_t key, i;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->i < y->i ? -1 : 1;
}

/* Each packet up to so many places later than it was; the times stay in order, as a machine that
 * reads them from several queues writes them. */
static struct capfile shuffled(const struct capfile *f, size_t places, unsigned random)
{
    struct capfile s = {
        .link = f->link, .n = f->n, .packets = text_realloc(NULL, f->n * sizeof *f->packets)};
    struct place *order = text_realloc(NULL, f->n * sizeof *order);

    for (size_t i = 0; i < f->n; i++)
        order[i] = (struct place){16 * i + next(&random) % (16 * places), i};
    qsort(order, f->n, sizeof *order, compare_places);
    for (size_t i = 0; i < f->n; i++) {
        s.packets[i] = f->packets[order[i].i];
        s.packets[i].at_ns = f->packets[i].at_ns;
    }
    free(order);
    return s;
}

static void reordered(const struct capfile *f, const char *name, size_t seed)
{
    static const size_t places[] = {2, 3, 8};

    for (size_t k = 0; k < ARRAY_LEN(places); k++) {
        struct capfile s = shuffled(f, places[k], (unsigned)seed);
        if (expect_clean(&s, name, "re-ordered by", places[k], seed).n_sessions == 0)
            fail_msg("%s, re-ordered by %zu, seed %zu: no session", name, places[k], seed);
        free(s.packets);
    }
}

static void test_packets_in_another_order_blame_nobody(void **state)
{
    (void)state;
    each(reordered);
}

/* --- doubled and lost ------------------------------------------------------------------------- */

/* Of ten packets so many come twice, and of twenty one or none is lost, its copy not. */
static void doubled_and_lost(const struct capfile *f, const char *name, size_t seed)
{
    struct capfile s = {.link = f->link,
                        .packets = text_realloc(NULL, 2 * f->n * sizeof *f->packets)};
    unsigned random = (unsigned)seed;

    for (size_t i = 0; i < f->n; i++) {
        unsigned copies = next(&random) % 10 < 1 + seed % 9 ? 2 : 1;
        while (copies-- > 0)
            if (next(&random) % 20 != 0)
                s.packets[s.n++] = f->packets[i];
    }
    expect_clean(&s, name, "doubled and lost, of ten", 1 + seed % 9, seed);
    free(s.packets);
}

static void test_packets_doubled_and_lost_blame_nobody(void **state)
{
    (void)state;
    each(doubled_and_lost);
}

/* --- sent again with other bytes -------------------------------------------------------------- */

/* Which copy was read nobody knows: it is told, and nothing behind it is judged. */
static void test_bytes_that_were_sent_again_as_others_are_told(void **state)
{
    static const char *const wanted[] = {"\"bytes\":131072", "\"bytes\":131071"};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(wanted); k++) {
        struct capfile f;
        size_t at = 0;
        assert_true(capfile_read(&f, "pcaps/3.22-3.22-tcp.pcap.gz"));
        struct doctor doc = doctor_connection(&f, 0);
        size_t i = doctor_find(&doc, OBSERVER_CLIENT, WIRE("\"bytes\":131072"), 0, &at);
        struct capfile_packet copy = f.packets[i];
        copy.bytes = memcpy(text_realloc(NULL, copy.len), copy.bytes, copy.len);
        doctor_splice(&doc, OBSERVER_CLIENT, i, at, 14,
                      (struct bytes){(const uint8_t *)wanted[k], 14});
        f.packets = text_realloc(f.packets, (f.n + 1) * sizeof *f.packets);
        memmove(&f.packets[i + 2], &f.packets[i + 1], (f.n - i - 1) * sizeof *f.packets);
        f.packets[i + 1] = copy;
        f.n++;
        struct capfile_verdict v = capfile_judge(&f, f.n);
        assert_int_equal(v.n_violations, 0);
        assert_int_equal(v.n_parts, k);
        capfile_fini(&f);
    }
}

/* --- streams alone ---------------------------------------------------------------------------- */

/* A server that writes a byte at a time seems to answer a cookie, where that of its control
 * connection is not in the capture: the byte is in none of its tables, or in one. */
static void test_a_byte_of_a_stream_is_no_answer_to_a_cookie(void **state)
{
    enum { WITHOUT_COOKIE, FROM_BEHIND_COOKIE, FROM_THE_STREAM_ON, STREAM_ALONE, N_WAYS };
    static const char *const bytes[] = {"\xed", "\x02"};

    (void)state;
    for (size_t k = 0; k < N_WAYS * ARRAY_LEN(bytes); k++) {
        struct capfile f;
        assert_true(capfile_read(&f, "pcaps/3.12-3.12-reverse.pcap.gz"));
        struct doctor control = doctor_connection(&f, 0), data = doctor_connection(&f, 1);
        size_t cookie = doctor_packet(&control, OBSERVER_CLIENT, 0, false);
        size_t first = doctor_packet(&data, OBSERVER_SERVER, 0, false);
        size_t opening = doctor_packet(&data, OBSERVER_CLIENT, 0, false);
        struct dissected d;
        doctor_look(&f, first, &d);
        doctor_splice(&data, OBSERVER_SERVER, first, 0, d.len,
                      (struct bytes){(const uint8_t *)bytes[k / N_WAYS], 1});
        for (size_t i = 0; i < f.n; i++) {
            doctor_look(&f, i, &d);
            bool is_data =
                doctor_is(&data, &d, OBSERVER_CLIENT) || doctor_is(&data, &d, OBSERVER_SERVER);
            f.packets[i].is_dropped = k % N_WAYS == WITHOUT_COOKIE       ? i == cookie
                                      : k % N_WAYS == FROM_BEHIND_COOKIE ? i <= cookie
                                      : k % N_WAYS == FROM_THE_STREAM_ON ? i + 3 < opening
                                                                         : !is_data;
        }
        if (k < N_WAYS || k % N_WAYS != STREAM_ALONE)
            expect_clean(&f, "a stream of bytes", "way", k, 0);
        capfile_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_in_another_order_blame_nobody),
        cmocka_unit_test(test_packets_doubled_and_lost_blame_nobody),
        cmocka_unit_test(test_bytes_that_were_sent_again_as_others_are_told),
        cmocka_unit_test(test_a_byte_of_a_stream_is_no_answer_to_a_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
