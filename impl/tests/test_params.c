#include "impl/tests/alloc.h"
#include "impl/tests/heard.h"
#include "impl/tests/rows.h"
#include "impl/wire/ierr.h"
#include "impl/wire/params.h"

#include <inttypes.h>

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static enum spec_err decode(const char *text, struct params *p, struct heard *heard)
{
    heard_init(heard);
    return params_decode(text_bytes(text), p, &heard->to);
}

/* p as text, for comparison; the caller's to free(). */
static char *encode(const struct params *p)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    params_encode(p, &w);
    return jwrite_take(&w);
}

/* Number of a member, also of a flag. */
static int64_t number_of(const struct params *p, enum param_key key)
{
    switch (key) {
#define VALUE_FLAG(name)   return p->name;
#define VALUE_NUMBER(name) return p->name;
#define VALUE_STRING(name) return p->name != NULL;
#define X(kind, name)                                                                              \
    case PARAM_##name:                                                                             \
        VALUE_##kind(name)
        PARAM_KEYS(X)
#undef X
    default:
        return 0;
    }
}

/* ---- recorded from stock ---- */

/* options, parameters: what a 3.22 client sent for these options */
static void check_stock_client(char *const column[])
{
    struct params p;
    struct heard heard;

    if (column[1][0] != '{')
        return; /* it refused the options */
    assert_int_equal(decode(column[1], &p, &heard), SPEC_OK);
    if (heard.n > 0)
        fail_msg("%s: %s %s: %s", column[0], heard.remark[0].clause, heard.remark[0].key,
                 heard.remark[0].found);
    char *again = encode(&p);
    assert_string_equal(again, column[1]);
    free(again);
    params_fini(&p);
}

static void test_params_of_every_stock_client_pass_unremarked_and_come_out_the_same(void **state)
{
    (void)state;
    assert_true(rows_each("impl/tests/vectors/params-3.22.tsv", "", check_stock_client) > 100);
}

static struct params_limits limits_of(const char *options)
{
    return (struct params_limits){
        .max_duration_s = strstr(options, "--server-max-duration 20") != NULL ? 20 : 0,
        .max_bitrate_bps = strstr(options, "--server-bitrate-limit 10M") != NULL ? 10000000 : 0,
        .file_given = strstr(options, "-F") != NULL,
        .no_sctp = true, /* as on the machine where it was recorded */
    };
}

/* "params", server options, parameters, number: what a 3.22 server answered */
static void check_refusal(char *const column[])
{
    const struct params_limits limits = limits_of(column[1]);
    struct params p;
    struct heard heard;

    assert_int_equal(decode(column[2], &p, &heard), SPEC_OK);
    heard_init(&heard);
    int got = params_check(&p, &limits, &heard.to);
    if (got != atoi(column[3]))
        fail_msg("%s %s: %d, recorded %s", column[1], column[2], got, column[3]);
    if ((got != 0) != (heard.n > 0))
        fail_msg("%s: %d with %zu remarks", column[2], got, heard.n);
    params_fini(&p);
}

static void test_params_check_refuses_what_a_3_22_server_refuses(void **state)
{
    (void)state;
    assert_true(rows_each("impl/tests/vectors/refusals-3.22.tsv", "params", check_refusal) > 150);
}

/* ---- every key ---- */

static const struct {
    const char *text;
    int kind; /* enum params_kind, or -1 */
} values[] = {
    {"null",      -1           },
    {"true",      PARAMS_FLAG  },
    {"7",         PARAMS_NUMBER},
    {"\"x\"",     PARAMS_STRING},
    {"[1]",       -1           },
    {"{\"a\":1}", -1           },
};

