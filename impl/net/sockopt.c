/* sockopt.c - options of sockets, and what the kernel says about them (sock.h). */
#include "impl/net/sock.h"
#include "impl/wire/bytes.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <linux/in6.h> /* behind netinet/in.h: the flow label calls */
#include <linux/sctp.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* The window that a SYN-ACK offers at most. A sender's segments are no longer than half of it. */
#define OFFERED_LEN          65535u
#define ACKNOWLEDGE_LEAST_NS UINT64_C(20000)
#define ACKNOWLEDGE_MOST_NS  UINT64_C(1000000)

/* 0 if the option could be set, else ierr. */
static int set(int fd, int level, int option, int value, int ierr)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : ierr;
}

/* An integer option, or -1. */
static int get(int fd, int level, int option)
{
    int value = 0;
    socklen_t len = sizeof value;

    return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

int sock_domain(int fd)
{
    return get(fd, SOL_SOCKET, SO_DOMAIN);
}

/* Whether packets of this socket are IPv4: all of an IPv4 socket, and those to a mapped address. */
static bool sends_ipv4(int fd)
{
    struct sock_name peer;

    return sock_domain(fd) == AF_INET || (sock_peer(fd, &peer) && peer.family == AF_INET);
}

int sock_set_nodelay(int fd)
{
    return set(fd, IPPROTO_TCP, TCP_NODELAY, 1, IESETNODELAY);
}

int sock_set_mss(int fd, int mss)
{
    return set(fd, IPPROTO_TCP, TCP_MAXSEG, mss, IESETMSS);
}

int sock_set_sctp_nodelay(int fd)
{
    return set(fd, IPPROTO_SCTP, SCTP_NODELAY, 1, IESETNODELAY);
}

int sock_set_sctp_mss(int fd, int mss)
{
    struct sctp_assoc_value value = {.assoc_value = (uint32_t)mss};

    return setsockopt(fd, IPPROTO_SCTP, SCTP_MAXSEG, &value, sizeof value) == 0 ? 0 : IESETMSS;
}

int sock_set_sctp_streams(int fd, unsigned n)
{
    struct sctp_initmsg value = {.sinit_num_ostreams = (uint16_t)n};

    return setsockopt(fd, IPPROTO_SCTP, SCTP_INITMSG, &value, sizeof value) == 0 ? 0
                                                                                 : IESETSCTPNSTREAM;
}

/* Port 0: the one that the socket has or will get. */
static bool add_sctp_address(int fd, const char *host)
{
    int family = sock_domain(fd) == AF_INET ? AF_INET : AF_UNSPEC;
    struct sock_addrs list;
    bool ok;

    if (sock_resolve(host, 0, family, false, &list) != SPEC_OK)
        return false;
    ok = setsockopt(fd, IPPROTO_SCTP, SCTP_SOCKOPT_BINDX_ADD, &list.at[0].sa, list.at[0].len) == 0;
    sock_addrs_free(&list);
    return ok;
}

int sock_add_sctp_addresses(int fd, const char *list)
{
    char host[256];

    for (int len; list != NULL && *list != '\0'; list += len + (list[len] == ',')) {
        len = (int)strcspn(list, ",");
        snprintf(host, sizeof host, "%.*s", len, list);
        if (!add_sctp_address(fd, host))
            return IESETSCTPBINDX;
    }
    return 0;
}

int sock_set_window(int fd, int bytes)
{
    int ierr = set(fd, SOL_SOCKET, SO_SNDBUF, bytes, IESETBUF);

    if (ierr == 0)
        ierr = set(fd, SOL_SOCKET, SO_RCVBUF, bytes, IESETBUF);
    if (ierr != 0)
        return ierr;
    if (sock_sndbuf(fd) < 0 || sock_rcvbuf(fd) < 0)
        return IESETBUF;
    if (sock_sndbuf(fd) < bytes || sock_rcvbuf(fd) < bytes) {
        errno = 0; /* the kernel cuts silently (net.core.wmem_max, rmem_max) */
        return IESETBUF2;
    }
    return 0;
}

int sock_fit_segment(int fd, int mss)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int segment;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0; /* some MPTCP sockets, whose path nobody tells */
    segment = (int)MIN(info.tcpi_advmss, OFFERED_LEN / 2);
    if (mss > 0)
        segment = MIN(segment, mss);
    if (sock_rcvbuf(fd) >= 2 * segment) /* the kernel's own doubling included */
        return 0;
    return set(fd, SOL_SOCKET, SO_RCVBUF, segment, IESETBUF);
}

