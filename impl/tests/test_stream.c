/* Single streams: what they put on the wire and take off it, how they fail, how they are stopped.
 */
#include "impl/tests/run_bench.h"
#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/stat.h>

/* --- TCP --- */

static void test_tcp_sends_the_digits_block_by_block(void **state)
{
    (void)state;
    for (int zerocopy = 0; zerocopy <= 1; zerocopy++) {
        struct bench b;
        char got[39];

        bench_init(&b);
        b.params.blockcount = 3;
        b.params.len = 13;
        b.params.zerocopy = zerocopy;
        params_mark(&b.params, PARAM_repeating_payload);
        struct run_config config = config_of(&b, MACHINE_CLIENT);
        int raw = connect_raw(make_run(&config), true);
        start_at(b.client.run, loop_now());
        loop_run(b.loop);
        assert_int_equal(recv(raw, got, sizeof got, MSG_WAITALL), sizeof got);
        assert_memory_equal(got, "012345678901201234567890120123456789012",
                            sizeof got); /* DATA-2 */
        close(raw);
        bench_fini(&b);
    }
}

/* Without a limit short blocks are joined to long writes, which nobody can tell (DATA-1). */
static void test_tcp_joins_whole_blocks(void **state)
{
    static uint8_t got[3 << 20];

    (void)state;
    for (int zerocopy = 0; zerocopy <= 1; zerocopy++) {
        struct bench b;

        bench_init(&b);
        b.params.len = 13;
        b.params.zerocopy = zerocopy;
        params_mark(&b.params, PARAM_repeating_payload);
        struct run_config config = config_of(&b, MACHINE_SERVER);
        int raw = connect_raw(make_run(&config), true);
        start_at(b.server.run, loop_now());
        assert_int_equal(recv(raw, got, sizeof got, MSG_WAITALL), sizeof got);
        run_stop(b.server.run);
        for (size_t i = 0; i < sizeof got; i++)
            if (got[i] != '0' + i % 13 % 10)
                fail_msg("byte %zu is '%c'", i, got[i]);
        struct counts counts = counters_read(&b.server.run->streams[0]->counters);
        assert_true(counts.bytes >= sizeof got);
        assert_int_equal(counts.blocks, counts.bytes / 13);
        close(raw);
        bench_fini(&b);
    }
}

static const struct piece_row {
    const char *name;
    bool udp;
    int64_t bandwidth, len, blockcount, burst, nodelay;
    size_t want, joined; /* bytes that go at a time; blocks that a step may join */
} piece_rows[] = {
    {"DATA-1 a quarter of a block",                  false, 1,         16000,  0, 0, 0, 4000,   1   },
    {"DATA-1 no less than a packet",                 false, 1,         3000,   0, 0, 0, 1448,   1   },
    {"DATA-1 short blocks go whole",                 false, 1,         1000,   0, 0, 0, 1000,   1   },
    {"DATA-1 two thousand pieces a second",          false, 128000000, 16000,  0, 0, 0, 8000,   1   },
    {"DATA-1 whole blocks at high rates",            false, INT64_MAX, 16000,  0, 0, 0, 16000,  16  },
    {"DATA-1 a millisecond of short blocks",         false, 80000000,  100,    0, 0, 0, 100,    100 },
    {"DATA-1 no more than a write",                  false, INT64_MAX, 100,    0, 0, 0, 100,    2621},
    {"DATA-1 whole blocks at high rates are joined", false, INT64_MAX, 100000, 0, 0, 0, 100000, 2   },
    {"blocks that are counted are not joined",       false, 80000000,  100,    9, 0, 0, 100,    1   },
    {"nor those of a burst",                         false, 80000000,  100,    0, 1, 0, 100,    1   },
    {"DATA-1 no pieces without a pace",              false, 0,         16000,  0, 0, 0, 16000,  16  },
    {"DATA-4 a burst is of blocks",                  false, 1,         16000,  0, 1, 0, 16000,  1   },
    {"END-4 blocks that are counted go whole",       false, 1,         16000,  9, 0, 0, 16000,  1   },
    {"blocks of --no-delay go whole",                false, 1,         16000,  0, 0, 1, 16000,  1   },
    {"UDP-4 a datagram is a datagram",               true,  1,         16000,  0, 0, 0, 16000,  4   },
};

