#include "harness/sim/tap.h"

#include "harness/sim/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static void tell(const struct sim *s, struct tap_event e)
{
    int error = errno; /* of the call that is told of */

    e.at_ns = now_ns();
    for (const struct sim_tap *tap = s->config->tap; tap; tap = tap->next)
        tap->event(tap->context, &e);
    errno = error;
}

static bool is_open(const struct tap_flow *flow)
{
    return flow->id && !flow->reset;
}

static bool is_any(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *four = (const void *)a;
    const struct sockaddr_in6 *six = (const void *)a;

    return a->ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr)
                                    : four->sin_addr.s_addr == htonl(INADDR_ANY);
}

void tap_name(struct tap_flow *flow, const char *who, int64_t stream, bool wide)
{
    snprintf(flow->who, sizeof flow->who, "%.23s", who);
    flow->stream = stream;
    flow->wide = wide;
}

/* False while nobody listens. */
static bool begin(struct sim *s, struct tap_flow *flow, bool udp, enum session_from by)
{
    struct tap_flow old = *flow;

    *flow = (struct tap_flow){.sim = s, .udp = udp, .by = by};
    tap_name(flow, old.who, old.stream, old.wide);
    if (!s->config->tap)
        return false;
    flow->id = ++s->n_flows;
    flow->opened_ns = now_ns();
    return true;
}

void tap_open(struct sim *s, struct tap_flow *flow, int fd, bool udp, enum session_from by)
{
    socklen_t len = sizeof flow->ours;

    if (!begin(s, flow, udp, by))
        return;
    getsockname(fd, (struct sockaddr *)&flow->ours, &len);
    len = sizeof flow->theirs;
    if (getpeername(fd, (struct sockaddr *)&flow->theirs, &len) < 0)
        flow->theirs = s->config->server; /* still connecting */
    tell(s, (struct tap_event){.kind = TAP_OPEN, .from = by, .flow = flow});
    if (by == SESSION_SUBJECT)
        tap_connected(flow, 0);
}

void tap_open_datagrams(struct sim *s, struct tap_flow *flow, int fd, int near,
                        const struct sockaddr_storage *peer)
{
    socklen_t len = sizeof flow->ours;

    if (!begin(s, flow, true, SESSION_SUBJECT))
        return;
    getsockname(fd, (struct sockaddr *)&flow->ours, &len);
    len = sizeof flow->ours;
    if (is_any(&flow->ours)) /* the port is that of the control connection too */
        getsockname(near, (struct sockaddr *)&flow->ours, &len);
    flow->theirs = *peer;
    tell(s, (struct tap_event){.kind = TAP_OPEN, .from = SESSION_SUBJECT, .flow = flow});
}

static void end(struct tap_flow *flow, enum session_from from, bool reset)
{
    if (!is_open(flow) || (!reset && flow->ended[from]) || flow->udp)
        return;
    tell(flow->sim,
         (struct tap_event){.kind = reset ? TAP_RESET : TAP_END, .from = from, .flow = flow});
    flow->ended[from] = true;
    flow->reset = reset;
}

void tap_connected(struct tap_flow *flow, int error)
{
    if (!is_open(flow) || flow->udp)
        return;
    if (error == ECONNREFUSED)
        end(flow, SESSION_SUBJECT, true);
    if (error)
        return;
    tell(flow->sim, (struct tap_event){.kind = TAP_UP, .from = flow->by, .flow = flow});
    flow->up = true;
}

static void passed(struct tap_flow *flow, enum session_from from, const void *bytes, size_t len)
{
    tell(flow->sim, (struct tap_event){
                        .kind = TAP_BYTES, .from = from, .flow = flow, .bytes = {bytes, len}
    });
    flow->sent[from] += len;
}

static bool is_retryable(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOBUFS;
}

void tap_sent(struct tap_flow *flow, const void *bytes, ssize_t n, int error)
{
    if (!is_open(flow))
        return;
    if (n >= 0)
        passed(flow, SESSION_US, bytes, (size_t)n);
    else if (!is_retryable(error) && !flow->ended[SESSION_US])
        end(flow, SESSION_SUBJECT, true); /* ECONNRESET, or EPIPE behind its FIN */
}

void tap_received(struct tap_flow *flow, const void *bytes, ssize_t n, int error)
{
    if (!is_open(flow))
        return;
    if (n > 0 || (n == 0 && flow->udp))
        passed(flow, SESSION_SUBJECT, bytes, (size_t)n);
    else if (n == 0 || !is_retryable(error))
        end(flow, SESSION_SUBJECT, n < 0);
}

void tap_shut(struct tap_flow *flow)
{
    end(flow, SESSION_US, false);
}

void tap_close(struct tap_flow *flow, int fd, bool reset)
{
    int unread = 0;

    if (is_open(flow) && flow->up)
        end(flow, SESSION_US, reset || (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0));
}

void tap_message(struct sim *s, const struct session_message *message)
{
    tell(s, (struct tap_event){.kind = TAP_MESSAGE, .from = message->from, .message = message});
}
