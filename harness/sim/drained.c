/* drained.c - whether the subject has read all that we sent.
 *
 * Asked of the kernel by netlink, one socket at a time (sock_diag(7)): the cost does not grow with
 * the number of sockets. Where the kernel cannot tell, the tables in /proc/self/net are read. Both
 * speak about our network namespace, which is the subject's. */
#include "harness/sim/peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LOOK_NS   1000000u /* the queues have no event to wait for */
#define LOOKS_MAX 200      /* for a subject that is busy sending to us */

/* The two ends of a connection of ours. */
struct ends {
    struct sockaddr_storage ours, theirs;
    bool udp;
};

static bool ends_of(int fd, bool udp, struct ends *e)
{
    socklen_t len = sizeof e->ours, peer_len = sizeof e->theirs;

    *e = (struct ends){.udp = udp};
    return getsockname(fd, (struct sockaddr *)&e->ours, &len) == 0 &&
           getpeername(fd, (struct sockaddr *)&e->theirs, &peer_len) == 0;
}

static in_port_t port_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                          : ((const struct sockaddr_in *)address)->sin_port;
}

/* --- netlink --------------------------------------------------------------------------------- */

struct request {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

static void put_address(const struct sockaddr_storage *address, __be32 out[4])
{
    if (address->ss_family == AF_INET6)
        memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        memcpy(out, &((const struct sockaddr_in *)address)->sin_addr, 4);
}

/* The socket bound to `local` and connected to `remote`. The kernel reads a request about UDP from
 * the other side ("swapped for historical reasons"). */
static void make_request(struct request *r, const struct ends *e, bool of_theirs)
{
    const struct sockaddr_storage *local = of_theirs ? &e->theirs : &e->ours;
    const struct sockaddr_storage *remote = of_theirs ? &e->ours : &e->theirs;
    const struct sockaddr_storage *source = e->udp ? remote : local;
    const struct sockaddr_storage *target = e->udp ? local : remote;

    *r = (struct request){
        .head = {.nlmsg_len = sizeof *r,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST                                    },
        .body = { .sdiag_family = (__u8)local->ss_family,
                 .sdiag_protocol = e->udp ? IPPROTO_UDP : IPPROTO_TCP,
                 .idiag_states = ~0u,
                 .id = {.idiag_sport = port_of(source),
                        .idiag_dport = port_of(target),
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    put_address(source, r->body.id.idiag_src);
    put_address(target, r->body.id.idiag_dst);
}

/* 1 and its receive queue, 0 if there is no such socket, -1 if the kernel does not say. */
static int ask(const struct ends *e, bool of_theirs, uint32_t *queue)
{
    struct request request;
    union {
        struct nlmsghdr head;
        char bytes[1024];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    int result = -1;

    make_request(&request, e, of_theirs);
    if (fd < 0)
        return -1;
    if (send(fd, &request, sizeof request, 0) == sizeof request &&
        recv(fd, &answer, sizeof answer, 0) >= (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
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

/* --- /proc ----------------------------------------------------------------------------------- */

/* The receive queue of the socket from port `local` to port `remote`; 0 if there is none. */
static unsigned long queue_in(const char *table, unsigned local, unsigned remote)
{
    char line[512];
    unsigned local_port, remote_port;
    unsigned long found = 0, queue;
    FILE *f = fopen(table, "re");

    while (f && found == 0 && fgets(line, sizeof line, f))
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %*x %*[0-9A-Fa-f]:%lx",
                   &local_port, &remote_port, &queue) == 3 &&
            local_port == local && remote_port == remote)
            found = queue;
    if (f)
        fclose(f);
    return found;
}

static bool tables_say_empty(const struct ends *e)
{
    static const char *const tables[2][2] = {
        {"/proc/self/net/tcp", "/proc/self/net/tcp6"},
        {"/proc/self/net/udp", "/proc/self/net/udp6"},
    };

    for (int i = 0; i < 2; i++)
        if (queue_in(tables[e->udp][i], ntohs(port_of(&e->theirs)), ntohs(port_of(&e->ours))) > 0)
            return false;
    return true;
}

/* --- both ------------------------------------------------------------------------------------ */

bool drained(int fd, bool udp)
{
    struct ends e;
    uint32_t queue = 0;
    int unsent = 0;

    if (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        return false;
    if (!ends_of(fd, udp, &e))
        return true;
    if (ask(&e, true, &queue) == 1)
        return queue == 0;
    /* Not found: gone, unless our own is not found either, and the kernel lacks what would say. */
    return ask(&e, false, &queue) == 1 || tables_say_empty(&e);
}

/* A thread that has read the last bytes adds them to its count after that: builds of 3.16 and later
 * leave them out if the test ends in between (observed under load). */
bool drained_is_counted(struct control *c)
{
    const struct sim_process *p = c->sim->config->process;

    return !p || !p->sleeps || !c->sim->config->is_local || c->looks++ >= LOOKS_MAX ||
           p->sleeps(p->context);
}

void drained_note(struct control *c)
{
    c->drained = c->sim->config->is_local;
    for (size_t i = 0; i < c->n_streams; i++)
        c->streams[i]->due = c->streams[i]->sent;
}

static bool lane_is_drained(const struct control *c, const struct lane *st)
{
    if (!st->we_send)
        return true;
    return lane_is_flushed(st) &&
           (!c->sim->config->is_local || st->fd < 0 || st->reset || drained(st->fd, st->udp));
}

static bool all_drained(const struct control *c, int64_t id)
{
    for (size_t i = 0; i < c->n_streams; i++)
        if ((id == 0 || c->streams[i]->id == id) && !lane_is_drained(c, c->streams[i]))
            return false;
    return true;
}

bool drained_is_quiet(const struct control *c)
{
    const struct sim_process *p = c->sim->config->process;

    return p && p->sleeps && c->sim->config->is_local && control_is_flushed(c) &&
           p->sleeps(p->context);
}

bool drained_await(struct control *c, int64_t id, uint64_t deadline_ns)
{
    struct sim *s = c->sim;

    if (id != 0 && !lane_find(c, id))
        return sim_fail(s, SIM_TROUBLE, "there is no stream %lld", (long long)id);
    c->looks = 0;
    while ((!all_drained(c, id) || !drained_is_counted(c)) && !sim_failed(s)) {
        if (sim_now() >= deadline_ns)
            return sim_fail(s, SIM_TIMEOUT, "the subject has not read all that was sent");
        sim_pump(s, MIN(deadline_ns, sim_now() + LOOK_NS));
    }
    if (id == 0)
        drained_note(c);
    return !sim_failed(s);
}
