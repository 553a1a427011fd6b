/* The server as a hostile TCP peer sees it: section 10.1 of docs/protocol.md, on real sockets. */
#include "impl/tests/serving.h"

static int stop(void **state)
{
    (void)state;
    if (serving.runs)
        serving_stop();
    return 0;
}

#define OPTIONS(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* --- good tests ----------------------------------------------------------------------------------
 */

static const struct good {
    const char *name, *params;
    unsigned n;
} goods[] = {
    {"FLOW-1 forward",             RAW_TCP,                                                 1},
    {"FLOW-2 reverse",             RAW_REVERSE,                                             1},
    {"STR-1 four streams",         RAW_PARAMS_OF(",\"parallel\":4"),                        4},
    {"STR-3 both ways",            RAW_PARAMS_OF(",\"bidirectional\":true,\"parallel\":2"), 4},
    {"EX-2 no parameters",         "{}",                                                    1},
    {"PARAM-36 no such algorithm", RAW_PARAMS_OF(",\"congestion\":\"none such\""),          1},
};

static void test_server_serves_good_tests(void **state)
{
    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        struct raw r = raw_open();
        raw_walk(goods[i].name, &r, goods[i].params, goods[i].n, RAW_DONE);
        raw_close(&r);
    }
}

/* CONN-4: each gets its own streams, in whatever order they come. */
static void test_server_runs_tests_side_by_side(void **state)
{
    struct raw r[5];

    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        r[i] = raw_open();
        raw_walk("CONN-4", &r[i], RAW_PARAMS_OF(",\"parallel\":2"), 2, RAW_CREATE);
        raw_add_stream(&r[i]);
    }
    for (size_t i = ARRAY_LEN(r); i-- > 0;) {
        raw_add_stream(&r[i]);
        raw_expect("CONN-4", r[i].control, WIRE("\x01\x02"));
    }
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        peer_write(r[i].control, WIRE("\x10"));
        raw_expect_end("CLOSE-10", r[i].control, WIRE(""));
        raw_close(&r[i]);
    }
}

/* --- what a client may say, and what not ---------------------------------------------------------
 */

#define ERROR(number) WIRE("\xfe\0\0\0" number "\0\0\0\0")
#define CLOSED        WIRE("")

static const struct said {
    const char *name;
    enum raw_state in;
    struct bytes says, answer; /* and the end of the connection behind it */
} said[] = {
    {"ST-SRV-5 01 in CREATE",        RAW_CREATE,  WIRE("\x01"),                         ERROR("\x6e")},
    {"ST-SRV-7 0c in CREATE",        RAW_CREATE,  WIRE("\x0c"),                         ERROR("\x77")},
    {"ST-SRV-8 10 in CREATE",        RAW_CREATE,  WIRE("\x10"),                         CLOSED       },
    {"ST-SRV-9 00 in CREATE",        RAW_CREATE,  WIRE("\0"),                           ERROR("\x6e")},
    {"ST-SRV-9 ff in CREATE",        RAW_CREATE,  WIRE("\xff"),                         ERROR("\x6e")},
    {"ST-SRV-5 01 in RUN",           RAW_RUN,     WIRE("\x01"),                         ERROR("\x6e")},
    {"ST-SRV-7 0c in RUN",           RAW_RUN,     WIRE("\x0c"),                         ERROR("\x77")},
    {"ST-SRV-8 10 in RUN",           RAW_RUN,     WIRE("\x10"),                         CLOSED       },
    {"ST-SRV-9 02 in RUN",           RAW_RUN,     WIRE("\x02"),                         ERROR("\x6e")},
    {"ST-SRV-9 fe in RUN",           RAW_RUN,     WIRE("\xfe"),                         ERROR("\x6e")},
    {"ST-SRV-7 0c in DISPLAY",       RAW_DISPLAY, WIRE("\x0c"),                         CLOSED       },
    {"ST-SRV-8 10 in DISPLAY",       RAW_DISPLAY, WIRE("\x10"),                         CLOSED       },
    {"ST-SRV-9 80 in DISPLAY",       RAW_DISPLAY, WIRE("\x80"),                         CLOSED       },
    {"ST-SRV-4 parameters of 0",     RAW_PARAMS,  WIRE("\0\0\0\0"),                     ERROR("\x72")},
    {"ST-SRV-4 parameters of 8193",  RAW_PARAMS,  WIRE("\0\0\x20\x01"),                 ERROR("\x72")},
    {"ST-SRV-4 of 2^31 - 1",         RAW_PARAMS,  WIRE("\x7f\xff\xff\xff{}"),           ERROR("\x72")},
    {"ST-SRV-4 of 2^32 - 1",         RAW_PARAMS,  WIRE("\xff\xff\xff\xff"),             ERROR("\x72")},
    {"ST-SRV-4 no JSON",             RAW_PARAMS,  WIRE("\0\0\0\1{"),                    ERROR("\x72")},
    {"PARAM-14 streams",             RAW_PARAMS,  WIRE("\0\0\0\x10{\"parallel\":129}"), ERROR("\x06")},
    {"PARAM-12 MSS by the kernel",   RAW_PARAMS,  WIRE("\0\0\0\x09{\"MSS\":1}"),
     WIRE("\xfe\0\0\0\x7b\0\0\0\x16")                                                                },
    {"ST-SRV-4 results of 0",        RAW_RESULTS, WIRE("\0\0\0\0"),                     ERROR("\x75")},
    {"ST-SRV-4 of 2^32 - 1",         RAW_RESULTS, WIRE("\xff\xff\xff\xff"),             ERROR("\x75")},
    {"ST-SRV-4 results without all", RAW_RESULTS, WIRE("\0\0\0\2{}"),                   ERROR("\x75")},
};

