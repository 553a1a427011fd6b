/* Looking on before sleeping: what a loop learns from its waits, and that nothing is late by it. */
#include "impl/net/linger.h"
#include "impl/net/loop.h"
#include "impl/tests/unit.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void test_linger_learns(void **state)
{
    static const struct {
        uint64_t waited_ns, ns; /* what it learns from, and what comes of it */
    } waits[] = {
        {5000,              10000        }, /* the first was short: worth a try */
        {9000,              10000        }, /* within what is looked on for */
        {10001,             20000        },
        {60000,             40000        },
        {60000,             80000        },
        {99999,             LINGER_MAX_NS},
        {LINGER_MAX_NS,     LINGER_MAX_NS},
        {LINGER_MAX_NS + 1, 0            }, /* it did not pay */
        {UINT64_MAX,        0            },
        {LINGER_MAX_NS,     10000        },
    };
    struct linger linger = {.ns = 0};

    (void)state;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        linger_learn(&linger, waits[i].waited_ns);
        assert_int_equal(linger.ns, waits[i].ns);
    }
}

static void test_linger_alone_on_a_processor_sleeps(void **state)
{
    struct linger linger = {.is_alone = true};

    (void)state;
    linger_learn(&linger, 1);
    assert_int_equal(linger.ns, 0);
}

struct counter {
    struct loop *loop;
    struct loop_source source;
    struct loop_timer timer;
    unsigned n_ready, n_fired;
};

#define TURNS 1000

/* The next event is there at once; after the last of them comes the timer, which is due within the
 * time that is looked on for. */
static void count_ready(struct loop_source *source, uint32_t events)
{
    struct counter *c = LOOP_OWNER(struct counter, source, source);
    uint64_t value;

    (void)events;
    assert_int_equal(read(source->fd, &value, sizeof value), sizeof value);
    if (++c->n_ready < TURNS)
        assert_int_equal(eventfd_write(source->fd, 1), 0);
    else
        loop_timer_set(c->loop, &c->timer, loop_now() + LINGER_MAX_NS / 2);
}

static void count_fired(struct loop_timer *timer, uint64_t now_ns)
{
    struct counter *c = LOOP_OWNER(struct counter, timer, timer);

    (void)now_ns;
    c->n_fired++;
    loop_stop(c->loop);
}

static void test_loop_that_looks_on_misses_neither_events_nor_timers(void **state)
{
    struct counter c = {.loop = loop_new(), .timer.fire = count_fired};

    (void)state;
    assert_non_null(c.loop);
    c.source = (struct loop_source){.fd = eventfd(1, EFD_CLOEXEC), .ready = count_ready};
    assert_int_equal(loop_watch(c.loop, &c.source, EPOLLIN), SPEC_OK);
    assert_int_equal(loop_run(c.loop), SPEC_OK);
    assert_int_equal(c.n_ready, TURNS);
    assert_int_equal(c.n_fired, 1);
    loop_unwatch(&c.source);
    close(c.source.fd);
    loop_free(c.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linger_learns),
        cmocka_unit_test(test_linger_alone_on_a_processor_sleeps),
        cmocka_unit_test(test_loop_that_looks_on_misses_neither_events_nor_timers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