static void test_run_new_cuts_and_joins_blocks_where_nobody_can_tell(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(piece_rows); i++) {
        const struct piece_row *row = &piece_rows[i];
        struct bench b;

        bench_init(&b);
        b.params.udp = row->udp;
        b.params.bandwidth = row->bandwidth;
        b.params.len = row->len;
        b.params.blockcount = row->blockcount;
        b.params.burst = row->burst;
        b.params.nodelay = row->nodelay;
        struct run_config config = config_of(&b, MACHINE_SERVER);
        const struct flow *flow = &make_run(&config)->flow;
        if (flow->piece != row->want || flow->batch != row->joined)
            fail_msg("%s: %zu bytes, %zu blocks", row->name, flow->piece, flow->batch);
        bench_fini(&b);
    }
}

/* A bit a second: the first piece goes at once, the next one in hours. */
static void test_tcp_keeps_the_pace_by_pieces_of_a_block(void **state)
{
    static uint8_t got[4000];

    (void)state;
    for (int zerocopy = 0; zerocopy <= 1; zerocopy++) {
        struct bench b;

        bench_init(&b);
        b.params.bandwidth = 1;
        b.params.len = 16000;
        b.params.zerocopy = zerocopy;
        struct run_config config = config_of(&b, MACHINE_SERVER);
        int raw = connect_raw(make_run(&config), true);
        start_at(b.server.run, loop_now());
        assert_int_equal(recv(raw, got, sizeof got, MSG_WAITALL), sizeof got);
        run_stop(b.server.run);
        struct counts counts = counters_read(&b.server.run->streams[0]->counters);
        assert_int_equal(counts.bytes, sizeof got);
        assert_int_equal(counts.blocks, 0);
        close(raw);
        bench_fini(&b);
    }
}

/* --- UDP --- */

static void send_datagram(int fd, uint64_t seq, size_t len)
{
    uint8_t datagram[2000] = {0};
    struct datagram_header header = {.sec = (uint32_t)seq, .usec = 2, .seq = seq};

    datagram_encode(datagram, false, &header);
    assert_int_equal(send(fd, datagram, len, 0), len);
}

static void test_udp_receiver_takes_each_datagram_on_its_own(void **state)
{
    (void)state;
    for (int skip = 0; skip <= 1; skip++) {
        struct bench b;
        struct run_config config;
        struct interval_total total;

        bench_init(&b);
        b.params.udp = true;
        config = config_of(&b, MACHINE_SERVER);
        config.skip_rx_copy = skip;
        int raw = connect_raw_udp(make_run(&config), false);
        send_datagram(raw, 1, 1000);
        send_datagram(raw, 2, 300);  /* short: a datagram all the same (INT-7) */
        send_datagram(raw, 5, 1500); /* long: len counts (UDP-12); 3 and 4 are lost */
        send_datagram(raw, 4, 1000); /* late (UDP-7) */
        send_datagram(raw, 6, 7);    /* no header: bytes only */
        start_at(b.server.run, loop_now());
        wait_counted(b.server.run, 3307);
        run_stop(b.server.run);
        total = run_totals(b.server.run, 0);
        assert_int_equal(total.counted.bytes, 3307);
        assert_int_equal(total.packets, 5);
        assert_int_equal(total.lost, 1);
        assert_int_equal(total.out_of_order, 1);
        close(raw);
        bench_fini(&b);
    }
}

static void test_udp_takes_what_is_queued_at_the_stop(void **state)
{
    struct bench b;
    struct run_config config;

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    config = config_of(&b, MACHINE_SERVER);
    int raw = connect_raw_udp(make_run(&config), false);
    send_datagram(raw, 1, 1000);
    wait_queued(run_stream_fd(b.server.run, 0), 1000);
    start_at(b.server.run, loop_now());
    run_stop(b.server.run);
    assert_int_equal(run_totals(b.server.run, 0).counted.bytes, 1000); /* RES-26 */
    close(raw);
    bench_fini(&b);
}

