/* test_quirks.c - what is read of a record that anybody may have written. */
#include "harness/report/quirks.h"
#include "impl/tests/unit.h"

#include <stdlib.h>
#include <unistd.h>

static void test_quirks_read_shows_control_characters(void **state)
{
    static const char record[] =
        "{\"schema\":1,\"subject\":{\"name\":\"iperf\",\"banner\":\"a\\u001b[31m\\nb\"},"
        "\"reactions\":[{\"state\":\"RUN\",\"event\":\"SEV_TEST_END\",\"error\":0,\"cases\":1,"
        "\"reaction\":\"\\u001b[2J\",\"example\":\"x\\u0007\"}]}";
    char path[] = "/tmp/test-quirks-XXXXXX";
    int fd = mkstemp(path);
    struct quirks q = {0};
    struct text why = {0};

    (void)state;
    assert_int_equal(write(fd, record, sizeof record - 1), sizeof record - 1);
    close(fd);
    bool ok = quirks_read(&q, path, &why);
    unlink(path);
    assert_string_equal(text_string(&why), "");
    assert_true(ok);
    assert_int_equal(q.n, 1);
    assert_string_equal(q.banner, "a\\x1b[31m");
    assert_string_equal(q.at[0].reaction, "\\x1b[2J");
    assert_string_equal(q.at[0].example, "x\\x07");
    quirks_fini(&q);
    text_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quirks_read_shows_control_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
