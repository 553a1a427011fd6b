/* The session machine: silence, refusals, its shell's answers, SERVER_ERROR. */
#include "impl/wire/machine.h"

#include "impl/tests/drive.h"
#include "impl/wire/ierr.h"

/* --- silence ---------------------------------------------------------------------------------- */

static const struct silence_row {
    const char *name;
    enum machine_state state;
    const char *params; /* server: instead of the usual ones */
    bool data;          /* streams keep moving */
    uint64_t after_s;   /* the session ends then; 0: it never does */
    int ierr;
    enum table_reaction reaction;
} silence_rows[] = {
    {"TMO-2 cookie",                 SRV_COOKIE,  NULL,                                  true,  10,  106, TABLE_ERROR    },
    {"TMO-2 parameters",             SRV_PARAMS,  NULL,                                  true,  10,  114, TABLE_ERROR    },
    {"TMO-4 no streams",             SRV_CREATE,  NULL,                                  false, 120, 144, TABLE_ERROR    },
    {"DEF-29 no streams, reverse",   SRV_CREATE,  "{\"reverse\":true}",                  false, 120, 144, TABLE_ERROR    },
    {"TMO-8 41 s for time 1",        SRV_RUN,     NULL,                                  true,  41,  160, TABLE_ERROR    },
    {"TMO-8 omit counts",            SRV_RUN,     "{\"time\":1,\"omit\":2}",             true,  43,  160, TABLE_ERROR    },
    {"TMO-8 no time means 10",       SRV_RUN,     "{}",                                  true,  50,  160, TABLE_ERROR    },
    {"INT-2 no time, but num",       SRV_RUN,     "{\"num\":1000000}",                   true,  0,   0,   TABLE_WAIT     },
    {"PARAM-47 time 0",              SRV_RUN,     "{\"time\":0}",                        true,  0,   0,   TABLE_WAIT     },
    {"TMO-4 no data",                SRV_RUN,     "{\"time\":0}",                        false, 120, 144, TABLE_ERROR    },
    {"TMO-4 bidir no data",          SRV_RUN,     "{\"time\":0,\"bidirectional\":true}", false, 120, 144,
     TABLE_ERROR                                                                                                         },
    {"TMO-4 not in reverse",         SRV_RUN,     "{\"time\":0,\"reverse\":true}",       false, 0,   0,   TABLE_WAIT     },
    {"TMO-2 results",                SRV_RESULTS, NULL,                                  true,  10,  117, TABLE_ERROR    },
    {"TMO-8 in DISPLAY",             SRV_DISPLAY, NULL,                                  true,  41,  160, TABLE_CLOSE    },
    {"ST-SRV-12 no IPERF_DONE",      SRV_DISPLAY, "{\"time\":0,\"reverse\":true}",       true,  120, 144,
     TABLE_CLOSE                                                                                                         },
    {"ST-CLI-18 START",              CLI_START,   NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 PARAM",              CLI_PARAM,   NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 CREATE",             CLI_CREATE,  NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 TSTART",             CLI_TSTART,  NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"ST-CLI-18 RUN with data",      CLI_RUN,     NULL,                                  true,  0,   0,   TABLE_WAIT     },
    {"TMO-5 no data",                CLI_RUN,     NULL,                                  false, 120, 144, TABLE_FAIL_DONE},
    {"FLOW-13 END fails without 10", CLI_END,     NULL,                                  true,  120, 112, TABLE_FAIL     },
    {"TMO-3 results",                CLI_RESULTS, NULL,                                  true,  10,  117, TABLE_FAIL_DONE},
    {"ST-CLI-18 no 0e",              CLI_XCHG,    NULL,                                  true,  120, 112, TABLE_FAIL_DONE},
};

static void check_silence(const struct silence_row *row)
{
    const char *usual_params = params_text, *usual_results = results_text;
    static struct end e;

    if (row->params != NULL) {
        params_text = row->params;
        results_text = no_streams_text;
    }
    to_state(&e, row->state);
    params_text = usual_params;
    results_text = usual_results;
    uint64_t start = e.now_ns, limit_s = row->after_s == 0 ? 100000 : row->after_s;
    be_silent(&e, limit_s * SECONDS - 1, row->data);
    if (e.n_ends != 0 || machine_state(e.m) != row->state)
        fail_msg("%s: ended before its time", row->name);
    be_silent(&e, start + limit_s * SECONDS - e.now_ns, row->data);
    const struct table_cell want = {.ours = row->reaction, .ierr = row->ierr};
    if (!reacted(&e, row->state, &want))
        fail_msg("%s: want %s %d, got %d", row->name, table_reaction_name(row->reaction), row->ierr,
                 e.end.ierr);
    end_fini(&e);
}

static void test_silence_is_bounded_as_the_protocol_says(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(silence_rows); i++)
        check_silence(&silence_rows[i]);
}

