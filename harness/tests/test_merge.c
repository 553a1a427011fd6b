/* test_merge.c - reports joined, and without what differs from run to run. */
#include "harness/report/merge.h"
#include "impl/tests/unit.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

#define R(id) RESULT(id, "pass", "as-expected", "false")
#define RESULT(id, verdict, standing, unexpected)                                                  \
    "{\"id\":\"" id "\",\"verdict\":\"" verdict "\",\"cause\":\"ok\",\"standing\":\"" standing     \
    "\",\"unexpected\":" unexpected "}"
#define RUN(subject, totals, more, results)                                                        \
    "{\"schema\":1,\"subject\":{\"path\":\"" subject "\"},\"exit\":0,\"exit_reason\":\"\","        \
    "\"needs\":{},\"totals\":{" totals "},\"seconds\":2" more ",\"results\":[" results "]}"
#define REPORT(subject, totals, results) RUN(subject, totals, "", results)
#define REPORT_BESIDE(subject, base, cases)                                                        \
    RUN(subject, "", ",\"gate\":{\"base\":{\"path\":\"" base "\"},\"cases\":[" cases "]}", "")
#define SHARD(subject, parts, of)                                                                  \
    RUN(subject, "", ",\"shards\":{\"of\":" of ",\"parts\":" parts "}", "")
#define AT(path, sha256, parts) SHARD(path "\",\"sha256\":\"" sha256, parts, "2")
#define CHANGE(id)                                                                                 \
    "{\"id\":\"" id "\",\"change\":\"worse\",\"base\":{\"verdict\":\"pass\",\"cause\":\"ok\"},"    \
    "\"build\":{\"verdict\":\"fail\",\"cause\":\"ok\"}}"

static void load(struct kept *kept, const char *text)
{
    struct text why = {0};

    if (!kept_load(kept, (struct bytes){(const uint8_t *)text, strlen(text)}, "x", &why))
        fail_msg("%s: %s", text_string(&why), text);
}

/* What merging gives, compact; "" with a reason in why. The caller frees. */
static char *merged(const char *const *texts, int *status, struct text *why)
{
    struct kept reports[4] = {0};
    size_t n = 0;
    struct jwrite w;

    for (; texts[n]; n++)
        load(&reports[n], texts[n]);
    jwrite_init(&w, JWRITE_COMPACT);
    bool ok = merge_put(&w, reports, n, false, status, why);
    char *out = ok ? jwrite_take(&w) : strdup("");
    jwrite_fini(&w);
    while (n > 0)
        kept_fini(&reports[--n]);
    return out;
}

