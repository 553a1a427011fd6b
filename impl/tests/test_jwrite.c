#include "impl/wire/jwrite.h"

#include "impl/tests/alloc.h"
#include "impl/tests/unit.h"
#include "impl/wire/json.h"
#include "impl/wire/point.h"

#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>

static void check_text(struct jwrite *w, const char *want)
{
    struct bytes text;

    assert_int_equal(jwrite_finish(w, &text), SPEC_OK);
    assert_string_equal((const char *)text.at, want);
    assert_int_equal(text.len, strlen(want));
    jwrite_fini(w);
}

static void write_sample(struct jwrite *w)
{
    jwrite_object(w, NULL);
    jwrite_int(w, "omit", 0);
    jwrite_bool(w, "tcp", true);
    jwrite_array(w, "streams");
    jwrite_object(w, NULL);
    jwrite_int(w, "bytes", INT64_MIN);
    jwrite_uint(w, "max", UINT64_MAX);
    jwrite_end(w);
    jwrite_object(w, NULL);
    jwrite_end(w);
    jwrite_end(w);
    jwrite_array(w, "empty");
    jwrite_end(w);
    jwrite_array(w, "mixed");
    jwrite_double(w, NULL, 0.5);
    jwrite_bool(w, NULL, false);
    jwrite_null(w, NULL);
    jwrite_string(w, NULL, "x");
    jwrite_end(w);
    jwrite_raw(w, "raw", "{\"a\":1}");
    jwrite_end(w);
}

static void test_jwrite_compact_has_no_white_space_and_exact_integers(void **unused) /* JSON-2 */
{
    struct jwrite w;

    (void)unused;
    jwrite_init(&w, JWRITE_COMPACT);
    write_sample(&w);
    check_text(&w, "{\"omit\":0,\"tcp\":true,\"streams\":[{\"bytes\":-9223372036854775808,"
                   "\"max\":18446744073709551615},{}],\"empty\":[],"
                   "\"mixed\":[0.5,false,null,\"x\"],\"raw\":{\"a\":1}}");
}

static void test_jwrite_pretty_indents_as_iperf3_does(void **unused)
{
    struct jwrite w;

    (void)unused;
    jwrite_init(&w, JWRITE_PRETTY);
    write_sample(&w);
    check_text(&w, "{\n\t\"omit\":\t0,\n\t\"tcp\":\ttrue,\n\t\"streams\":\t[{\n"
                   "\t\t\t\"bytes\":\t-9223372036854775808,\n"
                   "\t\t\t\"max\":\t18446744073709551615\n\t\t}, {\n\t\t}],\n"
                   "\t\"empty\":\t[],\n\t\"mixed\":\t[0.5, false, null, \"x\"],\n"
                   "\t\"raw\":\t{\"a\":1}\n}");
}

/* Write what was parsed once more. */
static void copy(struct jwrite *w, const char *key, const json_value *value)
{
    const json_value *child = NULL;

    switch (json_type_of(value)) {
    case JSON_NUMBER:
        if (json_double(value) == (double)json_int(value))
            jwrite_int(w, key, json_int(value));
        else
            jwrite_double(w, key, json_double(value));
        break;
    case JSON_STRING:
        jwrite_string(w, key, json_text(value));
        break;
    case JSON_BOOL:
        jwrite_bool(w, key, json_bool(value));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (json_type_of(value) == JSON_ARRAY)
            jwrite_array(w, key);
        else
            jwrite_object(w, key);
        while ((child = json_next(value, child)) != NULL)
            copy(w, json_key(child), child);
        jwrite_end(w);
        break;
    default:
        jwrite_null(w, key);
    }
}

