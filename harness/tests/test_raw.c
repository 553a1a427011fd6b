/* test_raw.c - sessions as scripts and back: the same messages, and on the wire the same bytes in
 * the same writes. */
#include "harness/script/raw.h"
#include "harness/session/write.h"
#include "harness/sim/sim.h"

#include "impl/tests/unit.h"
#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct session_about about = {.id = "raw/x", .clauses = "ST-1"};

/* --- random sessions ------------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t pick(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % n;
}

static const char *const names[] = {"", "b", "thief-2"};
static uint8_t scratch[5000];
static int64_t offsets[8];

/* Bytes of any kind, long runs among them. */
static struct bytes some_bytes(size_t max)
{
    size_t len = pick(max + 1);

    for (size_t i = 0; i < len;) {
        size_t run = pick(4) ? 1 : 1 + pick(60);
        uint8_t byte = (uint8_t)pick(256);
        for (; run > 0 && i < len; run--)
            scratch[i++] = byte;
    }
    return (struct bytes){scratch, len};
}

static struct session_cuts some_cuts(size_t len)
{
    struct session_cuts cuts = {.at = offsets};
    int64_t at = 0;

    for (size_t i = 0; len > 1 && i < pick(8); i++) {
        at += 1 + (int64_t)pick(len / 2 + 1);
        if (at >= (int64_t)len)
            break;
        offsets[cuts.n++] = at;
    }
    return cuts;
}

static size_t wire_len(const struct session_message *m)
{
    struct text bytes = {0};

    session_encode(m, &bytes);
    size_t len = bytes.len;
    text_fini(&bytes);
    return len;
}

static struct session_message message_of_ours(void)
{
    static const enum session_kind kinds[] = {SESSION_COOKIE, SESSION_STATE, SESSION_ERROR,
                                              SESSION_JSON, SESSION_BYTES};
    struct session_message m = {.kind = kinds[pick(ARRAY_LEN(kinds))]};

    if (m.kind == SESSION_STATE)
        m.state = (int8_t)pick(256);
    else if (m.kind != SESSION_ERROR)
        m.body = some_bytes(pick(2) ? 40 : 900);
    if (m.kind == SESSION_ERROR) {
        m.n_ints = (int)pick(3);
        m.ierr = m.n_ints > 0 ? (int32_t)pick(300) : 0;
        m.os_errno = m.n_ints > 1 ? (int32_t)pick(9) - 4 : 0;
    }
    if (m.kind == SESSION_JSON)
        m.announced = (uint32_t)(pick(2) ? m.body.len : pick(UINT32_MAX));
    if (pick(3) == 0)
        m.cuts = some_cuts(wire_len(&m));
    if (m.cuts.n > 0 && pick(2))
        m.cuts.delay_ms = 1;
    return m;
}

/* What is joined needs a message of the same connection behind it. */
static void add_ours(struct session *s, const char *who)
{
    struct session_message m = message_of_ours();
    bool is_joined = pick(4) == 0;

    snprintf(m.who, sizeof m.who, "%s", who);
    m.joined = is_joined;
    session_add(s, &m);
    if (!is_joined)
        return;
    m = message_of_ours();
    snprintf(m.who, sizeof m.who, "%s", who);
    session_add(s, &m);
}

static struct session_message message_of_stream(bool udp, int64_t stream)
{
    struct session_message m = {.stream = stream, .kind = udp ? SESSION_DATAGRAM : SESSION_DATA};

    if (pick(3) == 0) {
        m.body = some_bytes(60);
        if (m.body.len == 0)
            m.body = (struct bytes){(const uint8_t *)"x", 1};
        m.len = m.body.len;
        return m;
    }
    m.len = 1 + pick(3000);
    if (!udp)
        return m;
    m.header.seq = pick(4) ? pick(20) : pick(INT64_MAX);
    m.header.has_times = pick(3) == 0;
    if (m.header.has_times) {
        m.header.sec = (uint32_t)pick(UINT32_MAX);
        m.header.usec = (uint32_t)pick(1000000);
    }
    return m;
}

static void add_stream_things(struct session *s, bool udp, int64_t stream)
{
    struct session_message m = message_of_stream(udp, stream);

    session_add(s, &m);
    while (udp && m.body.len == 0 && pick(3)) {
        m.header.seq++;
        session_add(s, &m);
    }
}