static void say_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct raw r = raw_open();
        raw_walk(said[i].name, &r, RAW_TCP, 1, said[i].in);
        peer_write(r.control, said[i].says);
        raw_expect_end(said[i].name, r.control, said[i].answer);
        raw_close(&r);
        serving_is_well(said[i].name);
    }
}

static void test_server_answers_as_the_table_says(void **state)
{
    (void)state;
    serving_start(NULL);
    say_all();
}

/* The end of one test is known to its client before the next may come: the listener handles the end
 * first. */
static void test_server_of_one_test_answers_as_the_table_says(void **state)
{
    (void)state;
    serving_start(OPTIONS("--max-tests", "1"));
    say_all();
}

/* FLOW-12: TEST_END in CREATE and in DISPLAY leads to the results, with as many streams as came. */
static void test_server_exchanges_results_whenever_asked(void **state)
{
    (void)state;
    serving_start(NULL);
    for (unsigned n = 0; n <= 1; n++) {
        struct raw r = raw_open();
        raw_walk("FLOW-12", &r, RAW_PARAMS_OF(",\"parallel\":2"), 0, RAW_CREATE);
        if (n == 1)
            raw_add_stream(&r);
        for (int again = 0; again < 2; again++) {
            peer_write(r.control, WIRE("\x04"));
            raw_expect("FLOW-12", r.control, WIRE("\x0d"));
            raw_json(r.control, RAW_NO_RESULTS);
            raw_take_results("FLOW-12", &r);
        }
        raw_close(&r);
    }
    serving_is_well("FLOW-12");
}

/* --- ends at every byte --------------------------------------------------------------------------
 */

/* All that a client writes to its control connection, in one go: the server reads no further than
 * it should, however it comes. Its stream is opened beside it. */
static size_t whole_session(const struct raw *r, uint8_t *out)
{
    size_t n = 0, len = strlen(RAW_TCP);

    memcpy(out, r->cookie, sizeof r->cookie);
    n += sizeof r->cookie;
    out[n++] = 0, out[n++] = 0, out[n++] = 0, out[n++] = (uint8_t)len;
    memcpy(out + n, RAW_TCP, len);
    n += len;
    out[n++] = 0x04; /* from CREATE (FLOW-12) */
    len = strlen(RAW_NO_RESULTS);
    out[n++] = 0, out[n++] = 0, out[n++] = 0, out[n++] = (uint8_t)len;
    memcpy(out + n, RAW_NO_RESULTS, len);
    n += len;
    out[n++] = 0x10;
    return n;
}

