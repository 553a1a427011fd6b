/* test_suite_expectation.c - files of known verdicts: read, compared, and written anew. */
#include "harness/suite/suite.h"

#include "impl/tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct subject_build stock(const char *version, const char *vendor)
{
    struct subject_build b = {.name = "iperf", .has_version = true};

    assert_true(clause_version_parse(version, vendor, &b.version));
    return b;
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
        const char *found, *expected;
    } bad[] = {
        {"a red DEF-1 why\n",           1, 3,  "'red'",               "pass, warn, drift"},
        {"a fail:odd DEF-1 why\n",      1, 3,  "'fail:odd'",          ":CAUSE"           },
        {"a fail NO-1 why\n",           1, 8,  "'NO-1'",              "a clause of the"  },
        {"# x\n\na fail DEF-1\n",       3, 13, "the end of the line", "the reason"       },
        {"a fail\n",                    1, 7,  "the end of the line", "the clause"       },
        {"a\n",                         1, 2,  "the end of the line", "a verdict"        },
        {"a carried:fail DEF-1 w\n",    1, 3,  "'carried:fail'",      "or carried"       },
        {"builds\n",                    1, 7,  "the end of the line", "version sets"     },
        {"builds 3.18-3.12\n",          1, 8,  "'3.18-3.12'",         "a set of versions"},
        {"builds 3.9 3.x\n",            1, 12, "'3.x'",               "a set of versions"},
        {"builds 3.18@deb13u2\n",       1, 8,  "'3.18@deb13u2'",      "a set of versions"},
        {"\ns/[ab fail DEF-1 w\n",      2, 1,  "'s/[ab'",             "each [ has its ]" },
        {" s/[]/x fail DEF-1 w\n",      1, 2,  "'s/[]/x'",            "each [ has its ]" },
        {"s/[[:x] fail DEF-1 w\n",      0, 0,  "",                    ""                 },
        {"s/[[:alpha:] fail DEF-1 w\n", 1, 1,  "'s/[[:alpha:]'",      "each [ has its ]" },
        {"s/\\ fail DEF-1 w\n",         1, 1,  "'s/\\'",              "does not end with"},
        {"s/\\[a fail DEF-1 w\n",       0, 0,  "",                    ""                 },
        {"s/[]!a]* fail DEF-1 w\n",     0, 0,  "",                    ""                 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct suite_expectations list = {0};
        struct script_error error;
        char *path = temporary(bad[i].text);
        bool ok = suite_expectations_read(&list, path, NULL, &error);
        if (ok != (bad[i].line == 0) || error.line != bad[i].line ||
            error.column != bad[i].column || strcmp(error.found, bad[i].found) != 0 ||
            !strstr(error.expected, bad[i].expected))
            fail_msg("%s: %u:%u: %s instead of %s", bad[i].text, error.line, error.column,
                     error.found, error.expected);
        suite_expectations_fini(&list);
        unlink(path);
    }
}

static void test_suite_expectations_read_is_bounded(void **state)
{
    static const char *const endless[] = {"/dev/zero", "/dev/full"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        struct suite_expectations list = {0};
        struct script_error error;
        assert_false(suite_expectations_read(&list, endless[i], NULL, &error));
        assert_int_equal(error.line, 1);
        assert_non_null(strstr(error.expected, "4096 bytes"));
        suite_expectations_fini(&list);
    }
}

/* --- two rows about one thing ----------------------------------------------------------------- */

