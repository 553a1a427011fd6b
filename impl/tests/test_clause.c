#include "impl/wire/clause.h"

#include "impl/tests/unit.h"

static void test_clause_find_gives_the_entry_of_the_registry(void **unused)
{
    const struct clause *clause = clause_find("CTL-5.n");

    (void)unused;
    assert_non_null(clause);
    assert_string_equal(clause->id, "CTL-5.n");
    assert_int_equal(clause->level, CLAUSE_SHOULD);
    assert_string_equal(clause->binds, "S");
    assert_string_equal(clause->versions, "all");
    assert_string_equal(clause->visible, "wire");
    assert_string_equal(clause->needs, "");
    assert_string_equal(clause_find("CONN-4")->needs, "third-party,single-test");
    assert_string_equal(clause_find("CTL-5")->id, "CTL-5"); /* not CTL-5.n */
}

static void test_clause_find_gives_the_first_part_of_a_table_row(void **unused)
{
    (void)unused;
    assert_string_equal(clause_find("ST-SRV-10")->id, "ST-SRV-10.a");
    assert_string_equal(clause_find("ST-SRV-10.c")->id, "ST-SRV-10.c");
}

static void test_clause_find_knows_no_other_ids(void **unused)
{
    static const char *const ids[] = {"", "CTL", "CTL-", "CTL-5.", "CTL-5.z", "CTL-555", "ctl-5"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (clause_find(ids[i]) != NULL)
            fail_msg("\"%s\" gives %s", ids[i], clause_find(ids[i])->id);
}

static void test_clause_table_is_whole_and_every_set_in_it_reads(void **unused)
{
    struct clause_version first, last;

    (void)unused;
    assert_true(n_clauses > 700);
    assert_true(clause_version_parse("3.0.1", NULL, &first));
    assert_true(clause_version_parse("3.22", NULL, &last));
    for (size_t i = 0; i < n_clauses; i++) {
        const struct clause *c = &clauses[i];
        assert_ptr_equal(clause_find(c->id), c); /* also: no id stands twice */
        assert_non_null(clause_level_name(c->level));
        assert_true(strlen(c->text) > 0);
        if (strchr(c->versions, '+') != NULL && strchr("123456789", c->versions[0]) != NULL)
            assert_true(clause_versions_hold(c->versions, &last));
    }
    assert_true(clause_versions_hold(clause_find("CTL-7")->versions, &first));
}

static void test_clause_level_name_is_the_registrys_word(void **unused)
{
    (void)unused;
    assert_string_equal(clause_level_name(CLAUSE_MUST), "MUST");
    assert_string_equal(clause_level_name(CLAUSE_SHOULD_NOT), "SHOULD NOT");
    assert_string_equal(clause_level_name(CLAUSE_INFO), "INFO");
}

static void test_clause_version_parse_reads_what_builds_announce(void **unused)
{
    static const struct {
        const char *text;
        struct clause_version want;
    } rows[] = {
        {"3.12",     {3, 12, 0, false, ""}},
        {"3.17.1",   {3, 17, 1, false, ""}},
        {"3.22-dev", {3, 22, 0, true, ""} },
        {"3.21+",    {3, 22, 0, true, ""} },
        {"3.0.11",   {3, 0, 11, false, ""}},
    };
    struct clause_version got;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(clause_version_parse(rows[i].text, NULL, &got));
        assert_int_equal(clause_version_compare(&got, &rows[i].want), 0);
        assert_string_equal(got.vendor, "");
    }
    assert_true(clause_version_parse("3.12", "deb12u2", &got));
    assert_string_equal(got.vendor, "deb12u2");
    assert_true(clause_version_parse("3.12", "a-vendor-with-a-long-name", &got));
    assert_string_equal(got.vendor, "a-vendor-with-a");
}

static void test_clause_version_parse_refuses_what_is_no_version(void **unused)
{
    static const char *const texts[] = {
        "",       "3",          "3.",       ".3",        "3.12.",     "3.12 ",
        "v3.12",  "3.x",        "3.12-rc1", "3.12-dev+", "3.12++",    "3.1.2.3",
        "3.-dev", "3.12-devel", "-3.12",    "3.9999999", "9999999.1", "3.1.9999999"};
    struct clause_version got = {7, 7, 7, false, ""};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (clause_version_parse(texts[i], NULL, &got))
            fail_msg("\"%s\" is taken for a version", texts[i]);
    assert_int_equal(got.major, 7);
}

