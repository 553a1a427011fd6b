/* test_subject_leak.c - growth told from steps, warm-up and noise. */
#include "harness/subject/leak.h"
#include "impl/tests/unit.h"

#include <math.h>

#define N 64

/* A repeatable noise between -1 and 1. */
static double noise(size_t i)
{
    uint32_t x = (uint32_t)i * 2654435761u;

    x ^= x >> 13;
    x *= 2246822519u;
    x ^= x >> 16;
    return (double)x / 2147483648.0 - 1;
}

static double constant(size_t i)
{
    return 7 + 0 * (double)i;
}
static double noisy(size_t i)
{
    return 100000 + 4096 * noise(i);
}
static double one_step(size_t i)
{
    return i < N / 2 ? 100000 : 165536;
}
static double two_steps(size_t i)
{
    return one_step(i) + (i < N / 3 ? 0 : 135168);
}
static double warm_up(size_t i)
{
    return 500000 * (1 - exp(-(double)i / 3));
}
static double shrinking(size_t i)
{
    return 1e6 - 1000 * (double)i;
}
static double saw(size_t i)
{
    return 100000 + 4096 * (double)(i % 8);
}
static double one_each(size_t i)
{
    return 5 + (double)i;
}
static double one_in_eight(size_t i)
{
    return 5 + (double)(i / 8);
}
static double pages(size_t i) /* 1500 bytes a session, seen in pages, with noise */
{
    return 4096 * floor((1500.0 * (double)i + 300 * noise(i)) / 4096) - 500000 * exp(-(double)i);
}

static double pages_and_step(size_t i)
{
    return pages(i) + (i < N / 2 ? 0 : 16e6);
}

static const struct row {
    const char *name;
    double (*at)(size_t i);
    double least;
    bool grows, grows_steadily;
} rows[] = {
    {"constant",                       constant,       0.05, false, false},
    {"noise",                          noisy,          256,  false, false},
    {"one step",                       one_step,       256,  false, false},
    {"two steps",                      two_steps,      256,  false, false},
    {"warm-up",                        warm_up,        256,  false, false},
    {"shrinking",                      shrinking,      256,  false, false},
    {"to and fro",                     saw,            256,  false, false},
    {"less than what is worth it",     one_in_eight,   0.2,  false, false},
    {"a descriptor each",              one_each,       0.05, true,  true },
    {"a descriptor in each eighth",    one_in_eight,   0.05, true,  true },
    {"1500 bytes each, seen in pages", pages,          256,  true,  true },
    {"1500 bytes each, and one step",  pages_and_step, 256,  false, true },
};

static void test_leak_fit_tells_growth_from_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double samples[N];
        struct leak_slope slope;
        for (size_t k = 0; k < N; k++)
            samples[k] = rows[i].at(k);
        assert_true(leak_fit(samples, N, &slope));
        if (leak_is_growing(&slope, rows[i].least) != rows[i].grows)
            fail_msg("%s: %g (%g to %g)", rows[i].name, slope.per_session, slope.low, slope.high);
        assert_true(leak_fit_steady(samples, N, &slope));
        if (leak_is_growing(&slope, rows[i].least) != rows[i].grows_steadily)
            fail_msg("%s, but for a step: %g (%g to %g)", rows[i].name, slope.per_session,
                     slope.low, slope.high);
    }
}

static void test_leak_fit_gives_the_slope(void **state)
{
    double samples[N];
    struct leak_slope slope;

    (void)state;
    for (size_t i = 0; i < N; i++)
        samples[i] = 3 * (double)i;
    assert_true(leak_fit(samples, N, &slope));
    assert_true(fabs(slope.per_session - 3) < 1e-9);
    assert_true(slope.low <= slope.per_session && slope.per_session <= slope.high);
}

static void test_leak_fit_says_nothing_of_few_samples(void **state)
{
    double samples[N] = {0};
    struct leak_slope slope;

    (void)state;
    assert_false(leak_fit(samples, LEAK_MIN_N - 1, &slope));
    assert_true(leak_fit(samples, LEAK_MIN_N, &slope));
}

static void test_leak_is_steady_wants_each_step_to_go_up(void **state)
{
    double samples[LEAK_STEADY + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        samples[i] = (double)(7 + i);
    assert_true(leak_is_steady(samples, LEAK_STEADY + 1));
    assert_false(leak_is_steady(samples, LEAK_STEADY));
    samples[5] = samples[4];
    assert_false(leak_is_steady(samples, LEAK_STEADY + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leak_fit_tells_growth_from_the_rest),
        cmocka_unit_test(test_leak_fit_gives_the_slope),
        cmocka_unit_test(test_leak_fit_says_nothing_of_few_samples),
        cmocka_unit_test(test_leak_is_steady_wants_each_step_to_go_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