static void test_suite_expectations_take_no_two_rows_about_one_thing(void **state)
{
    static const struct {
        const char *text;
        unsigned first, second; /* lines; 0: there is no mistake */
    } rows[] = {
        {"s/0 fail DEF-1 a\ns/1 fail DEF-1 b\n\ns/0 warn DEF-1 c\n",                        1, 4},
        {"s/0 fail DEF-1 a\nbuilds 3.12\ns/1 fail DEF-1 b\nbuilds any\ns/0 fail DEF-1 c\n", 1, 5},
        {"s/* carried DEF-1 a\ns/* carried DEF-1 b\n",                                      1, 2},
        {"s/* fail DEF-1 a\ns/* carried DEF-1 b\n",                                         0, 0},
        {"builds 3.9\ns/0 fail DEF-1 a\nbuilds 3.12\ns/0 warn DEF-1 b\n",                   0, 0},
        {"builds 3.9 3.12\ns/0 fail DEF-1 a\nbuilds 3.12\ns/0 warn DEF-1 b\n",              0, 0},
        {"builds 3.12\ns/0 fail DEF-1 a\nbuilds 3.12\ns/0 warn DEF-1 b\n",                  2, 4},
        {"s/2 fail DEF-1 a\ns/1 fail DEF-1 a\ns/2 fail DEF-1 a\ns/1 fail DEF-1 a\n",        1, 3},
        {"\xef\xbb\xbf\nbuilds 3.9\ns/1 fail DEF-1 a\nbuilds 3.12\ns/1 fail DEF-1 a\n",     0, 0},
        {"s/1 fail DEF-1 a\ns/1 fail DEF-1 a\ns/1 fail DEF-1 a\n",                          1, 2},
    };
    struct subject_build build = stock("3.12", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct suite_expectations list = {0};
        struct script_error error;
        char *path = temporary(rows[i].text), first[UNIT_PATH_MAX + 20];
        bool ok = suite_expectations_read(&list, path, &build, &error);
        snprintf(first, sizeof first, "%s:%u", path, rows[i].first);
        if (ok != (rows[i].second == 0) || error.line != rows[i].second ||
            (!ok && (!strstr(error.expected, first) || strncmp(error.found, "'s/", 3) != 0)))
            fail_msg("%s: line %u: %s", rows[i].text, error.line, error.expected);
        suite_expectations_fini(&list);
        unlink(path);
    }
}

static void test_suite_expectations_of_the_program_have_no_two_rows_about_one_thing(void **state)
{
    char own[1200], dir[1300];

    (void)state;
    assert_true(suite_default_cases(own, sizeof own));
    snprintf(dir, sizeof dir, "%s/expect", own);
    for (unsigned minor = 0; minor <= 30; minor++) {
        struct suite_expectations list = {0};
        struct script_error error;
        char version[20];
        snprintf(version, sizeof version, "3.%u", minor);
        struct subject_build build = stock(version, NULL);
        if (!suite_expectations_read(&list, dir, &build, &error))
            fail_msg("%s: %s:%u: %s", version, error.file, error.line, error.expected);
        suite_expectations_fini(&list);
    }
}

/* --- folders -----------------------------------------------------------------------------------
 */

static void test_suite_expectations_read_a_folder(void **state)
{
    static const char *const files[] = {"a.expect", "b.expect", "c.txt"};
    static const char *const texts[] = {"s/0 fail DEF-1 a\n", "s/1 fail DEF-1 b\n", "nothing\n"};
    char dir[UNIT_PATH_MAX], path[UNIT_PATH_MAX + 20];
    struct suite_expectations list = {0};
    struct script_error error;
    struct subject_build build = stock("3.12", NULL);

    (void)state;
    assert_non_null(mkdtemp(unit_temporary(dir, "expect")));
    assert_false(suite_expectations_read(&list, dir, &build, &error));
    assert_string_equal(error.expected, "a folder of *.expect files");
    assert_string_equal(error.found, "none");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        FILE *f = fopen(path, "we");
        assert_true(f && fputs(texts[i], f) >= 0 && fclose(f) == 0);
    }
    assert_true(suite_expectations_read(&list, dir, &build, &error));
    assert_int_equal(list.n, 2);
    snprintf(path, sizeof path, "%s/d.expect", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(suite_expectations_read(&list, dir, &build, &error));
    assert_string_equal(error.file, path);
    assert_int_equal(rmdir(path), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
    suite_expectations_fini(&list);
}

/* --- which entry counts ---------------------------------------------------------------------- */

static void test_suite_expectations_find_takes_the_closest(void **state)
{
    static const char text[] = "server/?/b    fail DEF-1 zero\n"
                               "server/*      fail DEF-1 one\n"
                               "server/a/*    fail DEF-1 two\n"
                               "server/a/b    fail DEF-1 three\n"
                               "server/a/?    fail DEF-1 four\n"
                               "server/a/b    carried DEF-12 seven\n"
                               "builds other\n"
                               "server/c      fail DEF-1 five\n"
                               "builds any\n"
                               "server/c      warn DEF-1 six\n";
    static const struct {
        const char *id, *reason;
    } want[] = {
        {"server/a/b",  "three"},
        {"server/a/c",  "four" },
        {"server/a/cc", "two"  },
        {"server/x",    "one"  },
        {"server/c",    "five" },
        {"server/z/b",  "zero" },
        {"client/x",    NULL   },
    };
    struct suite_expectations list = {0};
    struct script_error error;
    struct subject_build b = {.name = "other"};
    char *path = temporary(text);

    (void)state;
    assert_true(suite_expectations_read(&list, path, &b, &error));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct suite_expectation *e = suite_expectations_find(&list, want[i].id);
        if (!e != !want[i].reason || (e && strcmp(e->reason, want[i].reason) != 0))
            fail_msg("%s: %s", want[i].id, e ? e->reason : "none");
    }
    assert_string_equal(suite_expectations_find_carried(&list, "server/a/b")->reason, "seven");
    assert_null(suite_expectations_find_carried(&list, "server/a/c"));
    suite_expectations_mark(&list, "server/a/b");
    for (size_t i = 0; i < list.n; i++)
        assert_int_equal(list.at[i].matched, strcmp(list.at[i].glob, "server/c") != 0);
    suite_expectations_fini(&list);
    unlink(path);
}