static void test_params_decode_takes_each_key_of_its_type_and_no_other(void **state) /* JSON-12 */
{
    (void)state;
    for (enum param_key key = 0; key < PARAM_N_KEYS; key++) {
        const struct params_row *row = params_row(key);
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            bool right = values[v].kind == (int)row->kind;
            char text[64];
            struct params p;
            struct heard heard;
            snprintf(text, sizeof text, "{\"%s\":%s}", row->key, values[v].text);
            assert_int_equal(decode(text, &p, &heard), SPEC_OK);
            assert_int_equal(p.present, right ? UINT64_C(1) << key : 0);
            if (!right && row->kind != PARAMS_STRING)
                assert_int_equal(number_of(&p, key), row->server_default);
            if (right && row->kind != PARAMS_NUMBER)
                assert_int_equal(number_of(&p, key), 1);
            if (!right)
                assert_true(heard_has(&heard, row->clause, row->key));
            params_fini(&p);
        }
    }
}

static void test_params_decode_gives_the_server_default_for_each_missing_key(void **state)
{
    static const char *const texts[] = {"{}", "[]", "null", "7", "\"x\"", "{\"unknown\":1}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct params p;
        assert_int_equal(params_decode(text_bytes(texts[i]), &p, NULL), SPEC_OK);
        assert_int_equal(p.present, 0);
        for (enum param_key key = 0; key < PARAM_N_KEYS; key++)
            assert_int_equal(number_of(&p, key), params_row(key)->server_default);
        params_fini(&p);
    }
}

static void test_params_defaults_are_those_of_section_4(void **state)
{
    struct params p;

    (void)state;
    params_init(&p);
    assert_int_equal(p.time, 10);
    assert_int_equal(p.parallel, 1);
    assert_int_equal(p.len, 131072);
    assert_int_equal(p.pacing_timer, 1000);
    assert_int_equal(p.gso_bf_size, 65507);
    assert_int_equal(p.gro_bf_size, 65507);
    assert_int_equal(p.server_affinity, -1);
    assert_int_equal(p.omit + p.num + p.blockcount + p.bandwidth + p.burst + p.TOS, 0);
    assert_null(p.title);
    params_fini(&p);
}

/* Whether a number draws a remark about its range. */
static bool is_remarked(const struct params_row *row, int64_t value)
{
    char text[64];
    struct params p;
    struct heard heard;

    snprintf(text, sizeof text, "{\"%s\":%" PRId64 "}", row->key, value);
    assert_int_equal(decode(text, &p, &heard), SPEC_OK);
    params_fini(&p);
    return heard_has(&heard, row->clause, row->key);
}

static void test_params_decode_remarks_each_number_out_of_its_range(void **state)
{
    (void)state;
    for (enum param_key key = 0; key < PARAM_N_KEYS; key++) {
        const struct params_row *row = params_row(key);
        if (row->kind != PARAMS_NUMBER)
            continue;
        assert_false(is_remarked(row, row->min));
        assert_false(is_remarked(row, row->max));
        assert_true(is_remarked(row, row->min - 1));
        assert_true(is_remarked(row, INT64_MIN));
        if (row->max < INT64_MAX)
            assert_true(is_remarked(row, row->max + 1));
    }
}

static void test_params_rows_agree_with_the_list_of_keys(void **state)
{
    static const enum params_kind kinds[] = {
#define KIND_FLAG     PARAMS_FLAG
#define KIND_NUMBER   PARAMS_NUMBER
#define KIND_STRING   PARAMS_STRING
#define X(kind, name) KIND_##kind,
        PARAM_KEYS(X)
#undef X
    };

    (void)state;
    for (enum param_key key = 0; key < PARAM_N_KEYS; key++) {
        const struct params_row *row = params_row(key);
        assert_int_equal(row->kind, kinds[key]);
        assert_string_equal(row->key, params_key_name(key));
        assert_int_equal(params_key_find(row->key), key);
        assert_memory_equal(row->clause, "PARAM-", 6);
        assert_memory_equal(row->since, "3.", 2);
    }
    assert_int_equal(params_key_find("Time"), -1);
    assert_int_equal(params_key_find(""), -1);
    assert_int_equal(params_row(PARAM_title)->max, 8192 - (int)strlen("{\"title\":\"\"}"));
}

