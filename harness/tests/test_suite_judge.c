/* test_suite_judge.c - verdicts from causes and clauses, and expectation files. */
#include "harness/suite/suite.h"

#include "impl/tests/unit.h"

#include <unistd.h>

static struct subject_build stock(const char *version, const char *vendor)
{
    struct subject_build b = {.name = "iperf", .has_version = true};

    assert_true(clause_version_parse(version, vendor, &b.version));
    return b;
}

/* CTL-8 MUST all; CTL-6 SHOULD 3.15+; CTL-7 IS 3.0.1-3.14; FLOW-12 MAY */
static const struct row {
    const char *name, *clauses, *step_clause;
    enum sim_cause cause;
    const char *version; /* NULL: a build of unknown name */
    enum suite_verdict want;
    const char *decides;
} rows[] = {
    {"all is well",                      "CTL-8",       "",      SIM_OK,         "3.18", SUITE_PASS,  NULL      },
    {"a MUST",                           "CTL-8",       "",      SIM_MISS,       "3.18", SUITE_FAIL,  "CTL-8"   },
    {"a SHOULD before an IS",            "CTL-7 CTL-6", "",      SIM_MISS,       "3.9",  SUITE_WARN,  "CTL-6"   },
    {"a MUST judges any build",          "CTL-8",       "",      SIM_TIMEOUT,    NULL,   SUITE_FAIL,  "CTL-8"   },
    {"a SHOULD",                         "CTL-6",       "",      SIM_MISS,       "3.9",  SUITE_WARN,  "CTL-6"   },
    {"an IS of this version",            "CTL-7",       "",      SIM_MISS,       "3.9",  SUITE_DRIFT, "CTL-7"   },
    {"an IS of other versions",          "CTL-7",       "",      SIM_MISS,       "3.18", SUITE_SKIP,  NULL      },
    {"an IS and a build of other name",  "CTL-7",       "",      SIM_MISS,       NULL,   SUITE_SKIP,  NULL      },
    {"the gravest of several",           "CTL-7 CTL-8", "",      SIM_MISS,       "3.9",  SUITE_FAIL,  "CTL-8"   },
    {"the step's own",                   "CTL-8",       "CTL-6", SIM_MISS,       "3.9",  SUITE_WARN,  "CTL-6"   },
    {"a MAY claims nothing",             "FLOW-12",     "",      SIM_MISS,       "3.9",  SUITE_SKIP,  NULL      },
    {"a crash is one whatever is named", "FLOW-12",     "",      SIM_CRASH,      NULL,   SUITE_FAIL,  "INT-3"   },
    {"so is a hang",                     "CTL-7",       "CTL-7", SIM_HANG,       "3.18", SUITE_FAIL,  "INT-3"   },
    {"no service",                       "CLOSE-14",    "",      SIM_NO_SERVICE, "3.18", SUITE_FAIL,  "CLOSE-14"},
    {"our own trouble",                  "CTL-8",       "",      SIM_TROUBLE,    "3.18", SUITE_ERROR, NULL      },
};

static void test_suite_judge_takes_levels_from_the_registry(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_list list = {0};
        struct script_error error;
        struct text source = {0};
        struct suite_run run = {.cause = rows[i].cause, .line = 1};
        struct subject_build b = {.name = "other"};
        if (rows[i].version)
            b = stock(rows[i].version, NULL);
        text_addf(&source, "case x\nclause %s\nplays client\n\nfinish\n", rows[i].clauses);
        text_adds(&run.clause, rows[i].step_clause);
        assert_true(script_read(&list, "t", text_string(&source), &error));
        struct suite_judgement j = suite_judge(list.at[0], &run, &b);
        if (j.verdict != rows[i].want || !j.clause != !rows[i].decides ||
            (j.clause && strcmp(j.clause->id, rows[i].decides) != 0))
            fail_msg("%s: %s by %s", rows[i].name, suite_verdict_word(j.verdict),
                     j.clause ? j.clause->id : "none");
        text_fini(&source);
        suite_run_fini(&run);
        script_list_fini(&list);
    }
}

static char *temporary(const char *text)
{
    static char path[UNIT_PATH_MAX];
    int fd = mkstemp(unit_temporary(path, "expect"));

    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

static const char file[] = "# known\nbuilds 3.1.4-3.17.1 +3.18@deb13u2\n\n"
                           "server/a/*   fail:crash  DEF-18  a reason # and a comment\n"
                           "server/b     warn?       CTL-6   at times\n";

static void test_suite_expectations_apply_to_the_builds_they_name(void **state)
{
    static const struct {
        const char *version, *vendor;
        bool applies;
    } builds[] = {
        {"3.12",   NULL,      true },
        {"3.18",   NULL,      false},
        {"3.18",   "deb13u2", true },
        {"3.17.1", NULL,      true },
        {"3.1.3",  NULL,      false},
    };
    char *path = temporary(file);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(builds); i++) {
        struct suite_expectations list = {0};
        struct script_error error;
        struct subject_build b = stock(builds[i].version, builds[i].vendor);
        assert_true(suite_expectations_read(&list, path, &b, &error));
        assert_int_equal(list.n, builds[i].applies ? 2 : 0);
        suite_expectations_fini(&list);
    }
    unlink(path);
}

static void test_suite_expectations_find_by_glob(void **state)
{
    struct suite_expectations list = {0};
    struct script_error error;
    struct subject_build b = stock("3.12", NULL);
    char *path = temporary(file);

    (void)state;
    assert_true(suite_expectations_read(&list, path, &b, &error));
    struct suite_expectation *e = suite_expectations_find(&list, "server/a/x/y");
    assert_non_null(e);
    assert_int_equal(e->verdict, SUITE_FAIL);
    assert_int_equal(e->cause, SIM_CRASH);
    assert_false(e->at_times);
    assert_string_equal(e->reason, "a reason");
    e = suite_expectations_find(&list, "server/b");
    assert_true(e && e->at_times && e->cause == SIM_N_CAUSES);
    assert_null(suite_expectations_find(&list, "server/c"));
    suite_expectations_fini(&list);
    unlink(path);
}

static void test_suite_expectations_name_a_mistake(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
    } bad[] = {
        {"a red DEF-1 why\n",      1, 3 },
        {"a fail:odd DEF-1 why\n", 1, 3 },
        {"a fail NO-1 why\n",      1, 8 },
        {"\na fail DEF-1\n",       2, 13},
        {"builds\n",               1, 7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct suite_expectations list = {0};
        struct script_error error;
        char *path = temporary(bad[i].text);
        bool ok = suite_expectations_read(&list, path, NULL, &error);
        if (ok || error.line != bad[i].line || error.column != bad[i].column)
            fail_msg("%s: %u:%u", bad[i].text, error.line, error.column);
        suite_expectations_fini(&list);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_judge_takes_levels_from_the_registry),
        cmocka_unit_test(test_suite_expectations_apply_to_the_builds_they_name),
        cmocka_unit_test(test_suite_expectations_find_by_glob),
        cmocka_unit_test(test_suite_expectations_name_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
