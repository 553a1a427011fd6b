/* What JSON tells beside iperf3's keys: measured on sockets, and as it is written. */
#include "impl/report/detail.h"
#include "impl/tests/run_bench.h"

#define LEN 100

static struct run *make_detailed(struct bench *b, enum machine_role role)
{
    struct run_config config = config_of(b, role);

    config.detailed = true;
    return make_run(&config);
}

static void send_number(int fd, uint64_t seq)
{
    uint8_t datagram[LEN] = {0};
    struct datagram_header header = {.seq = seq};

    datagram_encode(datagram, true, &header);
    assert_int_equal(send(fd, datagram, sizeof datagram, 0), LEN);
}

static void test_run_totals_tells_what_came_twice_and_late(void **state)
{
    static const uint64_t seqs[] = {1, 2, 2, 4, 3, 7, 6, 6, 8};
    struct bench b;

    (void)state;
    bench_init(&b);
    b.params.udp = true;
    b.params.len = LEN;
    params_mark(&b.params, PARAM_udp_counters_64bit);
    struct run *run = make_detailed(&b, MACHINE_SERVER);
    int fd = connect_raw_udp(run, false);
    start_at(run, loop_now());
    for (size_t i = 0; i < ARRAY_LEN(seqs); i++)
        send_number(fd, seqs[i]);
    wait_counted(run, sizeof seqs / sizeof seqs[0] * LEN);
    run_close(run);
    const struct detail *d = run_totals(run, 0).detail;
    assert_int_equal(d->arrivals.duplicates, 2);
    assert_int_equal(d->arrivals.late, 2);
    assert_int_equal(d->arrivals.distance[0], 2);
    assert_int_equal(arrivals_longest_run(&d->arrivals), 2);
    assert_int_equal(d->arrivals.gaps.n, ARRAY_LEN(seqs) - 1);
    close(fd);
    bench_fini(&b);
}

static void test_run_totals_has_no_detail_unless_asked(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    struct run_config config = config_of(&b, MACHINE_SERVER);
    int fd = connect_raw(make_run(&config), false);
    assert_null(run_totals(b.server.run, 0).detail);
    close(fd);
    bench_fini(&b);
}

static void read_all(int fd)
{
    static uint8_t waste[1 << 20];

    while (recv(fd, waste, sizeof waste, MSG_DONTWAIT) > 0)
        ;
}

/* Its steps are taken here, without a worker: until the buffer is full, and once there is room. */
static void test_stream_step_adds_up_how_long_a_sender_was_stalled(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    struct run *run = make_detailed(&b, MACHINE_CLIENT);
    int fd = connect_raw(run, true);
    struct stream *s = run->streams[0];
    run_init(run, loop_now());
    stream_begin(s, NULL, 0);
    while (stream_step(s) == STEP_AGAIN)
        ;
    uint64_t full_ns = loop_now();
    assert_int_equal(s->wait.fd, s->fd);
    assert_int_equal(s->detail->stalled_ns, 0);
    read_all(fd);
    uint64_t empty_ns = loop_now();
    stream_step(s);
    assert_true(s->detail->stalled_ns >= empty_ns - full_ns);
    assert_true(s->detail->stalled_ns <= loop_now() - run_start_ns(run));
    close(fd);
    bench_fini(&b);
}

struct await {
    struct loop_timer timer;
    struct bench *bench;
};

static void look_for_samples(struct loop_timer *timer, uint64_t now_ns)
{
    struct await *await = LOOP_OWNER(struct await, timer, timer);
    const struct detail *d = run_totals(await->bench->client.run, 0).detail;

    if (d->rtt_us.n >= 3)
        loop_stop(await->bench->loop);
    else
        loop_timer_set(await->bench->loop, timer, now_ns + SECOND / 1000);
}

static void test_run_samples_the_round_trip_times_of_senders(void **state)
{
    struct bench b;
    struct await await = {.timer.fire = look_for_samples, .bench = &b};

    (void)state;
    bench_init(&b);
    struct run *run = make_detailed(&b, MACHINE_CLIENT);
    int fd = connect_raw(run, true);
    start_at(run, loop_now());
    loop_timer_set(b.loop, &await.timer, loop_now());
    loop_run(b.loop);
    run_close(run);
    const struct spread *rtt = &run_totals(run, 0).detail->rtt_us;
    assert_true(rtt->min > 0 && spread_at(rtt, 0.99) <= rtt->max);
    close(fd);
    bench_fini(&b);
}

/* What a callback saw of rows, which are borrowed until it returns. */
struct seen {
    struct loop *loop;
    unsigned n_rows;
    uint64_t n_samples;
};

static void note_samples(void *context, const struct interval *rows, size_t n)
{
    struct seen *seen = context;

    assert_int_equal(n, 1);
    assert_true(rows->rtt_us->n >= 1 && rows->rtt_us->max >= rows->rtt_us->min);
    seen->n_samples += rows->rtt_us->n;
    if (++seen->n_rows == 3)
        loop_stop(seen->loop);
}

/* An interval shorter than the samples' distance has at least the one that it ends with, and none
 * of the intervals before. The last one may be too short for a row. */
static void test_run_tells_the_round_trip_times_of_each_interval(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b);
    struct seen seen = {.loop = b.loop};
    struct run_config config = config_of(&b, MACHINE_CLIENT);
    config.detailed = true;
    config.interval_s = 0.01;
    config.context = &seen;
    config.interval = note_samples;
    b.client.run = run_new(&config);
    int fd = connect_raw(b.client.run, true);
    start_at(b.client.run, loop_now());
    loop_run(b.loop);
    run_close(b.client.run);
    uint64_t whole = run_totals(b.client.run, 0).detail->rtt_us.n;
    assert_true(whole == seen.n_samples || whole == seen.n_samples + 1);
    close(fd);
    bench_fini(&b);
}

