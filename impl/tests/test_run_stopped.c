/* A reverse test whose sender stops before its limit is counted here (END-7, END-8, OMIT-3). */
#include "impl/tests/iofail.h"
#include "impl/tests/run_bench.h"
#include "impl/wire/datagram.h"

#define LEN    1000
#define BLOCKS 20

/* What the sender does, at one go: the first so many of its blocks get lost, are there before the
 * end of the omit period, or after it. */
static const struct row {
    const char *name;
    bool udp;
    int64_t omit, bandwidth;
    unsigned lost, omitted, counted;
    bool ends;
} rows[] = {
    {"UDP, some lost",                      true,  0, 0,       3, 0,  17, true },
    {"UDP, the last one lost",              true,  0, 0,       0, 0,  19, true },
    {"UDP, not yet at its end",             true,  0, 0,       0, 0,  10, false},
    {"UDP, paced",                          true,  0, 8000000, 3, 0,  17, false},
    {"TCP, not yet at its end",             false, 0, 0,       0, 0,  19, false},
    {"TCP, part of it before our omit end", false, 1, 0,       0, 25, 15, true },
    {"UDP, part of it before our omit end", true,  1, 0,       0, 25, 15, true },
    {"TCP, all of the omit period's only",  false, 1, 0,       0, 20, 0,  false},
    {"TCP, and half of the rest",           false, 1, 0,       0, 20, 10, false},
};

static void send_blocks(int raw, bool udp, unsigned from, unsigned n)
{
    uint8_t block[LEN] = {0};

    for (unsigned i = from; i < from + n; i++) {
        struct datagram_header header = {.seq = i + 1};
        if (udp)
            datagram_encode(block, false, &header);
        assert_int_equal(send(raw, block, sizeof block, 0), sizeof block);
    }
}

static void stop_here(struct loop_timer *timer, uint64_t now_ns)
{
    struct bench *b = (struct bench *)(void *)((char *)timer - offsetof(struct bench, watchdog));

    (void)now_ns;
    loop_stop(b->loop);
}

/* All bytes are counted, and then the run has so much time for whatever is due. */
static void run_for(struct bench *b, uint64_t bytes, uint64_t ns)
{
    struct stream *s = b->client.run->streams[0];

    while (counters_read(&s->counters).bytes < bytes)
        sched_yield();
    for (; ns >= SECOND / 2 && b->client.n_over == 0; ns -= SECOND / 2) {
        io_skip_ns(SECOND / 2);
        b->watchdog.fire = stop_here;
        loop_timer_set(b->loop, &b->watchdog, loop_now());
        loop_run(b->loop);
    }
}

static void test_a_test_ends_when_its_sender_has_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct bench b;
        bench_init(&b);
        b.params.udp = row->udp;
        b.params.omit = row->omit;
        b.params.bandwidth = row->bandwidth;
        b.params.num = BLOCKS * LEN;
        struct run_config config = config_of(&b, MACHINE_CLIENT);
        make_run(&config);
        int raw =
            row->udp ? connect_raw_udp(b.client.run, false) : connect_raw(b.client.run, false);
        start_at(b.client.run, loop_now());
        send_blocks(raw, row->udp, row->lost, row->omitted);
        if (row->omit)
            run_for(&b, row->omitted * LEN, SECOND);
        send_blocks(raw, row->udp, row->lost + row->omitted, row->counted);
        run_for(&b, (row->omitted + row->counted) * LEN, 6 * SECOND);
        if (b.client.n_over != row->ends)
            fail_msg("%s: it has %sended", row->name, row->ends ? "not " : "");
        close(raw);
        bench_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_test_ends_when_its_sender_has_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
