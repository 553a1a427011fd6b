#include "impl/wire/scan.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"

static const char *const known[] = {"tcp", "MSS", "TOS", "parallel"};

#define F(flaw) (1u << (flaw))

/* clang-format off */

/* at: where the first flaw in the order of SCAN_FLAWS stands; end, depth as in the report. */
static const struct row {
    const char *name;
    struct bytes text;
    uint32_t flaws;
    size_t at, end;
    unsigned depth;
} rows[] = {
    {"EX-2 smallest object", WIRE("{}"), 0, 0, 2, 1},
    {"JSON-2 what iperf3 prints", WIRE("{\"tcp\":true,\"x\":-1.5e+3,\"s\":[{\"i\":null},[]]}"), 0, 0, 44, 3},
    {"JSON-3 white space inside", WIRE("{ \"tcp\" :\ttrue ,\r\n\"x\": [ ] }"), 0, 0, 28, 2},
    /* what is no message at all */
    {"JSON-9 no bytes", WIRE(""), F(SCAN_EMPTY), 0, 0, 0},
    {"JSON-9 blanks", WIRE("  "), F(SCAN_EMPTY), 2, 2, 0},
    {"JSON-9 mark alone", WIRE("\xef\xbb\xbf"), F(SCAN_EMPTY) | F(SCAN_BOM), 3, 3, 0},
    {"not JSON", WIRE("xxx"), F(SCAN_SYNTAX), 0, 0, 0},
    {"half a mark", WIRE("\xef\xbb{}"), F(SCAN_SYNTAX), 0, 0, 0},
    {"a closing bracket", WIRE("]"), F(SCAN_SYNTAX), 0, 0, 0},
    {"JSON-5 array", WIRE("[1,\"a\",true,false,null]"), F(SCAN_NOT_OBJECT), 0, 23, 1},
    {"JSON-5 string", WIRE(" \"a\""), F(SCAN_NOT_OBJECT), 1, 4, 0},
    {"JSON-5 number", WIRE("0"), F(SCAN_NOT_OBJECT), 0, 1, 0},
    {"JSON-5 null", WIRE("null"), F(SCAN_NOT_OBJECT), 0, 4, 0},
    {"JSON-5 array cut short", WIRE("[1,"), F(SCAN_SYNTAX) | F(SCAN_NOT_OBJECT), 3, 3, 1},
    /* syntax */
    {"object cut short", WIRE("{"), F(SCAN_SYNTAX), 1, 1, 1},
    {"key cut short", WIRE("{\"tc"), F(SCAN_SYNTAX), 4, 4, 1},
    {"no colon", WIRE("{\"tcp\""), F(SCAN_SYNTAX), 6, 6, 1},
    {"another colon", WIRE("{\"tcp\";1}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"no value", WIRE("{\"tcp\":"), F(SCAN_SYNTAX), 7, 7, 1},
    {"word cut short", WIRE("{\"tcp\":tru"), F(SCAN_SYNTAX), 7, 7, 1},
    {"unknown word", WIRE("{\"tcp\":tree}"), F(SCAN_SYNTAX), 7, 7, 1},
    {"no comma", WIRE("{\"tcp\":1 2}"), F(SCAN_SYNTAX), 9, 9, 1},
    {"no end", WIRE("{\"tcp\":1"), F(SCAN_SYNTAX), 8, 8, 1},
    {"wrong end", WIRE("{\"tcp\":1]"), F(SCAN_SYNTAX), 8, 8, 1},
    {"trailing comma, object", WIRE("{\"tcp\":1,}"), F(SCAN_SYNTAX), 9, 9, 1},
    {"trailing comma, array", WIRE("{\"tcp\":[1,]}"), F(SCAN_SYNTAX), 10, 10, 2},
    {"key without quotes", WIRE("{tcp:1}"), F(SCAN_SYNTAX), 1, 1, 1},
    {"array without comma", WIRE("{\"a\":[1 2]}"), F(SCAN_SYNTAX), 8, 8, 2},
    {"key of an unknown escape", WIRE("{\"\\x\":1}"), F(SCAN_SYNTAX), 2, 2, 1},
    {"escape cut short", WIRE("{\"a\":\"\\"), F(SCAN_SYNTAX), 6, 6, 1},
    {"escaped NUL byte", WIRE("{\"a\":\"\\\0\"}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"\\u cut short", WIRE("{\"a\":\"\\u00"), F(SCAN_SYNTAX), 6, 6, 1},
    {"\\u with g", WIRE("{\"a\":\"\\u00g0\"}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"\\u with a control", WIRE("{\"a\":\"\\u00\x11" "0\"}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"\\u with a slash", WIRE("{\"a\":\"\\u/000\"}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"\\u with a colon", WIRE("{\"a\":\"\\u:000\"}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"every escape", WIRE("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E4\\u20ac\\ud834\\uDD1E\"}"), 0, 0, 48, 1},
    /* around the value */
    {"JSON-2 trailing newline", WIRE("{}\n"), F(SCAN_TRAILING), 2, 2, 1},
    {"JSON-2 trailing NUL", WIRE("{}\0"), F(SCAN_TRAILING) | F(SCAN_NUL), 2, 2, 1},
    {"JSON-3 trailing text", WIRE("{}xxxxx"), F(SCAN_TRAILING), 2, 2, 1},
    {"JSON-3 trailing text, NUL later", WIRE("{\"a\":\"\0\"}x\0"), F(SCAN_TRAILING) | F(SCAN_NUL), 9, 9, 1},
    {"JSON-6 mark", WIRE("\xef\xbb\xbf{}"), F(SCAN_BOM), 0, 5, 1},
    {"blanks of cJSON alone", WIRE("{\x0b\"a\"\x01:\x1f" "1}"), F(SCAN_SPACE), 1, 10, 1},
    {"NUL for a blank", WIRE("{\0\"a\":1}"), F(SCAN_NUL), 1, 8, 1},
    /* strings */
    {"raw NUL", WIRE("{\"a\0\":1}"), F(SCAN_NUL), 3, 8, 1},
    {"escaped NUL", WIRE("{\"a\":\"\\u0000\"}"), F(SCAN_NUL), 6, 14, 1},
    {"raw newline", WIRE("{\"a\":\"\n\"}"), F(SCAN_CONTROL), 6, 9, 1},
    {"DEL is no control", WIRE("{\"a\":\"\x7f\"}"), 0, 0, 9, 1},
    {"UTF-8", WIRE("{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9d\x84\x9e\xed\x9f\xbf\xf4\x8f\xbf\xbf\"}"), 0, 0, 23, 1},
    {"Latin-1", WIRE("{\"a\":\"\xe4\"}"), F(SCAN_UTF8), 6, 9, 1},
    {"a byte that never occurs", WIRE("{\"a\":\"\xff\"}"), F(SCAN_UTF8), 6, 9, 1},
    {"a lone follower", WIRE("{\"a\":\"\x80\"}"), F(SCAN_UTF8), 6, 9, 1},
    {"overlong, 2 bytes", WIRE("{\"a\":\"\xc0\x80\"}"), F(SCAN_UTF8), 6, 10, 1},
    {"overlong, 3 bytes", WIRE("{\"a\":\"\xe0\x9f\xbf\"}"), F(SCAN_UTF8), 6, 11, 1},
    {"overlong, 4 bytes", WIRE("{\"a\":\"\xf0\x8f\xbf\xbf\"}"), F(SCAN_UTF8), 6, 12, 1},
    {"surrogate in UTF-8", WIRE("{\"a\":\"\xed\xa0\x80\"}"), F(SCAN_UTF8), 6, 11, 1},
    {"above U+10FFFF", WIRE("{\"a\":\"\xf4\x90\x80\x80\"}"), F(SCAN_UTF8), 6, 12, 1},
    {"UTF-8 cut by the quote", WIRE("{\"a\":\"\xe2\x82\"}"), F(SCAN_UTF8), 6, 10, 1},
    {"UTF-8 cut by the end", WIRE("{\"a\":\"\xe2\x82"), F(SCAN_SYNTAX) | F(SCAN_UTF8), 8, 8, 1},
    {"lone high surrogate", WIRE("{\"a\":\"\\ud834\"}"), F(SCAN_SURROGATE), 6, 14, 1},
    {"lone high surrogate, text behind", WIRE("{\"a\":\"\\ud834xxxxxx\"}"), F(SCAN_SURROGATE), 6, 20, 1},
    {"lone low surrogate", WIRE("{\"a\":\"\\udd1e\"}"), F(SCAN_SURROGATE), 6, 14, 1},
    {"two high surrogates", WIRE("{\"a\":\"\\ud834\\ud834\"}"), F(SCAN_SURROGATE), 6, 20, 1},
    {"two low surrogates", WIRE("{\"a\":\"\\udd1e\\udd1e\"}"), F(SCAN_SURROGATE), 6, 20, 1},
    {"high surrogate, another escape", WIRE("{\"a\":\"\\ud834\\ue000\"}"), F(SCAN_SURROGATE), 6, 20, 1},
    {"high surrogate, no digits",
     WIRE("{\"a\":\"\\ud834\\uxxxx\"}"),
     F(SCAN_SYNTAX) | F(SCAN_SURROGATE), 12, 12, 1},
    /* numbers */
    {"forms of JSON", WIRE("{\"a\":[0,-0,-1,10,0.5,1e5,1E+5,1e-5,0e0,1.25E2]}"), 0, 0, 47, 2},
    {"leading zero", WIRE("{\"a\":007}"), F(SCAN_LEADING_ZERO), 5, 9, 1},
    {"leading zero behind the sign", WIRE("{\"a\":-01}"), F(SCAN_LEADING_ZERO), 6, 9, 1},
    {"no digits behind the point", WIRE("{\"a\":1.}"), F(SCAN_NUMBER_FORM), 5, 8, 1},
    {"no digits before the point", WIRE("{\"a\":-.5}"), F(SCAN_NUMBER_FORM), 5, 9, 1},
    {"a point first", WIRE("{\"a\":.5}"), F(SCAN_NUMBER_FORM), 5, 8, 1},
    {"plus", WIRE("{\"a\":+5}"), F(SCAN_NUMBER_FORM), 5, 8, 1},
    {"no digits in the exponent", WIRE("{\"a\":1e}"), F(SCAN_NUMBER_FORM), 7, 8, 1},
    {"no digits in the signed exponent", WIRE("{\"a\":1e-}"), F(SCAN_NUMBER_FORM), 8, 9, 1},
    {"exponent at the end", WIRE("1e"), F(SCAN_NOT_OBJECT) | F(SCAN_NUMBER_FORM), 0, 2, 0},
    {"sign alone", WIRE("{\"a\":-}"), F(SCAN_SYNTAX), 6, 6, 1},
    {"point alone", WIRE("{\"a\":.}"), F(SCAN_SYNTAX) | F(SCAN_NUMBER_FORM), 6, 6, 1},
    {"JSON-13 2^53", WIRE("{\"a\":9007199254740992}"), 0, 0, 22, 1},
    {"JSON-13 2^53 + 1", WIRE("{\"a\":9007199254740993}"), F(SCAN_BIG_NUMBER), 5, 22, 1},
    {"JSON-13 -2^53 - 1", WIRE("{\"a\":-9007199254740993}"), F(SCAN_BIG_NUMBER), 5, 23, 1},
    {"JSON-13 10^16", WIRE("{\"a\":10000000000000000}"), F(SCAN_BIG_NUMBER), 5, 23, 1},
    {"JSON-14 -1 as 3.12 writes it", WIRE("{\"a\":18446744073709551615}"), F(SCAN_BIG_NUMBER), 5, 26, 1},
    {"JSON-14 exponents are no integers", WIRE("{\"a\":[1e300,1.5e17]}"), 0, 0, 20, 2},
    {"zeros before a small number", WIRE("{\"a\":00000000000000000001}"), F(SCAN_LEADING_ZERO), 5, 26, 1},
    {"largest double", WIRE("{\"a\":1.7976931348623157e308}"), 0, 0, 28, 1},
    {"just below infinity", WIRE("{\"a\":1.7976931348623158e+308}"), 0, 0, 29, 1},
    {"just infinity", WIRE("{\"a\":1.7976931348623159e308}"), F(SCAN_HUGE_NUMBER), 5, 28, 1},
    {"1e309", WIRE("{\"a\":1e309}"), F(SCAN_HUGE_NUMBER), 5, 11, 1},
    {"an exponent of many digits", WIRE("{\"a\":-1e99999999999999999999}"), F(SCAN_HUGE_NUMBER), 5, 29, 1},
    {"zero is never huge", WIRE("{\"a\":[0e999,0.000e999]}"), 0, 0, 23, 2},
    {"small is not huge", WIRE("{\"a\":[1e-999,0.01e309]}"), 0, 0, 23, 2},
    {"huge by fraction and exponent", WIRE("{\"a\":0.02e311}"), F(SCAN_HUGE_NUMBER), 5, 14, 1},
    /* keys */
    {"JSON-4 duplicate", WIRE("{\"a\":1,\"b\":2,\"a\":3}"), F(SCAN_DUPLICATE), 13, 19, 1},
    {"JSON-4 the first repetition",
     WIRE("{\"b\":1,\"a\":{\"c\":1,\"c\":2},\"b\":3,\"a\":4}"),
     F(SCAN_DUPLICATE), 18, 37, 2},
    {"JSON-4 an outer one that is earlier", WIRE("{\"a\":1,\"a\":{\"c\":1,\"c\":2}}"), F(SCAN_DUPLICATE), 7, 25, 2},
    {"JSON-4 same keys in other objects", WIRE("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}"), 0, 0, 35, 3},
    {"JSON-4 duplicate by escape", WIRE("{\"tcp\":1,\"\\u0074cp\":2}"), F(SCAN_DUPLICATE), 9, 22, 1},
    {"JSON-4 all escapes and what they mean",
     WIRE("{\"\\u00e4\\u20ac\\ud834\\udd1e\\n\\/\\\"\":1," "\"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\\u000a\\u002f\\u0022\":2}"),
     F(SCAN_DUPLICATE), 36, 68, 1},
    /* these two have the same 32-bit FNV-1a hash */
    {"JSON-4 two keys of one hash", WIRE("{\"costarring\":1,\"liquid\":2}"), 0, 0, 27, 1},
    {"JSON-4 a duplicate among them",
     WIRE("{\"costarring\":1,\"liquid\":2,\"costarring\":3}"), F(SCAN_DUPLICATE), 27, 42, 1},
    {"JSON-4 a prefix is another key", WIRE("{\"ab\":1,\"a\":2,\"\":3,\"\\u0061b\\u0063\":4}"), 0, 0, 37, 1},
    {"JSON-4 another case", WIRE("{\"TCP\":1}"), F(SCAN_CASE), 1, 9, 1},
    {"JSON-4 another case, deeper", WIRE("{\"x\":[{\"mss\":1}]}"), F(SCAN_CASE), 7, 17, 3},
    {"JSON-4 another case by escape", WIRE("{\"\\u0054cp\":1}"), F(SCAN_CASE), 1, 14, 1},
    {"JSON-4 right case by escape", WIRE("{\"\\u0074cp\":1}"), 0, 0, 14, 1},
    {"JSON-4 unknown keys", WIRE("{\"tc\":1,\"tcpp\":2,\"PARALLE\":3,\"\":4,\"tOx\":5}"), 0, 0, 42, 1},
    {"JSON-4 value, not a key", WIRE("{\"x\":\"TCP\"}"), 0, 0, 11, 1},
};

/* clang-format on */

static void check(const struct row *row)
{
    struct scan_report report;
    enum spec_err e = scan_json(row->text, known, ARRAY_LEN(known), &report);
    size_t at = 0;

    for (int flaw = SCAN_N_FLAWS - 1; flaw >= 0; flaw--)
        if (report.flaws & F(flaw))
            at = report.at[flaw];
    if (e != (row->flaws != 0 ? SPEC_E_JSON : SPEC_OK) || report.flaws != row->flaws ||
        at != row->at || report.end != row->end || report.depth != row->depth)
        fail_msg("%s: flaws %#x, first at %zu, end %zu, depth %u", row->name, report.flaws, at,
                 report.end, report.depth);
}

static void test_scan_json_reports_each_flaw_and_where_it_is(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i]);
}

static void test_scan_json_reads_nothing_behind_the_text(void **unused)
{
    struct scan_report report;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t len = 0; len < rows[i].text.len; len++) {
            uint8_t *cut = malloc(MAX(len, 1)); /* where a sanitizer sees the end */
            memcpy(cut, rows[i].text.at, len);
            scan_json((struct bytes){cut, len}, known, ARRAY_LEN(known), &report);
            assert_true(report.end <= len);
            free(cut);
        }
    }
}

static void test_scan_json_without_known_keys_ignores_case(void **unused)
{
    struct bytes text = WIRE("{\"TCP\":1}");
    struct scan_report report;

    (void)unused;
    assert_int_equal(scan_json(text, NULL, 0, &report), SPEC_OK);
}

static void scan_repeated(const char *piece, size_t n, struct scan_report *report)
{
    size_t step = strlen(piece);
    uint8_t *text = malloc(n * step);

    for (size_t i = 0; i < n; i++)
        memcpy(text + i * step, piece, step);
    scan_json((struct bytes){text, n * step}, NULL, 0, report);
    free(text);
}

static void test_scan_json_stops_at_1001_levels(void **unused) /* JSON-6 */
{
    struct scan_report report;

    (void)unused;
    scan_repeated("[", 1000, &report);
    assert_int_equal(report.flaws, F(SCAN_SYNTAX) | F(SCAN_NOT_OBJECT));
    assert_int_equal(report.depth, 1000);
    scan_repeated("[", 1000000, &report);
    assert_int_equal(report.flaws, F(SCAN_DEPTH) | F(SCAN_NOT_OBJECT));
    assert_int_equal(report.at[SCAN_DEPTH], 1000);
    assert_int_equal(report.depth, 1000);
    scan_repeated("{\"a\":", 1001, &report);
    assert_int_equal(report.flaws, F(SCAN_DEPTH));
    assert_int_equal(report.end, 5000);
}

/* An object of n keys: different ones, or but for the last, which repeats the first. */
static struct bytes many_keys(char *out, unsigned n, bool is_repeated)
{
    char *at = out;

    *at++ = '{';
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, "\"k%u\":0,", is_repeated && i == n - 1 ? 0 : i);
    at[-1] = '}';
    return (struct bytes){(uint8_t *)out, (size_t)(at - out)};
}

