/* test_deviation.c - a change that does not fit the honest message is the script's mistake, and
 * never held against the subject. */
#include "harness/sim/sim.h"

#include "impl/tests/unit.h"
#include "impl/wire/state.h"

#include <sys/socket.h>
#include <unistd.h>

struct server {
    struct sim_listener at;
    int fd;
};

/* Asks for the parameters as soon as somebody connects. */
static void ask_for_params(void *context, const struct tap_event *event)
{
    struct server *server = context;
    const char asks = PARAM_EXCHANGE;

    if (event->kind != TAP_OPEN)
        return;
    struct pollfd fd = {.fd = server->at.tcp, .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 60000), 1);
    server->fd = accept(server->at.tcp, NULL, NULL);
    assert_int_equal(send(server->fd, &asks, 1, MSG_NOSIGNAL), 1);
}

static void check(const char *steps)
{
    struct script_list list = {0};
    struct script_error e;
    struct text source = {0};
    struct server server = {.fd = -1};
    struct sim_tap tap = {.context = &server, .event = ask_for_params};
    struct sim_config config = {.timeout_scale = 1, .tap = &tap};
    struct sim_outcome outcome;

    text_addf(&source, "case x\nclause ST-1\nplays client\n\n%s\n", steps);
    assert_true(script_read(&list, "t", text_string(&source), &e));
    config.script = list.at[0];
    assert_true(sim_listen(&server.at, "127.0.0.1", 0));
    assert_true(sim_address("127.0.0.1", server.at.port, &config.server, &config.server_len));
    sim_run(&config, &outcome);
    if (outcome.cause != SIM_TROUBLE ||
        strcmp(text_string(&outcome.got), "the honest message has nothing at none") != 0)
        fail_msg("%s: %s: %s", steps, sim_cause_word(outcome.cause), text_string(&outcome.got));
    close(server.fd);
    sim_listener_close(&server.at);
    sim_outcome_fini(&outcome);
    script_list_fini(&list);
    text_fini(&source);
}

static void test_deviation_that_does_not_fit_is_no_fault_of_the_subject(void **state)
{
    (void)state;
    check("wire params.none as \"NONE\"\nadvance CREATE_STREAMS");
    check("wire params.none twice\nfinish");
    check("wire params.none as \"NONE\"\nadvance PARAM_EXCHANGE\nsend params");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deviation_that_does_not_fit_is_no_fault_of_the_subject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
