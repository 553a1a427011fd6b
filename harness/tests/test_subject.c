/* test_subject.c - processes: started, watched, ended with all that they started. */
#include "harness/subject/watch.h"
#include "harness/suite/suite.h"
#include "harness/tests/honest_server.h"
#include "impl/tests/unit.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORD(text)     ((char *)(uintptr_t)(text))
#define SHELL(command) ((char *[]){WORD("/bin/sh"), WORD("-c"), WORD(command), NULL})

static void start(struct subject *s, char *const argv[])
{
    struct text why = {0};

    if (!subject_start(s, argv, NULL, &why))
        fail_msg("%s", text_string(&why));
}

/* Until it has ended, however long that takes. */
static void await(struct subject *s)
{
    struct sim_process p = subject_process(s);

    while (s->running) {
        struct pollfd fds[4];
        poll(fds, p.watch(s, fds, 4), 1000);
        subject_turn(s);
    }
}

static void test_subject_start_says_why_a_program_cannot_be_run(void **state)
{
    char *argv[] = {WORD("/nowhere/iperf3"), NULL};
    struct subject s;
    struct text why = {0};

    (void)state;
    assert_false(subject_start(&s, argv, NULL, &why));
    assert_non_null(strstr(text_string(&why), "/nowhere/iperf3: No such file"));
    await(&s);
    subject_end(&s);
    subject_fini(&s);
    text_fini(&why);
}

/* The sum of a program for which libtool made a script, once a shell has done something. */
static void sum_after(const char *command, const char *dir, char out[65])
{
    struct subject_build build = {0};
    struct text why = {0};

    assert_int_equal(setenv("DIR", dir, 1), 0);
    assert_int_equal(system(command), 0);
    snprintf(build.path, sizeof build.path, "%s/[1]/iperf3", dir);
    assert_true(subject_identify(&build, 0, &why));
    memcpy(out, build.sha256, sizeof build.sha256);
    text_fini(&why);
}

static void test_subject_identify_sums_what_libtools_script_runs(void **state)
{
    char dir[UNIT_PATH_MAX], made[65], program[65], library[65];

    (void)state;
    assert_non_null(mkdtemp(unit_temporary(dir, "libtool")));
    sum_after("mkdir -p \"$DIR/[1]/.libs\" && cd \"$DIR/[1]\" && >.libs/iperf3 && >.libs/lib.so &&"
              "echo '#!/bin/sh\n# temporary wrapper script, by libtool' >iperf3 && chmod +x iperf3",
              dir, made);
    sum_after("echo 1 >\"$DIR/[1]/.libs/iperf3\"", dir, program);
    sum_after("echo 1 >\"$DIR/[1]/.libs/lib.so\"", dir, library);
    assert_int_equal(system("rm -r \"$DIR\""), 0);
    assert_string_not_equal(made, program);
    assert_string_not_equal(program, library);
}

static void test_subject_turn_keeps_output_and_status(void **state)
{
    struct subject s;

    (void)state;
    start(&s, SHELL("echo out; echo err >&2; exit 7"));
    await(&s);
    subject_end(&s);
    assert_string_equal(text_string(&s.out), "out\n");
    assert_string_equal(text_string(&s.err), "err\n");
    assert_true(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 7);
    subject_fini(&s);
}

static void test_subject_tells_a_crash(void **state)
{
    struct subject s;

    (void)state;
    start(&s, SHELL("kill -SEGV $$"));
    await(&s);
    assert_true(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGSEGV);
    subject_end(&s);
    subject_fini(&s);
}

/* The output of a subject that never stops is bounded, and read so that it does not block. */
static void test_subject_turn_bounds_the_output(void **state)
{
    struct subject s;

    (void)state;
    start(&s, SHELL("head -c 20000000 /dev/zero"));
    await(&s);
    subject_end(&s);
    assert_in_range(s.out.len, 1, 5000000);
    subject_fini(&s);
}

static void test_subject_report_finds_it(void **state)
{
    struct subject s;
    struct text line = {0};
    const char *at = NULL;

    (void)state;
    subject_init(&s);
    text_adds(&s.err, "first\nx.c:1:2: runtime error: shift\nlast\n");
    assert_true(subject_report(&s, &line, &at));
    assert_string_equal(text_string(&line), "x.c:1:2: runtime error: shift");
    text_fini(&line);
    text_fini(&s.err);
    text_adds(&s.err, "all is well\n");
    assert_false(subject_report(&s, &line, &at));
    subject_fini(&s);
}

