#include "harness/interop/fact.h"
#include "impl/tests/unit.h"

static const char report[] =
    "{\"start\":{\"connected\":[{\"local_port\":5301},{\"local_port\":5302}],\"title\":\"a title\","
    "\"on\":true,\"off\":false,\"rate\":1e8},\"end\":{\"streams\":[{},{},{}],\"none\":[]}}";

static const struct row {
    const char *claims;
    const char *why; /* part of it; NULL: they hold */
} rows[] = {
    {"",                                           NULL                                        },
    {"J:start.connected.1.local_port=5302",        NULL                                        },
    {"J:start.connected.1.local_port=5301",        "found 5302"                                },
    {"J:start.connected.2.local_port=5301",        "found no such member"                      },
    {"J:start.rate=100000000",                     NULL                                        },
    {"J:start.rate=1e8x",                          "found"                                     },
    {"J:start.on=1 J:start.off=0",                 NULL                                        },
    {"J:start.on=0",                               "expected start.on=0 in the client's report"},
    {"J:end.streams#=3 J:end.none#=0",             NULL                                        },
    {"J:end.streams#=2",                           "expected end.streams#=2"                   },
    {"J:end.sums#=0",                              "found no such member"                      },
    {"J:start.connected",                          NULL                                        },
    {"J:start.accepted",                           "found no such member"                      },
    {"J:start.connected=1",                        "found ["                                   },
    {"P:tcp=1 P:len=1000",                         NULL                                        },
    {"P:tcp=1  P:len=1001",                        "expected len=1001 in the parameters"       },
    {"S:server_output_text C:congestion_used=bbr", NULL                                        },
    {"X:tcp=1",                                    "no such claim"                             },
    {"tcp",                                        "no such claim"                             },
    {"J:",                                         NULL                                        },
    {"J:=1",                                       "found"                                     },
};

/* There are a report and parameters, but no results. */
static void test_fact_check_finds_the_first_claim_that_does_not_hold(void **state)
{
    json_value *sources[FACT_N_SOURCES] = {0};

    (void)state;
    assert_int_equal(json_parse(WIRE("{\"tcp\":true,\"len\":1000}"), &sources[FACT_PARAMS]),
                     SPEC_OK);
    assert_int_equal(json_parse((struct bytes){(const uint8_t *)report, sizeof report - 1},
                                &sources[FACT_CLIENT_REPORT]),
                     SPEC_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct text why = {0};
        bool ok = fact_check(rows[i].claims, (const json_value *const *)sources, &why);
        if (ok != (rows[i].why == NULL) || (rows[i].why && !strstr(text_string(&why), rows[i].why)))
            fail_msg("%s: %d, '%s'", rows[i].claims, ok, text_string(&why));
        text_fini(&why);
    }
    for (size_t i = 0; i < FACT_N_SOURCES; i++)
        json_free(sources[i]);
}

static void test_a_claim_of_any_length_is_bounded(void **state)
{
    const json_value *const sources[FACT_N_SOURCES] = {0};
    struct text claims = {0}, why = {0};

    (void)state;
    for (int i = 0; i < 300; i++)
        text_adds(&claims, "J");
    assert_false(fact_check(text_string(&claims), sources, &why));
    text_fini(&claims);
    text_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fact_check_finds_the_first_claim_that_does_not_hold),
        cmocka_unit_test(test_a_claim_of_any_length_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