static void test_server_survives_an_end_at_every_byte(void **state)
{
    uint8_t text[1024];
    size_t len = sizeof text;

    (void)state;
    serving_start(NULL);
    for (size_t cut = 0; cut < len; cut++)
        for (int reset = 0; reset < 2; reset++) {
            struct raw r = raw_open();
            len = whole_session(&r, text);
            peer_write(r.control, (struct bytes){text, cut});
            if (reset) {
                peer_reset(r.control);
                continue;
            }
            raw_abandon(&r);
        }
    serving_is_well("INT-3");
}

/* --- other connections ---------------------------------------------------------------------------
 */

static void expect_denied(const char *name, const void *first, size_t len)
{
    int fd = raw_reach(SOCK_STREAM, "127.0.0.1");

    if (len > 0)
        peer_write(fd, (struct bytes){first, len});
    raw_expect_end(name, fd, WIRE("\xff"));
    close(fd);
}

/* ST-SRV-14.c: below the limit of tests too. */
static void deny_extra_streams(const char *const *options)
{
    static const enum raw_state states[] = {RAW_RUN, RAW_RESULTS, RAW_DISPLAY};

    serving_start(options);
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct raw r = raw_open();
        raw_walk("ST-SRV-14", &r, RAW_TCP, 1, states[i]);
        expect_denied("ST-SRV-14", r.cookie, sizeof r.cookie);
        raw_abandon(&r);
        serving_is_well("ST-SRV-14");
    }
}

static void test_server_denies_streams_that_a_test_has_no_use_for(void **state)
{
    (void)state;
    deny_extra_streams(NULL);
}

static void test_server_of_one_test_denies_streams_that_a_test_has_no_use_for(void **state)
{
    struct raw r;

    (void)state;
    deny_extra_streams(OPTIONS("--max-tests", "1"));
    r = raw_open(); /* also one that went from CREATE to the results */
    raw_walk("FLOW-12", &r, RAW_PARAMS_OF(",\"parallel\":2"), 0, RAW_CREATE);
    peer_write(r.control, WIRE("\x04"));
    raw_expect("FLOW-12", r.control, WIRE("\x0d"));
    expect_denied("FLOW-12", r.cookie, sizeof r.cookie);
    raw_close(&r);
}

/* STR-12, CLOSE-5: wrong, short and silent ones are turned away, and the test gets its streams. */
static void test_server_of_one_test_sorts_out_its_streams(void **state)
{
    struct raw r = {0};
    int silent, half;
    uint8_t wrong[37] = "abcdefghijklmnopqrstuvwxyz2345672345";

    (void)state;
    serving_start(OPTIONS("--max-tests", "1"));
    r = raw_open();
    raw_walk("STR-12", &r, RAW_PARAMS_OF(",\"parallel\":2"), 0, RAW_CREATE);
    silent = raw_reach(SOCK_STREAM, "127.0.0.1");
    expect_denied("STR-12 wrong", wrong, sizeof wrong);
    half = raw_reach(SOCK_STREAM, "127.0.0.1");
    peer_write(half, (struct bytes){r.cookie, 20});
    shutdown(half, SHUT_WR);
    raw_expect_end("STR-12 short", half, WIRE("\xff"));
    close(half);
    peer_reset(raw_reach(SOCK_STREAM, "127.0.0.1")); /* ST-SRV-16 */
    serving_skip(11);
    raw_expect_end("STR-12 silent", silent, WIRE("\xff"));
    close(silent);
    raw_add_stream(&r);
    raw_add_stream(&r);
    raw_expect("STR-12", r.control, WIRE("\x01\x02"));
    expect_denied("CLOSE-2 unread", "", 0);
    raw_close(&r);
}

/* INT-4: whoever says nothing holds up nobody, in whatever number; the oldest have to go. */
static void test_server_serves_beside_silent_connections(void **state)
{
    static int silent[1100];

    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        silent[i] = raw_reach(SOCK_STREAM, "127.0.0.1");
    serving_is_well("INT-4");
    raw_expect_end("INT-4 the oldest", silent[0], CLOSED);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        close(silent[i]);
    serving_is_well("INT-4");
}

