/* test_sim_time.c - `within T1..T2`: what is over before T1, or not by T2, fails the case, whatever
 * is waited for. */
#include "harness/tests/peers.h"

#include "impl/tests/iofail.h"
#include "impl/wire/state.h"

#include <string.h>

/* A process that ends some time after a signal. */
struct mortal {
    unsigned after_ms;
    uint64_t end_ns; /* 0: not yet known */
    struct text output;
};

static size_t watch(void *context, struct pollfd *fds, size_t max)
{
    (void)context, (void)fds, (void)max;
    return 0;
}

static void turn(void *context)
{
    (void)context;
}

static bool ended(void *context, int *status)
{
    const struct mortal *m = context;

    *status = 0;
    return m->end_ns && now_ns() >= m->end_ns;
}

static bool take_signal(void *context, int signo)
{
    struct mortal *m = context;

    (void)signo;
    m->end_ns = now_ns() + m->after_ms * MS;
    return true;
}

static const struct text *output(void *context)
{
    return &((struct mortal *)context)->output;
}

static const struct row {
    const char *name, *steps;
    unsigned line; /* of the step that is over too early; 0: none is */
    unsigned after_ms;
} rows[] = {
    {"open",                   "\nopen within 5s..9s\nfinish",                                                   5, 0   },
    {"advance",                "\nadvance TEST_RUNNING within 5s..9s\nfinish",                                   5, 0   },
    {"finish",                 "\nfinish within 5s..9s",                                                         5, 0   },
    {"drained",                "\nadvance TEST_RUNNING\nstream 1 send data 1000\ndrained within 5s..9s\nfinish", 7,
     0                                                                                                                  },
    {"a state",                "\nsend cookie\nexpect state PARAM_EXCHANGE within 5s..9s",                       6, 0   },
    {"results that were read", "\nfinish\nexpect results where .streams[0].id == 1 within 5s..9s",
     6,                                                                                                             0   },
    {"a branch",
     "\nsend cookie\neither\nexpect state PARAM_EXCHANGE within 5s..9s\nor\nexpect end\nend",                    7, 0   },
    {"any order",              "\nsend cookie\nany order\nexpect state PARAM_EXCHANGE within 5s..9s\nend",       7, 0   },
    {"a stream",               "\nadvance TEST_RUNNING\nexpect stream 1 within 5s..9s",                          6, 0   },
    {"reaction",               "\nadvance TEST_RUNNING\nsend state TEST_END\nexpect reaction within 5s..9s",     7,
     0                                                                                                                  },
    {"alive",                  "\nexpect alive within 5s..9s",                                                   5, 0   },
    {"exit",                   "\nfinish\nsubject signal TERM\nexpect exit 0 within 5s..9s",                     7, 50  },
    {"exit, not that one",     "\nfinish\nsubject signal TERM\nexpect exit not 1 within 5s..9s",                 7, 50  },
    {"output",                 "\nexpect output text \"hello\" within 5s..9s\nfinish",                           5, 0   },
    {"the end, unasked",       "\nfinish\nexpect nothing until end within 5s..9s",                               6, 0   },
 /* in time: the wait is that of the step */
    {"exit in time",           "\nfinish\nsubject signal TERM\nexpect exit 0 within 100ms..60s",                 0, 1500},
};

static void test_what_is_over_before_its_time_fails_the_case(void **state)
{
    bool all = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct mortal mortal = {.after_ms = row->after_ms};
        struct sim_process process = {.context = &mortal,
                                      .watch = watch,
                                      .turn = turn,
                                      .ended = ended,
                                      .signal = take_signal,
                                      .output = output};
        struct sim_outcome outcome;
        text_adds(&mortal.output, "hello");
        play_client(row->steps, play_as_server, "\nfinish", &process, &outcome);
        const char *got = text_string(&outcome.got);
        bool early = outcome.cause == SIM_MISS && strstr(got, ", and not before 5.000 s");
        if (outcome.line != row->line || early != (row->line != 0))
            all = false, print_error("%s: line %u: %s\n", row->name, outcome.line, got);
        sim_outcome_fini(&outcome);
        text_fini(&mortal.output);
    }
    assert_true(all);
}

