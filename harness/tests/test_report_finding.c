/* Findings: an identity that stays, an order, quoting, and the area of an id. */
#include "harness/report/model.h"
#include "impl/tests/unit.h"

#include <stdlib.h>
#include <string.h>

static const char *identity(const char *id, const char *step, const char *cause)
{
    static char text[4][REPORT_IDENTITY + 1];
    static int n;

    report_identify(id, step, cause, text[n = (n + 1) % 4]);
    return text[n];
}

static void test_report_identify_tells_findings_apart(void **state)
{
    (void)state;
    assert_string_equal(identity("a/b", "expect end", "miss"),
                        identity("a/b", "expect end", "miss"));
    assert_string_not_equal(identity("a/b", "expect end", "miss"),
                            identity("a/c", "expect end", "miss"));
    assert_string_not_equal(identity("a/b", "expect end", "miss"),
                            identity("a/b", "expect", "miss"));
    assert_string_not_equal(identity("a/b", "expect end", "miss"),
                            identity("a/b", "expect end", "timeout"));
    assert_string_not_equal(identity("ab", "c", "miss"), identity("a", "bc", "miss"));
    /* Published: reports of other days have it. */
    assert_string_equal(identity("a/b", "expect end", "miss"), "4ff114414b576664");
}

static void test_report_identify_leaves_the_step_of_a_crash_out(void **state)
{
    (void)state;
    assert_string_equal(identity("a", "expect end", "crash"),
                        identity("a", "expect alive", "crash"));
    assert_string_not_equal(identity("a", "expect end", "hang"),
                            identity("a", "expect alive", "hang"));
}

static void test_report_area_is_what_stands_before_the_second_slash(void **state)
{
    static const struct {
        const char *id;
        size_t len;
    } rows[] = {
        {"server/close/half/RUN", 12},
        {"server/close/half",     12},
        {"server/close",          6 },
        {"mine",                  4 },
        {"",                      0 },
        {"/",                     0 },
        {"a//b",                  2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(report_area(rows[i].id), rows[i].len);
}

/* --- reports ---------------------------------------------------------------------------------- */

#define RESULT(id, verdict, standing, cause)                                                       \
    "{\"id\":\"" id "\",\"verdict\":\"" verdict "\",\"standing\":\"" standing                      \
    "\",\"cause\":\"" cause "\",\"unexpected\":false}"
#define REPORT(totals, results)                                                                    \
    "{\"schema\":1,\"subject\":{\"name\":\"iperf\"},\"exit\":0,\"exit_reason\":\"\",\"totals\":"   \
    "{" totals "},\"results\":[" results "]}"

static bool load(struct reports *reports, const char *text)
{
    struct text why = {0};
    bool ok = reports_load(reports, (struct bytes){(const uint8_t *)text, strlen(text)}, "x", &why);

    assert_true(ok == (why.len == 0));
    text_fini(&why);
    return ok;
}

static void test_report_worst_puts_crashes_first(void **state)
{
    struct reports reports = {0};
    size_t n;

    (void)state;
    assert_true(
        load(&reports,
             REPORT("\"cases\":5,\"pass\":1,\"fail\":4,\"flaky\":1,\"unexpected\":2,\"known\":1",
                    RESULT("a", "fail", "flaky", "crash") "," RESULT("b", "fail", "unexpected",
                                                                     "miss") "," //
                    RESULT("c", "pass", "as-expected", "ok") "," RESULT("d", "fail", "unexpected",
                                                                        "crash") "," //
                    RESULT("e", "fail", "known", "crash"))));
    const struct report_result **worst = report_worst(&reports.at[0], &n);
    assert_int_equal(n, 3);
    assert_string_equal(worst[0]->id, "d");
    assert_string_equal(worst[1]->id, "b");
    assert_string_equal(worst[2]->id, "a");
    assert_int_equal(strlen(worst[0]->identity), REPORT_IDENTITY); /* made where there is none */
    free(worst);
    reports_fini(&reports);
}

static void test_reports_load_reads_every_cut_of_a_report_without_harm(void **state)
{
    static const char whole[] =
        REPORT("\"cases\":1,\"pass\":1",
               "{\"id\":\"a\\\"b\",\"verdict\":\"pass\",\"cause\":\"ok\","
               "\"standing\":\"as-expected\",\"unexpected\":false,\"clauses\":[\"X-1\"],"
               "\"script_lines\":[0,-1,1e300],\"session\":[[0,\"us\"]]}");
    struct reports reports = {0};

    (void)state;
    for (size_t len = 0; len < strlen(whole); len++) {
        char *cut = strndup(whole, len);
        assert_false(load(&reports, cut));
        free(cut);
        reports_fini(&reports);
    }
    assert_true(load(&reports, whole));
    assert_int_equal(reports.at[0].n, 1);
    assert_string_equal(reports.at[0].results[0].id, "a\"b");
    assert_int_equal(reports.at[0].results[0].n_clauses, 1);
    reports_fini(&reports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_identify_tells_findings_apart),
        cmocka_unit_test(test_report_identify_leaves_the_step_of_a_crash_out),
        cmocka_unit_test(test_report_area_is_what_stands_before_the_second_slash),
        cmocka_unit_test(test_report_worst_puts_crashes_first),
        cmocka_unit_test(test_reports_load_reads_every_cut_of_a_report_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