/* --- writing --------------------------------------------------------------------------------- */

static struct suite_judgement judged(char verdict)
{
    static const struct suite_judgement all[] = {
        ['.'] = {SUITE_PASS,  SIM_OK,      NULL},
          ['w'] = {SUITE_WARN,  SIM_MISS,    NULL},
        ['f'] = {SUITE_FAIL,  SIM_MISS,    NULL},
          ['c'] = {SUITE_FAIL,  SIM_CRASH,   NULL},
        ['d'] = {SUITE_DRIFT, SIM_MISS,    NULL},
          ['e'] = {SUITE_ERROR, SIM_TROUBLE, NULL},
        ['s'] = {SUITE_SKIP,  SIM_OK,      NULL}
    };

    return all[(int)verdict];
}

/* A suite whose run is over: so many cases s/0, s/1, ... with these verdicts. */
static void make_suite(struct suite *suite, const char *expectations, const char *verdicts)
{
    struct script_error error;
    size_t n = strlen(verdicts);

    *suite = (struct suite){.is_whole = true};
    suite->settings.build = stock("3.12", "deb12u2");
    assert_true(suite_expectations_read(&suite->expectations, expectations, &suite->settings.build,
                                        &error));
    suite->results = calloc(n, sizeof *suite->results);
    for (size_t i = 0; i < n; i++) {
        struct suite_result *r = &suite->results[i];
        struct text source = {0};
        text_addf(&source, "case s/%zu\nclause CTL-8\nplays client\n\nfinish\n", i);
        assert_true(script_read(&suite->cases, "t", text_string(&source), &error));
        text_fini(&source);
        r->script = suite->cases.at[i];
        r->judgement = judged(verdicts[i]);
        text_adds(&r->run.got, "an end # early\n");
        suite_expectations_mark(&suite->expectations, r->script->id);
        r->expectation = suite_expectations_find(&suite->expectations, r->script->id);
        r->standing = suite_compare(suite, r);
    }
}

static char *contents(const char *path)
{
    static char buf[4096];
    int fd = open(path, O_RDONLY);
    ssize_t got = fd >= 0 ? read(fd, buf, sizeof buf - 1) : -1;

    assert_true(got >= 0);
    close(fd);
    buf[got] = '\0';
    return buf;
}