/* clang-format off */
static const struct row {
    const char *name, *texts[4];
    int status;
    const char *holds[3]; /* parts of the result, or of the reason */
} rows[] = {
    {"shards of one build: cases by id, counts added",
     {REPORT("a", "\"cases\":1,\"pass\":1,\"stale\":1", R("z")),
      REPORT("a", "\"cases\":2,\"pass\":2,\"stale\":1", R("b") "," R("c"))}, 1,
     {"\"results\":[" R("b") "," R("c") "," R("z") "]", "\"cases\":3,\"pass\":3", "\"stale\":1"}},
    {"two builds: a run each",
     {REPORT("a", "\"cases\":1,\"pass\":1", R("z")), REPORT("b", "\"cases\":1,\"pass\":1", R("z"))},
     0, {"\"runs\":[{", "\"path\":\"b\""}},
    {"what was merged is merged again",
     {"{\"schema\":1,\"runs\":[" REPORT("a", "\"cases\":1,\"pass\":1", R("y")) "]}",
      REPORT("a", "\"cases\":1,\"pass\":1", R("x"))}, 0,
     {"\"results\":[" R("x") "," R("y") "]"}},
    {"trouble goes before a failure",
     {REPORT("a", "\"cases\":1,\"error\":1", RESULT("z", "error", "as-expected", "false")),
      REPORT("b", "\"cases\":1,\"fail\":1,\"unexpected\":1",
             RESULT("z", "fail", "unexpected", "true"))}, 3,
     {"\"exit\":3", "\"exit\":1"}},
    {"skips of all shards count against --max-skip",
     {REPORT("a", "\"cases\":1,\"skip\":1,\"max_skip\":1",
             RESULT("y", "skip", "as-expected", "false")),
      REPORT("a", "\"cases\":2,\"pass\":1,\"skip\":1,\"max_skip\":1",
             R("x") "," RESULT("z", "skip", "as-expected", "false"))}, 1,
     {"2 skipped, more than --max-skip allows"}},
    {"all shards: they are the whole",
     {SHARD("a", "[1,3]", "3"), SHARD("a", "[2]", "3")}, 0,
     {"\"seconds\":4,\"results\":[]}"}},
    {"shards of one program, from machines that have it in other places",
     {AT("a", "12ab", "[1]"), AT("/b/a", "12ab", "[2]")}, 0, {"\"path\":\"a\"", "\"results\":[]}"}},
    {"shards of two programs", {AT("a", "12ab", "[1]"), AT("b", "34cd", "[2]")}, 3,
     {"shard 2 of 2 is missing of"}},
    {"shards of what has no SHA-256", {AT("a", "", "[1]"), AT("b", "", "[2]")}, 3,
     {"shard 2 of 2 is missing of"}},
    {"a shard is missing", {SHARD("a", "[1]", "3")}, 3, {"shards 2, 3 of 3 are missing of a"}},
    {"shards of other numbers", {SHARD("a", "[1]", "2"), SHARD("a", "[2]", "3")}, 2,
     {"a shard of 3 parts beside one of 2 of a"}},
    {"no such shard", {SHARD("a", "[4]", "3")}, 2, {"shard 4 of 3"}},
    {"shards without end", {SHARD("a", "[1]", "4000000000")}, 2, {"a shard of 4000000000 parts"}},
    {"a case twice",
     {REPORT("a", "\"cases\":1,\"pass\":1", R("z")), REPORT("a", "\"cases\":1,\"pass\":1", R("z"))},
     2, {"'z' is in two reports of the same build"}},
    {"shards beside a base: what is another there, by id",
     {REPORT_BESIDE("a", "z", CHANGE("y")), REPORT_BESIDE("a", "z", CHANGE("x"))}, 0,
     {"\"gate\":{\"base\":{\"path\":\"z\"},\"cases\":[" CHANGE("x") "," CHANGE("y") "]}"}},
    {"beside two bases, and alone: a run each",
     {REPORT_BESIDE("a", "z", ""), REPORT_BESIDE("a", "y", ""), REPORT("a", "", "")}, 0,
     {"\"base\":{\"path\":\"z\"}", "\"base\":{\"path\":\"y\"}", "\"results\":[]}]}"}},
    {"a count that is none", {REPORT("a", "\"stale\":-3,\"cut\":\"x\"", "")}, 0, {"\"stale\":0"}},
};
/* clang-format on */

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
        if (status != rows[i].status)
            fail_msg("%s: status %d", rows[i].name, status);
        free(out);
        text_fini(&why);
    }
}

static char *normal(const char *text)
{
    struct kept kept = {0};
    struct jwrite w;

    load(&kept, text);
    jwrite_init(&w, JWRITE_COMPACT);
    merge_put_normal(&w, &kept);
    char *out = jwrite_take(&w);
    kept_fini(&kept);
    return out;
}

/* clang-format off */
/* Results with more members. */
#define WITH(id, cause, more)                                                                      \
    "{\"id\":\"" id "\",\"verdict\":\"fail\",\"standing\":\"known\",\"unexpected\":false,"         \
    "\"cause\":\"" cause "\"," more "}"
#define AT_HOME(path, more) REPORT(path, "\"cases\":1,\"fail\":1,\"known\":1", WITH("a", "miss", more))
#define ONE(cause, more) REPORT("x", "\"cases\":1,\"fail\":1,\"known\":1", WITH("a", cause, more))
#define TWO(a, b)        REPORT("x", "\"cases\":2,\"fail\":2,\"known\":2", a "," b)

#define CARRIED(id, more)                                                                          \
    "{\"id\":\"" id "\",\"fresh\":{\"verdict\":\"pass\",\"cause\":\"ok\"},"                           \
    "\"kept\":{\"verdict\":\"fail\",\"cause\":\"miss\"}," more "}"

/* Which step notices that the process is gone is a race, and so is at which message of a step that
 * has several the end of a connection is noticed; what a step of the protocol missed is not. */
