#include "impl/wire/err.h"

#include "impl/tests/unit.h"

#include <string.h>

static const struct row {
    enum spec_err err;
    const char *text;
} rows[] = {
    {SPEC_OK,             "ok"                            },
    {SPEC_MORE,           "more bytes are needed"         },
    {SPEC_E_LENGTH,       "length is 0 or above the limit"},
    {SPEC_E_NOMEM,        "out of memory"                 },
    {SPEC_E_USAGE,        "bad usage"                     },
    {SPEC_N_ERRORS,       "unknown error"                 },
    {(enum spec_err) - 1, "unknown error"                 },
};

static void test_spec_err_text_says_what_failed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(spec_err_text(rows[i].err), rows[i].text);
}

static void test_spec_err_text_has_one_of_its_own_for_each(void **state)
{
    (void)state;
    for (int e = SPEC_OK; e < SPEC_N_ERRORS; e++)
        for (int other = SPEC_OK; other < e; other++)
            assert_string_not_equal(spec_err_text((enum spec_err)e),
                                    spec_err_text((enum spec_err)other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_err_text_says_what_failed),
        cmocka_unit_test(test_spec_err_text_has_one_of_its_own_for_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
