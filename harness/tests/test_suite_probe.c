/* test_suite_probe.c - programs that are no iperf3 are told apart in one line each, in bounded
 * time, and leave nothing behind. */
#include "harness/suite/suite.h"
#include "harness/tests/honest_server.h"
#include "impl/tests/unit.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SCALE   0.03 /* of the deadlines */
#define CALLING 0.1  /* the same, where a client of ours has that long to start and connect */
#define LIMIT_S 30   /* for each of them; generous */

/* --- what is started ------------------------------------------------------------------------- */

static void __attribute__((noreturn)) print_without_end(void)
{
    static char text[4096];

    memset(text, 'y', sizeof text);
    while (write(1, text, sizeof text) > 0)
        ;
    _exit(0);
}

static void __attribute__((noreturn)) fork_and_wait(void)
{
    for (int i = 0; i < 100 && fork() > 0; i++)
        ;
    setsid();
    poll(NULL, 0, LIMIT_S * 1000);
    _exit(0);
}

/* What one who listens does with a connection. */
static const struct trade {
    const char *name, *says;
    bool accepts, closes;
    const char *address;
} trades[] = {
    {"never-accepts", "",                           false, false, "127.0.0.1"},
    {"closes",        "",                           true,  true,  "127.0.0.1"},
    {"silent",        "",                           true,  false, "127.0.0.1"},
    {"half",          "\x09",                       true,  false, "127.0.0.1"},
    {"mail",          "220 mail.example ESMTP\r\n", true,  false, "127.0.0.1"},
    {"denies",        "\xff",                       true,  true,  "127.0.0.1"},
    {"elsewhere",     "",                           false, false, "::1"      },
};

static int ply(const struct trade *trade, unsigned port)
{
    struct sim_listener l;
    struct pollfd fd = {.events = POLLIN};

    if (!sim_listen(&l, trade->address, port))
        return 9;
    fd.fd = trade->accepts ? l.tcp : -1;
    while (poll(&fd, 1, LIMIT_S * 1000) == 1) {
        int c = accept(l.tcp, NULL, NULL);
        if (c >= 0 && send(c, trade->says, strlen(trade->says), MSG_NOSIGNAL) < 0)
            return 9;
        if (trade->closes)
            close(c);
    }
    return 0;
}

/* The same state again and again. */
static int flood(unsigned port)
{
    static char states[60000];
    struct sim_listener l;

    memset(states, 0x09, sizeof states);
    if (!sim_listen(&l, "127.0.0.1", port))
        return 9;
    for (;;) {
        struct pollfd fd = {.fd = l.tcp, .events = POLLIN};
        poll(&fd, 1, LIMIT_S * 1000);
        int c = accept(l.tcp, NULL, NULL);
        while (send(c, states, sizeof states, MSG_NOSIGNAL) > 0)
            ;
        close(c);
    }
}

static void crash(int signo)
{
    (void)signo;
    abort();
}

/* A server with nothing wrong until it is told to end. */
static int serve(unsigned port)
{
    signal(SIGTERM, crash);
    return serve_honestly(port, NULL);
}

/* What one who connects does with the connection. */
static const struct errand {
    const char *name, *says;
    size_t len; /* of what it says */
    bool closes, crashes;
} errands[] = {
    {"caller-silent",  "",                                            0,  false, false},
    {"caller-half",    "abc",                                         3,  false, false},
    {"caller-halfway", "abc",                                         3,  true,  false},
    {"caller-web",     "GET / HTTP/1.1\r\nHost: www.example.org\r\n", 39, false, false},
    {"caller-cookie",  "abcdefghijklmnopqrstuvwxyz2345672345",        37, false, false},
    {"caller-closes",  "",                                            0,  true,  false},
    {"caller-crashes", "",                                            0,  false, true },
};

static int run_errand(const struct errand *errand, unsigned port)
{
    struct sockaddr_storage at;
    socklen_t len;

    if (errand->crashes)
        abort();
    int fd = sim_address("127.0.0.1", port, &at, &len) ? socket(AF_INET, SOCK_STREAM, 0) : -1;
    if (connect(fd, (struct sockaddr *)&at, len) < 0 ||
        send(fd, errand->says, errand->len, MSG_NOSIGNAL) < 0)
        return 9;
    if (errand->closes)
        close(fd);
    return poll(NULL, 0, LIMIT_S * 1000);
}

