/* test_raw_wire.c - a session as a script: on the wire the same bytes, in the same writes. */
#include "harness/tests/monologue.h"
#include "harness/tests/raw.h"

#include "harness/sim/sim.h"

#include <sys/wait.h>
#include <unistd.h>

/* What we wrote: each flow its bytes, with a mark at the end of each write. */
struct wire {
    struct flow {
        char who[24];
        int64_t stream;
        struct text bytes;
    } at[16];
    size_t n;
};

static struct text *flow_of(struct wire *wire, const char *who, int64_t stream)
{
    for (size_t i = 0; i < wire->n; i++)
        if (strcmp(wire->at[i].who, who) == 0 && wire->at[i].stream == stream)
            return &wire->at[i].bytes;
    assert_true(wire->n < ARRAY_LEN(wire->at));
    snprintf(wire->at[wire->n].who, sizeof wire->at[0].who, "%s", who);
    wire->at[wire->n].stream = stream;
    return &wire->at[wire->n++].bytes;
}

static void note_write(void *context, const struct tap_event *e)
{
    if (e->kind != TAP_BYTES || e->from != SESSION_US)
        return;
    struct text *flow = flow_of(context, e->flow->who, e->flow->stream);
    text_add_hex(flow, e->bytes, SIZE_MAX);
    text_adds(flow, e->flow->stream && !e->flow->udp ? " " : "|"); /* streams are written at will */
}

static void wire_fini(struct wire *wire)
{
    for (size_t i = 0; i < wire->n; i++)
        text_fini(&wire->at[i].bytes);
}

/* What the messages say that is to be written on the connection. */
static void expected_writes(const struct session *s, const char *who, struct text *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct session_message *m = &s->messages[i];
        struct text bytes = {0};
        size_t cut = 0;
        if (m->from != SESSION_US || m->stream || strcmp(m->who, who) != 0)
            continue;
        session_encode(m, &bytes);
        for (size_t k = 0; k < bytes.len; k++) {
            bool is_cut = cut < m->cuts.n && m->cuts.at[cut] == (int64_t)k;
            text_adds(out, is_cut ? "|" : out->len && out->at[out->len - 1] != '|' ? " " : "");
            cut += is_cut;
            text_addf(out, "%02x", (uint8_t)bytes.at[k]);
        }
        if (!m->joined && out->len && out->at[out->len - 1] != '|')
            text_adds(out, "|");
        text_fini(&bytes);
    }
}

static void play(const struct script *script, const struct sim_listener *there, struct wire *wire,
                 struct sim_outcome *outcome)
{
    const struct sim_tap tap = {.context = wire, .event = note_write};
    struct sim_config config = {.script = script, .timeout_scale = 1, .tap = &tap};

    if (script->plays_server)
        config.listener = there;
    else
        assert_true(sim_address("127.0.0.1", there->port, &config.server, &config.server_len));
    sim_run(&config, outcome);
    if (outcome->cause != SIM_OK) {
        struct text text = {0};
        script_print(script, &text);
        fail_msg("line %u, %s: %s\n%s", outcome->line, text_string(&outcome->step),
                 text_string(&outcome->got), text_string(&text));
    }
}

static void check_writes(const struct session *s, struct wire *wire, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct text want = {0};
        expected_writes(s, names[i], &want);
        const char *got = text_string(flow_of(wire, names[i], 0));
        if (strcmp(text_string(&want), got) != 0)
            fail_msg("'%s' wrote\n%s\ninstead of\n%s\n%s", names[i], got, text_string(&want), text);
        text_fini(&want);
    }
}

static void test_a_script_of_a_session_writes_its_bytes_and_no_others(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 60; i++) {
        struct session s;
        struct sim_listener there;
        struct sim_outcome outcome;
        struct wire wire = {0};
        struct text text = {0};
        seed = i * UINT64_C(0x9e3779b97f4a7c15);
        make_monologue(&s, pick(2));
        session_write(&s, &about, &text);
        struct script_list list = read_text(&text);
        assert_true(sim_listen(&there, "127.0.0.1", 0));
        play(list.at[0], &there, &wire, &outcome);
        check_writes(&s, &wire, text_string(&text));
        sim_listener_close(&there);
        sim_outcome_fini(&outcome);
        wire_fini(&wire);
        script_list_fini(&list);
        session_fini(&s);
        text_fini(&text);
    }
}