/* Things that have neither bytes nor fields. */
static void add_word(struct session *s)
{
    static const enum session_kind kinds[] = {SESSION_HOLD, SESSION_STALL, SESSION_RESUME,
                                              SESSION_PAUSE};
    struct session_message m = {.kind = kinds[pick(ARRAY_LEN(kinds))]};

    if (m.kind == SESSION_PAUSE)
        m.len = 1000000;
    session_add(s, &m);
}

/* What a client does, and the subject does not answer: it can be played against a socket. */
static void make_monologue(struct session *s, bool udp)
{
    int64_t streams = 1 + (int64_t)pick(3), id;

    *s = (struct session){0};
    session_add(s, &(struct session_message){.kind = SESSION_OPEN});
    for (size_t i = 1; i < ARRAY_LEN(names); i++) {
        struct session_message open = {.kind = SESSION_OPEN};
        open.transport = i == 2 ? SESSION_BARE_TCP : SESSION_CONTROL;
        snprintf(open.who, sizeof open.who, "%s", names[i]);
        session_add(s, &open);
    }
    for (int64_t i = 0; i < streams; i++) {
        struct session_message open = {.kind = SESSION_STREAM, .stream = i ? i + 2 : 1};
        open.says_own = udp || pick(3) == 0;
        if (open.says_own)
            open.body = some_bytes(50);
        session_add(s, &open);
    }
    for (size_t n = pick(20); n > 0; n--) {
        id = (int64_t)pick((uint64_t)streams);
        if (pick(3) == 0)
            add_stream_things(s, udp, id ? id + 2 : 1);
        else if (pick(8) == 0)
            add_word(s);
        else
            add_ours(s, names[pick(ARRAY_LEN(names))]);
    }
}

/* What the subject does in between. */
static void add_theirs(struct session *s, bool udp)
{
    struct session_message m = {.from = SESSION_SUBJECT};

    switch (pick(6)) {
    case 0:
        m.kind = SESSION_STATE;
        m.state = (int8_t)pick(256);
        break;
    case 1:
        m.kind = SESSION_ERROR;
        m.n_ints = (int)pick(3);
        m.ierr = m.n_ints > 0 ? (int32_t)pick(300) : 0;
        m.os_errno = m.n_ints > 1 ? (int32_t)pick(9) : 0;
        break;
    case 2:
        m.kind = SESSION_JSON;
        break;
    case 3:
        m.kind = pick(2) ? SESSION_END : SESSION_RESET;
        m.stream = (int64_t)pick(2);
        break;
    case 4:
        m.kind = udp ? SESSION_DATAGRAM : SESSION_DATA;
        m.stream = 1;
        m.len = udp ? 0 : 1 + pick(100000);
        m.header.seq = udp ? pick(5) : 0;
        break;
    default:
        m.kind = SESSION_ALIVE;
    }
    session_add(s, &m);
}

static void make_dialogue(struct session *s, bool udp)
{
    struct session ours;

    make_monologue(&ours, udp);
    *s = (struct session){.we_serve = pick(2)};
    for (size_t i = 0; i < ours.n; i++) {
        struct session_message m = ours.messages[i];
        bool is_open = m.kind == SESSION_OPEN || m.kind == SESSION_STREAM;
        if (s->we_serve && is_open) { /* it is the client who opens */
            m.from = SESSION_SUBJECT;
            m.says_own = false;
            m.body.len = 0;
        }
        session_add(s, &m);
        while (!m.joined && !is_open && pick(4) == 0)
            add_theirs(s, udp);
    }
    session_fini(&ours);
    session_add(s, &(struct session_message){.kind = pick(2) ? SESSION_END : SESSION_CLOSE,
                                             .stream = (int64_t)pick(2)});
}

/* --- comparing ------------------------------------------------------------------------------- */

