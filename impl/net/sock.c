/* sock.c - opening sockets, and addresses. Options are in sockopt.c. */
#include "impl/net/sock.h"

#include "impl/wire/ierr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Close without losing the errno that tells why. */
static int close_failed(int fd, int ierr)
{
    int saved = errno;

    close(fd);
    errno = saved;
    return ierr;
}

/* --- addresses
 * ------------------------------------------------------------------------------------ */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const struct sock_addr *addr)
{
    return addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr);
}

static void name_v4(const uint8_t ip[4], struct sock_name *name)
{
    name->family = AF_INET;
    memcpy(name->addr.ip, mapped_prefix, sizeof mapped_prefix);
    memcpy(name->addr.ip + 12, ip, 4);
    inet_ntop(AF_INET, ip, name->host, sizeof name->host);
}

static void name_v6(const struct sockaddr_in6 *in6, struct sock_name *name)
{
    char device[IF_NAMESIZE];
    size_t len;

    name->family = AF_INET6;
    memcpy(name->addr.ip, &in6->sin6_addr, 16);
    inet_ntop(AF_INET6, &in6->sin6_addr, name->host, sizeof name->host);
    if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
        return;
    name->addr.scope = in6->sin6_scope_id;
    len = strlen(name->host);
    if (if_indextoname(in6->sin6_scope_id, device) != NULL)
        snprintf(name->host + len, sizeof name->host - len, "%%%s", device);
}

void sock_name_of(const struct sock_addr *addr, struct sock_name *name)
{
    memset(name, 0, sizeof *name);
    if (addr->sa.sa_family == AF_INET) {
        name_v4((const uint8_t *)&addr->in.sin_addr, name);
        name->port = ntohs(addr->in.sin_port);
    } else if (addr->sa.sa_family == AF_INET6) {
        if (is_mapped(addr))
            name_v4((const uint8_t *)&addr->in6.sin6_addr + 12, name);
        else
            name_v6(&addr->in6, name);
        name->port = ntohs(addr->in6.sin6_port);
    }
}

bool sock_local(int fd, struct sock_name *name)
{
    struct sock_addr addr = {.len = sizeof addr.storage};

    if (getsockname(fd, &addr.sa, &addr.len) != 0)
        return false;
    sock_name_of(&addr, name);
    return true;
}

bool sock_peer(int fd, struct sock_name *name)
{
    struct sock_addr addr = {.len = sizeof addr.storage};

    if (getpeername(fd, &addr.sa, &addr.len) != 0)
        return false;
    sock_name_of(&addr, name);
    return true;
}

static enum spec_err copy_list(const struct addrinfo *info, struct sock_addrs *list)
{
    size_t n = 0;

    for (const struct addrinfo *at = info; at != NULL; at = at->ai_next)
        n++;
    list->n = 0;
    list->at = calloc(n, sizeof *list->at);
    if (list->at == NULL)
        return SPEC_E_NOMEM;
    for (const struct addrinfo *at = info; at != NULL; at = at->ai_next)
        if (at->ai_addrlen <= sizeof list->at->storage) {
            struct sock_addr *addr = &list->at[list->n++];
            memcpy(&addr->storage, at->ai_addr, at->ai_addrlen);
            addr->len = at->ai_addrlen;
        }
    return SPEC_OK;
}

enum spec_err sock_resolve(const char *host, uint16_t port, int family, bool udp,
                           struct sock_addrs *list)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = udp ? SOCK_DGRAM : SOCK_STREAM};
    struct addrinfo *info = NULL;
    char service[8];
    enum spec_err e;
    int failure;

    snprintf(service, sizeof service, "%u", port);
    failure = getaddrinfo(host, service, &hints, &info);
    if (failure != 0) {
        if (failure != EAI_SYSTEM)
            errno = failure == EAI_MEMORY ? ENOMEM : failure;
        return SPEC_E_SYSTEM;
    }
    e = copy_list(info, list);
    freeaddrinfo(info);
    return e;
}