static const struct options_row {
    const char *env, *seen;
} options_rows[] = {
    {"ASAN_OPTIONS=log_path=/x:detect_leaks=0", "log_path=/x:detect_leaks=0:log_path=stderr"},
    {"ASAN_OPTIONS=detect_leaks=0",             "detect_leaks=0"                            },
};

/* Where it would go into a file, nobody would see it. */
static void test_subject_start_has_sanitizers_report_on_stderr(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(options_rows); i++) {
        const char *const env[] = {options_rows[i].env, NULL};
        struct subject s;
        struct text why = {0};
        assert_true(subject_start(&s, SHELL("printf %s \"$ASAN_OPTIONS\""), env, &why));
        await(&s);
        subject_end(&s);
        assert_string_equal(text_string(&s.out), options_rows[i].seen);
        subject_fini(&s);
    }
}

static void test_subject_argv_divides_options(void **state)
{
    struct subject_build program = {.path = "iperf3"};
    char **argv = subject_argv(&program, "::1", 99, "-T 'a b' -P 2");

    (void)state;
    static const char *const want[] = {"iperf3", "-c", "::1", "-p", "99", "-T", "a b", "-P", "2"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(argv[i], want[i]);
    assert_null(argv[ARRAY_LEN(want)]);
    subject_argv_free(argv);
}

static const struct template_row {
    const char *template, *host, *options, *command;
} template_rows[] = {
    {"srv --port={port}",          NULL, "-x",     "exec srv --port=99 -x"      },
    {"cli {host}:{port}",          "h",  "",       "exec cli h:99"              },
    {"srv {port} | tee x",         NULL, "",       "srv 99 | tee x"             },
    {"srv {options} {port} >x",    NULL, "-x 'a'", "exec srv -x 'a' 99 >x"      },
    {"(srv {port} {options})",     NULL, "-x",     "(srv 99 -x)"                },
    {"srv {port} {options}",       NULL, "{port}", "srv 99 {port}"              },
    {"A=1 srv {port}",             NULL, "",       "A=1 srv 99"                 },
    {"exec srv {port}",            NULL, "",       "exec srv 99"                },
    {"cd / && srv {port}",         NULL, "",       "cd / && srv 99"             },
    {"sh -c 'srv {port}; :'",      NULL, "-x",     "exec sh -c 'srv 99; :' -x"  },
    {"sh -c \"srv \\\"; {port}\"", NULL, "",       "exec sh -c \"srv \\\"; 99\""},
    {"srv {port} \\; x",           NULL, "",       "exec srv 99 \\; x"          },
    {"srv {port}; x=\"a\"",        NULL, "",       "srv 99; x=\"a\""            },
    {"srv --key=value {port}",     NULL, "",       "exec srv --key=value 99"    },
    {"srv {nothing} {port",        NULL, "",       "srv {nothing} {port"        },
};

static void test_subject_argv_fills_templates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(template_rows); i++) {
        const struct template_row *row = &template_rows[i];
        struct subject_build build = {0};
        char *command = row->host ? build.client_cmd : build.server_cmd;
        snprintf(command, sizeof build.server_cmd, "%s", row->template);
        char **argv = subject_argv(&build, row->host, 99, row->options);
        assert_string_equal(argv[2], row->command);
        assert_null(argv[3]);
        subject_argv_free(argv);
    }
}

/* Of every kind that a shell knows. */
static const char *const shell_lines[] = {
    "printf %s, {port} {options}",
    "A=1 printf %s, {port} {options}",
    "cd / && printf %s, {port} {options}",
    "ulimit -n 64; printf %s, {port} {options}",
    "exec printf %s, {port} {options}",
    "true; printf %s, {port} {options}; exit $?",
    "( printf %s, {port} {options} )",
    "{ printf %s, {port} {options}; }",
    "if true; then printf %s, {port} {options}; fi",
    "! printf %s, {port} {options} || true",
    "eval 'printf %s, {port} {options}'",
    "command printf %s, {port} {options}",
    "false\nprintf %s, {port} {options}",
    "printf %s, {port} {options} | cat",
    "p=$(printf %s, {port} {options}); echo \"$p\"",
    "printf %s, {port} {options} # the end",
};

