#include "impl/net/transcript.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static char path[UNIT_PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(unit_temporary(path, "transcript"));
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    alloc_fail_at(0);
    return unlink(path);
}

/* One word per event. */
static char seen[1024];
static uint64_t last_ns;

static enum spec_err note(void *context, const struct transcript_event *e)
{
    char *end = seen + strlen(seen);
    char side = e->side == OBSERVER_CLIENT ? 'C' : 'S';

    (void)context;
    assert_true(e->at_ns >= last_ns);
    last_ns = e->at_ns;
    end += sprintf(end, "%" PRIu64, e->session);
    if (e->kind == TRANSCRIPT_SESSION)
        sprintf(end, "+%c,%s,%u,%s,%u ", side, e->local, e->local_port, e->peer, e->peer_port);
    else if (e->kind == TRANSCRIPT_BYTES)
        sprintf(end, "%c%zu:%02x..%02x ", side, e->bytes.len, e->bytes.at[0],
                e->bytes.at[e->bytes.len - 1]);
    else if (e->kind == TRANSCRIPT_GAP)
        sprintf(end, "%cgap%" PRIu64 " ", side, e->gap);
    else if (e->kind == TRANSCRIPT_EOF)
        sprintf(end, "%ceof ", side);
    else if (e->kind == TRANSCRIPT_RESET)
        sprintf(end, "%creset%d ", side, e->os_errno);
    else
        sprintf(end, "end ");
    return SPEC_OK;
}

static void expect(const char *want)
{
    seen[0] = '\0';
    last_ns = 0;
    assert_int_equal(transcript_read(path, note, NULL, NULL), SPEC_OK);
    assert_string_equal(seen, want);
}

static void test_transcript_read_gives_what_was_written(void **state)
{
    struct transcript *t = transcript_open(path);
    struct transcript_session *one, *two;

    (void)state;
    one = transcript_begin(t, OBSERVER_SERVER, "10.0.0.1", 5201, "10.0.0.2", 65535);
    two = transcript_begin(t, OBSERVER_CLIENT, "fe80::1%eth0", 1, "::1", 0);
    transcript_received(one, WIRE("\x00\x7f\xff"));
    transcript_sent(two, WIRE("\x09"));
    transcript_sent(one, WIRE("\x0a"));
    transcript_received(two, WIRE(""));
    transcript_over(one, false, 0);
    transcript_end(one);
    transcript_over(two, true, 104);
    assert_int_equal(transcript_close(t), SPEC_OK); /* ends the other */
    expect("1+S,10.0.0.1,5201,10.0.0.2,65535 2+C,fe80::1%eth0,1,::1,0 1C3:00..ff 2C1:09..09 "
           "1S1:0a..0a 1Ceof 1end 2Sreset104 2end ");
}

static void test_transcript_is_on_disk_when_a_session_has_ended(void **state)
{
    struct transcript *t = transcript_open(path);

    (void)state;
    transcript_end(transcript_begin(t, OBSERVER_SERVER, "a", 1, "b", 2));
    expect("1+S,a,1,b,2 1end ");
    transcript_close(t);
}

static void test_transcript_cuts_long_runs_into_lines_and_ends_with_a_gap(void **state)
{
    static uint8_t much[TRANSCRIPT_SESSION_MAX + 10];
    struct transcript *t = transcript_open(path);
    struct transcript_session *s = transcript_begin(t, OBSERVER_SERVER, "a", 1, "b", 2);

    (void)state;
    transcript_sent(s, (struct bytes){much, TRANSCRIPT_LINE_BYTES + 1});
    transcript_received(s, (struct bytes){much, TRANSCRIPT_SESSION_MAX});
    transcript_received(s, (struct bytes){much, 7});
    transcript_close(t);

    FILE *file = fopen(path, "r");
    char line[10000], last[2][10000] = {"", ""};
    unsigned n = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        strcpy(last[0], last[1]);
        strcpy(last[1], line);
        n++;
    }
    fclose(file);
    assert_int_equal(n, 2 + 2 + TRANSCRIPT_SESSION_MAX / TRANSCRIPT_LINE_BYTES + 2);
    assert_non_null(strstr(last[0], " C gap 7\n"));
    assert_non_null(strstr(last[1], " end\n"));
}

