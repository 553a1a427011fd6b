#include "impl/units.h"

#include "impl/tests/unit.h"

/* The numbers of stock 3.22, as its parameters show them (impl/tests/vectors/params-3.22.tsv), and
 * those where it loses digits or wraps. */
static const struct parsed {
    const char *name, *text;
    enum spec_err err;
    uint64_t count, rate;
} parsed[] = {
    {"plain",                     "10",                  SPEC_OK,      10,                      10                     },
    {"K",                         "10K",                 SPEC_OK,      10240,                   10000                  },
    {"small k",                   "10k",                 SPEC_OK,      10240,                   10000                  },
    {"M",                         "3M",                  SPEC_OK,      3145728,                 3000000                },
    {"G",                         "2G",                  SPEC_OK,      UINT64_C(2147483648),    2000000000             },
    {"T",                         "2T",                  SPEC_OK,      UINT64_C(2199023255552), UINT64_C(2000000000000)},
    {"fraction",                  "1.5K",                SPEC_OK,      1536,                    1500                   },
    {"fraction cut",              "1.9",                 SPEC_OK,      1,                       1                      },
    {"only a fraction",           ".5K",                 SPEC_OK,      512,                     500                    },
    {"exponent",                  "1e3",                 SPEC_OK,      1000,                    1000                   },
    {"hexadecimal",               "0x10",                SPEC_OK,      16,                      16                     },
    {"sign",                      "+5",                  SPEC_OK,      5,                       5                      },
    {"more behind the letter",    "100Mbps",             SPEC_OK,      104857600,               100000000              },
    {"beyond 2^53",               "9007199254740993",    SPEC_OK,      9007199254740993,        9007199254740993       },
    {"largest",                   "9223372036854775807", SPEC_OK,      INT64_MAX,               INT64_MAX              },
    {"too large",                 "9223372036854775808", SPEC_E_USAGE, 0,                       0                      },
    {"too large with its letter", "9999999999999G",      SPEC_E_USAGE, 0,                       0                      },
    {"too large a fraction",      "9999999999999.5T",    SPEC_E_USAGE, 0,                       0                      },
    {"empty",                     "",                    SPEC_E_USAGE, 0,                       0                      },
    {"no number",                 "K",                   SPEC_E_USAGE, 0,                       0                      },
    {"no such letter",            "5b",                  SPEC_E_USAGE, 0,                       0                      },
    {"peta",                      "5P",                  SPEC_E_USAGE, 0,                       0                      },
    {"negative",                  "-5",                  SPEC_E_USAGE, 0,                       0                      },
    {"infinite",                  "inf",                 SPEC_E_USAGE, 0,                       0                      },
    {"not a number",              "nan",                 SPEC_E_USAGE, 0,                       0                      },
};

static void test_units_parse_count_and_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed); i++) {
        const struct parsed *row = &parsed[i];
        uint64_t count = 0, rate = 0;
        enum spec_err c = units_parse_count(row->text, &count),
                      r = units_parse_rate(row->text, &rate);

        if (c != row->err || r != row->err || count != row->count || rate != row->rate)
            fail_msg("%s: %d %d %ju %ju", row->name, c, r, (uintmax_t)count, (uintmax_t)rate);
    }
}

static void test_units_parse_int_takes_nothing_but_a_number_in_range(void **state)
{
    int64_t value = 7;

    (void)state;
    assert_int_equal(units_parse_int("-3", -3, 3, &value), SPEC_OK);
    assert_int_equal(value, -3);
    assert_int_equal(units_parse_int("-4", -3, 3, &value), SPEC_E_USAGE);
    assert_int_equal(units_parse_int("4", -3, 3, &value), SPEC_E_USAGE);
    assert_int_equal(units_parse_int("3x", -3, 3, &value), SPEC_E_USAGE);
    assert_int_equal(units_parse_int("", -3, 3, &value), SPEC_E_USAGE);
    assert_int_equal(units_parse_int("99999999999999999999", 0, INT64_MAX, &value), SPEC_E_USAGE);
    assert_int_equal(value, -3);
}

static void test_units_parse_seconds(void **state)
{
    uint64_t ns;

    (void)state;
    assert_int_equal(units_parse_seconds("0.1", &ns), SPEC_OK);
    assert_int_equal(ns, 100000000);
    assert_int_equal(units_parse_seconds("60", &ns), SPEC_OK);
    assert_int_equal(ns, 60000000000);
    assert_int_equal(units_parse_seconds("-1", &ns), SPEC_E_USAGE);
    assert_int_equal(units_parse_seconds("1s", &ns), SPEC_E_USAGE);
    assert_int_equal(units_parse_seconds("nan", &ns), SPEC_E_USAGE);
    assert_int_equal(units_parse_seconds("1e10", &ns), SPEC_E_USAGE);
}

static const struct formatted {
    const char *name;
    double bytes;
    char format;
    const char *text;
} formatted[] = {
    {"nothing",               0,               'A', "0.00 Bytes" },
    {"three digits",          1234567,         'A', "1.18 MBytes"},
    {"ten",                   10 * 1048576.0,  'A', "10.0 MBytes"},
    {"hundreds",              128 * 1024.0,    'A', " 128 KBytes"},
    {"just below the factor", 1023 * 1024.0,   'A', "1023 KBytes"},
    {"no rounding to 10.00",  9.996 * 1048576, 'A', "10.0 MBytes"},
    {"no rounding to 100.0",  99.96 * 1048576, 'A', " 100 MBytes"},
    {"bits",                  1250000,         'a', "10.0 Mbits" },
    {"above tera",            2e15,            'a', "16000 Tbits"},
    {"fixed k",               1250000,         'k', "10000 Kbits"},
    {"fixed K",               1250000,         'K', "1221 KBytes"},
    {"fixed m",               1250000,         'm', "10.0 Mbits" },
    {"fixed M",               1250000,         'M', "1.19 MBytes"},
    {"fixed g",               1250000,         'g', "0.01 Gbits" },
    {"fixed G",               1250000,         'G', "0.00 GBytes"},
    {"fixed t",               1e12,            't', "8.00 Tbits" },
    {"fixed T",               1e12,            'T', "0.91 TBytes"},
};

static void test_units_format_keeps_numbers_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formatted); i++) {
        char buf[32];

        if (strcmp(units_format(buf, sizeof buf, formatted[i].bytes, formatted[i].format),
                   formatted[i].text) != 0)
            fail_msg("%s: got '%s'", formatted[i].name, buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_parse_count_and_rate),
        cmocka_unit_test(test_units_parse_int_takes_nothing_but_a_number_in_range),
        cmocka_unit_test(test_units_parse_seconds),
        cmocka_unit_test(test_units_format_keeps_numbers_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
