/* The turnstile that the workers of a crowd of tests go through. */
#include "impl/traffic/turnstile.h"

#include "impl/tests/unit.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PLACES 2
#define CROWD  3
#define N      6 /* visitors */

static struct turnstile turnstile;
static struct turnstile_visitor v[N];

static int set_up(void **state)
{
    (void)state;
    turnstile_init(&turnstile, PLACES, CROWD);
    for (size_t i = 0; i < N; i++) {
        v[i] = (struct turnstile_visitor){.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
        assert_true(v[i].wake_fd >= 0);
        turnstile_expect(&turnstile);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++)
        close(v[i].wake_fd);
    turnstile_fini(&turnstile);
    return 0;
}

static bool is_called(const struct turnstile_visitor *visitor)
{
    uint64_t count;

    return read(visitor->wake_fd, &count, sizeof count) == sizeof count;
}

static void enter_all(void)
{
    for (size_t i = 0; i < N; i++)
        assert_int_equal(turnstile_enter(&turnstile, &v[i]), i < PLACES);
}

static void test_turnstile_has_so_many_places(void **state)
{
    (void)state;
    enter_all();
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(turnstile_is_open(&v[i]), i < PLACES);
        assert_false(is_called(&v[i]));
    }
}

static void test_turnstile_calls_who_waits_longest(void **state)
{
    (void)state;
    enter_all();
    for (size_t next = PLACES; next < N; next++) {
        turnstile_leave(&turnstile, &v[next - PLACES]);
        assert_false(turnstile_is_open(&v[next - PLACES]));
        for (size_t i = next; i < N; i++)
            assert_int_equal(turnstile_is_open(&v[i]), i == next);
        assert_true(is_called(&v[next]));
    }
}

static void test_turnstile_who_comes_again_stands_behind_the_others(void **state)
{
    (void)state;
    enter_all();
    turnstile_leave(&turnstile, &v[0]);
    assert_false(turnstile_enter(&turnstile, &v[0]));
    for (size_t i = 1; i + 1 < N; i++) {
        turnstile_leave(&turnstile, &v[i]);
        assert_int_equal(turnstile_is_open(&v[0]), i + PLACES >= N);
    }
    assert_true(is_called(&v[0]));
}

static void test_turnstile_who_stops_waiting_is_not_called(void **state)
{
    (void)state;
    enter_all();
    turnstile_leave(&turnstile, &v[2]);
    turnstile_leave(&turnstile, &v[0]);
    assert_false(turnstile_is_open(&v[2]));
    assert_false(is_called(&v[2]));
    assert_true(turnstile_is_open(&v[3]));
}

/* Called, but it does not want to any more: the place is not lost. */
static void test_turnstile_who_leaves_when_called_gives_the_place_on(void **state)
{
    (void)state;
    enter_all();
    turnstile_leave(&turnstile, &v[0]);
    turnstile_leave(&turnstile, &v[2]);
    assert_true(turnstile_is_open(&v[3]));
}

static void test_turnstile_leave_twice_makes_no_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        turnstile_leave(&turnstile, &v[0]);
    enter_all();
}

static void test_turnstile_stands_open_without_a_crowd(void **state)
{
    (void)state;
    for (size_t i = CROWD; i < N; i++)
        turnstile_forget(&turnstile);
    for (size_t i = 0; i < N; i++)
        assert_true(turnstile_enter(&turnstile, &v[i]));
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_turnstile_has_so_many_places),
        ROW(test_turnstile_calls_who_waits_longest),
        ROW(test_turnstile_who_comes_again_stands_behind_the_others),
        ROW(test_turnstile_who_stops_waiting_is_not_called),
        ROW(test_turnstile_who_leaves_when_called_gives_the_place_on),
        ROW(test_turnstile_leave_twice_makes_no_place),
        ROW(test_turnstile_stands_open_without_a_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
