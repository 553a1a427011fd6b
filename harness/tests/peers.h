/* peers.h - what the tests of the simulator share: it plays against peers of our own. */
#pragma once
#include "harness/session/clock.h"
#include "harness/sim/sim.h"
#include "harness/tests/raw.h"

#include <sys/wait.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

/* A server in a process of its own: what it does at its listener. */
typedef void server(const struct sim_listener *there, const void *how);

static void play_as_server(const struct sim_listener *there, const void *steps)
{
    struct script_list list = read_steps("server", steps);
    struct sim_config config = {.script = list.at[0], .timeout_scale = 1, .listener = there};
    struct sim_outcome outcome;

    sim_run(&config, &outcome);
    if (outcome.cause != SIM_OK)
        print_error("the server: %s: %s\n", text_string(&outcome.step), text_string(&outcome.got));
    _exit(outcome.cause == SIM_OK ? 0 : 1);
}

/* The steps, as client, against a server that this process watches as if it were `process` (NULL:
 * out of reach). */
static void play_client(const char *steps, server *serve, const void *how,
                        const struct sim_process *process, struct sim_outcome *outcome)
{
    struct script_list list = read_steps("client", steps);
    struct sim_config config = {.script = list.at[0],
                                .timeout_scale = 1,
                                .may_retry = true,
                                .was_used = true,
                                .process = process};
    struct sim_listener there;
    int status;

    assert_true(sim_listen(&there, "127.0.0.1", 0));
    assert_true(sim_address("127.0.0.1", there.port, &config.server, &config.server_len));
    pid_t pid = fork();
    if (pid == 0)
        serve(&there, how);
    assert_true(pid > 0);
    sim_run(&config, outcome);
    if (outcome->cause != SIM_OK)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    sim_listener_close(&there);
    if (outcome->cause == SIM_OK)
        assert_int_equal(status, 0);
    script_list_fini(&list);
}
