/* test_suite_judge.c - verdicts from causes and clauses. */
#include "harness/suite/suite.h"

#include "impl/tests/unit.h"

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
    {"all is well",                       "CTL-8",         "",      SIM_OK,         "3.18", SUITE_PASS,  NULL         },
    {"a MUST",                            "CTL-8",         "",      SIM_MISS,       "3.18", SUITE_FAIL,  "CTL-8"      },
    {"a SHOULD before an IS",             "CTL-7 CTL-6",   "",      SIM_MISS,       "3.9",  SUITE_WARN,  "CTL-6"      },
    {"a MUST judges any build",           "CTL-8",         "",      SIM_TIMEOUT,    NULL,   SUITE_FAIL,  "CTL-8"      },
    {"a SHOULD",                          "CTL-6",         "",      SIM_MISS,       "3.9",  SUITE_WARN,  "CTL-6"      },
    {"an IS of this version",             "CTL-7",         "",      SIM_MISS,       "3.9",  SUITE_DRIFT, "CTL-7"      },
    {"an IS of other versions",           "CTL-7",         "",      SIM_MISS,       "3.18", SUITE_SKIP,  NULL         },
    {"an IS and a build of other name",   "CTL-7",         "",      SIM_MISS,       NULL,   SUITE_SKIP,  NULL         },
    {"the gravest of several",            "CTL-7 CTL-8",   "",      SIM_MISS,       "3.9",  SUITE_FAIL,  "CTL-8"      },
    {"the step's own",                    "CTL-8",         "CTL-6", SIM_MISS,       "3.9",  SUITE_WARN,  "CTL-6"      },
    {"a MAY claims nothing",              "FLOW-12",       "",      SIM_MISS,       "3.9",  SUITE_SKIP,  NULL         },
    {"a crash is one whatever is named",  "FLOW-12",       "",      SIM_CRASH,      NULL,   SUITE_FAIL,  "INT-3"      },
    {"and tells what it is about",        "INT-3 JSON-12", "",      SIM_CRASH,      "3.12", SUITE_FAIL,
     "JSON-12.v3"                                                                                                     },
    {"which is another in another build", "JSON-12 INT-3", "",      SIM_SANITIZER,  "3.18", SUITE_FAIL,
     "JSON-12.v1"                                                                                                     },
    {"if it says something of it",        "JSON-12 INT-3", "",      SIM_CRASH,      NULL,   SUITE_FAIL,  "INT-3"      },
    {"so is a hang",                      "CTL-7",         "CTL-7", SIM_HANG,       "3.18", SUITE_FAIL,  "INT-3"      },
    {"no service",                        "CLOSE-14",      "",      SIM_NO_SERVICE, "3.18", SUITE_FAIL,  "CLOSE-14"   },
    {"one for clients alone",             "CLOSE-8",       "",      SIM_MISS,       "3.18", SUITE_SKIP,  NULL         },
    {"one for clients, and another",      "CLOSE-8 CTL-6", "",      SIM_MISS,       "3.18", SUITE_WARN,  "CTL-6"      },
    {"of a row the parts for servers",    "JSON-12",       "",      SIM_MISS,       "3.18", SUITE_DRIFT, "JSON-12.v1" },
    {"of a row the gravest part",         "ST-SRV-10",     "",      SIM_MISS,       "3.18", SUITE_FAIL,  "ST-SRV-10.c"},
    {"no service, of nobody's build",     "CLOSE-14",      "",      SIM_NO_SERVICE, NULL,   SUITE_FAIL,  "INT-3"      },
    {"our own trouble",                   "CTL-8",         "",      SIM_TROUBLE,    "3.18", SUITE_ERROR, NULL         },
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

/* Every cause under a clause of every level that speaks about the build, in the order of the enum:
 * a deviation weighs what its clause weighs, the rest what it is. */
static void test_suite_judge_says_of_every_cause_what_it_is(void **state)
{
    static const struct {
        const char *clause;
        enum suite_verdict deviation;
    } levels[] = {
        {"CTL-8",   SUITE_FAIL },
        {"CTL-6",   SUITE_WARN },
        {"CTL-7",   SUITE_DRIFT},
        {"FLOW-12", SUITE_SKIP }
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        for (int cause = 0; cause < SIM_N_CAUSES; cause++) {
            struct script_words words = {(const char *[]){levels[i].clause}, 1};
            struct script script = {.id = "x", .clauses = words};
            struct suite_run run = {.cause = (enum sim_cause)cause, .line = 1};
            struct subject_build b = stock("3.9", NULL);
            enum suite_verdict want = cause == SIM_OK        ? SUITE_PASS
                                      : cause == SIM_DRIFT   ? SUITE_DRIFT
                                      : cause == SIM_TROUBLE ? SUITE_ERROR
                                      : cause == SIM_MISS || cause == SIM_TIMEOUT
                                          ? levels[i].deviation
                                          : SUITE_FAIL;
            struct suite_judgement j = suite_judge(&script, &run, &b);
            if (j.verdict != want || j.cause != run.cause)
                fail_msg("%s under %s: %s", sim_cause_word(run.cause), levels[i].clause,
                         suite_verdict_word(j.verdict));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_judge_takes_levels_from_the_registry),
        cmocka_unit_test(test_suite_judge_says_of_every_cause_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
