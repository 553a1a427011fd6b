/* test_merge.c - reports joined, and without what differs from run to run. */
#include "harness/report/merge.h"
#include "impl/tests/unit.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

#define REPORT(subject, totals, results)                                                           \
    "{\"schema\":1,\"subject\":{\"path\":\"" subject "\"},\"needs\":{},\"totals\":{" totals        \
    "},\"seconds\":2,\"results\":[" results "]}"

#define REPORT_BESIDE(subject, base, cases)                                                        \
    "{\"schema\":1,\"subject\":{\"path\":\"" subject "\"},\"results\":[],\"gate\":{\"base\":{"     \
    "\"path\":\"" base "\"},\"cases\":[" cases "]}}"

static json_value *parse(const char *text)
{
    json_value *root = NULL;

    if (json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &root) != SPEC_OK)
        fail_msg("no JSON: %s", text);
    return root;
}

/* What merging gives, compact; "" with a reason in why. The caller frees. */
static char *merged(const char *const *texts, int *status, struct text *why)
{
    json_value *roots[4];
    size_t n = 0;
    struct jwrite w;

    for (; texts[n]; n++)
        roots[n] = parse(texts[n]);
    jwrite_init(&w, JWRITE_COMPACT);
    bool ok = merge_put(&w, (const json_value *const *)roots, n, status, why);
    char *out = ok ? jwrite_take(&w) : strdup("");
    jwrite_fini(&w);
    while (n > 0)
        json_free(roots[--n]);
    return out;
}

static const struct row {
    const char *name, *texts[4];
    int status;
    const char *holds[3]; /* parts of the result, or of the reason */
} rows[] = {
    {"shards of one build: cases by id, counts added",
     {REPORT("a", "\"cases\":1,\"pass\":1,\"stale\":1", "{\"id\":\"z\"}"),
      REPORT("a", "\"cases\":2,\"pass\":2,\"stale\":1", "{\"id\":\"b\"},{\"id\":\"c\"}")},
     1,                                                                                                        {"\"results\":[{\"id\":\"b\"},{\"id\":\"c\"},{\"id\":\"z\"}]", "\"cases\":3,\"pass\":3",
      "\"stale\":1"}                                                                                                                                                                      },
    {"two builds: a run each",
     {REPORT("a", "\"cases\":1", "{\"id\":\"z\"}"), REPORT("b", "\"cases\":1", "{\"id\":\"z\"}")},
     0,                                                                                                        {"\"runs\":[{", "\"path\":\"b\""}                                                 },
    {"what was merged is merged again",
     {"{\"schema\":1,\"runs\":[" REPORT("a", "\"cases\":1", "{\"id\":\"y\"}") "]}",
      REPORT("a", "\"cases\":1", "{\"id\":\"x\"}")},
     0,                                                                                                        {"\"results\":[{\"id\":\"x\"},{\"id\":\"y\"}]"}                                   },
    {"trouble goes before a failure",
     {REPORT("a", "\"error\":1", "{\"id\":\"z\"}"), REPORT("b", "\"unexpected\":1", "")},
     3,                                                                                                        {"\"exit\":3", "\"exit\":1"}                                                      },
    {"skips of all shards count against --max-skip",
     {REPORT("a", "\"skip\":2,\"max_skip\":3", ""), REPORT("a", "\"skip\":2,\"max_skip\":3", "")},
     1,                                                                                                        {"4 skipped, more than --max-skip allows"}                                        },
    {"a case twice",
     {REPORT("a", "\"cases\":1", "{\"id\":\"z\"}"), REPORT("a", "", "{\"id\":\"z\"}")},
     0,                                                                                                        {"'z' is in two reports of the same build"}                                       },
    {"shards beside a base: what is another there, by id",
     {REPORT_BESIDE("a", "z", "{\"id\":\"y\"}"), REPORT_BESIDE("a", "z", "{\"id\":\"x\"}")},
     0,                                                                                                        {"\"gate\":{\"base\":{\"path\":\"z\"},\"cases\":[{\"id\":\"x\"},{\"id\":\"y\"}]}"}},
    {"beside two bases, and alone: a run each",
     {REPORT_BESIDE("a", "z", ""), REPORT_BESIDE("a", "y", ""), REPORT("a", "", "")},
     0,                                                                                                        {"\"base\":{\"path\":\"z\"}", "\"base\":{\"path\":\"y\"}", "\"results\":[]}]}"}   },
    {"another file",                                       {"[1,2]"},                                       0, {"no report"}                                                                     },
    {"another schema",
     {"{\"schema\":2,\"subject\":{},\"results\":[]}"},
     0,                                                                                                        {"no report of `iperfspec test --json`, or of another schema"}                    },
    {"counts that are none",                               {REPORT("a", "\"pass\":-3,\"fail\":\"x\"", "")}, 0, {"\"pass\":0"}                                                                    },
};

