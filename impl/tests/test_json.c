#include "impl/wire/json.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

static json_value *parse(const char *text)
{
    json_value *root = NULL;

    assert_int_equal(json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &root),
                     SPEC_OK);
    return root;
}

static const struct row {
    const char *name;
    struct bytes text;
    enum spec_err want;
    enum json_type type;
} rows[] = {
    {"EX-2 smallest object",         WIRE("{}"),               SPEC_OK,     JSON_OBJECT},
    {"JSON-3 white space",           WIRE(" \t\r\n{ } "),      SPEC_OK,     JSON_OBJECT},
    {"JSON-3 trailing NUL",          WIRE("{}\0"),             SPEC_OK,     JSON_OBJECT},
    {"JSON-3 trailing text",         WIRE("{}xxxxx"),          SPEC_OK,     JSON_OBJECT},
    {"JSON-3 trailing document",     WIRE("{}[1,2"),           SPEC_OK,     JSON_OBJECT},
    {"JSON-3 raw NUL in a string",   WIRE("{\"a\0b\":1}"),     SPEC_OK,     JSON_OBJECT},
    {"JSON-5 array",                 WIRE("[{\"tcp\":true}]"), SPEC_OK,     JSON_ARRAY },
    {"JSON-5 number",                WIRE("12"),               SPEC_OK,     JSON_NUMBER},
    {"JSON-5 string",                WIRE("\"tcp\""),          SPEC_OK,     JSON_STRING},
    {"JSON-5 null",                  WIRE("null"),             SPEC_OK,     JSON_NULL  },
    {"JSON-5 boolean",               WIRE("false"),            SPEC_OK,     JSON_BOOL  },
    {"JSON-6 byte order mark",       WIRE("\xef\xbb\xbf{}"),   SPEC_OK,     JSON_OBJECT},
    {"JSON-6 byte order mark alone", WIRE("\xef\xbb\xbf"),     SPEC_E_JSON, JSON_ABSENT},
    {"JSON-9 no bytes",              WIRE(""),                 SPEC_E_JSON, JSON_ABSENT},
    {"JSON-9 blanks",                WIRE("  "),               SPEC_E_JSON, JSON_ABSENT},
    {"JSON-10 cut short",            WIRE("{\"tcp\":tr"),      SPEC_E_JSON, JSON_ABSENT},
    {"not JSON",                     WIRE("xxxxx"),            SPEC_E_JSON, JSON_ABSENT},
    {"trailing comma",               WIRE("[1,]"),             SPEC_E_JSON, JSON_ABSENT},
};

static void test_json_parse_takes_what_stock_takes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_value *root = NULL;
        enum spec_err e = json_parse(rows[i].text, &root);
        if (e != rows[i].want || json_type_of(root) != rows[i].type)
            fail_msg("%s: %s, %s", rows[i].name, spec_err_text(e),
                     json_type_name(json_type_of(root)));
        json_free(root);
    }
}

/* n opening brackets of one kind with their closing ones. */
static char *nested(size_t n, const char *open, const char *close)
{
    size_t step = strlen(open);
    char *text = malloc(n * (step + 1) + 1), *at = text;

    for (size_t i = 0; i < n; i++, at += step)
        memcpy(at, open, step);
    for (size_t i = 0; i < n; i++)
        *at++ = close[0];
    *at = '\0';
    /* the innermost object wants a value */
    if (open[0] == '{')
        memcpy(text + n * step - step, "{    ", step);
    return text;
}

static enum spec_err parse_and_free(const char *text)
{
    json_value *root = NULL;
    enum spec_err e = json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &root);

    json_free(root);
    return e;
}

static void test_json_parse_takes_1000_levels_and_no_more(void **unused) /* JSON-6 */
{
    static const struct {
        const char *open, *close;
        size_t n;
        enum spec_err want;
    } depths[] = {
        {"[",       "]", 1000, SPEC_OK    },
        {"[",       "]", 1001, SPEC_E_JSON},
        {"{\"a\":", "}", 1000, SPEC_OK    },
        {"{\"a\":", "}", 1001, SPEC_E_JSON},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
        char *text = nested(depths[i].n, depths[i].open, depths[i].close);
        enum spec_err e = parse_and_free(text);
        if (e != depths[i].want)
            fail_msg("%zu x %s: %s", depths[i].n, depths[i].open, spec_err_text(e));
        free(text);
    }
}

static void test_json_parse_counts_levels_of_the_first_value_alone(void **unused)
{
    char *deep = nested(2000, "[", "]"), *text = malloc(10000);

    (void)unused;
    sprintf(text, "{}%s", deep); /* trailing bytes: ignored */
    assert_int_equal(parse_and_free(text), SPEC_OK);
    sprintf(text, "{\"a\\\"b\":\"\\\\\",\"c\":\"%s\"}", deep); /* in a string */
    assert_int_equal(parse_and_free(text), SPEC_OK);
    sprintf(text, "\"%s\"%s", deep, deep);
    assert_int_equal(parse_and_free(text), SPEC_OK);
    free(text);
    free(deep);
}