/* CTL-6: it is at an end as soon as its client is, not when its time is up. */
static void test_server_ends_a_test_whose_cookie_is_cut_short(void **state)
{
    (void)state;
    serving_start(OPTIONS("--max-tests", "1"));
    for (size_t n = 0; n < 37; n++) {
        struct raw r = raw_open();
        peer_write(r.control, (struct bytes){r.cookie, n});
        shutdown(r.control, SHUT_WR);
        raw_expect_end("CTL-6", r.control, CLOSED);
        raw_close(&r);
    }
    serving_is_well("CTL-6");
}

/* --- silence -------------------------------------------------------------------------------------
 */

static const struct silence {
    const char *name;
    enum raw_state in;
    const char *params;
    unsigned seconds; /* after which it is over */
    struct bytes answer;
} silences[] = {
    {"TMO-2 cookie",            RAW_COOKIE,  RAW_TCP,                     10,  ERROR("\x6a")},
    {"TMO-2 parameters",        RAW_PARAMS,  RAW_TCP,                     10,  ERROR("\x72")},
    {"DEF-29 streams",          RAW_CREATE,  RAW_TCP,                     20,  ERROR("\x90")},
    {"DEF-29 streams, reverse", RAW_CREATE,  RAW_REVERSE,                 20,  ERROR("\x90")},
    {"TMO-8 duration",          RAW_RUN,     RAW_TCP,                     41,  ERROR("\xa0")},
    {"TMO-8 duration, reverse", RAW_RUN,     RAW_REVERSE,                 41,  ERROR("\xa0")},
    {"TMO-4 no data",           RAW_RUN,     "{\"time\":0,\"num\":1000}", 120, ERROR("\x90")},
    {"TMO-2 results",           RAW_RESULTS, RAW_TCP,                     10,  ERROR("\x75")},
    {"TMO-8 after 0e",          RAW_DISPLAY, RAW_TCP,                     41,  CLOSED       },
};

static void test_server_bounds_silence_in_every_state(void **state)
{
    (void)state;
    serving_start(NULL);
    for (size_t i = 0; i < ARRAY_LEN(silences); i++) {
        const struct silence *row = &silences[i];
        struct raw r = raw_open();
        uint8_t byte;

        raw_walk(row->name, &r, row->params, 1, row->in);
        serving_is_well(row->name); /* it has seen all that was said */
        serving_skip(row->seconds - 2);
        serving_is_well(row->name);
        if (recv(r.control, &byte, 1, MSG_DONTWAIT) >= 0)
            fail_msg("%s: too early", row->name);
        serving_skip(3);
        raw_expect_end(row->name, r.control, row->answer);
        raw_close(&r);
    }
}

/* --- the life of the process ---------------------------------------------------------------------
 */

static void test_server_says_good_bye_in_every_state(void **state)
{
    (void)state;
    for (int in = RAW_COOKIE; in < RAW_DONE; in++) {
        struct raw r;

        serving_start(NULL);
        r = raw_open();
        raw_walk("ST-SRV-20", &r, RAW_TCP, 1, (enum raw_state)in);
        serving_is_well("ST-SRV-20");
        kill(getpid(), SIGTERM);
        raw_expect_end("ST-SRV-20", r.control, WIRE("\x0b"));
        serving_line("interrupt - the server has terminated by signal");
        raw_close(&r);
        assert_int_equal(serving_join(), 0);
    }
}

static const struct once {
    const char *name;
    enum raw_state in;
    struct bytes says;
} onces[] = {
    {"CLOSE-15 good test",   RAW_DISPLAY, WIRE("\x10")    },
    {"CLOSE-15 bad cookie",  RAW_COOKIE,  WIRE("abc")     },
    {"CLOSE-15 bad JSON",    RAW_PARAMS,  WIRE("\0\0\0\0")},
    {"CLOSE-15 0c",          RAW_RUN,     WIRE("\x0c")    },
    {"CLOSE-15 lost client", RAW_RUN,     WIRE("")        },
};

