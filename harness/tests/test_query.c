#include "harness/script/query.h"
#include "harness/session/arena.h"

#include "impl/tests/unit.h"

static const char json[] =
    "{\"streams\":[{\"id\":1,\"bytes\":81920},{\"id\":3,\"bytes\":5}],\"error\":\"busy\","
    "\"on\":true,\"none\":null,\"x\":{\"y\":[10,20]}}";

static bool facts(void *context, enum query_fact fact, int64_t id, double *value)
{
    static const double known[] = {
        [QUERY_SENT] = 81920,  [QUERY_RECEIVED] = 4, [QUERY_DATAGRAMS] = 2,
        [QUERY_JITTER] = 0.25, [QUERY_TOS] = 16,     [QUERY_CLOCK] = 1700000000,
        [QUERY_AGE] = 2.5,     [QUERY_SPAN] = 0.5};
    (void)context;
    *value = known[fact];
    return id == 1 || id == 3;
}

/* The other messages of the session: parameters, and no results of ours. */
static json_value *others;

static const json_value *message(void *context, enum query_message which)
{
    return which == QUERY_OURS ? NULL : *(json_value **)context;
}

static int read_others(void **state)
{
    static const char text[] = "{\"parallel\":2,\"streams\":[{\"bytes\":5}]}";

    (void)state;
    return json_parse((struct bytes){(const uint8_t *)text, sizeof text - 1}, &others) != SPEC_OK;
}

static int free_others(void **state)
{
    (void)state;
    json_free(others);
    return 0;
}

static struct query *parse(const char *text, struct arena *arena, struct script_error *error)
{
    struct cursor c = {"t", 1, text, 0, arena, error};
    struct query *q = query_parse(&c);

    return q && cursor_end(&c) ? q : NULL;
}

static const struct row {
    const char *text;
    bool holds;
    const char *printed; /* NULL: as it stands */
} rows[] = {
    {".streams[id == 1].bytes == 81920",                                       true,  NULL                                },
    {".streams[id == 3].bytes == 81920",                                       false, NULL                                },
    {".streams[0].id == 1 and .streams[1].id == 3",                            true,  NULL                                },
    {".streams[2].id == 1",                                                    false, NULL                                },
    {".streams[id == 4].bytes == 0",                                           false, NULL                                },
    {".error exists",                                                          true,  NULL                                },
    {"not .error exists",                                                      false, NULL                                },
    {".Error exists",                                                          false, NULL                                },
    {".error == 'busy'",                                                       true,  NULL                                },
    {".error == \"busy\"",                                                     true,  ".error == 'busy'"                  },
    {".error == 5",                                                            false, NULL                                },
    {".on == true and .none == null",                                          true,  NULL                                },
    {".none exists",                                                           true,  NULL                                },
    {".x.y[1] >= 20",                                                          true,  NULL                                },
    {".x.y[1]>20 or .x.y[0]<10 or .on!=false",                                 true,
     ".x.y[1] > 20 or .x.y[0] < 10 or .on != false"                                                                       },
    {".on == true and (.x.y[0] == 1 or .x.y[0] == 10)",                        true,  NULL                                },
    {"not (.on == true and .error == 'x')",                                    true,  NULL                                },
    {".streams[id == 1].bytes == sent(1)",                                     true,  NULL                                },
    {".streams[id == 3].bytes >= received(3)",                                 true,  NULL                                },
    {".streams[id == 3].bytes == sent(4)",                                     false, NULL                                },
    {"received(3) == 2 * datagrams(3) and jitter(1) < 0.5",                    true,  NULL                                },
    {"tos(3) == 16",                                                           true,  NULL                                },
    {"clock(3) == 1700000000",                                                 true,  NULL                                },
    {"age(3) == 2.5 and span(3) < age(3)",                                     true,  NULL                                },
    {"age(3) == 2.5",                                                          true,  NULL                                },
    {"clock(3) < 1000000000",                                                  false, NULL                                },
    {"jitter(4) < 0.5",                                                        false, NULL                                },
    {".streams[id == 1].bytes == sent stream 1 bytes",                         true,  ".streams[id == 1].bytes == sent(1)"},
    {"sum(.streams[].bytes) == 81925",                                         true,  NULL                                },
    {"sum(.streams[].bytes) == .streams[0].bytes + .streams[1].bytes",         true,  NULL                                },
    {"count(.streams[]) == 2 and count(.streams[].nothing) == 0",              true,  NULL                                },
    {"len(.error) == 4 and len(.x.y) == 2 and len(.x) == 1",                   true,  NULL                                },
    {".x.y[1] == 2 * .x.y[0]",                                                 true,  NULL                                },
    {".x.y[1] == .x.y[0] + 2 * 5",                                             true,  NULL                                },
    {".x.y[0] < 5 / 0",                                                        false, NULL                                },
    {".x.y[0] != 0 / 0",                                                       false, NULL                                },
    {".x.y[0] == .x.y[1] / 2 - 1",                                             false, NULL                                },
    {".x.y[0] < .x.y[1] and .error != .on",                                    true,  NULL                                },
    {".error is string and .on is boolean and .none is null and .x is object", true,  NULL                                },
    {".x.y is array and .x.y[0] is number and not .error is number",           true,  NULL                                },
    {".error contains 'us' and not .error contains 'free'",                    true,  NULL                                },
    {"count(.streams[]) == params.parallel",                                   true,  NULL                                },
    {"results.streams[0].bytes == .streams[id == 3].bytes",                    true,  NULL                                },
    {"sum(results.streams[].bytes) == 4 + 1 and not ours.parallel exists",     true,  NULL                                },
    {"ours.parallel == 2",                                                     false, NULL                                },
    {".x.y[0] > 0.9 * .x.y[1] and .x.y[0] < 1e-3 and .x.y[0] > -2.5",          false,
     ".x.y[0] > 0.9 * .x.y[1] and .x.y[0] < 0.001 and .x.y[0] > -2.5"                                                     },
    {".x.y[0] < 1e15 and .x.y[0] < 4294967296",                                true,
     ".x.y[0] < 1000000000000000 and .x.y[0] < 4294967296"                                                                },
    {".error == \"it's\"",                                                     false, NULL                                },
};

