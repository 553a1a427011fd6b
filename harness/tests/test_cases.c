/* test_cases.c - cases can fail, and by an assertion of their own.
 *
 * These faults are of kinds that the mutants of iperfref do not have, or were met by hand; that
 * each file of cases can fail is what `make mutants` proves.
 *
 * The subject is this program again: it plays a script that does one thing wrong, once, and is a
 * correct peer afterwards; so a case is caught by its own step, and not by the service check. */
#include "harness/suite/suite.h"
#include "impl/tests/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#define SCALE 0.15 /* of the deadlines: what does not come here never comes */

/* What the subject is after the first session: SAME is as wrong with everybody (as the
 * probe has found), LEAKS keeps a
 * descriptor of each, ENDS_LATE does so too and is gone after four, SPINS is honest once more and
 * busy ever after. */
enum later { HONEST, SAME, GONE, CRASH, LEAKS, ENDS_LATE, SPINS };
static const enum sim_cause causes[] = {
    [SAME] = SIM_MISS, [LEAKS] = SIM_LEAK, [ENDS_LATE] = SIM_EXIT, [SPINS] = SIM_SPIN}; /* else any
                                                                                         */

static const struct row {
    const char *id;   /* one case of its file */
    const char *does; /* the subject's steps, in the other role */
    const char *step; /* the case's step that must catch it, or its beginning */
    enum later later;
} rows[] = {
    {"server/normal/tcp",                                      "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"server/normal/tcp",
     "advance PARAM_EXCHANGE\nexpect params\nsend state DISPLAY_RESULTS\nclose",                                               "finish",                 SAME     },
    {"server/normal/udp",                                      "wire results.streams[0].packets = 7\nfinish",                  "finish",                 HONEST   },
    {"server/normal/tcp",                                      "finish",                                                       "",                       SPINS    },
    {"server/service/many-sessions",                           "finish",                                                       "",                       LEAKS    },
    {"server/close/close/EXCHANGE_RESULTS",                    "finish",                                                       "",                       ENDS_LATE},
    {"server/close/close/EXCHANGE_RESULTS",                    "finish",                                                       "",                       LEAKS    },
    {"server/direction/reverse",                               "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"server/direction/parallel",                              "wire results.streams[1].id = 2\nfinish",                       "finish",                 HONEST   },
    {"server/direction/bidir",                                 "wire results.streams[3].id = 6\nfinish",                       "finish",                 HONEST   },
    {"server/results/bytes-are-what-was-sent",                 "wire results.streams[0].bytes = 81919\nfinish",
     "finish",                                                                                                                                           HONEST   },
    {"server/udp/loss-and-reordering-counted",                 "wire results.streams[0].errors = 3\nfinish",
     "expect results",                                                                                                                                   HONEST   },
    {"server/udp/loss-and-reordering-counted",                 "finish",                                                       "",                       GONE     },
    {"server/busy/second-client-is-denied",                    "finish",                                                       "second expect denied",   HONEST   },
    {"server/terminate/client-terminate/TEST_RUNNING",
     "advance TEST_RUNNING\nexpect state CLIENT_TERMINATE\nsend state EXCHANGE_RESULTS",                                       "expect server-error",    HONEST   },
    {"server/terminate/interrupted/TEST_RUNNING",              "advance TEST_RUNNING\nexpect end within 20s",
     "expect state",                                                                                                                                     HONEST   },
    {"server/params/length-beyond-limit",
     "advance PARAM_EXCHANGE\nsend state CREATE_STREAMS\nexpect nothing for 9s",                                               "either",                 HONEST   },
    {"server/params/length-zero",
     "advance PARAM_EXCHANGE\nignore params\nsend state CREATE_STREAMS\nexpect nothing for 9s",                                "expect server-error",    HONEST   },
    {"server/params/cut-short/50",
     "hold\nadvance PARAM_EXCHANGE\nexpect end\nsend state CREATE_STREAMS\nexpect nothing for 9s",                             "expect server-error",    HONEST   },
    {"server/params/stalled-body",                             "advance PARAM_EXCHANGE\nexpect nothing for 200ms\nclose",
     "expect server-error",                                                                                                                              HONEST   },
    {"server/params/ill-typed/title",
     "advance PARAM_EXCHANGE\nexpect params\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                               "expect state",           HONEST   },
    {"server/params/unusual-json",                             "advance PARAM_EXCHANGE\nexpect params\nclose",                 "finish",
     HONEST                                                                                                                                                       },
    {"server/state/unknown-byte/TEST_RUNNING/0x11",
     "advance TEST_RUNNING\nexpect state 0x11\nsend state EXCHANGE_RESULTS\nexpect nothing for 9s",                            "expect server-error",    HONEST   },
    {"server/state/done/TEST_RUNNING",
     "advance TEST_RUNNING\nexpect state IPERF_DONE\nsend state EXCHANGE_RESULTS\nexpect nothing "
     "for 9s",                                                                                                                 "expect end",             HONEST   },
    {"server/state/test-end-again",                            "advance DISPLAY_RESULTS\nexpect state TEST_END\nclose",
     "expect state",                                                                                                                                     HONEST   },
    {"server/state/test-end-doubled",
     "hold\nadvance EXCHANGE_RESULTS\nexpect state TEST_END\nsend state DISPLAY_RESULTS\nexpect "
     "nothing for 9s",                                                                                                         "expect server-error",    HONEST   },
    {"server/cookie/one-byte-at-a-time",                       "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/cookie/cut-short/20",                             "open\nsend byte 9\nexpect nothing for 9s",
     "expect server-error",                                                                                                                              HONEST   },
    {"server/results/missing/streams",
     "advance EXCHANGE_RESULTS\nexpect results\nsend results\nexpect nothing for 9s",                                          "expect server-error",    HONEST   },
    {"server/results/half-of-the-omitted-pair/omitted_errors",
     "advance EXCHANGE_RESULTS\nexpect results\nsend results\nexpect nothing for 9s",                                          "expect server-error",    HONEST   },
    {"server/results/unknown-stream/3",
     "advance EXCHANGE_RESULTS\nexpect results\nsend results\nexpect nothing for 9s",                                          "expect server-error",    HONEST   },
    {"server/results/stalled",                                 "advance EXCHANGE_RESULTS\nclose",                              "expect server-error",    HONEST   },
    {"server/close/close/TEST_RUNNING",                        "finish",                                                       "expect alive",           GONE     },
    {"server/close/reset/EXCHANGE_RESULTS",                    "finish",                                                       "expect alive",           CRASH    },
    {"server/close/before-the-cookie/close",                   "finish",                                                       "expect alive",           GONE     },
    {"server/close/half/TEST_RUNNING",
     "hold\nadvance TEST_RUNNING\nexpect end\nsend state EXCHANGE_RESULTS\nexpect nothing for 9s",                             "expect server-error",    HONEST   },
    {"server/streams/wrong-cookie",                            "finish",                                                       "intruder expect denied", HONEST   },
    {"server/results/output-asked",                            "wire results.server_output_text = absent\nfinish",
     "expect results",                                                                                                                                   HONEST   },
    {"server/results/output-unasked",                          "wire results.server_output_text = \"x\"\nfinish",
     "expect results",                                                                                                                                   HONEST   },
    {"server/state/server-output-is-per-test",                 "wire results.server_output_text = \"x\"\nfinish",
     "b expect results",                                                                                                                                 SAME     },

    {"server/matrix/TEST_RUNNING/0x11",
     "advance TEST_RUNNING\nexpect state 0x11\nsend state EXCHANGE_RESULTS\nexpect nothing for 9s",                            "expect reaction",        HONEST   },
    {"server/matrix/cookie/0x41",                              "open\nsend state CREATE_STREAMS\nexpect nothing for 9s",
     "expect reaction",                                                                                                                                  HONEST   },
    {"client/matrix/RUN/0x11",                                 "advance TEST_RUNNING\nexpect state 0x11",                      "expect reaction",
     HONEST                                                                                                                                                       },
    {"client/matrix/END/0x11",                                 "advance TEST_RUNNING\nsend state TEST_END\nexpect state 0x11",
     "expect reaction",                                                                                                                                  HONEST   },
    {"client/matrix/RESULTS/0x11",                             "advance EXCHANGE_RESULTS\nsend results\nexpect state 0x11",
     "expect reaction",                                                                                                                                  HONEST   },
    {"client/matrix/XCHG/0x11",
     "advance EXCHANGE_RESULTS\nsend results\nexpect results\nexpect state 0x11",                                              "expect reaction",
     HONEST                                                                                                                                                       },

    {"client/normal/tcp",                                      "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"client/option/reverse",                                  "advance CREATE_STREAMS",                                       "expect params",          HONEST   },
    {"client/control/one-byte-at-a-time",                      "advance CREATE_STREAMS",                                       "finish",                 HONEST   },
    {"client/error/json/two",
     "hold\nignore end\nadvance TEST_RUNNING\nexpect server-error\nexpect nothing for 9s",                                     "expect end",             HONEST   },
    {"client/error/json/one",                                  "advance TEST_RUNNING\nexpect server-error",                    "expect failure",
     HONEST                                                                                                                                                       },
    {"client/error/known/114",                                 "advance PARAM_EXCHANGE\nsend params\nexpect server-error",
     "expect exit 1",                                                                                                                                    HONEST   },
    {"client/denied/START",                                    "open\nsend cookie\nexpect state ACCESS_DENIED",                "expect exit 1",
     HONEST                                                                                                                                                       },
    {"client/terminate/by-server/RUN",                         "advance TEST_RUNNING\nexpect state SERVER_TERMINATE",
     "expect exit 1",                                                                                                                                    HONEST   },
    {"client/terminate/by-signal/INT/RUN",                     "advance TEST_RUNNING\nexpect end within 20s",
     "expect state",                                                                                                                                     HONEST   },
    {"client/unknown-byte/0x11/RUN",
     "advance TEST_RUNNING\nexpect state 0x11\nsend state TEST_END\nexpect nothing for 9s",                                    "expect end",             HONEST   },
    {"client/end/of-control/close/RUN",                        "advance TEST_RUNNING\nexpect end",                             "expect exit 1",
     HONEST                                                                                                                                                       },
    {"client/end/of-control/close/START",                      "open\nsend cookie\nexpect end",                                "expect exit 1",          HONEST   },
    {"client/results/missing/streams",                         "advance EXCHANGE_RESULTS\nsend results\nexpect results",
     "expect exit 1",                                                                                                                                    HONEST   },
    {"client/results/unknown-stream/3",                        "advance EXCHANGE_RESULTS\nsend results\nexpect results",
     "expect exit 1",                                                                                                                                    HONEST   },
    {"client/results/ill-typed/streams",                       "advance EXCHANGE_RESULTS\nsend results\nexpect results",
     "",                                                                                                                                                 CRASH    },
    {"client/results/stalled",                                 "advance EXCHANGE_RESULTS\nsend results",                       "expect end",             HONEST   },

    {"server/params/nested/500",
     "advance PARAM_EXCHANGE\nexpect params\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                               "expect state",           HONEST   },
    {"server/params/unclosed/brackets",
     "advance PARAM_EXCHANGE\nignore params\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                               "expect server-error",    HONEST   },
    {"server/params/number-edge/len/1e999",
     "advance PARAM_EXCHANGE\nexpect params\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                               "expect state",           HONEST   },
    {"server/params/key-in-capitals",                          "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/params/duplicate/member",                         "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/params/long-title/8000",
     "advance PARAM_EXCHANGE\nexpect params\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                               "expect state",           HONEST   },
    {"server/params/bytes-behind/blanks",                      "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/params/length-off-by/-1",
     "advance PARAM_EXCHANGE\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                                              "expect server-error",    HONEST   },
    {"server/cookie/doubled",
     "advance PARAM_EXCHANGE\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                                              "expect end",
     HONEST                                                                                                                                                       },
    {"server/moment/params-before-they-are-asked-for",         "advance PARAM_EXCHANGE\nclose",                                "finish",
     HONEST                                                                                                                                                       },
    {"server/moment/cookie-and-params-in-one-segment",         "advance PARAM_EXCHANGE\nclose",                                "finish",
     HONEST                                                                                                                                                       },
    {"server/moment/twice/params",
     "advance CREATE_STREAMS\nsend state DISPLAY_RESULTS\nexpect nothing for 9s",                                              "expect server-error",    HONEST   },
    {"server/moment/late/params",                              "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/moment/never/IPERF_DONE",
     "advance EXCHANGE_RESULTS\nexpect results\nsend results\nsend state EXCHANGE_RESULTS\nexpect "
     "nothing for 9s",                                                                                                         "advance",                HONEST   },
    {"server/control/split/by-one",                            "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/address/ipv6/tcp",                                "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"server/address/other-source/127.0.0.2",                  "advance PARAM_EXCHANGE\nclose",                                "a finish",               HONEST   },
    {"server/streams/fewer-than-agreed",
     "advance CREATE_STREAMS\nsend state TEST_START\nexpect nothing for 9s",                                                   "expect nothing",
     HONEST                                                                                                                                                       },
    {"server/streams/more-than-agreed",                        "finish",                                                       "b expect denied",        HONEST   },
    {"server/streams/opened-by-hand",                          "wire results.streams[1].bytes = 5\nfinish",                    "finish",
     HONEST                                                                                                                                                       },
    {"server/streams/cookie/wrong",                            "finish",                                                       "expect nothing",         HONEST   },
    {"server/streams/close-while-running",                     "finish",                                                       "expect alive",           GONE     },
    {"server/streams/reader-stalls",
     "advance TEST_RUNNING\nexpect state TEST_END\nsend state DISPLAY_RESULTS\nexpect nothing for "
     "9s",                                                                                                                     "expect state",           HONEST   },
    {"server/data/for-a-while",                                "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"server/data/any-bytes",                                  "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"server/busy/third-parties",                              "wire results.streams[0].packets = 7\nfinish",
     "knock expect denied",                                                                                                                              HONEST   },
    {"server/udp/connect/legacy",                              "wire reply never\nfinish",                                     "finish",                 HONEST   },
    {"server/udp/jitter/microseconds",                         "wire results.streams[0].jitter = 0.5\nfinish",
     "expect results",                                                                                                                                   HONEST   },
    {"server/udp/far/past-2^32",                               "wire results.streams[0].packets = 3\nfinish",                  "expect results",
     HONEST                                                                                                                                                       },
    {"server/udp/length/500",
     "advance TEST_RUNNING\nexpect state TEST_END\nsend state DISPLAY_RESULTS\nexpect nothing for "
     "9s",                                                                                                                     "expect state",           HONEST   },
    {"server/auth/of-now",                                     "advance PARAM_EXCHANGE\nclose",                                "finish",                 HONEST   },
    {"server/auth/refused/old",                                "advance CREATE_STREAMS\nexpect nothing for 9s",
     "expect server-error",                                                                                                                              HONEST   },
    {"server/auth/refused-after-skew",                         "finish",                                                       "b expect server-error",  HONEST   },
    {"server/end/bytes",                                       "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"server/omit/bytes-are-left-out",                         "wire results.streams[0].bytes = 1\nfinish",
     "expect results",                                                                                                                                   HONEST   },

    {"client/end/bytes",                                       "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"client/address/ipv6",                                    "wire results.streams[0].bytes = 1\nfinish",                    "finish",                 HONEST   },
    {"client/moment/late/results",                             "advance CREATE_STREAMS",                                       "finish",                 HONEST   },
    {"client/moment/never/results",                            "advance EXCHANGE_RESULTS\nsend results\nexpect end",
     "expect failure",                                                                                                                                   HONEST   },
    {"client/udp/reply/today",                                 "advance CREATE_STREAMS",                                       "advance",                HONEST   },
    {"client/control/split/slowly",                            "advance CREATE_STREAMS",                                       "finish",                 HONEST   },
    {"client/data/stopped",                                    "advance CREATE_STREAMS",                                       "advance",                HONEST   },
};

/* --- the subject ------------------------------------------------------------------------------ */

static struct script *make_script(struct script_list *list, const char *role, const char *steps)
{
    struct text source = {0};
    struct script_error error;

    text_addf(&source, "case x\nclause ST-1\nplays %s\nparams {\"time\": 1}\n\n%s\n", role, steps);
    bool ok = script_read(list, "subject", text_string(&source), &error);
    if (!ok)
        fprintf(stderr, "line %u: expected %s, found %s\n", error.line, error.expected,
                error.found);
    text_fini(&source);
    return ok ? list->at[list->n - 1] : NULL;
}

static void play(struct sim_config *config, const struct script *script)
{
    struct sim_outcome outcome;

    config->script = script;
    sim_run(config, &outcome);
    fprintf(stderr, "subject: %s\n", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
}

static void later(enum later what)
{
    if (what == CRASH)
        raise(SIGSEGV);
    if (what == GONE)
        _exit(0);
}

static int be_server(const struct row *row, unsigned port)
{
    struct script_list list = {0};
    struct sim_listener listener;
    struct sim_config config = {.listener = &listener, .timeout_scale = 1};
    const struct script *wrong = make_script(&list, "server", row->does);
    const struct script *honest = make_script(&list, "server", "finish");
    int sessions = 0;

    signal(SIGSEGV, SIG_DFL);
    /* On both families, as iperf3 does, where there are both. */
    if (!wrong || (!sim_listen(&listener, "::", port) && !sim_listen(&listener, "127.0.0.1", port)))
        return 9;
    play(&config, wrong);
    for (later(row->later);;) {
        play(&config, row->later == SAME ? wrong : honest);
        while (row->later == SPINS)
            ;
        bool leaks = row->later == LEAKS || row->later == ENDS_LATE;
        if (leaks && open("/dev/null", O_RDONLY) < 0)
            _exit(9);
        if (row->later == ENDS_LATE && ++sessions == 4)
            _exit(7);
    }
}

static int be_client(const struct row *row, const char *host, unsigned port)
{
    struct script_list list = {0};
    struct sim_config config = {.timeout_scale = 1};
    const struct script *wrong = make_script(&list, "client", row->does);

    signal(SIGSEGV, SIG_DFL);
    if (!wrong || !sim_address(host, port, &config.server, &config.server_len))
        return 9;
    play(&config, wrong);
    later(row->later);
    _exit(0);
}

/* --- the test -----------------------------------------------------------------------------------
 */

static struct script_list cases;

static const struct script *find(const char *id)
{
    for (size_t i = 0; i < cases.n; i++)
        if (strcmp(cases.at[i]->id, id) == 0)
            return cases.at[i];
    return NULL;
}

static bool check(const struct row *row, const char *self)
{
    struct suite_settings settings = {
        .timeout_scale = SCALE, .jobs = 1, .is_doubtful = row->later == SAME};
    const struct script *script = find(row->id);
    struct suite_run run;

    if (!script) {
        print_error("there is no case %s\n", row->id);
        return false;
    }
    snprintf(settings.build.server_cmd, sizeof settings.build.server_cmd,
             "%s --be-server %zu {port}", self, (size_t)(row - rows));
    snprintf(settings.build.client_cmd, sizeof settings.build.client_cmd,
             "%s --be-client %zu {port} {host}", self, (size_t)(row - rows));
    suite_run_case(script, &settings, false, &run);
    struct suite_judgement j = suite_judge(script, &run, &settings.build);
    enum sim_cause cause = row->later < ARRAY_LEN(causes) ? causes[row->later] : SIM_OK;
    bool ok = run.cause != SIM_OK && run.cause != SIM_TROUBLE &&
              (cause == SIM_OK || run.cause == cause) &&
              strncmp(text_string(&run.step), row->step, strlen(row->step)) == 0;
    if (!ok)
        print_error("%s: %s at '%s': %s (%s)\n%s%s", row->id, sim_cause_word(run.cause),
                    text_string(&run.step), text_string(&run.got), suite_verdict_word(j.verdict),
                    text_string(&run.timeline), text_string(&run.said));
    suite_run_fini(&run);
    return ok;
}

static void test_every_fault_is_caught_by_the_case_made_for_it(void **state)
{
    bool ok = true;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ok &= check(&rows[i], *state);
    assert_true(ok);
}

static void no_problem(void *context, const struct script_error *e)
{
    (void)context;
    fail_msg("%s:%u: expected %s, found %s", e->file, e->line, e->expected, e->found);
}

static void test_every_case_reads_the_same_when_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < cases.n; i++) {
        struct text once = {0}, twice = {0};
        struct script_list again = {0};
        struct script_error e;
        script_print(cases.at[i], &once);
        if (!script_read(&again, cases.at[i]->file, text_string(&once), &e))
            fail_msg("%s, line %u: expected %s, found %s", cases.at[i]->id, e.line, e.expected,
                     e.found);
        assert_int_equal(again.n, 1);
        script_print(again.at[0], &twice);
        assert_string_equal(text_string(&once), text_string(&twice));
        script_list_fini(&again);
        text_fini(&once);
        text_fini(&twice);
    }
}

static void test_every_case_passes_the_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < cases.n; i++)
        script_check(cases.at[i], no_problem, NULL);
}

int main(int argc, char **argv)
{
    char dir[1200], self[1024];
    struct text why = {0};
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (argc >= 4 && strcmp(argv[1], "--be-server") == 0)
        return be_server(&rows[strtoul(argv[2], NULL, 10)], (unsigned)strtoul(argv[3], NULL, 10));
    if (argc >= 5 && strcmp(argv[1], "--be-client") == 0)
        return be_client(&rows[strtoul(argv[2], NULL, 10)], argv[4],
                         (unsigned)strtoul(argv[3], NULL, 10));
    self[MAX(len, 0)] = '\0';
    if (!suite_default_cases(dir, sizeof dir) ||
        suite_find(&cases, (const char *[]){dir}, 1, &why) > 0) {
        fprintf(stderr, "no cases: %s\n", text_string(&why));
        return 1;
    }
    subject_adopt_orphans();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_every_fault_is_caught_by_the_case_made_for_it, self),
        cmocka_unit_test(test_every_case_reads_the_same_when_printed),
        cmocka_unit_test(test_every_case_passes_the_check),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    script_list_fini(&cases);
    return failed;
}
