/* test_suite_order.c - the order of a seed is always the same, and what is worth most comes first.
 */
#include "harness/suite/order.h"
#include "impl/tests/unit.h"

#include <stdlib.h>

static void add(struct script_list *list, const char *text)
{
    struct script_error error;

    if (!script_read(list, "t", text, &error))
        fail_msg("line %u: expected %s, found %s", error.line, error.expected, error.found);
}

static void test_order_shuffle_is_a_permutation_that_the_seed_decides(void **state)
{
    size_t a[100], b[100], seen[100] = {0};
    bool moved = false;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        a[i] = b[i] = i;
    order_shuffle(a, 100, 7);
    order_shuffle(b, 100, 7);
    assert_memory_equal(a, b, sizeof a);
    for (size_t i = 0; i < 100; i++) {
        seen[a[i]]++;
        moved |= a[i] != i;
    }
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved);
    order_shuffle(b, 100, 8);
    assert_memory_not_equal(a, b, sizeof a);
}

/* FLOW-1 is a MUST, CTL-6 one too; a clause that was named before counts for less. */
static void test_order_by_worth_prefers_new_clauses_and_quick_cases(void **state)
{
    struct script_list list = {0};
    size_t index[] = {0, 1, 2, 3};
    static const size_t wanted[] = {1, 2, 0, 3};

    (void)state;
    add(&list, "case x/again\nclause FLOW-1\nplays client\n\nfinish\n");
    add(&list, "case x/both\nclause FLOW-1 CTL-1\nplays client\n\nfinish\n");
    add(&list, "case x/new\nclause CTL-2\nplays client\n\nfinish\n");
    add(&list, "case x/slow\nclause CTL-3\ntag slow\nplays client\n\nfinish\n");
    order_by_worth(&list, index, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(index[i], wanted[i]);
    assert_true(order_cost_ns(list.at[3]) > order_cost_ns(list.at[0]));
    script_list_fini(&list);
}

static void test_order_by_patience_begins_with_who_waits_longest(void **state)
{
    struct script_list list = {0};
    size_t index[] = {0, 1, 2, 3, 4};
    static const size_t wanted[] = {3, 1, 4, 0, 2};

    (void)state;
    add(&list, "case x/none\nclause CTL-1\nplays client\n\nfinish\n");
    add(&list, "case x/end\nclause CTL-1\nplays client\n\nopen\nexpect end within 5s..30s\n");
    add(&list, "case x/none-either\nclause CTL-1\nplays client\n\nfinish\n");
    add(&list, "case x/quiet\nclause CTL-1\nplays client\n\nopen\nexpect nothing for 40s\n");
    add(&list,
        "case x/pauses\nclause CTL-1\nplays client\n\nrepeat 2\n    pause 1s\nend\nfinish\n");
    order_by_patience(&list, index, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(index[i], wanted[i]);
    script_list_fini(&list);
}

static const struct {
    const char *name, *rest;
    double seconds;
} costs[] = {
    {"a server's",           "plays client\n\nfinish\n",                                     0.1 },
    {"its deadline is none", "plays client\n\nfinish\nexpect end within 9s\n",               0.1 },
    {"a client's",           "plays server\n\nfinish\n",                                     1   },
    {"a timer of 10 s",      "tag slow\nplays client\n\nopen\nexpect end\n",                 10.1},
    {"a longer one",         "tag slow\nplays server\n\nopen\nexpect end within 25s..60s\n", 61  },
    {"silence",
     "tag slow\nplays client\n\nopen\nexpect nothing for 36s\n"
     "expect end within 3s..30s\n",                                                          66.1},
    {"again and again",      "tag slow\nplays client\n\nrepeat 20\n    pause 1s\nend\n",     20.1},
    {"one of two",
     "tag slow\nplays client\n\nopen\neither\n    expect end within 20s\n"
     "or\n    expect state TEST_RUNNING within 30s\nend\n",                                  30.1},
};

/* A budget that was overrun by the one case that nobody reckoned with is none. */
static void test_order_cost_holds_what_a_slow_case_waits_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
        struct script_list list = {0};
        struct text file = {0};
        text_addf(&file, "case x\nclause CTL-1\n%s", costs[i].rest);
        add(&list, text_string(&file));
        if (order_cost_ns(list.at[0]) != (uint64_t)(costs[i].seconds * 10 + 0.5) * 100000000)
            fail_msg("%s: %.1f s", costs[i].name, (double)order_cost_ns(list.at[0]) / 1e9);
        text_fini(&file);
        script_list_fini(&list);
    }
}

/* The whole suite: each case once. */
static void test_order_by_worth_loses_no_case(void **state)
{
    struct script_list list = {0};
    struct text why = {0};
    char dir[1200];

    (void)state;
    assert_true(suite_default_cases(dir, sizeof dir));
    assert_int_equal(suite_find(&list, (const char *[]){dir}, 1, &why), 0);
    size_t *index = calloc(list.n, sizeof *index);
    bool *seen = calloc(list.n, sizeof *seen);
    for (size_t i = 0; i < list.n; i++)
        index[i] = i;
    order_by_worth(&list, index, list.n);
    for (size_t i = 0; i < list.n; i++) {
        assert_true(index[i] < list.n && !seen[index[i]]);
        seen[index[i]] = true;
    }
    free(seen);
    free(index);
    text_fini(&why);
    script_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_shuffle_is_a_permutation_that_the_seed_decides),
        cmocka_unit_test(test_order_by_worth_prefers_new_clauses_and_quick_cases),
        cmocka_unit_test(test_order_by_patience_begins_with_who_waits_longest),
        cmocka_unit_test(test_order_cost_holds_what_a_slow_case_waits_for),
        cmocka_unit_test(test_order_by_worth_loses_no_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
