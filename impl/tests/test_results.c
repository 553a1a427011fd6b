#include "impl/tests/alloc.h"
#include "impl/tests/heard.h"
#include "impl/tests/rows.h"
#include "impl/wire/results.h"

#include <ctype.h>
#include <glob.h>
#include <inttypes.h>

static const int64_t four[] = {1, 3, 4, 5}; /* ids of a test with that many streams (STR-6) */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static enum spec_err decode(const char *text, size_t n_streams, struct results *r,
                            struct heard *heard)
{
    heard_init(heard);
    return results_decode(text_bytes(text), four, n_streams, r, &heard->to);
}

struct pair {
    const char *key, *value;
};

/* Print the pairs into text, each with a comma behind it, but for key with that value or, if it is
 * NULL, not at all. Returns the end of what was printed. */
static char *put(char *text, const struct pair *pairs, size_t n, const char *key, const char *value)
{
    for (size_t i = 0; i < n; i++) {
        const char *v = strcmp(pairs[i].key, key) == 0 ? value : pairs[i].value;
        if (v != NULL)
            text += sprintf(text, "\"%s\":%s,", pairs[i].key, v);
    }
    return text;
}

/* A message of one stream, in which one member of the head or the stream has that value, or is left
 * out (NULL). */
static const char *message(const char *key, const char *value)
{
    static const struct pair head[] = {
        {"cpu_util_total",         "1.5"           },
        {"cpu_util_user",          "1"             },
        {"cpu_util_system",        "0.5"           },
        {"sender_has_retransmits", "1"             },
        {"congestion_used",        "\"cubic\""     },
        {"server_output_text",     "\"text\""      },
        {"server_output_json",     "{\"start\":{}}"},
    };
    static const struct pair entry[] = {
        {"id",              "1"     },
        {"bytes",           "131072"},
        {"retransmits",     "2"     },
        {"jitter",          "0.25"  },
        {"errors",          "3"     },
        {"omitted_errors",  "1"     },
        {"packets",         "9"     },
        {"omitted_packets", "4"     },
        {"start_time",      "0"     },
        {"end_time",        "1.5"   },
    };
    static char text[1024];

    char *at = put(text + sprintf(text, "{"), head, ARRAY_LEN(head), key, value);
    at = put(at + sprintf(at, "\"streams\":[{"), entry, ARRAY_LEN(entry), key, value);
    strcpy(at - 1, "}]}"); /* over the last comma */
    return text;
}

/* ---- recorded from stock ---- */

/* "results", parameters, results, number: what a 3.22 server answered */
static void check_refusal(char *const column[])
{
    struct results r;
    struct heard heard;
    size_t n_streams = strstr(column[1], "\"parallel\":2") != NULL ? 2 : 1;

    enum spec_err e = decode(column[2], n_streams, &r, &heard);
    int number = e == SPEC_OK ? 0 : e == SPEC_E_STREAM_ID ? 208 : 117;
    if (number != atoi(column[3]))
        fail_msg("%s: %s, recorded %s", column[2], spec_err_text(e), column[3]);
    if (e != SPEC_OK && heard.n == 0)
        fail_msg("%s: %s without a remark", column[2], spec_err_text(e));
    results_fini(&r);
}

static void test_results_decode_refuses_what_a_3_22_server_refuses(void **state)
{
    (void)state;
    assert_true(rows_each("impl/tests/vectors/refusals-3.22.tsv", "results", check_refusal) > 100);
}

/* The results of both sides in a recorded session; what one side sent stands in hex behind its
 * letter. */