/* ---- single members and what they mean ---- */

static const struct {
    const char *name, *text;
    enum param_key key;
    int64_t want;
    const char *clause, *about; /* of a remark that is made; NULL: any or none */
} members[] = {
    {"PARAM-38 0 counts",           "{\"get_server_output\":0}",                 PARAM_get_server_output,  1,         "PARAM-38",
     "get_server_output"                                                                                                                               },
    {"PARAM-39 0 counts",           "{\"udp_counters_64bit\":0}",                PARAM_udp_counters_64bit, 1,         "PARAM-39",
     "udp_counters_64bit"                                                                                                                              },
    {"PARAM-40 any value counts",   "{\"repeating_payload\":-9}",                PARAM_repeating_payload,  1,
     "PARAM-40",                                                                                                                    "repeating_payload"},
    {"PARAM-41 0 is off",           "{\"zerocopy\":0}",                          PARAM_zerocopy,           0,         "PARAM-41",   "zerocopy"         },
    {"PARAM-41 not 0 is 1",         "{\"zerocopy\":-5}",                         PARAM_zerocopy,           1,         "PARAM-41",   "zerocopy"         },
    {"PARAM-42 not 0 is 1",         "{\"dont_fragment\":2}",                     PARAM_dont_fragment,      1,         "PARAM-42",
     "dont_fragment"                                                                                                                                   },
    {"PARAM-44 not 0 is 1",         "{\"skip_rx_copy\":9}",                      PARAM_skip_rx_copy,       1,         "PARAM-44",
     "skip_rx_copy"                                                                                                                                    },
    {"PARAM-44 a type is a type",   "{\"skip_rx_copy\":true}",                   PARAM_skip_rx_copy,       0,         "PARAM-44",
     "skip_rx_copy"                                                                                                                                    },
    {"JSON-12 false is set",        "{\"reverse\":false}",                       PARAM_reverse,            1,         "JSON-12.n",  "reverse"          },
    {"JSON-12 false selects UDP",   "{\"udp\":false}",                           PARAM_udp,                1,         "JSON-12.n",  "udp"              },
    {"JSON-13 2^64",                "{\"num\":18446744073709551616}",            PARAM_num,                INT64_MAX, "JSON-13",    ""                 },
    {"JSON-13 2^63 - 1",            "{\"num\":9223372036854775807}",             PARAM_num,                INT64_MAX, NULL,         NULL               },
    {"JSON-13 -2^70",               "{\"num\":-1e21}",                           PARAM_num,                INT64_MIN, "PARAM-10",   "num"              },
    {"JSON-14 exponent",            "{\"time\":1e1}",                            PARAM_time,               10,        NULL,         NULL               },
    {"JSON-13 fraction is cut off", "{\"time\":7.9}",                            PARAM_time,               7,         "PARAM-9",    "time"             },
    {"JSON-4 first of duplicates",  "{\"time\":1,\"time\":2}",                   PARAM_time,               1,         "JSON-4",     ""                 },
    {"JSON-4 another case",         "{\"Time\":3}",                              PARAM_time,               3,         "JSON-4.n",   ""                 },
    {"JSON-3 trailing bytes",       "{\"time\":4}xxxxx",                         PARAM_time,               4,         "JSON-2",     ""                 },
    {"JSON-3 white space",          " {\n\t\"time\" : 5 }\r",                    PARAM_time,               5,         NULL,         NULL               },
    {"JSON-5 no object",            "[1]",                                       PARAM_time,               10,        "PARAM-1",    ""                 },
    {"PARAM-2 unknown member",      "{\"speed\":1}",                             PARAM_time,               10,        "PARAM-1",    "speed"            },
    {"PARAM-29 none of three",      "{}",                                        PARAM_tcp,                0,         "PARAM-29",   ""                 },
    {"PARAM-29 two of three",       "{\"tcp\":true,\"udp\":true}",               PARAM_udp,                1,         "PARAM-29",   ""                 },
    {"PARAM-16 with reverse",       "{\"bidirectional\":true,\"reverse\":true}", PARAM_reverse,            1,
     "PARAM-16",                                                                                                                    "bidirectional"    },
    {"PARAM-31 UDP without len",    "{\"udp\":true}",                            PARAM_len,                131072,    "PARAM-31.n", "len"              },
    {"UDP-3 len too short",         "{\"udp\":true,\"len\":15}",                 PARAM_len,                15,        "UDP-3",      "len"              },
    {"UDP-3 len too long",          "{\"udp\":true,\"len\":65508}",              PARAM_len,                65508,     "UDP-3",      "len"              },
};

