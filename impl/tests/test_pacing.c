/* When a block may go: pace, budget, the server's rate limit; and counts that belong together. */
#include "impl/tests/unit.h"
#include "impl/traffic/budget.h"
#include "impl/traffic/counters.h"
#include "impl/traffic/pacing.h"
#include "impl/traffic/ratelimit.h"

#include <pthread.h>

#define SECOND UINT64_C(1000000000)
#define START  (5 * SECOND)

/* 8000 bit/s and blocks of 1000 bytes: one a second. How many of so many wanted ones may go. */
static uint64_t take(struct pacer *p, uint64_t now_ns, uint64_t sent, uint64_t wanted,
                     uint64_t until_ns)
{
    uint64_t got_ns = 0, n = pacer_take(p, now_ns, sent, 1000, wanted, &got_ns);

    assert_int_equal(got_ns, n > 0 ? 0 : until_ns);
    return n;
}

static void test_pacer_take_gives_a_block_when_half_of_it_is_overdue(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, START, 8000, 0);
    assert_int_equal(take(&p, START, 0, 9, 0), 1);
    assert_int_equal(take(&p, START, 1000, 9, START + 3 * SECOND / 2), 0);
    assert_int_equal(take(&p, START + SECOND, 1000, 9, START + 3 * SECOND / 2), 0);
    assert_int_equal(take(&p, START + 3 * SECOND / 2, 1000, 9, 0), 1);
    assert_int_equal(take(&p, START + 3 * SECOND / 2, 2000, 9, START + 5 * SECOND / 2), 0);
}

static void test_pacer_take_lets_a_burst_go_at_once(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, START, 8000, 4);
    assert_int_equal(take(&p, START, 0, 1, 0), 1);
    assert_int_equal(take(&p, START, 1000, 9, 0), 3);
    assert_int_equal(take(&p, START, 4000, 9, START + 6 * SECOND), 0);
    assert_int_equal(take(&p, START + 6 * SECOND, 4000, 9, 0), 4);
    assert_int_equal(take(&p, START + 14 * SECOND, 8000, 5, 0), 5);
    assert_int_equal(take(&p, START + 14 * SECOND, 13000, 9, 0), 3);
    pacer_init(&p, START, 8000, INT64_MAX); /* no sum of it may overflow */
    assert_int_equal(take(&p, START, 0, 9, 0), 9);
}

static void test_pacer_take_catches_up_after_a_hold_up(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, START, 8000, 0);
    assert_int_equal(take(&p, START + 10 * SECOND, 0, 100, 0), 10);
    assert_int_equal(take(&p, START + 10 * SECOND, 10000, 100, START + 21 * SECOND / 2), 0);
}

static void test_pacer_take_never_waits_without_a_rate(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, START, 0, 0);
    assert_int_equal(take(&p, 0, UINT64_MAX, 7, 0), 7);
    pacer_init(&p, START, -5, -5);
    assert_int_equal(take(&p, 0, UINT64_MAX, 7, 0), 7);
}

/* What is due sooner than that goes with what is due then. */
static void test_pacer_take_never_sleeps_for_less_than_its_least_sleep(void **state)
{
    struct pacer p;
    uint64_t sent, now_ns = START;

    (void)state;
    pacer_init(&p, START, 8000000000, 0); /* a block in 1000 ns */
    sent = 1000 * take(&p, now_ns, 0, 9, 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(take(&p, now_ns, sent, 900, now_ns + PACER_SLEEP_NS), 0);
        now_ns += PACER_SLEEP_NS;
        sent += 1000 * take(&p, now_ns, sent, 900, 0);
        assert_int_equal(sent, now_ns - START); /* and is where it should be */
    }
}

static void test_pacer_take_keeps_any_rate_for_ever(void **state)
{
    struct pacer p;

    (void)state;
    pacer_init(&p, 0, INT64_MAX, 0);
    assert_int_equal(take(&p, UINT64_MAX, UINT64_MAX / 2, 7, 0), 7);
    pacer_init(&p, START, 1, 0);
    assert_int_equal(take(&p, START - 1, 0, 7, 0), 1); /* before the start is the start */
    assert_int_equal(take(&p, START, 1000, 7, START + 12000 * SECOND), 0);
}

static void test_budget_take_ends_at_the_limit_and_takes_returns_back(void **state)
{
    struct budget b;

    (void)state;
    budget_init(&b, true);
    assert_int_equal(budget_take(&b, 1), 1); /* of the omit period */
    budget_set(&b, 2);
    assert_int_equal(budget_take(&b, 1), 1);
    assert_int_equal(budget_take(&b, 1), 1);
    assert_int_equal(budget_take(&b, 1), 0);
    assert_int_equal(budget_take(&b, 1), 0);
    budget_give(&b, 1);
    assert_int_equal(budget_take(&b, 1), 1);
    assert_int_equal(budget_take(&b, 1), 0);
}

