#include "impl/net/sock.h"

#include "impl/tests/alloc.h"
#include "impl/tests/iofail.h"
#include "impl/tests/loopback.h"
#include "impl/wire/ierr.h"

#include <fcntl.h>
#include <linux/sctp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#ifndef MPTCP_INFO
#define MPTCP_INFO 1
#endif

/* --- addresses
 * ------------------------------------------------------------------------------------ */

static struct sock_addr addr_of(const char *host, uint16_t port)
{
    struct sock_addrs list;
    struct sock_addr addr;

    assert_int_equal(sock_resolve(host, port, AF_UNSPEC, false, &list), SPEC_OK);
    addr = list.at[0];
    sock_addrs_free(&list);
    return addr;
}

static void test_sock_name_of_shows_mapped_addresses_as_ipv4(void **state)
{
    static const struct {
        const char *host, *shown;
        int family;
        uint8_t first, last; /* of addr.ip */
        uint32_t scope;
    } rows[] = {
        {"127.0.0.1",        "127.0.0.1",  AF_INET,  0,    1, 0},
        {"::ffff:127.0.0.1", "127.0.0.1",  AF_INET,  0,    1, 0},
        {"::1",              "::1",        AF_INET6, 0,    1, 0},
        {"fe80::2%lo",       "fe80::2%lo", AF_INET6, 0xfe, 2, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sock_addr addr = addr_of(rows[i].host, 5201);
        struct sock_name name;
        sock_name_of(&addr, &name);
        assert_string_equal(name.host, rows[i].shown);
        assert_int_equal(name.port, 5201);
        assert_int_equal(name.family, rows[i].family);
        assert_int_equal(name.addr.ip[0], rows[i].first);
        assert_int_equal(name.addr.ip[15], rows[i].last);
        assert_int_equal(name.addr.scope, rows[i].scope);
        assert_int_equal(name.addr.ip[11], rows[i].family == AF_INET ? 0xff : 0);
    }
}

static void test_sock_resolve_says_why_not(void **state)
{
    struct sock_addrs list;

    (void)state;
    assert_int_equal(sock_resolve("no such name", 1, AF_UNSPEC, false, &list), SPEC_E_SYSTEM);
    assert_int_equal(errno, EAI_NONAME);
    assert_int_equal(sock_resolve("127.0.0.1", 1, AF_INET6, false, &list), SPEC_E_SYSTEM);
    assert_int_equal(errno, EAI_ADDRFAMILY);
    alloc_fail_at(1);
    assert_int_equal(sock_resolve("127.0.0.1", 1, AF_INET, false, &list), SPEC_E_NOMEM);
    alloc_fail_at(0);
}

/* --- listening
 * ------------------------------------------------------------------------------------ */

static uint16_t port_of(int fd)
{
    struct sock_name name;

    assert_true(sock_local(fd, &name));
    assert_int_not_equal(name.port, 0);
    return name.port;
}

/* A blocking connect; -1 if it is refused. */
static int reach(const char *host, uint16_t port)
{
    struct sock_addr to = addr_of(host, port);
    int fd = socket(to.sa.sa_family, SOCK_STREAM, 0);

    if (connect(fd, &to.sa, to.len) == 0)
        return fd;
    close(fd);
    return -1;
}

static int accept_one(int listener, struct sock_name *peer)
{
    struct pollfd wait = {.fd = listener, .events = POLLIN};

    assert_int_equal(poll(&wait, 1, 10000), 1);
    return sock_accept(listener, peer);
}

static const struct listen_row {
    const char *name;
    struct sock_at at;
    bool mptcp, v4, v6;
} listen_rows[] = {
    {"CONN-3 both families",  {0},                   false, true,  true },
    {"CONN-3 MPTCP for both", {0},                   true,  true,  true },
    {"-4",                    {.family = AF_INET},   false, true,  false},
    {"-6",                    {.family = AF_INET6},  false, false, true },
    {"-B an IPv4 address",    {.host = "127.0.0.1"}, false, true,  false},
    {"-B an IPv6 address",    {.host = "::1"},       false, false, true },
    {"-B the IPv6 wildcard",  {.host = "::"},        false, true,  true },
    {"--bind-dev",            {.device = "lo"},      false, true,  true },
};

static void check_listener(const struct listen_row *row, const char *host, bool reachable)
{
    int listener = -1, fd, taken;
    struct sock_name peer;

    if (sock_listen(&row->at, row->mptcp, &listener) != 0)
        fail_msg("%s: %s", row->name, strerror(errno));
    assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
    fd = reach(host, port_of(listener));
    if ((fd >= 0) != reachable)
        fail_msg("%s: %s %s", row->name, host, fd >= 0 ? "reached" : "not reached");
    if (fd >= 0) {
        taken = accept_one(listener, &peer);
        assert_true(taken >= 0);
        assert_true(fcntl(taken, F_GETFL) & O_NONBLOCK);
        assert_string_equal(peer.host, host); /* IPv4 not as mapped */
        close(taken);
        close(fd);
    }
    assert_int_equal(sock_accept(listener, &peer), -1);
    assert_int_equal(errno, EAGAIN);
    close(listener);
}

static void test_sock_listen_serves_the_families_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(listen_rows); i++) {
        check_listener(&listen_rows[i], "127.0.0.1", listen_rows[i].v4);
        check_listener(&listen_rows[i], "::1", listen_rows[i].v6);
    }
}