/* Against a server that takes 300 ms for each of its first states. */
static const struct {
    const char *name, *steps;
    unsigned line;
} late[] = {
    {"finish",    "\nfinish within 500ms",                         5 },
    {"advance",   "\nadvance CREATE_STREAMS within 500ms\nfinish", 5 },
    {"a branch",
     "\nsend cookie\neither\nexpect state PARAM_EXCHANGE within 100ms\nor\nexpect end within "
     "20s\nend\nfinish",                                           7 },
    {"any order",
     "\ncork\nsend cookie\nsend params\nuncork\nany order\nexpect state PARAM_EXCHANGE within "
     "100ms\nexpect state CREATE_STREAMS\nend\nfinish",            10},
};

static void test_a_step_has_to_be_over_in_its_time(void **state)
{
    static const char slow[] =
        "\nwire PARAM_EXCHANGE after 300ms\nwire CREATE_STREAMS after 300ms\n"
        "wire TEST_START after 300ms\nfinish";
    bool all = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        struct sim_outcome outcome;
        play_client(late[i].steps, play_as_server, slow, NULL, &outcome);
        if (outcome.line != late[i].line || outcome.cause != SIM_TIMEOUT)
            all = false,
            print_error("%s: line %u: %s\n", late[i].name, outcome.line, text_string(&outcome.got));
        sim_outcome_fini(&outcome);
    }
    assert_true(all);
}

/* Says its last words as it ends: they are there to be read when its end shows. */
struct dying {
    unsigned looks;
    struct text output;
};

static bool has_died(void *context, int *status)
{
    struct dying *d = context;

    *status = 0;
    return d->looks > 0 && ++d->looks > 3;
}

static void read_last_words(void *context)
{
    struct dying *d = context;
    int status;

    if (d->output.len == 0 && has_died(d, &status))
        text_adds(&d->output, "bye");
}

static bool strike(void *context, int signo)
{
    (void)signo;
    ((struct dying *)context)->looks = 1;
    return true;
}

static const struct text *last_words(void *context)
{
    return &((struct dying *)context)->output;
}

