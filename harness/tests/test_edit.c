#include "harness/session/edit.h"
#include "impl/tests/unit.h"

#define RESULTS                                                                                    \
    "{\"cpu\":1.5,\"streams\":[{\"id\":1,\"bytes\":10},{\"id\":3,\"bytes\":20}],\"s\":\"a\\\"]\"}"

static const struct row {
    const char *name, *json, *path, *value, *want; /* want NULL: the path leads nowhere */
} rows[] = {
    {"PARAM-19 a number",         "{\"a\":1,\"len\":8}", "len",              "\"x\"", "{\"a\":1,\"len\":\"x\"}"},
    {"first member",              "{\"a\":1,\"len\":8}", "a",                "[1,2]", "{\"a\":[1,2],\"len\":8}"},
    {"a missing one is added",    "{\"a\":1}",           "b",                "7",     "{\"a\":1,\"b\":7}"      },
    {"into an empty object",      "{}",                  "b",                "7",     "{\"b\":7}"              },
    {"removed: last",             "{\"a\":1,\"len\":8}", "len",              NULL,    "{\"a\":1}"              },
    {"removed: first",            "{\"a\":1,\"len\":8}", "a",                NULL,    "{\"len\":8}"            },
    {"removed: only",             "{\"a\":1}",           "a",                NULL,    "{}"                     },
    {"removed: not there",        "{\"a\":1}",           "b",                NULL,    "{\"a\":1}"              },
    {"no object there",           "{\"a\":1}",           "a.b",              "7",     NULL                     },
    {"no such element",           RESULTS,               "streams[2].id",    "7",     NULL                     },
    {"prefix is no match",        "{\"lens\":1}",        "len",              "7",     "{\"lens\":1,\"len\":7}" },
    {"RES-22 inside an array",    RESULTS,               "streams[1].id",    "99",
     "{\"cpu\":1.5,\"streams\":[{\"id\":1,\"bytes\":10},{\"id\":99,\"bytes\":20}],\"s\":\"a\\\"]"
     "\"}"                                                                                                     },
    {"RES-18 removed inside",     RESULTS,               "streams[0].bytes", NULL,
     "{\"cpu\":1.5,\"streams\":[{\"id\":1},{\"id\":3,\"bytes\":20}],\"s\":\"a\\\"]\"}"                         },
    {"behind a text with quotes", RESULTS,               "s",                "0",
     "{\"cpu\":1.5,\"streams\":[{\"id\":1,\"bytes\":10},{\"id\":3,\"bytes\":20}],\"s\":0}"                     },
};

static void test_edit_json_changes_one_member_and_no_other_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text json = {0};
        text_adds(&json, rows[i].json);
        bool ok = edit_json(&json, rows[i].path, rows[i].value);
        if (ok != (rows[i].want != NULL) || (ok && strcmp(json.at, rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].name, json.at);
        text_fini(&json);
    }
}

static void test_edit_find_gives_the_text_of_the_value(void **state)
{
    struct text json = {0};
    struct bytes value;

    (void)state;
    text_adds(&json, RESULTS);
    assert_true(edit_find(&json, "streams[1]", &value));
    assert_int_equal(value.len, strlen("{\"id\":3,\"bytes\":20}"));
    assert_false(edit_find(&json, "streams[1].none", &value));
    text_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edit_json_changes_one_member_and_no_other_byte),
        cmocka_unit_test(test_edit_find_gives_the_text_of_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