static void test_query_holds_as_it_reads(void **state)
{
    const struct query_facts known = {facts, message, &others};
    json_value *root;

    (void)state;
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)json, sizeof json - 1}, &root),
                     SPEC_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct script_error error = {0};
        struct query *q = parse(rows[i].text, &arena, &error);
        if (!q || query_holds(q, root, &known, NULL) != rows[i].holds)
            fail_msg("%s: %s", rows[i].text, q ? "the other way" : error.expected);
        arena_fini(&arena);
    }
    json_free(root);
}

static void test_query_print_reads_back_as_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct script_error error = {0};
        struct text once = {0}, twice = {0};
        query_print(parse(rows[i].text, &arena, &error), &once);
        query_print(parse(text_string(&once), &arena, &error), &twice);
        assert_string_equal(text_string(&once), rows[i].printed ? rows[i].printed : rows[i].text);
        assert_string_equal(text_string(&once), text_string(&twice));
        text_fini(&once);
        text_fini(&twice);
        arena_fini(&arena);
    }
}

static const struct miss {
    const char *text, *why;
} misses[] = {
    {".gone == 1",                         ".gone is missing"                             },
    {"not .error exists",                  ".error is \"busy\""                           },
    {"not (.on == true and .none exists)", "it holds that .on == true and .none exists"   },
    {"count(.streams[]) == 3",             "count(.streams[]) is 2"                       },
    {".x.y[0] < 5 / 0",                    ".x.y[0] is 10, and 5 / 0 is no number"        },
    {"params.parallel == .streams[1].id",  "params.parallel is 2, and .streams[1].id is 3"},
};

static void test_query_says_what_it_found(void **state)
{
    const struct query_facts known = {facts, message, &others};
    struct arena arena = {0};
    struct script_error error = {0};
    struct text why = {0};
    json_value *root;

    (void)state;
    json_parse((struct bytes){(const uint8_t *)json, sizeof json - 1}, &root);
    query_holds(parse(".on == true and .streams[id == 3].bytes == sent(3)", &arena, &error), root,
                &known, &why);
    assert_string_equal(text_string(&why), ".streams[id == 3].bytes is 5, and we sent 81920");
    text_fini(&why);
    for (size_t i = 0; i < ARRAY_LEN(misses); i++) {
        text_fini(&why);
        assert_false(query_holds(parse(misses[i].text, &arena, &error), root, &known, &why));
        assert_string_equal(text_string(&why), misses[i].why);
    }
    text_fini(&why);
    json_free(root);
    arena_fini(&arena);
}

static void test_query_names_the_place_of_a_mistake(void **state)
{
    static const struct {
        const char *text;
        unsigned column;
    } bad[] = {
        {"bytes == 1",                   1 },
        {".streams[4294967296].id == 1", 10},
        {".a = 1",                       4 },
        {".a == ",                       7 },
        {".a[x == 1.b == 2",             11},
        {"(.a == 1",                     9 },
        {".a[0",                         5 },
        {". == 1",                       3 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena arena = {0};
        struct script_error error = {0};
        if (parse(bad[i].text, &arena, &error) || error.column != bad[i].column)
            fail_msg("%s: column %u", bad[i].text, error.column);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_holds_as_it_reads),
        cmocka_unit_test(test_query_print_reads_back_as_the_same),
        cmocka_unit_test(test_query_says_what_it_found),
        cmocka_unit_test(test_query_names_the_place_of_a_mistake),
    };
    return cmocka_run_group_tests(tests, read_others, free_others);
}
