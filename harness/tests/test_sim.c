/* What the simulator promises about scripts, seen against peers of our own. */
#include "harness/tests/peers.h"
#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <poll.h>

static int accept_one(const struct sim_listener *there)
{
    struct pollfd fd = {.fd = there->tcp, .events = POLLIN};

    return poll(&fd, 1, -1) == 1 ? accept(there->tcp, NULL, NULL) : -1;
}

/* Everybody is denied for a time; then one session is served. */
static void deny_for(const struct sim_listener *there, const void *gap_ms)
{
    uint64_t end = now_ns() + *(const unsigned *)gap_ms * MS;
    static const int8_t no = ACCESS_DENIED;
    struct pollfd fd = {.fd = there->tcp, .events = POLLIN};

    while (now_ns() < end) {
        if (poll(&fd, 1, 1) <= 0)
            continue;
        int guest = accept(there->tcp, NULL, NULL);
        if (guest >= 0 && write(guest, &no, 1) == 1)
            close(guest);
    }
    play_as_server(there, "\nfinish");
}

/* A listener that is closed with guests in its queue resets them (CONN-5): here it stays, and does
 * that to the first ones all the same. */
static void reset_guests(const struct sim_listener *there, int n, bool reads)
{
    const struct linger at_once = {.l_onoff = 1};
    char cookie[COOKIE_LEN];

    for (; n > 0; n--) {
        int guest = accept_one(there);
        if (reads && recv(guest, cookie, sizeof cookie, MSG_WAITALL) != sizeof cookie)
            _exit(2);
        setsockopt(guest, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(guest);
    }
    play_as_server(there, "\nfinish");
}

static void reset_the_first(const struct sim_listener *there, const void *how_many)
{
    reset_guests(there, *(const int *)how_many, true);
}

static void reset_unread(const struct sim_listener *there, const void *how_many)
{
    reset_guests(there, *(const int *)how_many, false);
}

static void serve(const struct sim_listener *there, const void *context)
{
    (void)context;
    play_as_server(there, "\nfinish");
}

/* In a block the lint does not see it either; nobody else is to blame. */
static void test_what_cannot_be_sent_any_more_is_trouble(void **state)
{
    static const char *const scripts[] = {
        "\nadvance TEST_RUNNING\nrepeat 2\n    send byte 4\n    half-close\nend",
        "\nadvance TEST_RUNNING\nstream 1 half-close\nstream 1 send data 5",
    };
    struct sim_outcome outcome;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        play_client(scripts[i], serve, NULL, NULL, &outcome);
        assert_int_equal(outcome.cause, SIM_TROUBLE);
        assert_string_equal(text_string(&outcome.got),
                            "our half was closed before this could be sent");
        sim_outcome_fini(&outcome);
    }
}

/* The pauses between attempts grow: the last one must not end behind the deadline. */
static void test_alive_is_tried_until_the_deadline(void **state)
{
    static const unsigned gap_ms = 4500; /* attempts come 1, 3, 7 ... 4095 ms after the first */
    struct sim_outcome outcome;

    (void)state;
    play_client("\nexpect alive within 8s", deny_for, &gap_ms, NULL, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
}

/* Each time the cookie may be sent, or not yet: what is left of it is not the next one's. */
static void test_one_who_is_reset_at_once_comes_again(void **state)
{
    static const int how_many = 1;
    struct sim_outcome outcome;

    (void)state;
    play_client("\nopen a\npause 50ms\na finish", reset_unread, &how_many, NULL, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    assert_int_equal(outcome.retries, 1); /* connections, not attempts */
    sim_outcome_fini(&outcome);
}

static void test_alive_ends_at_the_deadline(void **state)
{
    static const unsigned gap_ms = 60000;
    struct sim_outcome outcome;
    uint64_t since = now_ns();

    (void)state;
    play_client("\nexpect alive within 600ms", deny_for, &gap_ms, NULL, &outcome);
    uint64_t took_ms = (now_ns() - since) / MS;
    assert_int_equal(outcome.cause, SIM_NO_SERVICE);
    assert_in_range(took_ms, 550, 10000);
    sim_outcome_fini(&outcome);
}

static void test_a_cookie_of_the_scripts_own_is_said_again(void **state)
{
    static const char *const scripts[] = {
        "\nsend cookie\nexpect state PARAM_EXCHANGE\nfinish",
        "\nsend cookie\neither\n    expect state PARAM_EXCHANGE\nor\n    expect state "
        "ACCESS_DENIED\nend"
        "\nfinish",
    };
    static const int how_many = 3;
    struct sim_outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        play_client(scripts[i], reset_the_first, &how_many, NULL, &outcome);
        if (outcome.cause != SIM_OK)
            fail_msg("%s", text_string(&outcome.got));
        assert_int_equal(outcome.retries, 1);
        assert_false(outcome.met_reopening);
        sim_outcome_fini(&outcome);
    }
}

static void say_and_go(const struct sim_listener *there, const void *context)
{
    (void)context;
    play_as_server(there, "\nopen\nsend state PARAM_EXCHANGE\nclose");
}

/* Both are there when the block is asked: what is passed over hides nothing. */
static void test_a_branch_takes_what_stands_behind_something_ignored(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    play_client("\nopen\nsend cookie\npause 100ms\nignore state PARAM_EXCHANGE\n"
                "either\n    expect state CREATE_STREAMS\nor\n    expect end\nend",
                say_and_go, NULL, NULL, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
}

static void test_other_bytes_of_the_scripts_own_are_not_said_again(void **state)
{
    static const char *const scripts[] = {
        "\nsend cookie\nsend hex 00\nexpect state PARAM_EXCHANGE",
        "\nsend text \"0123456789abcdefghij0123456789abcdef\"\nsend hex 00\n"
        "expect state PARAM_EXCHANGE",
    };
    static const int how_many = 1;
    struct sim_outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        play_client(scripts[i], reset_the_first, &how_many, NULL, &outcome);
        assert_int_equal(outcome.cause, SIM_MISS);
        assert_true(outcome.met_reopening); /* for whoever plays it to say them again */
        sim_outcome_fini(&outcome);
    }
}

/* How much of ours the record has on streams. */
static uint64_t sent_on_streams(const struct session *record)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < record->n; i++)
        if (record->messages[i].kind == SESSION_DATA && record->messages[i].from == SESSION_US)
            sum += record->messages[i].len;
    return sum;
}