static void test_sock_listen_gives_the_numbers_of_failures(void **state)
{
    struct sock_at at = {0};
    int fd, other;

    (void)state;
    assert_int_equal(sock_listen(&at, false, &fd), 0);
    at.port = port_of(fd);
    assert_int_equal(sock_listen(&at, false, &other), IELISTEN);
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
    at = (struct sock_at){.device = "nosuchdev"};
    assert_int_equal(sock_listen(&at, false, &fd), IEBINDDEV);
    assert_int_equal(errno, ENODEV);
    at = (struct sock_at){.host = "192.0.2.1"};
    assert_int_equal(sock_listen(&at, false, &fd), IELISTEN);
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_int_equal(sock_bind_udp(&at, &fd), IESTREAMLISTEN);
}

static void test_sock_bind_udp_takes_the_port_of_the_listener(void **state)
{
    struct sock_at at = {0};
    int tcp, udp;

    (void)state;
    do { /* another program may have that UDP port */
        assert_int_equal(sock_listen(&at, false, &tcp), 0);
        at.port = port_of(tcp);
        if (sock_bind_udp(&at, &udp) == 0)
            break;
        close(tcp);
        at.port = 0;
    } while (true);
    assert_int_equal(port_of(udp), port_of(tcp));
    close(tcp);
    close(udp);
}

static void test_sock_accept_passes_over_connections_that_failed(void **state)
{
    static const int errnos[] = {EINTR, ECONNABORTED, EPROTO};
    struct sock_at at = {.host = "127.0.0.1"};
    struct sock_name peer;
    int listener, fd, taken;

    (void)state;
    assert_int_equal(sock_listen(&at, false, &listener), 0);
    for (size_t i = 0; i < ARRAY_LEN(errnos); i++) {
        fd = reach("127.0.0.1", port_of(listener));
        io_fail_at(1, IO_FAIL, errnos[i]);
        taken = accept_one(listener, &peer);
        assert_true(io_failed());
        assert_true(taken >= 0);
        close(taken);
        close(fd);
    }
    io_fail_at(1, IO_FAIL, EMFILE);
    assert_int_equal(sock_accept(listener, &peer), -1);
    assert_int_equal(errno, EMFILE);
    io_fail_at(0, IO_FAIL, 0);
    close(listener);
}

/* --- opening
 * -------------------------------------------------------------------------------------- */

static void test_sock_open_binds_the_near_end(void **state)
{
    struct sock_addr to = addr_of("127.0.0.1", 1);
    struct sock_at at = {.host = "127.0.0.2"};
    struct sock_name name;
    int fd, other;

    (void)state;
    assert_int_equal(sock_open(SOCK_KIND_TCP, &to, &at, IESTREAMCONNECT, &fd), 0);
    assert_true(sock_local(fd, &name));
    assert_string_equal(name.host, "127.0.0.2");
    close(fd);

    at = (struct sock_at){0};
    assert_int_equal(sock_open(SOCK_KIND_UDP, &to, &at, IESTREAMCONNECT, &fd), 0);
    close(fd);
    assert_int_equal(sock_bind_udp(&(struct sock_at){0}, &other), 0); /* a port that is free */
    at.port = port_of(other);
    close(other);
    assert_int_equal(sock_open(SOCK_KIND_UDP, &to, &at, IESTREAMCONNECT, &fd), 0);
    assert_int_equal(port_of(fd), at.port); /* --cport alone (STR-7) */
    close(fd);
}