static void test_subject_start_runs_any_line_of_a_shell(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shell_lines); i++) {
        struct subject_build build = {0};
        struct subject s;
        snprintf(build.server_cmd, sizeof build.server_cmd, "%s", shell_lines[i]);
        char **argv = subject_argv(&build, NULL, 99, "-T \"a b\"");
        start(&s, argv);
        await(&s);
        subject_end(&s);
        text_fini(&s.err);
        if (strncmp(text_string(&s.out), "99,-T,a b,", 10) != 0 || s.status != 0)
            fail_msg("%s: %s", shell_lines[i], text_string(&s.out));
        subject_fini(&s);
        subject_argv_free(argv);
    }
}

/* Our own listening socket is not the subject's. */
static void test_subject_listens_tells_whose_port_it_is(void **state)
{
    struct sim_listener l;
    struct subject s;

    (void)state;
    start(&s, SHELL("exec sleep 100"));
    assert_true(sim_listen(&l, "127.0.0.1", 0));
    assert_int_equal(subject_listens(&s, l.port), SUBJECT_FOREIGN);
    sim_listener_close(&l);
    unsigned port = subject_free_port();
    assert_int_not_equal(port, 0);
    assert_int_equal(subject_listens(&s, port), SUBJECT_NOT_YET);
    subject_end(&s);
    subject_fini(&s);
}

/* --- daemons --------------------------------------------------------------------------------- */

static int be_server(bool as_daemon, unsigned port)
{
    return as_daemon && daemon(1, 1) < 0 ? 9 : serve_honestly(port, NULL);
}

/* $0 is this program, $1 the port. */
static const struct daemon_row {
    const char *name, *command;
} daemons[] = {
    {"-D",                    "exec $0 --daemon $1"                   },
    {"in the background",     "$0 --server $1 &"                      },
    {"two forks",             "(setsid $0 --server $1 &) &"           },
    {"late",                  "(sleep 0.3; exec $0 --server $1) &"    },
    {"a parent that lingers", "setsid $0 --server $1 & exec sleep 100"},
    {"below one who goes on", "$0 --server $1; exit 7"                },
};

/* Whichever port it is: one who listens elsewhere than told is named. */
static void test_subject_port_is_where_it_listens(void **state)
{
    char command[1200];
    struct subject s;
    unsigned port = subject_free_port();

    assert_int_not_equal(port, 0);
    snprintf(command, sizeof command, "exec %s --server %u", (const char *)*state, port);
    start(&s, SHELL(command));
    assert_int_equal(subject_await_listening(&s, port, UINT64_MAX), SUBJECT_READY);
    assert_int_equal(subject_port(&s), port);
    subject_end(&s);
    subject_fini(&s);
    start(&s, SHELL("exec sleep 100"));
    assert_int_equal(subject_port(&s), 0);
    subject_end(&s);
    subject_fini(&s);
}

/* A server that makes itself a daemon is watched like any other: it has not ended before it was
 * told to, and how it did is known. */
static void test_subject_that_is_a_daemon_is_followed(void **state)
{
    static const char text[] = "case x\nclause CLOSE-6\nplays client\nneeds signal\n\n"
                               "advance TEST_RUNNING\nsubject signal TERM\nexpect end\n"
                               "expect signal TERM\n";
    struct script_list list = {0};
    struct script_error error;

    assert_true(script_read(&list, "t", text, &error));
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
        struct suite_settings settings = {.timeout_scale = 1, .jobs = 1};
        struct suite_run run;
        snprintf(settings.build.server_cmd, sizeof settings.build.server_cmd,
                 "sh -c '%s' %s {port}", daemons[i].command, (const char *)*state);
        suite_run_case(list.at[0], &settings, false, &run);
        if (run.cause != SIM_OK)
            fail_msg("%s: %s: %s", daemons[i].name, sim_cause_word(run.cause),
                     text_string(&run.got));
        suite_run_fini(&run);
    }
    script_list_fini(&list);
}

/* $0 is this program, $1 the port; it ends with status 7. */
static const struct daemon_row callers[] = {
    {"in the foreground", "exec $0 --call $1"               },
    {"in the background", "$0 --call $1 &"                  },
    {"two forks",         "(setsid $0 --call $1 &) &"       },
    {"late",              "(sleep 0.3; exec $0 --call $1) &"},
    {"below a wrapper",   "$0 --call $1; exit $?"           },
};