static bool same_bytes(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static bool same_cuts(const struct session_cuts *a, const struct session_cuts *b)
{
    const struct bytes x = {(const uint8_t *)a->at, a->n * sizeof *a->at};
    const struct bytes y = {(const uint8_t *)b->at, b->n * sizeof *b->at};

    return a->delay_ms == b->delay_ms && same_bytes(x, y);
}

/* All but the time. */
static bool same_message(const struct session_message *a, const struct session_message *b)
{
    return a->kind == b->kind && a->from == b->from && strcmp(a->who, b->who) == 0 &&
           a->stream == b->stream && a->transport == b->transport && a->state == b->state &&
           a->n_ints == b->n_ints && a->ierr == b->ierr && a->os_errno == b->os_errno &&
           a->announced == b->announced && a->len == b->len &&
           memcmp(&a->header, &b->header, sizeof a->header) == 0 && a->says_own == b->says_own &&
           same_bytes(a->body, b->body) && same_cuts(&a->cuts, &b->cuts) && a->joined == b->joined;
}

static void assert_same(const struct session *a, const struct session *b, const char *text)
{
    struct text words = {0};

    assert_int_equal(a->we_serve, b->we_serve);
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if (same_message(&a->messages[i], &b->messages[i]))
            continue;
        session_describe(&a->messages[i], &words);
        text_adds(&words, " became ");
        session_describe(&b->messages[i], &words);
        fail_msg("message %zu: %s\n%s", i, text_string(&words), text);
    }
    if (a->n != b->n)
        fail_msg("%zu messages became %zu\n%s", a->n, b->n, text);
}

/* Text and back; the list is the caller's to script_list_fini(). */
static struct script_list read_text(const struct text *text)
{
    struct script_list list = {0};
    struct script_error e;

    if (!script_read(&list, "raw.peer", text_string(text), &e))
        fail_msg("line %u: expected %s, found %s\n%s", e.line, e.expected, e.found,
                 text_string(text));
    return list;
}

static void read_session(const struct script *script, struct session *s)
{
    struct script_error e;

    if (!script_session(script, s, &e))
        fail_msg("line %u: expected %s, found %s", e.line, e.expected, e.found);
}

static void test_session_write_and_script_session_are_inverse(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3000; i++) {
        struct session s, again;
        struct text text = {0}, twice = {0};
        seed = i * UINT64_C(0x9e3779b97f4a7c15);
        make_dialogue(&s, pick(2));
        session_write(&s, &about, &text);
        struct script_list list = read_text(&text);
        read_session(list.at[0], &again);
        assert_same(&s, &again, text_string(&text));
        session_write(&again, &about, &twice);
        assert_string_equal(text_string(&text), text_string(&twice));
        script_list_fini(&list);
        session_fini(&s);
        session_fini(&again);
        text_fini(&text);
        text_fini(&twice);
    }
}

/* --- on the wire ----------------------------------------------------------------------------- */

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

static struct script_list read_steps(const char *role, const char *steps)
{
    struct text source = {0};

    text_addf(&source, "case x\nclause ST-1\nplays %s\n%s\n", role, steps);
    struct script_list list = read_text(&source);
    text_fini(&source);
    return list;
}

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

/* --- what is no message ----------------------------------------------------------------------- */

static const struct refused {
    const char *steps, *expected;
    unsigned line;
} refused[] = {
    {"open\nfinish",                              "a step that is one message: open, send, expect, split, close ...", 6},
    {"send cookie",                               "the bytes themselves: send cookie TEXT, send json TEXT",           5},
    {"expect end or reset",                       "one event, or alive",                                              5},
    {"expect results where .a exists",            "params or results without a query",                                5},
    {"wire params.len = 5",                       "of `wire` no more than stream N wire cookie or connect",           5},
    {"stream 1 send datagrams { sec +1 usec 0 }", "sec and usec as plain numbers, or neither",                        5},
    {"split 3\ncork\nsend hex 00",                "split at OFFSETS, as a message is kept by cork",                   7},
    {"stream 1 send datagrams 1..200001",         "at most 200000 messages",                                          5},
};

static void test_script_session_names_the_step_that_is_no_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct text steps = {0};
        struct script_error e;
        struct session s;
        text_addf(&steps, "\n%s", refused[i].steps);
        struct script_list list = read_steps("client", text_string(&steps));
        if (script_session(list.at[0], &s, &e) || e.line != refused[i].line || e.column != 1)
            fail_msg("%s: line %u", refused[i].steps, e.line);
        assert_string_equal(e.expected, refused[i].expected);
        session_fini(&s);
        script_list_fini(&list);
        text_fini(&steps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_write_and_script_session_are_inverse),
        cmocka_unit_test(test_a_script_of_a_session_writes_its_bytes_and_no_others),
        cmocka_unit_test(test_a_recorded_session_can_be_played_again),
        cmocka_unit_test(test_script_session_names_the_step_that_is_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