/* TMO-1: the 10 s hold for a whole item, not from byte to byte. */
static void test_a_slow_item_does_not_stretch_its_time(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, SRV_PARAMS);
    end_feed(&e, WIRE("\0\0\0\x20{\"tcp\""), 0);
    for (int i = 0; i < 9; i++) {
        be_silent(&e, SECONDS, true);
        feed_byte(&e, ' ');
    }
    assert_int_equal(e.n_ends, 0);
    be_silent(&e, SECONDS, true);
    assert_int_equal(e.end.ierr, IERECVPARAMS);
    assert_true(said_error(&e));
    end_fini(&e);
}

/* A limit of 0 is none. */
static void test_time_outs_can_be_switched_off(void **unused)
{
    struct machine_config config = {.role = MACHINE_SERVER};
    static struct end e;

    (void)unused;
    end_init(&e, &config);
    machine_start(e.m, e.now_ns);
    assert_int_equal(machine_deadline(e.m), UINT64_MAX);
    end_feed(&e, (struct bytes){(const uint8_t *)cookie, COOKIE_LEN}, 0);
    feed_json(&e, params_text);
    end_streams_up(&e);
    assert_int_equal(machine_state(e.m), SRV_RUN);
    assert_int_equal(machine_deadline(e.m), UINT64_MAX);
    machine_progress(e.m, 5);
    assert_int_equal(machine_deadline(e.m), UINT64_MAX);
    end_fini(&e);
}

/* --- refusals, answers of the shell's --------------------------------------------------------- */

static const struct refusal_row {
    const char *name, *params;
    size_t announced; /* instead of the length of params, unless 0 */
    bool auth_required, authorizes;
    int ierr; /* 0: accepted */
    const char *did;
} refusal_rows[] = {
    {"EX-2 smallest parameters", "{}",                    0,          false, false, 0,   "Pas" },
    {"JSON-5 not an object",     "[1]",                   0,          false, false, 0,   "Pas" },
    {"JSON-3 trailing bytes",    "{}xxxxx",               0,          false, false, 0,   "Pas" },
    {"JSON-12 wrong type",       "{\"title\":7}",         0,          false, false, 0,   "Pas" },
    {"JSON-7 N = 0",             "",                      0,          false, false, 114, "sE"  },
    {"JSON-7 N = 8193",          "",                      8193,       false, false, 114, "sE"  },
    {"DEF-6 N = ffffffff",       "",                      0xffffffff, false, false, 114, "sE"  },
    {"PARAM-7 omit 601",         "{\"omit\":601}",        0,          false, false, 12,  "sE"  },
    {"PARAM-14 parallel 129",    "{\"parallel\":129}",    0,          false, false, 6,   "sE"  },
    {"AUTH-11 no token",         "{}",                    0,          true,  true,  142, "sE"  },
    {"AUTH-11 wrong type",       "{\"authtoken\":1}",     0,          true,  true,  142, "sE"  },
    {"AUTH-11 bad token",        "{\"authtoken\":\"x\"}", 0,          true,  false, 142, "AsE" },
    {"AUTH-1 good token",        "{\"authtoken\":\"x\"}", 0,          true,  true,  0,   "APas"},
    {"AUTH-1 token not wanted",  "{\"authtoken\":\"x\"}", 0,          false, false, 0,   "Pas" },
};

static void check_refusal(const struct refusal_row *row)
{
    struct machine_config config;
    uint8_t message[256];
    static struct end e;
    size_t len = strlen(row->params);

    machine_config_init(&config, MACHINE_SERVER);
    config.auth_required = row->auth_required;
    end_init(&e, &config);
    e.authorizes = row->authorizes;
    machine_start(e.m, e.now_ns);
    end_feed(&e, (struct bytes){(const uint8_t *)cookie, COOKIE_LEN}, 0);
    e.did[0] = '\0';
    e.out_len = 0;
    store_be32(message, (uint32_t)(row->announced != 0 ? row->announced : len));
    memcpy(message + 4, row->params, len);
    end_feed(&e, (struct bytes){message, len + 4}, 0);
    if (strcmp(e.did, row->did) != 0 || e.end.ierr != row->ierr ||
        (row->ierr == 0 ? !out_is(&e, WIRE("\x0a")) : !said_error(&e)))
        fail_msg("%s: did %s, number %d", row->name, e.did, e.end.ierr);
    end_fini(&e);
}

