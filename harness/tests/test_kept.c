/* test_kept.c - reports that are read: what is one, and what is said of what is none. */
#include "harness/report/kept.h"
#include "impl/tests/unit.h"

#include <stdlib.h>
#include <string.h>

#define RESULT(members) "{" members "}"
#define GOOD                                                                                       \
    "\"id\":\"a\",\"verdict\":\"pass\",\"cause\":\"ok\",\"standing\":\"as-expected\","             \
    "\"unexpected\":false"
#define HEAD               "\"schema\":1,\"subject\":{\"name\":\"iperf\"},\"exit\":0,\"exit_reason\":\"\""
#define ONE                "\"totals\":{\"cases\":1,\"pass\":1}"
#define NONE               "\"totals\":{}"
#define RUN(more, results) "{" HEAD "," more ",\"results\":[" results "]}"

/* clang-format off */
static const struct row {
    const char *name, *text, *said; /* NULL: it is one */
} rows[] = {
    {"a report", RUN(ONE, RESULT(GOOD)), NULL},
    {"a byte order mark", "\xef\xbb\xbf" RUN(ONE, RESULT(GOOD)), NULL},
    {"members of a later version", RUN(ONE ",\"new\":{}", RESULT(GOOD ",\"new\":[7]")), NULL},
    {"an end of line", RUN(NONE, "") "\r\n", NULL},
    {"several", "{\"schema\":1,\"runs\":[" RUN(NONE, "") "," RUN(NONE, "") "]}", NULL},
    {"nothing", "", "x:1: no JSON value"},
    {"a cut one", "{\n\"schema\":1,\n\"results\":[{\"id\":\"a", "x:3: not well-formed JSON"},
    {"bytes behind it", RUN(NONE, "") "]", "x:1: bytes after the first value"},
    {"no UTF-8", RUN("\"path\":\"\xff\"", ""), "x:1: bytes that are not UTF-8"},
    {"a number", "7", "x:1: no report of"},
    {"an empty object", "{}", "x:1: schema is missing"},
    {"another schema", "{\"schema\":99,\"results\":[]}", "x:1: schema is 99, expected 1"},
    {"another schema of several", "{\"schema\":99,\"runs\":[]}", "x:1: schema is 99, expected 1"},
    {"no results", "{" HEAD "," NONE "}", "x:1: results is missing"},
    {"a soak", "{" HEAD ",\"soak\":{}}", "x:1: what --soak wrote has no results"},
    {"results that are none", "{" HEAD "," NONE ",\"results\":{}}", "x:1: results is no array"},
    {"no subject", "{\"schema\":1,\"results\":[]}", "x:1: subject is missing"},
    {"a subject of another type", "{\"schema\":1,\"subject\":7,\"results\":[]}",
     "x:1: subject is of type number, expected object"},
    {"no runs", "{\"schema\":1,\"runs\":[]}", "x:1: runs is empty"},
    {"runs within runs", "{\"schema\":1,\"runs\":[{\"schema\":1,\"runs\":[]}]}",
     "x:1: results is missing"},
    {"a list for a result", RUN(ONE, "\n[1]"),
     "x:2: results[0] is of type array, expected object"},
    {"no id", RUN(ONE, RESULT("\"verdict\":\"pass\"")), "x:1: results[0].id is missing"},
    {"an empty id", RUN(ONE, RESULT("\"id\":\"\"")), "x:1: results[0].id is \"\""},
    {"a verdict that there is not",
     RUN(ONE, RESULT(GOOD) ",\n" RESULT("\"id\":\"b\",\"verdict\":\"\\u001b[31mevil\"")),
     "x:2: results[1].verdict is \"\\x1b[31mevil\""},
    {"a step of another type", RUN(ONE, RESULT(GOOD ",\"step\":7")),
     "x:1: results[0].step is of type number, expected string"},
    {"a clause of another type", RUN(ONE, RESULT(GOOD ",\"clauses\":[\"X-1\",2]")),
     "x:1: results[0].clauses[1] is of type number, expected string"},
    {"a verdict within", RUN(ONE, RESULT(GOOD ",\"again\":{\"verdict\":\"x\",\"cause\":\"ok\"}")),
     "x:1: results[0].again.verdict is \"x\""},
    {"a gate without a base", RUN(NONE ",\"gate\":{\"cases\":[]}", ""),
     "x:1: gate.base is missing"},
    {"a finding without an id",
     RUN(NONE ",\"persistent\":{\"cases\":1,\"findings\":[{}]}", ""),
     "x:1: persistent.findings[0].id is missing"},
    {"no totals", "{" HEAD ",\"results\":[]}", "x:1: totals is missing"},
    {"a result was lost", RUN(ONE, ""), "x:1: totals.cases is 1, the results have 0"},
    {"a failure was made a pass",
     RUN("\"totals\":{\"cases\":1,\"fail\":1,\"unexpected\":1}", RESULT(GOOD)),
     "x:1: totals.pass is 0, the results have 1"},
};
/* clang-format on */

static bool load(struct kept *kept, const char *text, struct text *why)
{
    return kept_load(kept, (struct bytes){(const uint8_t *)text, strlen(text)}, "x", why);
}

static void test_kept_load_says_what_is_wrong_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kept kept = {0};
        struct text why = {0};
        bool ok = load(&kept, rows[i].text, &why);
        const char *said = text_string(&why);
        if (ok != (rows[i].said == NULL) ||
            (rows[i].said && strncmp(said, rows[i].said, strlen(rows[i].said)) != 0) ||
            strpbrk(said, "\n\x1b"))
            fail_msg("%s: %s", rows[i].name, said);
        kept_fini(&kept);
        text_fini(&why);
    }
}

/* More of them than one tree may have values. */
static void test_kept_load_takes_any_number_of_results(void **state)
{
    enum { N = 20000 };
    struct text text = {0}, why = {0}, lines = {0};
    struct kept kept = {0};

    (void)state;
    for (int i = 0; i < 256; i++)
        text_adds(&lines, i ? ",0" : "0");
    text_addf(&text, "{" HEAD ",\"totals\":{\"cases\":%d,\"pass\":%d},\"results\":[", N, N);
    for (int i = 0; i < N; i++)
        text_addf(&text, "%s{" GOOD ",\"script_lines\":[%s]}", i ? "," : "", text_string(&lines));
    text_adds(&text, "]}");
    const struct bytes bytes = {(const uint8_t *)text_string(&text), text.len};
    assert_true(json_count(bytes) > JSON_VALUES_LIMIT);
    if (!kept_load(&kept, bytes, "x", &why))
        fail_msg("%s", text_string(&why));
    assert_int_equal(kept.runs[0].n, N);
    json_value *last = kept_parse(&kept.runs[0].results[N - 1]);
    assert_int_equal(json_type_of(json_member(last, "script_lines")), JSON_ARRAY);
    json_free(last);
    kept_fini(&kept);
    text_fini(&text);
    text_fini(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_load_says_what_is_wrong_and_where),
        cmocka_unit_test(test_kept_load_takes_any_number_of_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