/* The vector of OMIT-2: 1, 2, 5 in the omit period, then 6, 9, 3. */
static void test_udp_omitted_counts_are_remembered(void **state)
{
    struct bench b;
    struct run_config config;
    struct results results;

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    b.params.omit = 1;
    b.stop_at_interval = true;
    config = config_of(&b, MACHINE_SERVER);
    config.interval_s = 10;
    int raw = connect_raw_udp(make_run(&config), false);
    start_at(b.server.run, loop_now() - SECOND); /* over as soon as the loop runs */
    send_datagram(raw, 1, 1000);
    send_datagram(raw, 2, 1000);
    send_datagram(raw, 5, 1000);
    wait_counted(b.server.run, 3000);
    loop_run(b.loop);
    assert_true(b.server.rows[0].omitted && b.server.rows[0].jitter_s > 0);
    assert_int_equal(bytes_of(b.server.run, false), 0);
    send_datagram(raw, 6, 1000);
    send_datagram(raw, 9, 1000);
    send_datagram(raw, 3, 1000);
    wait_counted(b.server.run, 3000);
    run_stop(b.server.run);
    results_init(&results);
    assert_int_equal(run_fill_results(b.server.run, &results), SPEC_OK);
    assert_int_equal(results.streams[0].bytes, 3000); /* RES-20 */
    assert_int_equal(results.streams[0].packets, 9);
    assert_int_equal(results.streams[0].errors, 3);
    assert_int_equal(results.streams[0].omitted_packets, 5); /* RES-17 */
    assert_int_equal(results.streams[0].omitted_errors, 2);  /* RES-15 */
    results_fini(&results);
    close(raw);
    bench_fini(&b);
}

static void test_udp_jitter_is_0_after_the_omit_period(void **state)
{
    struct bench b;
    struct run_config config;

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    b.params.omit = 1;
    b.stop_at_interval = true;
    config = config_of(&b, MACHINE_SERVER);
    config.interval_s = 10;
    int raw = connect_raw_udp(make_run(&config), false);
    start_at(b.server.run, loop_now() - SECOND);
    send_datagram(raw, 1, 1000);
    send_datagram(raw, 2, 1000);
    wait_counted(b.server.run, 2000);
    loop_run(b.loop);
    send_datagram(raw, 60, 1000); /* the first one of the counted period has no predecessor */
    wait_counted(b.server.run, 1000);
    run_stop(b.server.run);
    assert_true(b.server.rows[0].jitter_s > 0);
    assert_int_equal(bytes_of(b.server.run, false), 1000);
    assert_true(run_totals(b.server.run, 0).counted.jitter_s == 0); /* OMIT-1, UDP-9 */
    close(raw);
    bench_fini(&b);
}

/* Datagrams can be lost: a server that stopped at the limit would leave its client waiting. */
static void test_udp_server_sends_until_it_is_told(void **state)
{
    struct bench b;
    struct run_config config;
    uint8_t got[2000];

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    b.params.blockcount = 5;
    config = config_of(&b, MACHINE_SERVER);
    int raw = connect_raw_udp(make_run(&config), true);
    start_at(b.server.run, loop_now());
    for (int i = 0; i < 20; i++)
        assert_int_equal(recv(raw, got, sizeof got, 0), 1000);
    run_stop(b.server.run);
    close(raw);
    bench_fini(&b);
}

static void check_numbers(bool wide)
{
    struct bench b;
    uint8_t got[2000];

    bench_init(&b);
    b.params.udp = true;
    b.params.blockcount = 20;
    b.params.len = 600;
    if (wide)
        params_mark(&b.params, PARAM_udp_counters_64bit);
    struct run_config config = config_of(&b, MACHINE_CLIENT);
    int raw = connect_raw_udp(make_run(&config), true);
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        struct datagram_header header;
        assert_int_equal(recv(raw, got, sizeof got, 0), 600); /* UDP-3 */
        assert_int_equal(datagram_decode((struct bytes){got, 600}, wide, &header), SPEC_OK);
        assert_int_equal(header.seq, seq); /* UDP-5 */
        assert_true(header.usec < 1000000);
    }
    assert_int_equal(run_totals(b.client.run, 0).packets, 20); /* RES-16 */
    close(raw);
    bench_fini(&b);
}

static void test_udp_sender_numbers_from_one(void **state)
{
    (void)state;
    check_numbers(false);
    check_numbers(true);
}

static void test_udp_both_ends_agree(void **state)
{
    struct bench b;
    struct results results;

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    b.params.blockcount = 50; /* fit into the receive buffer */
    b.await_bytes = 50000;
    run_both(&b, 1, true);
    results_init(&results);
    assert_int_equal(run_fill_results(b.server.run, &results), SPEC_OK);
    assert_int_equal(results.n_streams, 1);
    assert_int_equal(results.sender_has_retransmits, -1);
    assert_int_equal(results.streams[0].packets, 50);
    assert_int_equal(results.streams[0].errors, 0);
    assert_int_equal(results.streams[0].bytes, 50000);
    assert_int_equal(results.streams[0].retransmits, -1);
    assert_true(results.streams[0].has_omitted && results.streams[0].has_times); /* INT-5 */
    assert_null(results.congestion_used);
    results_fini(&results);
    bench_fini(&b);
}