/* clang-format off */
static const struct update_row {
    const char *name, *verdicts, *before, *after;
    unsigned added, removed, left;
} updates[] = {
    {"all holds: not a byte differs", "fw.",
     "# top\nbuilds   +3.12@deb12u2\n\n# of 0\ns/0  fail DEF-1  why # c\ns/1   warn DEF-1 so\n# end\n",
     "# top\nbuilds   +3.12@deb12u2\n\n# of 0\ns/0  fail DEF-1  why # c\ns/1   warn DEF-1 so\n# end\n",
     0, 0, 0},
    {"sorted, with the comments above", "fff",
     "# of 2\ns/2 fail DEF-1 two\n# of 0\n# too\ns/0 fail DEF-1 zero\ns/1 fail DEF-1 one\n",
     "# of 0\n# too\ns/0 fail DEF-1 zero\ns/1 fail DEF-1 one\n# of 2\ns/2 fail DEF-1 two\n", 0, 0, 0},
    {"what passes and what is stale goes, comments stay", "f.",
     "s/0 fail DEF-1 zero\n# of 1\ns/1 fail DEF-1 one\n# of 9\ns/9 fail DEF-1 nine\n",
     "s/0 fail DEF-1 zero\n# of 1\n# of 9\n", 0, 2, 0},
    {"another cause, the same reason", "c", "s/0 fail:hang DEF-1 zero\n",
     "s/0                                        fail:crash   DEF-1    zero\n", 1, 1, 0},
    {"comments go with the case whose verdict is another", "cc",
     "# top\n\n# of 1\ns/1 fail:hang DEF-1 one\n# of 0\n# too\ns/0 fail:hang DEF-1 zero\n",
     "# top\n\n# of 0\n# too\n"
     "s/0                                        fail:crash   DEF-1    zero\n"
     "# of 1\ns/1                                        fail:crash   DEF-1    one\n", 2, 2, 0},
    {"with one of several, and to another section", "cf",
     "# of 0\ns/0 fail:hang DEF-1 zero\n# of 1\ns/1 fail DEF-1 one\n\nbuilds any\n\ns/9* warn? DEF-1 x\n",
     "# of 1\ns/1 fail DEF-1 one\n\nbuilds any\n\nbuilds   +3.12@deb12u2\n\n# of 0\n"
     "s/0                                        fail:crash   DEF-1    zero\n", 1, 2, 0},
    {"a new one, in a section of its own build", "f", "builds 3.1-3.22\n\ns/9* warn? DEF-1 x\n",
     "builds 3.1-3.22\n\nbuilds   +3.12@deb12u2\n\n"
     "s/0                                        fail:miss    CTL-8    (reason?) an end   early \n",
     1, 1, 0},
    {"one that other builds are known for too, otherwise", "c",
     "s/9* warn? DEF-1 x\nbuilds 3.1-3.22\ns/0 fail:hang DEF-1 y\n",
     "builds 3.1-3.22\ns/0 fail:hang DEF-1 y\n\nbuilds   +3.12@deb12u2\n\n"
     "s/0                                        fail:crash   DEF-1    y\n",
     1, 1, 1},
    {"a row for other builds too is left", ".", "builds 3.1-3.22\n\ns/0 fail DEF-1 x\n",
     "builds 3.1-3.22\n\ns/0 fail DEF-1 x\n", 0, 0, 1},
    {"a row for other builds is not looked at", ".", "builds 3.9\n\ns/0 fail DEF-1 x\n",
     "builds 3.9\n\ns/0 fail DEF-1 x\n", 0, 0, 0},
    {"a family of which one passes", "ff.", "s/* fail DEF-1 all\n",
     "s/0                                        fail:miss    DEF-1    all\n"
     "s/1                                        fail:miss    DEF-1    all\n",
     2, 1, 0},
    {"an empty file", "f", "# mine\n",
     "# mine\n\nbuilds   +3.12@deb12u2\n\n"
     "s/0                                        fail:miss    CTL-8    (reason?) an end   early \n",
     1, 0, 0},
    {"an empty section", "f", "# mine\nbuilds +3.12@deb12u2\n# to come\n\n",
     "# mine\nbuilds +3.12@deb12u2\n# to come\n\n"
     "s/0                                        fail:miss    CTL-8    (reason?) an end   early \n",
     1, 0, 0},
    {"comments at the top, between the rows and at the end", "fff",
     "# top\n\n# of 2\ns/2 fail DEF-1 two\n\n# of 0\n#\n# too\ns/0 fail DEF-1 zero\n\n# end\n",
     "# top\n\n# of 0\n#\n# too\ns/0 fail DEF-1 zero\n"
     "s/1                                        fail:miss    CTL-8    (reason?) an end   early \n"
     "# of 2\ns/2 fail DEF-1 two\n\n# end\n", 1, 0, 0},
    {"the same below builds lines", "ff",
     "# top\n\n# A\nbuilds any\n\n# of all\n\ns/1 fail DEF-1 one\n\n# of 0\ns/0 fail DEF-1 zero\n# A ends\n\n"
     "# B\nbuilds 3.9\n# b\ns/9 fail DEF-1 x\n# end",
     "# top\n\n# A\nbuilds any\n\n# of all\n\n# of 0\ns/0 fail DEF-1 zero\ns/1 fail DEF-1 one\n# A ends\n\n"
     "# B\nbuilds 3.9\n# b\ns/9 fail DEF-1 x\n# end\n", 0, 0, 0},
    {"a new section stands above what ends the file", "f", "builds 3.9\n\ns/1 fail DEF-1 x\n\n# end\n",
     "builds 3.9\n\ns/1 fail DEF-1 x\n\nbuilds   +3.12@deb12u2\n\n"
     "s/0                                        fail:miss    CTL-8    (reason?) an end   early \n"
     "\n# end\n", 1, 0, 0},
    {"the last row goes, what is below it stays", ".", "# of 0\ns/0 fail DEF-1 x\n# end\n",
     "# of 0\n# end\n", 0, 1, 0},
    {"lines that end as on Windows", "f.", "# a\r\n\r\ns/1 fail DEF-1 x\r\ns/0 fail DEF-1 y\r\n",
     "# a\r\n\ns/0 fail DEF-1 y\r\n", 0, 1, 0},
    {"a byte order mark goes", "ff", "\xef\xbb\xbfs/0 fail DEF-1 x\ns/1 fail DEF-1 y\n",
     "s/0 fail DEF-1 x\ns/1 fail DEF-1 y\n", 0, 0, 0},
    {"a carried row stays", ".", "s/0 carried DEF-12 x\n", "s/0 carried DEF-12 x\n", 0, 0, 0},
};
/* clang-format on */

