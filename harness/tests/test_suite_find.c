#include "harness/suite/suite.h"
#include "impl/tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HERE "/tmp/test-suite-find-XXXXXX"

/* How a place is given, below HERE, and what its case is known by. */
static const struct row {
    const char *given, *file;
} rows[] = {
    {"ci/a.peer",      "ci/a.peer"},
    {"./ci",           "ci/a.peer"},
    {".//./ci/a.peer", "ci/a.peer"},
    {".",              "ci/a.peer"},
    {HERE,             "ci/a.peer"},
    {HERE "/ci",       "ci/a.peer"},
};

/* Reports name files, and whoever reads them places these in a checkout. */
static void test_suite_find_names_files_as_seen_from_here(void **state)
{
    char here[] = HERE, given[100];

    (void)state;
    assert_non_null(mkdtemp(here));
    assert_int_equal(chdir(here), 0);
    assert_int_equal(mkdir("ci", 0700), 0);
    FILE *f = fopen("ci/a.peer", "w");
    assert_non_null(f);
    fputs("case x\nclause CTL-1\nplays client\n\nexpect alive\n", f);
    fclose(f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_list list = {0};
        struct text why = {0};
        bool is_whole = rows[i].given[0] == '/';
        snprintf(given, sizeof given, "%s%s", is_whole ? here : "",
                 rows[i].given + (is_whole ? strlen(HERE) : 0));
        if (suite_find(&list, (const char *[]){given}, 1, &why) > 0 || list.n != 1 ||
            strcmp(list.at[0]->file, rows[i].file) != 0)
            fail_msg("%s: %s%s", given, text_string(&why), list.n ? list.at[0]->file : "no case");
        text_fini(&why);
        script_list_fini(&list);
    }
    unlink("ci/a.peer");
    rmdir("ci");
    rmdir(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_find_names_files_as_seen_from_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