static void test_params_decode_reads_a_member_as_the_clause_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct params p;
        struct heard heard;
        assert_int_equal(decode(members[i].text, &p, &heard), SPEC_OK);
        if (number_of(&p, members[i].key) != members[i].want)
            fail_msg("%s: %" PRId64, members[i].name, number_of(&p, members[i].key));
        if (members[i].clause != NULL && !heard_has(&heard, members[i].clause, members[i].about))
            fail_msg("%s: no remark", members[i].name);
        params_fini(&p);
    }
}

static void test_params_decode_of_udp_len_in_range_is_not_remarked(void **state)
{
    static const char *const texts[] = {"{\"udp\":true,\"len\":16}",
                                        "{\"udp\":true,\"len\":65507}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct params p;
        struct heard heard;
        assert_int_equal(decode(texts[i], &p, &heard), SPEC_OK);
        assert_int_equal(heard.n, 0);
        params_fini(&p);
    }
}

static void test_params_decode_says_where_a_flaw_is(void **state)
{
    struct params p;
    struct heard heard;

    (void)state;
    assert_int_equal(decode("{\"tcp\":true}]", &p, &heard), SPEC_OK);
    assert_int_equal(heard.n, 1);
    assert_string_equal(heard.remark[0].clause, "JSON-2");
    assert_int_equal(heard.remark[0].offset, 12);
    params_fini(&p);
}

static void test_params_decode_remarks_a_message_above_8192_bytes(void **state) /* PARAM-50 */
{
    char text[8300];

    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct params p;
        struct heard heard;
        snprintf(text, sizeof text, "{\"tcp\":true,\"title\":\"%0*d\"}",
                 8192 - (int)strlen("{\"tcp\":true,\"title\":\"\"}") + over, 0);
        assert_int_equal(decode(text, &p, &heard), SPEC_OK);
        assert_int_equal(heard_has(&heard, "PARAM-50", ""), over);
        params_fini(&p);
    }
}

static void test_params_decode_refuses_what_is_no_json(void **state)
{
    static const char *const texts[] = {"",    " ",      "{", "{\"time\":}", "{\"time\":1,}",
                                        "tcp", "{'a':1}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct params p;
        struct heard heard;
        assert_int_equal(decode(texts[i], &p, &heard), SPEC_E_JSON);
        assert_true(heard.n > 0);
        assert_int_equal(p.time, 10);
        params_fini(&p);
        assert_int_equal(params_decode(text_bytes(texts[i]), &p, NULL), SPEC_E_JSON);
        params_fini(&p);
    }
}

/* ---- what follows from the parameters ---- */

