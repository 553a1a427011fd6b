/* The test as a whole: when it ends, what is counted, intervals, results. */
#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"
#include "impl/tests/run_bench.h"
#include "impl/wire/account.h"

#include <errno.h>

#define N_STREAMS 3

/* --- end conditions --- */

static const struct end_row {
    const char *name;
    bool udp, reverse;
    unsigned n_streams;
    int64_t num, blockcount, bandwidth;
    uint64_t want; /* bytes sent in all */
} end_rows[] = {
    {"END-4 -n rounds up to whole blocks",   false, false, 1, 99001, 0,   0,        100000},
    {"END-4 -n of whole blocks",             false, false, 1, 99000, 0,   0,        99000 },
    {"END-4 -k 1",                           false, false, 1, 0,     1,   0,        1000  },
    {"END-4 -k 9, which stock rounds to 10", false, false, 1, 0,     9,   0,        9000  },
    {"END-4 -k over three streams",          false, false, 3, 0,     100, 0,        100000},
    {"END-4 -k with pacing",                 false, false, 2, 0,     20,  8000000,  20000 },
    {"END-4 the smaller of -n and -k",       false, false, 1, 50000, 9,   0,        9000  },
    {"END-1 -n reverse",                     false, true,  1, 99001, 0,   0,        100000},
    {"END-1 -k reverse, three streams",      false, true,  3, 0,     60,  0,        60000 },
    {"END-4 UDP -k",                         true,  false, 1, 0,     50,  0,        50000 },
    {"END-4 UDP -n, two streams",            true,  false, 2, 39500, 0,   80000000, 40000 },
};

static void test_end_is_reached_on_the_exact_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(end_rows); i++) {
        const struct end_row *row = &end_rows[i];
        struct bench b;
        uint64_t sent, received;

        bench_init(&b);
        b.params.udp = row->udp;
        b.params.num = row->num;
        b.params.blockcount = row->blockcount;
        b.params.bandwidth = row->bandwidth;
        run_both(&b, row->n_streams, !row->reverse);
        sent = total_bytes(row->reverse ? b.server.run : b.client.run);
        received = total_bytes(row->reverse ? b.client.run : b.server.run);
        /* All of it fits the receive queues, which are emptied before the end. */
        if (sent != row->want || received > sent || (row->reverse && received < (uint64_t)row->num))
            fail_msg("%s: sent %lu, received %lu", row->name, sent, received);
        bench_fini(&b);
    }
}

/* Of the loop and of the workers. */
static void test_each_call_may_be_interrupted(void **state)
{
    bool hit = true;

    (void)state;
    for (unsigned n = 1; hit; n++) {
        struct bench b;
        bench_init(&b);
        b.params.num = 20000;
        struct run_config client = config_of(&b, MACHINE_CLIENT),
                          server = config_of(&b, MACHINE_SERVER);
        make_run(&client);
        make_run(&server);
        connect_runs(&b, 1, true);
        io_fail_at(n, IO_FAIL, EINTR);
        start_at(b.server.run, loop_now());
        start_at(b.client.run, loop_now());
        loop_run(b.loop);
        hit = io_failed();
        io_fail_at(0, IO_FAIL, 0);
        assert_int_equal(total_bytes(b.client.run), 20000);
        assert_int_equal(stream_errno(b.client.run, 0), 0);
        assert_int_equal(stream_errno(b.server.run, 0), 0);
        assert_true(hit || n > 20); /* at least the blocks */
        bench_fini(&b);
    }
}

static void test_time_counts_from_the_end_of_omit(void **state)
{
    struct bench b;
    struct run_config config;
    int raw;

    (void)state;
    bench_init(&b);
    b.params.time = 1;
    b.params.omit = 1;
    config = config_of(&b, MACHINE_CLIENT);
    raw = connect_raw(make_run(&config), false);
    start_at(b.client.run, loop_now() - SECOND); /* the omit period is just over */
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 1);
    assert_true(loop_now() >= b.client.run->counted_from_ns + SECOND); /* OMIT-4 */
    assert_true(run_totals(b.client.run, 0).counted.end_s >= 1);
    close(raw);
    bench_fini(&b);
}

