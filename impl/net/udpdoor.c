/* udpdoor.c - the door, and the sockets that are opened beside it. */
#include "impl/net/udpdoor.h"

#include "impl/wire/ierr.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define DATAGRAM_MAX 2048
#define BATCH        64 /* datagrams before other sources get their turn */
#define STRAYS_MAX                                                                                 \
    1024 /* waiting to be delivered again; more are dropped, as a full socket would */

struct stray {
    struct stray *next;
    struct udpdoor_knock knock;
    uint8_t datagram[]; /* knock.datagram */
};

struct udpdoor {
    struct loop_source source;
    struct loop_timer redeliver;
    struct loop *loop;
    void (*knock)(void *context, const struct udpdoor_knock *k);
    void *context;
    char *device;
    uint16_t port;
    struct stray *strays, **strays_end;
    size_t n_strays;
    bool in_callback, dead;
};

/* --- receiving
 * ------------------------------------------------------------------------------------ */

static void set_port(struct sock_addr *addr, uint16_t port)
{
    if (addr->sa.sa_family == AF_INET)
        addr->in.sin_port = htons(port);
    else
        addr->in6.sin6_port = htons(port);
}

/* The address that a datagram was sent to, out of its control message; false if it has none that a
 * socket could be bound to (multicast, broadcast). */
static bool local_of(struct msghdr *m, struct sock_addr *local)
{
    memset(local, 0, sizeof *local);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            local->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst};
            local->len = sizeof local->in;
            return info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            local->in6 =
                (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr};
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                local->in6.sin6_scope_id = info.ipi6_ifindex;
            local->len = sizeof local->in6;
            return !IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
        }
    }
    return false;
}