static const struct {
    const char *name, *text;
    enum params_protocol protocol;
    int64_t n_streams, time_limit;
    const char *client_sends; /* one y or n per stream, from the first */
} tests[] = {
    {"PARAM-29 nothing is TCP",          "{}",                                         PARAMS_TCP,  1,         10, "y"  },
    {"PARAM-5 udp over tcp",             "{\"tcp\":true,\"udp\":true}",                PARAMS_UDP,  1,         10, "y"  },
    {"PARAM-6 sctp over both",           "{\"tcp\":true,\"udp\":true,\"sctp\":true}",  PARAMS_SCTP, 1,         10,
     "y"                                                                                                                },
    {"STR-1 parallel",                   "{\"parallel\":3}",                           PARAMS_TCP,  3,         10, "yyy"},
    {"PARAM-15 reverse",                 "{\"parallel\":2,\"reverse\":true}",          PARAMS_TCP,  2,         10, "nn" },
    {"STR-3 bidir, client first",        "{\"parallel\":2,\"bidirectional\":true}",    PARAMS_TCP,  4,         10,
     "yynn"                                                                                                             },
    {"PARAM-16 bidir over reverse",      "{\"reverse\":true,\"bidirectional\":true}",  PARAMS_TCP,  2,         10,
     "yn"                                                                                                               },
    {"PARAM-14 negative",                "{\"parallel\":-3}",                          PARAMS_TCP,  0,         10, ""   },
    {"PARAM-14 huge",                    "{\"parallel\":1e30}",                        PARAMS_TCP,  INT64_MAX, 10, "y"  },
    {"PARAM-14 huge, both directions",   "{\"parallel\":1e30,\"bidirectional\":true}", PARAMS_TCP,
     INT64_MAX,                                                                                                10, "y"  },
    {"PARAM-47 time",                    "{\"time\":25}",                              PARAMS_TCP,  1,         25, "y"  },
    {"PARAM-47 time 0",                  "{\"time\":0}",                               PARAMS_TCP,  1,         0,  "y"  },
    {"PARAM-47 negative time",           "{\"time\":-1}",                              PARAMS_TCP,  1,         0,  "y"  },
    {"INT-2 num instead of time",        "{\"num\":1}",                                PARAMS_TCP,  1,         0,  "y"  },
    {"INT-2 blockcount instead of time", "{\"blockcount\":1}",                         PARAMS_TCP,  1,         0,  "y"  },
    {"INT-2 num 0 is no number",         "{\"num\":0,\"blockcount\":0}",               PARAMS_TCP,  1,         10, "y"  },
    {"PARAM-47 time beside num",         "{\"time\":5,\"num\":1}",                     PARAMS_TCP,  1,         5,  "y"  },
};

static void test_params_say_what_test_they_ask_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        struct params p;
        assert_int_equal(params_decode(text_bytes(tests[i].text), &p, NULL), SPEC_OK);
        if (params_protocol(&p) != tests[i].protocol ||
            params_n_streams(&p) != tests[i].n_streams ||
            params_time_limit(&p) != tests[i].time_limit)
            fail_msg("%s", tests[i].name);
        for (unsigned k = 0; tests[i].client_sends[k] != '\0'; k++)
            if (params_client_sends(&p, k) != (tests[i].client_sends[k] == 'y'))
                fail_msg("%s: stream %u", tests[i].name, k);
        params_fini(&p);
    }
}

/* ---- checks that no recording shows ---- */

static const struct {
    const char *name, *text;
    struct params_limits limits;
    int want;
} checks[] = {
    {"PARAM-6 SCTP where there is some",  "{\"sctp\":true}",               {0},                             0},
    {"SCTP-5 the earlier refusal stands",
     "{\"sctp\":true,\"burst\":0}",                                        {.no_sctp = true},
     IEBURST                                                                                                 },
    {"PARAM-17 MPTCP falls back",         "{\"tcp\":true,\"mptcp\":true}", {0},                             0},
 /* Stock's product is 128 there: it lets this pass. */
    {"TMO-10 product beyond 2^64",
     "{\"bandwidth\":144115188075855873,\"parallel\":128}",                {.max_bitrate_bps = 10000000},
     IETOTALRATE                                                                                             },
    {"TMO-10 highest limit",              "{\"bandwidth\":1e30}",          {.max_bitrate_bps = UINT64_MAX}, 0},
    {"TMO-10 highest limit, twice",
     "{\"bandwidth\":1e30,\"parallel\":3}",                                {.max_bitrate_bps = UINT64_MAX},
     IETOTALRATE                                                                                             },
    {"TMO-9 highest limit",               "{\"time\":86400,\"omit\":600}", {.max_duration_s = INT64_MAX},   0},
};