/* On a busy machine the client's last byte, and its TEST_END, may be there before our clock is
 * looked at. */
static void test_an_omit_period_that_is_over_is_no_part_of_the_time(void **state)
{
    struct bench b;
    struct run_config config;

    (void)state;
    bench_init(&b);
    b.params.omit = 1;
    config = config_of(&b, MACHINE_SERVER);
    int raw = connect_raw(make_run(&config), false);
    uint64_t start_ns = loop_now() - SECOND - 1;
    start_at(b.server.run, start_ns);
    run_stop(b.server.run);
    double counted_s = (double)(loop_now() - start_ns - SECOND) / (double)SECOND;
    assert_true(run_totals(b.server.run, 0).counted.end_s <= counted_s); /* RES-28 */
    close(raw);
    bench_fini(&b);
}

static void stop_instead(struct loop_timer *timer, uint64_t now_ns)
{
    struct bench *b = (struct bench *)(void *)((char *)timer - offsetof(struct bench, watchdog));

    (void)now_ns;
    loop_stop(b->loop);
}

static void test_nothing_ends_before_test_running(void **state)
{
    struct bench b;
    struct run_config config;
    int raw;

    (void)state;
    bench_init(&b);
    b.params.time = 1;
    config = config_of(&b, MACHINE_CLIENT);
    config.interval_s = 0.1;
    raw = connect_raw(make_run(&config), true);
    run_init(b.client.run, loop_now() - 5 * SECOND);
    b.watchdog.fire = stop_instead; /* after the run's timer, which is due as well */
    loop_timer_set(b.loop, &b.watchdog, loop_now());
    loop_run(b.loop);
    assert_int_equal(b.client.n_over + b.client.n_rows, 0);
    b.watchdog.fire = hang;
    loop_timer_set(b.loop, &b.watchdog, loop_now() + 60 * SECOND);
    assert_int_equal(run_start(b.client.run, loop_now()), SPEC_OK);
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 1);
    close(raw);
    bench_fini(&b);
}

static void test_the_owner_may_free_the_run_when_it_is_over(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    b.params.blockcount = 3;
    b.free_when_over = true;
    run_both(&b, 1, true);
    assert_null(b.client.run);
    bench_fini(&b);
}

static void test_the_owner_may_close_the_run_at_an_interval(void **state)
{
    struct bench b;
    struct run_config config;
    int raw;

    (void)state;
    bench_init(&b);
    b.params.time = 1;
    b.params.omit = 1;
    b.close_at_interval = true;
    config = config_of(&b, MACHINE_CLIENT);
    config.interval_s = 5;
    raw = connect_raw(make_run(&config), true);
    start_at(b.client.run, loop_now() - SECOND); /* the rest of the omit period is due */
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 0);
    assert_true(b.client.rows[0].omitted);
    assert_int_equal(run_stream_fd(b.client.run, 0), -1);
    close(raw);
    bench_fini(&b);
}

/* --- what is counted --- */

static void test_what_is_queued_at_the_stop_is_counted(void **state)
{
    static const uint8_t early[2500];

    (void)state;
    for (int skip = 0; skip <= 1; skip++) {
        struct bench b;
        struct run_config config;
        int raw;

        bench_init(&b);
        config = config_of(&b, MACHINE_SERVER);
        config.skip_rx_copy = skip;
        raw = connect_raw(make_run(&config), false);
        assert_int_equal(write(raw, early, sizeof early), sizeof early);
        wait_queued(run_stream_fd(b.server.run, 0), sizeof early);
        start_at(b.server.run, loop_now());
        run_stop(b.server.run);
        assert_int_equal(run_totals(b.server.run, 0).counted.bytes,
                         sizeof early); /* RES-26, INT-7 */
        assert_true(run_last_received_ns(b.server.run) > 0);
        run_close(b.server.run);
        assert_int_equal(run_totals(b.server.run, 0).counted.bytes, sizeof early);
        close(raw);
        bench_fini(&b);
    }
}