static void test_udp_refused_stops_the_stream(void **state)
{
    struct bench b;
    struct run_config config;

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    config = config_of(&b, MACHINE_CLIENT);
    close(connect_raw_udp(make_run(&config), true));
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_int_equal(b.client.n_failed, 1); /* no time limit: nothing else would end it */
    assert_int_equal(b.client.ierr, IESTREAMWRITE);
    assert_int_equal(b.client.os_errno, ECONNREFUSED);
    assert_int_equal(stream_errno(b.client.run, 0), ECONNREFUSED);
    bench_fini(&b);
}

/* --- failures --- */

static void reset_connection(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

#define ODD_LEN 1000003 /* of a block: no multiple of anything, and more than goes in one write */

/* Reads a stream of digit blocks and checks every one. */
struct checker {
    struct loop_source source;
    struct loop *loop; /* stopped after two blocks */
    uint64_t n, n_wrong;
};

static void check_ready(struct loop_source *source, uint32_t events)
{
    static uint8_t buf[1 << 18];
    struct checker *checker = (struct checker *)(void *)source;
    ssize_t n = recv(source->fd, buf, sizeof buf, MSG_DONTWAIT);

    (void)events;
    if (n <= 0)
        loop_unwatch(source);
    for (ssize_t i = 0; i < n; i++)
        checker->n_wrong += buf[i] != '0' + checker->n++ % ODD_LEN % 10;
    if (checker->n == 2 * ODD_LEN)
        loop_stop(checker->loop);
}

/* Three blocks: the first stream is stuck in one of them, the other sends two and waits. Then the
 * first is reset: the other must send the third. */
static void test_a_reset_stream_leaves_its_block_to_the_others(void **state)
{
    struct bench b;
    struct run_config config;

    (void)state;
    bench_init(&b);
    b.params.blockcount = 3;
    b.params.len = ODD_LEN;
    params_mark(&b.params, PARAM_repeating_payload);
    config = config_of(&b, MACHINE_CLIENT);
    make_run(&config);
    int small = 4096, stuck = connect_raw(b.client.run, true),
        raw = connect_raw(b.client.run, true);
    setsockopt(stuck, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (size_t i = 0; i < 2; i++)
        setsockopt(run_stream_fd(b.client.run, i), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    struct checker checker = {
        .source = {.fd = raw, .ready = check_ready},
          .loop = b.loop
    };
    assert_int_equal(loop_watch(b.loop, &checker.source, EPOLLIN), SPEC_OK);
    start_at(b.client.run, loop_now());
    wait_queued(stuck, 1);
    loop_run(b.loop); /* until two blocks came */
    reset_connection(stuck);
    loop_run(b.loop);                     /* until it is over */
    assert_int_equal(b.client.n_over, 1); /* DATA-6 */
    assert_int_not_equal(stream_errno(b.client.run, 0), 0);
    assert_int_equal(stream_errno(b.client.run, 1), 0);
    assert_int_equal(run_totals(b.client.run, 1).counted.bytes, 3 * ODD_LEN);
    assert_true(checker.n > ODD_LEN);
    assert_int_equal(checker.n_wrong, 0);
    loop_unwatch(&checker.source);
    close(raw);
    bench_fini(&b);
}

static void test_eof_is_no_failure(void **state)
{
    struct bench b;
    struct run_config config;
    int raw;

    (void)state;
    bench_init(&b);
    b.params.time = 1;
    config = config_of(&b, MACHINE_CLIENT);
    raw = connect_raw(make_run(&config), false);
    assert_int_equal(write(raw, "abc", 3), 3);
    close(raw);
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 1);
    assert_int_equal(stream_errno(b.client.run, 0), 0);
    assert_int_equal(run_totals(b.client.run, 0).counted.bytes, 3);
    bench_fini(&b);
}

static void test_a_full_disk_stops_the_stream(void **state)
{
    struct bench b;
    struct run_config config;
    int raw;

    (void)state;
    bench_init(&b);
    config = config_of(&b, MACHINE_SERVER);
    config.file = "/dev/full";
    raw = connect_raw(make_run(&config), false);
    assert_int_equal(write(raw, "abc", 3), 3);
    wait_queued(run_stream_fd(b.server.run, 0), 3);
    start_at(b.server.run, loop_now());
    run_stop(b.server.run);
    assert_int_equal(stream_errno(b.server.run, 0), ENOSPC);
    close(raw);
    bench_fini(&b);
}

static const struct cpu_row {
    const char *name;
    int cpu;
    enum spec_err want;
} cpu_rows[] = {
    {"any",                           -1,              SPEC_OK     },
    {"the first",                     0,               SPEC_OK     },
    {"PARAM-8 one that is not there", CPU_SETSIZE - 1, SPEC_E_RANGE},
    {"PARAM-8 one that can't be",     CPU_SETSIZE,     SPEC_E_RANGE},
};

static void test_affinity_to_a_cpu_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cpu_rows); i++) {
        struct bench b;
        bench_init(&b);
        struct run_config config = config_of(&b, MACHINE_SERVER);
        config.affinity = cpu_rows[i].cpu;
        int raw = connect_raw(make_run(&config), true);
        run_init(b.server.run, loop_now());
        if (run_start(b.server.run, loop_now()) != cpu_rows[i].want)
            fail_msg("%s", cpu_rows[i].name);
        close(raw);
        bench_fini(&b);
    }
}