static void test_scan_json_finds_duplicates_among_any_number_of_keys(void **unused)
{
    static const unsigned counts[] = {2, 47, 48, 49, 96, 97, 200000};
    char *text = malloc(200000 * 12);

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct scan_report report;
        assert_int_equal(scan_json(many_keys(text, counts[i], false), NULL, 0, &report), SPEC_OK);
        struct bytes twice = many_keys(text, counts[i], true);
        assert_int_equal(scan_json(twice, NULL, 0, &report), SPEC_E_JSON);
        assert_int_equal(report.flaws, F(SCAN_DUPLICATE));
        assert_int_equal(report.at[SCAN_DUPLICATE], twice.len - strlen("\"k0\":0}"));
    }
    free(text);
}

static void test_scan_json_without_memory_tells_all_but_the_duplicates(void **unused)
{
    static char text[4000];

    (void)unused;
    for (unsigned n = 1;; n++) {
        struct bytes keys = many_keys(text, 200, true);
        struct scan_report report;
        text[1] = '"';
        alloc_fail_at(n);
        enum spec_err e = scan_json(keys, NULL, 0, &report);
        bool failed = alloc_failed();
        assert_int_equal(report.end, keys.len);
        assert_int_equal(report.flaws, failed ? 0 : F(SCAN_DUPLICATE));
        assert_int_equal(e, failed ? SPEC_E_NOMEM : SPEC_E_JSON);
        if (!failed) {
            assert_int_equal(n, 4); /* room for 96, 192, 384, and none */
            break;
        }
    }
    alloc_fail_at(0);
}