static unsigned check_session(const char *path, char side)
{
    uint8_t *sent = malloc(1 << 20);
    size_t len = 0, cap = 0;
    char *line = NULL;
    unsigned n = 0;
    FILE *file = fopen(path, "r");

    assert_non_null(sent);
    assert_non_null(file);
    while (getline(&line, &cap, file) > 0) {
        char *hex = strchr(line, ' ');
        if (!isdigit((unsigned char)line[0]) || hex == NULL || hex[1] != side)
            continue;
        for (hex += 3; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]);
             hex += 2) {
            assert_true(len < 1 << 20);
            assert_int_equal(sscanf(hex, "%2hhx", &sent[len++]), 1);
        }
    }
    static const char start[] = "{\"cpu_util_total\"";
    for (uint8_t *at = sent;
         (at = memmem(at, len - (size_t)(at - sent), start, sizeof start - 1)) != NULL;
         at += sizeof start, n++) {
        struct results r;
        struct heard heard;
        heard_init(&heard);
        assert_int_equal(
            results_decode((struct bytes){at, load_be32(at - 4)}, NULL, 0, &r, &heard.to), SPEC_OK);
        assert_true(r.n_streams > 0 && r.streams[0].id == 1);
        assert_true(r.sender_has_retransmits >= -1 && r.sender_has_retransmits <= 1);
        for (size_t i = 0; i < MIN(heard.n, HEARD_MAX); i++)
            if (strcmp(heard.remark[i].clause, "RES-18") != 0 && /* before 3.14 */
                strcmp(heard.remark[i].clause, "INT-6") != 0 &&  /* 3.12, 3.13 */
                strcmp(heard.remark[i].clause, "JSON-13") != 0)
                fail_msg("%s: %s %s: %s", path, heard.remark[i].clause, heard.remark[i].key,
                         heard.remark[i].found);
        results_fini(&r);
    }
    free(line);
    free(sent);
    fclose(file);
    return n;
}

static void test_results_of_every_recorded_session_are_read(void **state)
{
    glob_t found;
    unsigned n = 0;

    (void)state;
    assert_int_equal(glob("impl/tests/vectors/*.session", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        n += check_session(found.gl_pathv[i], 'C') + check_session(found.gl_pathv[i], 'S');
    assert_true(n >= 2);
    globfree(&found);
}

/* ---- every key ---- */

static const struct member {
    const char *key, *clause, *type;
    bool required;
} members[] = {
    {"cpu_util_total",         "RES-2",  "number", true },
    {"cpu_util_user",          "RES-3",  "number", true },
    {"cpu_util_system",        "RES-4",  "number", true },
    {"sender_has_retransmits", "RES-5",  "number", true },
    {"congestion_used",        "RES-6",  "string", false},
    {"server_output_text",     "RES-7",  "string", false},
    {"server_output_json",     "RES-8",  "object", false},
    {"id",                     "RES-10", "number", true },
    {"bytes",                  "RES-11", "number", true },
    {"retransmits",            "RES-12", "number", true },
    {"jitter",                 "RES-13", "number", true },
    {"errors",                 "RES-14", "number", true },
    {"omitted_errors",         "RES-15", "number", false},
    {"packets",                "RES-16", "number", true },
    {"omitted_packets",        "RES-17", "number", false},
    {"start_time",             "RES-19", "number", false},
    {"end_time",               "RES-28", "number", false},
};

static const struct {
    const char *text, *type;
} values[] = {
    {"null",  "null"   },
    {"true",  "boolean"},
    {"7",     "number" },
    {"\"x\"", "string" },
    {"[]",    "array"  },
    {"{}",    "object" }
};

static bool is_omitted(const struct member *m)
{
    return strncmp(m->key, "omitted", 7) == 0;
}

/* The key as a remark names it. */
static const char *full_name(const struct member *m)
{
    static char name[64];

    snprintf(name, sizeof name, "%s%s", m >= &members[7] ? "streams[0]." : "", m->key);
    return name;
}

static void test_results_decode_wants_the_required_keys(void **state) /* RES-21, RES-18 */
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct results r;
        struct heard heard;
        bool fatal = members[i].required || is_omitted(&members[i]);
        enum spec_err e = decode(message(members[i].key, NULL), 1, &r, &heard);
        if (e != (fatal ? SPEC_E_MISSING : SPEC_OK))
            fail_msg("without %s: %s", members[i].key, spec_err_text(e));
        if (members[i].required && !heard_has(&heard, members[i].clause, full_name(&members[i])))
            fail_msg("without %s: no remark", members[i].key);
        results_fini(&r);
    }
}

