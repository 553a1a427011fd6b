#include "harness/interop/numbers.h"
#include "impl/tests/unit.h"

#define BLOCK  1000
#define FLIGHT 5000

/* One TCP stream to the server, or to the client if reverse. */
static const struct tcp_row {
    const char *name;
    int64_t sent, received;
    bool reverse, omits, cuts, counts_all;
    int64_t whole;
    const char *why; /* part of it; NULL: they agree */
} tcp_rows[] = {
    {"INT-14 all arrived",                        9000,  9000,  false, false, false, false, 0,    NULL            },
    {"INT-14 reverse, all arrived",               9000,  9000,  true,  false, false, false, 0,    NULL            },
    {"RES-26 buffers and a block missing",        9000,  3000,  false, false, false, false, 0,    NULL            },
    {"RES-26 a byte more missing",                9000,  2999,  false, false, false, false, 0,    "6001 missing"  },
    {"RES-26 reverse, a byte more missing",       9000,  2999,  true,  false, false, false, 0,
     "6001 missing"                                                                                               },
    {"RES-26 a quarter, unread by one who waits", 40000, 30000, false, false, false, false, 0,
     NULL                                                                                                         },
    {"RES-26 more than a quarter",                40000, 29999, false, false, false, false, 0,    "10001 missing" },
    {"RES-11 more received than sent",            9000,  9001,  false, false, false, false, 0,    "only 9000 sent"},
    {"RES-11 reverse, more received than sent",   9000,  9001,  true,  false, false, false, 0,
     "only 9000 sent"                                                                                             },
    {"RES-11 nothing received",                   9000,  0,     false, false, false, false, 0,    "0 bytes"       },
    {"RES-11 nothing at all",                     0,     0,     false, false, false, false, 0,    "0 bytes"       },
    {"OMIT-3 counts of other periods",            9000,  9800,  false, true,  false, false, 0,    NULL            },
    {"OMIT-3 more than buffers hold",             1000,  7001,  false, true,  false, false, 0,    "only 1000 sent"},
    {"END-6 a block cut short",                   9000,  9999,  false, false, true,  false, 0,    NULL            },
    {"END-6 more than a block",                   9000,  10001, false, false, true,  false, 0,    "only 9000 sent"},
    {"INT-7 every byte of the whole",             9500,  9500,  false, false, false, true,  9500, NULL            },
    {"INT-7 not the part of a block",             9500,  9000,  false, false, false, true,  9500, "INT-7"         },
    {"INT-7 reverse, not the part of a block",    9500,  9000,  true,  false, false, true,  9500, "INT-7"         },
    {"INT-7 a sender that went on",               9600,  9500,  false, false, false, true,  9500, NULL            },
    {"RES-25 stock leaves the part out",          9500,  9000,  false, false, false, false, 9500, NULL            },
};

static void check(const char *name, const struct numbers_test *test, const char *wanted)
{
    struct text why = {0};
    bool ok = numbers_agree(test, &why);

    if (ok != (wanted == NULL) || (wanted && !strstr(text_string(&why), wanted)))
        fail_msg("%s: %s, '%s'", name, ok ? "agree" : "do not", text_string(&why));
    text_fini(&why);
}

static void test_tcp_numbers_agree_within_what_buffers_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tcp_rows); i++) {
        const struct tcp_row *row = &tcp_rows[i];
        struct params params = {.tcp = true, .parallel = 1, .len = BLOCK, .reverse = row->reverse};
        struct results_stream sender = {.id = 1, .bytes = row->sent};
        struct results_stream receiver = {.id = 1, .bytes = row->received};
        struct results of_sender = {.n_streams = 1, .streams = &sender};
        struct results of_receiver = {.n_streams = 1, .streams = &receiver};
        struct numbers_test test = {
            .params = &params,
            .client = row->reverse ? &of_receiver : &of_sender,
            .server = row->reverse ? &of_sender : &of_receiver,
            .in_flight = FLIGHT,
            .omits = row->omits,
            /* only the one that matters, so that a mix-up of the ends shows */
            .client_cuts = row->cuts && !row->reverse,
            .server_cuts = row->cuts && row->reverse,
            .client_counts_all = row->counts_all && row->reverse,
            .server_counts_all = row->counts_all && !row->reverse,
            .whole = row->whole,
        };
        check(row->name, &test, row->why);
    }
}

static const struct udp_row {
    const char *name;
    int64_t sent, bytes, lost, highest;
    const char *why;
} udp_rows[] = {
    {"UDP-7 all arrived",            10, 10000, 0,  10, NULL               },
    {"UDP-7 some lost",              10, 7000,  3,  10, NULL               },
    {"UDP-7 the last ones lost",     10, 7000,  1,  8,  NULL               },
    {"UDP-7 lost and not counted",   10, 7000,  2,  10, "highest number 10"},
    {"UDP-7 lost and counted twice", 10, 7000,  4,  10, "highest number 10"},
    {"UDP-7 negative loss",          10, 11000, -1, 10, "highest number 10"},
    {"RES-16 a number never sent",   10, 11000, 0,  11, "only 10 sent"     },
    {"UDP-3 part of a datagram",     10, 9500,  0,  10, "no number of"     },
    {"RES-11 nothing arrived",       10, 0,     10, 10, "no number of"     },
};