static void test_server_of_one_session_ends_after_any(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(onces); i++) {
        struct raw r;

        serving_start(OPTIONS("-1"));
        peer_reset(raw_reach(SOCK_STREAM, "127.0.0.1")); /* this is none */
        r = raw_open();
        raw_walk(onces[i].name, &r, RAW_TCP, 1, onces[i].in);
        peer_write(r.control, onces[i].says);
        shutdown(r.control, SHUT_WR);
        raw_close(&r);
        assert_int_equal(serving_join(), 0);
    }
}

static void test_server_that_idles_starts_anew(void **state)
{
    (void)state;
    serving_start(OPTIONS("--idle-timeout", "60"));
    serving_skip(61);
    serving_line("listening on ");
    serving_stop();
    serving_start(OPTIONS("--idle-timeout", "60", "-1"));
    serving_skip(61);
    assert_int_equal(serving_join(), 0);
}

/* Where the last place is taken, the oldest cookie without parameters makes room: there is always a
 * place for who means it. Before that nobody has to go. */
static void test_server_is_not_filled_by_cookies_alone(void **state)
{
    struct raw r[40];

    (void)state;
    serving_start(OPTIONS("--max-tests", "34"));
    for (size_t i = 0; i < ARRAY_LEN(r); i++) {
        r[i] = raw_open();
        raw_walk("TMO-1", &r[i], NULL, 0, RAW_PARAMS);
    }
    for (size_t i = 0; i < ARRAY_LEN(r) - 33; i++)
        raw_expect("TMO-1", r[i].control, WIRE("\xfe\0\0\0\x72"));
    serving_is_well("TMO-1");
    for (size_t i = 0; i < ARRAY_LEN(r); i++)
        raw_close(&r[i]);
}

/* Some reports are lost to a reader who stopped reading; no test is. */
static void test_server_serves_on_when_nobody_reads_what_it_prints(void **state)
{
    (void)state;
    serving_start_with(NULL, true);
    for (int i = 0; i < 200; i++)
        serving_is_well("a full pipe");
    serving_stop();
}

/* A second signal waits for nobody, and leaves nothing behind (the sanitizer and the count of
 * descriptors tell). */
static void test_server_ends_at_once_at_a_second_signal(void **state)
{
    struct raw r;
    sigset_t late;

    (void)state;
    serving_start(NULL);
    r = raw_open();
    raw_walk("ST-SRV-20", &r, RAW_TCP, 1, RAW_RUN);
    kill(getpid(), SIGTERM);
    raw_expect("ST-SRV-20", r.control, WIRE("\x0b"));
    kill(getpid(), SIGTERM);
    serving.n_fds += 1 + r.n_streams; /* ours stay open */
    assert_int_equal(serving_join(), 0);
    raw_close(&r);
    sigemptyset(&late);
    sigaddset(&late, SIGTERM);
    (void)sigtimedwait(&late, NULL, &(struct timespec){0}); /* if it was gone by then */
}

#define T(test) cmocka_unit_test_teardown(test, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_server_serves_good_tests),
        T(test_server_runs_tests_side_by_side),
        T(test_server_answers_as_the_table_says),
        T(test_server_of_one_test_answers_as_the_table_says),
        T(test_server_exchanges_results_whenever_asked),
        T(test_server_survives_an_end_at_every_byte),
        T(test_server_denies_streams_that_a_test_has_no_use_for),
        T(test_server_of_one_test_denies_streams_that_a_test_has_no_use_for),
        T(test_server_of_one_test_sorts_out_its_streams),
        T(test_server_serves_beside_silent_connections),
        T(test_server_ends_a_test_whose_cookie_is_cut_short),
        T(test_server_bounds_silence_in_every_state),
        T(test_server_says_good_bye_in_every_state),
        T(test_server_of_one_session_ends_after_any),
        T(test_server_that_idles_starts_anew),
        T(test_server_is_not_filled_by_cookies_alone),
        T(test_server_serves_on_when_nobody_reads_what_it_prints),
        T(test_server_ends_at_once_at_a_second_signal),
    };

    alarm(120); /* some wait for what may never come */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