static void test_data_from_the_background_takes_the_place_of_the_honest_runs(void **state)
{
    static const char *const scripts[] = {
        "params { \"len\": 8192 }\n\nadvance TEST_RUNNING\n"
        "background n every 5ms stream 1 send data 1000\npause 30ms\nstop n\nfinish",
        "params { \"len\": 8192 }\n\nadvance TEST_RUNNING\n"
        "background n every 5ms stream 1 send data 1000\nfinish",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct sim_outcome outcome;
        play_client(scripts[i], play_as_server, "\nfinish", NULL, &outcome);
        if (outcome.cause != SIM_OK)
            fail_msg("%s", text_string(&outcome.got));
        if (sent_on_streams(&outcome.record) % 1000 != 0)
            fail_msg("%llu bytes:\n%s", (unsigned long long)sent_on_streams(&outcome.record),
                     scripts[i]);
        sim_outcome_fini(&outcome);
    }
}

/* Behind a TEST_END that was moved no data are due; what the server says then is no surprise. */
static void test_no_data_comes_behind_a_test_end_that_was_moved(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    play_client("\nwire TEST_END before TEST_RUNNING\nfinish", play_as_server, "\nfinish", NULL,
                &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    assert_int_equal(sent_on_streams(&outcome.record), 0);
    sim_outcome_fini(&outcome);
}

/* A client that has said TEST_END may leave streams unread (FLOW-6), and its server sends no more
 * (FLOW-7): nobody waits for the rest. */
static void test_data_ends_where_the_client_has_ended_the_test(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    play_client("params { \"reverse\": true }\n\nadvance TEST_RUNNING\nstream 1 stall\n"
                "send state TEST_END\nfinish",
                play_as_server,
                "\nadvance TEST_RUNNING\nstream 1 send data 1000000000000\n"
                "stream 1 send data 1000000000000\nfinish",
                NULL, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
}

/* --- what comes during a pause --------------------------------------------------------------- */

#define EARLY_END "\nadvance TEST_RUNNING\nsend state TEST_END\n"

/* The server says 0d as soon as it has read 04. */
static const struct pause_row {
    const char *name, *steps;
    unsigned line; /* 0: as expected */
} pause_rows[] = {
    {"nothing takes it",          EARLY_END "pause 60s\nexpect alive",                            7},
    {"another state is expected", EARLY_END "pause 60s\nexpect state DISPLAY_RESULTS",            7},
    {"nothing is expected",       EARLY_END "pause 60s\nexpect nothing for 1ms",                  7},
    {"a block around",
     EARLY_END "either\nexpect stream 1\npause 60s\nor\nexpect end\nend\nexpect alive",           9},
    {"finish takes it",           EARLY_END "pause 200ms\nfinish",                                0},
    {"expect takes it",           EARLY_END "pause 200ms\nexpect state EXCHANGE_RESULTS\nfinish", 0},
    {"a branch takes it",
     EARLY_END "pause 200ms\neither\nexpect state EXCHANGE_RESULTS\nor\nexpect end\nend\nfinish",
     0                                                                                             },
    {"it is ignored later",
     EARLY_END
     "pause 200ms\nignore state EXCHANGE_RESULTS\nexpect stream 1\nsend results\nexpect results\n"
     "expect state DISPLAY_RESULTS\nsend state IPERF_DONE",                                       0},
};

static void test_what_no_later_step_takes_fails_a_pause_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pause_rows); i++) {
        const struct pause_row *row = &pause_rows[i];
        struct sim_outcome outcome;
        uint64_t since = now_ns();
        play_client(row->steps, play_as_server, "\nfinish", NULL, &outcome);
        if (outcome.line != row->line || (outcome.cause != SIM_OK) != (row->line != 0) ||
            now_ns() - since > 30000 * MS)
            fail_msg("%s: line %u: %s", row->name, outcome.line, text_string(&outcome.got));
        sim_outcome_fini(&outcome);
    }
}