static void test_results_decode_takes_each_key_of_its_type_and_no_other(void **state) /* JSON-12 */
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members) * ARRAY_LEN(values); i++) {
        const struct member *m = &members[i / ARRAY_LEN(values)];
        size_t v = i % ARRAY_LEN(values);
        bool right = strcmp(m->type, values[v].type) == 0;
        struct results r;
        struct heard heard;
        /* Any id: 7 is none of the test's. */
        heard_init(&heard);
        enum spec_err e =
            results_decode(text_bytes(message(m->key, values[v].text)), NULL, 0, &r, &heard.to);
        enum spec_err want = right           ? SPEC_OK
                             : m->required   ? SPEC_E_TYPE
                             : is_omitted(m) ? SPEC_E_MISSING
                                             : SPEC_OK;
        if (e != want)
            fail_msg("%s %s: %s", m->key, values[v].text, spec_err_text(e));
        if (!right && !heard_has(&heard, m->clause, full_name(m)))
            fail_msg("%s %s: no remark", m->key, values[v].text);
        results_fini(&r);
    }
}

static void test_results_decode_reads_every_key(void **state)
{
    struct results r;
    struct heard heard;

    (void)state;
    assert_int_equal(decode(message("", NULL), 1, &r, &heard), SPEC_OK);
    assert_int_equal(heard.n, 0);
    assert_true(r.cpu_util_total == 1.5 && r.cpu_util_user == 1 && r.cpu_util_system == 0.5);
    assert_int_equal(r.sender_has_retransmits, 1);
    assert_string_equal(r.congestion_used, "cubic");
    assert_string_equal(r.server_output_text, "text");
    assert_string_equal(r.server_output_json, "{\"start\":{}}");
    assert_int_equal(r.n_streams, 1);
    const struct results_stream *s = results_find(&r, 1);
    assert_non_null(s);
    assert_int_equal(s->bytes, 131072);
    assert_int_equal(s->retransmits, 2);
    assert_true(s->jitter == 0.25);
    assert_int_equal(s->errors, 3);
    assert_int_equal(s->omitted_errors, 1);
    assert_int_equal(s->packets, 9);
    assert_int_equal(s->omitted_packets, 4);
    assert_true(s->start_time == 0 && s->end_time == 1.5);
    assert_true(s->has_omitted && s->has_times);
    results_fini(&r);
}

/* ---- numbers ---- */

static int64_t value_of(const struct results *r, const char *key)
{
    const struct results_stream *s = &r->streams[0];
    const struct {
        const char *key;
        int64_t value;
    } all[] = {
        {"sender_has_retransmits", r->sender_has_retransmits},
        {"retransmits",            s->retransmits           },
        {"errors",                 s->errors                },
        {"packets",                s->packets               },
        {"bytes",                  s->bytes                 },
        {"id",                     s->id                    },
        {"omitted_errors",         s->omitted_errors        },
        {"omitted_packets",        s->omitted_packets       },
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].key, key) == 0)
            return all[i].value;
    fail_msg("no key %s", key);
    return 0;
}

