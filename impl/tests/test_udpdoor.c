#include "impl/net/udpdoor.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"
#include "impl/wire/ierr.h"

#include <fcntl.h>
#include <poll.h>

#define HELLO     WIRE("\x39\x38\x37\x36") /* UDPC-2 */
#define REPLY     WIRE("\x36\x37\x38\x39") /* UDPC-3 */
#define N_CLIENTS 50

static struct loop *loop;
static struct udpdoor *door;
static uint16_t port; /* of the door */
static int n_knocks, n_streams, streams[N_CLIENTS * 2];
static struct sock_name knocked[N_CLIENTS * 2];
static size_t last_len;
static bool refuse, close_at_once;

static void on_knock(void *context, const struct udpdoor_knock *k)
{
    assert_ptr_equal(context, &n_knocks);
    assert_true(n_knocks < N_CLIENTS * 2);
    last_len = k->datagram.len;
    knocked[n_knocks++] = k->peer;
    if (close_at_once) {
        udpdoor_close(door);
        door = NULL;
    } else if (!refuse) {
        assert_int_equal(udpdoor_accept(door, k, &streams[n_streams]), 0);
        peer_write(streams[n_streams++], REPLY);
    }
}

/* On the number of a TCP port that was free, as a server's door is: at->port is not looked at. */
static void open_door(const struct sock_at *at)
{
    struct sock_at here = *at;
    struct sock_name name;
    int holder;

    assert_int_equal(sock_listen(at, false, &holder), 0);
    assert_true(sock_local(holder, &name));
    here.port = port = name.port;
    assert_int_equal(udpdoor_open(loop, &here, on_knock, &n_knocks, &door), 0);
    close(holder);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    n_knocks = n_streams = 0;
    refuse = close_at_once = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_before_connect(NULL);
    io_fail_at(0, IO_FAIL, 0);
    for (int i = 0; i < n_streams; i++)
        close(streams[i]);
    udpdoor_close(door);
    door = NULL;
    loop_free(loop);
    return 0;
}

/* A client's socket, connected to the door; from is its own address, or NULL. */
static int client(const char *host, const char *from)
{
    struct sock_addrs list;
    struct sock_at at = {.host = from};
    int fd;

    assert_int_equal(sock_resolve(host, port, AF_UNSPEC, true, &list), SPEC_OK);
    assert_int_equal(sock_open(SOCK_KIND_UDP, &list.at[0], &at, IESTREAMCONNECT, &fd), 0);
    assert_int_equal(connect(fd, &list.at[0].sa, list.at[0].len), 0);
    sock_addrs_free(&list);
    return fd;
}

static void expect_reply(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    uint8_t got[8];

    assert_int_equal(poll(&wait, 1, 10000), 1);
    assert_int_equal(peer_read(fd, got, sizeof got), 4);
    assert_memory_equal(got, REPLY.at, 4);
}

static void until_knocks(int n)
{
    while (n_knocks < n)
        turn(loop);
}

/* --- */

static const struct row {
    const char *name;
    struct sock_at at;
    const char *host;
} rows[] = {
    {"UDPC-3 IPv4 at a dual-stack door",   {0},                   "127.0.0.1"},
    {"UDPC-3 IPv6 at a dual-stack door",   {0},                   "::1"      },
    {"UDPC-3 another address of the host", {0},                   "127.0.0.2"},
    {"UDPC-3 IPv4 door",                   {.family = AF_INET},   "127.0.0.3"},
    {"UDPC-3 IPv6 door",                   {.family = AF_INET6},  "::1"      },
    {"UDPC-3 door bound to an address",    {.host = "127.0.0.4"}, "127.0.0.4"},
    {"UDPC-3 door bound to a device",      {.device = "lo"},      "127.0.0.1"},
};

static void test_udpdoor_streams_answer_from_the_address_that_was_called(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tear_down(NULL);
        set_up(NULL);
        open_door(&rows[i].at);
        int fd = client(rows[i].host, NULL);
        peer_write(fd, HELLO);
        until_knocks(1);
        assert_int_equal(last_len, 4);
        expect_reply(fd); /* the client's socket is connected: it takes no other sender's */
        peer_write(fd, WIRE("data"));
        struct pollfd wait = {.fd = streams[0], .events = POLLIN};
        uint8_t got[8];
        assert_int_equal(poll(&wait, 1, 10000), 1);
        assert_int_equal(peer_read(streams[0], got, sizeof got), 4);
        turns(loop, 3);
        assert_int_equal(n_knocks, 1);
        close(fd);
    }
}

static void test_udpdoor_keeps_fifty_clients_apart(void **state)
{
    int fds[N_CLIENTS];

    (void)state;
    open_door(&(struct sock_at){0});
    for (int i = 0; i < N_CLIENTS; i++) {
        fds[i] = client(i % 2 ? "127.0.0.1" : "::1", NULL);
        peer_write(fds[i], HELLO);
    }
    until_knocks(N_CLIENTS);
    for (int i = 0; i < N_CLIENTS; i++) {
        expect_reply(fds[i]);
        close(fds[i]);
    }
    assert_int_equal(n_streams, N_CLIENTS);
}

/* --- the race: a datagram falls into the new socket before it is connected
 * -------------------------- */

