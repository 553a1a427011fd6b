/* test_connect.c - a connect is repeated where a server may be opening its listener anew (CONN-5),
 * and nowhere else. */
#include "harness/sim/sim.h"

#include "impl/tests/unit.h"

#include <signal.h>
#include <unistd.h>

struct fault {
    const char *name, *script;
    bool refuses; /* nobody listens; else one does, who goes before the connection is accepted */
    bool may_retry, was_used;
    bool dies; /* and does not come back, for its process ends */
    enum tap_kind when;
    enum sim_cause cause;
    unsigned retries;
};

struct server {
    const struct fault *fault;
    struct sim_listener at;
    unsigned asked; /* connections */
    bool is_dead;
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

/* By the time a third connect is tried. */
static bool ended(void *context, int *wait_status)
{
    struct server *server = context;

    *wait_status = SIGABRT; /* a signal's number is the whole of it */
    return server->is_dead;
}

static void listen_again(struct server *server)
{
    assert_true(sim_listen(&server->at, "127.0.0.1", server->at.port));
}

/* At TAP_OPEN between connect() and the look at what became of it. */
static void fail_the_first(void *context, const struct tap_event *event)
{
    struct server *server = context;

    server->asked += event->kind == TAP_OPEN;
    if (event->kind == server->fault->when && server->asked == 1 && !server->fault->refuses) {
        struct pollfd fd = {.fd = server->at.tcp, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 60000), 1); /* it waits to be accepted */
        sim_listener_close(&server->at);
        if (!server->fault->dies)
            listen_again(server);
    } else if (event->kind == TAP_OPEN && server->asked == 3) {
        server->is_dead = server->fault->dies;
    } else if (event->kind == TAP_RESET && server->fault->refuses && server->asked == 1) {
        listen_again(server);
    }
}

static void check(const struct fault *fault)
{
    struct script_list list = {0};
    struct script_error e;
    struct server server = {.fault = fault};
    struct sim_tap tap = {.context = &server, .event = fail_the_first};
    struct sim_process process = {.context = &server, .watch = watch, .turn = turn, .ended = ended};
    struct sim_config config = {.timeout_scale = 1,
                                .process = fault->dies ? &process : NULL,
                                .tap = &tap,
                                .may_retry = fault->may_retry,
                                .was_used = fault->was_used};
    struct sim_outcome outcome;

    assert_true(script_read(&list, "t", fault->script, &e));
    config.script = list.at[0];
    assert_true(sim_listen(&server.at, "127.0.0.1", 0));
    assert_true(sim_address("127.0.0.1", server.at.port, &config.server, &config.server_len));
    if (fault->refuses)
        sim_listener_close(&server.at);
    sim_run(&config, &outcome);
    if (outcome.cause != fault->cause || outcome.retries != fault->retries || outcome.connects != 1)
        fail_msg("%s: %s, %u repeated: %s", fault->name, sim_cause_word(outcome.cause),
                 outcome.retries, text_string(&outcome.got));
    sim_listener_close(&server.at);
    sim_outcome_fini(&outcome);
    script_list_fini(&list);
}

#define OPEN  "case x\nclause ST-1\nplays client\n\nopen\n"
#define ALIEN "case x\nclause ST-1\nplays client\n\nopen a from 192.0.2.1\na finish\n"
#define GREET "case x\nclause ST-1\nplays client\n\nadvance PARAM_EXCHANGE\n"

static const struct fault faults[] = {
    {"CONN-5 refused",               OPEN,  true,  true,  true,  false, TAP_OPEN, SIM_OK,      1},
    {"CONN-5 reset",                 OPEN,  false, true,  true,  false, TAP_OPEN, SIM_OK,      1},
    {"refused, not stock",           OPEN,  true,  false, true,  false, TAP_OPEN, SIM_MISS,    0},
    {"an address not ours",          ALIEN, true,  true,  true,  false, TAP_OPEN, SIM_TROUBLE, 0},
    {"reset, not stock",             OPEN,  false, false, true,  false, TAP_OPEN, SIM_MISS,    0},
    {"refused, before any session",  OPEN,  true,  true,  false, false, TAP_OPEN, SIM_MISS,    0},
    {"reset, before any session",    OPEN,  false, true,  false, false, TAP_OPEN, SIM_MISS,    0},
    {"reset when up, before any",    GREET, false, true,  false, false, TAP_UP,   SIM_MISS,    0},
    {"CONN-5, its process is dying", GREET, false, true,  true,  true,  TAP_OPEN, SIM_CRASH,   0},
    {"CONN-5, dying when it was up", GREET, false, true,  true,  true,  TAP_UP,   SIM_CRASH,   0},
};

static void test_connect_is_repeated_only_where_a_listener_is_opened_anew(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        check(&faults[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_is_repeated_only_where_a_listener_is_opened_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
