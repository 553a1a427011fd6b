#include "impl/tests/unit.h"
#include "impl/wire/account.h"

#define S      INT64_C(1000000000)
#define WIDE   true
#define NARROW false

static void test_account_stream_ids_leave_2_out(void **state) /* STR-6, EX-9: observed 1, 3, 4, 5 */
{
    const int64_t ids[] = {1, 3, 4, 5};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(account_stream_id(i), ids[i]);
        assert_int_equal(account_stream_index(ids[i]), i);
    }
    assert_int_equal(account_stream_id(UINT32_MAX), (int64_t)UINT32_MAX + 2);
    assert_int_equal(account_stream_index(2), -1);
    assert_int_equal(account_stream_index(0), -1);
    assert_int_equal(account_stream_index(-1), -1);
    assert_int_equal(account_stream_index(INT64_MIN), -1);
}

#define MAX_SEQ  12
#define SEQ(...) .n = sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), .seq = {__VA_ARGS__}
#define TWO31    (UINT64_C(1) << 31)
#define TWO32    (UINT64_C(1) << 32)

/* The UDP-7 rows were observed on clients of 3.2-3.22; the others follow from the rule. */
static const struct loss {
    const char *name;
    uint64_t packets, errors, out_of_order;
    size_t n;
    uint64_t seq[MAX_SEQ];
    enum { BOTH, ONLY_WIDE, ONLY_NARROW } width;
} losses[] = {
    {"UDP-7 in order",              3,                                 0,                                                                                0,SEQ(1,2, 3),          BOTH},
    {"UDP-7 one overtakes another", 4,                                 0,                                                                                1,SEQ(1,3, 2,           4),   BOTH},
    {"UDP-7 a duplicate",                             3,                                            0,                                                                                               1,SEQ(1,2,2,                                                                                                                   3),                                                                                                                                                                                                                                              BOTH},
    {"UDP-7 duplicates hide losses",                         4,                                                          0,                                                                                                             3,SEQ(1,4,4,4,4), BOTH},
    {"UDP-7 a gap",                            5,                                                           2,                                                                                                                                       0,SEQ(1,2,5),                                                  BOTH                                                                                                                                                                                   },
    {"UDP-7 0 is never new",                            0,                                                           0,                                                                                                                                       2,SEQ(0,0),                                                 BOTH},
    {"UDP-7 backwards",                           3,                                                        0,                                                                                                                                        2,SEQ(3,2,1),BOTH},
    {"UDP-7 the same from the start",                           2,                                                        0,                                                                                                                                        2,SEQ(2,2,                          2),                                                                                                                                                              BOTH},
    {"UDP-7 a gap filled later",                           10,                                                        0,                                                                                                                                        6,SEQ(1,2,3,10,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         4, 5, 6, 7, 8, 9), BOTH},
    {"UDP-6 past 2^31",                            TWO31 + 1,                                                           TWO31 - 2,                                                                                                                                          0,SEQ(TWO31 - 1,TWO31,                                                                                                                                      TWO31 + 1),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           BOTH},
    {"UDP-6 first number is 2^31",                             TWO31,                                              TWO31 - 1,                                                                                          0,SEQ(TWO31),BOTH},
    {"UDP-6 past 2^32, 64 bits",                             TWO32 + 1,                                   TWO32 - 2,                                                                                  0,SEQ(TWO32 - 1,TWO32,TWO32 + 1),
     ONLY_WIDE                                    },
    {"UDP-6 past 2^32, 32 bits",TWO32 + 2,TWO32 - 2,0,SEQ(TWO32 - 1,                                                                                                                                                            0,                                                                                                                                                                                                                                                                      1,                                                                                                                                                                                            2),ONLY_NARROW},
    {"UDP-6 gap over the wrap",                             TWO32 + 1,                                                                        TWO32 - 1,                                                                                                                                                                            0,                                                              SEQ(TWO32 - 1,1),ONLY_NARROW},
    {"UDP-6 late one over the wrap",     TWO32, TWO32 - 3, 1,SEQ(TWO32 - 2,0,TWO32 - 1),
     ONLY_NARROW                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             },
    {"UDP-6 second wrap",                    2 * TWO32,                                            2 * TWO32 - 5,                                                                                                                           0,
     SEQ(TWO31 - 1,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             TWO32 - 2,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          TWO31 - 3,                                                                    TWO32 - 4,0), ONLY_NARROW},
    {"UDP-6 no wrap backwards below 0", TWO32 - 1,TWO32 - 7,0,SEQ(1,2,3,4,5, TWO32 - 1),
     BOTH},
    {"UDP-7 the highest number there is",                             UINT64_MAX,                              UINT64_MAX - 3,                                                                                                     1,SEQ(1, UINT64_MAX,                    5),
     ONLY_WIDE                                                                                             },
};