/* --- what the simulator records --------------------------------------------------------------- */

static pid_t be_the_other(const struct script *script, const struct sim_listener *there)
{
    struct sim_config config = {.script = script, .timeout_scale = 1};
    struct sim_outcome outcome;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (script->plays_server)
        config.listener = there;
    else
        sim_address("127.0.0.1", there->port, &config.server, &config.server_len);
    sim_run(&config, &outcome);
    if (outcome.cause != SIM_OK)
        print_error("the other: %s: %s\n", text_string(&outcome.step), text_string(&outcome.got));
    _exit(outcome.cause == SIM_OK ? 0 : 1);
}

static void play_with(const struct script *ours, const struct script *theirs, struct wire *wire,
                      struct sim_outcome *outcome)
{
    struct sim_listener there;
    int status;

    assert_true(sim_listen(&there, "127.0.0.1", 0));
    pid_t pid = be_the_other(theirs, &there);
    play(ours, &there, wire, outcome);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    sim_listener_close(&there);
}

static const struct row {
    const char *name, *header, *steps; /* of the client; the server is honest */
} rows[] = {
    {"FLOW-1 TCP",      "",                                                            "finish"                                                                },
    {"three streams",   "params { \"parallel\": 3, \"len\": 500 }\n",                  "finish"                                                                },
    {"UDP-1 UDP",       "params { \"udp\": true, \"len\": 1000 }\n",                   "finish"                                                                },
    {"STR-3 reverse",   "params { \"reverse\": true }\n",                              "finish"                                                                },
    {"UDP reverse",     "params { \"udp\": true, \"len\": 100, \"reverse\": true }\n", "finish"                                                                },
    {"CTL-1 in pieces", "",                                                            "split 7\nadvance TEST_RUNNING\nsplit 0\nfinish"                        },
    {"stream data",     "",                                                            "advance TEST_RUNNING\nstream 1 send text 'abc' x 9\npause 30ms\nfinish"},
    {"two at once",     "",
     "advance TEST_RUNNING\nstream 1 send data 5\ncork\nsend state TEST_END\nuncork\nfinish"                                                                   },
};

/* Our side of a recorded session, again, against another of the same peers. */
static void replay(const struct row *row, const struct script *ours, const struct script *theirs)
{
    struct sim_outcome outcome, second;
    struct wire first = {0}, again = {0};
    struct text text = {0};

    play_with(ours, theirs, &first, &outcome);
    outcome.record.we_serve = ours->plays_server;
    session_write(&outcome.record, &about, &text);
    struct script_list list = read_text(&text);
    play_with(list.at[0], theirs, &again, &second);
    for (size_t i = 0; i < first.n; i++) {
        const char *want = text_string(&first.at[i].bytes);
        const char *got = text_string(flow_of(&again, first.at[i].who, first.at[i].stream));
        if (strcmp(want, got) != 0)
            fail_msg("%s, stream %d wrote\n%s\ninstead of\n%s\n%s", row->name,
                     (int)first.at[i].stream, got, want, text_string(&text));
    }
    script_list_fini(&list);
    sim_outcome_fini(&outcome);
    sim_outcome_fini(&second);
    wire_fini(&first);
    wire_fini(&again);
    text_fini(&text);
}

static void test_a_recorded_session_can_be_played_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text steps = {0};
        text_addf(&steps, "%s\n%s", rows[i].header, rows[i].steps);
        struct script_list client = read_steps("client", text_string(&steps));
        struct script_list server = read_steps("server", "\nfinish");
        replay(&rows[i], client.at[0], server.at[0]);
        replay(&rows[i], server.at[0], client.at[0]);
        script_list_fini(&client);
        script_list_fini(&server);
        text_fini(&steps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_script_of_a_session_writes_its_bytes_and_no_others),
        cmocka_unit_test(test_a_recorded_session_can_be_played_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
