/* test_raw.c - sessions as scripts and back: the same messages. */
#include "harness/tests/monologue.h"
#include "harness/tests/raw.h"

/* --- random sessions ------------------------------------------------------------------------- */

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
            m.transport = SESSION_CONTROL; /* a third party is a client as well */
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

/* --- what is no message ----------------------------------------------------------------------- */

static const struct refused {
    const char *steps, *expected;
    unsigned line;
} refused[] = {
    {"open\nfinish",                                          "a step that is one message: open, send, expect, split, close ...", 6},
    {"send cookie",                                           "the bytes themselves: send cookie TEXT, send json TEXT",           5},
    {"expect end or reset",                                   "one event, nothing, or alive",                                     5},
    {"expect results where .a exists",                        "params or results without a query",                                5},
    {"wire params.len = 5",                                   "of `wire` no more than stream N wire cookie or connect",           5},
    {"stream 1 send datagrams { sec +1 usec 0 }",             "sec and usec as plain numbers, or neither",                        5},
    {"pause until 1s after TEST_RUNNING",                     "a pause of so long: no clock runs here",                           5},
    {"stream 1 send datagrams 1 until 1s after TEST_RUNNING",
     "datagrams at once, or every so long: no clock runs here",                                                                   5},
    {"split 3\ncork\nsend hex 00",                            "split at OFFSETS, as a message is kept by cork",                   7},
    {"stream 1 send datagrams 1..200001",                     "at most 200000 messages",                                          5},
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
        cmocka_unit_test(test_script_session_names_the_step_that_is_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