static void test_json_parse_refuses_a_million_brackets_in_no_time(void **unused)
{
    char *text = nested(1000000, "[", "]");

    (void)unused;
    text[1000000] = '\0';
    alloc_fail_at(0);
    assert_int_equal(parse_and_free(text), SPEC_E_JSON);
    assert_int_equal(alloc_count(), 0);
    free(text);
}

static void test_json_parse_refuses_more_values_than_the_limit(void **unused)
{
    size_t n = JSON_VALUES_LIMIT + 1;
    char *text = malloc(2 * n + 2);
    json_value *root = NULL;

    (void)unused;
    text[0] = '[';
    for (size_t i = 0; i < n; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    text[2 * n] = ']';
    assert_int_equal(json_parse((struct bytes){(uint8_t *)text, 2 * n + 1}, &root), SPEC_E_NOMEM);
    assert_null(root);
    /* The same commas in a string are one value. */
    text[1] = '"';
    text[2 * n - 1] = '"';
    assert_int_equal(json_parse((struct bytes){(uint8_t *)text, 2 * n + 1}, &root), SPEC_OK);
    json_free(root);
    free(text);
}

static void test_json_parse_reads_nothing_behind_the_text(void **unused)
{
    static const char *const texts[] = {"{\"a\":[1,-2.5e3,\"x\\u00e4\\n\"],\"b\":null,\"c\":true}",
                                        "{\"1\":1, ", "\xef\xbb\xbf{}", "\"\\ud834\\udd1e\"",
                                        "  12"};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)unused;
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t len = 0; len <= strlen(texts[i]); len++) {
            json_value *root = NULL;
            memcpy(pages + page - len, texts[i], len);
            json_parse((struct bytes){pages + page - len, len}, &root);
            json_free(root);
        }
    }
    munmap(pages, 2 * page);
}

static void test_json_parse_without_memory_says_so(void **unused)
{
    static const struct bytes text = WIRE("{\"streams\":[{\"id\":1,\"x\":\"y\"}],\"ok\":true}");

    (void)unused;
    for (unsigned n = 1;; n++) {
        json_value *root = NULL;
        alloc_fail_at(n);
        enum spec_err e = json_parse(text, &root);
        if (!alloc_failed()) {
            assert_int_equal(e, SPEC_OK);
            assert_true(n > 10);
            json_free(root);
            break;
        }
        assert_int_equal(e, SPEC_E_NOMEM);
        assert_null(root);
    }
    alloc_fail_at(0);
}

static void test_json_member_ignores_ascii_case_and_takes_the_first(void **unused) /* JSON-4 */
{
    json_value *root = parse("{\"TIME\":1,\"time\":2,\"K\":3,\"\xc3\x84\":4,\"par\":5,\"@\":6}");

    (void)unused;
    assert_int_equal(json_int(json_member(root, "time")), 1);
    assert_int_equal(json_int(json_member(root, "k")), 3);
    assert_null(json_member(root, "\xc3\xa4")); /* a-umlaut in the other case */
    assert_null(json_member(root, "parallel"));
    assert_null(json_member(root, "p"));
    assert_null(json_member(root, "`")); /* what | 0x20 makes of @ */
    assert_null(json_member(root, ""));
    json_free(root);
}

/* Whatever the order of keys and members, the first of duplicates is found. */
static void test_json_member_behind_finds_what_json_member_finds(void **unused) /* JSON-4 */
{
    static const char *const texts[] = {
        "{}",
        "{\"a\":1,\"b\":2,\"c\":3}",
        "{\"c\":1,\"b\":2,\"a\":3}",
        "{\"b\":1,\"A\":2,\"B\":3,\"a\":4,\"c\":5}",
        "{\"x\":1,\"c\":2,\"a\":3,\"c\":4,\"b\":5,\"b\":6,\"C\":7}",
        "[{\"a\":1}]",
    };
    static const char *const orders[][3] = {
        {"a", "b", "c"},
        {"c", "a", "b"},
        {"b", "c", "a"}
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t j = 0; j < ARRAY_LEN(orders); j++) {
            json_value *root = parse(texts[i]);
            const json_value *passed = NULL;
            for (size_t k = 0; k < ARRAY_LEN(orders[j]); k++)
                assert_ptr_equal(json_member_behind(root, orders[j][k], &passed),
                                 json_member(root, orders[j][k]));
            json_free(root);
        }
}