static const struct {
    const char *name, *key, *text;
    int64_t want;
    const char *clause; /* of the remark; NULL: none */
} numbers[] = {
    {"JSON-14 -1 of 3.12",               "retransmits",            "18446744073709551615", -1,               "INT-6" },
    {"JSON-14 -1 of 3.12",               "sender_has_retransmits", "18446744073709551615", -1,               "INT-6" },
    {"JSON-14 -1 of 3.12",               "errors",                 "18446744073709551615", -1,               "INT-6" },
    {"JSON-14 -1 of 3.12",               "packets",                "18446744073709551615", -1,               "INT-6" },
    {"JSON-14 -2048 of 3.12",            "packets",                "18446744073709549568", -2048,            "INT-6" },
    {"JSON-14 lowest but 2047",          "errors",                 "9223372036854777856",  INT64_MIN + 2048, "INT-6" },
    {"JSON-14 2^63 - 1",                 "errors",                 "9223372036854775807",  INT64_MAX,        NULL    },
    {"JSON-13 above 2^64",               "errors",                 "1e20",                 INT64_MAX,        "INT-6" },
    {"JSON-14 exponent",                 "errors",                 "1.5e3",                1500,             NULL    },
    {"JSON-14 six decimals",             "packets",                "12.000000",            12,               NULL    },
    {"JSON-13 fraction",                 "packets",                "12.9",                 12,               "RES-16"},
    {"JSON-13 bytes are never negative", "bytes",                  "18446744073709551615", INT64_MAX,        NULL    },
    {"JSON-13 lowest",                   "bytes",                  "-1e30",                INT64_MIN,        "RES-11"},
    {"RES-12 no counts",                 "retransmits",            "-1",                   -1,               NULL    },
    {"RES-12 below -1",                  "retransmits",            "-2",                   -2,               "RES-12"},
    {"RES-5 receiver",                   "sender_has_retransmits", "-1",                   -1,               NULL    },
    {"RES-5 sender without counts",      "sender_has_retransmits", "0",                    0,                NULL    },
    {"RES-5 no such value",              "sender_has_retransmits", "2",                    2,                "RES-5" },
    {"RES-5 no such value",              "sender_has_retransmits", "-2",                   -2,               "RES-5" },
    {"RES-11 negative",                  "bytes",                  "-1",                   -1,               "RES-11"},
    {"RES-14 negative",                  "errors",                 "-1",                   -1,               "RES-14"},
    {"RES-29 an echo",                   "omitted_errors",         "-1",                   -1,               NULL    },
    {"RES-15 negative",                  "omitted_errors",         "-2",                   -2,               "RES-15"},
    {"RES-16 negative",                  "packets",                "-1",                   -1,               "RES-16"},
    {"RES-17 negative",                  "omitted_packets",        "-1",                   -1,               "RES-17"},
    {"JSON-14 id with exponent",         "id",                     "1e0",                  1,                NULL    },
};

static void test_results_decode_reads_numbers_in_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const char *key = numbers[i].key;
        struct results r;
        struct heard heard;
        char name[64];
        assert_int_equal(decode(message(key, numbers[i].text), 1, &r, &heard), SPEC_OK);
        snprintf(name, sizeof name, "%s%s",
                 strcmp(key, "sender_has_retransmits") == 0 ? "" : "streams[0].", key);
        if (value_of(&r, key) != numbers[i].want)
            fail_msg("%s: %" PRId64, numbers[i].name, value_of(&r, key));
        if (numbers[i].clause != NULL && !heard_has(&heard, numbers[i].clause, name))
            fail_msg("%s: no remark", numbers[i].name);
        for (size_t k = 0; numbers[i].clause == NULL && k < heard.n; k++)
            if (strcmp(heard.remark[k].clause, "JSON-13") != 0) /* too many digits */
                fail_msg("%s: %s %s", numbers[i].name, heard.remark[k].clause, heard.remark[k].key);
        results_fini(&r);
    }
}

