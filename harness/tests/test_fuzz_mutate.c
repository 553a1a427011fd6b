/* test_fuzz_mutate.c - what every mutated session keeps, whatever was done to it. */
#include "impl/tests/unit.h"

#include "harness/fuzz/mutate.h"
#include "harness/script/raw.h"
#include "harness/session/write.h"
#include "impl/wire/json.h"

#define ROUNDS 60 /* changes of a session on top of each other */
#define SEEDS  60

static const char client_text[] =
    "case a\nclause FLOW-1\nplays client\n\nopen\n"
    "send cookie \"abcdefghijklmnopqrstuvwxyz0123456789\\x00\"\nexpect state PARAM_EXCHANGE\n"
    "send json \"{\\\"tcp\\\":true,\\\"time\\\":1,\\\"parallel\\\":1,\\\"len\\\":1000}\"\n"
    "expect state CREATE_STREAMS\nstream 1 open\nexpect state TEST_START\n"
    "expect state TEST_RUNNING\nstream 1 send data 3000\nsend state TEST_END\n"
    "expect state EXCHANGE_RESULTS\nsend json \"{\\\"streams\\\":[{\\\"id\\\":1}]}\"\n"
    "expect results\nexpect state DISPLAY_RESULTS\nsend state IPERF_DONE\nhalf-close\n";

static const char server_text[] =
    "case a\nclause FLOW-1\nplays server\n\nopen\nsend state PARAM_EXCHANGE\nexpect params\n"
    "send state CREATE_STREAMS\nexpect stream 1\nsend state TEST_START\nsend state TEST_RUNNING\n"
    "expect state TEST_END\nsend state EXCHANGE_RESULTS\nexpect results\n"
    "send json \"{\\\"streams\\\":[{\\\"id\\\":1}]}\"\nsend state DISPLAY_RESULTS\n"
    "expect state IPERF_DONE\nclose\n";

static const char udp_text[] =
    "case a\nclause FLOW-1\nplays client\nparams { \"udp\": true }\n\nopen\n"
    "send cookie \"abcdefghijklmnopqrstuvwxyz0123456789\\x00\"\nexpect state PARAM_EXCHANGE\n"
    "send json \"{\\\"udp\\\":true,\\\"parallel\\\":1,\\\"len\\\":100}\"\n"
    "expect state CREATE_STREAMS\nstream 1 open\nexpect state TEST_RUNNING\n"
    "stream 1 send datagrams 1..5\nsend state TEST_END\n";

static const char *const texts[] = {client_text, server_text, udp_text};

static void read_text(const char *text, struct session *s)
{
    struct script_list list = {0};
    struct script_error e = {0};

    if (!script_read(&list, "text", text, &e) || !script_session(list.at[0], s, &e))
        fail_msg("line %u: expected %s, found %s\n%s", e.line, e.expected, e.found, text);
    script_list_fini(&list);
}

static void write_text(const struct session *s, struct text *out)
{
    session_write(s, &(struct session_about){.id = "a", .clauses = "FLOW-1"}, out);
}

/* Call check() for sessions made by the mutator from each text. */
static void for_mutants(void (*check)(const struct session *s))
{
    for (size_t k = 0; k < ARRAY_LEN(texts) * SEEDS; k++) {
        struct mutator m = {.seed = k, .has_streams = true};
        struct session s, other;
        read_text(texts[k % ARRAY_LEN(texts)], &s);
        read_text(texts[k / SEEDS], &other);
        for (int i = 0; i < ROUNDS; i++) {
            mutate_session(&m, &s, i % 3 ? &other : &s);
            check(&s);
        }
        session_fini(&s);
        session_fini(&other);
    }
}

static void check_text(const struct session *s)
{
    struct text text = {0}, again = {0};
    struct session read;

    write_text(s, &text);
    read_text(text_string(&text), &read);
    write_text(&read, &again);
    assert_string_equal(text_string(&text), text_string(&again));
    session_fini(&read);
    text_fini(&text);
    text_fini(&again);
}

static void test_mutate_session_makes_scripts_that_read_back(void **state)
{
    (void)state;
    for_mutants(check_text);
}

static void check_size(const struct session *s)
{
    assert_in_range(s->n, 1, MUTATE_MESSAGES_MAX);
    assert_in_range(session_size(s), 0, MUTATE_BYTES_MAX);
}

static void test_mutate_session_stays_within_its_limits(void **state)
{
    (void)state;
    for_mutants(check_size);
}

static void mutate_often(uint64_t seed, struct text *out)
{
    struct mutator m = {.seed = seed, .has_streams = true};
    struct session s;

    read_text(client_text, &s);
    for (int i = 0; i < ROUNDS; i++)
        mutate_session(&m, &s, &s);
    write_text(&s, out);
    session_fini(&s);
}

