/* drained.c - whether the subject has read all that we sent.
 *
 * Asked of the kernel (sockdiag.h); where it cannot tell, the tables in /proc/self/net are read.
 * Both speak about our network namespace, which is the subject's. Of a subject elsewhere nothing is
 * known but that its kernel has acknowledged what came: it is given time to read that, and nothing
 * is claimed about it then. */
#include "harness/sim/peer.h"
#include "harness/sim/sockdiag.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define LOOK_NS   1000000u    /* the queues have no event to wait for */
#define LOOKS_MAX 200         /* for a subject that is busy sending to us */
#define LOOKS_NS  2000000000u /* on a busy machine, where a look takes long */

/* What a subject elsewhere gets behind the last acknowledgement: so many round trips, as what goes
 * without one (datagrams) may still be under way, and a time to read in. */
#define SETTLE_TRIPS 2
#define SETTLE_NS    20000000u

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
        if (queue_in(tables[e->udp][i], sim_port(&e->theirs), sim_port(&e->ours)) > 0)
            return false;
    return true;
}

/* --- either way ------------------------------------------------------------------------------ */

static bool is_unsent(int fd)
{
    int unsent = 0;

    return ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0;
}

bool drained(int fd, bool udp)
{
    struct ends e;
    uint32_t queue = 0;

    if (is_unsent(fd))
        return false;
    if (!ends_of(fd, udp, &e))
        return true;
    if (sockdiag_queue(udp, &e.theirs, &e.ours, &queue) == 1)
        return queue == 0;
    /* Not found: gone, unless our own is not found either, and the kernel lacks what would say. */
    return sockdiag_queue(udp, &e.ours, &e.theirs, &queue) == 1 || tables_say_empty(&e);
}

static bool sends_any(const struct control *c)
{
    for (size_t i = 0; i < c->n_streams; i++)
        if (c->streams[i]->we_send)
            return true;
    return false;
}

/* A thread that has read the last bytes adds them to its count after that: builds of 3.16 and later
 * leave them out if the test ends in between (observed under load). */
bool drained_is_counted(struct control *c)
{
    const struct sim_process *p = c->sim->config->process;

    if (!p || !p->sleeps || !c->sim->config->is_local || !sends_any(c))
        return true;
    if (c->looks++ == 0)
        c->looks_ns = now_ns();
    return c->looks > LOOKS_MAX || now_ns() - c->looks_ns > LOOKS_NS || p->sleeps(p->context);
}

void drained_note(struct control *c)
{
    c->drained = c->sim->config->is_local;
    for (size_t i = 0; i < c->n_streams; i++)
        c->streams[i]->due = c->streams[i]->sent;
}

/* --- elsewhere ------------------------------------------------------------------------------- */

static uint64_t settling_ns(const struct control *c)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    if (c->fd < 0 || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return SETTLE_NS;
    return SETTLE_NS + SETTLE_TRIPS * 1000ull * (info.tcpi_rtt + 4ull * info.tcpi_rttvar);
}

/* Asked again and again once all is acknowledged: whether that was long enough ago. */
static bool has_settled(struct control *c)
{
    if (c->sim->config->is_local || !sends_any(c))
        return true;
    if (c->acked_ns == 0)
        c->acked_ns = now_ns();
    return now_ns() - c->acked_ns >= settling_ns(c);
}

static bool lane_is_drained(const struct control *c, const struct lane *st)
{
    if (!st->we_send)
        return true;
    if (!lane_is_flushed(st))
        return false;
    if (st->fd < 0 || st->reset)
        return true;
    return c->sim->config->is_local ? drained(st->fd, st->udp) : !is_unsent(st->fd);
}

bool drained_lanes(struct control *c, int64_t id)
{
    for (size_t i = 0; i < c->n_streams; i++) {
        if ((id == 0 || c->streams[i]->id == id) && !lane_is_drained(c, c->streams[i])) {
            c->acked_ns = 0;
            return false;
        }
    }
    return has_settled(c);
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
    c->acked_ns = 0;
    while ((!drained_lanes(c, id) || !drained_is_counted(c)) && !sim_failed(s)) {
        if (now_ns() >= deadline_ns)
            return sim_fail(s, SIM_TIMEOUT, "the subject has not read all that was sent");
        sim_pump(s, MIN(deadline_ns, now_ns() + LOOK_NS));
    }
    if (id == 0)
        drained_note(c);
    return !sim_failed(s);
}