static void test_json_member_of_what_is_no_object_is_absent(void **unused) /* JSON-5 */
{
    static const char *const texts[] = {"[{\"tcp\":true}]", "12", "\"tcp\"", "null", "true"};

    (void)unused;
    assert_null(json_member(NULL, "tcp"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_value *root = parse(texts[i]);
        assert_null(json_member(root, "tcp"));
        json_free(root);
    }
}

static void test_json_int_saturates_and_cuts_fractions(void **unused) /* JSON-13, JSON-14 */
{
    static const struct {
        const char *text;
        int64_t want;
    } numbers[] = {
        {"0",                    0                  },
        {"-1",                   -1                 },
        {"2147483648",           2147483648         },
        {"-2147483649",          -2147483649        },
        {"9007199254740992",     9007199254740992   },
        {"9223372036854775807",  INT64_MAX          },
        {"9223372036854774784",  9223372036854774784},
        {"18446744073709551615", INT64_MAX          },
        {"-9223372036854775808", INT64_MIN          },
        {"-1e300",               INT64_MIN          },
        {"1e400",                INT64_MAX          },
        {"-1e400",               INT64_MIN          },
        {"1e3",                  1000               },
        {"1.31072e+05",          131072             },
        {"2.9",                  2                  },
        {"-2.9",                 -2                 },
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        json_value *root = parse(numbers[i].text);
        if (json_int(root) != numbers[i].want)
            fail_msg("%s: %lld", numbers[i].text, (long long)json_int(root));
        json_free(root);
    }
}

static void test_json_values_come_with_their_types(void **unused)
{
    json_value *root =
        parse("{\"n\":null,\"t\":true,\"f\":false,\"d\":1.5,\"s\":\"x\",\"a\":[],\"o\":{}}");

    (void)unused;
    assert_int_equal(json_type_of(json_member(root, "n")), JSON_NULL);
    assert_true(json_bool(json_member(root, "t")));
    assert_false(json_bool(json_member(root, "f")));
    assert_true(json_double(json_member(root, "d")) == 1.5);
    assert_string_equal(json_text(json_member(root, "s")), "x");
    assert_int_equal(json_type_of(json_member(root, "a")), JSON_ARRAY);
    assert_int_equal(json_type_of(json_member(root, "o")), JSON_OBJECT);
    assert_int_equal(json_type_of(json_member(root, "x")), JSON_ABSENT);
    assert_string_equal(json_type_name(JSON_ABSENT), "nothing");
    assert_string_equal(json_type_name(JSON_BOOL), "boolean");
    assert_string_equal(json_type_name(JSON_OBJECT), "object");
    json_free(root);
    json_free(NULL);
}

static void test_json_int_of_what_is_not_a_number_is_0(void **unused) /* no text gives a NaN */
{
    json_value *root = parse("1");

    (void)unused;
    root->valuedouble = (double)NAN;
    assert_int_equal(json_int(root), 0);
    json_free(root);
}

static void test_json_next_walks_in_order(void **unused)
{
    json_value *root = parse("{\"a\":1,\"b\":[7,8],\"a\":3}");
    const json_value *member = NULL, *item = NULL;

    (void)unused;
    assert_string_equal(json_key(member = json_next(root, member)), "a");
    assert_string_equal(json_key(member = json_next(root, member)), "b");
    assert_int_equal(json_int(item = json_next(member, item)), 7);
    assert_int_equal(json_int(item = json_next(member, item)), 8);
    assert_null(json_next(member, item));
    assert_int_equal(json_int(member = json_next(root, member)), 3);
    assert_null(json_next(root, member));
    assert_null(json_next(NULL, NULL));
    assert_null(json_next(json_member(root, "a"), NULL)); /* no container */
    json_free(root);
}

static void test_json_print_has_no_white_space(void **unused)
{
    json_value *root = parse("{ \"a\" : [ 1 , true ] }");
    char *text = json_print(root);

    (void)unused;
    assert_string_equal(text, "{\"a\":[1,true]}");
    free(text);
    alloc_fail_at(1);
    assert_null(json_print(root));
    alloc_fail_at(0);
    json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_parse_takes_what_stock_takes),
        cmocka_unit_test(test_json_parse_takes_1000_levels_and_no_more),
        cmocka_unit_test(test_json_parse_counts_levels_of_the_first_value_alone),
        cmocka_unit_test(test_json_parse_refuses_a_million_brackets_in_no_time),
        cmocka_unit_test(test_json_parse_refuses_more_values_than_the_limit),
        cmocka_unit_test(test_json_parse_reads_nothing_behind_the_text),
        cmocka_unit_test(test_json_parse_without_memory_says_so),
        cmocka_unit_test(test_json_member_ignores_ascii_case_and_takes_the_first),
        cmocka_unit_test(test_json_member_behind_finds_what_json_member_finds),
        cmocka_unit_test(test_json_member_of_what_is_no_object_is_absent),
        cmocka_unit_test(test_json_int_saturates_and_cuts_fractions),
        cmocka_unit_test(test_json_int_of_what_is_not_a_number_is_0),
        cmocka_unit_test(test_json_values_come_with_their_types),
        cmocka_unit_test(test_json_next_walks_in_order),
        cmocka_unit_test(test_json_print_has_no_white_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