static void test_udp_received_and_lost_make_the_highest_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(udp_rows); i++) {
        const struct udp_row *row = &udp_rows[i];
        struct params params = {.udp = true, .parallel = 1, .len = BLOCK};
        struct results_stream at_client = {
            .id = 1, .bytes = row->sent * BLOCK, .packets = row->sent};
        struct results_stream at_server = {
            .id = 1, .bytes = row->bytes, .errors = row->lost, .packets = row->highest};
        struct results client = {.n_streams = 1, .streams = &at_client};
        struct results server = {.n_streams = 1, .streams = &at_server};
        struct numbers_test test = {.params = &params, .client = &client, .server = &server};

        check(row->name, &test, row->why);
    }
}

/* Ten datagrams sent, of which the receiver has lost one, and omits five. */
static const struct omit_row {
    const char *name;
    bool tells; /* the receiver has the omitted pair */
    int64_t bytes, lost, omitted_lost, omitted;
    const char *why;
} omit_rows[] = {
    {"OMIT-1 half of them counted",          true,  5000,  1, 1, 5, NULL                },
    {"OMIT-1 a late one of the omitted",     true,  6000,  0, 1, 5, NULL                },
    {"OMIT-1 an omitted one counted",        true,  6000,  1, 1, 5, "omitted: 1 lost"   },
    {"OMIT-1 one neither counted nor lost",  true,  4000,  1, 1, 5, "omitted: 1 lost"   },
    {"RES-15 no word of what was omitted",   false, 5000,  1, 0, 0, NULL                },
    {"RES-15 more than there were",          false, 10000, 1, 0, 0, "highest number 10;"},
    {"OMIT-1 no word that none was omitted", true,  5000,  1, 0, 0, "highest number 10;"},
};

static void test_what_a_receiver_omits_is_no_loss(void **state)
{
    struct params params = {.udp = true, .parallel = 1, .len = BLOCK, .omit = 1};
    struct results_stream at_client = {.id = 1, .bytes = 5 * BLOCK, .packets = 10};
    struct results client = {.n_streams = 1, .streams = &at_client};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(omit_rows); i++) {
        const struct omit_row *row = &omit_rows[i];
        struct results_stream at_server = {
            .id = 1,
            .bytes = row->bytes,
            .errors = row->lost,
            .packets = 10,
            .has_omitted = row->tells,
            .omitted_errors = row->omitted_lost,
            .omitted_packets = row->omitted,
        };
        struct results server = {.n_streams = 1, .streams = &at_server};
        struct numbers_test test = {
            .params = &params, .client = &client, .server = &server, .omits = true};
        check(row->name, &test, row->why);
    }
}

/* Bidir with two streams each way: ids 1, 3 go to the server, 4, 5 to the client (STR-3, STR-6). */
static void test_every_stream_is_judged_in_its_direction(void **state)
{
    struct params params = {.tcp = true, .parallel = 2, .len = BLOCK, .bidirectional = true};
    struct results_stream of_client[] = {
        {.id = 1, .bytes = 9000},
        {.id = 3, .bytes = 9000},
        {.id = 4, .bytes = 8000},
        {.id = 5, .bytes = 8000},
    };
    struct results_stream of_server[] = {
        {.id = 1, .bytes = 8000},
        {.id = 3, .bytes = 8000},
        {.id = 4, .bytes = 9000},
        {.id = 5, .bytes = 9000},
    };
    struct results client = {.n_streams = 4, .streams = of_client};
    struct results server = {.n_streams = 4, .streams = of_server};
    struct numbers_test test = {
        .params = &params, .client = &client, .server = &server, .in_flight = FLIGHT};

    (void)state;
    check("STR-3 all four", &test, NULL);
    of_client[3].bytes = 9001;
    check("STR-3 fourth stream", &test, "stream 5 (to the client)");
    of_client[3].bytes = 8000;
    of_server[1].bytes = 9001;
    check("STR-3 second stream", &test, "stream 3 (to the server)");
    of_server[1].bytes = 8000;
    of_server[2].id = 2;
    check("STR-6 an id that is never used", &test, "stream 4 (to the client): not in the server's");
    of_server[2].id = 4;
    server.n_streams = 3;
    check("RES-22 a stream less", &test, "3 in the server's");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_numbers_agree_within_what_buffers_hold),
        cmocka_unit_test(test_udp_received_and_lost_make_the_highest_number),
        cmocka_unit_test(test_what_a_receiver_omits_is_no_loss),
        cmocka_unit_test(test_every_stream_is_judged_in_its_direction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