static void test_results_decode_remarks_negative_times_and_shares(void **state)
{
    static const char *const keys[][2] = {
        {"cpu_util_total",  "RES-2" },
        {"cpu_util_user",   "RES-3" },
        {"cpu_util_system", "RES-4" },
        {"jitter",          "RES-13"},
        {"start_time",      "RES-19"},
        {"end_time",        "RES-28"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct results r;
        struct heard heard;
        assert_int_equal(decode(message(keys[i][0], "-0.5"), 1, &r, &heard), SPEC_OK);
        assert_int_equal(heard.n, 1);
        assert_string_equal(heard.remark[0].clause, keys[i][1]);
        results_fini(&r);
    }
}

/* ---- pairs, ids, limits ---- */

static void test_results_decode_takes_the_omitted_pair_or_neither(void **state) /* RES-18, RES-28 */
{
    const char *text = "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
                       "\"sender_has_retransmits\":-1,\"streams\":[{\"id\":1,\"bytes\":0,"
                       "\"retransmits\":-1,\"jitter\":0,\"errors\":7,\"packets\":0}]}";
    struct results r;
    struct heard heard;

    (void)state;
    assert_int_equal(decode(text, 1, &r, &heard), SPEC_OK);
    assert_false(r.streams[0].has_omitted);
    assert_false(r.streams[0].has_times);
    assert_int_equal(r.streams[0].errors, 7);
    assert_int_equal(heard.n, 2);
    assert_true(heard_has(&heard, "RES-18", "streams[0].omitted_errors"));
    assert_true(heard_has(&heard, "INT-5", "streams[0].end_time"));
    results_fini(&r);
}

static void test_results_decode_takes_both_times_or_none(void **state) /* RES-28 */
{
    static const char *const keys[] = {"start_time", "end_time"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct results r;
        struct heard heard;
        assert_int_equal(decode(message(keys[i], NULL), 1, &r, &heard), SPEC_OK);
        assert_false(r.streams[0].has_times);
        assert_true(r.streams[0].start_time == 0 && r.streams[0].end_time == 0);
        assert_true(heard_has(&heard, "INT-5", "streams[0].end_time"));
        results_fini(&r);
    }
}

#define REST                                                                                       \
    "\"retransmits\":0,\"jitter\":0,\"errors\":0,\"omitted_errors\":0,\"packets\":0,\"omitted_"    \
    "packets\":0,\"start_time\":0,\"end_time\":1}"
#define ENTRY(id, bytes) "{\"id\":" #id ",\"bytes\":" #bytes "," REST

static const struct {
    const char *name, *streams;
    size_t n_ids; /* of the test: the first of 1, 3, 4, 5 */
    enum spec_err want;
    size_t n_streams;
    int64_t last_bytes; /* of the last id */
    bool remarked;
} arrays[] = {
    {"RES-22 all in order", "[" ENTRY(1,         10) "," ENTRY(3,                        30) "]", 2,                                                                       SPEC_OK,2,30, false},
    {"RES-22 none",                "[]",                                   2,                                                             SPEC_OK,                                                 0,                                                                                     0,true},
    {"RES-22 none of none",                 "[]",                                    0,                                                      SPEC_OK,                                         0,                                                                            0,false                                                                                                                                                                    },
    {"RES-22 one is missing",                "[" ENTRY(3,                                   30) "]",                                                   2,                                SPEC_OK,                                                              1,30,true},
    {"RES-1 another order",                   "[" ENTRY(3,                                  30) "," ENTRY(1,                                                                        10) "]",                                                           2,                                                                                                     SPEC_OK,                                         2,                                                                                                                                                                                                                                                                                                                                        30, true},
    {"RES-22 the last of two counts",              "[" ENTRY(1,                                10) "," ENTRY(1,                                                                    11) "]",                                                                       1,                                          SPEC_OK,1,11,
     true},
    {"RES-22 unknown id",              "[" ENTRY(1,                                10) "," ENTRY(2,20) "]",4,SPEC_E_STREAM_ID,1,0, true},
    {"RES-22 one id too many","[" ENTRY(1,10) "," ENTRY(3,      30) "]",                                                                                 1,                                                                                                                                                                                 SPEC_E_STREAM_ID,              1,                          0,
     true},
    {"RES-22 id of no test",                     "[" ENTRY(1,                 10) "]",                                                0,                                                                       SPEC_E_STREAM_ID,                                                                                                                                  0,0,true},
    {"RES-9 an entry is no object",                    "[" ENTRY(1,                                       10) ",5]",                                                                             2,                                                               SPEC_E_TYPE,                                                                                                       1,0,true},
    {"RES-9 an object",                    "{}",                                      1,                                                                        SPEC_E_TYPE,                                                                               0,0,true                                                                                                                                                                                          },
    {"RES-1 unknown member",          "[{\"x\":0,\"id\":1,\"bytes\":10," REST "]",                            1,                                                                 SPEC_OK,      1,10,true},
};

static void test_results_decode_takes_the_streams_of_the_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++) {
        char text[1024];
        struct results r;
        struct heard heard;
        snprintf(text, sizeof text,
                 "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
                 "\"sender_has_retransmits\":0,\"streams\":%s}",
                 arrays[i].streams);
        enum spec_err e = decode(text, arrays[i].n_ids, &r, &heard);
        if (e != arrays[i].want || r.n_streams != arrays[i].n_streams ||
            (heard.n > 0) != arrays[i].remarked)
            fail_msg("%s: %s, %zu streams, %zu remarks", arrays[i].name, spec_err_text(e),
                     r.n_streams, heard.n);
        if (e == SPEC_OK && r.n_streams > 0) {
            const struct results_stream *last = results_find(&r, four[arrays[i].n_ids - 1]);
            if (last == NULL || last->bytes != arrays[i].last_bytes)
                fail_msg("%s: not the last bytes", arrays[i].name);
        }
        results_fini(&r);
    }
}

