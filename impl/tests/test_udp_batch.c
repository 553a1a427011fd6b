/* UDP with offload (UDP-14): what goes out in one buffer and comes in with one read is datagrams
 * all the same, each with its own number. The raw peer asks the kernel for whole buffers, to see
 * how many datagrams were sent in one call. */
#include "impl/tests/run_bench.h"
#include "impl/traffic/stream.h"
#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <netinet/udp.h>

static bool has_offload(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool has = udp_receive_offload(fd) && udp_send_batch(fd, 2) == 2;

    close(fd);
    if (!has)
        print_message("this kernel has no UDP offload\n");
    return has;
}

static void bench_init_gso(struct bench *b)
{
    bench_init(b);
    b->params.udp = true;
    b->params.gso = b->params.gro = 1;
    b->params.gso_bf_size = b->params.gro_bf_size = DATAGRAM_LEN_MAX;
    params_mark(&b->params, PARAM_repeating_payload);
}

/* --- sending --- */

/* Check one datagram: its number, and the digits of the block behind the header (DATA-2). */
static void check_datagram(const uint8_t *at, size_t len, bool wide, uint64_t seq)
{
    struct datagram_header header;

    assert_int_equal(datagram_decode((struct bytes){at, len}, wide, &header), SPEC_OK);
    assert_int_equal(header.seq, seq);
    assert_true(header.usec < 1000000);
    for (size_t i = wide ? 16 : 12; i < len; i++)
        assert_int_equal(at[i], '0' + i % 10);
}

/* Read one buffer of whole datagrams, the first of which has number seq; returns how many. */
static size_t read_buffer(int raw, size_t len, bool wide, uint64_t seq)
{
    static uint8_t buf[65536];
    ssize_t got = recv(raw, buf, sizeof buf, 0);

    assert_true(got > 0 && (size_t)got % len == 0);
    for (size_t at = 0; at < (size_t)got; at += len)
        check_datagram(buf + at, len, wide, seq++);
    return (size_t)got / len;
}

static int connect_raw_gro(struct run *run)
{
    int raw = connect_raw_udp(run, true);

    assert_true(udp_receive_offload(raw));
    return raw;
}

static const struct batch_row {
    const char *name;
    int64_t gso, dg_size, bf_size, len;
    bool wide;
    size_t n;    /* datagrams to send, in all */
    size_t want; /* datagrams in the first buffer */
} batch_rows[] = {
    {"PARAM-24 without gso",                 0, 0,       0,         600,   false, 100, 64},
    {"PARAM-24 any gso but 0",               7, 600,     65507,     600,   false, 50,  50},
    {"UDP-14 one buffer for the whole test", 1, 600,     65507,     600,   false, 100, 64},
    {"UDP-14 64-bit numbers",                1, 600,     65507,     600,   true,  20,  20},
    {"PARAM-26 room for ten",                1, 600,     6000,      600,   false, 100, 10},
    {"PARAM-26 room for ten and a half",     1, 600,     6300,      600,   false, 100, 10},
    {"PARAM-26 room for one",                1, 600,     1199,      600,   false, 20,  1 },
    {"PARAM-26 nothing",                     1, 600,     0,         600,   false, 20,  1 },
    {"PARAM-26 one byte",                    1, 600,     1,         600,   false, 20,  1 },
    {"PARAM-26 less than nothing",           1, 600,     INT64_MIN, 600,   false, 20,  1 },
    {"PARAM-26 more than a datagram holds",  1, 600,     INT64_MAX, 1400,  false, 60,  46},
    {"PARAM-25 another datagram size",       1, 77,      65507,     600,   false, 20,  20},
    {"PARAM-25 no datagram size",            1, 0,       65507,     600,   false, 20,  20},
    {"PARAM-25 an impossible datagram size", 1, 1 << 30, 65507,     600,   false, 20,  20},
    {"UDP-3 the longest datagram",           1, 65507,   65507,     65507, false, 2,   1 },
    {"UDP-3 the longest twice",              1, 65507,   131014,    65507, false, 2,   1 },
    {"UDP-3 the shortest datagram",          1, 16,      65507,     16,    true,  64,  64},
    {"PARAM-19 a length of 0 becomes 16",    1, 0,       65507,     0,     true,  64,  64},
};