static void test_merge_put_joins_what_belongs_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text why = {0};
        int status = 0;
        char *out = merged(rows[i].texts, &status, &why);
        const char *found = *out ? out : text_string(&why);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].holds) && rows[i].holds[k]; k++)
            if (!strstr(found, rows[i].holds[k]))
                fail_msg("%s: no %s in %s", rows[i].name, rows[i].holds[k], found);
        if (*out && status != rows[i].status)
            fail_msg("%s: status %d", rows[i].name, status);
        free(out);
        text_fini(&why);
    }
}

static char *normal(const char *text)
{
    struct text why = {0};
    json_value *root = parse(text);
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    assert_true(merge_put_normal(&w, root, &why));
    char *out = jwrite_take(&w);
    json_free(root);
    text_fini(&why);
    return out;
}

static void test_merge_put_normal_hides_what_differs_and_keeps_what_does_not(void **state)
{
    static const char *const one =
        "{\"schema\":1,\"seconds\":1.5,\"results\":[{\"id\":\"b\",\"got\":\"after 12 ms\"},"
        "{\"id\":\"a\",\"command\":\"x -p 4711 '/tmp/iperfspec-keys-a1B2c3/p'\",\"retries\":1}]}";
    static const char *const other =
        "{\"schema\":1,\"seconds\":2.5,\"results\":["
        "{\"id\":\"a\",\"command\":\"x -p 4712 '/var/iperfspec-keys-zzzzzz/p'\"},"
        "{\"id\":\"b\",\"got\":\"after 1.5 s\",\"timeline\":\"> 09\"}]}";
    static const char *const third =
        "{\"schema\":1,\"seconds\":2.5,\"results\":["
        "{\"id\":\"a\",\"command\":\"x -p 4712 '/var/iperfspec-keys-zzzzzz/p'\"},"
        "{\"id\":\"b\",\"got\":\"after 1.5 s, SERVER_ERROR 6\"}]}";
    char *a = normal(one), *b = normal(other), *c = normal(third);

    (void)state;
    assert_string_equal(a, b);
    assert_string_not_equal(b, c);
    free(a);
    free(b);
    free(c);
}

/* Which step notices that the process is gone is a race; what a step of the protocol missed is not.
 */
static void test_merge_put_normal_hides_where_a_crash_was_noticed(void **state)
{
#define GOT(cause, line, step, got)                                                                \
    "{\"schema\":1,\"results\":[{\"id\":\"a\",\"cause\":\"" cause "\",\"line\":" line              \
    ",\"step\":\"" step "\",\"got\":\"" got "\"}],\"gate\":{\"base\":{},\"cases\":["               \
    "{\"id\":\"c\",\"plays\":" line "},{\"id\":\"b\"}]}}"
    static const struct {
        const char *one, *other;
        bool are_same;
    } pairs[] = {
        {GOT("crash", "3", "expect alive", "killed by SIGSEGV, 1 ms after line 2"),
         GOT("crash",                                                                           "4", "expect end",   "killed by SIGSEGV, 10 ms after line 3"), true },
        {GOT("crash", "3", "expect alive", "killed by SIGSEGV, 1 ms after line 2"),
         GOT("crash",                                                                           "3", "expect alive", "killed by SIGBUS, 1 ms after line 2"),   false},
        {GOT("miss",  "3", "expect alive", "the end"),                              GOT("miss", "4", "expect alive", "the end"),
         false                                                                                                                                                      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *a = normal(pairs[i].one), *b = normal(pairs[i].other);
        if ((strcmp(a, b) == 0) != pairs[i].are_same)
            fail_msg("pair %zu: %s\n%s", i, a, b);
        assert_non_null(strstr(a, "\"cases\":[{\"id\":\"b\"},{\"id\":\"c\"}]"));
        free(a);
        free(b);
    }
#undef GOT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_put_joins_what_belongs_together),
        cmocka_unit_test(test_merge_put_normal_hides_what_differs_and_keeps_what_does_not),
        cmocka_unit_test(test_merge_put_normal_hides_where_a_crash_was_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
