/* json_fuzzer.c - JSON as read, scanned and written: what the scanner passes parses, here and in a
 * second parser; what was parsed is written and read back as the same value.
 *
 * Input: the text. */
#include "fuzz/fuzz.h"
#include "fuzz/second_json.h"

#include "impl/wire/json.h"
#include "impl/wire/jwrite.h"
#include "impl/wire/scan.h"

#include <math.h>

static const char *const known[] = {"tcp", "streams", "id", "a"};

/* --- the scanner -------------------------------------------------------------------------------
 */

/* Where the two differ by design: cJSON, and stock with it, reads a number through a buffer of 63
 * characters, and takes an escape \u without four hexadecimal digits for a NUL. */
static bool may_differ(struct bytes text)
{
    size_t run = 0;

    for (size_t i = 0; i < text.len; i++) {
        run = text.at[i] != '\0' && strchr("0123456789+-.eE", text.at[i]) != NULL ? run + 1 : 0;
        if (run > 63 || (text.at[i] == 'u' && i > 0 && text.at[i - 1] == '\\'))
            return true;
    }
    return false;
}

static enum spec_err scan(struct bytes text, struct scan_report *report)
{
    struct scan_report plain;
    enum spec_err err = scan_json(text, known, ARRAY_LEN(known), report);

    scan_json(text, NULL, 0, &plain);
    FUZZ_CHECK(plain.flaws == (report->flaws & ~(1u << SCAN_CASE)), "%x, with known keys %x",
               plain.flaws, report->flaws);
    FUZZ_CHECK(plain.end == report->end && report->end <= text.len, "the end is %zu", report->end);
    FUZZ_CHECK((err == SPEC_OK) == (report->flaws == 0), "%d for %x", err, report->flaws);
    for (unsigned i = 0; i < SCAN_N_FLAWS; i++)
        if (report->flaws >> i & 1)
            FUZZ_CHECK(report->at[i] <= text.len, "%s at %zu", scan_flaw_text((enum scan_flaw)i),
                       report->at[i]);
    return err;
}

/* --- the writer --------------------------------------------------------------------------------
 */

static unsigned depth_of(const json_value *value)
{
    unsigned depth = 0;

    if (json_type_of(value) != JSON_ARRAY && json_type_of(value) != JSON_OBJECT)
        return 0;
    for (const json_value *v = json_next(value, NULL); v != NULL; v = json_next(value, v)) {
        unsigned below = depth_of(v);
        depth = MAX(depth, below);
    }
    return depth + 1;
}

static void write_value(struct jwrite *w, const char *key, const json_value *value)
{
    enum json_type type = json_type_of(value);
    double number = type == JSON_NUMBER ? json_double(value) : 0;

    switch (type) {
    case JSON_BOOL:
        jwrite_bool(w, key, json_bool(value));
        break;
    case JSON_NUMBER:
        if (fabs(number) < 0x1p53 && number == trunc(number) && !signbit(number))
            jwrite_int(w, key, json_int(value));
        else
            jwrite_double(w, key, number);
        break;
    case JSON_STRING:
        jwrite_string(w, key, json_text(value));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        type == JSON_ARRAY ? jwrite_array(w, key) : jwrite_object(w, key);
        for (const json_value *v = json_next(value, NULL); v != NULL; v = json_next(value, v))
            write_value(w, type == JSON_OBJECT ? json_key(v) : NULL, v);
        jwrite_end(w);
        break;
    default:
        jwrite_null(w, key);
        break;
    }
}

/* Strings that are not UTF-8 come out changed, but only once. */
static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || strstr(b, "\xef\xbf\xbd") != NULL;
}

static bool same(const json_value *a, const json_value *b)
{
    enum json_type type = json_type_of(a);

    if (type != json_type_of(b))
        return false;
    if (type == JSON_BOOL)
        return json_bool(a) == json_bool(b);
    if (type == JSON_NUMBER)
        return json_double(b) == (isfinite(json_double(a)) ? json_double(a) : 0);
    if (type == JSON_STRING)
        return same_text(json_text(a), json_text(b));
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return true;
    const json_value *x = json_next(a, NULL), *y = json_next(b, NULL);
    for (; x != NULL && y != NULL; x = json_next(a, x), y = json_next(b, y))
        if (!same(x, y) || (type == JSON_OBJECT && !same_text(json_key(x), json_key(y))))
            return false;
    return x == y;
}

static void check_written(const json_value *root, enum jwrite_layout layout)
{
    const unsigned tolerated = 1u << SCAN_NOT_OBJECT | 1u << SCAN_DUPLICATE | 1u << SCAN_BIG_NUMBER;
    struct scan_report report;
    struct jwrite w;
    struct bytes text;
    json_value *again = NULL;

    jwrite_init(&w, layout);
    write_value(&w, NULL, root);
    FUZZ_CHECK(jwrite_finish(&w, &text) == SPEC_OK, "writer");
    scan_json(text, NULL, 0, &report);
    FUZZ_CHECK((report.flaws & ~tolerated) == 0, "flaws %x in %s", report.flaws, w.buf);
    FUZZ_CHECK(json_parse(text, &again) == SPEC_OK, "%s", w.buf);
    FUZZ_CHECK(same(root, again), "%s", w.buf);
    json_free(again);
    jwrite_fini(&w);
}

static void check_printed(const json_value *root)
{
    char *text = json_print(root), *text_again;
    json_value *again = NULL;

    FUZZ_CHECK(text != NULL, "printer");
    FUZZ_CHECK(json_parse((struct bytes){(uint8_t *)text, strlen(text)}, &again) == SPEC_OK, "%s",
               text);
    text_again = json_print(again);
    FUZZ_CHECK(strcmp(text, text_again) == 0, "%s and %s", text, text_again);
    free(text);
    free(text_again);
    json_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = {data, size};
    struct scan_report report;
    json_value *root = NULL;

    fuzz_memory_start();
    enum spec_err scanned = scan(text, &report), parsed = json_parse(text, &root);
    fuzz_memory_stop(4096, 128, size);
    FUZZ_CHECK(parsed == SPEC_OK || parsed == SPEC_E_JSON, "%d", parsed);
    second_json_check(text, report.flaws);
    if (!may_differ(text)) {
        FUZZ_CHECK(scanned != SPEC_OK || parsed == SPEC_OK, "strict JSON is refused");
        FUZZ_CHECK(parsed != SPEC_OK ||
                       (report.flaws & (1u << SCAN_SYNTAX | 1u << SCAN_EMPTY)) == 0,
                   "flaws %x, but it parses", report.flaws);
    }
    if (parsed == SPEC_OK) {
        check_printed(root);
        if (depth_of(root) < JWRITE_DEPTH) {
            check_written(root, JWRITE_COMPACT);
            check_written(root, JWRITE_PRETTY);
        }
    }
    json_free(root);
    return 0;
}
