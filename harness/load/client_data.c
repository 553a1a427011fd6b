/* client_data.c - the data phase of a client: when it is over, and what it came to. */
#include "harness/load/client_core.h"

#include "impl/net/sock.h"
#include "impl/traffic/tcpinfo.h"
#include "impl/wire/ierr.h"

#include <time.h>

#define NS_PER_SEC    UINT64_C(1000000000)
#define HEAR_NS       UINT64_C(1000000000) /* for the server to say why a stream broke */
#define SETTLE_MAX_NS UINT64_C(10000000000)

static double cpu_seconds(struct timespec *from)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    double s = (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
    *from = now;
    return s;
}

/* --- the omit period ---------------------------------------------------------------------------
 */

/* Of the blocks of -n or -k, dealt out evenly. The senders are the first flows (STR-3). */
static uint64_t share(const struct load_client *c, unsigned i)
{
    uint64_t blocks = account_blocks(&c->end, (uint64_t)c->params->len);
    uint64_t senders = (uint64_t)c->params->parallel;

    return blocks == UINT64_MAX ? blocks : blocks / senders + (i < blocks % senders);
}

static void begin_counting(struct load_client *c, uint64_t now_ns)
{
    c->counted_from_ns = now_ns;
    if (c->end.time_ns > 0)
        loop_timer_set(c->setting->loop, &c->due, now_ns + c->end.time_ns);
}