static int racer, first;

static void race(void)
{
    io_before_connect(NULL);
    peer_write(racer, HELLO);
    peer_write(first, HELLO); /* the accepted one repeats its message */
}

static void check_race(const char *host)
{
    struct sock_name name;

    open_door(&(struct sock_at){0});
    first = client(host, NULL);
    racer = client(host, NULL);
    peer_write(first, HELLO);
    io_before_connect(race);
    until_knocks(2);
    assert_true(sock_local(racer, &name));
    assert_int_equal(knocked[1].port, name.port);
    expect_reply(first);
    expect_reply(racer);
    turns(loop, 3);
    assert_int_equal(n_knocks, 2);
    uint8_t got[8];
    assert_int_equal(recv(streams[0], got, sizeof got, MSG_DONTWAIT), -1); /* no data but data */
    close(first);
    close(racer);
}

static void test_udpdoor_redelivers_what_fell_into_a_new_socket(void **state)
{
    (void)state;
    check_race("127.0.0.1");
    tear_down(NULL);
    set_up(NULL);
    check_race("::1");
}

static void test_udpdoor_closes_with_strays_waiting(void **state)
{
    (void)state;
    open_door(&(struct sock_at){0});
    first = client("127.0.0.1", NULL);
    racer = client("127.0.0.1", NULL);
    peer_write(first, HELLO);
    io_before_connect(race);
    until_knocks(1); /* the second is due in the same turn or waits */
    udpdoor_close(door);
    door = NULL;
    turns(loop, 3);
    close(first);
    close(racer);
}

/* --- */

static void test_udpdoor_may_be_closed_from_inside(void **state)
{
    (void)state;
    open_door(&(struct sock_at){0});
    close_at_once = true;
    int fd = client("127.0.0.1", NULL);
    peer_write(fd, HELLO);
    peer_write(fd, HELLO);
    until_knocks(1);
    turns(loop, 3);
    assert_int_equal(n_knocks, 1);
    assert_null(door);
    close(fd);
}

static void test_udpdoor_delivers_datagrams_of_any_length(void **state)
{
    static uint8_t big[60000];

    (void)state;
    open_door(&(struct sock_at){0});
    refuse = true;
    int fd = client("127.0.0.1", NULL);
    peer_write(fd, WIRE(""));
    until_knocks(1);
    assert_int_equal(last_len, 0);
    peer_write(fd, (struct bytes){big, sizeof big});
    until_knocks(2);
    assert_int_equal(last_len, 2048);
    close(fd);
}

static void test_udpdoor_survives_an_interrupted_receive(void **state)
{
    (void)state;
    open_door(&(struct sock_at){0});
    int fd = client("127.0.0.1", NULL);
    peer_write(fd, HELLO);
    io_fail_at(2, IO_FAIL, EINTR); /* the first is the wait */
    turn(loop);
    assert_true(io_failed());
    assert_int_equal(n_knocks, 1);
    close(fd);
}

static void test_udpdoor_gives_the_numbers_of_failures(void **state)
{
    struct sock_at taken = {0};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    struct sock_name name;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0); /* without SO_REUSEADDR */
    assert_true(sock_local(fd, &name));
    taken.port = name.port;
    assert_int_equal(udpdoor_open(loop, &taken, on_knock, NULL, &door), IESTREAMLISTEN);
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
    taken = (struct sock_at){.device = "nosuchdev"};
    assert_int_equal(udpdoor_open(loop, &taken, on_knock, NULL, &door), IEBINDDEV);
    alloc_fail_at(1);
    assert_int_equal(udpdoor_open(loop, &taken, on_knock, NULL, &door), IESTREAMLISTEN);
    alloc_fail_at(2);
    assert_int_equal(udpdoor_open(loop, &taken, on_knock, NULL, &door), IESTREAMLISTEN);
    alloc_fail_at(0);
}

static void test_udpdoor_accept_gives_the_number_of_a_failed_connect(void **state)
{
    int fd;

    (void)state;
    open_door(&(struct sock_at){0});
    refuse = true;
    fd = client("127.0.0.1", NULL);
    struct udpdoor_knock k = {
        .from = {.in = {.sin_family = AF_INET}, .len = sizeof k.from.in },
        .local = {.in = {.sin_family = AF_INET}, .len = sizeof k.local.in}
    };
    int stream;
    io_fail_at(1, IO_FAIL, ENETUNREACH);
    assert_int_equal(udpdoor_accept(door, &k, &stream), IESTREAMACCEPT);
    assert_int_equal(errno, ENETUNREACH);
    close(fd);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_udpdoor_streams_answer_from_the_address_that_was_called),
        T(test_udpdoor_keeps_fifty_clients_apart),
        T(test_udpdoor_redelivers_what_fell_into_a_new_socket),
        T(test_udpdoor_closes_with_strays_waiting),
        T(test_udpdoor_may_be_closed_from_inside),
        T(test_udpdoor_delivers_datagrams_of_any_length),
        T(test_udpdoor_survives_an_interrupted_receive),
        T(test_udpdoor_gives_the_numbers_of_failures),
        T(test_udpdoor_accept_gives_the_number_of_a_failed_connect),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