static void check_loss(const struct loss *row, bool wide)
{
    struct account_udp a = {0};

    for (size_t i = 0; i < row->n; i++)
        account_udp_take(&a, &(struct datagram_header){.seq = row->seq[i]}, wide, 0);
    if (a.packets != row->packets || a.errors != row->errors || a.out_of_order != row->out_of_order)
        fail_msg("%s, %s: packets %llu, errors %llu, out of order %llu", row->name,
                 wide ? "wide" : "narrow", (unsigned long long)a.packets,
                 (unsigned long long)a.errors, (unsigned long long)a.out_of_order);
}

static void test_account_udp_take_counts_loss_and_order_as_observed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        if (losses[i].width != ONLY_NARROW)
            check_loss(&losses[i], WIDE);
        if (losses[i].width != ONLY_WIDE)
            check_loss(&losses[i], NARROW);
    }
}

/* OMIT-2, observed from 3.14 on: 1, 2, 5 in the omit period, then 6, 9, 3. */
static void test_account_udp_omit_end_leaves_the_counts_alone(void **state)
{
    const uint64_t omitted[] = {1, 2, 5}, counted[] = {6, 9, 3};
    struct account_udp a = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(omitted); i++)
        account_udp_take(&a, &(struct datagram_header){.seq = omitted[i]}, NARROW, 0);
    account_udp_omit_end(&a);
    assert_int_equal(a.packets, 5);
    assert_int_equal(a.errors, 2);
    for (size_t i = 0; i < ARRAY_LEN(counted); i++)
        account_udp_take(&a, &(struct datagram_header){.seq = counted[i]}, NARROW, 0);
    assert_int_equal(a.packets, 9);
    assert_int_equal(a.errors, 3); /* 7 and 8, and 1 more, since 3 took back one of the omitted */
    assert_int_equal(a.out_of_order, 1);
}

#define MS INT64_C(1000000)

/* transits in ms */
static const struct jitter {
    const char *name;
    double want_s, tolerance_s;
    size_t n;
    int64_t transits_ms[8];
    size_t omitted; /* so many of them before the end of the omit period */
} jitters[] = {
    {"UDP-9 observed on 3.8.1-3.22",  0.1105, 0.00005, 6, {100, 600, 100, 350, 350, 1100}, 0},
    {"UDP-9 sign of the transit",     0,      1e-12,   3, {2000, -2000, 2000},             0},
    {"UDP-9 first datagram primes",   0,      1e-12,   1, {90000},                         0},
    {"UDP-9 one change",              0.0625, 1e-12,   2, {1000, 2000},                    0},
    {"OMIT-1 jitter starts anew",     0,      1e-12,   3, {100, 600, 100},                 2},
    {"OMIT-1 the first primes again", 0.0625, 1e-12,   4, {100, 600, 1000, 2000},          2},
};

static void test_account_udp_take_smooths_the_change_of_transit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(jitters); i++) {
        const struct jitter *row = &jitters[i];
        struct account_udp a = {0};
        for (size_t k = 0; k < row->n; k++) {
            struct datagram_header header = {.sec = 1000, .usec = 0, .seq = k + 1};
            if (k == row->omitted)
                account_udp_omit_end(&a);
            account_udp_take(&a, &header, NARROW, (uint64_t)(1000 * S + row->transits_ms[k] * MS));
        }
        if (!(a.jitter_s >= row->want_s - row->tolerance_s) ||
            !(a.jitter_s <= row->want_s + row->tolerance_s))
            fail_msg("%s: %.9f", row->name, a.jitter_s);
    }
}

