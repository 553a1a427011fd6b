#include "harness/load/flow.h"

#include "impl/traffic/tcpinfo.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLS_MAX  16 /* sends or reads of one flow in one turn */
#define RETRY_NS   UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

/* What is sent, and where what is received is thrown away: one for all, on the loop's thread. */
static uint8_t payload[1 << 20], waste[1 << 18];

static bool is_transient(int os_errno)
{
    return os_errno == EAGAIN || os_errno == EWOULDBLOCK || os_errno == EINTR;
}

static void fail(struct load_flow *f, int os_errno)
{
    load_flow_stop(f);
    loop_unwatch(&f->source);
    f->owner->failed(f, os_errno);
}

/* --- sending --------------------------------------------------------------------------------- */

/* Whether more may go now: a block is under way, or one is left and due. Else the flow waits for
 * its time, or for ever. */
static bool may_send(struct load_flow *f)
{
    struct load_flow_owner *o = f->owner;

    if (f->left > 0)
        return true;
    if (!f->counts || f->share == 0) {
        loop_unwatch(&f->source);
        return false;
    }
    if (o->params->bandwidth > 0) {
        uint64_t due_ns = account_pace_ns(o->start_ns, (uint64_t)o->params->bandwidth, f->bytes);
        if (due_ns > loop_now()) {
            loop_unwatch(&f->source);
            loop_timer_set(o->loop, &f->pace, due_ns);
            return false;
        }
    }
    f->share -= f->share != UINT64_MAX;
    f->left = (size_t)o->params->len;
    return true;
}

/* UDP-4, UDP-5: a failed send uses up no number. */
static void stamp(const struct load_flow *f)
{
    uint64_t now_ns = loop_now();
    struct datagram_header header = {
        .sec = (uint32_t)(now_ns / NS_PER_SEC),
        .usec = (uint32_t)(now_ns % NS_PER_SEC / 1000),
        .seq = f->packets + 1,
    };

    datagram_encode(payload, params_has(f->owner->params, PARAM_udp_counters_64bit), &header);
}

static void note_sent(struct load_flow *f, size_t n)
{
    f->left -= n;
    f->bytes += n;
    f->blocks += f->left == 0;
    f->packets += f->owner->udp;
    f->owner->moved(f, n, f->left == 0);
}

/* False: nothing more goes for now. */
static bool send_once(struct load_flow *f)
{
    if (f->owner->udp)
        stamp(f);
    ssize_t n =
        send(f->source.fd, payload, MIN(f->left, sizeof payload), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n >= 0) {
        note_sent(f, (size_t)n);
        return true;
    }
    if (errno == ENOBUFS) { /* which no event tells the end of */
        loop_unwatch(&f->source);
        loop_timer_set(f->owner->loop, &f->pace, loop_now() + RETRY_NS);
    } else if (!is_transient(errno) ||
               loop_watch(f->owner->loop, &f->source, EPOLLOUT) != SPEC_OK) {
        fail(f, errno);
    }
    return false;
}

static void send_some(struct load_flow *f)
{
    for (int i = 0; i < CALLS_MAX; i++)
        if (f->source.fd < 0 || !may_send(f) || !send_once(f))
            return;
    if (f->source.fd >= 0 && loop_watch(f->owner->loop, &f->source, EPOLLOUT) != SPEC_OK)
        fail(f, errno);
}

static void on_pace(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    send_some(LOOP_OWNER(struct load_flow, pace, timer));
}

/* --- receiving ------------------------------------------------------------------------------- */

static void count_datagram(struct load_flow *f, size_t n)
{
    bool wide = params_has(f->owner->params, PARAM_udp_counters_64bit);
    struct datagram_header header;

    if (datagram_decode((struct bytes){waste, n}, wide, &header) == SPEC_OK)
        account_udp_take(&f->udp, &header, wide, loop_now());
}

static void note_received(struct load_flow *f, size_t n)
{
    if (!f->counts) {
        f->thrown_away += n;
        return;
    }
    if (f->owner->udp)
        count_datagram(f, n);
    f->bytes += n;
    f->blocks += f->owner->udp;
    f->owner->moved(f, n, f->owner->udp);
}

static void receive_some(struct load_flow *f)
{
    for (int i = 0; i < CALLS_MAX && f->source.fd >= 0; i++) {
        ssize_t n = recv(f->source.fd, waste, sizeof waste, MSG_DONTWAIT);
        if (n > 0 || (n == 0 && f->owner->udp)) {
            note_received(f, (size_t)n);
        } else if (n < 0 && (is_transient(errno) || (f->owner->udp && errno == ECONNREFUSED))) {
            return; /* a receiver sends nothing: what ICMP tells is about the connect message */
        } else if (n == 0 || !f->counts) { /* the server's stream is over: no failure of ours */
            loop_unwatch(&f->source);
            return;
        } else {
            fail(f, errno);
            return;
        }
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct load_flow *f = LOOP_OWNER(struct load_flow, source, source);

    (void)events;
    if (f->sends)
        send_some(f);
    else
        receive_some(f);
}

void load_flow_init(struct load_flow *f, struct load_flow_owner *owner, int fd, bool sends)
{
    *f = (struct load_flow){
        .owner = owner,
        .source = {.fd = fd, .ready = on_ready},
        .pace.fire = on_pace,
        .sends = sends,
    };
}

void load_flow_start(struct load_flow *f, uint64_t blocks)
{
    f->counts = true;
    f->share = blocks;
    if (f->sends)
        send_some(f);
    else if (loop_watch(f->owner->loop, &f->source, EPOLLIN) != SPEC_OK)
        fail(f, errno);
}

void load_flow_omit(struct load_flow *f, uint64_t blocks)
{
    struct interval_tcp tcp = {.valid = false};

    if (f->sends && !f->owner->udp)
        tcp = tcpinfo_read(f->source.fd);
    f->share = blocks;
    f->omitted.bytes = f->bytes;
    f->omitted.packets = f->sends ? f->packets : f->udp.packets;
    f->omitted.errors = f->udp.errors;
    f->omitted.retransmits = tcp.retransmits;
    account_udp_omit_end(&f->udp);
}

void load_flow_stop(struct load_flow *f)
{
    f->counts = false;
    loop_timer_cancel(&f->pace);
    if (f->sends)
        loop_unwatch(&f->source);
}

void load_flow_close(struct load_flow *f)
{
    load_flow_stop(f);
    loop_unwatch(&f->source);
    if (f->source.fd >= 0)
        close(f->source.fd);
    f->source.fd = -1;
}