static const struct pair {
    const char *name, *one, *other;
    bool are_same;
} pairs[] = {
    {"times, ports, folders, the order of the cases",
     TWO(WITH("b", "miss", "\"got\":\"after 12 ms\""),
         WITH("a", "miss", "\"command\":\"x -p 4711 '/tmp/iperfspec-keys-a1B2c3/p'\",\"retries\":1")),
     TWO(WITH("a", "miss", "\"command\":\"x -p 4712 '/var/iperfspec-keys-zzzzzz/p'\""),
         WITH("b", "miss", "\"got\":\"after 1.5 s\",\"timeline\":\"> 09\"")), true},
    {"where the program and the cases are",
     AT_HOME("/one/build/x", "\"file\":\"/one/a.peer\",\"command\":\"/one/build/x -s\""),
     AT_HOME("y.z/x", "\"file\":\"a.peer\",\"command\":\"y.z/x -s\""), true},
    {"where a base is",
     REPORT_BESIDE("x", "/one/b", CHANGE("y")), REPORT_BESIDE("x", "b", CHANGE("y")), true},
    {"another program",
     AT_HOME("/one/x", "\"line\":1"), AT_HOME("/one/y", "\"line\":1"), false},
    {"a slash in what came",
     ONE("miss", "\"got\":\"title a/b\""), ONE("miss", "\"got\":\"title c/b\""), false},
    {"what came is not hidden",
     ONE("miss", "\"got\":\"after 1.5 s\""),
     ONE("miss", "\"got\":\"after 1.5 s, SERVER_ERROR 6\""), false},
    {"at which message of a step the end was noticed",
     ONE("miss", "\"got\":\"the end of the connection instead of 01 TEST_START (STR-4)\""),
     ONE("miss", "\"got\":\"stream 1 was refused (STR-1)\""), true},
    {"at which one a reset was noticed",
     ONE("miss", "\"got\":\"a reset of the connection instead of 01 TEST_START (STR-4)\""),
     ONE("miss", "\"got\":\"a reset of the connection instead of 02 TEST_RUNNING (STR-4)\""), true},
    {"an end, and something else in its place",
     ONE("miss", "\"got\":\"the end of the connection instead of 01 TEST_START (STR-4)\""),
     ONE("miss", "\"got\":\"02 TEST_RUNNING instead of 01 TEST_START (STR-4)\""), false},
    {"where a crash was noticed",
     ONE("crash", "\"line\":3,\"step\":\"expect alive\",\"got\":\"by SIGSEGV, 1 ms after line 2\""),
     ONE("crash", "\"line\":4,\"step\":\"expect end\",\"got\":\"by SIGSEGV, 10 ms after line 3\""),
     true},
    {"another signal",
     ONE("crash", "\"got\":\"killed by SIGSEGV\""), ONE("crash", "\"got\":\"killed by SIGBUS\""),
     false},
    {"another step was missed",
     ONE("miss", "\"line\":3,\"got\":\"the end\""), ONE("miss", "\"line\":4,\"got\":\"the end\""),
     false},
    {"the order in which persistent mode found something",
     RUN("x", "", ",\"persistent\":{\"cases\":9,\"runs\":18,\"seed\":1,\"findings\":["
         CARRIED("b", "\"got\":\"test #314\",\"line\":3") "," CARRIED("a", "\"sequence\":[\"a\"]")
         "]}", ""),
     RUN("x", "", ",\"persistent\":{\"cases\":9,\"findings\":["
         CARRIED("a", "\"sequence\":[\"b\",\"a\"]") "," CARRIED("b", "\"got\":\"test #9\"") "]}", ""),
     true},
    {"another finding of persistent mode",
     RUN("x", "", ",\"persistent\":{\"cases\":9,\"findings\":[" CARRIED("a", "\"line\":1") "]}", ""),
     RUN("x", "", ",\"persistent\":{\"cases\":9,\"findings\":[" CARRIED("b", "\"line\":1") "]}", ""),
     false},
    {"the order of what is another with the base",
     REPORT_BESIDE("x", "b", CHANGE("y") "," CHANGE("z")),
     REPORT_BESIDE("x", "b", CHANGE("z") "," CHANGE("y")), true},
};
/* clang-format on */

static void test_merge_put_normal_hides_what_differs_and_keeps_what_does_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char *a = normal(pairs[i].one), *b = normal(pairs[i].other);
        if ((strcmp(a, b) == 0) != pairs[i].are_same)
            fail_msg("%s: %s\n%s", pairs[i].name, a, b);
        free(a);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_put_joins_what_belongs_together),
        cmocka_unit_test(test_merge_put_normal_hides_what_differs_and_keeps_what_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