static void check_update(const struct update_row *row, const char *path)
{
    struct suite suite;
    struct suite_update done;

    make_suite(&suite, path, row->verdicts);
    assert_true(suite_expectations_update(&suite, path, &done));
    if (strcmp(contents(path), row->after) != 0 || done.added != row->added ||
        done.removed != row->removed || done.left != row->left)
        fail_msg("%s: %u added, %u removed, %u left:\n%s", row->name, done.added, done.removed,
                 done.left, contents(path));
    suite_fini(&suite);
}

static void test_suite_expectations_update_keeps_what_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        char *path = temporary(updates[i].before);
        check_update(&updates[i], path);
        unlink(path);
    }
}

static void test_suite_expectations_update_twice_changes_nothing_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        struct update_row again = updates[i];
        char *path = temporary(updates[i].after);
        again.left = again.added ? 0 : again.left; /* contradicted by what was added */
        again.added = again.removed = 0;
        check_update(&again, path);
        unlink(path);
    }
}

static void test_suite_expectations_update_leaves_the_file_where_it_cannot_write(void **state)
{
    struct suite suite;
    struct suite_update done;
    char *path = temporary("s/0 fail DEF-1 x\n");

    (void)state;
    make_suite(&suite, path, ".");
    assert_false(suite_expectations_update(&suite, "/proc/no/such/file", &done));
    assert_false(suite_expectations_update(&suite, "/proc/version", &done));
    assert_string_equal(contents(path), "s/0 fail DEF-1 x\n");
    suite_fini(&suite);
    unlink(path);
}

static void test_suite_expectations_update_writes_what_a_link_leads_to(void **state)
{
    static const char *const before[] = {"s/1 fail DEF-1 x\n", NULL /* it leads nowhere yet */};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        struct suite suite;
        struct suite_update done;
        struct stat about;
        char link[UNIT_PATH_MAX + 8], *path = temporary(before[i] ? before[i] : "");
        snprintf(link, sizeof link, "%s.link", path);
        make_suite(&suite, path, "f");
        assert_return_code(symlink(strrchr(path, '/') + 1, link), errno);
        if (!before[i])
            unlink(path);
        assert_true(suite_expectations_update(&suite, link, &done));
        assert_return_code(lstat(link, &about), errno);
        assert_true(S_ISLNK(about.st_mode));
        assert_non_null(strstr(contents(path), "s/0  "));
        suite_fini(&suite);
        unlink(link);
        unlink(path);
    }
}

/* --- the exit status ------------------------------------------------------------------------- */