static void test_params_check_keeps_the_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct params p;
        assert_int_equal(params_decode(text_bytes(checks[i].text), &p, NULL), SPEC_OK);
        int got = params_check(&p, &checks[i].limits, NULL);
        if (got != checks[i].want)
            fail_msg("%s: %d", checks[i].name, got);
        params_fini(&p);
    }
}

static void test_params_check_remarks_each_failure_and_changes_nothing(void **state)
{
    const struct params_limits limits = {20, 1, true, true};
    struct params p;
    struct heard heard;

    (void)state;
    assert_int_equal(
        decode("{\"udp\":true,\"omit\":-1,\"time\":30,\"bandwidth\":5,\"burst\":0,\"gso\":-1}", &p,
               &heard),
        SPEC_OK);
    struct params before = p;
    heard_init(&heard);
    assert_int_equal(params_check(&p, &limits, &heard.to), IETOTALRATE);
    assert_memory_equal(&p, &before, sizeof p);
    assert_int_equal(heard.n, 6);
    assert_true(heard_has(&heard, "PARAM-5.r", "udp"));
    assert_true(heard_has(&heard, "PARAM-7", "omit"));
    assert_string_equal(heard.remark[1].expected, "0 to 600");
    assert_true(heard_has(&heard, "PARAM-24", "gso"));
    assert_string_equal(heard.remark[2].expected, "at least 0");
    assert_true(heard_has(&heard, "PARAM-23", "burst"));
    assert_true(heard_has(&heard, "TMO-9", "time"));
    assert_true(heard_has(&heard, "TMO-10", "bandwidth"));
    params_fini(&p);
}

/* ---- writing and copying ---- */

/* Every key at once, in the order of the wire. */
static const char everything[] =
    "{\"tcp\":true,\"udp\":true,\"sctp\":true,\"omit\":1,\"server_affinity\":2,\"time\":3,"
    "\"num\":4,\"blockcount\":5,\"MSS\":6,\"nodelay\":true,\"parallel\":7,\"reverse\":true,"
    "\"bidirectional\":true,\"mptcp\":true,\"window\":8,\"len\":9,\"bandwidth\":10,\"fqrate\":11,"
    "\"pacing_timer\":12,\"burst\":13,\"gso\":1,\"gso_dg_size\":14,\"gso_bf_size\":15,\"gro\":1,"
    "\"gro_bf_size\":16,\"TOS\":17,\"flowlabel\":18,\"title\":\"a "
    "\\\"title\\\"\",\"extra_data\":\"b\","
    "\"congestion\":\"c\",\"congestion_used\":\"d\",\"get_server_output\":1,"
    "\"udp_counters_64bit\":1,\"repeating_payload\":1,\"zerocopy\":1,\"dont_fragment\":1,"
    "\"authtoken\":\"e\",\"skip_rx_copy\":1,\"client_version\":\"3.22\",\"no_fq_socket_pacing\":1}";

static void test_params_encode_writes_every_key_that_decode_reads(void **state)
{
    struct params p;

    (void)state;
    assert_int_equal(params_decode(text_bytes(everything), &p, NULL), SPEC_OK);
    assert_int_equal(p.present, (UINT64_C(1) << PARAM_N_KEYS) - 1);
    char *text = encode(&p);
    assert_string_equal(text, everything);
    free(text);
    params_fini(&p);
}

static void test_params_encode_keeps_all_digits_and_never_writes_false(void **state)
{
    struct params p;

    (void)state;
    params_init(&p);
    p.num = INT64_MAX;
    params_mark(&p, PARAM_num);
    params_mark(&p, PARAM_reverse);
    char *text = encode(&p);
    assert_string_equal(text, "{\"num\":9223372036854775807}");
    free(text);
    params_fini(&p);
}