static void test_results_decode_names_the_entry_in_a_remark(void **state)
{
    struct results r;
    struct heard heard;

    (void)state;
    assert_int_equal(
        decode("{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
               "\"sender_has_retransmits\":0,\"streams\":[" ENTRY(1, 10) ",{\"id\":3," REST "]}",
               2, &r, &heard),
        SPEC_E_MISSING);
    assert_int_equal(heard.n, 1);
    assert_string_equal(heard.remark[0].clause, "RES-11");
    assert_string_equal(heard.remark[0].key, "streams[1].bytes");
    assert_string_equal(heard.remark[0].found, "nothing");
    results_fini(&r);
}

static void test_results_decode_bounds_the_number_of_streams(void **state)
{
    char *text = malloc((RESULTS_STREAMS_LIMIT + 1) * 256 + 512);

    (void)state;
    assert_non_null(text);
    for (int n = RESULTS_STREAMS_LIMIT; n <= RESULTS_STREAMS_LIMIT + 1; n++) {
        struct results r;
        int len = sprintf(text, "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
                                "\"sender_has_retransmits\":0,\"streams\":[");
        for (int i = 0; i < n; i++)
            len +=
                sprintf(text + len, "%s{\"id\":%d,\"bytes\":%d," REST, i > 0 ? "," : "", i + 1, i);
        strcpy(text + len, "]}");
        bool fits = n <= RESULTS_STREAMS_LIMIT;
        assert_int_equal(results_decode(text_bytes(text), NULL, 0, &r, NULL),
                         fits ? SPEC_OK : SPEC_E_RANGE);
        assert_int_equal(r.n_streams, fits ? n : 0);
        results_fini(&r);
    }
    free(text);
}

static void test_results_decode_of_another_text_says_why(void **state)
{
    static const struct {
        const char *text;
        enum spec_err want;
    } rows[] = {
        {"",   SPEC_E_JSON   },
        {"{",  SPEC_E_JSON   },
        {"x",  SPEC_E_JSON   },
        {"{}", SPEC_E_MISSING},
        {"[]", SPEC_E_MISSING},
        {"7",  SPEC_E_MISSING}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct results r;
        struct heard heard;
        assert_int_equal(decode(rows[i].text, 1, &r, &heard), rows[i].want);
        assert_true(heard.n > 0);
        results_fini(&r);
        assert_int_equal(results_decode(text_bytes(rows[i].text), NULL, 0, &r, NULL), rows[i].want);
        results_fini(&r);
    }
}

/* ---- writing ---- */

static char *encode(const struct results *r)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    results_encode(r, &w);
    return jwrite_take(&w);
}

static void test_results_encode_writes_what_decode_reads(void **state)
{
    struct results r;
    struct heard heard;

    (void)state;
    assert_int_equal(decode(message("", NULL), 1, &r, &heard), SPEC_OK);
    char *text = encode(&r);
    assert_string_equal(text, message("", NULL));
    free(text);
    results_fini(&r);
}

static void test_results_encode_writes_all_that_INT_5_asks_for(void **state)
{
    struct results r;

    (void)state;
    results_init(&r);
    assert_int_equal(results_set_streams(&r, 2), SPEC_OK);
    r.sender_has_retransmits = -1;
    r.streams[0] = (struct results_stream){.id = 1, .bytes = INT64_MAX, .retransmits = -1};
    r.streams[1] = (struct results_stream){.id = 3, .bytes = INT64_MIN, .end_time = 10.000123};
    char *text = encode(&r);
    assert_string_equal(text,
                        "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
                        "\"sender_has_retransmits\":-1,\"streams\":["
                        "{\"id\":1,\"bytes\":9223372036854775807,\"retransmits\":-1,\"jitter\":0,"
                        "\"errors\":0,\"omitted_errors\":0,\"packets\":0,\"omitted_packets\":0,"
                        "\"start_time\":0,\"end_time\":0},"
                        "{\"id\":3,\"bytes\":-9223372036854775808,\"retransmits\":0,\"jitter\":0,"
                        "\"errors\":0,\"omitted_errors\":0,\"packets\":0,\"omitted_packets\":0,"
                        "\"start_time\":0,\"end_time\":10.000123}]}");
    free(text);
    results_fini(&r);
}

