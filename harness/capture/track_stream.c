/* track_stream.c - the streams of sessions: whose they are, and what went over them. */
#include "harness/capture/track_core.h"

#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

/* --- streams ---------------------------------------------------------------------------------- */

static void count_volume(struct track_session *s, enum observer_side from, uint64_t at_ns,
                         uint64_t bytes)
{
    struct track_volume *v = &s->volume;

    if (bytes == 0)
        return;
    if (v->n == 0)
        v->start_ns = s->running_ns != 0 ? MIN(s->running_ns, at_ns) : at_ns;
    uint64_t span = at_ns > v->start_ns ? (at_ns - v->start_ns) / v->span_ns : 0;
    while (span >= TRACK_SPANS) { /* two become one */
        for (unsigned side = 0; side < 2; side++) {
            for (unsigned i = 0; i < TRACK_SPANS / 2; i++)
                v->bytes[side][i] = v->bytes[side][2 * i] + v->bytes[side][2 * i + 1];
            memset(&v->bytes[side][TRACK_SPANS / 2], 0, sizeof v->bytes[side] / 2);
        }
        v->span_ns *= 2;
        span /= 2;
        v->n = (v->n + 1) / 2;
    }
    v->bytes[from][span] += bytes;
    v->last_ns = MAX(v->last_ns, at_ns);
    v->n = MAX(v->n, (unsigned)span + 1);
}

static struct track_stream *add_stream(struct track *t, struct track_session *s, struct flow *flow,
                                       const struct dissected *p, bool is_udp, bool has_open)
{
    if (s->n_streams == TRACK_STREAMS || t->n_streams == STREAMS_ALL) {
        s->order_is_sure = false;
        return NULL;
    }
    t->n_streams++;
    struct track_stream *stream = text_realloc(NULL, sizeof *stream);
    memset(stream, 0, sizeof *stream);
    stream->id = account_stream_id((unsigned)s->n_streams);
    stream->is_udp = is_udp;
    stream->has_open = has_open;
    stream->client = track_end_of(flow, flow->client);
    stream->at_ns = p->at_ns;
    stream->number = p->number;
    stream->flow = flow;
    s->streams[s->n_streams++] = stream;
    if (!has_open)
        s->order_is_sure = false;
    flow->kind = FLOW_STREAM;
    flow->session = s;
    flow->stream = stream;
    track_tell(
        t, s,
        &(struct track_event){
            .kind = TRACK_STREAM_OPEN, .at_ns = p->at_ns, .number = p->number, .stream = stream});
    return stream;
}

void track_stream_take_tcp(struct flow *flow, int from, const struct dissected *p)
{
    struct track_stream *stream = flow->stream;
    struct track_session *s = flow->session;
    enum observer_side side = from == flow->client ? OBSERVER_CLIENT : OBSERVER_SERVER;
    uint64_t news = stream_tcp_take(&stream->tcp[side], &stream->tcp[!side], p);

    if (side == OBSERVER_SERVER && p->len == 1 && p->payload.len == 1 && p->payload.at[0] == 0xff &&
        stream->tcp[side].sent == 1) {
        stream->was_denied = true;
        s->order_is_sure = false;
        return;
    }
    count_volume(s, side, p->at_ns, news);
}

void track_stream_become(struct track *t, struct track_session *s, struct flow *flow, int from,
                         const struct dissected *p, const uint32_t *next, bool has_open)
{
    struct track_stream *stream = add_stream(t, s, flow, p, false, has_open);

    if (stream == NULL) {
        flow->kind = FLOW_FOREIGN;
        return;
    }
    if (next != NULL) {
        for (int end = 0; end < 2; end++)
            stream_tcp_begin(&stream->tcp[end == flow->client ? OBSERVER_CLIENT : OBSERVER_SERVER],
                             next[end], flow->scale[end]);
    }
    track_stream_take_tcp(flow, from, p);
}

void track_stream_open(struct track *t, struct track_session *s, struct flow *flow, int from,
                       const struct dissected *p)
{
    uint32_t next[2];

    flow->client = from;
    next[from] = p->seq + COOKIE_LEN;
    next[!from] = p->ack;
    struct dissected rest = *p;
    rest.seq += COOKIE_LEN;
    rest.len -= COOKIE_LEN;
    rest.payload = (struct bytes){p->payload.at + COOKIE_LEN, p->payload.len - COOKIE_LEN};
    track_stream_become(t, s, flow, from, &rest, next, true);
}

/* Whether the session may have such streams, by its parameters. */
static bool may_have(const struct track_session *s, bool is_udp)
{
    const struct params *params = observer_params(s->observer);

    return params == NULL || (params_protocol(params) == PARAMS_UDP) == is_udp;
}

