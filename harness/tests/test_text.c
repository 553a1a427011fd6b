#include "harness/session/text.h"
#include "impl/tests/unit.h"

static void test_text_grows_and_keeps_a_nul_behind_it(void **state)
{
    struct text t = {0};

    (void)state;
    assert_string_equal(text_string(&t), "");
    for (int i = 0; i < 1000; i++)
        text_addf(&t, "%d,", i % 10);
    assert_int_equal(t.len, 2000);
    assert_int_equal(t.at[2000], '\0');
    text_fini(&t);
    assert_null(t.at);
}

static void test_text_add_hex_says_what_it_left_out(void **state)
{
    struct text t = {0};

    (void)state;
    text_add_hex(&t, WIRE("\xfe\x00\x8e"), 2);
    assert_string_equal(text_string(&t), "fe 00 ... (3 bytes)");
    text_fini(&t);
}

static void test_arena_grow_keeps_what_is_there(void **state)
{
    struct arena a = {0};
    int *numbers = NULL;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        numbers = arena_grow(&a, numbers, (size_t)i, sizeof *numbers);
        numbers[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows_and_keeps_a_nul_behind_it),
        cmocka_unit_test(test_text_add_hex_says_what_it_left_out),
        cmocka_unit_test(test_arena_grow_keeps_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