static int be(const char *what, unsigned port)
{
    for (size_t i = 0; i < ARRAY_LEN(errands); i++)
        if (strcmp(what, errands[i].name) == 0)
            return run_errand(&errands[i], port);
    for (size_t i = 0; i < ARRAY_LEN(trades); i++)
        if (strcmp(what, trades[i].name) == 0)
            return ply(&trades[i], port);
    if (strcmp(what, "floods") == 0)
        return flood(port);
    if (strcmp(what, "crashes-at-its-end") == 0)
        return serve(port);
    if (strcmp(what, "prints") == 0)
        print_without_end();
    fork_and_wait();
}

/* --- the test -------------------------------------------------------------------------------- */

static const struct row {
    const char *command; /* after our own path where it begins with -- */
    const char *says;
} rows[] = {
    {"true",                      "ended with status 0, and printed nothing"   },
    {"false",                     "ended with status 1, and printed nothing"   },
    {"sleep 100; :",              "runs on, and printed nothing"               },
    {"cat",                       "ended with status 0, and printed nothing"   },
    {"yes",                       "runs on, and printed \"y\" and more"        },
    {"/bin/ls {port}",            "ended with status 2, and printed \"/bin/ls" },
    {"--be prints {port}",        "runs on, and printed \"yyyy"                },
    {"--be forks {port}",         "runs on, and printed nothing"               },
    {"--be never-accepts {port}", "nothing in time where PARAM_EXCHANGE is due"},
    {"--be closes {port}",        "instead of 09 PARAM_EXCHANGE"               },
    {"--be silent {port}",        "nothing in time where PARAM_EXCHANGE is due"},
    {"--be half {port}",          "CREATE_STREAMS"                             },
    {"--be mail {port}",          "32 (no state of iperf3's) instead of 09"    },
    {"--be denies {port}",        "ACCESS_DENIED"                              },
    {"--be floods {port}",        "09 PARAM_EXCHANGE"                          },
    {"--be elsewhere {port}",     "where the port is listened on at ::1"       },
};

static const struct row clients[] = {
    {"sleep 100; :",               "client: the client runs on and does not connect, and printed nothing"},
    {"yes y; :",                   "runs on and does not connect, and printed \"y\" and more"            },
    {"true",                       "ended before it connected, with status 0, and printed nothing"       },
    {"false",                      "ended before it connected, with status 1, and printed nothing"       },
    {"cat",                        "ended before it connected, with status 1, and printed \"cat: "       },
    {"--be caller-crashes {port}", "client: the subject was killed by SIGABRT"                           },
    {"--be caller-silent {port}",  "the client connected, and said nothing"                              },
    {"--be caller-half {port}",    "sent no more than 3 of the 37 bytes of a cookie: \"abc\""            },
    {"--be caller-halfway {port}", "closed its connection behind 3 bytes, where a cookie"                },
    {"--be caller-web {port}",     "the client sent something else where a cookie"                       },
    {"--be caller-cookie {port}",  "nothing in time where the message with the parameters is due"        },
    {"--be caller-closes {port}",  "closed its connection without a byte, where a cookie"                },
};

static void check(const struct row *row, bool is_client, const char *self,
                  const struct script_list *list)
{
    bool is_own = strncmp(row->command, "--", 2) == 0;
    struct suite_settings settings = {.timeout_scale = is_own && is_client ? CALLING : SCALE,
                                      .jobs = 1};
    struct subject_build *b = &settings.build;
    struct text why = {0};
    time_t began = time(NULL);

    snprintf(is_client ? b->client_cmd : b->server_cmd, sizeof b->server_cmd, "%s %s",
             is_own ? self : "", row->command);
    bool ok = suite_probe(&settings, list, &why) >= SUITE_REFUSES;
    if (ok || !strstr(text_string(&why), row->says) || strchr(text_string(&why), '\n'))
        fail_msg("%s: %s", row->command, text_string(&why));
    assert_in_range(time(NULL) - began, 0, LIMIT_S);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left below us */
    text_fini(&why);
}

static void test_suite_probe_tells_what_is_no_server(void **state)
{
    struct script_list list = {0};
    struct script_error error;

    assert_true(script_read(&list, "t", "case x\nclause ST-1\nplays client\n\nfinish\n", &error));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], false, *state, &list);
    script_list_fini(&list);
}

static void test_suite_probe_tells_what_is_no_client(void **state)
{
    struct script_list list = {0};
    struct script_error error;

    assert_true(script_read(&list, "t", "case x\nclause ST-1\nplays server\n\nfinish\n", &error));
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        check(&clients[i], true, *state, &list);
    script_list_fini(&list);
}

