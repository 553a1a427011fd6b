#include "harness/capture/track.h"

#include "harness/capture/track_core.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *track_end_text(const struct track_end *end, char out[64])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char address[INET6_ADDRSTRLEN];

    if (memcmp(end->address, mapped, 12) == 0) {
        inet_ntop(AF_INET, end->address + 12, address, sizeof address);
        snprintf(out, 64, "%s:%u", address, end->port);
    } else {
        inet_ntop(AF_INET6, end->address, address, sizeof address);
        snprintf(out, 64, "[%s]:%u", address, end->port);
    }
    return out;
}
/* --- TCP -------------------------------------------------------------------------------------- */

/* The packet without what lies before that number, if that is no more than so many bytes. */
static struct dissected from_on(const struct dissected *p, uint32_t seq, uint32_t max)
{
    struct dissected rest = *p;
    uint32_t before = seq - p->seq;

    if (before <= max) {
        size_t seen = MIN(before, p->payload.len);
        before = MIN(before, p->len);
        rest.seq += before;
        rest.len -= before;
        rest.payload = (struct bytes){p->payload.at + seen, p->payload.len - seen};
    }
    return rest;
}

/* What lies before the first byte is a keep-alive's, and nobody's. */
static struct dissected without_keep_alive(const struct flow *flow, int from,
                                           const struct dissected *p)
{
    return flow->has_start[from] ? from_on(p, flow->start[from], KEEP_ALIVE_MAX) : *p;
}

static void first_bytes(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct track_session *s;
    bool at_start = flow->client < 0 ||
                    (from == flow->client && flow->has_start[from] && p->seq == flow->start[from]);
    int client;

    if (at_start && p->payload.len >= COOKIE_LEN &&
        (s = track_session_with_cookie(t, flow, from, p->payload.at)) != NULL) {
        track_stream_open(t, s, flow, from, p);
        return;
    }
    /* A first packet cut by the snap length, where streams are awaited: one of them. */
    bool is_cut = at_start && p->payload.len < MIN(p->len, (uint32_t)COOKIE_LEN) &&
                  flow->client >= 0 && track_session_between(t, flow, &client) != NULL;
    if (!is_cut && track_control_may_be(t, flow, from, p)) {
        track_control_begin(t, flow, from, p);
        return;
    }
    if (flow->client >= 0 && (s = track_session_between(t, flow, &client)) != NULL &&
        client == flow->client) {
        uint32_t next[2] = {flow->start[0], flow->start[1]};
        next[client] += COOKIE_LEN; /* which was not captured */
        bool known = flow->has_start[0] && flow->has_start[1];
        struct dissected rest = known ? from_on(p, next[from], COOKIE_LEN) : *p;
        track_stream_become(t, s, flow, from, &rest, known ? next : NULL, false);
        return;
    }
    flow->kind = FLOW_FOREIGN;
}

static void first_packet(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct dissected rest = without_keep_alive(flow, from, p);

    if (rest.len > 0)
        first_bytes(t, flow, from, &rest);
}

/* The control connection is no more, though its end was not captured. */
static void orphan(struct track *t, struct control *c)
{
    c->flow = NULL;
    if (c->session->due_ns == 0)
        c->session->due_ns = t->now_ns + LINGER_NS;
    track_find_due(t);
}

/* A new connection between the ends of an old one. */
static void restart(struct track *t, struct flow *flow, uint64_t number)
{
    if (flow->kind == FLOW_STREAM)
        flow->stream->flow = NULL;
    if (flow->kind == FLOW_CONTROL && flow->control->session == NULL)
        track_control_drop(flow, FLOW_NEW);
    else if (flow->kind == FLOW_CONTROL)
        orphan(t, flow->control);
    flow->kind = FLOW_NEW;
    flow->control = NULL;
    flow->session = NULL;
    flow->stream = NULL;
    flow->has_start[0] = flow->has_start[1] = false;
    flow->client = -1;
    flow->first_number = number;
}

static void set_start(struct flow *flow, int from, uint32_t start, uint8_t scale)
{
    flow->has_start[from] = true;
    flow->start[from] = start;
    flow->scale[from] = scale;
}

/* The SYN in mid-connection was meant: its other end has answered, or it goes on itself. */
static void begin_anew(struct track *t, struct flow *flow, const struct dissected *p)
{
    int from = flow->syn_from;

    flow->syn_from = -1;
    restart(t, flow, p->number);
    set_start(flow, from, flow->syn_start, flow->syn_scale);
    flow->client = from;
}

/* Whether the packet goes by a SYN that was seen in mid-connection. */
static bool goes_by_syn(const struct flow *flow, int from, const struct dissected *p)
{
    if (p->flags & DISSECT_RST)
        return false;
    return from == flow->syn_from ? p->seq == flow->syn_start && !(p->flags & DISSECT_SYN)
                                  : p->flags & DISSECT_ACK && p->ack == flow->syn_start;
}

/* Whether the SYN is that of the connection whose cookie came first. */
static bool is_own_syn(const struct flow *flow, int from, const struct dissected *p)
{
    const struct control *c = flow->control;
    uint32_t next;

    return flow->kind == FLOW_CONTROL && c->session == NULL && c->client == from &&
           c->n_cookie > 0 && channel_next(c->channel, from, &next) &&
           next - c->n_cookie == p->seq + 1;
}

