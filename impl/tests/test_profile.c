/* What stock builds do, by version: rows from the clauses, not from profile.def. */
#include "impl/wire/profile.h"

#include "impl/tests/unit.h"
#include "impl/wire/clause.h"
#include "impl/wire/ierr.h"

static const struct row {
    const char *name;
    const char *version, *vendor;
    enum machine_state state;
    unsigned event;
    enum table_reaction want;
    int ierr;
} rows[] = {
    {"EX-4 3.2-3.18",               "3.18",   "deb13u2", SRV_PARAMS,  SEV_AUTH_FAILED,      TABLE_ERROR_ONE, 142},
    {"EX-4 3.19-3.20",              "3.19.1", NULL,      SRV_PARAMS,  SEV_AUTH_FAILED,      TABLE_ERROR,     142},
    {"EX-4 3.21+",                  "3.22",   NULL,      SRV_PARAMS,  SEV_AUTH_FAILED,      TABLE_CLOSE,     0  },
    {"EX-5 3.20+",                  "3.20",   NULL,      SRV_PARAMS,  SEV_ILL_FORMED,       TABLE_ERROR,     114},
    {"ST-SRV-4.d before 3.20",      "3.12",   "deb12u2", SRV_PARAMS,  SEV_ILL_FORMED,       TABLE_CLOSE,     114},
    {"EX-6 3.21+",                  "3.21",   NULL,      SRV_RUN,     SEV_OTHER_BYTE,       TABLE_ERROR,     110},
    {"EX-6 before",                 "3.9",    NULL,      SRV_RUN,     SEV_OTHER_BYTE,       TABLE_CLOSE,     110},
    {"CLOSE-7 3.21+",               "3.22",   NULL,      SRV_CREATE,  SEV_CLIENT_TERMINATE, TABLE_ERROR,     119},
    {"DEF-53 3.16",                 "3.16",   NULL,      SRV_CREATE,  SEV_EOF,              TABLE_CRASH,     0  },
    {"DEF-53 3.18",                 "3.18",   NULL,      SRV_CREATE,  SEV_EOF,              TABLE_CLOSE,     109},
    {"DEF-52 3.0.6",                "3.0.6",  NULL,      SRV_CREATE,  SEV_CLIENT_TERMINATE, TABLE_CRASH,     0  },
    {"ST-6 all",                    "3.12",   NULL,      SRV_RUN,     SEV_TEST_START,       TABLE_IGNORE,    0  },
    {"CTL-7 3.0.1-3.14",            "3.14",   NULL,      SRV_COOKIE,  SEV_EOF,              TABLE_ADVANCE,   0  },
    {"CTL-6 3.15",                  "3.15",   NULL,      SRV_COOKIE,  SEV_EOF,              TABLE_CLOSE,     106},
    {"TMO-2 3.14",                  "3.14",   NULL,      SRV_RESULTS, SEV_SILENCE,          TABLE_WAIT,      0  },
    {"TMO-2 3.20",                  "3.20",   NULL,      SRV_PARAMS,  SEV_SILENCE,          TABLE_ERROR,     114},
    {"TMO-2 3.20",                  "3.20",   NULL,      SRV_COOKIE,  SEV_SILENCE,          TABLE_CLOSE,     106},
    {"TMO-8 3.21+",                 "3.21",   NULL,      SRV_RUN,     SEV_DURATION,         TABLE_ERROR,     160},
    {"TMO-8 3.7",                   "3.7",    NULL,      SRV_RUN,     SEV_DURATION,         TABLE_CLOSE,     160},
    {"TMO-8 3.1.7",                 "3.1.7",  NULL,      SRV_RUN,     SEV_DURATION,         TABLE_WAIT,      0  },
    {"DEF-73 3.16",                 "3.16",   NULL,      SRV_RUN,     SEV_NO_DATA,          TABLE_WAIT,      0  },
    {"TMO-4 3.12",                  "3.12",   NULL,      SRV_RUN,     SEV_NO_DATA,          TABLE_CLOSE,     144},
    {"STR-13 3.9",                  "3.9",    NULL,      SRV_CREATE,  SEV_CONN_OTHER,       TABLE_CLOSE,     134},
    {"STR-12 3.10",                 "3.10",   NULL,      SRV_CREATE,  SEV_CONN_OTHER,       TABLE_DENY,      0  },
    {"DEF-21 3.22",                 "3.22",   NULL,      SRV_CREATE,  SEV_CONN_RESET,       TABLE_ERROR,     106},
    {"DATA-6 3.15",                 "3.15",   NULL,      SRV_RUN,     SEV_STREAM_RESET,     TABLE_CLOSE,     206},
    {"DATA-6 3.16",                 "3.16",   NULL,      SRV_RUN,     SEV_STREAM_RESET,     TABLE_IGNORE,    0  },
    {"CLOSE-9 3.8.1",               "3.8.1",  NULL,      CLI_RUN,     CEV_SERVER_TERMINATE, TABLE_FAIL,      120},
    {"CLOSE-9 3.9",                 "3.9",    NULL,      CLI_START,   CEV_ACCESS_DENIED,    TABLE_FAIL_DONE, 121},
    {"CLOSE-9 3.10.1",              "3.10.1", NULL,      CLI_RUN,     CEV_POSITIVE_BYTE,    TABLE_FAIL,      110},
    {"CLOSE-9 3.11",                "3.11",   NULL,      CLI_RUN,     CEV_POSITIVE_BYTE,    TABLE_FAIL_DONE, 110},
    {"CLOSE-9 3.11",                "3.11",   NULL,      CLI_RUN,     CEV_NEGATIVE_BYTE,    TABLE_FAIL,      110},
    {"CLOSE-9 not in START",        "3.22",   NULL,      CLI_START,   CEV_EOF,              TABLE_FAIL,      109},
    {"DEF-71 3.17.1",               "3.17.1", NULL,      CLI_CREATE,  CEV_SERVER_ERROR,     TABLE_CRASH,     0  },
    {"ST-4 any state",              "3.22",   NULL,      CLI_START,   CEV_DISPLAY_RESULTS,  TABLE_OBEY,      0  },
    {"ST-4 in its place",           "3.22",   NULL,      CLI_XCHG,    CEV_DISPLAY_RESULTS,  TABLE_ADVANCE,   0  },
    {"ST-CLI-7 10 from the server", "3.22",   NULL,      CLI_RUN,     CEV_IPERF_DONE,       TABLE_END_OK,    0  },
    {"ST-CLI-33 fe in RESULTS",     "3.22",   NULL,      CLI_RESULTS, CEV_SERVER_ERROR,     TABLE_PART,      0  },
    {"CLOSE-13 3.12",               "3.12",   NULL,      CLI_RUN,     CEV_RESET,            TABLE_FAIL,      111},
    {"CLOSE-13 3.7",                "3.7",    NULL,      CLI_RUN,     CEV_RESET,            TABLE_FAIL,      112},
    {"CLOSE-13 before a byte",      "3.12",   NULL,      CLI_START,   CEV_RESET,            TABLE_FAIL,      112},
};