int sock_set_tos(int fd, int tos)
{
    int ierr = 0;

    if (sock_domain(fd) == AF_INET6)
        ierr = set(fd, IPPROTO_IPV6, IPV6_TCLASS, tos, IESETCOS);
    if (ierr == 0 && sends_ipv4(fd))
        ierr = set(fd, IPPROTO_IP, IP_TOS, tos, IESETTOS);
    return ierr;
}

int sock_set_congestion(int fd, const char *algorithm)
{
    socklen_t len = (socklen_t)strlen(algorithm);

    return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm, len) == 0 ? 0 : IESETCONGESTION;
}

int sock_set_pacing(int fd, uint64_t bits_per_second)
{
    uint64_t bytes_per_second = bits_per_second / 8;

    return setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_second,
                      sizeof bytes_per_second) == 0
               ? 0
               : IESETPACING;
}

int sock_set_dont_fragment(int fd)
{
    if (!sends_ipv4(fd))
        return 0; /* routers never fragment IPv6 */
    return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IESETDONTFRAGMENT);
}

int sock_set_user_timeout(int fd, unsigned timeout_ms)
{
    return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms) == 0
               ? 0
               : IESETUSERTIMEOUT;
}

int sock_set_device(int fd, const char *device)
{
    socklen_t len = (socklen_t)strlen(device);

    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, len) == 0 ? 0 : IEBINDDEV;
}

/* Set *value, or read the system's if it is 0. */
static int set_or_read(int fd, int option, int *value, int ierr)
{
    if (*value > 0)
        return set(fd, IPPROTO_TCP, option, *value, ierr);
    *value = get(fd, IPPROTO_TCP, option);
    return *value >= 0 ? 0 : ierr;
}

int sock_set_keepalive(int fd, int idle_s, int interval_s, int count)
{
    int ierr = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1, IESETCNTLKA);

    if (ierr == 0)
        ierr = set_or_read(fd, TCP_KEEPIDLE, &idle_s, IESETCNTLKAKEEPIDLE);
    if (ierr == 0)
        ierr = set_or_read(fd, TCP_KEEPINTVL, &interval_s, IESETCNTLKAINTERVAL);
    if (ierr == 0)
        ierr = set_or_read(fd, TCP_KEEPCNT, &count, IESETCNTLKACOUNT);
    if (ierr == 0 && idle_s <= (int64_t)interval_s * count) {
        errno = EINVAL;
        ierr = IECNTLKA;
    }
    return ierr;
}

int sock_set_flowlabel(int fd, struct sock_addr *to, uint32_t label)
{
    struct in6_flowlabel_req request = {
        .flr_label = htonl(label & 0xfffff),
        .flr_action = IPV6_FL_A_GET,
        .flr_share = IPV6_FL_S_ANY,
        .flr_flags = IPV6_FL_F_CREATE,
    };

    if (to->sa.sa_family != AF_INET6 || IN6_IS_ADDR_V4MAPPED(&to->in6.sin6_addr)) {
        errno = EAFNOSUPPORT;
        return IESETFLOW;
    }
    memcpy(&request.flr_dst, &to->in6.sin6_addr, sizeof request.flr_dst);
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &request, sizeof request) != 0)
        return IESETFLOW;
    to->in6.sin6_flowinfo = request.flr_label;
    return set(fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1, IESETFLOW);
}

int sock_sndbuf(int fd)
{
    return get(fd, SOL_SOCKET, SO_SNDBUF);
}

int sock_rcvbuf(int fd)
{
    return get(fd, SOL_SOCKET, SO_RCVBUF);
}

int sock_mss(int fd)
{
    return get(fd, IPPROTO_TCP, TCP_MAXSEG);
}

uint64_t sock_unacknowledged(int fd)
{
    int queued = 0;

    return ioctl(fd, SIOCOUTQ, &queued) == 0 ? (uint64_t)MAX(queued, 0) : 0;
}

/* A quarter of the wait, so that it lasts no longer than that beyond its end. */
uint64_t sock_acknowledge_pause_ns(uint64_t waited_ns)
{
    return MIN(MAX(waited_ns / 4, ACKNOWLEDGE_LEAST_NS), ACKNOWLEDGE_MOST_NS);
}

bool sock_is_sctp(int fd)
{
    return get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_SCTP;
}
