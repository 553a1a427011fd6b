/* test_sim_surplus.c - what a client opens: if no step asks for it, that fails the case; if it has
 * ended since, it is heard all the same. */
#include "harness/sim/sim.h"
#include "harness/tests/raw.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The client, in a process of its own. */
struct kid {
    pid_t pid;
    bool is_over;
    int status;
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
    struct kid *kid = context;

    kid->is_over = kid->is_over || waitpid(kid->pid, &kid->status, WNOHANG) == kid->pid;
    *status = kid->status;
    return kid->is_over;
}

static void play_as_client(const struct sim_listener *there, const char *steps)
{
    struct script_list list = read_steps("client", steps);
    struct sim_config config = {.script = list.at[0], .timeout_scale = 1};
    struct sim_outcome outcome;

    if (!sim_address("127.0.0.1", there->port, &config.server, &config.server_len))
        _exit(2);
    sim_run(&config, &outcome);
    _exit(0); /* how it fares is not the question */
}

/* is_late: the client has said all, and has ended, before anybody looks. */
static void play_server(const char *steps, const char *client, bool is_late,
                        struct sim_outcome *outcome)
{
    struct script_list list = read_steps("server", steps);
    struct kid kid = {0};
    struct sim_process process = {.context = &kid, .watch = watch, .turn = turn, .ended = ended};
    struct sim_listener here;
    struct sim_config config = {
        .script = list.at[0], .timeout_scale = 1, .listener = &here, .process = &process};
    int status;

    assert_true(sim_listen(&here, "127.0.0.1", 0));
    kid.pid = fork();
    if (kid.pid == 0)
        play_as_client(&here, client);
    assert_true(kid.pid > 0);
    if (is_late)
        assert_true(waitpid(kid.pid, &kid.status, 0) == kid.pid);
    kid.is_over = is_late;
    sim_run(&config, outcome);
    sim_listener_close(&here);
    if (!ended(&kid, &status)) {
        kill(kid.pid, SIGKILL);
        waitpid(kid.pid, &status, 0);
    }
    script_list_fini(&list);
}

#define UNASKED "one stream more than was asked for, with this test's cookie (asked for: 1, "
#define OTHER   "a connection that no step asked for, "
#define RUNNING "\nadvance TEST_RUNNING\n"
#define UDP     "params { \"udp\": true }\n"
#define TWO     "params { \"parallel\": 2 }\n"

static const struct row {
    const char *name;
    unsigned line;
    const char *got; /* NULL: as expected */
    const char *server, *client;
} rows[] = {
    {"as agreed",                     0, NULL,                                                "\nfinish",                                          TWO "\nfinish"                         },
    {"one more",                      0, UNASKED,                                             RUNNING "close",                                     RUNNING "stream 3 open\nexpect end"    },
    {"one more than two",             0,
     "one stream more than was asked for, with this test's cookie (asked for: 2, taken: 2)",  RUNNING "close",                                     TWO RUNNING "stream 4 open\nexpect end"},
    {"while nothing is expected",     6, UNASKED,                                             RUNNING "expect nothing for 60s",
     RUNNING "stream 3 open\nexpect end"                                                                                                                                                  },
    {"a script that takes none",      0, NULL,                                                "\nadvance CREATE_STREAMS\nclose",
     "\nadvance CREATE_STREAMS\nstream 1 open\nexpect end"                                                                                                                                },
    {"asked for twice",               0, NULL,                                                RUNNING "send state CREATE_STREAMS\nclose",
     RUNNING "stream 3 open\nexpect state CREATE_STREAMS\nexpect end"                                                                                                                     },
    {"ignored",                       0, NULL,                                                "\nignore stream 3" RUNNING "close",                 RUNNING "stream 3 open\nexpect end"    },
    {"another one is ignored",        0, UNASKED,                                             "\nignore stream 4" RUNNING "close",
     RUNNING "stream 3 open\nexpect end"                                                                                                                                                  },
    {"taken by a step",               0, NULL,                                                "\nwire streams = 2" RUNNING "close",
     "\nwire streams = 2" RUNNING "expect end"                                                                                                                                            },
    {"another cookie",                0, OTHER "with another cookie than this test's",        RUNNING "close",
     RUNNING "open b tcp\nb send cookie\nexpect end"                                                                                                                                      },
    {"another cookie, ignored",       0, NULL,                                                "\nignore stream 3 with any cookie" RUNNING "close",
     RUNNING "open b tcp\nb send cookie\nexpect end"                                                                                                                                      },
    {"no cookie",                     0, OTHER "with something else than a cookie",           RUNNING "close",
     RUNNING "open b tcp\nb send text 'GET /'\nexpect end"                                                                                                                                },
    {"no byte",                       0, OTHER "on which nothing came",                       RUNNING "close",
     RUNNING "open b tcp\nexpect end"                                                                                                                                                     },
    {"stopped before its cookie",     0, NULL,                                                "\nadvance CREATE_STREAMS\nclose",
     "\nadvance CREATE_STREAMS\nopen b tcp\nexpect end"                                                                                                                                   },
    {"a second test",                 0, OTHER "with another cookie",                         "\nfinish",
     "\nfinish\nopen b\nb send cookie"                                                                                                                                                    },
    {"a script that awaits nobody",   0, NULL,                                                "\npause 300ms",                                     "\nsend cookie"                        },
    {"UDP as agreed",                 0, NULL,                                                RUNNING "close",                                     UDP RUNNING "expect end"               },
    {"UDP, one more",                 0, "datagrams from one port more than was asked for, ", RUNNING "close",
     UDP RUNNING "stream 3 open\nexpect end"                                                                                                                                              },
    {"UDP, ignored",                  0, NULL,                                                "\nignore stream 3" RUNNING "close",
     UDP RUNNING "stream 3 open\nexpect end"                                                                                                                                              },
    {"UDP, a script that takes none", 0, NULL,                                                "\nadvance CREATE_STREAMS\nclose",
     UDP "\nadvance CREATE_STREAMS\nstream 1 open\nexpect end"                                                                                                                            },
};

static void test_what_no_step_asks_for_fails_the_case(void **state)
{
    bool all = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct sim_outcome outcome;
        play_server(row->server, row->client, false, &outcome);
        const char *got = text_string(&outcome.got);
        bool ok = row->got ? outcome.cause == SIM_MISS && outcome.line == row->line &&
                                 strncmp(got, row->got, strlen(row->got)) == 0
                           : outcome.cause == SIM_OK;
        if (!ok)
            all = false, print_error("%s: line %u: %s\n", row->name, outcome.line, got);
        sim_outcome_fini(&outcome);
    }
    assert_true(all);
}

/* Its end shows before its connection does. */
static void test_a_client_that_has_ended_meanwhile_is_heard(void **state)
{
    struct sim_outcome outcome;

    (void)state;
    play_server("\nopen\nexpect end", "\nsend cookie\nclose", true, &outcome);
    if (outcome.cause != SIM_OK)
        fail_msg("%s", text_string(&outcome.got));
    sim_outcome_fini(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_no_step_asks_for_fails_the_case),
        cmocka_unit_test(test_a_client_that_has_ended_meanwhile_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