/* The cases are there to tell what such a one does. */
static void test_suite_probe_lets_one_pass_that_crashes_at_its_end(void **state)
{
    struct suite_settings settings = {.timeout_scale = 1, .jobs = 1};
    struct subject_build *b = &settings.build;
    struct script_list list = {0};
    struct script_error error;
    struct suite_run run;
    struct text why = {0};

    assert_true(script_read(&list, "t", "case x\nclause ST-1\nplays client\n\nfinish\n", &error));
    snprintf(b->server_cmd, sizeof b->server_cmd, "%s --be crashes-at-its-end {port}",
             (const char *)*state);
    if (suite_probe(&settings, &list, &why) < SUITE_REFUSES)
        fail_msg("%s", text_string(&why));
    suite_run_case(list.at[0], &settings, false, &run);
    assert_int_equal(run.cause, SIM_CRASH);
    assert_string_equal(text_string(&run.got),
                        "the subject was killed by SIGABRT when it was told to end");
    suite_run_fini(&run);
    script_list_fini(&list);
}

/* --- a server that runs already -------------------------------------------------------------- */

#define AWAY_MS 200

/* Reset who comes first, be away, serve: as a stock server that opens its listener anew. */
static pid_t start_reopening(unsigned *port)
{
    struct linger at_once = {.l_onoff = 1};
    struct sim_listener l;

    assert_true(sim_listen(&l, "127.0.0.1", 0));
    *port = l.port;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        poll(&(struct pollfd){.fd = l.tcp, .events = POLLIN}, 1, LIMIT_S * 1000);
        int c = accept(l.tcp, NULL, NULL);
        setsockopt(c, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(c);
        sim_listener_close(&l);
        poll(NULL, 0, AWAY_MS);
        _exit(serve_honestly(*port, NULL));
    }
    assert_true(pid > 0);
    sim_listener_close(&l);
    return pid;
}

static void end_reopening(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_suite_serves_waits_for_a_listener_that_is_opened_anew(void **state)
{
    struct suite_settings settings = {.timeout_scale = 1, .jobs = 1};
    unsigned port;
    pid_t pid = start_reopening(&port);
    char at[32];

    (void)state;
    snprintf(at, sizeof at, "127.0.0.1:%u", port);
    settings.remote = at;
    assert_true(suite_serves(&settings));
    end_reopening(pid);
}

/* CONN-5 is about iperf3, and only who says that a server is none can do without. */
static void test_suite_run_case_takes_a_server_that_nobody_named_for_a_stock_one(void **state)
{
    static const struct {
        const char *profile;
        enum sim_cause cause;
    } servers[] = {
        {NULL,            SIM_OK  },
        {"iperf/3.12",    SIM_OK  },
        {"any",           SIM_MISS},
        {"iperfref/3.22", SIM_MISS}
    };
    struct script_list list = {0};
    struct script_error error;
    struct suite_run run;
    char at[32];

    (void)state;
    assert_true(script_read(&list, "t", "case x\nclause ST-1\nplays client\n\nfinish\n", &error));
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        struct suite_settings settings = {.timeout_scale = 1, .jobs = 1};
        struct text note = {0}, why = {0};
        unsigned port;
        pid_t pid = start_reopening(&port);
        snprintf(at, sizeof at, "127.0.0.1:%u", port);
        settings.remote = at;
        assert_true(suite_choose_profile(&settings.build, servers[i].profile, &note, &why));
        suite_run_case(list.at[0], &settings, false, &run);
        if (run.cause != servers[i].cause)
            fail_msg("%s: %s", servers[i].profile, text_string(&run.got));
        suite_run_fini(&run);
        text_fini(&note);
        end_reopening(pid);
    }
    script_list_fini(&list);
}

int main(int argc, char **argv)
{
    char self[1024];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_suite_probe_tells_what_is_no_server, self),
        cmocka_unit_test_prestate(test_suite_probe_tells_what_is_no_client, self),
        cmocka_unit_test(test_suite_serves_waits_for_a_listener_that_is_opened_anew),
        cmocka_unit_test(test_suite_run_case_takes_a_server_that_nobody_named_for_a_stock_one),
        cmocka_unit_test_prestate(test_suite_probe_lets_one_pass_that_crashes_at_its_end, self),
    };

    if (argc >= 4 && strcmp(argv[1], "--be") == 0)
        return be(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    self[MAX(len, 0)] = '\0';
    subject_adopt_orphans();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
