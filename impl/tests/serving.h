/* serving.h - for tests of the whole server: server_run() in a thread, on a port of the kernel's
 * choice, and a raw client that says whatever a row wants to be said.
 *
 * Nothing here waits for a time: bytes and lines of output are waited for, and the server's clock
 * is put forward (serving_skip()). A test that waits for what never comes is ended by alarm(). */
#pragma once
#include "impl/outbox.h"
#include "impl/server.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>

/* --- the server ----------------------------------------------------------------------------------
 */

static struct serving {
    struct options opt;
    FILE *out, *lines;  /* the two ends of its output */
    struct outbox *box; /* between them, or NULL */
    pthread_t thread;
    bool runs;
    int status;
    uint16_t port;
    unsigned n_fds; /* of the process, before it started */
} serving;

static inline void *serving_run(void *context)
{
    FILE *out = serving.box ? outbox_file(serving.box, fileno(serving.out)) : serving.out;

    (void)context;
    serving.status = server_run(&serving.opt, out, out);
    return NULL;
}

static inline unsigned serving_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* Read its output up to a line that holds the text. */
static inline const char *serving_line(const char *text)
{
    static char line[512];

    while (fgets(line, sizeof line, serving.lines) != NULL)
        if (strstr(line, text) != NULL)
            return line;
    fail_msg("the server never said \"%s\"", text);
    return NULL;
}

/* Options as on the command line, one more argument each, up to NULL. stuck: as a program, with its
 * output in a pipe of a page that is not read on. */
static inline void serving_start_with(const char *const *options, bool stuck)
{
    const char *argv[16] = {"iperfref", "-s"};
    int argc = 2, ends[2];
    sigset_t ours;

    while (options != NULL && *options != NULL)
        argv[argc++] = *options++;
    assert_int_equal(options_parse(&serving.opt, argc, (char **)(uintptr_t)argv, stderr, stderr),
                     -1);
    serving.opt.port = 0;
    serving.n_fds = serving_count_fds();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[1], F_SETPIPE_SZ, stuck ? 1 << 12 : 1 << 20); /* nobody reads while a test goes on */
    serving.lines = fdopen(ends[0], "r");
    serving.out = fdopen(ends[1], "w");
    setvbuf(serving.out, NULL, _IOLBF, 0);
    serving.box = stuck ? outbox_new(ends[1], 1000000) : NULL;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ours, NULL); /* they are the server's, which inherits the mask */
    assert_int_equal(pthread_create(&serving.thread, NULL, serving_run, NULL), 0);
    serving.runs = true;
    serving.port = (uint16_t)atoi(strstr(serving_line("listening on "), "on ") + strlen("on "));
}

static inline void serving_start(const char *const *options)
{
    serving_start_with(options, false);
}

/* Wait for its end; every descriptor must be closed then. Returns the exit status. */
static inline int serving_join(void)
{
    unsigned n_fds;

    pthread_join(serving.thread, NULL);
    serving.runs = false;
    outbox_free(serving.box);
    fclose(serving.out);
    fclose(serving.lines);
    options_fini(&serving.opt);
    n_fds = serving_count_fds();
    if (n_fds > serving.n_fds)
        fail_msg("%u descriptors before, %u after", serving.n_fds, n_fds);
    return serving.status;
}

static inline void serving_stop(void)
{
    kill(getpid(), SIGTERM);
    assert_int_equal(serving_join(), 0);
}

/* --- the client ----------------------------------------------------------------------------------
 */

#define RAW_STREAMS 8

enum raw_state { RAW_COOKIE, RAW_PARAMS, RAW_CREATE, RAW_RUN, RAW_RESULTS, RAW_DISPLAY, RAW_DONE };

struct raw {
    int control, streams[RAW_STREAMS];
    unsigned n_streams;
    uint8_t cookie[37];
};

/* The parameters that rows start from: braces and what all need; forward, one stream. */
#define RAW_PARAMS_OF(more) "{\"time\":1,\"omit\":0,\"len\":1000" more "}"
#define RAW_TCP             RAW_PARAMS_OF("")
#define RAW_REVERSE         RAW_PARAMS_OF(",\"reverse\":true,\"bandwidth\":1000")
#define RAW_UDP             RAW_PARAMS_OF(",\"udp\":true")
#define RAW_STREAM(id)                                                                             \
    "{\"id\":" #id ",\"bytes\":0,\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0}"
#define RAW_RESULTS_OF(streams)                                                                    \
    "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"                             \
    "\"sender_has_retransmits\":-1,\"streams\":[" streams "]}"
#define RAW_NO_RESULTS RAW_RESULTS_OF("")

static inline struct bytes raw_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static inline struct sockaddr_in raw_address(const char *host, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

    assert_int_equal(inet_pton(AF_INET, host, &at.sin_addr), 1);
    return at;
}

