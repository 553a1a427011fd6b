/* What came twice, late, in which distance and with which times in between, of known sequences. */
#include "impl/tests/unit.h"
#include "impl/traffic/arrivals.h"
#include "impl/traffic/spread.h"
#include "impl/wire/bytes.h"

#include <string.h>

static const struct row {
    const char *name;
    uint64_t seqs[12]; /* 0 behind the last, but for the first */
    uint64_t duplicates, late, too_late, longest_run, distance[3];
} rows[] = {
    {"in order",              {1, 2, 3, 4},                   0, 0, 0, 4, {0}      },
    {"one lost",              {1, 2, 4, 5, 6},                0, 0, 0, 3, {0}      },
    {"the first one lost",    {2, 3},                         0, 0, 0, 2, {0}      },
    {"neighbours swapped",    {1, 3, 2, 4},                   0, 1, 0, 2, {1}      },
    {"three behind",          {1, 3, 4, 5, 2, 6},             0, 1, 0, 4, {0, 1}   },
    {"four behind",           {1, 3, 4, 5, 6, 2},             0, 1, 0, 4, {0, 0, 1}},
    {"twice in a row",        {1, 1, 2, 2, 3},                2, 0, 0, 3, {0}      },
    {"late, and then again",  {1, 3, 2, 2},                   1, 1, 0, 1, {1}      },
    {"the lost one is a gap", {1, 2, 3, 5, 4, 6, 7},          0, 1, 0, 3, {1}      },
    {"number 0",              {0},                            1, 0, 0, 0, {0}      },
    {"beyond the window",     {1, 2, 20000, 3, 20001},        0, 0, 1, 2, {0}      },
    {"at the window's edge",  {1, 8193, 2, 1},                0, 1, 1, 1, {0}      },
    {"the largest number",    {1, UINT64_MAX, UINT64_MAX, 2}, 1, 0, 1, 1, {0}      },
    {"a jump over a window",  {1, 9000, 8999, 900, 901},      0, 3, 0, 1, {1}      },
};

static void check(const struct row *row, size_t i, const char *what, uint64_t got, uint64_t want)
{
    (void)i;
    if (got != want)
        fail_msg("%s: %s is %llu, not %llu", row->name, what, (unsigned long long)got,
                 (unsigned long long)want);
}

static void test_arrivals_take_tells_twice_from_late(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct arrivals a = {0};
        for (size_t k = 0; k == 0 || (k < ARRAY_LEN(row->seqs) && row->seqs[k]); k++)
            arrivals_take(&a, row->seqs[k]);
        check(row, i, "duplicates", a.duplicates, row->duplicates);
        check(row, i, "late", a.late, row->late);
        check(row, i, "too late", a.too_late, row->too_late);
        check(row, i, "longest run", arrivals_longest_run(&a), row->longest_run);
        for (size_t d = 0; d < ARRAY_LEN(row->distance); d++)
            check(row, i, "distance", a.distance[d], row->distance[d]);
    }
}

/* Each block of 64 backwards: every number is there once, and the window has wrapped many times. */
static void test_arrivals_take_forgets_nothing_as_the_window_moves(void **state)
{
    struct arrivals a = {0};
    uint64_t n = 10 * ARRIVALS_WINDOW, sum = 0;

    (void)state;
    for (uint64_t block = 0; block < n; block += 64)
        for (uint64_t i = 64; i > 0; i--)
            arrivals_take(&a, block + i);
    assert_int_equal(a.duplicates, 0);
    assert_int_equal(a.too_late, 0);
    assert_int_equal(a.late, n / 64 * 63);
    for (size_t d = 0; d < ARRIVALS_DISTANCES; d++)
        sum += a.distance[d];
    assert_int_equal(sum, a.late);
    assert_int_equal(a.distance[5], n / 64 * 32); /* 32 to 63 */
    for (uint64_t i = n - ARRIVALS_WINDOW + 1; i <= n; i++)
        arrivals_take(&a, i);
    assert_int_equal(a.duplicates, ARRIVALS_WINDOW);
}

static void test_arrivals_omit_end_begins_anew_and_knows_what_came(void **state)
{
    static struct arrivals a;

    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        arrivals_take(&a, i == 50 ? 49 : i);
    arrivals_note_time(&a, 1000, 100);
    arrivals_omit_end(&a);
    assert_int_equal(a.duplicates + a.late + a.gaps.n + arrivals_longest_run(&a), 0);
    arrivals_take(&a, 50); /* late all the same */
    arrivals_take(&a, 101);
    arrivals_take(&a, 102);
    arrivals_note_time(&a, 1500, 1);
    assert_int_equal(a.late, 1);
    assert_int_equal(arrivals_longest_run(&a), 2);
    assert_int_equal(a.gaps.n, 1);
    assert_int_equal(a.gaps.min, 500);
}

static void test_arrivals_note_time_counts_a_batch_as_no_time(void **state)
{
    struct arrivals a = {0};

    (void)state;
    arrivals_note_time(&a, 1000, 3);
    arrivals_note_time(&a, 2000, 1);
    arrivals_note_time(&a, 4000, 2);
    assert_int_equal(a.gaps.n, 5);
    assert_int_equal(a.gaps.sum, 3000);
    assert_int_equal(spread_at(&a.gaps, 0.5), 0);
    assert_int_equal(a.gaps.max, 2000);
}

/* --- spread ---------------------------------------------------------------------------------- */

static void test_spread_at_is_exact_for_small_values(void **state)
{
    struct spread s = {0};

    (void)state;
    assert_int_equal(spread_at(&s, 0.5), 0);
    for (uint64_t v = 1; v <= 20; v++)
        spread_add(&s, v, 1);
    assert_int_equal(spread_at(&s, 0), 1);
    assert_int_equal(spread_at(&s, 0.5), 10);
    assert_int_equal(spread_at(&s, 0.9), 18);
    assert_int_equal(spread_at(&s, 1), 20);
}

static void test_spread_at_is_off_by_at_most_a_64th(void **state)
{
    static struct spread s;

    (void)state;
    for (uint64_t v = 1; v <= 1000000; v++)
        spread_add(&s, v, 1);
    for (unsigned i = 1; i <= 1000; i++) {
        double want = i * 1000.0, got = (double)spread_at(&s, i / 1000.0);
        if (got < want * 63 / 64 || got > want * 65 / 64)
            fail_msg("%g for %g", got, want);
    }
    assert_int_equal(s.sum, UINT64_C(500000500000));
}

static void test_spread_bucket_is_in_order_and_in_range(void **state)
{
    unsigned last = 0;

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = UINT64_C(1) << bit;
        const uint64_t near[] = {value - 1, value, value + value / 2};
        for (size_t i = 0; i < ARRAY_LEN(near); i++) {
            unsigned bucket = spread_bucket(near[i]);
            assert_true(bucket >= last && bucket < SPREAD_BUCKETS);
            last = bucket;
        }
    }
    assert_int_equal(last, SPREAD_BUCKETS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrivals_take_tells_twice_from_late),
        cmocka_unit_test(test_arrivals_take_forgets_nothing_as_the_window_moves),
        cmocka_unit_test(test_arrivals_omit_end_begins_anew_and_knows_what_came),
        cmocka_unit_test(test_arrivals_note_time_counts_a_batch_as_no_time),
        cmocka_unit_test(test_spread_at_is_exact_for_small_values),
        cmocka_unit_test(test_spread_at_is_off_by_at_most_a_64th),
        cmocka_unit_test(test_spread_bucket_is_in_order_and_in_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