static void test_bytes_before_the_end_of_omit_are_left_out(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    b.params.omit = 1;
    b.params.blockcount = 200;
    b.params.len = 500;
    b.params.bandwidth = 4000000; /* about 1000 blocks in the omit period */
    struct run_config client = config_of(&b, MACHINE_CLIENT),
                      server = config_of(&b, MACHINE_SERVER);
    client.interval_s = server.interval_s = 3600; /* the senders themselves say when */
    make_run(&client);
    make_run(&server);
    connect_runs(&b, 2, true);
    start_at(b.server.run, loop_now());
    start_at(b.client.run, loop_now());
    loop_run(b.loop);

    uint64_t counted = 0, omitted = 0;
    for (size_t i = 0; i < b.client.n_rows; i++)
        *(b.client.rows[i].omitted ? &omitted : &counted) += b.client.rows[i].bytes;
    assert_true(omitted > 0);
    assert_int_equal(counted, total_bytes(b.client.run)); /* OMIT-1, RES-20 */
    assert_true(counted >= 200 * 500);                    /* END-8: counted anew */
    bench_fini(&b);
}

static void test_intervals_follow_each_other_and_add_up(void **state)
{
    struct bench b;
    double at_s = 0;
    uint64_t bytes = 0;

    (void)state;
    bench_init(&b);
    b.params.blockcount = 1000;
    b.params.bandwidth = 4000000; /* 2 s, of which a busy machine may sleep through most */
    struct run_config client = config_of(&b, MACHINE_CLIENT);
    client.interval_s = 0.1;
    int raw = connect_raw(make_run(&client), true);
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_true(b.client.n_rows >= 2);
    for (size_t i = 0; i < b.client.n_rows; i++) {
        const struct interval *row = &b.client.rows[i];
        assert_true(row->start_s == at_s);
        assert_true(row->end_s > at_s && row->sender && !row->omitted);
        assert_int_equal(row->id, 1);
        assert_int_equal(row->socket, run_stream_fd(b.client.run, 0));
        assert_true(row->tcp.valid && row->retransmits >= 0 && row->tcp.snd_cwnd > 0);
        at_s = row->end_s;
        bytes += row->bytes;
    }
    assert_int_equal(bytes, 1000000);
    assert_true(run_totals(b.client.run, 0).counted.end_s == at_s);
    close(raw);
    bench_fini(&b);
}

/* --- workers --- */

static const struct worker_row {
    const char *name;
    int affinity;
    bool udp, client_sends;
} worker_rows[] = {
    {"TCP",            -1, false, true },
    {"TCP, reverse",   -1, false, false},
    {"TCP on one CPU", 0,  false, true },
    {"UDP",            -1, true,  true },
};

/* Many streams, more than there are processors: each one's own bytes, and no more threads. */
static void test_streams_share_the_workers(void **state)
{
    size_t most = worker_most(-1, true), n = 3 * most + 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(worker_rows); i++) {
        const struct worker_row *row = &worker_rows[i];
        struct bench b;

        bench_init(&b);
        b.params.udp = row->udp;
        b.params.time = 1;
        b.params.bandwidth = 200000; /* 25 blocks in a second */
        struct run_config client = config_of(&b, MACHINE_CLIENT),
                          server = config_of(&b, MACHINE_SERVER);
        client.affinity = row->affinity;
        make_run(&client);
        make_run(&server);
        connect_runs(&b, (unsigned)n, row->client_sends);
        start_at(b.server.run, loop_now());
        start_at(b.client.run, loop_now());
        loop_run(b.loop);
        run_stop(b.server.run);
        assert_int_equal(b.client.run->n_workers, row->affinity >= 0 ? 1 : most);
        for (size_t k = 0; k < n; k++) {
            struct interval ours = run_totals(b.client.run, k).counted;
            double paced = 25000 * ours.end_s + (double)b.params.len;
            if (ours.bytes == 0 || (ours.sender && (double)ours.bytes > paced)) /* DATA-4 */
                fail_msg("%s: stream %zu: %lu bytes", row->name, k, ours.bytes);
            struct interval_total got = run_totals(b.server.run, k);
            if (got.lost != 0 || got.out_of_order != 0) /* each has its own numbers */
                fail_msg("%s: stream %zu: lost %ld", row->name, k, got.lost);
        }
        bench_fini(&b);
    }
}