static void test_profile_knows_what_stock_does(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct profile profile = {"", row->version, row->vendor};
        struct profile_reaction got;
        if (!profile_reaction(&profile, row->state, row->event, &got))
            fail_msg("%s: nothing is known", row->name);
        if (got.reaction != row->want || got.ierr != row->ierr)
            fail_msg("%s: %s %d", row->name, table_reaction_name(got.reaction), got.ierr);
    }
}

static void test_profile_of_an_unknown_build_predicts_nothing(void **unused)
{
    struct profile nonsense = {"", "new", NULL};
    struct profile_reaction got;

    (void)unused;
    assert_false(profile_reaction(profile_find("any"), SRV_RUN, SEV_OTHER_BYTE, &got));
    assert_false(profile_reaction(&nonsense, SRV_RUN, SEV_OTHER_BYTE, &got));
    assert_null(profile_find("3.99"));
    assert_string_equal(profile_find("3.12-deb12u2")->vendor, "deb12u2");
}

/* A row that could never be the first to hold, or that names nothing, is a mistake. */
static void test_profile_rows_are_well_formed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < n_profile_rows; i++) {
        const struct profile_row *row = &profile_rows[i];
        enum machine_role role = table_role((enum machine_state)__builtin_ctz(row->states));
        assert_true(row->states != 0 && row->states < 1u << MACHINE_OVER);
        for (int state = 0; state < MACHINE_OVER; state++)
            if (row->states >> state & 1)
                assert_int_equal(table_role((enum machine_state)state), role);
        assert_true(row->event < table_n_events(role));
        assert_non_null(clause_find(row->does.clause));
        assert_true(row->does.ierr == 0 || ierr_name(row->does.ierr) != NULL);
    }
}

/* Every build that we can run has a prediction for each cell, and it is allowed or a known defect.
 */
static void test_profile_covers_every_cell_of_the_stock_builds(void **unused)
{
    (void)unused;
    for (size_t i = 1; i < n_profiles; i++)
        for (enum machine_state state = SRV_COOKIE; state < MACHINE_OVER; state++)
            for (unsigned event = 0; event < table_n_events(table_role(state)); event++) {
                struct profile_reaction got;
                if (!profile_reaction(&profiles[i], state, event, &got))
                    fail_msg("%s: %s x %s", profiles[i].name, machine_state_name(state),
                             table_event_name(table_role(state), event));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_knows_what_stock_does),
        cmocka_unit_test(test_profile_of_an_unknown_build_predicts_nothing),
        cmocka_unit_test(test_profile_rows_are_well_formed),
        cmocka_unit_test(test_profile_covers_every_cell_of_the_stock_builds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
