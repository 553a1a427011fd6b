/* test_quirks.c - what is read of a record that anybody may have written. */
#include "harness/report/quirks.h"
#include "impl/tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char record[] =
    "{\"schema\":1,\"subject\":{\"name\":\"iperf\",\"banner\":\"a\\u001b[31m\\nb\"},\"reactions\":["
    "],"
    "\"cases\":[{\"id\":\"x\\u0007\",\"title\":\"\\u001b[2J\",\"cause\":\"ok\",\"plays\":[["
    "\"RUN SEV_TEST_END advance 0\",\"RUN SEV_TEST_END \\u001b[2J 0\",\"RUN NO_EVENT close 0\","
    "7,\"\"],[\"RUN SEV_TEST_END close 0\"]]},"
    "{\"id\":\"y\",\"cause\":\"ok\",\"at_times\":true,\"plays\":[]}]}";
static const char old_record[] =
    "{\"schema\":1,\"subject\":{\"name\":\"iperf\",\"banner\":\"a\"},\"reactions\":[]}";

static bool read_text(struct quirks *q, const char *text, struct text *why)
{
    char path[UNIT_PATH_MAX];
    int fd = mkstemp(unit_temporary(path, "record"));

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool ok = quirks_read(q, path, why);
    unlink(path);
    return ok;
}

static void test_quirks_read_shows_control_characters(void **state)
{
    struct quirks q = {0};
    struct text why = {0};

    (void)state;
    bool ok = read_text(&q, record, &why);
    assert_string_equal(text_string(&why), "");
    assert_true(ok);
    assert_string_equal(q.banner, "a\\x1b[31m");
    assert_int_equal(q.n_cases, 2);
    assert_string_equal(q.cases[0].id, "x\\x07");
    assert_string_equal(q.cases[0].title, "\\x1b[2J");
    assert_true(q.cases[1].at_times);
    quirks_fini(&q);
    text_fini(&why);
}

static void test_quirks_read_drops_what_no_table_knows(void **state)
{
    struct quirks q = {0};
    struct text why = {0};

    (void)state;
    assert_true(read_text(&q, record, &why));
    assert_int_equal(q.cases[0].n_plays, 2);
    assert_string_equal(q.cases[0].plays[0], "RUN SEV_TEST_END advance 0\n");
    assert_string_equal(q.cases[0].plays[1], "RUN SEV_TEST_END close 0\n");
    quirks_fini(&q);
    text_fini(&why);
}

static void test_quirks_add_up_counts_a_case_once_for_each_reaction(void **state)
{
    struct quirks q = {0};
    struct text why = {0};

    (void)state;
    assert_true(read_text(&q, record, &why));
    assert_int_equal(q.n, 2);
    assert_string_equal(q.at[0].reaction, "advance");
    assert_int_equal(q.at[0].cases, 1);
    assert_string_equal(q.at[1].example, "x\\x07");
    quirks_fini(&q);
    text_fini(&why);
}

static void test_quirks_read_refuses_a_record_without_cases(void **state)
{
    struct quirks q = {0};
    struct text why = {0};

    (void)state;
    assert_false(read_text(&q, old_record, &why));
    assert_non_null(strstr(text_string(&why), "cases is missing"));
    quirks_fini(&q);
    text_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quirks_read_shows_control_characters),
        cmocka_unit_test(test_quirks_read_drops_what_no_table_knows),
        cmocka_unit_test(test_quirks_add_up_counts_a_case_once_for_each_reaction),
        cmocka_unit_test(test_quirks_read_refuses_a_record_without_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