static void take_syn(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    bool is_answer = p->flags & DISSECT_ACK;

    if (!is_answer && is_own_syn(flow, from, p))
        set_start(flow, from, p->seq + 1, p->scale);
    if (flow->has_start[from] && flow->start[from] == p->seq + 1) {
        flow->scale[from] = p->scale;
        return; /* once more, or its answer came first */
    }
    if (!is_answer && flow->kind != FLOW_NEW) {
        flow->syn_from = from;
        flow->syn_start = p->seq + 1;
        flow->syn_scale = p->scale;
        return;
    }
    if (!is_answer && flow->has_start[from])
        restart(t, flow, p->number);
    set_start(flow, from, p->seq + 1, p->scale);
    if (is_answer && !flow->has_start[!from])
        set_start(flow, !from, p->ack, DISSECT_NO_SCALE);
    flow->client = is_answer ? !from : from;
}

/* The clock went back, or there is none: durations tell nothing of the sessions of this moment. */
static void note_odd_clock(struct track *t, const struct dissected *p)
{
    for (size_t i = 0; i < t->n_live; i++)
        if (track_is_live(t->live[i]) && t->live[i]->odd_clock_number == 0)
            t->live[i]->odd_clock_number = p->number;
}

static void advance(struct track *t, const struct dissected *p)
{
    if (p->at_ns + BACK_NS < t->now_ns || p->at_ns == 0)
        note_odd_clock(t, p);
    t->now_ns = p->at_ns;
    t->number = p->number;
    t->has_fractions = t->has_fractions || p->at_ns % UINT64_C(1000000000) != 0;
    if (p->at_ns >= t->next_due_ns)
        track_finish_due(t, p->at_ns);
}

/* A packet that its receiver has thrown away. */
static bool is_damaged(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    return flow->kind != FLOW_FOREIGN &&
           checksum_tells_damage(&flow->trust[from], &t->trust, p, flow->key.is_udp);
}

/* It is counted; on a control connection it is kept, for who says that it was thrown away? */
static void take_damaged(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    if (flow->kind == FLOW_STREAM)
        flow->stream->n_damaged[from == flow->client ? OBSERVER_CLIENT : OBSERVER_SERVER]++;
    if (flow->kind != FLOW_CONTROL)
        return;
    struct dissected marked = *p;
    marked.is_damaged = true;
    track_control_take(t, flow, from, &marked);
}

void track_tcp(struct track *t, const struct dissected *p)
{
    int from;

    advance(t, p);
    struct flow *flow = flow_table_get(&t->flows, p, false, &from);
    if (is_damaged(t, flow, from, p)) {
        take_damaged(t, flow, from, p);
        return;
    }
    if (flow->syn_from >= 0 && goes_by_syn(flow, from, p))
        begin_anew(t, flow, p);
    if (flow->kind == FLOW_STREAM && !(p->flags & DISSECT_SYN)) {
        track_stream_take_tcp(flow, from, p);
        return;
    }
    if (p->flags & DISSECT_SYN)
        take_syn(t, flow, from, p);
    else if (flow->kind == FLOW_CONTROL)
        track_control_take(t, flow, from, p);
    else if (flow->kind == FLOW_NEW && p->len > 0)
        first_packet(t, flow, from, p);
}
/* --- UDP -------------------------------------------------------------------------------------- */

void track_udp(struct track *t, const struct dissected *p)
{
    int from;

    if (t->n_live == 0)
        return; /* no session, no streams */
    advance(t, p);
    struct flow *flow = flow_table_get(&t->flows, p, true, &from);
    if (is_damaged(t, flow, from, p))
        take_damaged(t, flow, from, p);
    else
        track_datagram(t, flow, from, p);
}
/* --- life ------------------------------------------------------------------------------------- */

/* The table is full. */
static void forget(void *context, struct flow *flow)
{
    struct track *t = context;

    if (flow->kind == FLOW_STREAM)
        flow->stream->flow = NULL;
    if (flow->kind != FLOW_CONTROL)
        return;
    if (flow->control->session == NULL) {
        track_control_drop(flow, FLOW_NEW);
        return;
    }
    for (size_t i = 0; i < t->n_live; i++) {
        if (t->live[i] == flow->session) {
            track_session_finish(t, i); /* removes the flow */
            break;
        }
    }
    track_find_due(t);
}

struct track *track_new(const struct track_user *user, const uint16_t *ports, size_t n_ports)
{
    struct track *t = text_realloc(NULL, sizeof *t);

    memset(t, 0, sizeof *t);
    t->user = *user;
    t->ports = ports;
    t->n_ports = n_ports;
    t->next_due_ns = UINT64_MAX;
    flow_table_init(&t->flows, forget, t);
    return t;
}

void track_tick(struct track *t, uint64_t now_ns)
{
    for (size_t i = 0; i < t->n_live; i++)
        channel_tick(t->live[i]->control->channel, now_ns); /* an end may wait for what is lost */
    if (now_ns >= t->next_due_ns)
        track_finish_due(t, now_ns);
}

void track_break(struct track *t, const char *why)
{
    track_control_finish(t);
    for (size_t i = 0; i < t->n_live; i++)
        track_note(t, t->live[i], "%s", why);
}

void track_finish(struct track *t)
{
    track_control_finish(t);
    for (size_t i = 0; i < t->n_live; i++)
        t->live[i]->due_ns = MAX(t->live[i]->due_ns, 1);
    track_finish_due(t, UINT64_MAX);
}

void track_free(struct track *t)
{
    for (struct flow *f = t->flows.oldest; f != NULL; f = f->newer)
        if (f->kind == FLOW_CONTROL)
            track_control_free(f->control);
    flow_table_fini(&t->flows);
    free(t);
}