/* One datagram; false when there is none. buf holds DATAGRAM_MAX bytes. */
static bool receive(int fd, uint8_t *buf, uint16_t port, struct udpdoor_knock *k)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
    struct iovec piece = {buf, DATAGRAM_MAX};
    struct msghdr m = {.msg_name = &k->from.storage,
                       .msg_namelen = sizeof k->from.storage,
                       .msg_iov = &piece,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n;

    do
        n = recvmsg(fd, &m, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return false;
    k->datagram = (struct bytes){buf, (size_t)n};
    k->from.len = m.msg_namelen;
    sock_name_of(&k->from, &k->peer);
    if (!local_of(&m, &k->local)) {
        memset(&k->local, 0, sizeof k->local);
        k->local.sa.sa_family = k->from.sa.sa_family;
        k->local.len = k->from.sa.sa_family == AF_INET ? sizeof k->local.in : sizeof k->local.in6;
    }
    set_port(&k->local, port);
    return true;
}

/* --- strays: datagrams for the door that fell into a socket beside it
 * ------------------------------ */

static bool same_peer(const struct sock_name *a, const struct sock_name *b)
{
    return a->port == b->port && admit_addr_equal(&a->addr, &b->addr);
}

static void keep_stray(struct udpdoor *door, const struct udpdoor_knock *k)
{
    struct stray *stray;

    if (door->n_strays >= STRAYS_MAX)
        return;
    stray = malloc(sizeof *stray + k->datagram.len);
    if (stray == NULL)
        return;
    stray->next = NULL;
    stray->knock = *k;
    memcpy(stray->datagram, k->datagram.at, k->datagram.len);
    stray->knock.datagram.at = stray->datagram;
    *door->strays_end = stray;
    door->strays_end = &stray->next;
    door->n_strays++;
    loop_timer_set(door->loop, &door->redeliver, 0);
}

/* Once fd is connected nobody else's datagrams come any more: take out what came before. */
static void rescue_strays(struct udpdoor *door, int fd, const struct udpdoor_knock *of)
{
    uint8_t buf[DATAGRAM_MAX];
    struct udpdoor_knock k;

    for (int n = 0; n < STRAYS_MAX && receive(fd, buf, door->port, &k); n++)
        if (!same_peer(&k.peer, &of->peer))
            keep_stray(door, &k);
}

static struct stray *take_stray(struct udpdoor *door)
{
    struct stray *stray = door->strays;

    if (stray == NULL)
        return NULL;
    door->strays = stray->next;
    if (door->strays == NULL)
        door->strays_end = &door->strays;
    door->n_strays--;
    return stray;
}

/* --- the loop's side
 * ------------------------------------------------------------------------------ */

static void leave_callback(struct udpdoor *door)
{
    door->in_callback = false;
    if (door->dead)
        free(door);
}

static void ready(struct loop_source *source, uint32_t events)
{
    struct udpdoor *door = LOOP_OWNER(struct udpdoor, source, source);
    uint8_t buf[DATAGRAM_MAX];
    struct udpdoor_knock k;

    (void)events;
    door->in_callback = true;
    for (int n = 0; n < BATCH && !door->dead && receive(source->fd, buf, door->port, &k); n++)
        door->knock(door->context, &k);
    leave_callback(door);
}

static void redeliver(struct loop_timer *timer, uint64_t now_ns)
{
    struct udpdoor *door = LOOP_OWNER(struct udpdoor, redeliver, timer);

    (void)now_ns;
    door->in_callback = true;
    for (size_t n = door->n_strays; n > 0 && !door->dead; n--) {
        struct stray *stray = take_stray(door);
        door->knock(door->context, &stray->knock);
        free(stray);
    }
    leave_callback(door);
}

/* --- public
 * --------------------------------------------------------------------------------------- */

static int open_door(struct udpdoor *door, const struct sock_at *at)
{
    struct sock_name name;
    int ierr = sock_bind_udp(at, &door->source.fd);

    if (ierr != 0)
        return ierr;
    if (!sock_local(door->source.fd, &name) ||
        loop_watch(door->loop, &door->source, EPOLLIN) != SPEC_OK)
        return IESTREAMLISTEN;
    door->port = name.port;
    return 0;
}

int udpdoor_open(struct loop *loop, const struct sock_at *at,
                 void (*knock)(void *context, const struct udpdoor_knock *k), void *context,
                 struct udpdoor **out)
{
    struct udpdoor *door = calloc(1, sizeof *door);
    int ierr = IESTREAMLISTEN;

    if (door == NULL)
        return ierr;
    door->source = (struct loop_source){.fd = -1, .ready = ready};
    door->redeliver.fire = redeliver;
    door->loop = loop;
    door->knock = knock;
    door->context = context;
    door->strays_end = &door->strays;
    if (at->device == NULL || (door->device = strdup(at->device)) != NULL)
        ierr = open_door(door, at);
    if (ierr != 0) {
        int saved = errno;
        udpdoor_close(door);
        errno = saved;
        return ierr;
    }
    *out = door;
    return 0;
}

void udpdoor_close(struct udpdoor *door)
{
    struct stray *stray;

    if (door == NULL)
        return;
    loop_unwatch(&door->source);
    loop_timer_cancel(&door->redeliver);
    if (door->source.fd >= 0)
        close(door->source.fd);
    while ((stray = take_stray(door)) != NULL)
        free(stray);
    free(door->device);
    door->device = NULL;
    door->dead = true;
    if (!door->in_callback)
        free(door);
}

static int join(const struct udpdoor *door, int fd, const struct udpdoor_knock *k)
{
    int on = 1, off = 0, ierr;

    if (door->device != NULL && (ierr = sock_set_device(fd, door->device)) != 0)
        return ierr;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return IEREUSEADDR;
    if (k->local.sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* for a mapped peer */
    if (k->local.sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on); /* for strays */
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (bind(fd, &k->local.sa, k->local.len) != 0 || connect(fd, &k->from.sa, k->from.len) != 0)
        return IESTREAMACCEPT;
    return 0;
}

/* The streams' own reads shall not carry control messages along. */
static void stop_telling_destination(int fd, int family)
{
    int off = 0;

    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &off, sizeof off);
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &off, sizeof off);
}

int udpdoor_accept(struct udpdoor *door, const struct udpdoor_knock *k, int *out)
{
    int fd = socket(k->local.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), ierr,
        saved;

    if (fd < 0)
        return IESTREAMACCEPT;
    ierr = join(door, fd, k);
    saved = errno;
    rescue_strays(door, fd, k);
    if (ierr != 0) {
        close(fd);
        errno = saved;
        return ierr;
    }
    stop_telling_destination(fd, k->local.sa.sa_family);
    *out = fd;
    return 0;
}