static void test_sock_open_gives_the_numbers_of_failures(void **state)
{
    struct sock_addr to = addr_of("127.0.0.1", 1);
    int fd;

    (void)state;
    assert_int_equal(
        sock_open(SOCK_KIND_TCP, &to, &(struct sock_at){.host = "::1"}, IECONNECT, &fd), IECONNECT);
    assert_int_equal(
        sock_open(SOCK_KIND_TCP, &to, &(struct sock_at){.host = "192.0.2.1"}, IESTREAMCONNECT, &fd),
        IESTREAMCONNECT);
    assert_int_equal(
        sock_open(SOCK_KIND_TCP, &to, &(struct sock_at){.device = "nosuchdev"}, IECONNECT, &fd),
        IEBINDDEV);
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* Speaks MPTCP, and has not fallen back to TCP. */
static bool is_mptcp(int fd)
{
    uint8_t info[256]; /* struct mptcp_info, of which only its being there counts */
    socklen_t len = sizeof info;

    return option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP &&
           getsockopt(fd, SOL_MPTCP, MPTCP_INFO, info, &len) == 0;
}

static void test_sock_listen_gives_mptcp_only_to_who_asks_for_it(void **state)
{
    struct sock_at at = {.host = "127.0.0.1"};
    struct sock_name peer;
    int listener, fd, taken;

    (void)state;
    if (!sock_has_mptcp())
        skip();
    assert_int_equal(sock_listen(&at, true, &listener), 0);
    fd = reach("127.0.0.1", port_of(listener));
    taken = accept_one(listener, &peer);
    assert_false(is_mptcp(taken)); /* a plain TCP client (MPTCP-1) */
    assert_false(is_mptcp(fd));
    close(fd);
    close(taken);

    struct sock_addr to = addr_of("127.0.0.1", port_of(listener));
    assert_int_equal(sock_open(SOCK_KIND_MPTCP, &to, &(struct sock_at){0}, IECONNECT, &fd), 0);
    assert_int_equal(connect(fd, &to.sa, to.len), -1);
    assert_int_equal(errno, EINPROGRESS);
    taken = accept_one(listener, &peer);
    assert_true(is_mptcp(taken));
    assert_int_equal(sock_set_nodelay(taken), 0);
    assert_int_equal(sock_set_window(taken, 65536), 0);
    close(fd);
    close(taken);
    close(listener);
}

/* --- options
 * -------------------------------------------------------------------------------------- */

static int tcp(int family)
{
    return socket(family, SOCK_STREAM, 0);
}

static void test_sock_options_arrive_in_the_kernel(void **state)
{
    int fd = tcp(AF_INET), v6 = tcp(AF_INET6);
    char name[32];
    uint64_t pacing;
    socklen_t len = sizeof pacing, name_len = sizeof name;

    (void)state;
    assert_int_equal(sock_set_nodelay(fd), 0);
    assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY));
    assert_int_equal(sock_set_mss(fd, 1000), 0);
    assert_int_equal(sock_set_window(fd, 50000), 0);
    assert_int_equal(sock_sndbuf(fd), 100000);
    assert_int_equal(sock_rcvbuf(fd), 100000);
    assert_int_equal(sock_set_tos(fd, 0x10), 0);
    assert_int_equal(option(fd, IPPROTO_IP, IP_TOS), 0x10);
    assert_int_equal(sock_set_tos(v6, 0x20), 0);
    assert_int_equal(option(v6, IPPROTO_IPV6, IPV6_TCLASS), 0x20);
    assert_int_equal(sock_set_congestion(fd, "reno"), 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &name_len), 0);
    assert_string_equal(name, "reno");
    assert_int_equal(sock_set_pacing(fd, 80000000000), 0); /* more than 32 bits of bytes/s */
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &pacing, &len), 0);
    assert_true(pacing == 10000000000);
    assert_int_equal(sock_set_dont_fragment(fd), 0);
    assert_int_equal(option(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
    assert_int_equal(sock_set_user_timeout(fd, 1234), 0);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1234);
    assert_int_equal(sock_set_device(fd, "lo"), 0);
    assert_true(sock_mss(fd) > 0);
    close(fd);
    close(v6);
}