static void test_scan_json_of_an_ordinary_message_allocates_nothing(void **unused)
{
    struct scan_report report;

    (void)unused;
    alloc_fail_at(0);
    scan_json(rows[1].text, known, ARRAY_LEN(known), &report);
    assert_int_equal(alloc_count(), 0);
}

static void test_scan_flaw_text_is_there_for_each(void **unused)
{
    (void)unused;
    assert_string_equal(scan_flaw_text(SCAN_SYNTAX), "not well-formed JSON");
    assert_string_equal(scan_flaw_text(SCAN_CASE), "a known key in another case");
    for (int flaw = 0; flaw < SCAN_N_FLAWS; flaw++)
        assert_non_null(scan_flaw_text((enum scan_flaw)flaw));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_json_reports_each_flaw_and_where_it_is),
        cmocka_unit_test(test_scan_json_reads_nothing_behind_the_text),
        cmocka_unit_test(test_scan_json_without_known_keys_ignores_case),
        cmocka_unit_test(test_scan_json_stops_at_1001_levels),
        cmocka_unit_test(test_scan_json_finds_duplicates_among_any_number_of_keys),
        cmocka_unit_test(test_scan_json_without_memory_tells_all_but_the_duplicates),
        cmocka_unit_test(test_scan_json_of_an_ordinary_message_allocates_nothing),
        cmocka_unit_test(test_scan_flaw_text_is_there_for_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