static void test_account_udp_take_counts_whole_microseconds(void **state) /* UDP-9 */
{
    struct account_udp a = {0};

    (void)state;
    account_udp_take(&a, &(struct datagram_header){.sec = 1, .seq = 1}, WIDE, (uint64_t)S + 999);
    account_udp_take(&a, &(struct datagram_header){.sec = 1, .usec = 1, .seq = 2}, WIDE,
                     (uint64_t)S + 1999);
    assert_true(a.jitter_s == 0);
    account_udp_take(&a, &(struct datagram_header){.sec = 1, .usec = 1, .seq = 3}, WIDE,
                     (uint64_t)S + 2000);
    assert_true(a.jitter_s > 0);
}

static void test_account_udp_take_bears_any_header(void **state)
{
    struct account_udp a = {0};

    (void)state;
    account_udp_take(&a, &(struct datagram_header){UINT32_MAX, UINT32_MAX, UINT64_MAX}, WIDE, 0);
    account_udp_take(&a, &(struct datagram_header){0, 0, 0}, WIDE, UINT64_MAX);
    account_udp_take(&a, &(struct datagram_header){0, 0, UINT32_MAX}, NARROW, 0);
    assert_int_equal(a.packets, UINT64_MAX);
    assert_true(a.jitter_s >= 0 && a.jitter_s < 1e12);
}

static const struct {
    const char *name;
    struct account_end end;
    int64_t counted_ns;
    uint64_t bytes, blocks;
    bool want;
} ends[] = {
    {"END-1 no condition",   {0},                 1000 * S,   UINT64_MAX,     UINT64_MAX, false},
    {"END-1 time not yet",   {.time_ns = 10 * S}, 10 * S - 1, 0,              0,          false},
    {"END-1 time",           {.time_ns = 10 * S}, 10 * S,     0,              0,          true },
    {"END-1 bytes not yet",  {.bytes = 1000},     0,          999,            UINT64_MAX, false},
    {"END-1 bytes",          {.bytes = 1000},     0,          1000,           0,          true },
    {"END-1 blocks not yet", {.blocks = 5},       0,          UINT64_MAX,     4,          false},
    {"END-1 blocks",         {.blocks = 5},       0,          0,              5,          true },
    {"END-1 any of three",   {10 * S, 1000, 5},   1,          1,              6,          true },
    {"END-1 none of three",  {10 * S, 1000, 5},   1,          1,              1,          false},
    {"OMIT-4 never in omit", {10 * S, 1000, 5},   -1,         UINT64_MAX,     UINT64_MAX, false},
    {"END-1 largest values",
     {UINT64_MAX, UINT64_MAX, UINT64_MAX},
     INT64_MAX,                                               UINT64_MAX - 1,
     UINT64_MAX - 1,
     false                                                                                     },
};

static void test_account_end_reached_by_any_condition_after_omit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (account_end_reached(&ends[i].end, ends[i].counted_ns, ends[i].bytes, ends[i].blocks) !=
            ends[i].want)
            fail_msg("%s", ends[i].name);
}

static const struct {
    const char *name;
    struct account_end end;
    uint64_t len, want;
} blocks[] = {
    {"END-4 no limit",            {.time_ns = S},               131072, UINT64_MAX       },
    {"END-4 B blocks",            {.blocks = 5},                131072, 5                },
    {"END-4 num of whole blocks", {.bytes = 655360},            131072, 5                },
    {"END-4 last block is whole", {.bytes = 655361},            131072, 6                },
    {"END-4 less than a block",   {.bytes = 1},                 131072, 1                },
    {"END-4 the nearer: bytes",   {.bytes = 300, .blocks = 50}, 100,    3                },
    {"END-4 the nearer: blocks",  {.bytes = 300, .blocks = 2},  100,    2                },
    {"END-4 largest num",         {.bytes = UINT64_MAX},        2,      UINT64_C(1) << 63},
    {"END-4 largest num by ones", {.bytes = UINT64_MAX},        1,      UINT64_MAX       },
};

