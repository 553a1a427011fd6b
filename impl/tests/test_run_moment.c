/* A run's first moment, which the loop serves before any thread does. */
#include "impl/tests/loopback.h"
#include "impl/tests/run_bench.h"

static const struct moment_row {
    const char *name;
    bool udp, sends;
    int64_t blockcount, bandwidth;
    unsigned streams;
    bool by_loop; /* and not by a thread */
} moment_rows[] = {
    {"TCP receiver",            false, false, 0, 0,       1, true },
    {"UDP receiver",            true,  false, 0, 0,       1, true },
    {"sender of so many",       false, true,  2, 0,       1, true },
    {"UDP sender without end",  true,  true,  0, 0,       1, false},
    {"TCP sender without end",  false, true,  0, 0,       1, false},
    {"UDP sender with a pace",  true,  true,  0, 8000000, 1, false},
    {"more than a few streams", false, false, 0, 0,       5, false},
};

/* A moment that does not end by itself, so that no busy machine makes a difference. */
static void begin_long_moment(struct run *run)
{
    start_at(run, loop_now());
    if (run->moment.loop)
        loop_timer_set(run->config.loop, &run->moment, loop_now() + 3600 * SECOND);
}

static void test_run_start_begins_on_the_loop_what_may_soon_be_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(moment_rows); i++) {
        const struct moment_row *row = &moment_rows[i];
        int raw[5];
        char block[1000] = {0};
        struct bench b;

        bench_init(&b);
        b.params.udp = row->udp;
        b.params.blockcount = row->blockcount;
        b.params.bandwidth = row->bandwidth;
        struct run_config config = config_of(&b, MACHINE_SERVER);
        config.loop_first = true;
        make_run(&config);
        for (unsigned k = 0; k < row->streams; k++)
            raw[k] =
                connect_raw_type(b.server.run, row->sends, row->udp ? SOCK_DGRAM : SOCK_STREAM);
        begin_long_moment(b.server.run);
        for (unsigned k = 0; k < 2; k++) {
            if (!row->sends)
                assert_int_equal(send(raw[0], block, sizeof block, 0), sizeof block);
            while (bytes_of(b.server.run, row->sends) < (k + 1) * sizeof block)
                turn(b.loop);
            if (row->sends)
                assert_int_equal(recv(raw[0], block, sizeof block, MSG_WAITALL), sizeof block);
        }
        while (!row->by_loop && b.server.run->moment.loop)
            turn(b.loop);
        if (row->by_loop != (b.server.run->moment.loop != NULL))
            fail_msg("%s", row->name);
        run_stop(b.server.run);
        assert_null(b.server.run->moment.loop);
        if (row->by_loop)
            assert_int_equal(run_totals(b.server.run, 0).counted.bytes, 2 * sizeof block);
        for (unsigned k = 0; k < row->streams; k++)
            close(raw[k]);
        bench_fini(&b);
    }
}

/* A server's run with one stream that comes in; returns the peer's end. */
static int one_receiver(struct bench *b)
{
    bench_init(b);
    struct run_config config = config_of(b, MACHINE_SERVER);
    config.loop_first = true;
    return connect_raw(make_run(&config), false);
}

/* What lies in the queue counts, also where no thread is there to take it. */
static void test_run_stop_takes_what_is_queued_in_the_first_moment(void **state)
{
    struct bench b;
    char block[1000] = {0};
    int raw = one_receiver(&b);

    (void)state;
    begin_long_moment(b.server.run);
    assert_int_equal(send(raw, block, sizeof block, 0), sizeof block);
    wait_queued(b.server.run->streams[0]->fd, sizeof block);
    run_stop(b.server.run);
    assert_int_equal(run_totals(b.server.run, 0).counted.bytes, sizeof block);
    close(raw);
    bench_fini(&b);
}

/* Once the moment is over threads go on, with nobody at the loop. */
static void test_the_first_moment_ends_by_itself(void **state)
{
    struct bench b;
    char block[1000] = {0};
    int raw = one_receiver(&b);

    (void)state;
    start_at(b.server.run, loop_now());
    assert_non_null(b.server.run->moment.loop);
    while (b.server.run->moment.loop)
        turn(b.loop);
    assert_int_equal(send(raw, block, sizeof block, 0), sizeof block);
    wait_counted(b.server.run, sizeof block);
    run_stop(b.server.run);
    close(raw);
    bench_fini(&b);
}

/* Nor does the loop serve one that comes again and again, however long the moment would be. */
static void test_the_first_moment_ends_with_who_comes_again_and_again(void **state)
{
    struct bench b;
    char block[1000] = {0};
    int raw = one_receiver(&b);
    unsigned n_sent = 0;

    (void)state;
    begin_long_moment(b.server.run);
    while (b.server.run->moment.loop) {
        assert_int_equal(send(raw, block, sizeof block, 0), sizeof block);
        n_sent++;
        while (b.server.run->moment.loop && bytes_of(b.server.run, false) < n_sent * sizeof block)
            turn(b.loop);
        assert_true(n_sent < 100);
    }
    assert_true(n_sent > 1);
    wait_counted(b.server.run, n_sent * sizeof block);
    run_stop(b.server.run);
    close(raw);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_start_begins_on_the_loop_what_may_soon_be_over),
        cmocka_unit_test(test_run_stop_takes_what_is_queued_in_the_first_moment),
        cmocka_unit_test(test_the_first_moment_ends_by_itself),
        cmocka_unit_test(test_the_first_moment_ends_with_who_comes_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
