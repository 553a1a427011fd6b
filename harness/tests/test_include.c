/* test_include.c - files that include others, and what a script may cost at most. */
#include "harness/script/script.h"

#include "impl/tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAD "case x\nclause ST-1\nplays client\n\n"

static char dir[64];

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/include-XXXXXX");
    return mkdtemp(dir) ? 0 : 1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"a.peer", "b.peer", "c.peer", "pipe.peer"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(path_of(names[i]));
    return rmdir(dir);
}

static struct script_error read_bad(const char *name)
{
    struct script_list list = {0};
    struct script_error e;

    assert_false(script_read_file(&list, path_of(name), &e));
    assert_int_equal(list.n, 0);
    return e;
}

static void test_include_reads_behind_a_byte_order_mark(void **state)
{
    struct script_list list = {0};
    struct script_error e;

    (void)state;
    write_file("a.peer", "\xef\xbb\xbf" HEAD "include b.peer\n");
    write_file("b.peer", "\xef\xbb\xbf# more\nfinish\n");
    assert_true(script_read_file(&list, path_of("a.peer"), &e));
    assert_string_equal(list.at[0]->id, "x");
    script_list_fini(&list);
}

static void test_include_puts_the_lines_of_a_file_in_its_place(void **state)
{
    struct script_list list = {0};
    struct script_error e;

    (void)state;
    write_file("a.peer", "case x/{STATE}\ninclude b.peer\nplays client\n\n"
                         "advance {STATE}\n  include c.peer # and more\nclose\n");
    write_file("b.peer", "# at the top\n\nclause ST-1\nforeach STATE in TEST_START TEST_RUNNING\n");
    write_file("c.peer", "\nsend byte 1\n\nhold\n");
    assert_true(script_read_file(&list, path_of("a.peer"), &e));
    assert_int_equal(list.n, 2);
    assert_string_equal(list.at[1]->id, "x/TEST_RUNNING");
    const struct script_steps *steps = &list.at[1]->steps;
    assert_int_equal(steps->n, 4);
    assert_int_equal(steps->at[2].verb, SCRIPT_HOLD);
    assert_int_equal(steps->at[2].line, 4);
    assert_string_equal(steps->at[2].file, path_of("c.peer"));
    assert_string_equal(steps->at[3].file, path_of("a.peer"));
    script_list_fini(&list);
}

static void test_include_errors_name_the_included_file_and_line(void **state)
{
    (void)state;
    write_file("a.peer", HEAD "include b.peer\n");
    write_file("b.peer", "close\n\nshout\n");
    struct script_error e = read_bad("a.peer");
    assert_string_equal(e.file, path_of("b.peer"));
    assert_int_equal(e.line, 3);
    assert_string_equal(e.text, "shout");
}

static void test_include_refuses_cycles(void **state)
{
    (void)state;
    write_file("a.peer", HEAD "include b.peer\n");
    write_file("b.peer", "close\ninclude a.peer\n");
    struct script_error e = read_bad("a.peer");
    assert_string_equal(e.file, path_of("b.peer"));
    assert_int_equal(e.line, 2);
    assert_string_equal(e.expected, "a file that does not include this one");
    write_file("b.peer", "include ./b.peer\n"); /* another name each time */
    e = read_bad("a.peer");
    assert_string_equal(e.expected, "at most 8 files that include each other");
}

/* Each of the files is small, all together would be 10^6 times as much. */
static void test_include_bounds_the_text_of_all_files_together(void **state)
{
    struct text many = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        text_adds(&many, "include c.peer\n");
    write_file("b.peer", text_string(&many));
    text_fini(&many);
    for (int i = 0; i < 1000; i++)
        text_adds(&many, "pause 1ms\n");
    write_file("c.peer", text_string(&many));
    text_fini(&many);
    write_file("a.peer", HEAD "include b.peer\n");
    struct script_error e = read_bad("a.peer");
    assert_string_equal(e.expected, "at most 1 MiB in all files together");
}

static void test_include_does_not_wait_for_a_pipe(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path_of("pipe.peer"), 0600), 0);
    write_file("a.peer", HEAD "include pipe.peer\n");
    struct script_error e = read_bad("a.peer");
    assert_true(strncmp(e.expected, "a readable file", 15) == 0);
}

/* --- what a text may cost --------------------------------------------------------------------- */

/* HEAD is the header; times x again is what follows. */
static const struct row {
    const char *name, *head, *again;
    unsigned times;
} rows[] = {
    {"pieces on one line",      HEAD "wire params raw",                            " '[' x 60000000",            50000 },
    {"one-letter pieces",       HEAD "wire params raw",                            " ''",                        300000},
    {"long repeats",            HEAD,                                              "send text 'a' x 60000000\n", 30000 },
    {"datagram runs",           HEAD "stream 1 send datagrams",                    " 1..9 x9",                   100000},
    {"fields",                  HEAD "wire datagram {",                            " seq 1",                     150000},
    {"offsets",                 HEAD "split at",                                   " 1",                         300000},
    {"ranges of a foreach",     "case x\nclause ST-1\nplays client\nforeach A in", " 0..99999",                  100000},
    {"rows of many foreach",
     "case x{A}{B}{C}\nclause ST-1\nplays client\nforeach A in 1..90\n"
     "foreach B in 1..90\nforeach C in 1..9\n\n",                                  "pause 100ms\n",              50000 },
    {"a variable that is long",
     "case x\nclause ST-1\nplays client\nforeach A in aaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\n", "{A}",                        300000},
    {"quotes that never close", HEAD "send text ",                                 "'",                          900000},
    {"backslashes",             HEAD "send text \"",                               "\\\\",                       500000},
};

static void test_script_read_has_a_bound_on_what_a_text_costs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text text = {0};
        struct script_list list = {0};
        struct script_error e;
        text_adds(&text, rows[i].head);
        for (unsigned k = 0; k < rows[i].times && text.len < (1u << 20) - 100; k++)
            text_adds(&text, rows[i].again);
        clock_t began = clock();
        script_read(&list, "t.peer", text_string(&text), &e);
        double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
        if (seconds > 20)
            fail_msg("%s: %.1f s of processor time", rows[i].name, seconds);
        script_list_fini(&list);
        text_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_include_reads_behind_a_byte_order_mark),
        cmocka_unit_test(test_include_puts_the_lines_of_a_file_in_its_place),
        cmocka_unit_test(test_include_errors_name_the_included_file_and_line),
        cmocka_unit_test(test_include_refuses_cycles),
        cmocka_unit_test(test_include_bounds_the_text_of_all_files_together),
        cmocka_unit_test(test_include_does_not_wait_for_a_pipe),
        cmocka_unit_test(test_script_read_has_a_bound_on_what_a_text_costs),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
