#include "impl/net/loop.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static struct loop *loop;

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    return loop == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    io_fail_at(0, IO_FAIL, 0);
    loop_free(loop);
    return 0;
}

/* --- sources
 * -------------------------------------------------------------------------------------- */

struct probe {
    struct loop_source source;
    int n_ready;
    struct probe **victim; /* unwatched and freed by ready() */
};

static void probe_close(struct probe *p)
{
    loop_unwatch(&p->source);
    close(p->source.fd);
    free(p);
}

static void probe_ready(struct loop_source *source, uint32_t events)
{
    struct probe *p = (struct probe *)source;

    assert_true(events & EPOLLIN);
    p->n_ready++;
    if (p->victim != NULL && *p->victim != NULL) {
        probe_close(*p->victim);
        *p->victim = NULL;
    }
}

static struct probe *probe_new(unsigned value)
{
    struct probe *p = calloc(1, sizeof *p);

    p->source = (struct loop_source){.fd = eventfd(value, EFD_NONBLOCK), .ready = probe_ready};
    assert_int_equal(loop_watch(loop, &p->source, EPOLLIN), SPEC_OK);
    return p;
}

static void test_loop_delivers_nothing_of_a_source_freed_in_the_same_batch(void **state)
{
    struct probe *a = probe_new(1), *b = probe_new(1);

    (void)state;
    a->victim = &b;
    b->victim = &a;
    turn(loop);
    assert_true((a == NULL) != (b == NULL));
    assert_int_equal((a != NULL ? a : b)->n_ready, 1);
    probe_close(a != NULL ? a : b);
}

static struct loop_source *changed;

static void change_interest(struct loop_source *source, uint32_t events)
{
    struct loop_source *other = source == &((struct probe *)source)->source ? changed : NULL;

    (void)events;
    ((struct probe *)source)->n_ready++;
    if (other != NULL && ((struct probe *)other)->n_ready == 0)
        assert_int_equal(loop_watch(loop, other, EPOLLPRI), SPEC_OK);
}

static void test_loop_delivers_no_event_that_is_not_waited_for_any_more(void **state)
{
    struct probe *a = probe_new(1), *b = probe_new(1);

    (void)state;
    a->source.ready = change_interest;
    changed = &b->source;
    turn(loop);
    assert_int_equal(a->n_ready, 1);
    assert_int_equal(b->n_ready, 0); /* the kernel reports in the order of becoming ready */
    probe_close(a);
    probe_close(b);
}

static void test_loop_goes_on_after_an_interrupted_wait(void **state)
{
    struct probe *p = probe_new(1);

    (void)state;
    io_fail_at(1, IO_FAIL, EINTR);
    turn(loop);
    assert_true(io_failed());
    turn(loop);
    assert_int_equal(p->n_ready, 1);
    probe_close(p);
}

static void test_loop_run_returns_when_waiting_fails(void **state)
{
    (void)state;
    io_fail_at(1, IO_FAIL, EBADF);
    assert_int_equal(loop_run(loop), SPEC_E_SYSTEM);
}

static void test_loop_watch_reports_a_descriptor_that_cannot_be_watched(void **state)
{
    struct loop_source source = {.fd = -1, .ready = probe_ready};

    (void)state;
    assert_int_equal(loop_watch(loop, &source, EPOLLIN), SPEC_E_SYSTEM);
    assert_null(source.loop);
}

/* --- timers
 * --------------------------------------------------------------------------------------- */

#define N_TIMERS 5000

static uint64_t last_at;
static int n_fired;

static void in_order(struct loop_timer *timer, uint64_t now_ns)
{
    assert_true(timer->at_ns >= last_at && timer->at_ns <= now_ns);
    assert_null(timer->loop);
    last_at = timer->at_ns;
    n_fired++;
}

static void test_loop_timers_fire_in_order_and_cancelled_ones_not_at_all(void **state)
{
    static struct loop_timer timers[N_TIMERS];
    uint64_t now = loop_now(), seed = 1;

    (void)state;
    last_at = 0;
    n_fired = 0;
    for (int i = 0; i < N_TIMERS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        timers[i] = (struct loop_timer){.fire = in_order};
        loop_timer_set(loop, &timers[i], now + 1000000000 + (seed >> 34));
    }
    for (int i = 0; i < N_TIMERS; i += 3) /* a third is cancelled, another set anew */
        loop_timer_cancel(&timers[i]);
    for (int i = 1; i < N_TIMERS; i += 3)
        loop_timer_set(loop, &timers[i], now + 1000000000 + (uint64_t)i);
    turn(loop);
    assert_int_equal(n_fired, 0);
    io_skip_ns(20000000000);
    turn(loop);
    assert_int_equal(n_fired, N_TIMERS - (N_TIMERS + 2) / 3);
}

static uint64_t lateness_ns;

static void note_lateness(struct loop_timer *timer, uint64_t now_ns)
{
    lateness_ns = now_ns - timer->at_ns;
    loop_stop(loop);
}

/* A machine that has other work may be late, but not always. */
static uint64_t least_lateness(uint64_t after_ns)
{
    struct loop_timer timer = {.fire = note_lateness};
    uint64_t least_ns = UINT64_MAX;

    for (int i = 0; i < 1000 && least_ns >= 500000; i++) {
        loop_timer_set(loop, &timer, loop_now() + after_ns);
        assert_int_equal(loop_run(loop), SPEC_OK);
        least_ns = MIN(least_ns, lateness_ns);
    }
    return least_ns;
}

