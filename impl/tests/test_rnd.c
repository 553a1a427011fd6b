#include "impl/net/rnd.h"

#include "impl/tests/unit.h"

static void test_rnd_bytes_fills_all_and_differs(void **state)
{
    static uint8_t a[5000], b[5000];
    size_t zeros = 0;

    (void)state;
    assert_int_equal(rnd_bytes(a, sizeof a),
                     SPEC_OK); /* more than one call of the kernel promises */
    assert_int_equal(rnd_bytes(b, sizeof b), SPEC_OK);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = sizeof a - 500; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rnd_bytes_fills_all_and_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