/* clang-format off */
static const struct exit_row {
    const char *name, *verdicts, *expectations;
    struct suite_demands demands;
    unsigned connects, retries;
    int want;
    const char *why;
} exits[] = {
    {"all pass", "...", "", {0}, 10, 0, 0, ""},
    {"a warning is good", ".w.", "", {0}, 10, 0, 0, ""},
    {"a failure", ".f.", "", {0}, 10, 0, 1, "1 unexpected"},
    {"a known failure", ".f.", "s/1 fail DEF-1 x\n", {0}, 10, 0, 0, ""},
    {"of another cause", ".f.", "s/1 fail:crash DEF-1 x\n", {0}, 10, 0, 1, "1 unexpected"},
    {"a known failure that passes", "...", "s/1 fail DEF-1 x\n", {0}, 10, 0, 1, "1 passing"},
    {"one that passes at times", "...", "s/1 fail? DEF-1 x\n", {0}, 10, 0, 0, ""},
    {"a stale entry", "...", "s/7 fail DEF-1 x\n", {0}, 10, 0, 1, "1 stale"},
    {"a warning where a failure is known", "w", "s/0 fail DEF-1 x\n", {0}, 10, 0, 1, "1 unexpected"},
    {"all is written down", "f", "s/7 fail DEF-1 x\n", {.accepts_all = true}, 10, 0, 0, ""},
    {"drift", "d", "", {0}, 10, 0, 0, ""},
    {"drift that counts", "d", "", {.strict_asbuilt = true}, 10, 0, 1, "1 unexpected"},
    {"known drift", "d", "s/0 drift DEF-1 x\n", {.strict_asbuilt = true}, 10, 0, 0, ""},
    {"a skip", "s.", "", {0}, 10, 0, 0, ""},
    {"nothing but skips", "ss", "", {0}, 10, 0, 3, "2 skipped: nothing was judged"},
    {"skips for what is required", "ss", "", {.required = 1u << SCRIPT_NEED_AUTH}, 10, 0, 1, "1 required"},
    {"more skips than allowed", "ss.", "", {.limits_skips = true, .max_skip = 1}, 10, 0, 1, "2 skipped,"},
    {"as many as allowed", "ss.", "", {.limits_skips = true, .max_skip = 2}, 10, 0, 0, ""},
    {"what is required is not there", ".", "", {.required = 1u << SCRIPT_NEED_AUTH}, 10, 0, 1, "1 required"},
    {"harness trouble", "e", "", {0}, 10, 0, 3, "1 not judged"},
    {"trouble goes before failures", "ef", "", {0}, 10, 0, 3, "1 not judged, for harness trouble; 2 un"},
    {"trouble goes before updates", "e", "", {.accepts_all = true}, 10, 0, 3, "1 not judged"},
    {"some repeated connects", ".", "", {0}, 1000, 20, 0, ""},
    {"too many of them", ".", "", {0}, 999, 20, 3, "20 connects repeated"},
    {"a few, of few", ".", "", {0}, 40, 19, 0, ""},
};
/* clang-format on */

static void test_suite_exit_status_gives_its_reasons(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
        const struct exit_row *row = &exits[i];
        char *path = temporary(row->expectations);
        struct suite suite;
        struct text why = {0};
        make_suite(&suite, path, row->verdicts);
        suite.demands = row->demands;
        suite.results[0].run.connects = row->connects;
        suite.results[0].run.retries = row->retries;
        for (size_t k = 0; k < suite.cases.n; k++)
            suite.results[k].standing = suite_compare(&suite, &suite.results[k]);
        int got = suite_exit_status(&suite, &why);
        if (got != row->want || strncmp(text_string(&why), row->why, strlen(row->why)) != 0 ||
            (got == 0) != (why.len == 0))
            fail_msg("%s: exit %d: %s", row->name, got, text_string(&why));
        text_fini(&why);
        suite_fini(&suite);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_expectations_apply_to_the_builds_they_name),
        cmocka_unit_test(test_suite_expectations_find_by_glob),
        cmocka_unit_test(test_suite_expectations_name_a_mistake),
        cmocka_unit_test(test_suite_expectations_read_is_bounded),
        cmocka_unit_test(test_suite_expectations_take_no_two_rows_about_one_thing),
        cmocka_unit_test(test_suite_expectations_of_the_program_have_no_two_rows_about_one_thing),
        cmocka_unit_test(test_suite_expectations_read_a_folder),
        cmocka_unit_test(test_suite_expectations_find_takes_the_closest),
        cmocka_unit_test(test_suite_expectations_update_keeps_what_holds),
        cmocka_unit_test(test_suite_expectations_update_twice_changes_nothing_more),
        cmocka_unit_test(test_suite_expectations_update_writes_what_a_link_leads_to),
        cmocka_unit_test(test_suite_expectations_update_leaves_the_file_where_it_cannot_write),
        cmocka_unit_test(test_suite_exit_status_gives_its_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