/* Shaped as what iperf3 -J prints: objects in arrays in objects, empty ones, every type. */
static const char report[] =
    "{\"start\":{\"connected\":[{\"socket\":5,\"local_host\":\"127.0.0.1\",\"local_port\":42512},"
    "{\"socket\":7,\"local_host\":\"::1\",\"local_port\":42514}],\"version\":\"iperf 3.18\","
    "\"system_info\":\"Linux host 6.1.0 #1 SMP\\t\\\"x86\\\" \\\\ \\u0001 \\b\\f\\n\\r \xc3\xa4 "
    "/\","
    "\"timestamp\":{\"time\":\"Mon, 01 Jan 2024 00:00:00 UTC\",\"timesecs\":1704067200},"
    "\"tcp_mss_default\":32768,\"test_start\":{\"protocol\":\"TCP\",\"num_streams\":2,\"bytes\":0,"
    "\"reverse\":0,\"target_bitrate\":0,\"fqrate\":-1}},\"intervals\":[{\"streams\":[{\"socket\":5,"
    "\"start\":0,\"end\":1.000123,\"seconds\":1.0001230239868164,\"bytes\":2147483647,"
    "\"bits_per_second\":20392847263.5,\"retransmits\":0,\"omitted\":false,\"sender\":true}],"
    "\"sum\":{\"jitter_ms\":0.0021,\"lost_percent\":1e-07,\"ratio\":-2.5e+20}},{\"streams\":[],"
    "\"sum\":{}}],\"nested\":[[1,2],[],[{\"a\":[]}]],\"end\":{\"none\":null,\"text\":\"\"},"
    "\"error\":\"interrupt - the client has terminated\"}";

static void test_jwrite_pretty_is_what_cJSON_Print_prints(void **unused)
{
    json_value *root;
    struct jwrite w;

    (void)unused;
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)report, sizeof report - 1}, &root),
                     SPEC_OK);
    char *want = cJSON_Print(root), *compact = json_print(root);
    jwrite_init(&w, JWRITE_PRETTY);
    copy(&w, NULL, root);
    check_text(&w, want);
    jwrite_init(&w, JWRITE_COMPACT);
    copy(&w, NULL, root);
    check_text(&w, compact);
    free(want);
    free(compact);
    json_free(root);
}

static void check_double(double value, const char *want)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_double(&w, NULL, value);
    check_text(&w, want);
}

static const struct {
    double value;
    const char *want;
} doubles[] = {
    {0,                      "0"                      },
    {10,                     "10"                     },
    {-1,                     "-1"                     },
    {-0.0,                   "-0"                     },
    {999999999999999.0,      "999999999999999"        },
    {1e15,                   "1e+15"                  },
    {0.5,                    "0.5"                    },
    {0.1,                    "0.1"                    },
    {1e300,                  "1e+300"                 },
    {1.5e300,                "1.5e+300"               },
    {-2.5e-7,                "-2.5e-07"               },
    {10.000123,              "10.000123"              },
    {1.0001230239868164,     "1.0001230239868164"     }, /* 17 digits */
    {0.1 + 0.2,              "0.30000000000000004"    },
    {5.123456789012345,      "5.123456789012345"      }, /* 16 */
    {2251799813685249.5,     "2251799813685249.5"     },
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {(double)NAN,            "0"                      },
    {(double)INFINITY,       "0"                      },
    {(double)-INFINITY,      "0"                      },
};

static void test_jwrite_double_is_short_and_reads_back(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
        check_double(doubles[i].value, doubles[i].want);
        if (isfinite(doubles[i].value))
            assert_true(strtod(doubles[i].want, NULL) == doubles[i].value);
    }
}

/* Few machines have a locale with another decimal sign, so what such a locale prints stands here.
 */