static void test_params_copy_is_deep(void **state)
{
    struct params p, copy;

    (void)state;
    assert_int_equal(params_decode(text_bytes(everything), &p, NULL), SPEC_OK);
    assert_int_equal(params_copy(&copy, &p), SPEC_OK);
    assert_int_equal(params_set_text(&p, PARAM_title, "another"), SPEC_OK);
    params_fini(&p);
    char *text = encode(&copy);
    assert_string_equal(text, everything);
    free(text);
    params_fini(&copy);
    params_fini(&copy); /* harmless */
    params_init(&p);
    assert_int_equal(params_copy(&copy, &p), SPEC_OK); /* without any string */
    assert_null(copy.title);
    params_fini(&copy);
}

static void test_params_survive_any_allocation_that_fails(void **state)
{
    unsigned n = 0;

    (void)state;
    for (bool failed = true; failed; failed = alloc_failed()) {
        struct params p, copy;
        struct heard heard;
        struct jwrite w;
        struct bytes text;
        alloc_fail_at(++n);
        enum spec_err e = decode(everything, &p, &heard);
        if (e == SPEC_OK) {
            e = params_copy(&copy, &p);
            if (e == SPEC_OK) {
                jwrite_init(&w, JWRITE_COMPACT);
                params_encode(&copy, &w);
                e = jwrite_finish(&w, &text);
                jwrite_fini(&w);
                params_fini(&copy);
            }
        }
        params_fini(&p);
        assert_int_equal(e, alloc_failed() ? SPEC_E_NOMEM : SPEC_OK);
    }
    alloc_fail_at(0);
    assert_true(n > 50);
}

static void test_params_decode_says_so_if_no_memory_is_left_to_look_for_duplicates(void **state)
{
    char text[4096] = "{\"tcp\":true";
    struct params p;
    struct heard heard;
    unsigned n = 0;

    (void)state;
    for (int i = 0; i < 300; i++)
        sprintf(text + strlen(text), ",\"%d\":0", i);
    strcat(text, "}");
    for (bool failed = true; failed; failed = alloc_failed()) {
        alloc_fail_at(++n);
        enum spec_err e = decode(text, &p, &heard);
        assert_int_equal(e, alloc_failed() ? SPEC_E_NOMEM : SPEC_OK);
        params_fini(&p);
    }
    alloc_fail_at(0);
    assert_int_equal(heard.n, 300); /* unknown members */
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_params_of_every_stock_client_pass_unremarked_and_come_out_the_same),
        cmocka_unit_test(test_params_check_refuses_what_a_3_22_server_refuses),
        cmocka_unit_test(test_params_decode_takes_each_key_of_its_type_and_no_other),
        cmocka_unit_test(test_params_decode_gives_the_server_default_for_each_missing_key),
        cmocka_unit_test(test_params_defaults_are_those_of_section_4),
        cmocka_unit_test(test_params_decode_remarks_each_number_out_of_its_range),
        cmocka_unit_test(test_params_rows_agree_with_the_list_of_keys),
        cmocka_unit_test(test_params_decode_reads_a_member_as_the_clause_says),
        cmocka_unit_test(test_params_decode_of_udp_len_in_range_is_not_remarked),
        cmocka_unit_test(test_params_decode_says_where_a_flaw_is),
        cmocka_unit_test(test_params_decode_remarks_a_message_above_8192_bytes),
        cmocka_unit_test(test_params_decode_refuses_what_is_no_json),
        cmocka_unit_test(test_params_say_what_test_they_ask_for),
        cmocka_unit_test(test_params_check_keeps_the_limits),
        cmocka_unit_test(test_params_check_remarks_each_failure_and_changes_nothing),
        cmocka_unit_test(test_params_encode_writes_every_key_that_decode_reads),
        cmocka_unit_test(test_params_encode_keeps_all_digits_and_never_writes_false),
        cmocka_unit_test(test_params_copy_is_deep),
        cmocka_unit_test(test_params_survive_any_allocation_that_fails),
        cmocka_unit_test(test_params_decode_says_so_if_no_memory_is_left_to_look_for_duplicates),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