/* --- results --- */

static void test_results_of_a_tcp_sender(void **state)
{
    struct bench b;
    struct results r;

    (void)state;
    bench_init(&b);
    b.params.blockcount = 90;
    run_both(&b, N_STREAMS, true);
    results_init(&r);
    assert_int_equal(run_fill_results(b.client.run, &r), SPEC_OK);
    assert_int_equal(r.n_streams, N_STREAMS);
    assert_int_equal(r.sender_has_retransmits, 1); /* RES-5 */
    assert_non_null(r.congestion_used);            /* RES-6 */
    assert_true(r.cpu_util_total >= 0);
    for (unsigned i = 0; i < N_STREAMS; i++) {
        assert_int_equal(r.streams[i].id, account_stream_id(i)); /* STR-6 */
        assert_true(r.streams[i].retransmits >= 0);
        assert_int_equal(r.streams[i].packets, 0);
        assert_true(r.streams[i].start_time == 0 && r.streams[i].end_time > 0);
    }
    results_fini(&r);
    bench_fini(&b);
}

static void test_bidir_counts_each_direction(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    b.params.num = 200000;
    struct run_config client = config_of(&b, MACHINE_CLIENT),
                      server = config_of(&b, MACHINE_SERVER);
    make_run(&client);
    make_run(&server);
    connect_runs(&b, 1, true);
    connect_runs(&b, 1, false);
    start_at(b.server.run, loop_now());
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_true(b.client.run->streams[0]->sends && !b.client.run->streams[1]->sends);
    assert_true(bytes_of(b.client.run, true) >= 200000 ||
                bytes_of(b.client.run, false) >= 200000); /* END-1 */
    assert_true(bytes_of(b.server.run, true) >= bytes_of(b.client.run, false));
    assert_true(bytes_of(b.client.run, true) >= bytes_of(b.server.run, false));
    bench_fini(&b);
}

/* Go as far as memory lasts. */
static enum spec_err try_all(struct bench *b, struct results *results)
{
    struct run_config config = config_of(b, MACHINE_CLIENT);
    enum spec_err err;
    int fds[2];

    b->client.run = run_new(&config);
    if (!b->client.run)
        return SPEC_E_NOMEM;
    connect_pair(fds, SOCK_STREAM);
    err = run_add_stream(b->client.run, fds[0], true);
    if (err == SPEC_OK) {
        start_at(b->client.run, loop_now());
        run_stop(b->client.run);
        err = run_fill_results(b->client.run, results);
    }
    close(fds[1]);
    return err;
}

static void test_lack_of_memory_is_told_wherever_it_strikes(void **state)
{
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct bench b;
        struct results results;
        enum spec_err err;

        bench_init(&b);
        results_init(&results);
        alloc_fail_at(n);
        err = try_all(&b, &results);
        failed = alloc_failed();
        alloc_fail_at(0);
        assert_int_equal(err, failed ? SPEC_E_NOMEM : SPEC_OK);
        results_fini(&results);
        bench_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_is_reached_on_the_exact_block),
        cmocka_unit_test(test_each_call_may_be_interrupted),
        cmocka_unit_test(test_time_counts_from_the_end_of_omit),
        cmocka_unit_test(test_an_omit_period_that_is_over_is_no_part_of_the_time),
        cmocka_unit_test(test_nothing_ends_before_test_running),
        cmocka_unit_test(test_the_owner_may_free_the_run_when_it_is_over),
        cmocka_unit_test(test_the_owner_may_close_the_run_at_an_interval),
        cmocka_unit_test(test_what_is_queued_at_the_stop_is_counted),
        cmocka_unit_test(test_bytes_before_the_end_of_omit_are_left_out),
        cmocka_unit_test(test_intervals_follow_each_other_and_add_up),
        cmocka_unit_test(test_streams_share_the_workers),
        cmocka_unit_test(test_results_of_a_tcp_sender),
        cmocka_unit_test(test_bidir_counts_each_direction),
        cmocka_unit_test(test_lack_of_memory_is_told_wherever_it_strikes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