static void check_batch(const struct batch_row *row)
{
    struct bench b;
    size_t len = row->len > 0 ? (size_t)row->len : 16, first = 0;

    bench_init_gso(&b);
    b.params.gso = row->gso;
    b.params.gso_dg_size = row->dg_size;
    b.params.gso_bf_size = row->bf_size;
    b.params.len = row->len;
    b.params.blockcount = (int64_t)row->n;
    if (row->wide)
        params_mark(&b.params, PARAM_udp_counters_64bit);
    struct run_config config = config_of(&b, MACHINE_CLIENT);
    int raw = connect_raw_gro(make_run(&config));
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    for (size_t n = 0; n < row->n;) {
        size_t got = read_buffer(raw, len, row->wide, n + 1);
        first = first > 0 ? first : got;
        n += got;
    }
    /* A kernel may cut no buffer into more than 64. */
    if (first != row->want && !(row->want == 64 && first == 100))
        fail_msg("%s: %zu datagrams in the first buffer", row->name, first);
    assert_int_equal(run_totals(b.client.run, 0).packets, row->n); /* RES-16 */
    assert_int_equal(run_totals(b.client.run, 0).counted.bytes, row->n * len);
    close(raw);
    bench_fini(&b);
}

static void test_gso_buffers_hold_whole_datagrams_of_len(void **state)
{
    (void)state;
    if (!has_offload())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(batch_rows); i++)
        check_batch(&batch_rows[i]);
}

/* The kernel refuses offload for a socket without checksums. */
static void test_gso_refused_falls_back_to_single_datagrams(void **state)
{
    struct bench b;
    int on = 1;

    (void)state;
    bench_init_gso(&b);
    b.params.blockcount = 100;
    b.params.len = 600;
    struct run_config config = config_of(&b, MACHINE_CLIENT);
    int raw = connect_raw_udp(make_run(&config), true);
    assert_int_equal(
        setsockopt(run_stream_fd(b.client.run, 0), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    for (uint64_t seq = 1; seq <= 100; seq++)
        assert_int_equal(read_buffer(raw, 600, false, seq), 1); /* UDP-5: no number is missing */
    assert_int_equal(run_totals(b.client.run, 0).packets, 100);
    assert_int_equal(stream_errno(b.client.run, 0), 0);
    close(raw);
    bench_fini(&b);
}

static void test_offload_is_only_for_sockets_that_have_it(void **state)
{
    int tcp = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(udp_send_batch(tcp, 10), 1);
    assert_int_equal(udp_send_batch(-1, 10), 1);
    assert_false(udp_receive_offload(tcp));
    close(tcp);
}

static void test_gso_refused_by_the_peer_stops_the_stream(void **state)
{
    struct bench b;

    (void)state;
    bench_init_gso(&b);
    struct run_config config = config_of(&b, MACHINE_CLIENT);
    close(connect_raw_udp(make_run(&config), true));
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_int_equal(b.client.n_failed, 1);
    assert_int_equal(b.client.ierr, IESTREAMWRITE);
    assert_int_equal(stream_errno(b.client.run, 0), ECONNREFUSED);
    bench_fini(&b);
}

/* 8000 bit/s, datagrams of 1000 bytes: one a second. */
static const struct pace_row {
    const char *name;
    int64_t burst;
    uint64_t late_s; /* since when the test has run */
    size_t want;     /* datagrams at once */
} pace_rows[] = {
    {"DATA-4 the first",               0, 0,  1 },
    {"DATA-4 a burst",                 7, 0,  7 },
    {"DATA-4 what a hold-up left due", 0, 9,  9 },
    {"DATA-4 two bursts are due",      7, 11, 14},
};

static void test_gso_sends_no_more_than_the_pace_allows(void **state)
{
    (void)state;
    if (!has_offload())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(pace_rows); i++) {
        const struct pace_row *row = &pace_rows[i];
        struct bench b;
        bench_init_gso(&b);
        b.params.bandwidth = 8000;
        b.params.burst = row->burst;
        struct run_config config = config_of(&b, MACHINE_SERVER);
        int raw = connect_raw_gro(make_run(&config));
        run_init(b.server.run, loop_now());
        assert_int_equal(run_start(b.server.run, loop_now() - row->late_s * SECOND), SPEC_OK);
        if (read_buffer(raw, 1000, false, 1) != row->want)
            fail_msg("%s", row->name);
        run_stop(b.server.run);
        close(raw);
        bench_fini(&b);
    }
}

/* --- both --- */

static void test_gso_streams_share_the_budget(void **state)
{
    struct bench b;

    (void)state;
    bench_init_gso(&b);
    b.params.gso_bf_size = 7000; /* 50 are no multiple of 7 */
    b.params.blockcount = 50;    /* fit into the receive buffer */
    b.await_bytes = 50000;
    run_both(&b, 3, true);
    assert_int_equal(total_bytes(b.client.run), 50000); /* END-4 */
    assert_int_equal(total_bytes(b.server.run), 50000);
    for (size_t i = 0; i < 3; i++) {
        struct interval_total sent = run_totals(b.client.run, i);
        struct interval_total received = run_totals(b.server.run, i);
        assert_int_equal(sent.packets, received.packets);
        assert_int_equal(sent.counted.bytes, received.counted.bytes);
        assert_int_equal(received.lost + received.out_of_order, 0);
    }
    bench_fini(&b);
}

/* --- receiving --- */

/* Send datagrams of len bytes (the last one of last bytes) with these numbers in one buffer. */
static void send_buffer(int fd, const uint64_t *seq, size_t n, uint16_t len, size_t last)
{
    static uint8_t buf[65536];
    struct iovec piece = {buf, (n - 1) * len + last};
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof len)];
    } control = {
        .head = {
                 .cmsg_len = CMSG_LEN(sizeof len), .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT}
    };
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};

    memcpy(CMSG_DATA(&control.head), &len, sizeof len);
    for (size_t i = 0; i < n; i++)
        datagram_encode(buf + i * len, false, &(struct datagram_header){.sec = 1, .seq = seq[i]});
    assert_int_equal(sendmsg(fd, &message, 0), piece.iov_len);
}

