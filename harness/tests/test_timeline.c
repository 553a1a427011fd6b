/* What `decode` shows of a session: events at times that can be, all of the data, also while the
 * session goes on. */
#include "harness/capture/timeline.h"
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"

#include <glob.h>

/* --- times ------------------------------------------------------------------------------------ */

static void expect_within(void *context, struct track_session *s, const struct track_event *event)
{
    if (event->at_ns < s->first_ns || event->at_ns > s->last_ns + UINT64_C(3600000000000))
        fail_msg("%s: event %d at %llu ns, the session began at %llu", (const char *)context,
                 event->kind, (unsigned long long)event->at_ns, (unsigned long long)s->first_ns);
}

static void ignore(void *context, struct track_session *s)
{
    (void)context;
    (void)s;
}

static void test_no_event_is_before_the_session(void **state)
{
    glob_t captures;

    (void)state;
    assert_int_equal(glob("pcaps/*.pcap.gz", 0, NULL, &captures), 0);
    for (size_t i = 0; i < captures.gl_pathc; i++) {
        struct capfile f;
        assert_true(capfile_read(&f, captures.gl_pathv[i]));
        capfile_feed(&f, f.n, &(struct track_user){expect_within, ignore, captures.gl_pathv[i]});
        capfile_fini(&f);
    }
    globfree(&captures);
}

/* --- data ------------------------------------------------------------------------------------- */

struct shown {
    FILE *out;
    bool is_followed;
    uint64_t bytes[2]; /* of the session */
    unsigned n_spans;
};

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    struct shown *shown = context;

    if (shown->is_followed)
        timeline_follow(shown->out, s, event, "", &(struct timeline_style){false, s->first_ns});
    else
        timeline_collect(s, event);
}

static void on_done(void *context, struct track_session *s)
{
    struct shown *shown = context;

    if (shown->is_followed)
        timeline_follow(shown->out, s, NULL, "", &(struct timeline_style){false, s->first_ns});
    else
        timeline_print(shown->out, s->user, s, false);
    for (int side = 0; side < 2; side++)
        for (unsigned i = 0; i < s->volume.n; i++)
            shown->bytes[side] += s->volume.bytes[side][i];
    shown->n_spans = s->volume.n;
    timeline_discard(s);
}

/* The bytes that lines of data tell of, by sender; how many such lines. */
static unsigned read_data(const char *text, uint64_t bytes[2])
{
    unsigned n = 0;

    bytes[0] = bytes[1] = 0;
    for (const char *at = text; (at = strstr(at, " = data")) != NULL; n++) {
        const char *end = strchr(at, '\n');
        for (; at < end; at++) {
            if (strncmp(at, "  > ", 4) == 0)
                bytes[OBSERVER_CLIENT] += strtoull(at + 4, NULL, 10);
            if (strncmp(at, "  < ", 4) == 0)
                bytes[OBSERVER_SERVER] += strtoull(at + 4, NULL, 10);
        }
    }
    return n;
}

static void check_data(const char *path, size_t quarters, bool is_followed)
{
    struct shown shown = {.is_followed = is_followed};
    struct capfile f;
    uint64_t bytes[2];
    char *text = NULL;
    size_t len;

    assert_true(capfile_read(&f, path));
    shown.out = open_memstream(&text, &len);
    assert_non_null(shown.out);
    capfile_feed(&f, f.n * quarters / 4, &(struct track_user){on_event, on_done, &shown});
    fclose(shown.out);
    unsigned n = read_data(text, bytes);
    if (n == 0 || n < shown.n_spans || bytes[0] != shown.bytes[0] || bytes[1] != shown.bytes[1])
        fail_msg("%s, %zu quarters, %s: %u lines of data, %u spans\n%s", path, quarters,
                 is_followed ? "followed" : "decoded", n, shown.n_spans, text);
    free(text);
    capfile_fini(&f);
}

/* Also where the capture ends in the middle of it. */
static void test_all_of_the_data_is_shown(void **state)
{
    static const char *const captures[] = {"pcaps/3.22-3.22-time.pcap.gz",
                                           "pcaps/3.22-3.22-bidir.pcap.gz",
                                           "pcaps/3.22-3.22-udp.pcap.gz"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
        for (size_t quarters = 2; quarters <= 4; quarters++) {
            check_data(captures[i], quarters, false);
            check_data(captures[i], quarters, true);
        }
    }
}

/* Followed, each second of a longer session is told when it is over. */
static void test_data_is_told_while_it_goes_on(void **state)
{
    struct shown shown = {.is_followed = true};
    struct capfile f;
    uint64_t bytes[2];
    char *text = NULL;
    size_t len;

    (void)state;
    assert_true(capfile_read(&f, "pcaps/3.22-3.22-time.pcap.gz"));
    for (size_t i = 0; i < f.n; i++) /* ten times as long */
        f.packets[i].at_ns = f.packets[0].at_ns + 10 * (f.packets[i].at_ns - f.packets[0].at_ns);
    shown.out = open_memstream(&text, &len);
    capfile_feed(&f, f.n, &(struct track_user){on_event, on_done, &shown});
    fclose(shown.out);
    char *end = strstr(text, "TEST_END");
    assert_non_null(end);
    *end = '\0';
    assert_in_range(read_data(text, bytes), 5, 20);
    free(text);
    capfile_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_event_is_before_the_session),
        cmocka_unit_test(test_all_of_the_data_is_shown),
        cmocka_unit_test(test_data_is_told_while_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