static void test_results_keys_are_those_of_section_5(void **state)
{
    size_t n = 0;

    (void)state;
    for (size_t i = 0; results_keys[i] != NULL && strcmp(results_keys[i], "streams") != 0; i++)
        assert_string_equal(results_keys[i], members[n++].key);
    for (size_t i = 0; results_stream_keys[i] != NULL; i++)
        assert_string_equal(results_stream_keys[i], members[n++].key);
    assert_int_equal(n, ARRAY_LEN(members));
}

static void test_results_streams_can_be_set_anew_and_found(void **state)
{
    struct results r;

    (void)state;
    results_init(&r);
    assert_null(results_find(&r, 1));
    assert_int_equal(results_set_streams(&r, 2), SPEC_OK);
    r.streams[1].id = 3;
    assert_ptr_equal(results_find(&r, 3), &r.streams[1]);
    assert_null(results_find(&r, 1));
    assert_int_equal(results_set_streams(&r, 1), SPEC_OK);
    assert_int_equal(r.streams[0].id, 0);
    assert_int_equal(results_set_streams(&r, 0), SPEC_OK);
    assert_null(r.streams);
    alloc_fail_at(1);
    assert_int_equal(results_set_streams(&r, 1), SPEC_E_NOMEM);
    alloc_fail_at(0);
    results_fini(&r);
    results_fini(&r); /* harmless */
}

static void test_results_survive_any_allocation_that_fails(void **state)
{
    unsigned n = 0;

    (void)state;
    for (bool failed = true; failed; failed = alloc_failed()) {
        const char *text = message("", NULL);
        struct results r;
        struct heard heard;
        alloc_fail_at(++n);
        enum spec_err e = decode(text, 1, &r, &heard);
        if (e == SPEC_OK) {
            struct jwrite w;
            struct bytes out;
            jwrite_init(&w, JWRITE_COMPACT);
            results_encode(&r, &w);
            e = jwrite_finish(&w, &out);
            jwrite_fini(&w);
        }
        results_fini(&r);
        assert_int_equal(e, alloc_failed() ? SPEC_E_NOMEM : SPEC_OK);
    }
    alloc_fail_at(0);
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_decode_refuses_what_a_3_22_server_refuses),
        cmocka_unit_test(test_results_of_every_recorded_session_are_read),
        cmocka_unit_test(test_results_decode_wants_the_required_keys),
        cmocka_unit_test(test_results_decode_takes_each_key_of_its_type_and_no_other),
        cmocka_unit_test(test_results_decode_reads_every_key),
        cmocka_unit_test(test_results_decode_reads_numbers_in_every_form),
        cmocka_unit_test(test_results_decode_remarks_negative_times_and_shares),
        cmocka_unit_test(test_results_decode_takes_the_omitted_pair_or_neither),
        cmocka_unit_test(test_results_decode_takes_both_times_or_none),
        cmocka_unit_test(test_results_decode_takes_the_streams_of_the_test),
        cmocka_unit_test(test_results_decode_names_the_entry_in_a_remark),
        cmocka_unit_test(test_results_decode_bounds_the_number_of_streams),
        cmocka_unit_test(test_results_decode_of_another_text_says_why),
        cmocka_unit_test(test_results_encode_writes_what_decode_reads),
        cmocka_unit_test(test_results_encode_writes_all_that_INT_5_asks_for),
        cmocka_unit_test(test_results_keys_are_those_of_section_5),
        cmocka_unit_test(test_results_streams_can_be_set_anew_and_found),
        cmocka_unit_test(test_results_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