/* Whether a session goes between the ends of the flow, with that one as its client. */
static bool is_between(const struct track_session *s, const struct flow *flow, int client)
{
    return track_is_live(s) && may_have(s, flow->key.is_udp) &&
           flow->key.port[!client] == s->server.port &&
           memcmp(flow->key.address[!client], s->server.address, 16) == 0 &&
           memcmp(flow->key.address[client], s->client.address, 16) == 0;
}

/* The server has asked for streams, and not all of them were seen. */
static bool awaits_streams(const struct track_session *s)
{
    const struct params *params = observer_params(s->observer);

    return s->last_state[OBSERVER_SERVER] == CREATE_STREAMS &&
           (params == NULL || (int64_t)s->n_streams < params_n_streams(params));
}

/* Whether a stream is the one's or the other's. */
static void leave_open(struct track_session *a, struct track_session *b, bool is_udp)
{
    if (is_udp)
        a->is_mixed = b->is_mixed = true;
    else
        a->order_is_sure = b->order_is_sure = false;
}

struct track_session *track_session_between(const struct track *t, const struct flow *flow,
                                            int *client)
{
    struct track_session *best = NULL;
    bool best_waits = false;

    for (size_t i = 0; i < 2 * t->n_live; i++) {
        struct track_session *s = t->live[i / 2];
        if (!is_between(s, flow, (int)(i % 2)))
            continue;
        bool waits = awaits_streams(s);
        if (best != NULL && waits == best_waits)
            leave_open(best, s, flow->key.is_udp);
        if (best != NULL && waits <= best_waits)
            continue;
        best = s;
        best_waits = waits;
        *client = (int)(i % 2);
    }
    return best;
}
/* --- UDP -------------------------------------------------------------------------------------- */

static bool is_connect(const struct dissected *p)
{
    return p->len == DATAGRAM_CONNECT_LEN &&
           datagram_connect_kind(p->payload) != DATAGRAM_NOT_CONNECT;
}

static bool is_reply(const struct dissected *p)
{
    return p->len == DATAGRAM_CONNECT_LEN && datagram_reply_kind(p->payload) != DATAGRAM_NOT_REPLY;
}

static bool is_wide(const struct track_session *s, const struct track_stream *stream,
                    const struct dissected *p)
{
    const struct params *params = observer_params(s->observer);

    (void)stream;
    if (params != NULL)
        return params_has(params, PARAM_udp_counters_64bit);
    return p->payload.len >= DATAGRAM_HEADER64_LEN && load_be32(p->payload.at + 8) == 0;
}

/* The four bytes that open a stream; true if the packet was that. */
static bool take_opening(struct track *t, struct track_session *s, struct track_stream *stream,
                         enum observer_side side, const struct dissected *p)
{
    if (p->len != DATAGRAM_CONNECT_LEN)
        return false;
    bool is_good = side == OBSERVER_CLIENT ? is_connect(p) : is_reply(p);
    bool is_first = stream->udp[0].n + stream->udp[1].n == 0;
    if (!is_good && !is_first)
        return false;
    if (!is_good && p->payload.len == DATAGRAM_CONNECT_LEN)
        track_blame(t, s, side == OBSERVER_CLIENT ? "UDPC-2" : "UDPC-3", side, p->number, p->at_ns,
                    side == OBSERVER_CLIENT ? "a connect message" : "a connect reply",
                    "%02x %02x %02x %02x", p->payload.at[0], p->payload.at[1], p->payload.at[2],
                    p->payload.at[3]);
    if (side == OBSERVER_SERVER)
        stream->has_reply = true;
    return true;
}

void track_stream_take_udp(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct track_session *s = flow->session;
    struct track_stream *stream = flow->stream;
    enum observer_side side = from == flow->client ? OBSERVER_CLIENT : OBSERVER_SERVER;
    const struct params *params = observer_params(s->observer);
    struct stream_fault fault;

    if (take_opening(t, s, stream, side, p))
        return;
    uint32_t len = params != NULL && params_has(params, PARAM_len) && params->len > 0 &&
                           params->len <= DATAGRAM_LEN_MAX
                       ? (uint32_t)params->len
                       : 0;
    uint64_t n = stream_udp_take(&stream->udp[side], p, is_wide(s, stream, p), len, &fault);
    if (fault.clause != NULL)
        track_blame(t, s, fault.clause, side, p->number, p->at_ns, fault.expected, "%s",
                    fault.found);
    count_volume(s, side, p->at_ns, n);
}

void track_stream_first_datagram(struct track *t, struct flow *flow, int from,
                                 const struct dissected *p)
{
    int client;
    struct track_session *s = track_session_between(t, flow, &client);
    const struct params *params = s != NULL ? observer_params(s->observer) : NULL;

    flow->kind = FLOW_FOREIGN;
    if (s == NULL || (params == NULL && !is_connect(p) && !is_reply(p)))
        return;
    flow->client = client;
    bool has_open = p->len == DATAGRAM_CONNECT_LEN;
    if (add_stream(t, s, flow, p, true, has_open) != NULL)
        track_stream_take_udp(t, flow, from, p);
}