static void test_mutate_session_makes_the_same_of_the_same_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct text one = {0}, same = {0}, other = {0};
        mutate_often(seed, &one);
        mutate_often(seed, &same);
        mutate_often(seed + 1000, &other);
        assert_string_equal(text_string(&one), text_string(&same));
        assert_string_not_equal(text_string(&one), text_string(&other));
        text_fini(&one);
        text_fini(&same);
        text_fini(&other);
    }
}

static void test_mutate_cross_takes_from_both(void **state)
{
    unsigned n_first = 0, n_second = 0;
    struct session a, b;

    (void)state;
    read_text(client_text, &a);
    read_text(udp_text, &b);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct mutator m = {.seed = seed, .has_streams = true};
        struct session both;
        mutate_cross(&m, &a, &b, &both);
        check_size(&both);
        check_text(&both);
        for (size_t i = 0; i < both.n; i++) {
            n_first += both.messages[i].kind == SESSION_DATA;
            n_second += both.messages[i].kind == SESSION_DATAGRAM;
        }
        session_fini(&both);
    }
    assert_int_not_equal(n_first, 0);
    assert_int_not_equal(n_second, 0);
    session_fini(&a);
    session_fini(&b);
}

/* What the mutator must come upon, each by itself: a text that shows it. */
static const char *const goals[] = {
    "{\"tcp\":true,\"time\":1,\"parallel\":1,\"len\":-1}",
    "{\"tcp\":true,\"time\":1,\"len\":1000}",
    "{\"tcp\":true,\"time\":1,\"parallel\":1,\"len\":\"x\"}",
    "\"len\":1000,\"len\":1000}",
    "\"parallel\":[1],",
    "\"title\":null,",
    "\"PARALLEL\":1",
    "\"len\":1e400",
};

static void test_mutate_json_reaches_each_kind_of_change(void **state)
{
    static const char whole[] = "{\"tcp\":true,\"time\":1,\"parallel\":1,\"len\":1000}";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goals); i++) {
        struct mutator m = {.seed = i};
        bool found = false;
        for (int k = 0; k < 200000 && !found; k++) {
            struct text out = {0};
            mutate_json(&m, (struct bytes){(const uint8_t *)whole, sizeof whole - 1}, &out);
            found = strstr(text_string(&out), goals[i]) != NULL;
            text_fini(&out);
        }
        if (!found)
            fail_msg("never came upon %s", goals[i]);
    }
}

/* Types, keys and all that is no text of ours stay as they are. */
static void test_mutate_values_changes_values_alone(void **state)
{
    static const char text[] = "{\"a\":12,\"b\":[true,{\"c\":\"x\"}],\"d\":0.5,\"e\":null}";
    unsigned n_changed = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct mutator m = {.seed = seed};
        struct session s = {.we_serve = false};
        struct session_message ours = {.kind = SESSION_JSON, .announced = sizeof text - 1};
        ours.body = (struct bytes){(const uint8_t *)text, sizeof text - 1};
        struct session_message theirs = ours;
        json_value *root = NULL;
        theirs.from = SESSION_SUBJECT;
        session_add(&s, &theirs);
        session_add(&s, &ours);
        mutate_values(&m, &s);
        assert_int_equal(s.n, 2);
        assert_memory_equal(s.messages[0].body.at, text, sizeof text - 1);
        assert_int_equal(s.messages[1].announced, s.messages[1].body.len);
        assert_int_equal(json_parse(s.messages[1].body, &root), SPEC_OK);
        assert_int_equal(json_type_of(json_member(root, "a")), JSON_NUMBER);
        assert_int_equal(json_type_of(json_member(root, "b")), JSON_ARRAY);
        assert_int_equal(json_type_of(json_member(root, "d")), JSON_NUMBER);
        assert_int_equal(json_type_of(json_member(root, "e")), JSON_NULL);
        n_changed += s.messages[1].body.len != sizeof text - 1 ||
                     memcmp(s.messages[1].body.at, text, sizeof text - 1) != 0;
        json_free(root);
        session_fini(&s);
    }
    assert_true(n_changed > 150); /* a truth value changed twice is as it was */
}

static void test_mutate_json_takes_any_bytes(void **state)
{
    struct mutator m = {.seed = 7};
    struct text body = {0};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct text out = {0};
        if (body.len > 2000)
            text_fini(&body);
        uint8_t byte = (uint8_t)(i * 37);
        text_add(&body, &byte, 1);
        mutate_json(&m, (struct bytes){(const uint8_t *)text_string(&body), body.len}, &out);
        text_fini(&body);
        body = out;
    }
    text_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutate_session_makes_scripts_that_read_back),
        cmocka_unit_test(test_mutate_session_stays_within_its_limits),
        cmocka_unit_test(test_mutate_session_makes_the_same_of_the_same_seed),
        cmocka_unit_test(test_mutate_cross_takes_from_both),
        cmocka_unit_test(test_mutate_json_reaches_each_kind_of_change),
        cmocka_unit_test(test_mutate_values_changes_values_alone),
        cmocka_unit_test(test_mutate_json_takes_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