/* --- where a text is due --------------------------------------------------------------------- */

/* In place of the results. What is no state there, or has something behind ff, is a length. */
static const struct length_row {
    const char *said, *got;
} length_rows[] = {
    {"ff ff ff f0 20 20", "results of length 4294967280, more than the limit of 16777215"},
    {"03 37 f9 8d 7b 22", "results of length 54000013, more than the limit of 16777215"  },
    {"00 00 00 00",       "results of length 0 that are no JSON object"                  },
    {"00 00 00 02 5b 5d", "results of length 2 that are no JSON object"                  },
    {"00 00 00 02 7b 22", "results of length 2 that are no JSON object"                  },
    {"01 00 00 00 7b 7d", "01 TEST_START instead of the results"                         },
    {"ff",                "ff ACCESS_DENIED instead of the results"                      },
    {"0b",                "0b SERVER_TERMINATE instead of the results"                   },
    {"fe 00 00 00 6e 00", "SERVER_ERROR 110"                                             },
};

static void test_what_is_no_results_is_told_as_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(length_rows); i++) {
        for (int asks = 0; asks < 2; asks++) {
            const struct length_row *row = &length_rows[i];
            struct text steps = {0};
            struct sim_outcome outcome;
            text_addf(&steps, "\nadvance EXCHANGE_RESULTS\nexpect results\nsend hex %s\nclose",
                      row->said);
            play_client(asks ? "\nadvance EXCHANGE_RESULTS\nsend results\nexpect results"
                             : "\nfinish",
                        play_as_server, text_string(&steps), NULL, &outcome);
            const char *rest = asks ? strstr(row->got, " instead") : NULL;
            size_t len = rest ? (size_t)(rest - row->got) : strlen(row->got);
            if (outcome.cause != SIM_MISS || strncmp(text_string(&outcome.got), row->got, len) != 0)
                fail_msg("%s: %s", row->said, text_string(&outcome.got));
            sim_outcome_fini(&outcome);
            text_fini(&steps);
        }
    }
}

/* --- fe, and nothing behind it ---------------------------------------------------------------- */

static void say_fe_and_stay(const struct sim_listener *there, const void *how)
{
    static const int8_t fe = SERVER_ERROR;
    char cookie[COOKIE_LEN];
    int guest = accept_one(there);

    (void)how;
    if (recv(guest, cookie, sizeof cookie, MSG_WAITALL) != sizeof cookie ||
        write(guest, &fe, 1) != 1 || read(guest, cookie, 1) != 0)
        _exit(2);
    _exit(0);
}

/* No descriptor tells that the integers do not come. */
static void test_an_error_without_integers_is_told_before_the_deadline(void **state)
{
    static const char *const steps[] = {
        "\nsend cookie\nexpect server-error ints 0\nclose",
        "\nsend cookie\nexpect server-error ints 0 within 1s..600s\nclose",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct sim_outcome outcome;
        play_client(steps[i], say_fe_and_stay, NULL, NULL, &outcome);
        if (outcome.cause != SIM_OK)
            fail_msg("%s: %s", steps[i], text_string(&outcome.got));
        sim_outcome_fini(&outcome);
    }
}

/* --- service meanwhile ------------------------------------------------------------------------ */

static void test_alive_meanwhile_leaves_the_connections_open(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    play_client("\nopen a\na advance TEST_RUNNING\nexpect alive meanwhile\na finish",
                play_as_server, "\na advance TEST_RUNNING\nb finish\na finish", NULL, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_sent_any_more_is_trouble),
        cmocka_unit_test(test_alive_is_tried_until_the_deadline),
        cmocka_unit_test(test_one_who_is_reset_at_once_comes_again),
        cmocka_unit_test(test_alive_ends_at_the_deadline),
        cmocka_unit_test(test_a_cookie_of_the_scripts_own_is_said_again),
        cmocka_unit_test(test_a_branch_takes_what_stands_behind_something_ignored),
        cmocka_unit_test(test_other_bytes_of_the_scripts_own_are_not_said_again),
        cmocka_unit_test(test_data_from_the_background_takes_the_place_of_the_honest_runs),
        cmocka_unit_test(test_no_data_comes_behind_a_test_end_that_was_moved),
        cmocka_unit_test(test_data_ends_where_the_client_has_ended_the_test),
        cmocka_unit_test(test_what_no_later_step_takes_fails_a_pause_at_once),
        cmocka_unit_test(test_what_is_no_results_is_told_as_what_it_is),
        cmocka_unit_test(test_an_error_without_integers_is_told_before_the_deadline),
        cmocka_unit_test(test_alive_meanwhile_leaves_the_connections_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