/* --- as JSON --------------------------------------------------------------------------------- */

static void expect_json(struct jwrite *w, const char *want)
{
    struct bytes text;

    jwrite_end(w);
    assert_int_equal(jwrite_finish(w, &text), SPEC_OK);
    assert_string_equal((const char *)text.at, want);
    jwrite_fini(w);
}

static void begin(struct jwrite *w)
{
    jwrite_init(w, JWRITE_COMPACT);
    jwrite_object(w, NULL);
}

static void test_detail_stream_writes_a_receiver_of_datagrams(void **state)
{
    static struct detail d;
    struct interval_total total = {.detail = &d};
    static const uint64_t seqs[] = {1, 2, 3, 5, 4, 4, 9, 6};
    struct jwrite w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seqs); i++) {
        arrivals_take(&d.arrivals, seqs[i]);
        arrivals_note_time(&d.arrivals, 1000 * (i + 1), 1);
    }
    begin(&w);
    detail_stream(&w, &total, true);
    expect_json(&w, "{\"iperfref\":{\"duplicates\":1,\"reordered\":2,\"too_late\":0,"
                    "\"reordering_distance\":[{\"from\":1,\"to\":1,\"packets\":1},"
                    "{\"from\":2,\"to\":3,\"packets\":1}],\"longest_run\":3,"
                    "\"interarrival_us\":{\"samples\":7,\"min\":1,\"mean\":1,\"p50\":1,\"p90\":1,"
                    "\"p99\":1,\"p99.9\":1,\"max\":1}}}");
}

static void test_detail_stream_writes_a_tcp_sender(void **state)
{
    static struct detail d = {.stalled_ns = 250000000};
    struct interval_total total = {
        .detail = &d,
        .counted = {.sender = true,
                    .tcp = {.delivery_rate_bps = 8000},
                    .limits = {3000000, 2000000, 1000000}},
    };
    struct jwrite w;

    (void)state;
    spread_add(&d.rtt_us, 20, 3);
    begin(&w);
    detail_stream(&w, &total, false);
    expect_json(&w, "{\"iperfref\":{\"stalled_seconds\":0.25,\"rtt_us\":{\"samples\":3,\"min\":20,"
                    "\"mean\":20,\"p50\":20,\"p90\":20,\"p99\":20,\"p99.9\":20,\"max\":20},"
                    "\"delivery_rate\":8000,\"busy_seconds\":3,\"rwnd_limited_seconds\":2,"
                    "\"sndbuf_limited_seconds\":1}}");
}

static void test_detail_row_writes_a_tcp_sender_only(void **state)
{
    static struct spread rtt_us;
    struct interval row = {
        .rtt_us = &rtt_us,
        .tcp = {.delivery_rate_bps = 5, .min_rtt_us = 7},
        .limits = { 1000000,                     0,               0}
    };
    struct jwrite w;

    (void)state;
    spread_add(&rtt_us, 30, 2);
    begin(&w);
    detail_row(&w, &row);
    expect_json(&w, "{\"iperfref\":{\"rtt_us\":{\"samples\":2,\"min\":30,\"mean\":30,\"p50\":30,"
                    "\"p90\":30,\"p99\":30,\"p99.9\":30,\"max\":30},\"delivery_rate\":5,\"min_"
                    "rtt\":7,\"busy_seconds\":1,"
                    "\"rwnd_limited_seconds\":0,\"sndbuf_limited_seconds\":0}}");
    begin(&w);
    row.retransmits = -1;
    detail_row(&w, &row);
    row = (struct interval){0};
    detail_row(&w, &row);
    expect_json(&w, "{}");
}

static void test_detail_end_writes_processor_time_for_each_gigabyte(void **state)
{
    static struct detail d;
    struct interval_total totals[2] = {
        {.detail = &d, .counted = {.bytes = 1500000000, .end_s = 4}},
        {.detail = &d, .counted = {.bytes = 500000000, .end_s = 4} },
    };
    struct jwrite w;

    (void)state;
    begin(&w);
    detail_end(&w, &(struct report_end){.totals = totals, .n = 2, .cpu_total = 50});
    expect_json(&w, "{\"iperfref\":{\"cpu_seconds\":2,\"cpu_seconds_per_gb\":1}}");
    totals[0].detail = NULL;
    begin(&w);
    detail_end(&w, &(struct report_end){.totals = totals, .n = 2, .cpu_total = 50});
    expect_json(&w, "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_totals_tells_what_came_twice_and_late),
        cmocka_unit_test(test_run_totals_has_no_detail_unless_asked),
        cmocka_unit_test(test_stream_step_adds_up_how_long_a_sender_was_stalled),
        cmocka_unit_test(test_run_samples_the_round_trip_times_of_senders),
        cmocka_unit_test(test_run_tells_the_round_trip_times_of_each_interval),
        cmocka_unit_test(test_detail_stream_writes_a_receiver_of_datagrams),
        cmocka_unit_test(test_detail_stream_writes_a_tcp_sender),
        cmocka_unit_test(test_detail_row_writes_a_tcp_sender_only),
        cmocka_unit_test(test_detail_end_writes_processor_time_for_each_gigabyte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
