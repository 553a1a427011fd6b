/* sock.h - sockets: opening, options, and what the kernel says about them.
 *
 * A function that returns an int iperf3 number returns 0, or the number of the failure
 * (impl/wire/ierr.h) with errno set. All descriptors are non-blocking and close-on-exec. */
#pragma once
#include "impl/wire/admit.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address of any family. */
struct sock_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
    };
    socklen_t len;
};

/* The same in words. */
struct sock_name {
    char host[INET6_ADDRSTRLEN + 16 +
              1]; /* numeric; IPv4 dotted also if mapped; "%eth0" if link-local */
    uint16_t port;
    int family;             /* AF_INET also if mapped */
    struct admit_addr addr; /* for the listener's decision */
};

/* Where a socket of ours sits. */
struct sock_at {
    const char *host;   /* -B: name or address, also "fe80::1%eth0"; NULL = wildcard */
    const char *device; /* --bind-dev; NULL = any */
    int family;         /* -4, -6: AF_INET, AF_INET6; AF_UNSPEC = both */
    uint16_t port;      /* 0 = the kernel chooses */
};

/* --- opening -------------------------------------------------------------------------------------
 */

/* A listening TCP socket: without host and family one IPv6 socket that takes IPv4 too, IPv4 alone
 * where the kernel has no IPv6 (CONN-3). mptcp: as MPTCP where the kernel can (plain TCP clients
 * are served all the same), silently as TCP where it can't. Returns 0, IELISTEN, IEREUSEADDR,
 * IEV6ONLY, IEBINDDEV. */
int sock_listen(const struct sock_at *at, bool mptcp, int *fd);

/* A listening SCTP socket, one-to-one style (SCTP-1, SCTP-4); also: further addresses for it (-X),
 * parted by commas, or NULL. Returns 0, IESTREAMLISTEN (EPROTONOSUPPORT: a kernel without SCTP,
 * SCTP-5), IEREUSEADDR, IEV6ONLY, IEBINDDEV, IESETSCTPBINDX. */
int sock_listen_sctp(const struct sock_at *at, const char *also, int *fd);

/* An unconnected UDP socket with SO_REUSEADDR, of the same kinds (UDPC-1); tells the destination
 * address of each datagram. Returns 0, IESTREAMLISTEN, IEREUSEADDR, IEV6ONLY, IEBINDDEV. */
int sock_bind_udp(const struct sock_at *at, int *fd);

/* The next connection of a listener, or -1 with errno (EAGAIN: none left). */
int sock_accept(int listener, struct sock_name *peer);

/* Addresses of a name, as getaddrinfo gives them; blocks on DNS.
 *   list  the caller's to sock_addrs_free()
 * Returns SPEC_OK, SPEC_E_NOMEM, or SPEC_E_SYSTEM with errno set; to one of getaddrinfo's numbers
 * (EAI_NONAME ...) where it gives one: they are negative, and gai_strerror() has their text. */
struct sock_addrs {
    size_t n;
    struct sock_addr *at;
};
enum spec_err sock_resolve(const char *host, uint16_t port, int family, bool udp,
                           struct sock_addrs *list);
void sock_addrs_free(struct sock_addrs *list);

/* A socket for one remote address, bound as `at` says (its host is resolved in the family of `to`;
 * its port with SO_REUSEADDR, STR-7). Returns 0, IEBINDDEV, or `failure` for all else. */
enum sock_kind { SOCK_KIND_TCP, SOCK_KIND_MPTCP, SOCK_KIND_UDP, SOCK_KIND_SCTP };
int sock_open(enum sock_kind kind, const struct sock_addr *to, const struct sock_at *at,
              int failure, int *fd);

/* Whether the kernel can open such sockets at all. */
bool sock_has_mptcp(void);
bool sock_has_sctp(void);
bool sock_has_ipv6(void);

/* --- options: return 0 or the number -------------------------------------------------------------
 */

int sock_set_nodelay(int fd);      /* IESETNODELAY 122 */
int sock_set_mss(int fd, int mss); /* IESETMSS 123 */
/* Both buffers: IESETBUF 124; fewer granted: IESETBUF2 141. */
int sock_set_window(int fd, int bytes);
int sock_set_tos(int fd, int tos); /* by family, both on a mapped one: IESETTOS 125, IESETCOS 126 */
int sock_set_congestion(int fd, const char *algorithm); /* IESETCONGESTION 134 */
int sock_set_pacing(int fd, uint64_t bits_per_second);  /* SO_MAX_PACING_RATE: IESETPACING 140 */
int sock_set_dont_fragment(int fd); /* IPv4, also mapped: IESETDONTFRAGMENT 145 */
int sock_set_user_timeout(int fd, unsigned timeout_ms); /* IESETUSERTIMEOUT 148 */
int sock_set_device(int fd, const char *device);        /* IEBINDDEV 143 */

/* The least that a TCP socket needs which was accepted before its window was set: segments of the
 * peer's, at most mss bytes long (0: as the path allows), come in whole. IESETBUF 124 */
int sock_fit_segment(int fd, int mss);

/* Of SCTP sockets (SCTP-3), before they connect. */
int sock_set_sctp_nodelay(int fd);             /* IESETNODELAY 122 */
int sock_set_sctp_mss(int fd, int mss);        /* IESETMSS 123 */
int sock_set_sctp_streams(int fd, unsigned n); /* outbound; IESETSCTPNSTREAM 138 */
/* Local addresses more, parted by commas: IESETSCTPBINDX 139. NULL: none. */
int sock_add_sctp_addresses(int fd, const char *list);

/* Keepalive probes (CONN-11): idle and interval in s, 0 = the system's. IESETCNTLKA 155 to
 * IESETCNTLKACOUNT 158; IECNTLKA 36 if idle <= interval x count. */
int sock_set_keepalive(int fd, int idle_s, int interval_s, int count);

/* Have the packets to *to carry this flow label, 1 to 0xfffff: before connect(), and changes *to,
 * which the connect must use. IESETFLOW 127, also for an address that is not IPv6. */
int sock_set_flowlabel(int fd, struct sock_addr *to, uint32_t label);

/* --- what the kernel says ------------------------------------------------------------------------
 */

/* Buffers in bytes, the kernel's own doubling included, as iperf3 reports; and the MSS of a TCP
 * socket. -1: see errno. */
int sock_sndbuf(int fd);
int sock_rcvbuf(int fd);
int sock_mss(int fd);

/* Bytes of a TCP socket that the peer's system has not acknowledged yet; 0 where it can't be told.
 * The kernel has no event for that: the second tells how long to pause before asking again, after
 * so long a wait. */
uint64_t sock_unacknowledged(int fd);
uint64_t sock_acknowledge_pause_ns(uint64_t waited_ns);

/* What a socket is: AF_INET or AF_INET6; SCTP. */
int sock_domain(int fd);
bool sock_is_sctp(int fd);

/* The two ends of a socket, in words. False: see errno. */
bool sock_local(int fd, struct sock_name *name);
bool sock_peer(int fd, struct sock_name *name);

/* An address in words. */
void sock_name_of(const struct sock_addr *addr, struct sock_name *name);
