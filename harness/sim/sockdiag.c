#include "harness/sim/sockdiag.h"

#include "harness/sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define LISTENING  10    /* a state of TCP's, as in include/net/tcp_states.h */
#define ANSWER_MAX 16384 /* the kernel sends as much at once as fits */

struct request {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

union answer {
    struct nlmsghdr head;
    char bytes[ANSWER_MAX];
};

/* A netlink socket on which the request was sent, or -1. */
static int ask(const struct request *request)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    if (fd >= 0 && send(fd, request, sizeof *request, 0) != sizeof *request) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static ssize_t hear(int fd, union answer *answer)
{
    ssize_t got;

    do
        got = recv(fd, answer, sizeof *answer, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* --- one socket ------------------------------------------------------------------------------ */

static void put_address(const struct sockaddr_storage *address, __be32 out[4])
{
    if (address->ss_family == AF_INET6)
        memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        memcpy(out, &((const struct sockaddr_in *)address)->sin_addr, 4);
}

/* The kernel reads a request about UDP from the other side ("swapped for historical reasons"). */
static struct request request_one(bool udp, const struct sockaddr_storage *local,
                                  const struct sockaddr_storage *remote)
{
    const struct sockaddr_storage *source = udp ? remote : local;
    const struct sockaddr_storage *target = udp ? local : remote;
    struct request r = {
        .head = {.nlmsg_len = sizeof r,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST                                    },
        .body = { .sdiag_family = (__u8)local->ss_family,
                 .sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP,
                 .idiag_states = ~0u,
                 .id = {.idiag_sport = htons((uint16_t)sim_port(source)),
                        .idiag_dport = htons((uint16_t)sim_port(target)),
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };

    put_address(source, r.body.id.idiag_src);
    put_address(target, r.body.id.idiag_dst);
    return r;
}

int sockdiag_queue(bool udp, const struct sockaddr_storage *local,
                   const struct sockaddr_storage *remote, uint32_t *queue)
{
    struct request request = request_one(udp, local, remote);
    union answer answer;
    int fd = ask(&request), result = SOCKDIAG_UNKNOWN;

    if (fd < 0)
        return SOCKDIAG_UNKNOWN;
    if (hear(fd, &answer) >= (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
        const struct inet_diag_msg *found = NLMSG_DATA(&answer.head);
        const struct nlmsgerr *error = NLMSG_DATA(&answer.head);
        if (answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
            *queue = found->idiag_rqueue;
            result = 1;
        } else if (answer.head.nlmsg_type == NLMSG_ERROR && error->error == -ENOENT) {
            result = 0;
        }
    }
    close(fd);
    return result;
}

/* --- those that listen ----------------------------------------------------------------------- */

struct found {
    struct sockdiag_listener *at;
    size_t n, max;
};

/* One datagram of the answer: 1 if more are to come, 0 if that was all, or SOCKDIAG_UNKNOWN. */
static int take(const struct nlmsghdr *head, size_t len, struct found *found)
{
    for (; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
        const struct inet_diag_msg *m = NLMSG_DATA(head);
        if (head->nlmsg_type == NLMSG_DONE)
            return 0;
        if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY)
            return SOCKDIAG_UNKNOWN;
        if (found->n < found->max) {
            struct sockdiag_listener *l = &found->at[found->n++];
            *l = (struct sockdiag_listener){.port = ntohs(m->id.idiag_sport),
                                            .inode = m->idiag_inode};
            inet_ntop(m->idiag_family, m->id.idiag_src, l->address, sizeof l->address);
        }
    }
    return 1;
}

int sockdiag_listeners(int family, unsigned port, struct sockdiag_listener *at, size_t max)
{
    struct request request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP   },
        .body = { .sdiag_family = (__u8)family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = 1u << LISTENING,
                 .id = {.idiag_sport = htons((uint16_t)port)}},
    };
    struct found found = {at, 0, max};
    union answer answer;
    int fd = ask(&request), more = fd < 0 ? SOCKDIAG_UNKNOWN : 1;

    while (more == 1) {
        ssize_t got = hear(fd, &answer);
        more = got > 0 ? take(&answer.head, (size_t)got, &found) : SOCKDIAG_UNKNOWN;
    }
    if (fd >= 0)
        close(fd);
    return more == SOCKDIAG_UNKNOWN ? SOCKDIAG_UNKNOWN : (int)found.n;
}