/* OMIT-1: from here on everything counts anew. */
static void omit_end(struct load_client *c, uint64_t now_ns)
{
    c->sent = c->sent_blocks = c->received = c->received_blocks = 0;
    for (unsigned i = 0; i < c->n_flows; i++)
        load_flow_omit(&c->flows[i], share(c, i));
    begin_counting(c, now_ns);
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_data(struct load_client *c, uint64_t now_ns)
{
    bool is_counted = (c->end.bytes > 0 || c->end.blocks > 0) && !c->owner.udp;

    c->over = true;
    c->ended_ns = now_ns;
    for (unsigned i = 0; i < c->n_flows; i++)
        load_flow_stop(&c->flows[i]);
    c->settle_until_ns = now_ns + (is_counted ? SETTLE_MAX_NS : 0);
    loop_timer_set(c->setting->loop, &c->due, now_ns);
}

/* END-1: sent and received are looked at each for itself. */
static void look(struct load_client *c)
{
    uint64_t now_ns = loop_now();
    int64_t counted_ns = (int64_t)(now_ns - c->counted_from_ns);
    uint64_t blocks = c->owner.udp ? c->received_blocks : c->received / (uint64_t)c->params->len;

    if (c->over || !c->running || c->counted_from_ns == 0) /* OMIT-4 */
        return;
    if (account_end_reached(&c->end, counted_ns, c->sent, c->sent_blocks) ||
        account_end_reached(&c->end, counted_ns, c->received, blocks))
        end_data(c, now_ns);
}

/* What a server reads after TEST_END does not count (FLOW-7): a test of so many bytes waits until
 * its peer has them. */
static bool is_settled(const struct load_client *c, uint64_t now_ns)
{
    uint64_t left = 0;

    for (unsigned i = 0; i < c->n_flows && now_ns < c->settle_until_ns; i++)
        if (c->flows[i].sends)
            left += sock_unacknowledged(c->flows[i].source.fd);
    return left == 0;
}

void load_client_due(struct loop_timer *timer, uint64_t now_ns)
{
    struct load_client *c = LOOP_OWNER(struct load_client, due, timer);

    if (!c->over && c->stream_ierr) {
        load_client_failed(c, c->stream_ierr, c->stream_errno);
    } else if (!c->over && c->counted_from_ns == 0) {
        omit_end(c, now_ns);
    } else if (!c->over) {
        look(c);
    } else if (is_settled(c, now_ns)) {
        machine_test_over(c->machine, now_ns);
        load_client_drive(c);
    } else {
        loop_timer_set(c->setting->loop, timer,
                       now_ns + sock_acknowledge_pause_ns(now_ns - c->ended_ns));
    }
}

static void moved(struct load_flow *f, uint64_t bytes, uint64_t blocks)
{
    struct load_client *c = LOOP_OWNER(struct load_client, owner, f->owner);

    *(f->sends ? &c->sent : &c->received) += bytes;
    *(f->sends ? &c->sent_blocks : &c->received_blocks) += blocks;
    look(c);
}

static void flow_failed(struct load_flow *f, int os_errno)
{
    struct load_client *c = LOOP_OWNER(struct load_client, owner, f->owner);

    if (c->over || c->stream_ierr)
        return;
    c->stream_ierr = f->sends ? IESTREAMWRITE : IESTREAMREAD;
    c->stream_errno = os_errno;
    loop_timer_set(c->setting->loop, &c->due, loop_now() + HEAR_NS);
}

void load_client_run(struct load_client *c)
{
    struct load_gauge *gauge = c->setting->gauge;
    const struct params *p = c->params;
    uint64_t now_ns = loop_now();
    bool omits = p->omit > 0;

    c->report.running_ns = now_ns;
    c->end = (struct account_end){
        .time_ns = (uint64_t)params_time_limit(p) * NS_PER_SEC,
        .bytes = (uint64_t)MAX(p->num, 0),
        .blocks = (uint64_t)MAX(p->blockcount, 0),
    };
    c->owner.start_ns = now_ns;
    c->owner.moved = moved;
    c->owner.failed = flow_failed;
    c->running = true;
    gauge->now++;
    gauge->most = MAX(gauge->most, gauge->now);
    cpu_seconds(&c->cpu);
    if (omits)
        loop_timer_set(c->setting->loop, &c->due, now_ns + (uint64_t)p->omit * NS_PER_SEC);
    else
        begin_counting(c, now_ns);
    for (unsigned i = 0; i < c->n_flows && !c->over && !c->ended; i++)
        load_flow_start(&c->flows[i], omits ? UINT64_MAX : share(c, i));
}

/* --- the results ----------------------------------------------------------------------------- */

static void fill_stream(const struct load_client *c, unsigned i, struct results_stream *out)
{
    const struct load_flow *f = &c->flows[i];
    uint64_t from_ns = c->counted_from_ns ? c->counted_from_ns : c->ended_ns;
    struct interval_tcp tcp = {.valid = false};

    if (f->sends && !c->owner.udp)
        tcp = tcpinfo_read(f->source.fd);
    *out = (struct results_stream){
        .id = account_stream_id(i),
        .bytes = (int64_t)(f->bytes - f->omitted.bytes),
        .retransmits = tcp.valid ? (int64_t)(tcp.retransmits - f->omitted.retransmits) : -1,
        .jitter = f->udp.jitter_s,
        .errors = (int64_t)f->udp.errors,
        .omitted_errors = (int64_t)f->omitted.errors,
        .packets = (int64_t)(f->sends ? f->packets : f->udp.packets),
        .omitted_packets = (int64_t)f->omitted.packets,
        .end_time = (double)(c->ended_ns - from_ns) / 1e9,
        .has_omitted = true,
        .has_times = true,
    };
}

bool load_client_pack(struct load_client *c)
{
    struct results *r = &c->mine;

    if (!c->over) /* the server asked on its own */
        end_data(c, loop_now());
    loop_timer_cancel(&c->due);
    if (results_set_streams(r, c->n_flows) != SPEC_OK)
        return false;
    r->sender_has_retransmits = -1; /* RES-5 */
    for (unsigned i = 0; i < c->n_flows; i++) {
        fill_stream(c, i, &r->streams[i]);
        if (c->flows[i].sends)
            r->sender_has_retransmits = MAX(r->sender_has_retransmits, !c->owner.udp);
    }
    double wall = (double)(c->ended_ns - c->owner.start_ns) / 1e9, cpu = cpu_seconds(&c->cpu);
    r->cpu_util_total = r->cpu_util_user = wall > 0 ? 100 * cpu / wall : 0; /* of all clients */
    return true;
}

void load_client_close_flows(struct load_client *c)
{
    loop_timer_cancel(&c->due);
    for (unsigned i = 0; i < c->n_flows; i++)
        load_flow_close(&c->flows[i]);
}