/* A client that a wrapper leaves in the background is the subject: how that one ends counts. */
static void test_subject_that_calls_from_the_background_is_followed(void **state)
{
    static const char text[] = "case x\nclause CLOSE-13\nplays server\n\n"
                               "advance PARAM_EXCHANGE\nclose\nexpect exit 7\n";
    struct script_list list = {0};
    struct script_error error;

    assert_true(script_read(&list, "t", text, &error));
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        struct suite_settings settings = {.timeout_scale = 1, .jobs = 1};
        struct suite_run run;
        snprintf(settings.build.client_cmd, sizeof settings.build.client_cmd,
                 "sh -c '%s' %s {port}", callers[i].command, (const char *)*state);
        suite_run_case(list.at[0], &settings, false, &run);
        if (run.cause != SIM_OK)
            fail_msg("%s: %s: %s", callers[i].name, sim_cause_word(run.cause),
                     text_string(&run.got));
        suite_run_fini(&run);
    }
    script_list_fini(&list);
}

static const struct row {
    const char *name, *command;
    enum sim_cause cause;
    const char *got;
} rows[] = {
    {"true",       "true; :",                                 SIM_EXIT,       "ended with status 0, and printed nothing"    },
    {"false",      "false; exit 1; :",                        SIM_EXIT,       "ended with status 1, and printed nothing"    },
    {"says",       "echo no >&2; exit 2; :",                  SIM_EXIT,       "ended with status 2, and printed \"no\""     },
    {"says below", "echo; echo no; exit 2; :",                SIM_EXIT,       "ended with status 2, and printed \"no\""     },
    {"blank",      "echo; echo; exit 2; :",                   SIM_EXIT,       "ended with status 2, and printed empty lines"},
    {"crash",      "kill -SEGV $$; :",                        SIM_CRASH,      "was killed by SIGSEGV"                       },
    {"below",      "sh -c \"kill -SEGV \\$\\$; :\"; exit $?", SIM_CRASH,      "was killed by SIGSEGV"                       },
    {"killed",     "kill -KILL $$; :",                        SIM_TROUBLE,    "was killed by SIGKILL"                       },
    {"sleep",      "sleep 100; :",                            SIM_NO_SERVICE, "runs on, and printed nothing"                },
    {"yes",        "yes; :",                                  SIM_NO_SERVICE, "runs on, and printed \"y\" and more"         },
    {"nothing",    "/nowhere/iperf3; exit 127; :",            SIM_EXIT,       "ended with status 127"                       },
};

/* Programs that are no iperf3 server: clear, different verdicts within bounded time. */
static void test_suite_run_case_tells_what_is_no_server(void **state)
{
    struct script_list list = {0};
    struct script_error error;

    (void)state;
    assert_true(script_read(&list, "t", "case x\nclause ST-1\nplays client\n\nfinish\n", &error));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct suite_settings settings = {.timeout_scale = 0.03, .jobs = 1};
        struct suite_run run;
        snprintf(settings.build.server_cmd, sizeof settings.build.server_cmd, "sh -c '%s'",
                 rows[i].command);
        suite_run_case(list.at[0], &settings, false, &run);
        if (run.cause != rows[i].cause || !strstr(text_string(&run.got), rows[i].got))
            fail_msg("%s: %s: %s", rows[i].name, sim_cause_word(run.cause), text_string(&run.got));
        suite_run_fini(&run);
    }
    script_list_fini(&list);
}

/* --- what comes of the service check ------------------------------------------------------------
 */

static int (*how_to_end)(void); /* behind its second session */

static void end_behind_the_second(void)
{
    static int sessions;

    if (++sessions < 2)
        return;
    for (clock_t until = clock() + CLOCKS_PER_SEC / 50; clock() < until;)
        ; /* the harness has all of its session by now */
    _exit(how_to_end());
}

static int say_1(void)
{
    return 1;
}

static int say_nothing(void)
{
    return 0;
}

static int be_killed(void)
{
    return raise(SIGABRT);
}

