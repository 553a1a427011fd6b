/* run_bench.h - what the tests of the data phase stand on: a client's run and a server's run on one
 * loop, connected over loopback, or one run and a raw peer.
 *
 * Nothing here waits for a time but where a clause is about one; tests of limits in time start the
 * clock in the past. */
#pragma once
#include "impl/tests/unit.h"
#include "impl/traffic/run_state.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND   UINT64_C(1000000000)
#define MAX_ROWS 256

struct end {
    struct bench *bench;
    struct run *run;
    struct interval rows[MAX_ROWS];
    size_t n_rows;
    unsigned n_over, n_failed;
    int ierr, os_errno;
};

struct bench {
    struct loop *loop;
    struct loop_timer watchdog;
    struct params params;
    struct end client, server;
    uint64_t await_bytes; /* that the server counts before the client's end reaches it */
    bool free_when_over, close_at_interval, stop_at_interval;
};

/* What stopped stream i early: 0 nothing, else an errno. A stream that the peer closed in good
 * order is no failure. */
static inline int stream_errno(const struct run *run, size_t i)
{
    return atomic_load(&run->streams[i]->failure);
}

/* Bytes of the counted period so far, over the streams that send or receive. */
static inline uint64_t bytes_of(const struct run *run, bool sender)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < run->n_streams; i++) {
        struct counts now = counters_read(&run->streams[i]->counters);
        if (run->streams[i]->sends == sender)
            bytes += tally_bytes(&run->streams[i]->tally, &now);
    }
    return bytes;
}

/* Wait until a receiving run has counted so many bytes. */
static inline void wait_counted(const struct run *run, uint64_t bytes)
{
    while (bytes_of(run, false) < bytes)
        sched_yield();
}

static inline void note_rows(void *context, const struct interval *rows, size_t n)
{
    struct end *end = context;

    for (size_t i = 0; i < n && end->n_rows < MAX_ROWS; i++)
        end->rows[end->n_rows++] = rows[i];
    if (end->bench->close_at_interval)
        run_close(end->run);
    if (end->bench->close_at_interval || end->bench->stop_at_interval)
        loop_stop(end->bench->loop);
}

/* What the control channel would do: TEST_END reaches the server at once. */
static inline void note_over(void *context)
{
    struct end *end = context;

    end->n_over++;
    if (end->bench->server.run) {
        wait_counted(end->bench->server.run, end->bench->await_bytes);
        run_close(end->bench->server.run);
    }
    if (end->bench->free_when_over) {
        run_free(end->run);
        end->run = NULL;
    }
    loop_stop(end->bench->loop);
}

static inline void note_failed(void *context, int ierr, int os_errno)
{
    struct end *end = context;

    end->n_failed++;
    end->ierr = ierr;
    end->os_errno = os_errno;
    loop_stop(end->bench->loop);
}

static inline void hang(struct loop_timer *timer, uint64_t now_ns)
{
    (void)timer;
    (void)now_ns;
    fail_msg("nothing happened for a minute");
}

static inline void bench_init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->loop = loop_new();
    assert_non_null(b->loop);
    b->watchdog.fire = hang;
    loop_timer_set(b->loop, &b->watchdog, loop_now() + 60 * SECOND);
    params_init(&b->params);
    b->params.time = 0;
    params_mark(&b->params, PARAM_time);
    b->params.len = 1000;
    b->client.bench = b->server.bench = b;
}

static inline void bench_fini(struct bench *b)
{
    run_free(b->client.run);
    run_free(b->server.run);
    loop_timer_cancel(&b->watchdog);
    loop_free(b->loop);
    params_fini(&b->params);
}

static inline struct run_config config_of(struct bench *b, enum machine_role role)
{
    return (struct run_config){
        .loop = b->loop,
        .params = &b->params,
        .role = role,
        .affinity = -1,
        .context = role == MACHINE_CLIENT ? &b->client : &b->server,
        .interval = note_rows,
        .over = note_over,
        .failed = note_failed,
    };
}

static inline struct run *make_run(const struct run_config *config)
{
    struct end *end = config->context;

    end->run = run_new(config);
    assert_non_null(end->run);
    return end->run;
}

/* fds[0] and fds[1] connected to each other over loopback. */
static inline void connect_pair(int fds[2], int type)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, type, 0);

    fds[0] = socket(AF_INET, type, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&addr, len), 0);
    fds[1] = fd;
    if (type == SOCK_STREAM) {
        fds[1] = accept(fd, NULL, NULL);
        close(fd);
    } else {
        assert_int_equal(getsockname(fds[0], (struct sockaddr *)&addr, &len), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), 0);
    }
    assert_true(fds[1] >= 0);
}

/* n streams between the two runs. */
static inline void connect_runs(struct bench *b, unsigned n, bool client_sends)
{
    for (unsigned i = 0; i < n; i++) {
        int fds[2];
        connect_pair(fds, b->params.udp ? SOCK_DGRAM : SOCK_STREAM);
        assert_int_equal(run_add_stream(b->client.run, fds[0], client_sends), SPEC_OK);
        assert_int_equal(run_add_stream(b->server.run, fds[1], !client_sends), SPEC_OK);
    }
}

/* One stream between a run and the test itself, whose end is returned. */
static inline int connect_raw_type(struct run *run, bool sender, int type)
{
    int fds[2];
    struct timeval patience = {.tv_sec = 30};

    connect_pair(fds, type);
    assert_int_equal(run_add_stream(run, fds[0], sender), SPEC_OK);
    setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fds[1];
}

static inline int connect_raw(struct run *run, bool sender)
{
    return connect_raw_type(run, sender, SOCK_STREAM);
}

static inline int connect_raw_udp(struct run *run, bool sender)
{
    return connect_raw_type(run, sender, SOCK_DGRAM);
}

static inline void start_at(struct run *run, uint64_t init_ns)
{
    run_init(run, init_ns);
    assert_int_equal(run_start(run, loop_now()), SPEC_OK);
}

/* Both ends with n streams, until the client says that it is over. */
static inline void run_both(struct bench *b, unsigned n, bool client_sends)
{
    struct run_config client = config_of(b, MACHINE_CLIENT), server = config_of(b, MACHINE_SERVER);

    make_run(&client);
    make_run(&server);
    connect_runs(b, n, client_sends);
    start_at(b->server.run, loop_now());
    start_at(b->client.run, loop_now());
    loop_run(b->loop);
    assert_int_equal(b->client.n_over, 1);
    assert_int_equal(b->client.n_failed + b->server.n_failed, 0);
}

static inline uint64_t total_bytes(const struct run *run)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < run_n_streams(run); i++)
        bytes += run_totals(run, i).counted.bytes;
    return bytes;
}

/* Wait until n bytes lie unread in the socket. */
static inline void wait_queued(int fd, int n)
{
    int queued = 0;

    while (queued < n) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        assert_true(poll(&pollfd, 1, 30000) == 1);
        assert_int_equal(ioctl(fd, FIONREAD, &queued), 0);
    }
}
