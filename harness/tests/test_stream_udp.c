/* The datagrams of a UDP stream are counted once each, however often and late they come. */
#include "harness/capture/stream.h"
#include "impl/tests/unit.h"

#define LEN UINT32_C(16)

static void take(struct stream_udp *u, bool wide, uint64_t seq, uint32_t sec)
{
    uint8_t bytes[LEN] = {0};
    struct stream_fault fault;

    store_be32(bytes, sec);
    if (wide)
        store_be32(bytes + 8, (uint32_t)(seq >> 32));
    store_be32(bytes + (wide ? 12 : 8), (uint32_t)seq);
    stream_udp_take(u,
                    &(struct dissected){
                        .payload = {bytes, LEN},
                          .len = LEN, .number = 1
    },
                    wide, LEN, &fault);
}

/* Numbers first to first + n - 1, the copies of all of them `late` datagrams behind. */
static void test_stream_udp_take_leaves_copies_out(void **state)
{
    static const struct {
        const char *name;
        bool wide;
        uint64_t first, n, late;
        bool are_known;
    } rows[] = {
        {"at once",                         false, 1,                      10000, 0,                 true },
        {"soon",                            false, 1,                      10000, STREAM_RECENT,     true },
        {"late",                            false, 1,                      10000, 1000,              true },
        {"as late as can be known",         false, 1,                      10000, STREAM_WINDOW - 1, true },
        {"later",                           false, 1,                      10000, STREAM_WINDOW,     false},
        {"much later",                      false, 1,                      20000, 10000,             false},
        {"in the upper half of 32 bits",    false, UINT64_C(0x90000000),   10000, 1000,              true },
        {"where 32 bits end",               false, UINT64_C(0xffffff00),   10000, 1000,              true },
        {"at numbers of more than 32 bits", true,  UINT64_C(0x1fffffff00), 10000, 1000,              true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stream_udp u = {0};
        uint64_t first = rows[i].first, last = first + rows[i].n - 1;
        for (uint64_t seq = first; seq <= last + rows[i].late; seq++) {
            if (seq <= last)
                take(&u, rows[i].wide, seq, (uint32_t)seq);
            if (seq >= first + rows[i].late)
                take(&u, rows[i].wide, seq - rows[i].late, (uint32_t)(seq - rows[i].late));
        }
        uint64_t number_0 = !rows[i].wide && last > UINT32_MAX; /* is never a copy */
        uint64_t copies = u.copies + u.stragglers + number_0;
        if (u.n != rows[i].n + number_0 || copies != rows[i].n ||
            (u.stragglers == 0) != rows[i].are_known || u.account.out_of_order > number_0)
            fail_msg("%s: %llu datagrams, %llu copies, %llu stragglers, %llu late", rows[i].name,
                     (unsigned long long)u.n, (unsigned long long)u.copies,
                     (unsigned long long)u.stragglers, (unsigned long long)u.account.out_of_order);
    }
}

/* One that comes for the first time is no copy, as long as that can be known. */
static void test_stream_udp_take_counts_what_comes_late(void **state)
{
    static const uint64_t late[] = {1, STREAM_RECENT, STREAM_WINDOW - 1, STREAM_WINDOW};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        struct stream_udp u = {0};
        bool is_known = late[i] < STREAM_WINDOW;
        for (uint64_t seq = 1; seq <= 5000 + late[i]; seq++)
            if (seq != 5000)
                take(&u, false, seq, (uint32_t)seq);
        take(&u, false, 5000, 5000);
        assert_int_equal(u.n, 4999 + late[i] + is_known);
        assert_int_equal(u.account.out_of_order, is_known);
        assert_int_equal(u.stragglers, !is_known);
        assert_int_equal(u.copies, 0);
    }
}

/* Numbers that are as far apart as can be. */
static void test_stream_udp_take_bears_any_number(void **state)
{
    static const uint64_t numbers[] = {1, UINT64_C(1) << 63 | 1, UINT64_MAX, 2, UINT64_C(1) << 63};
    struct stream_udp u = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        take(&u, true, numbers[i], 1);
    assert_int_equal(u.n + u.copies + u.stragglers, ARRAY_LEN(numbers));
}

/* UDP-3. One wrong parameter would fill the report otherwise. */
static void test_stream_udp_take_blames_the_first_odd_length_alone(void **state)
{
    uint8_t bytes[LEN] = {0};
    struct stream_udp u = {0};
    struct stream_fault fault;

    (void)state;
    for (uint32_t seq = 1; seq <= 100; seq++) {
        store_be32(bytes + 8, seq);
        stream_udp_take(&u,
                        &(struct dissected){
                            .payload = {bytes, LEN},
                              .len = LEN, .number = seq
        },
                        false, LEN + 1, &fault);
        assert_int_equal(fault.clause != NULL, seq == 1);
    }
    assert_int_equal(u.odd_len, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_udp_take_leaves_copies_out),
        cmocka_unit_test(test_stream_udp_take_counts_what_comes_late),
        cmocka_unit_test(test_stream_udp_take_bears_any_number),
        cmocka_unit_test(test_stream_udp_take_blames_the_first_odd_length_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