void sock_addrs_free(struct sock_addrs *list)
{
    free(list->at);
    *list = (struct sock_addrs){0};
}

static struct sock_addr wildcard(int family, uint16_t port)
{
    struct sock_addr addr = {0};

    if (family == AF_INET) {
        addr.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        addr.len = sizeof addr.in;
    } else {
        addr.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        addr.len = sizeof addr.in6;
    }
    return addr;
}

/* --- what the kernel has
 * -------------------------------------------------------------------------- */

static bool has(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

bool sock_has_mptcp(void)
{
    return has(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
}

bool sock_has_sctp(void)
{
    return has(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
}

bool sock_has_ipv6(void)
{
    return has(AF_INET6, SOCK_STREAM, 0);
}

/* --- opening
 * -------------------------------------------------------------------------------------- */

static int open_socket(enum sock_kind kind, int family)
{
    int type = (kind == SOCK_KIND_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;

    return socket(family, type,
                  kind == SOCK_KIND_MPTCP  ? IPPROTO_MPTCP
                  : kind == SOCK_KIND_SCTP ? IPPROTO_SCTP
                                           : 0);
}

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Bind a socket that others will talk to. v6_only: -1 leaves it as it is. */
static int open_bound(enum sock_kind kind, const struct sock_addr *to, const char *device,
                      int v6_only, int failure, int *fd)
{
    int s = open_socket(kind, to->sa.sa_family), ierr;

    if (s < 0)
        return failure;
    if (device != NULL && (ierr = sock_set_device(s, device)) != 0)
        return close_failed(s, ierr);
    if (!set_int(s, SOL_SOCKET, SO_REUSEADDR, 1))
        return close_failed(s, IEREUSEADDR);
    if (v6_only >= 0 && !set_int(s, IPPROTO_IPV6, IPV6_V6ONLY, v6_only))
        return close_failed(s, IEV6ONLY);
    if (bind(s, &to->sa, to->len) != 0)
        return close_failed(s, failure);
    *fd = s;
    return 0;
}

static int open_host(enum sock_kind kind, const struct sock_at *at, int failure, int *fd)
{
    struct sock_addrs list;
    int ierr = failure;

    if (sock_resolve(at->host, at->port, at->family, kind == SOCK_KIND_UDP, &list) != SPEC_OK)
        return failure;
    for (size_t i = 0; i < list.n && ierr != 0; i++) {
        int v6_only = list.at[i].sa.sa_family == AF_INET6 ? at->family == AF_INET6 : -1;
        ierr = open_bound(kind, &list.at[i], at->device, v6_only, failure, fd);
    }
    sock_addrs_free(&list);
    return ierr;
}

/* As CONN-3: one IPv6 socket for both families, unless one is asked for. */
static int open_any(enum sock_kind kind, const struct sock_at *at, int failure, int *fd)
{
    struct sock_addr any = wildcard(at->family, at->port);

    if (at->family == AF_INET)
        return open_bound(kind, &any, at->device, -1, failure, fd);
    if (at->family == AF_UNSPEC && !sock_has_ipv6()) {
        any = wildcard(AF_INET, at->port);
        return open_bound(kind, &any, at->device, -1, failure, fd);
    }
    return open_bound(kind, &any, at->device, at->family == AF_INET6, failure, fd);
}

static int open_at(enum sock_kind kind, const struct sock_at *at, int failure, int *fd)
{
    return at->host != NULL ? open_host(kind, at, failure, fd) : open_any(kind, at, failure, fd);
}

int sock_listen(const struct sock_at *at, bool mptcp, int *fd)
{
    enum sock_kind kind = mptcp && sock_has_mptcp() ? SOCK_KIND_MPTCP : SOCK_KIND_TCP;
    int s, ierr = open_at(kind, at, IELISTEN, &s);

    if (ierr != 0)
        return ierr;
    if (listen(s, SOMAXCONN) != 0)
        return close_failed(s, IELISTEN);
    *fd = s;
    return 0;
}

int sock_listen_sctp(const struct sock_at *at, const char *also, int *fd)
{
    struct sock_at first = *at;
    char host[256];
    int s, ierr;

    /* Nothing can be added to the wildcard: without -B the first -X takes its place. */
    if (at->host == NULL && also != NULL) {
        int len = (int)strcspn(also, ",");
        snprintf(host, sizeof host, "%.*s", len, also);
        first.host = host;
        also = also[len] == ',' ? also + len + 1 : NULL;
    }
    ierr = open_at(SOCK_KIND_SCTP, &first, IESTREAMLISTEN, &s);
    if (ierr != 0)
        return ierr;
    ierr = sock_add_sctp_addresses(s, also);
    if (ierr == 0 && listen(s, SOMAXCONN) != 0)
        ierr = IESTREAMLISTEN;
    if (ierr != 0)
        return close_failed(s, ierr);
    *fd = s;
    return 0;
}

int sock_bind_udp(const struct sock_at *at, int *fd)
{
    struct sock_name name;
    int s, ierr = open_at(SOCK_KIND_UDP, at, IESTREAMLISTEN, &s);
    bool ok;

    if (ierr != 0)
        return ierr;
    ok = sock_local(s, &name);
    /* An IPv6 socket tells the destination of IPv4 datagrams too, as a mapped address. */
    if (ok && sock_domain(s) == AF_INET6)
        ok = set_int(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    else if (ok)
        ok = set_int(s, IPPROTO_IP, IP_PKTINFO, 1);
    if (!ok)
        return close_failed(s, IESTREAMLISTEN);
    *fd = s;
    return 0;
}

/* Troubles of one connection that was to be accepted, as accept(2) lists them: the next may do. */
static bool is_of_one_connection(int os_errno)
{
    static const int errnos[] = {EINTR,      ECONNABORTED, EPROTO,       ENETDOWN,   ENOPROTOOPT,
                                 EHOSTDOWN,  ENONET,       EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
                                 ECONNRESET, ETIMEDOUT,    EPERM};

    for (size_t i = 0; i < ARRAY_LEN(errnos); i++)
        if (errnos[i] == os_errno)
            return true;
    return false;
}

int sock_accept(int listener, struct sock_name *peer)
{
    for (int tries = 0; tries < 64; tries++) {
        struct sock_addr addr = {.len = sizeof addr.storage};
        int fd = accept4(listener, &addr.sa, &addr.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            sock_name_of(&addr, peer);
            return fd;
        }
        if (!is_of_one_connection(errno))
            return -1;
    }
    errno = EAGAIN;
    return -1;
}

/* Bind the near end of a connection to be: host in the family of the far end, port, either or both.
 */
static bool bind_near(int fd, enum sock_kind kind, int family, const struct sock_at *at)
{
    struct sock_addr addr = wildcard(family, at->port);
    struct sock_addrs list = {0};

    if (at->host == NULL && at->port == 0)
        return true;
    if (at->host != NULL) {
        if (sock_resolve(at->host, at->port, family, kind == SOCK_KIND_UDP, &list) != SPEC_OK)
            return false;
        addr = list.at[0];
        sock_addrs_free(&list);
    }
    if (at->port != 0 && !set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return false;
    return bind(fd, &addr.sa, addr.len) == 0;
}

int sock_open(enum sock_kind kind, const struct sock_addr *to, const struct sock_at *at,
              int failure, int *fd)
{
    int s = open_socket(kind, to->sa.sa_family), ierr;

    if (s < 0)
        return failure;
    if (at->device != NULL && (ierr = sock_set_device(s, at->device)) != 0)
        return close_failed(s, ierr);
    if (!bind_near(s, kind, to->sa.sa_family, at))
        return close_failed(s, failure);
    *fd = s;
    return 0;
}