static void test_server_refuses_parameters_with_both_integers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(refusal_rows); i++)
        check_refusal(&refusal_rows[i]);
}

/* FLOW-3: no 0a before the listener is ready; the failure to be ready is told in its place. */
static void test_server_waits_for_its_shell(void **unused)
{
    static struct end e;
    struct bytes more = WIRE("\x04");

    (void)unused;
    to_state(&e, SRV_PARAMS);
    e.answers = false;
    feed_json(&e, params_text);
    assert_string_equal(e.did, "P");
    assert_true(machine_is_waiting(e.m));
    assert_int_equal(machine_deadline(e.m), UINT64_MAX); /* we keep it waiting, not it us */
    machine_bytes(e.m, e.now_ns, &more);
    assert_int_equal(more.len, 1); /* nothing is taken meanwhile */
    machine_eof(e.m, e.now_ns);
    machine_prepared(e.m, e.now_ns, 202, 93);
    end_drain(&e);
    assert_true(out_is(&e, WIRE("\xfe\0\0\0\xca\0\0\0\x5d")));
    assert_int_equal(e.end.ierr, 202);
    end_fini(&e);
}

/* An end of the connection that comes while we wait is dealt with afterwards: a client that
 * half-closes behind its results still gets ours, and that is a good end (FLOW-10). */
static void test_an_end_waits_for_the_answer(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, SRV_RESULTS);
    e.answers = false;
    feed_json(&e, results_text);
    assert_string_equal(e.did, "p");
    machine_eof(e.m, e.now_ns);
    end_drain(&e);
    assert_int_equal(e.n_ends, 0);
    end_pack(&e);
    end_drain(&e);
    assert_string_equal(e.did, "pssE");
    assert_true(e.end.ok);
    end_fini(&e);
}

/* 01 and 02 may be read before the shell has told of its last stream. */
static void test_client_starts_when_its_streams_are_up(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, CLI_PARAM);
    e.answers = false;
    end_feed(&e, WIRE("\x0a\x01\x02"), 0);
    assert_int_equal(machine_state(e.m), CLI_RUN);
    assert_string_equal(e.did, "o");
    machine_stream_up(e.m, e.now_ns);
    machine_test_over(e.m, e.now_ns); /* too early to be true */
    end_drain(&e);
    assert_string_equal(e.did, "o");
    machine_stream_up(e.m, e.now_ns);
    end_drain(&e);
    assert_string_equal(e.did, "oir");
    end_fini(&e);
}

/* --- SERVER_ERROR at the client --------------------------------------------------------------- */

static const struct error_row {
    const char *name;
    enum machine_state state;
    struct bytes wire;
    char then; /* 'e' EOF, 'r' reset, 's' silence, 0 nothing */
    int ierr, os_errno;
    bool peer_said;
} error_rows[] = {
    {"ERR-1 both integers",           CLI_PARAM,   WIRE("\xfe\0\0\0\x72\0\0\0\x16"), 0,   114,  22, true },
    {"ERRNO-2 an unknown number",     CLI_RUN,     WIRE("\xfe\0\0\x27\x0f\0\0\0\0"), 0,   9999, 0,  true },
    {"ERR-3 one integer, EOF",        CLI_PARAM,   WIRE("\xfe\0\0\0\x8e"),           'e', 142,  0,  true },
    {"ERR-3 one integer, reset",      CLI_PARAM,   WIRE("\xfe\0\0\0\x8e"),           'r', 142,  0,  true },
    {"ERR-3 one and a half, EOF",     CLI_PARAM,   WIRE("\xfe\0\0\0\x8e\0\0"),       'e', 142,  0,  true },
    {"ERR-3 none, EOF",               CLI_PARAM,   WIRE("\xfe"),                     'e', 109,  0,  false},
    {"ERR-3 half of one, EOF",        CLI_PARAM,   WIRE("\xfe\0\0"),                 'e', 109,  0,  false},
    {"ERR-3 none, reset",             CLI_START,   WIRE("\xfe"),                     'r', 109,  0,  false},
    {"ST-CLI-13 none, silence",       CLI_RUN,     WIRE("\xfe"),                     's', 112,  0,  false},
    {"ST-CLI-13 one, silence",        CLI_RUN,     WIRE("\xfe\0\0\0\x77"),           's', 119,  0,  true },
    {"ERR-6 in place of the results", CLI_RESULTS, WIRE("\xfe\0\0\0\xd0\0\0\0\0"),   0,   208,  0,  true },
    {"ERR-6 crossing TEST_END",       CLI_END,     WIRE("\xfe\0\0\0\xa0\0\0\0\0"),   0,   160,  0,  true },
};