static void test_budget_take_gives_what_is_left_of_a_batch(void **state)
{
    struct budget b;

    (void)state;
    budget_init(&b, true);
    budget_set(&b, 10);
    assert_int_equal(budget_take(&b, 0), 0);
    assert_int_equal(budget_take(&b, 8), 8);
    assert_int_equal(budget_take(&b, 8), 2);
    assert_int_equal(budget_take(&b, 8), 0);
    budget_give(&b, 3);
    assert_int_equal(budget_take(&b, 8), 3);
    budget_init(&b, false);
    assert_int_equal(budget_take(&b, 8), 8);
}

static void test_budget_set_to_everything_is_no_limit(void **state)
{
    struct budget b;

    (void)state;
    budget_init(&b, true);
    assert_int_equal(budget_take(&b, 1), 1);
    budget_set(&b, UINT64_MAX);
    assert_int_equal(budget_take(&b, 1), 1);
}

static const struct limit_row {
    const char *name;
    uint64_t per_part; /* bytes in each fifth of the interval */
    unsigned parts;
    bool exceeded;
} limit_rows[] = {
    {"TMO-10 below the limit",                     999,  20, false},
    {"TMO-10 exactly at the limit",                1000, 20, false},
    {"TMO-10 above the limit",                     1001, 5,  true },
    {"TMO-10 above, but not for a whole interval", 5000, 4,  false},
};

/* 8000 bit/s over 5 s: 1000 bytes in each of five parts of a second. */
static void test_ratelimit_judges_whole_intervals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limit_rows); i++) {
        const struct limit_row *row = &limit_rows[i];
        struct ratelimit r;
        bool exceeded = false;
        ratelimit_init(&r, 8000, 5, START);
        for (unsigned part = 1; part <= row->parts; part++) {
            assert_int_equal(r.next_ns, START + part * SECOND);
            exceeded |= ratelimit_is_exceeded(&r, r.next_ns, part * row->per_part);
        }
        if (exceeded != row->exceeded)
            fail_msg("%s: %s", row->name, exceeded ? "exceeded" : "not exceeded");
    }
}

static void test_ratelimit_forgets_an_old_burst(void **state)
{
    struct ratelimit r;

    (void)state;
    ratelimit_init(&r, 8000, 0, START); /* 5 s */
    for (unsigned part = 1; part < 5; part++)
        assert_false(ratelimit_is_exceeded(&r, r.next_ns, 5000));
    for (unsigned part = 5; part < 12; part++)
        assert_false(ratelimit_is_exceeded(&r, r.next_ns, 5000));
    ratelimit_init(&r, 0, 5, START);
    assert_true(r.next_ns == UINT64_MAX);
}

#define WRITES 200000

static void *write_counts(void *arg)
{
    for (uint64_t i = 1; i <= WRITES; i++)
        counters_write(arg, &(struct counts){i, i, i, i, i, (double)i});
    return NULL;
}

static void test_counters_read_gives_values_that_belong_together(void **state)
{
    static struct counters c;
    struct counts now = {0};
    pthread_t writer;

    (void)state;
    assert_int_equal(pthread_create(&writer, NULL, write_counts, &c), 0);
    while (now.bytes < WRITES) {
        now = counters_read(&c);
        if (now.blocks != now.bytes || now.packets != now.bytes || now.errors != now.bytes ||
            now.out_of_order != now.bytes || now.jitter_s != (double)now.bytes)
            break;
    }
    pthread_join(writer, NULL);
    assert_int_equal(now.bytes, WRITES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pacer_take_gives_a_block_when_half_of_it_is_overdue),
        cmocka_unit_test(test_pacer_take_lets_a_burst_go_at_once),
        cmocka_unit_test(test_pacer_take_catches_up_after_a_hold_up),
        cmocka_unit_test(test_pacer_take_never_waits_without_a_rate),
        cmocka_unit_test(test_pacer_take_never_sleeps_for_less_than_its_least_sleep),
        cmocka_unit_test(test_pacer_take_keeps_any_rate_for_ever),
        cmocka_unit_test(test_budget_take_ends_at_the_limit_and_takes_returns_back),
        cmocka_unit_test(test_budget_take_gives_what_is_left_of_a_batch),
        cmocka_unit_test(test_budget_set_to_everything_is_no_limit),
        cmocka_unit_test(test_ratelimit_judges_whole_intervals),
        cmocka_unit_test(test_ratelimit_forgets_an_old_burst),
        cmocka_unit_test(test_counters_read_gives_values_that_belong_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
