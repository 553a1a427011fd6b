/* Floods: when it is one, and what a TCP receiver does about it. */
#include "impl/traffic/inflow.h"

#include "impl/tests/iofail.h"
#include "impl/tests/run_bench.h"

#define BRINK_NS 1000

/* Waits of so long each, while as much came as may take BRINK_NS. */
static const struct row {
    const char *name;
    unsigned n_short, n_long, n_short_again; /* half of it, twice of it */
    bool want;
} rows[] = {
    {"one short wait",                 1,                0, 0,                false},
    {"as many as may be chance",       INFLOW_WAITS,     0, 0,                false},
    {"one more",                       INFLOW_WAITS + 1, 0, 0,                true },
    {"long ones only",                 0,                9, 0,                false},
    {"it ends with the first long",    INFLOW_WAITS + 9, 1, 0,                false},
    {"and begins from the start then", INFLOW_WAITS + 9, 1, INFLOW_WAITS,     false},
    {"like any",                       INFLOW_WAITS + 9, 1, INFLOW_WAITS + 1, true },
};

static bool wait_n(struct inflow *f, unsigned n, uint64_t each_ns)
{
    bool is_flood = false;

    for (unsigned i = 0; i < n; i++) {
        f->bytes = 1;
        is_flood = inflow_is_flood(f, f->since_ns + each_ns, BRINK_NS);
        assert_int_equal(f->bytes, 0);
    }
    return is_flood;
}

static void test_inflow_is_a_flood_after_many_short_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct inflow f = {.since_ns = 12345};
        bool got = wait_n(&f, row->n_short, BRINK_NS / 2);

        if (row->n_long > 0)
            got = wait_n(&f, row->n_long, BRINK_NS * 2);
        if (row->n_short_again > 0)
            got = wait_n(&f, row->n_short_again, BRINK_NS / 2);
        if (got != row->want)
            fail_msg("%s", row->name);
    }
}

/* --- TCP ---------------------------------------------------------------------------------------
 */

static int low_water_of(int fd)
{
    int bytes = -1;
    socklen_t len = sizeof bytes;

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &len), 0);
    return bytes;
}

static void set_buffer(int fd, int bytes)
{
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

/* A step of the stream's for each read, until there is nothing more to read. */
static void drain(struct stream *s, uint64_t bytes)
{
    do
        stream_step(s);
    while (s->counts.bytes < bytes || s->next == STEP_AGAIN);
    assert_int_equal(s->next, STEP_WAIT);
    assert_int_equal(s->wait.fd, s->fd);
}

/* Without a thread: who is slowed down by other work tries again. */
static void test_tcp_receiver_is_woken_for_much_in_a_flood(void **state)
{
    static uint8_t block[64 * 1024];
    uint64_t sent = 0, deadline_ns = loop_now() + 30 * SECOND;
    struct bench b;

    (void)state;
    bench_init(&b);
    struct run_config config = config_of(&b, MACHINE_SERVER);
    config.skip_rx_copy = true;
    int raw = connect_raw(make_run(&config), false);
    struct stream *s = b.server.run->streams[0];
    set_buffer(s->fd, 1 << 20);
    stream_begin(s, NULL, 0);
    drain(s, 0);
    assert_int_equal(low_water_of(s->fd), 1);
    assert_true(s->wait.until_ns == UINT64_MAX);
    while (low_water_of(s->fd) == 1 && loop_now() < deadline_ns) {
        assert_int_equal(send(raw, block, sizeof block, 0), sizeof block);
        drain(s, sent += sizeof block);
    }
    assert_true(low_water_of(s->fd) > 1);
    assert_true(s->wait.until_ns < UINT64_MAX); /* for what is less, and stays less */
    io_skip_ns(SECOND);
    assert_int_equal(send(raw, block, 1, 0), 1);
    drain(s, sent + 1);
    assert_int_equal(low_water_of(s->fd), 1); /* the flood is over */
    assert_true(s->wait.until_ns == UINT64_MAX);
    close(raw);
    bench_fini(&b);
}

static const struct any_row {
    const char *name;
    int buffer, parallel;
} any_rows[] = {
    {"a small buffer, for which the sender waits", 64 * 1024, 1},
    {"one of several streams",                     1 << 20,   2},
};

static void check_woken_for_any(const struct any_row *row)
{
    static uint8_t block[16 * 1024];
    struct bench b;

    bench_init(&b);
    b.params.parallel = row->parallel;
    struct run_config config = config_of(&b, MACHINE_SERVER);
    config.skip_rx_copy = true;
    int raw = connect_raw(make_run(&config), false);
    struct stream *s = b.server.run->streams[0];
    set_buffer(s->fd, row->buffer);
    stream_begin(s, NULL, 0);
    for (unsigned n = 1; n <= 200; n++) {
        assert_int_equal(send(raw, block, sizeof block, 0), sizeof block);
        drain(s, n * sizeof block);
        if (low_water_of(s->fd) != 1)
            fail_msg("%s", row->name);
    }
    close(raw);
    bench_fini(&b);
}

static void test_tcp_receiver_is_else_woken_for_any(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(any_rows); i++)
        check_woken_for_any(&any_rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inflow_is_a_flood_after_many_short_waits),
        cmocka_unit_test(test_tcp_receiver_is_woken_for_much_in_a_flood),
        cmocka_unit_test(test_tcp_receiver_is_else_woken_for_any),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