/* A socket of that type from one loopback address to the server; -1 if that is refused. */
static inline int raw_try(int type, const char *from)
{
    struct sockaddr_in near = raw_address(from, 0), far = raw_address("127.0.0.1", serving.port);
    struct timeval limit = {.tv_sec = 20}; /* that fails the test */
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (type == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* Or the port could be one that a connection to the server has just left. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&near, sizeof near), 0);
    if (connect(fd, (struct sockaddr *)&far, sizeof far) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline int raw_reach(int type, const char *from)
{
    int fd = raw_try(type, from);

    if (fd < 0)
        fail_msg("cannot reach the server: %s", strerror(errno));
    return fd;
}

/* Bytes as they come, up to n of them or the end. */
static inline size_t raw_read(int fd, uint8_t *buf, size_t n)
{
    size_t have = 0;
    ssize_t one;

    while (have < n && (one = peer_read(fd, buf + have, n - have)) > 0)
        have += (size_t)one;
    return have;
}

static inline void raw_expect(const char *name, int fd, struct bytes want)
{
    uint8_t got[64];
    size_t n = raw_read(fd, got, want.len);

    if (n != want.len || memcmp(got, want.at, n) != 0)
        fail_msg("%s: got %zu bytes that begin with %02x", name, n, n > 0 ? got[0] : 0);
}

/* Exactly these bytes, then the end (in good order, or as a reset). */
static inline void raw_expect_end(const char *name, int fd, struct bytes want)
{
    uint8_t more;

    raw_expect(name, fd, want);
    ssize_t n = peer_read(fd, &more, 1);
    if (n > 0)
        fail_msg("%s: %02x where the end should be", name, more);
    if (n < 0 && errno != ECONNRESET)
        fail_msg("%s: no end: %s", name, strerror(errno));
}

static inline void raw_json(int fd, const char *text)
{
    size_t len = strlen(text);
    uint8_t prefix[4] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};

    peer_write(fd, (struct bytes){prefix, 4});
    peer_write(fd, raw_bytes(text));
}

static inline struct raw raw_open_from(const char *from)
{
    static unsigned n_made;
    struct raw r = {.control = raw_reach(SOCK_STREAM, from)};

    snprintf((char *)r.cookie, sizeof r.cookie, "%036u", ++n_made);
    return r;
}

static inline struct raw raw_open(void)
{
    return raw_open_from("127.0.0.1");
}

static inline void raw_add_stream(struct raw *r)
{
    int fd = raw_reach(SOCK_STREAM, "127.0.0.1");

    assert_true(r->n_streams < RAW_STREAMS);
    r->streams[r->n_streams++] = fd;
    peer_write(fd, (struct bytes){r->cookie, sizeof r->cookie});
}

static inline void raw_close(struct raw *r)
{
    for (unsigned i = 0; i < r->n_streams; i++)
        close(r->streams[i]);
    r->n_streams = 0;
    if (r->control >= 0)
        close(r->control);
    r->control = -1;
}

/* End it as a client that is killed, and wait until the server has seen that. */
static inline void raw_abandon(struct raw *r)
{
    uint8_t buf[256];

    shutdown(r->control, SHUT_WR);
    while (raw_read(r->control, buf, sizeof buf) > 0)
        ;
    raw_close(r);
}

static inline void raw_take_results(const char *name, struct raw *r)
{
    uint8_t prefix[4], text[8192];
    size_t len;

    assert_int_equal(raw_read(r->control, prefix, 4), 4);
    len = (size_t)prefix[2] << 8 | prefix[3];
    assert_true(len < sizeof text);
    assert_int_equal(raw_read(r->control, text, len), len);
    raw_expect(name, r->control, WIRE("\x0e"));
}

/* A TCP test, walked from its beginning to the state; n streams are opened. */
static inline void raw_walk(const char *name, struct raw *r, const char *params, unsigned n,
                            enum raw_state to)
{
    if (to >= RAW_PARAMS) {
        peer_write(r->control, (struct bytes){r->cookie, sizeof r->cookie});
        raw_expect(name, r->control, WIRE("\x09"));
    }
    if (to >= RAW_CREATE) {
        raw_json(r->control, params);
        raw_expect(name, r->control, WIRE("\x0a"));
    }
    if (to >= RAW_RUN) {
        while (r->n_streams < n)
            raw_add_stream(r);
        raw_expect(name, r->control, WIRE("\x01\x02"));
    }
    if (to >= RAW_RESULTS) {
        peer_write(r->control, WIRE("\x04"));
        raw_expect(name, r->control, WIRE("\x0d"));
    }
    if (to >= RAW_DISPLAY) {
        raw_json(r->control, RAW_NO_RESULTS);
        raw_take_results(name, r);
    }
    if (to >= RAW_DONE) {
        peer_write(r->control, WIRE("\x10"));
        raw_expect_end(name, r->control, WIRE(""));
    }
}

/* A client that does all right is served. The server has handled what came before, too. */
static inline void serving_is_well(const char *name)
{
    struct raw r = raw_open();

    raw_walk(name, &r, RAW_TCP, 1, RAW_DONE);
    raw_close(&r);
}

/* Put the server's clock forward, and wake it: a connection that says nothing and is reset is no
 * test of any kind. (If it was awake anyway, it may have closed its port by then.) */
static inline void serving_skip(unsigned seconds)
{
    int fd;

    io_skip_ns(seconds * UINT64_C(1000000000));
    fd = raw_try(SOCK_STREAM, "127.0.0.1");
    if (fd >= 0)
        peer_reset(fd);
}
