/* test_suite_shrink.c - the fewest items that still show something. */
#include "harness/suite/shrink.h"

#include "impl/tests/unit.h"

/* A run that shows it when all of `needed` are there, in their order. */
struct runner {
    size_t needed[4], n_needed;
    unsigned trials;
    bool is_flaky; /* shows it the first time only */
};

static bool shows(void *context, const size_t *items, size_t n)
{
    struct runner *r = context;
    size_t have = 0;

    r->trials++;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            assert_true(items[i] > items[i - 1]);
        have += have < r->n_needed && items[i] == r->needed[have];
    }
    return have == r->n_needed && !r->is_flaky;
}

static const struct row {
    const char *name;
    size_t n, needed[4], n_needed;
    unsigned trials; /* allowed */
    size_t want;     /* items left */
    bool is_shortest;
} rows[] = {
    {"one of a hundred",    100, {37},        1, 40, 1,   true },
    {"the first",           100, {0},         1, 40, 1,   true },
    {"the last",            100, {99},        1, 40, 1,   true },
    {"two far apart",       100, {3, 90},     2, 80, 2,   true },
    {"two neighbours",      64,  {31, 32},    2, 80, 2,   true },
    {"three",               50,  {0, 20, 49}, 3, 99, 3,   true },
    {"all are needed",      3,   {0, 1, 2},   3, 40, 3,   true },
    {"nothing is needed",   20,  {0},         0, 40, 0,   true },
    {"an empty list",       0,   {0},         0, 40, 0,   true },
    {"the only one",        1,   {0},         1, 40, 1,   true },
    {"no trial is allowed", 10,  {4},         1, 0,  10,  false},
    {"not enough trials",   100, {3, 50, 90}, 3, 5,  100, false},
};

static void test_shrink_leaves_what_is_needed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct runner r = {.n_needed = row->n_needed};
        size_t items[100], n = row->n;
        unsigned left = row->trials;
        memcpy(r.needed, row->needed, sizeof r.needed);
        for (size_t k = 0; k < n; k++)
            items[k] = k;
        bool is_shortest = shrink(items, &n, &left, shows, &r);
        if ((row->is_shortest ? n != row->want : n > row->want) ||
            is_shortest != row->is_shortest || left + r.trials != row->trials)
            fail_msg("%s: %zu left, %s, %u of %u trials", row->name, n,
                     is_shortest ? "shortest" : "not sure", r.trials, row->trials);
        for (size_t k = 0; row->is_shortest && k < n; k++)
            assert_int_equal(items[k], row->needed[k]);
    }
}

static void test_shrink_takes_nothing_out_on_a_trial_that_does_not_show_it(void **state)
{
    struct runner r = {.needed = {5}, .n_needed = 1, .is_flaky = true};
    size_t items[10], n = 10;
    unsigned left = 1000;

    (void)state;
    for (size_t k = 0; k < n; k++)
        items[k] = k;
    assert_true(shrink(items, &n, &left, shows, &r));
    assert_int_equal(n, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shrink_leaves_what_is_needed),
        cmocka_unit_test(test_shrink_takes_nothing_out_on_a_trial_that_does_not_show_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