static void test_the_last_words_of_a_process_are_heard(void **state)
{
    struct dying dying = {.looks = 0};
    struct sim_process process = {.context = &dying,
                                  .watch = watch,
                                  .turn = read_last_words,
                                  .ended = has_died,
                                  .signal = strike,
                                  .output = last_words};
    struct sim_outcome outcome;

    (void)state;
    play_client("\nfinish\nsubject signal TERM\nexpect output text \"bye\"", play_as_server,
                "\nfinish", &process, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
    text_fini(&dying.output);
}

/* Of a subject elsewhere nothing shows that it has read what was sent: it is given time. */
static void test_the_end_of_a_test_overtakes_no_data(void **state)
{
    struct sim_outcome outcome;
    uint64_t data_ns = 0, end_ns = 0;

    (void)state;
    play_client("\nfinish", play_as_server, "\nfinish", NULL, &outcome);
    assert_int_equal(outcome.cause, SIM_OK);
    for (size_t i = 0; i < outcome.record.n; i++) {
        const struct session_message *m = &outcome.record.messages[i];
        if (m->from == SESSION_US && m->kind == SESSION_DATA)
            data_ns = m->at_ns;
        if (m->from == SESSION_US && m->kind == SESSION_STATE && m->state == TEST_END)
            end_ns = m->at_ns;
    }
    assert_true(data_ns > 0);
    assert_true(end_ns >= data_ns + 20 * MS);
    sim_outcome_fini(&outcome);
}

/* Wherever in a turn the pause between two pieces ends. */
static void test_the_next_piece_is_not_forgotten_by_a_slow_machine(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    for (uint64_t us = 50; us <= 1200; us += 50) {
        io_lose_ns(us * 1000);
        play_client("\nsplit 8 delay 1ms\nfinish", play_as_server, "\nfinish", NULL, &outcome);
        io_lose_ns(0);
        if (outcome.cause != SIM_OK)
            fail_msg("%lu us: %s", (unsigned long)us, text_string(&outcome.got));
        sim_outcome_fini(&outcome);
    }
}

/* --- a session's own clock ------------------------------------------------------------------- */

/* The time that the steps between take is in it; once it is over nothing is waited for. */
static void test_pauses_by_the_clock_of_the_session_do_not_add_up(void **state)
{
    struct sim_outcome outcome;
    uint64_t pauses[3] = {0};
    size_t n = 0;

    (void)state;
    play_client("\nadvance TEST_RUNNING\npause 300ms\npause until 400ms after TEST_RUNNING\n"
                "pause until 100ms after TEST_RUNNING\nfinish",
                play_as_server, "\nfinish", NULL, &outcome);
    assert_int_equal(outcome.cause, SIM_OK);
    for (size_t i = 0; i < outcome.record.n; i++)
        if (outcome.record.messages[i].kind == SESSION_PAUSE && n < ARRAY_LEN(pauses))
            pauses[n++] = outcome.record.messages[i].len;
    assert_int_equal(n, ARRAY_LEN(pauses));
    assert_int_equal(pauses[0], 300 * MS);
    assert_in_range(pauses[1], 0, 100 * MS);
    assert_int_equal(pauses[2], 0);
    sim_outcome_fini(&outcome);
}

static void test_a_state_that_nobody_said_is_no_clock(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    play_client("\nadvance CREATE_STREAMS\npause until 1s after TEST_RUNNING\nfinish",
                play_as_server, "\nadvance CREATE_STREAMS\nexpect end", NULL, &outcome);
    assert_int_equal(outcome.cause, SIM_TROUBLE);
    assert_string_equal(text_string(&outcome.got), "nobody has said 02 TEST_RUNNING");
    sim_outcome_fini(&outcome);
}

/* The first leaves at once, the sixth no sooner than when five sixths of the time are over. */
static void test_datagrams_go_evenly_up_to_a_moment(void **state)
{
    struct sim_outcome outcome;
    uint64_t running = 0, last = 0, n = 0;

    (void)state;
    play_client("\nparams { \"udp\": true, \"len\": 100 }\nadvance TEST_RUNNING\n"
                "stream 1 send datagrams 1..6 until 300ms after TEST_RUNNING\nfinish",
                play_as_server, "\nfinish", NULL, &outcome);
    assert_int_equal(outcome.cause, SIM_OK);
    for (size_t i = 0; i < outcome.record.n; i++) {
        const struct session_message *m = &outcome.record.messages[i];
        if (m->kind == SESSION_STATE && m->state == TEST_RUNNING)
            running = m->at_ns;
        if (m->kind != SESSION_DATAGRAM || m->from != SESSION_US)
            continue;
        last = m->at_ns;
        n++;
    }
    assert_int_equal(n, 6);
    assert_true(last >= running + 248 * MS);
    sim_outcome_fini(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_over_before_its_time_fails_the_case),
        cmocka_unit_test(test_a_step_has_to_be_over_in_its_time),
        cmocka_unit_test(test_the_last_words_of_a_process_are_heard),
        cmocka_unit_test(test_the_end_of_a_test_overtakes_no_data),
        cmocka_unit_test(test_the_next_piece_is_not_forgotten_by_a_slow_machine),
        cmocka_unit_test(test_pauses_by_the_clock_of_the_session_do_not_add_up),
        cmocka_unit_test(test_a_state_that_nobody_said_is_no_clock),
        cmocka_unit_test(test_datagrams_go_evenly_up_to_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