static void check_error(const struct error_row *row, size_t step)
{
    static struct end e;

    to_state(&e, row->state);
    end_feed(&e, row->wire, step);
    if (row->then == 'e')
        machine_eof(e.m, e.now_ns);
    if (row->then == 'r')
        machine_reset(e.m, e.now_ns, 104);
    if (row->then == 's')
        be_silent(&e, 60 * SECONDS, true);
    end_drain(&e);
    if (e.n_ends != 1 || e.end.ok || e.end.ierr != row->ierr || e.end.os_errno != row->os_errno ||
        e.end.peer_said != row->peer_said || e.out_len != 0)
        fail_msg("%s: number %d, errno %d", row->name, e.end.ierr, e.end.os_errno);
    end_fini(&e);
}

static void test_client_reports_the_servers_number(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(error_rows); i++)
        for (size_t step = 0; step <= error_rows[i].wire.len; step++)
            check_error(&error_rows[i], step);
}

/* ST-CLI-13: each of the two integers has 10 s of its own. */
static void test_each_integer_has_its_own_time(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, CLI_RUN);
    end_feed(&e, WIRE("\xfe"), 0);
    be_silent(&e, 9 * SECONDS, true);
    end_feed(&e, WIRE("\0\0\0\x77"), 0);
    be_silent(&e, 9 * SECONDS, true);
    assert_int_equal(e.n_ends, 0);
    end_feed(&e, WIRE("\0\0\0\x05"), 0);
    assert_int_equal(e.end.ierr, 119);
    assert_int_equal(e.end.os_errno, 5);
    end_fini(&e);
}

/* --- texts that cannot be --------------------------------------------------------------------- */

/* PARAM-50: a text that no server reads is not sent. */
static void test_client_does_not_send_parameters_above_the_limit(void **unused)
{
    static char title[PARAMS_LEN_LIMIT];
    static struct end e;

    (void)unused;
    memset(title, 'x', sizeof title - 1);
    client_params.title = title;
    params_mark(&client_params, PARAM_title);
    to_state(&e, CLI_START);
    feed_byte(&e, PARAM_EXCHANGE);
    client_params.title = NULL;
    client_params.present &= ~(UINT64_C(1) << PARAM_title);
    assert_int_equal(e.end.ierr, IESENDPARAMS);
    assert_int_equal(e.out_len, 0);
    end_fini(&e);
}

/* Ours: a client's results hold no output, and who has a server of many tests read millions of
 * values keeps it from the others. */
static void test_server_refuses_results_of_too_many_values(void **unused)
{
    static const char head[] = "{\"cpu_util_total\":1,\"cpu_util_user\":1,\"cpu_util_system\":1,"
                               "\"sender_has_retransmits\":0,\"streams\":[],\"x\":[";
    static const struct {
        size_t n;
        int ierr;
    } rows[] = {
        {100000, 0            },
        {200000, IERECVRESULTS}
    };
    static struct end e;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t before = sizeof head - 1, len = before + 2 * rows[i].n + 3;
        uint8_t *frame = malloc(4 + len), *text = frame + 4;

        assert_non_null(frame);
        store_be32(frame, (uint32_t)len);
        memcpy(text, head, before);
        for (size_t k = 0; k < rows[i].n; k++)
            memcpy(text + before + 2 * k, "1,", 2);
        memcpy(text + len - 3, "1]}", 3);
        to_state(&e, SRV_RESULTS);
        end_feed(&e, (struct bytes){frame, 4 + len}, 0);
        assert_int_equal(e.end.ierr, rows[i].ierr);
        end_fini(&e);
        free(frame);
    }
}

/* JSON-8, ST-CLI-33: no length, or a state byte where the length should be. */
static void test_client_fails_on_lengths_that_cannot_be(void **unused)
{
    static const struct bytes wires[] = {
        {(const uint8_t *)"\0\0\0",           4},
        {(const uint8_t *)"\x0e\x0e\x0e\x0e", 4},
        {(const uint8_t *)"\xff\xff\xff\xff", 4}
    };
    static struct end e;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(wires); i++) {
        to_state(&e, CLI_RESULTS);
        end_feed(&e, wires[i], 0);
        assert_int_equal(e.end.ierr, IERECVRESULTS);
        assert_true(out_is(&e, WIRE("\x10")));
        end_fini(&e);
    }
}