static void test_sock_set_tos_reaches_ipv4_packets_of_an_ipv6_socket(void **state)
{
    struct sock_at at = {0};
    struct sock_name peer;
    int listener, fd, taken;

    (void)state;
    assert_int_equal(sock_listen(&at, false, &listener), 0);
    fd = reach("127.0.0.1", port_of(listener));
    taken = accept_one(listener, &peer);
    assert_int_equal(sock_domain(taken), AF_INET6);
    assert_int_equal(sock_set_tos(taken, 0x40), 0);
    assert_int_equal(option(taken, IPPROTO_IP, IP_TOS), 0x40);
    assert_int_equal(sock_set_dont_fragment(taken), 0);
    assert_int_equal(option(taken, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
    close(fd);
    close(taken);
    close(listener);
}

static void test_sock_options_give_the_numbers_of_failures(void **state)
{
    int fd = tcp(AF_INET), udp = socket(AF_INET, SOCK_DGRAM, 0), v6 = tcp(AF_INET6);

    (void)state;
    assert_int_equal(sock_set_nodelay(udp), IESETNODELAY);
    assert_int_equal(sock_set_mss(fd, 1 << 20), IESETMSS);
    assert_int_equal(sock_set_window(-1, 1000), IESETBUF);
    assert_int_equal(sock_set_window(fd, 1 << 30), IESETBUF2);
    assert_int_equal(sock_set_tos(v6, 1000), IESETCOS);
    assert_int_equal(sock_set_congestion(fd, "nosuchalgorithm"), IESETCONGESTION);
    assert_int_equal(sock_set_pacing(-1, 1), IESETPACING);
    assert_int_equal(sock_set_user_timeout(udp, 1), IESETUSERTIMEOUT);
    assert_int_equal(sock_set_device(fd, "nosuchdev"), IEBINDDEV);
    assert_int_equal(sock_mss(udp), -1);
    assert_int_equal(sock_sndbuf(-1), -1);
    close(fd);
    close(udp);
    close(v6);
}

/* On a kernel with SCTP the listener is tried, elsewhere the refusal (SCTP-5). */
static void test_sock_listen_sctp_says_whether_the_kernel_can(void **state)
{
    static const struct {
        const char *name, *host, *also;
        int want; /* where there is SCTP */
    } rows[] = {
        {"SCTP-4 any address",                    NULL,        NULL,                            0             },
        {"SCTP-3 -B",                             "127.0.0.1", NULL,                            0             },
        {"SCTP-3 -B and -X",                      "127.0.0.1", "127.0.0.2",                     0             },
        {"SCTP-3 -X alone",                       NULL,        "127.0.0.2",                     0             },
        {"SCTP-3 -X thrice",                      NULL,        "127.0.0.2,127.0.0.3,127.0.0.4", 0             },
        {"SCTP-3 -X with an address not of ours", "127.0.0.1", "192.0.2.1",                     IESETSCTPBINDX},
        {"SCTP-3 -X with no address",             "127.0.0.1", "no such name",                  IESETSCTPBINDX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sock_at at = {.host = rows[i].host};
        struct sock_name name;
        int fd = -1, want = sock_has_sctp() ? rows[i].want : IESTREAMLISTEN;
        int got = sock_listen_sctp(&at, rows[i].also, &fd);
        if (got != want)
            fail_msg("%s: %d", rows[i].name, got);
        if (!sock_has_sctp())
            assert_int_equal(errno, EPROTONOSUPPORT);
        if (got != 0)
            continue;
        assert_true(sock_is_sctp(fd) && sock_local(fd, &name) && name.port > 0);
        close(fd);
    }
}

static void test_sctp_options_give_the_numbers_of_failures(void **state)
{
    int fd = tcp(AF_INET);

    (void)state;
    assert_false(sock_is_sctp(fd));
    assert_int_equal(sock_set_sctp_nodelay(fd), IESETNODELAY);
    assert_int_equal(sock_set_sctp_mss(fd, 1000), IESETMSS);
    assert_int_equal(sock_set_sctp_streams(fd, 3), IESETSCTPNSTREAM);
    assert_int_equal(sock_add_sctp_addresses(fd, "127.0.0.1"), IESETSCTPBINDX);
    assert_int_equal(sock_add_sctp_addresses(fd, NULL), 0);
    assert_int_equal(sock_add_sctp_addresses(fd, ""), 0);
    close(fd);
}

static void test_sctp_options_arrive_in_the_kernel(void **state)
{
    struct sock_addr to = addr_of("127.0.0.1", 1);
    struct sock_at near = {.host = "127.0.0.2"};
    int fd = -1;

    (void)state;
    if (!sock_has_sctp()) {
        assert_int_equal(sock_open(SOCK_KIND_SCTP, &to, &near, IESTREAMCONNECT, &fd),
                         IESTREAMCONNECT);
        assert_int_equal(errno, EPROTONOSUPPORT);
        return;
    }
    assert_int_equal(sock_open(SOCK_KIND_SCTP, &to, &near, IESTREAMCONNECT, &fd), 0);
    assert_int_equal(sock_set_sctp_nodelay(fd), 0);
    assert_int_equal(sock_set_sctp_mss(fd, 1000), 0);
    assert_int_equal(sock_set_sctp_streams(fd, 3), 0);
    assert_int_equal(sock_add_sctp_addresses(fd, "127.0.0.3,127.0.0.4"), 0);
    assert_int_equal(option(fd, IPPROTO_SCTP, SCTP_NODELAY), 1);
    close(fd);
}

static void test_sock_set_keepalive_checks_idle_against_the_retries(void **state)
{
    static const struct {
        const char *name;
        int idle, interval, count, want;
    } rows[] = {
        {"CONN-11 the system's own",        0,     0,     0,   0                  },
        {"CONN-11 all three",               31,    10,    3,   0                  },
        {"CONN-11 idle = interval x count", 30,    10,    3,   IECNTLKA           },
        {"CONN-11 idle too short alone",    5,     0,     0,   IECNTLKA           },
        {"idle beyond the kernel's",        40000, 1,     1,   IESETCNTLKAKEEPIDLE},
        {"interval beyond the kernel's",    100,   40000, 1,   IESETCNTLKAINTERVAL},
        {"count beyond the kernel's",       100,   1,     200, IESETCNTLKACOUNT   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = tcp(AF_INET),
            got = sock_set_keepalive(fd, rows[i].idle, rows[i].interval, rows[i].count);
        if (got != rows[i].want)
            fail_msg("%s: %d", rows[i].name, got);
        assert_true(option(fd, SOL_SOCKET, SO_KEEPALIVE));
        close(fd);
    }
    assert_int_equal(sock_set_keepalive(-1, 0, 0, 0), IESETCNTLKA);
}

static void test_sock_set_flowlabel_is_for_ipv6_alone(void **state)
{
    struct sock_addr v4 = addr_of("127.0.0.1", 1), mapped = addr_of("::ffff:127.0.0.1", 1),
                     v6 = addr_of("::1", 1);
    int fd = tcp(AF_INET6), other = tcp(AF_INET);

    (void)state;
    assert_int_equal(sock_set_flowlabel(other, &v4, 5), IESETFLOW);
    assert_int_equal(sock_set_flowlabel(fd, &mapped, 5), IESETFLOW);
    assert_int_equal(sock_set_flowlabel(fd, &v6, 5), 0);
    assert_int_equal(ntohl(v6.in6.sin6_flowinfo), 5);
    close(fd);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sock_name_of_shows_mapped_addresses_as_ipv4),
        cmocka_unit_test(test_sock_resolve_says_why_not),
        cmocka_unit_test(test_sock_listen_serves_the_families_it_should),
        cmocka_unit_test(test_sock_listen_gives_the_numbers_of_failures),
        cmocka_unit_test(test_sock_bind_udp_takes_the_port_of_the_listener),
        cmocka_unit_test(test_sock_accept_passes_over_connections_that_failed),
        cmocka_unit_test(test_sock_open_binds_the_near_end),
        cmocka_unit_test(test_sock_open_gives_the_numbers_of_failures),
        cmocka_unit_test(test_sock_listen_gives_mptcp_only_to_who_asks_for_it),
        cmocka_unit_test(test_sock_options_arrive_in_the_kernel),
        cmocka_unit_test(test_sock_set_tos_reaches_ipv4_packets_of_an_ipv6_socket),
        cmocka_unit_test(test_sock_options_give_the_numbers_of_failures),
        cmocka_unit_test(test_sock_listen_sctp_says_whether_the_kernel_can),
        cmocka_unit_test(test_sctp_options_give_the_numbers_of_failures),
        cmocka_unit_test(test_sctp_options_arrive_in_the_kernel),
        cmocka_unit_test(test_sock_set_keepalive_checks_idle_against_the_retries),
        cmocka_unit_test(test_sock_set_flowlabel_is_for_ipv6_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