static const struct dying_row {
    const char *name;
    int (*how)(void);
    enum sim_cause cause;
    const char *got;
} dying[] = {
    {"status-1", say_1,       SIM_EXIT,  "ended by itself, status 1"},
    {"status-0", say_nothing, SIM_EXIT,  "ended by itself, status 0"},
    {"crash",    be_killed,   SIM_CRASH, "killed by SIGABRT"        },
};

static int be_dying(const char *name, unsigned port)
{
    for (size_t i = 0; i < ARRAY_LEN(dying); i++)
        if (strcmp(name, dying[i].name) == 0)
            how_to_end = dying[i].how;
    return serve_honestly(port, end_behind_the_second);
}

/* The second session is that of the service check, the script's own or the one behind a case; who
 * served it and ends thereupon was not told to. */
static void test_suite_run_case_sees_who_ends_behind_the_service_check(void **state)
{
    static const char *const texts[] = {"case x\nclause INT-3\nplays client\n\nfinish\n",
                                        "case x\nclause INT-3\nplays client\n\nfinish\n"
                                        "expect alive\n"};

    for (size_t i = 0; i < ARRAY_LEN(dying) * ARRAY_LEN(texts); i++) {
        const struct dying_row *row = &dying[i % ARRAY_LEN(dying)];
        struct suite_settings settings = {.timeout_scale = 1, .jobs = 1};
        struct script_list list = {0};
        struct script_error error;
        struct suite_run run;
        assert_true(script_read(&list, "t", texts[i / ARRAY_LEN(dying)], &error));
        snprintf(settings.build.server_cmd, sizeof settings.build.server_cmd,
                 "%s --dying %s {port}", (const char *)*state, row->name);
        suite_run_case(list.at[0], &settings, false, &run);
        if (run.cause != row->cause || !strstr(text_string(&run.got), row->got))
            fail_msg("%s: %s: %s", row->name, sim_cause_word(run.cause), text_string(&run.got));
        suite_run_fini(&run);
        script_list_fini(&list);
    }
}

/* A client that says its cookie, and ends with status 7 once the server is gone. */
static int call(unsigned port)
{
    static const char cookie[37] = "abcdefghijklmnopqrstuvwxyz2345672345";
    struct sockaddr_storage at;
    socklen_t len;
    char byte;
    int fd = sim_address("127.0.0.1", port, &at, &len) ? socket(AF_INET, SOCK_STREAM, 0) : -1;

    if (connect(fd, (struct sockaddr *)&at, len) < 0 || send(fd, cookie, sizeof cookie, 0) < 0)
        return 9;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    return 7;
}

int main(int argc, char **argv)
{
    char self[1024];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject_start_says_why_a_program_cannot_be_run),
        cmocka_unit_test(test_subject_identify_sums_what_libtools_script_runs),
        cmocka_unit_test(test_subject_turn_keeps_output_and_status),
        cmocka_unit_test(test_subject_tells_a_crash),
        cmocka_unit_test(test_subject_turn_bounds_the_output),
        cmocka_unit_test(test_subject_report_finds_it),
        cmocka_unit_test(test_subject_start_has_sanitizers_report_on_stderr),
        cmocka_unit_test(test_subject_argv_divides_options),
        cmocka_unit_test(test_subject_argv_fills_templates),
        cmocka_unit_test(test_subject_start_runs_any_line_of_a_shell),
        cmocka_unit_test(test_subject_listens_tells_whose_port_it_is),
        cmocka_unit_test_prestate(test_subject_port_is_where_it_listens, self),
        cmocka_unit_test_prestate(test_subject_that_is_a_daemon_is_followed, self),
        cmocka_unit_test_prestate(test_subject_that_calls_from_the_background_is_followed, self),
        cmocka_unit_test(test_suite_run_case_tells_what_is_no_server),
        cmocka_unit_test_prestate(test_suite_run_case_sees_who_ends_behind_the_service_check, self),
    };

    if (argc == 3 && strcmp(argv[1], "--call") == 0)
        return call((unsigned)strtoul(argv[2], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "--dying") == 0)
        return be_dying(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    if (argc == 3 && (strcmp(argv[1], "--daemon") == 0 || strcmp(argv[1], "--server") == 0))
        return be_server(strcmp(argv[1], "--daemon") == 0, (unsigned)strtoul(argv[2], NULL, 10));
    self[MAX(len, 0)] = '\0';
    return cmocka_run_group_tests(tests, NULL, NULL);
}