/* ST-SRV-5 to -9: in a reading state a byte is part of the item, here of an absurd length. */
static void test_server_reads_state_bytes_as_part_of_an_item(void **unused)
{
    static const int8_t bytes[] = {TEST_START, TEST_END, CLIENT_TERMINATE, IPERF_DONE, 0x7f};
    static struct end e;

    (void)unused;
    for (size_t i = 0; i < sizeof bytes; i++) {
        to_state(&e, SRV_PARAMS);
        feed_byte(&e, bytes[i]);
        machine_eof(e.m, e.now_ns);
        end_drain(&e);
        assert_int_equal(e.end.ierr, IERECVPARAMS);
        assert_int_equal(e.out_len, 0);
        end_fini(&e);
    }
}

/* --- a shell that does too much, or too little ------------------------------------------------ */

static void test_machine_ignores_answers_that_nobody_asked_for(void **unused)
{
    static struct end e;
    struct results r;

    (void)unused;
    results_init(&r);
    for (enum machine_state state = SRV_COOKIE; state < MACHINE_OVER; state++) {
        struct bytes none = {NULL, 0};
        to_state(&e, state);
        machine_authorized(e.m, e.now_ns, false);
        machine_prepared(e.m, e.now_ns, 202, 0);
        machine_results(e.m, e.now_ns, &r);
        machine_bytes(e.m, e.now_ns, &none);
        machine_tick(e.m, e.now_ns);
        if (state != CLI_RUN)
            machine_test_over(e.m, e.now_ns);
        end_drain(&e);
        assert_int_equal(machine_state(e.m), state);
        assert_string_equal(e.did, "");
        end_fini(&e);
    }
}

static void test_machine_knows_nothing_at_first(void **unused)
{
    struct machine_config config;
    struct machine_action action;

    (void)unused;
    machine_config_init(&config, MACHINE_SERVER);
    config.item_timeout_ns = UINT64_MAX; /* as good as none */
    struct machine *m = machine_new(&config);
    assert_non_null(m);
    machine_start(m, 1000);
    assert_int_equal(machine_deadline(m), UINT64_MAX);
    assert_null(machine_cookie(m));
    assert_null(machine_params(m));
    assert_null(machine_peer_results(m));
    assert_false(machine_is_waiting(m));
    assert_false(machine_next(m, &action));
    machine_free(m);
    machine_free(NULL);
}

/* What was not taken before the next input is still there. */
static void test_machine_keeps_actions_until_they_are_taken(void **unused)
{
    static struct end e;
    struct bytes in = {(const uint8_t *)cookie, COOKIE_LEN};
    struct machine_config config;

    (void)unused;
    machine_config_init(&config, MACHINE_SERVER);
    end_init(&e, &config);
    machine_start(e.m, e.now_ns);
    machine_bytes(e.m, e.now_ns, &in);
    machine_terminate(e.m, e.now_ns);
    end_drain(&e);
    assert_string_equal(e.did, "ssE");
    assert_true(out_is(&e, WIRE("\x09\x0b")));
    end_fini(&e);
}

/* CLOSE-6: a signal that comes while the shell has yet to answer ends the session at once. */
static void test_a_signal_waits_for_nobody(void **unused)
{
    static struct end e;

    (void)unused;
    to_state(&e, SRV_RESULTS);
    e.answers = false;
    feed_json(&e, results_text);
    machine_eof(e.m, e.now_ns);
    machine_terminate(e.m, e.now_ns);
    end_pack(&e);
    end_drain(&e);
    assert_string_equal(e.did, "psE");
    assert_true(e.end.terminated);
    end_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_is_bounded_as_the_protocol_says),
        cmocka_unit_test(test_a_slow_item_does_not_stretch_its_time),
        cmocka_unit_test(test_time_outs_can_be_switched_off),
        cmocka_unit_test(test_server_refuses_parameters_with_both_integers),
        cmocka_unit_test(test_server_waits_for_its_shell),
        cmocka_unit_test(test_an_end_waits_for_the_answer),
        cmocka_unit_test(test_client_starts_when_its_streams_are_up),
        cmocka_unit_test(test_client_reports_the_servers_number),
        cmocka_unit_test(test_each_integer_has_its_own_time),
        cmocka_unit_test(test_client_does_not_send_parameters_above_the_limit),
        cmocka_unit_test(test_client_fails_on_lengths_that_cannot_be),
        cmocka_unit_test(test_server_refuses_results_of_too_many_values),
        cmocka_unit_test(test_server_reads_state_bytes_as_part_of_an_item),
        cmocka_unit_test(test_machine_ignores_answers_that_nobody_asked_for),
        cmocka_unit_test(test_machine_knows_nothing_at_first),
        cmocka_unit_test(test_machine_keeps_actions_until_they_are_taken),
        cmocka_unit_test(test_a_signal_waits_for_nobody),
    };

    fill_client_params();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
