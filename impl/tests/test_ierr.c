#include "impl/wire/ierr.h"

#include "impl/tests/unit.h"

/* Calls check for every numbered row of section 9 of the protocol text; returns how many. */
static int each_documented(void (*check)(int number, const char *name, const char *text))
{
    FILE *f = fopen("docs/protocol.md", "r");
    char line[512], name[64], since[64], text[256];
    int n = 0, number;

    if (f == NULL)
        fail_msg("run the tests from the root of the tree: docs/protocol.md is not there");
    while (fgets(line, sizeof line, f) != NULL && strncmp(line, "## 9 ", 5) != 0)
        continue;
    while (fgets(line, sizeof line, f) != NULL && strncmp(line, "## ", 3) != 0) {
        if (sscanf(line, "| %d | %63[A-Z0-9] | %63[^|]| %255[^|]|", &number, name, since, text) !=
            4)
            continue;
        text[strlen(text) - 1] = '\0'; /* the blank in front of the bar */
        check(number, name, text);
        n++;
    }
    fclose(f);
    return n;
}

static void check_row(int number, const char *name, const char *text)
{
    char plain[256], *out = plain;

    for (; *text != '\0'; text++)
        if (*text != '`')
            *out++ = *text;
    *out = '\0';
    assert_string_equal(ierr_name(number), name);
    assert_string_equal(ierr_text(number), plain);
    assert_int_equal(ierr_from_name(name), number);
}

static void test_ierr_has_every_number_of_section_9_and_no_other(void **unused)
{
    int known = 0;

    (void)unused;
    for (int number = -1; number < 1000; number++)
        known += ierr_name(number) != NULL;
    assert_int_equal(known, 112);
    assert_int_equal(each_documented(check_row), known);
}

static void test_ierr_text_of_an_unknown_number_says_so(void **unused) /* ERRNO-2 */
{
    static const int numbers[] = {-1, 41, 99, 149, 9999, INT32_MIN};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_null(ierr_name(numbers[i]));
        assert_string_equal(ierr_text(numbers[i]), "unknown error");
    }
    assert_int_equal(ierr_from_name("ierecvparams"), -1);
}

static void test_ierr_constants_are_the_numbers_on_the_wire(void **unused)
{
    (void)unused;
    assert_int_equal(IEAUTHTEST, 0x8e);   /* EX-4 */
    assert_int_equal(IERECVPARAMS, 0x72); /* EX-5 */
    assert_int_equal(IEMESSAGE, 0x6e);    /* EX-6 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ierr_has_every_number_of_section_9_and_no_other),
        cmocka_unit_test(test_ierr_text_of_an_unknown_number_says_so),
        cmocka_unit_test(test_ierr_constants_are_the_numbers_on_the_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