static const struct row {
    const char *name, *text;
    enum spec_err want;
    unsigned long line;
} rows[] = {
    {"empty file",           "",                                                           SPEC_OK,      0},
    {"first line alone",     "# iperfspec transcript 1\n",                                 SPEC_OK,      1},
    {"another version",      "# iperfspec transcript 2\n",                                 SPEC_E_VALUE, 1},
    {"good line",            "# iperfspec transcript 1\n1 5 C 00\n",                       SPEC_OK,      2},
    {"cut short",            "# iperfspec transcript 1\n1 5 C 0",                          SPEC_OK,      2},
    {"odd digits",           "# iperfspec transcript 1\n1 5 C 000\n",                      SPEC_E_VALUE, 2},
    {"upper case",           "# iperfspec transcript 1\n1 5 C FF\n",                       SPEC_E_VALUE, 2},
    {"no bytes",             "# iperfspec transcript 1\n1 5 C \n",                         SPEC_E_VALUE, 2},
    {"no word",              "# iperfspec transcript 1\n1 5\n",                            SPEC_E_VALUE, 2},
    {"side alone",           "# iperfspec transcript 1\n1 5 C\n",                          SPEC_E_VALUE, 2},
    {"unknown side",         "# iperfspec transcript 1\n1 5 X 00\n",                       SPEC_E_VALUE, 2},
    {"more behind",          "# iperfspec transcript 1\n1 5 C eof x\n",                    SPEC_E_VALUE, 2},
    {"two blanks",           "# iperfspec transcript 1\n1  5 C eof\n",                     SPEC_E_VALUE, 2},
    {"negative time",        "# iperfspec transcript 1\n1 -5 C eof\n",                     SPEC_E_VALUE, 2},
    {"time beyond 64 bits",  "# iperfspec transcript 1\n1 18446744073709551616 C eof\n",
     SPEC_E_VALUE,                                                                                       2},
    {"gap without number",   "# iperfspec transcript 1\n1 5 C gap\n",                      SPEC_E_VALUE, 2},
    {"reset without number", "# iperfspec transcript 1\n1 5 C reset\n",                    SPEC_E_VALUE, 2},
    {"session without peer", "# iperfspec transcript 1\n1 5 session server a 1\n",         SPEC_E_VALUE, 2},
    {"session of unknown",   "# iperfspec transcript 1\n1 5 session x a 1 b 2\n",          SPEC_E_VALUE, 2},
    {"port beyond 65535",    "# iperfspec transcript 1\n1 5 session server a 1 b 65536\n",
     SPEC_E_VALUE,                                                                                       2},
    {"session alone",        "# iperfspec transcript 1\n1 5 session\n",                    SPEC_E_VALUE, 2},
};

static enum spec_err ignore(void *context, const struct transcript_event *e)
{
    (void)context, (void)e;
    return SPEC_OK;
}

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");

    fwrite(text, 1, len, file);
    fclose(file);
}

static void test_transcript_read_refuses_what_is_no_transcript(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned long line;
        write_file(rows[i].text, strlen(rows[i].text));
        enum spec_err e = transcript_read(path, ignore, NULL, &line);
        if (e != rows[i].want || line != rows[i].line)
            fail_msg("%s: %s at line %lu", rows[i].name, spec_err_text(e), line);
    }
}

static void test_transcript_read_refuses_a_line_longer_than_any_that_is_written(void **state)
{
    static char text[30000];

    (void)state;
    memset(text, '0', sizeof text);
    write_file(text, sizeof text);
    assert_int_equal(transcript_read(path, ignore, NULL, NULL), SPEC_E_VALUE);
}

static enum spec_err refuse(void *context, const struct transcript_event *e)
{
    (void)context, (void)e;
    return SPEC_E_RANGE;
}

static void test_transcript_read_ends_when_the_taker_says_so(void **state)
{
    (void)state;
    write_file("# iperfspec transcript 1\n1 5 C 00\n", 34);
    assert_int_equal(transcript_read(path, refuse, NULL, NULL), SPEC_E_RANGE);
}

static void test_transcript_reports_a_full_disk_and_goes_on(void **state)
{
    struct transcript *t = transcript_open("/dev/full");
    struct transcript_session *s;

    (void)state;
    assert_non_null(t);
    s = transcript_begin(t, OBSERVER_SERVER, "a", 1, "b", 2);
    transcript_sent(s, WIRE("abc"));
    transcript_end(s);
    assert_int_equal(transcript_close(t), SPEC_E_SYSTEM);
    assert_int_equal(errno, ENOSPC);
}

static void test_transcript_without_file_or_memory_says_so(void **state)
{
    struct transcript *t;

    (void)state;
    assert_null(transcript_open("/nowhere/at/all"));
    assert_int_equal(transcript_read("/nowhere/at/all", ignore, NULL, NULL), SPEC_E_SYSTEM);
    alloc_fail_at(1);
    assert_null(transcript_open(path));
    alloc_fail_at(1);
    assert_int_equal(transcript_read(path, ignore, NULL, NULL), SPEC_E_NOMEM);
    alloc_fail_at(0);
    t = transcript_open(path);
    alloc_fail_at(1);
    assert_null(transcript_begin(t, OBSERVER_SERVER, "a", 1, "b", 2));
    alloc_fail_at(0);
    assert_int_equal(transcript_close(t), SPEC_OK);
}

static void test_transcript_of_no_session_does_nothing(void **state)
{
    (void)state;
    assert_null(transcript_begin(NULL, OBSERVER_SERVER, "a", 1, "b", 2));
    transcript_sent(NULL, WIRE("a"));
    transcript_received(NULL, WIRE("a"));
    transcript_over(NULL, true, 1);
    transcript_end(NULL);
    assert_int_equal(transcript_close(NULL), SPEC_OK);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_transcript_read_gives_what_was_written),
        T(test_transcript_is_on_disk_when_a_session_has_ended),
        T(test_transcript_cuts_long_runs_into_lines_and_ends_with_a_gap),
        T(test_transcript_read_refuses_what_is_no_transcript),
        T(test_transcript_read_refuses_a_line_longer_than_any_that_is_written),
        T(test_transcript_read_ends_when_the_taker_says_so),
        T(test_transcript_reports_a_full_disk_and_goes_on),
        T(test_transcript_without_file_or_memory_says_so),
        T(test_transcript_of_no_session_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