static void test_clause_version_compare_puts_dev_just_before_its_release(void **unused)
{
    static const char *const order[] = {"3.0.12", "3.1",    "3.1.1",    "3.9",  "3.10",
                                        "3.21",   "3.21.1", "3.22-dev", "3.22", "4.0"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        for (size_t j = 0; j < ARRAY_LEN(order); j++) {
            struct clause_version a, b;
            assert_true(clause_version_parse(order[i], NULL, &a));
            assert_true(clause_version_parse(order[j], "vendor", &b));
            assert_int_equal(clause_version_compare(&a, &b), (i > j) - (i < j));
        }
    }
}

static void test_clause_versions_hold_as_the_registrys_head_says(void **unused)
{
    static const struct {
        const char *set, *version, *vendor;
        bool holds;
    } rows[] = {
        {"all",                                  "3.0.1", NULL,      true },
        {"all",                                  "3.0.4", NULL,      true },
        {"new",                                  "3.22",  NULL,      false},
        {"3.2",                                  "3.2",   NULL,      true },
        {"3.2",                                  "3.2.1", NULL,      false},
        {"3.2+",                                 "3.1.7", NULL,      false},
        {"3.2+",                                 "3.2",   NULL,      true },
        {"3.2+",                                 "3.10",  NULL,      true },
        {"3.2+",                                 "4.0",   NULL,      true },
        {"3.0.1-3.1.2,3.4+",                     "3.1.2", NULL,      true },
        {"3.0.1-3.1.2,3.4+",                     "3.1.3", NULL,      false},
        {"3.0.1-3.1.2,3.4+",                     "3.4",   NULL,      true },
        {"3.9,3.11+",                            "3.10",  NULL,      false},
        {"3.22-dev+",                            "3.21",  NULL,      false},
        {"3.22-dev+",                            "3.21+", NULL,      true },
        {"3.22-dev+",                            "3.22",  NULL,      true },
        {"3.19-3.21",                            "3.21+", NULL,      false},
        {"3.16-3.22-dev",                        "3.21+", NULL,      true },
        {"3.16-3.22-dev",                        "3.22",  NULL,      false},
 /* the tag 3.0.4 is not one of the 3.0 series */
        {"3.0.1-3.0.12",                         "3.0.4", NULL,      false},
        {"3.0.1+",                               "3.0.4", NULL,      false},
        {"3.0.4+",                               "3.0.4", NULL,      true },
        {"3.0.1-3.0.4",                          "3.0.4", NULL,      true },
        {"3.0.1-3.0.12",                         "3.0.5", NULL,      true },
 /* a vendor's build counts as its version, unless it is named */
        {"3.0.1-3.13",                           "3.12",  "deb12u2", true },
        {"3.0.1-3.13,-3.12@deb12u2",             "3.12",  "deb12u2", false},
        {"3.0.1-3.13,-3.12@deb12u2",             "3.12",  NULL,      true },
        {"3.0.1-3.13,-3.12@deb12u2",             "3.12",  "deb12u",  true },
        {"3.0.1-3.13,-3.12@deb12u2",             "3.11",  "deb12u2", true },
        {"3.14+,+3.12@deb12u2",                  "3.12",  "deb12u2", true },
        {"3.14+,+3.12@deb12u2",                  "3.12",  NULL,      false},
        {"3.2-3.19,-3.12@deb12u2,-3.18@deb13u2", "3.18",  "deb13u2", false},
 /* what is no set holds nothing */
        {"",                                     "3.12",  NULL,      false},
        {"3.1x",                                 "3.12",  NULL,      false},
        {"3.2+,",                                "3.12",  NULL,      false},
        {"3.2+;3.3",                             "3.12",  NULL,      false},
        {"3.2-x",                                "3.12",  NULL,      false},
        {"3.2+,+x",                              "3.12",  NULL,      false},
        {"3.2+,-3.12",                           "3.12",  NULL,      false},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct clause_version version;
        assert_true(clause_version_parse(rows[i].version, rows[i].vendor, &version));
        if (clause_versions_hold(rows[i].set, &version) != rows[i].holds)
            fail_msg("%s in \"%s\": not %d", rows[i].version, rows[i].set, rows[i].holds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clause_find_gives_the_entry_of_the_registry),
        cmocka_unit_test(test_clause_find_gives_the_first_part_of_a_table_row),
        cmocka_unit_test(test_clause_find_knows_no_other_ids),
        cmocka_unit_test(test_clause_table_is_whole_and_every_set_in_it_reads),
        cmocka_unit_test(test_clause_level_name_is_the_registrys_word),
        cmocka_unit_test(test_clause_version_parse_reads_what_builds_announce),
        cmocka_unit_test(test_clause_version_parse_refuses_what_is_no_version),
        cmocka_unit_test(test_clause_version_compare_puts_dev_just_before_its_release),
        cmocka_unit_test(test_clause_versions_hold_as_the_registrys_head_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