static void test_account_blocks_has_the_last_one_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        uint64_t got = account_blocks(&blocks[i].end, blocks[i].len);
        if (got != blocks[i].want)
            fail_msg("%s: %llu", blocks[i].name, (unsigned long long)got);
    }
}

static const struct {
    const char *name;
    uint64_t start_ns, rate_bps, sent, want_ns;
} paces[] = {
    {"DATA-4 nothing sent",        7 * S,      1000000,                       0,          7 * S                           },
    {"DATA-4 1 Mbit/s",            7 * S,      1000000,                       125000,     8 * S                           },
    {"DATA-4 rounds up",           0,          3,                             1,          2666666667                      },
    {"DATA-4 1 bit/s",             1,          1,                             10,         80 * S + 1                      },
    {"DATA-4 highest rate",        0,          UINT64_MAX,                    UINT64_MAX, 8 * S                           },
    {"DATA-4 highest rate, a bit", 0,          UINT64_MAX,                    1,          1                               },
    {"DATA-4 never",               0,          1,                             UINT64_MAX, UINT64_MAX                      },
    {"DATA-4 end of time",         UINT64_MAX, 1000000,                       125000,     UINT64_MAX                      },
    {"DATA-4 100 Tbit/s for days", 0,          100000 * UINT64_C(1000000000),
     UINT64_C(12500000000000) * 86400 * 7,                                                86400 * 7 * UINT64_C(1000000000)},
};

static void test_account_pace_ns_keeps_the_average_at_the_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paces); i++) {
        uint64_t got = account_pace_ns(paces[i].start_ns, paces[i].rate_bps, paces[i].sent);
        if (got != paces[i].want_ns)
            fail_msg("%s: %llu", paces[i].name, (unsigned long long)got);
    }
}

/* What may have been sent when more may be sent, and not a byte more. */
static void test_account_paced_bytes_is_the_other_way_round(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paces); i++) {
        uint64_t got = account_paced_bytes(paces[i].start_ns, paces[i].rate_bps, paces[i].want_ns);
        if (paces[i].want_ns < UINT64_MAX && got < paces[i].sent)
            fail_msg("%s: %llu", paces[i].name, (unsigned long long)got);
    }
    assert_int_equal(account_paced_bytes(7 * S, 1000000, 8 * S), 125000);
    assert_int_equal(account_paced_bytes(7 * S, 1000000, 8 * S - 1), 124999);
    assert_int_equal(account_paced_bytes(7 * S, 1000000, 6 * S), 0);
    assert_true(account_paced_bytes(0, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void test_account_lost_percent_is_0_without_packets(void **state)
{
    (void)state;
    assert_true(account_lost_percent(0, 0) == 0);
    assert_true(account_lost_percent(5, 0) == 0);
    assert_true(account_lost_percent(5, -1) == 0);
    assert_true(account_lost_percent(1, 8) == 12.5);
    assert_true(account_lost_percent(INT64_MAX, INT64_MAX) == 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account_stream_ids_leave_2_out),
        cmocka_unit_test(test_account_udp_take_counts_loss_and_order_as_observed),
        cmocka_unit_test(test_account_udp_omit_end_leaves_the_counts_alone),
        cmocka_unit_test(test_account_udp_take_smooths_the_change_of_transit),
        cmocka_unit_test(test_account_udp_take_counts_whole_microseconds),
        cmocka_unit_test(test_account_udp_take_bears_any_header),
        cmocka_unit_test(test_account_end_reached_by_any_condition_after_omit),
        cmocka_unit_test(test_account_blocks_has_the_last_one_whole),
        cmocka_unit_test(test_account_pace_ns_keeps_the_average_at_the_rate),
        cmocka_unit_test(test_account_paced_bytes_is_the_other_way_round),
        cmocka_unit_test(test_account_lost_percent_is_0_without_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
