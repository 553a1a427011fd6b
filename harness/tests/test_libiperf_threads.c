/* The coroutines that fuzz/libiperf makes of a library's threads. */
#include "impl/tests/unit.h"

#include "fuzz/libiperf/threads.h"
#include "fuzz/libiperf/world.h"

#include <errno.h>
#include <string.h>

static char said[64]; /* by the threads, in order */

static void say(char what)
{
    size_t n = strlen(said);

    assert_true(n + 1 < sizeof said);
    said[n] = what;
    said[n + 1] = '\0';
}

void world_wait(void)
{
    say('.');
    threads_turn();
}

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread = 0;

    assert_int_equal(libiperf_pthread_create(&thread, NULL, run, argument), 0);
    assert_true(thread != 0);
    return thread;
}

static int setup(void **state)
{
    (void)state;
    said[0] = '\0';
    threads_reset();
    return 0;
}

/* --- turns ----------------------------------------------------------------------------------- */

static void *talk(void *argument)
{
    const char *words = argument;

    for (; *words; words++) {
        say(*words);
        threads_give_way();
    }
    return argument;
}

static void test_threads_turn_lets_each_go_on_until_it_gives_way(void **state)
{
    void *result = NULL;
    char one[] = "abc", other[] = "xy";
    pthread_t first = start(talk, one), second = start(talk, other);

    (void)state;
    assert_string_equal(said, "");
    threads_turn();
    assert_false(threads_is_one());
    threads_turn();
    assert_string_equal(said, "axby");
    assert_int_equal(libiperf_pthread_join(first, &result), 0);
    assert_ptr_equal(result, one);
    assert_string_equal(said, "axby.c.");
    assert_int_equal(libiperf_pthread_join(second, NULL), 0);
    assert_int_equal(libiperf_pthread_join(second, NULL), ESRCH);
}

static void *call_often(void *argument)
{
    unsigned *n = argument;

    for (; *n < 10 * THREADS_CALLS; ++*n)
        threads_count_call();
    return NULL;
}

static void test_threads_count_call_gives_way_after_some(void **state)
{
    unsigned n = 0, before;

    (void)state;
    start(call_often, &n);
    do {
        before = n;
        threads_turn();
        assert_true(n - before <= THREADS_CALLS);
    } while (n > before);
    assert_int_equal(n, 10 * THREADS_CALLS);
}

static void *call_locked(void *argument)
{
    libiperf_pthread_mutex_lock(NULL);
    call_often(argument);
    libiperf_pthread_mutex_unlock(NULL);
    return NULL;
}

static void test_threads_count_call_keeps_who_holds_a_lock(void **state)
{
    unsigned n = 0;

    (void)state;
    start(call_locked, &n);
    threads_turn();
    assert_int_equal(n, 10 * THREADS_CALLS);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void test_pthread_cancel_ends_a_thread_where_it_gave_way(void **state)
{
    void *result = NULL;
    char words[] = "abc";
    pthread_t thread = start(talk, words);

    (void)state;
    threads_turn();
    assert_int_equal(libiperf_pthread_cancel(thread), 0);
    threads_turn();
    assert_int_equal(libiperf_pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_string_equal(said, "a");
    assert_int_equal(libiperf_pthread_cancel(thread), ESRCH);
}

static void leave_here(void)
{
    say('!');
}

static void *leave(void *argument)
{
    (void)argument;
    threads_leave(leave_here);
}

static void test_threads_leave_calls_in_the_main_thread(void **state)
{
    char words[] = "abc";

    (void)state;
    start(leave, NULL);
    start(talk, words);
    threads_turn();
    assert_string_equal(said, "!");
    assert_false(threads_is_one());
}

/* --- who calls nobody ------------------------------------------------------------------------ */

static volatile bool may_end;

/* As the library's code, it stands in the section that was made of its own. */
__attribute__((section("libiperf_text"), noinline,
               no_sanitize("address", "undefined"))) static void *
spin(void *argument)
{
    while (!may_end)
        ;
    return argument;
}

static void test_a_thread_that_spins_does_not_keep_the_others(void **state)
{
    char words[] = "abc";

    (void)state;
    may_end = false;
    pthread_t spinner = start(spin, words);
    start(talk, words);
    for (int i = 0; i < 3; i++)
        threads_turn();
    assert_string_equal(said, "abc");
    may_end = true;
    assert_int_equal(libiperf_pthread_join(spinner, NULL), 0);
}

static void test_pthread_create_has_a_place_for_each_stream(void **state)
{
    pthread_t thread;
    char words[] = "";

    (void)state;
    for (int i = 0; i < THREADS_MAX; i++)
        start(talk, words);
    assert_int_equal(libiperf_pthread_create(&thread, NULL, talk, words), EAGAIN);
    threads_turn();
    threads_reset();
    start(talk, words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_threads_turn_lets_each_go_on_until_it_gives_way, setup),
        cmocka_unit_test_setup(test_threads_count_call_gives_way_after_some, setup),
        cmocka_unit_test_setup(test_threads_count_call_keeps_who_holds_a_lock, setup),
        cmocka_unit_test_setup(test_pthread_cancel_ends_a_thread_where_it_gave_way, setup),
        cmocka_unit_test_setup(test_threads_leave_calls_in_the_main_thread, setup),
        cmocka_unit_test_setup(test_a_thread_that_spins_does_not_keep_the_others, setup),
        cmocka_unit_test_setup(test_pthread_create_has_a_place_for_each_stream, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
