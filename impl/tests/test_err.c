#include "impl/wire/err.h"

#include "impl/tests/unit.h"

#include <string.h>

struct row {
    enum spec_err err;
    enum spec_blame blame;
    const char *text;
};

/* clang-format does not survive rows made by a macro. */
/* clang-format off */
static const struct row rows[] = {
#define X(name, blame, text) {name, blame, text},
    SPEC_ERRORS(X)
#undef X
    {SPEC_N_ERRORS, SPEC_ENV, "unknown error"},
    {(enum spec_err)-1, SPEC_ENV, "unknown error"},
};
/* clang-format on */

static void test_err_each_has_its_text_and_blame(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(spec_err_text(rows[i].err), rows[i].text);
        assert_int_equal(spec_err_blame(rows[i].err), rows[i].blame);
    }
}

/* Only what a peer did may speak against it. */
static void test_err_our_own_troubles_are_not_the_peers(void **state)
{
    (void)state;
    for (int e = SPEC_OK; e < SPEC_N_ERRORS; e++)
        if (e < SPEC_E_LENGTH || e >= SPEC_E_NOMEM)
            assert_int_not_equal(spec_err_blame((enum spec_err)e), SPEC_PEER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_each_has_its_text_and_blame),
        cmocka_unit_test(test_err_our_own_troubles_are_not_the_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
