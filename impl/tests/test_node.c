/* Memory that moves to another node stays what it was. Few machines have two nodes: moving is tried
 * towards the one that there is. */
#include "impl/tests/unit.h"
#include "impl/traffic/node.h"

#include <errno.h>

#define LEN (size_t)(1000 * 1000) /* more pages than are moved with one call */

static void test_several_nodes_are_a_range_or_a_list(void **state)
{
    (void)state;
    assert_false(node_is_several("0\n"));
    assert_false(node_is_several(""));
    assert_true(node_is_several("0-1\n"));
    assert_true(node_is_several("0,2\n"));
}

static void test_what_moves_stays_what_it_was(void **state)
{
    uint8_t *at = malloc(LEN);

    (void)state;
    assert_non_null(at);
    for (size_t i = 0; i < LEN; i++)
        at[i] = (uint8_t)(i % 251);
    if (!node_move(at + 100, LEN - 100, 0)) /* containers may refuse it */
        assert_true(errno == ENOSYS || errno == EPERM);
    node_settle(at, LEN);
    node_settle(NULL, 0);
    for (size_t i = 0; i < LEN; i++)
        assert_int_equal(at[i], i % 251);
    free(at);
}

static void test_a_node_that_is_not_there_is_refused(void **state)
{
    uint8_t *at = calloc(1, 4096);

    (void)state;
    at[0] = 1;
    assert_false(node_move(at, 4096, 1023));
    free(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_nodes_are_a_range_or_a_list),
        cmocka_unit_test(test_what_moves_stays_what_it_was),
        cmocka_unit_test(test_a_node_that_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