static const struct gro_row {
    const char *name;
    uint64_t seq[4];
    size_t n;
    uint16_t each;
    size_t last;
    uint64_t bytes;
    int64_t packets, lost, out_of_order;
} gro_rows[] = {
    {"UDP-14 four datagrams",              {1, 2, 3, 4}, 4, 1000, 1000, 4000, 4, 0, 0},
    {"UDP-7 lost and late in one buffer",  {1, 5, 3, 6}, 4, 1000, 1000, 4000, 6, 2, 1},
    {"INT-7 the last is shorter",          {1, 2, 3},    3, 1000, 300,  2300, 3, 0, 0},
    {"INT-7 the last has no header",       {1, 2, 3},    3, 1000, 5,    2005, 2, 0, 0},
    {"INT-7 all are shorter than len",     {1, 2, 4},    3, 400,  400,  1200, 4, 1, 0},
    {"UDP-12 longer than len: len counts", {1, 2},       2, 1500, 1200, 2000, 2, 0, 0},
    {"INT-7 no header in any",             {0, 0, 0},    3, 7,    3,    17,   0, 0, 0},
    {"UDP-14 a single one",                {1},          1, 1000, 1000, 1000, 1, 0, 0},
};

static void test_gro_counts_each_datagram_of_a_buffer(void **state)
{
    (void)state;
    if (!has_offload())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(gro_rows); i++) {
        const struct gro_row *row = &gro_rows[i];
        struct interval_total total;
        struct bench b;

        bench_init_gso(&b);
        b.params.gro_bf_size = (int64_t)i; /* no length of the peer's matters */
        struct run_config config = config_of(&b, MACHINE_SERVER);
        int raw = connect_raw_udp(make_run(&config), false);
        start_at(b.server.run, loop_now());
        send_buffer(raw, row->seq, row->n, row->each, row->last);
        wait_counted(b.server.run, row->bytes);
        run_stop(b.server.run);
        total = run_totals(b.server.run, 0);
        if (total.counted.bytes != row->bytes || total.packets != row->packets ||
            total.lost != row->lost || total.out_of_order != row->out_of_order)
            fail_msg("%s: %llu bytes, packets %lld, lost %lld, late %lld", row->name,
                     (unsigned long long)total.counted.bytes, (long long)total.packets,
                     (long long)total.lost, (long long)total.out_of_order);
        close(raw);
        bench_fini(&b);
    }
}

static void test_gro_counts_datagrams_in_terms_of_blocks(void **state)
{
    struct bench b;

    (void)state;
    if (!has_offload())
        skip();
    bench_init_gso(&b);
    b.params.blockcount = 4;
    struct run_config config = config_of(&b, MACHINE_CLIENT);
    int raw = connect_raw_udp(make_run(&config), false);
    send_buffer(raw, (const uint64_t[]){1, 2, 3, 4}, 4, 1000, 300);
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    assert_int_equal(b.client.n_over, 1); /* END-1 */
    assert_int_equal(run_totals(b.client.run, 0).packets, 4);
    close(raw);
    bench_fini(&b);
}

static void test_gro_takes_what_is_queued_at_the_stop(void **state)
{
    struct bench b;

    (void)state;
    if (!has_offload())
        skip();
    bench_init_gso(&b);
    struct run_config config = config_of(&b, MACHINE_SERVER);
    int raw = connect_raw_udp(make_run(&config), false);
    send_buffer(raw, (const uint64_t[]){1, 2, 3, 4}, 4, 1000, 300);
    send_buffer(raw, (const uint64_t[]){5, 6, 7, 8}, 4, 1000, 1000);
    wait_queued(run_stream_fd(b.server.run, 0), 3300);
    start_at(b.server.run, loop_now());
    run_stop(b.server.run);
    assert_int_equal(run_totals(b.server.run, 0).counted.bytes, 7300); /* RES-26 */
    assert_int_equal(run_totals(b.server.run, 0).packets, 8);
    close(raw);
    bench_fini(&b);
}