static void test_loop_timers_are_more_exact_than_a_millisecond(void **state)
{
    static const uint64_t after_ns[] = {100000, 1100000, 5100000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(after_ns); i++)
        if (least_lateness(after_ns[i]) >= 500000)
            fail_msg("one of %u ns never fires in time", (unsigned)after_ns[i]);
}

static struct loop_timer twin[2];

static void cancel_twin(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    n_fired++;
    loop_timer_cancel(timer == &twin[0] ? &twin[1] : &twin[0]);
}

static void test_loop_timer_cancel_holds_for_one_that_is_due_already(void **state)
{
    (void)state;
    n_fired = 0;
    twin[0].fire = twin[1].fire = cancel_twin;
    loop_timer_set(loop, &twin[0], 0);
    loop_timer_set(loop, &twin[1], 0);
    turns(loop, 2);
    assert_int_equal(n_fired, 1);
}

static void again(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    if (++n_fired < 1000)
        loop_timer_set(loop, timer, 0);
}

static void test_loop_timer_that_sets_itself_again_leaves_room_for_others(void **state)
{
    struct loop_timer timer = {.fire = again};
    struct probe *p = probe_new(1);

    (void)state;
    n_fired = 0;
    loop_timer_set(loop, &timer, 0);
    turns(loop, 3);
    assert_int_equal(n_fired, 3);
    assert_int_equal(p->n_ready, 3);
    loop_timer_cancel(&timer);
    probe_close(p);
}

static void test_loop_timer_set_to_never_disarms(void **state)
{
    struct loop_timer timer = {.fire = again};

    (void)state;
    loop_timer_set(loop, &timer, 0);
    loop_timer_set(loop, &timer, UINT64_MAX);
    assert_null(timer.loop);
    n_fired = 0;
    turn(loop);
    assert_int_equal(n_fired, 0);
}

/* --- mail
 * ----------------------------------------------------------------------------------------- */

#define N_THREADS 4
#define N_LETTERS 500

static int next_of[N_THREADS], n_letters;

static void letter(void *context)
{
    int value = (int)(intptr_t)context, thread = value / N_LETTERS;

    assert_int_equal(value % N_LETTERS, next_of[thread]++); /* each thread's own, in order */
    if (++n_letters == N_THREADS * N_LETTERS)
        loop_stop(loop);
}

static void *write_letters(void *context)
{
    for (int i = 0; i < N_LETTERS; i++)
        if (loop_post(loop, letter, (void *)((intptr_t)context * N_LETTERS + i)) != SPEC_OK)
            abort();
    return NULL;
}

static void test_loop_post_from_threads_loses_nothing_and_keeps_the_order(void **state)
{
    pthread_t threads[N_THREADS];

    (void)state;
    for (intptr_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_letters, (void *)i), 0);
    assert_int_equal(loop_run(loop), SPEC_OK);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(n_letters, N_THREADS * N_LETTERS);
}

static int log_of_calls[8], n_calls;

static void call(void *context)
{
    log_of_calls[n_calls++] = *(int *)context;
}

static int one = 1, two = 2;

static void unpost_two(void *context)
{
    (void)context;
    loop_unpost(loop, call, &two); /* it lies in the hand already */
}

static void test_loop_unpost_takes_out_what_has_not_run(void **state)
{
    (void)state;
    n_calls = 0;
    loop_post(loop, call, &two);
    loop_unpost(loop, call, &two);
    loop_post(loop, unpost_two, NULL);
    loop_post(loop, call, &one);
    loop_post(loop, call, &two);
    turn(loop);
    loop_post(loop, call, &one);
    turn(loop);
    assert_int_equal(n_calls, 2);
    assert_int_equal(log_of_calls[0], 1);
    assert_int_equal(log_of_calls[1], 1);
}

static void test_loop_without_memory_says_so(void **state)
{
    (void)state;
    alloc_fail_at(1);
    assert_null(loop_new());
    alloc_fail_at(1);
    assert_int_equal(loop_post(loop, call, &one), SPEC_E_NOMEM);
    alloc_fail_at(0);
    assert_int_equal(loop_post(loop, call, &one), SPEC_OK); /* loop_free() drops it */
}

/* --- signals
 * -------------------------------------------------------------------------------------- */

static int caught_signo;

static void caught(void *context, int signo)
{
    assert_ptr_equal(context, &caught_signo);
    caught_signo = signo;
}

static void test_loop_signals_come_through_the_loop(void **state)
{
    sigset_t set;

    (void)state;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    assert_int_equal(loop_signals(loop, &set, caught, &caught_signo), SPEC_OK);
    raise(SIGUSR1);
    turn(loop);
    assert_int_equal(caught_signo, SIGUSR1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_loop_delivers_nothing_of_a_source_freed_in_the_same_batch),
        T(test_loop_delivers_no_event_that_is_not_waited_for_any_more),
        T(test_loop_goes_on_after_an_interrupted_wait),
        T(test_loop_run_returns_when_waiting_fails),
        T(test_loop_watch_reports_a_descriptor_that_cannot_be_watched),
        T(test_loop_timers_fire_in_order_and_cancelled_ones_not_at_all),
        T(test_loop_timers_are_more_exact_than_a_millisecond),
        T(test_loop_timer_cancel_holds_for_one_that_is_due_already),
        T(test_loop_timer_that_sets_itself_again_leaves_room_for_others),
        T(test_loop_timer_set_to_never_disarms),
        T(test_loop_post_from_threads_loses_nothing_and_keeps_the_order),
        T(test_loop_unpost_takes_out_what_has_not_run),
        T(test_loop_without_memory_says_so),
        T(test_loop_signals_come_through_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