static void test_the_bitrate_limit_is_told_once(void **state)
{
    struct bench b;
    struct run_config config;
    static const uint8_t much[10000];
    int raw;

    (void)state;
    bench_init(&b);
    config = config_of(&b, MACHINE_SERVER);
    config.bitrate_limit_bps = 1000;
    config.bitrate_limit_interval_s = 0.05;
    raw = connect_raw(make_run(&config), false);
    start_at(b.server.run, loop_now());
    assert_int_equal(write(raw, much, sizeof much), sizeof much);
    loop_run(b.loop);
    assert_int_equal(b.server.n_failed, 1);
    assert_int_equal(b.server.ierr, IETOTALRATE); /* TMO-10 (b) */
    close(raw);
    bench_fini(&b);
}

/* --- stopping --- */

static const struct stop_row {
    const char *name;
    bool udp, sends;
    int64_t bandwidth, blockcount;
} stop_rows[] = {
    {"a TCP receiver waits for data",          false, false, 0, 0},
    {"a UDP receiver waits for data",          true,  false, 0, 0},
    {"a TCP sender waits for room",            false, true,  0, 0},
    {"a TCP sender waits for its pace, a day", false, true,  1, 0},
    {"a UDP sender waits for its pace, a day", true,  true,  1, 0},
    {"a server's sender has sent all it may",  false, true,  0, 2},
};

/* Would hang, and the watchdog of the test runner say so, if a worker did not hear of it. */
static void test_run_stop_wakes_every_worker(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(stop_rows); i++) {
        const struct stop_row *row = &stop_rows[i];
        struct bench b;
        int raw;

        bench_init(&b);
        b.params.udp = row->udp;
        b.params.bandwidth = row->bandwidth;
        b.params.blockcount = row->blockcount;
        b.params.len = 10800;
        struct run_config config = config_of(&b, MACHINE_SERVER);
        make_run(&config);
        raw = row->udp ? connect_raw_udp(b.server.run, row->sends)
                       : connect_raw(b.server.run, row->sends);
        start_at(b.server.run, loop_now());
        if (row->sends)
            wait_queued(raw, 1); /* it is at work */
        run_stop(b.server.run);
        run_stop(b.server.run);
        assert_int_equal(b.server.n_rows, 1);
        close(raw);
        bench_fini(&b);
    }
}

static void test_run_stop_does_not_wait_for_a_pipe(void **state)
{
    char path[UNIT_PATH_MAX];
    struct bench b;
    uint8_t got[4];

    (void)state;
    close(mkstemp(unit_temporary(path, "stream")));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR | O_CLOEXEC);
    bench_init(&b);
    b.params.len = 4;
    struct run_config config = config_of(&b, MACHINE_SERVER);
    config.file = path;
    int raw = connect_raw(make_run(&config), true);
    start_at(b.server.run, loop_now());
    assert_int_equal(write(writer, "abcdef", 6), 6);
    assert_int_equal(recv(raw, got, 4, MSG_WAITALL), 4); /* the rest is no whole block */
    run_stop(b.server.run);
    assert_int_equal(run_totals(b.server.run, 0).counted.bytes, 4);
    assert_int_equal(stream_errno(b.server.run, 0), 0);
    close(raw);
    close(writer);
    unlink(path);
    bench_fini(&b);
}