static const struct ask_row {
    const char *name;
    int64_t gro;
    bool skip_rx_copy, sends;
    int want;
} ask_rows[] = {
    {"PARAM-27 asked for",           1, false, false, 1},
    {"PARAM-27 not asked for",       0, false, false, 1},
    {"PARAM-27 a sender needs none", 1, false, true,  0},
    {"PARAM-44 bytes are skipped",   1, true,  false, 0},
};

static void test_gro_is_set_where_headers_are_read(void **state)
{
    (void)state;
    if (!has_offload())
        skip();
    for (size_t i = 0; i < ARRAY_LEN(ask_rows); i++) {
        const struct ask_row *row = &ask_rows[i];
        int on = -1;
        socklen_t len = sizeof on;
        struct bench b;

        bench_init_gso(&b);
        b.params.gro = row->gro;
        struct run_config config = config_of(&b, MACHINE_SERVER);
        config.skip_rx_copy = row->skip_rx_copy;
        int raw = connect_raw_udp(make_run(&config), row->sends);
        assert_int_equal(
            getsockopt(run_stream_fd(b.server.run, 0), IPPROTO_UDP, UDP_GRO, &on, &len), 0);
        if (on != row->want)
            fail_msg("%s", row->name);
        close(raw);
        bench_fini(&b);
    }
}

/* --- floods --- */

#define FLOOD_PART 50 /* datagrams that the receive buffer holds for sure */

/* From a thread that does not run: who is slowed down by other work tries again. */
static void check_flood(int64_t window)
{
    struct bench b;
    uint8_t datagram[100] = {0};
    uint64_t sent = 0, deadline_ns = loop_now() + 30 * SECOND;

    bench_init(&b);
    b.params.udp = true;
    b.params.window = window;
    struct run_config config = config_of(&b, MACHINE_SERVER);
    int raw = connect_raw_udp(make_run(&config), false);
    struct stream *s = b.server.run->streams[0];
    uint8_t *room = malloc(stream_read_len(s));
    size_t buffer = stream_receive_buffer(s);
    stream_begin(s, room, stream_read_len(s));
    s->gro = false;
    assert_int_equal(stream_step(s), STEP_WAIT);
    assert_int_equal(s->wait.fd, s->fd);
    while (s->wait.fd >= 0 && loop_now() < deadline_ns) {
        for (int i = 0; i < FLOOD_PART; i++, sent++)
            assert_int_equal(send(raw, datagram, sizeof datagram, 0), sizeof datagram);
        while (stream_step(s) == STEP_AGAIN)
            ;
    }
    assert_int_equal(s->wait.fd, -1);
    assert_true(s->wait.until_ns < UINT64_MAX); /* but it looks again by itself */
    if (window > 0)
        assert_int_equal(stream_receive_buffer(s), buffer);
    else /* the default is at most what anybody may have, and that counts double */
        assert_true(stream_receive_buffer(s) > buffer);
    assert_int_equal(s->counts.bytes, sent * sizeof datagram);
    while (s->wait.fd < 0) /* the flood is over */
        stream_step(s);
    assert_int_equal(s->wait.fd, s->fd);
    free(room);
    close(raw);
    bench_fini(&b);
}

static void test_udp_receiver_is_not_woken_for_each_datagram_of_a_flood(void **state)
{
    (void)state;
    check_flood(0);
    check_flood(65536); /* -w: the buffer is what was asked for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gso_buffers_hold_whole_datagrams_of_len),
        cmocka_unit_test(test_gso_refused_falls_back_to_single_datagrams),
        cmocka_unit_test(test_offload_is_only_for_sockets_that_have_it),
        cmocka_unit_test(test_gso_refused_by_the_peer_stops_the_stream),
        cmocka_unit_test(test_gso_sends_no_more_than_the_pace_allows),
        cmocka_unit_test(test_gso_streams_share_the_budget),
        cmocka_unit_test(test_gro_counts_each_datagram_of_a_buffer),
        cmocka_unit_test(test_gro_counts_datagrams_in_terms_of_blocks),
        cmocka_unit_test(test_gro_takes_what_is_queued_at_the_stop),
        cmocka_unit_test(test_gro_is_set_where_headers_are_read),
        cmocka_unit_test(test_udp_receiver_is_not_woken_for_each_datagram_of_a_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