static void test_point_restore_undoes_any_locale(void **unused)
{
    static const char *const rows[][2] = {
        {"10",          "10"      },
        {"-1e+300",     "-1e+300" },
        {"0.5",         "0.5"     },
        {"-0,5",        "-0.5"    },
        {"1,5e+300",    "1.5e+300"},
        {"12\xd9\xab"
         "25", "12.25"   }, /* Arabic: two bytes */
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", rows[i][0]);
        point_restore(text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void test_jwrite_double_has_a_point_in_every_locale_there_is(void **unused)
{
    static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(locales); i++)
        if (setlocale(LC_ALL, locales[i]) != NULL)
            for (size_t j = 0; j < ARRAY_LEN(doubles); j++)
                check_double(doubles[j].value, doubles[j].want);
    setlocale(LC_ALL, "C");
}

static void test_jwrite_string_escapes_what_json_demands(void **unused)
{
    static const struct {
        const char *value, *want;
    } rows[] = {
        {"",                                     "\"\""                                    },
        {"plain /~\x7f",                         "\"plain /~\x7f\""                        },
        {"\"\\\b\f\n\r\t",                       "\"\\\"\\\\\\b\\f\\n\\r\\t\""             },
        {"\x01\x1f",                             "\"\\u0001\\u001f\""                      },
        {"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e", "\"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\""},
        {"a\xff"
         "b",                           "\"a\xef\xbf\xbd"
         "b\""                                                       },
        {"\xc3",                                 "\"\xef\xbf\xbd\""                        }, /* cut short */
        {"\xc0\x80",                             "\"\xef\xbf\xbd\xef\xbf\xbd\""            }, /* overlong */
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwrite w;
        jwrite_init(&w, JWRITE_COMPACT);
        jwrite_string(&w, NULL, rows[i].value);
        check_text(&w, rows[i].want);
    }
}

/* JSON-2: what a peer sent stays JSON where it is handed on. */
static void test_jwrite_raw_has_no_bytes_that_are_no_UTF_8(void **unused)
{
    struct jwrite w;

    (void)unused;
    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_raw(&w, NULL, "{\"a\xff\":\"\xc3\xa4\\u0001\xe2\x82\"}");
    check_text(&w, "{\"a\xef\xbf\xbd\":\"\xc3\xa4\\u0001\xef\xbf\xbd\xef\xbf\xbd\"}");
}

static void test_jwrite_key_is_escaped_too(void **unused)
{
    struct jwrite w;

    (void)unused;
    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_object(&w, NULL);
    jwrite_null(&w, "a\"\n");
    jwrite_end(&w);
    check_text(&w, "{\"a\\\"\\n\":null}");
}

static void test_jwrite_without_memory_fails_at_the_end(void **unused)
{
    for (unsigned n = 1;; n++) {
        static char long_text[2000];
        struct jwrite w;
        struct bytes text;

        (void)unused;
        memset(long_text, 'x', sizeof long_text - 1);
        jwrite_init(&w, JWRITE_PRETTY);
        alloc_fail_at(n);
        jwrite_array(&w, NULL);
        write_sample(&w);
        jwrite_string(&w, NULL, long_text);
        jwrite_end(&w);
        if (!alloc_failed()) {
            assert_true(n > 2);
            assert_int_equal(jwrite_finish(&w, &text), SPEC_OK);
            jwrite_fini(&w);
            break;
        }
        assert_int_equal(jwrite_finish(&w, &text), SPEC_E_NOMEM);
        assert_null(jwrite_take(&w));
        jwrite_fini(&w);
    }
    alloc_fail_at(0);
}

static void test_jwrite_take_gives_the_buffer_away(void **unused)
{
    struct jwrite w;

    (void)unused;
    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_int(&w, NULL, 7);
    char *text = jwrite_take(&w);
    assert_string_equal(text, "7");
    assert_null(w.buf);
    jwrite_fini(&w);
    free(text);
}

static void test_jwrite_nests_as_deep_as_it_says(void **unused)
{
    struct jwrite w;
    struct bytes text;

    (void)unused;
    jwrite_init(&w, JWRITE_COMPACT);
    for (int i = 0; i < JWRITE_DEPTH; i++)
        jwrite_array(&w, NULL);
    for (int i = 0; i < JWRITE_DEPTH; i++)
        jwrite_end(&w);
    assert_int_equal(jwrite_finish(&w, &text), SPEC_OK);
    assert_int_equal(text.len, 2 * JWRITE_DEPTH);
    jwrite_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwrite_compact_has_no_white_space_and_exact_integers),
        cmocka_unit_test(test_jwrite_pretty_indents_as_iperf3_does),
        cmocka_unit_test(test_jwrite_pretty_is_what_cJSON_Print_prints),
        cmocka_unit_test(test_jwrite_double_is_short_and_reads_back),
        cmocka_unit_test(test_point_restore_undoes_any_locale),
        cmocka_unit_test(test_jwrite_double_has_a_point_in_every_locale_there_is),
        cmocka_unit_test(test_jwrite_string_escapes_what_json_demands),
        cmocka_unit_test(test_jwrite_raw_has_no_bytes_that_are_no_UTF_8),
        cmocka_unit_test(test_jwrite_key_is_escaped_too),
        cmocka_unit_test(test_jwrite_without_memory_fails_at_the_end),
        cmocka_unit_test(test_jwrite_take_gives_the_buffer_away),
        cmocka_unit_test(test_jwrite_nests_as_deep_as_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