static void test_a_run_may_be_freed_at_any_time(void **state)
{
    struct bench b;
    struct run_config config;
    int raw;

    (void)state;
    bench_init(&b);
    config = config_of(&b, MACHINE_SERVER);
    run_free(NULL);
    run_free(run_new(&config));
    raw = connect_raw(make_run(&config), true);
    run_close(b.server.run);
    run_free(b.server.run);
    close(raw);
    raw = connect_raw(make_run(&config), true);
    start_at(b.server.run, loop_now());
    run_free(b.server.run); /* stops, and reports nothing any more */
    b.server.run = NULL;
    assert_int_equal(b.server.n_rows, 0);
    close(raw);
    bench_fini(&b);
}

/* --- reading on (FLOW-6) --- */

struct flood {
    struct loop_source source;
    struct bench *bench;
    uint64_t written, written_at_end;
};

/* Write what goes; once more than any socket buffer has gone after the end the client must have
 * read. */
static void flood_ready(struct loop_source *source, uint32_t events)
{
    static const uint8_t block[65536];
    struct flood *flood = (struct flood *)(void *)source;
    ssize_t n = send(source->fd, block, sizeof block, MSG_NOSIGNAL);

    (void)events;
    flood->written += (uint64_t)MAX(n, 0);
    if (flood->bench->client.n_over == 0)
        flood->written_at_end = flood->written;
    else if (flood->written - flood->written_at_end > UINT64_C(32) << 20)
        loop_stop(flood->bench->loop);
}

static void test_a_client_frees_a_blocked_server_after_the_end(void **state)
{
    struct bench b;
    struct run_config config;
    uint64_t counted;

    (void)state;
    bench_init(&b);
    b.params.num = 100000;
    config = config_of(&b, MACHINE_CLIENT);
    int raw = connect_raw(make_run(&config), false);
    struct flood flood = {
        .source = {.fd = raw, .ready = flood_ready},
          .bench = &b
    };
    fcntl(raw, F_SETFL, O_NONBLOCK);
    assert_int_equal(loop_watch(b.loop, &flood.source, EPOLLOUT), SPEC_OK);
    start_at(b.client.run, loop_now());
    loop_run(b.loop); /* until it is over */
    counted = run_totals(b.client.run, 0).counted.bytes;
    loop_run(b.loop); /* until the flood went on */
    assert_true(counted >= 100000);
    assert_int_equal(run_totals(b.client.run, 0).counted.bytes, counted); /* RES-26 */
    loop_unwatch(&flood.source);
    close(raw);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_sends_the_digits_block_by_block),
        cmocka_unit_test(test_tcp_joins_whole_blocks),
        cmocka_unit_test(test_run_new_cuts_and_joins_blocks_where_nobody_can_tell),
        cmocka_unit_test(test_tcp_keeps_the_pace_by_pieces_of_a_block),
        cmocka_unit_test(test_udp_receiver_takes_each_datagram_on_its_own),
        cmocka_unit_test(test_udp_takes_what_is_queued_at_the_stop),
        cmocka_unit_test(test_udp_omitted_counts_are_remembered),
        cmocka_unit_test(test_udp_jitter_is_0_after_the_omit_period),
        cmocka_unit_test(test_udp_server_sends_until_it_is_told),
        cmocka_unit_test(test_udp_sender_numbers_from_one),
        cmocka_unit_test(test_udp_both_ends_agree),
        cmocka_unit_test(test_udp_refused_stops_the_stream),
        cmocka_unit_test(test_a_reset_stream_leaves_its_block_to_the_others),
        cmocka_unit_test(test_eof_is_no_failure),
        cmocka_unit_test(test_a_full_disk_stops_the_stream),
        cmocka_unit_test(test_affinity_to_a_cpu_that_does_not_exist_is_refused),
        cmocka_unit_test(test_the_bitrate_limit_is_told_once),
        cmocka_unit_test(test_run_stop_wakes_every_worker),
        cmocka_unit_test(test_run_stop_does_not_wait_for_a_pipe),
        cmocka_unit_test(test_a_run_may_be_freed_at_any_time),
        cmocka_unit_test(test_a_client_frees_a_blocked_server_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
