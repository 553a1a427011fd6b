/* track_stream.c - the streams of sessions: whose they are, and what went over those of TCP. */
#include "harness/capture/track_core.h"

#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

/* --- streams ---------------------------------------------------------------------------------- */

/* Two spans become one. */
static void halve(uint64_t counts[TRACK_SPANS])
{
    for (unsigned i = 0; i < TRACK_SPANS / 2; i++)
        counts[i] = counts[2 * i] + counts[2 * i + 1];
    memset(&counts[TRACK_SPANS / 2], 0, TRACK_SPANS / 2 * sizeof counts[0]);
}

/* What had been missing was not long ago. */
static void found_late(uint64_t unseen[TRACK_SPANS], unsigned span, uint64_t bytes)
{
    for (unsigned i = span + 1; i-- > 0 && bytes > 0;) {
        uint64_t n = MIN(unseen[i], bytes);
        unseen[i] -= n;
        bytes -= n;
    }
}

void track_stream_count(struct track_session *s, enum observer_side from, uint64_t at_ns,
                        uint64_t bytes, int64_t unseen)
{
    struct track_volume *v = &s->volume;

    if (bytes == 0 && unseen == 0)
        return;
    if (v->n == 0)
        v->start_ns = s->running_ns != 0 ? MIN(s->running_ns, at_ns) : at_ns;
    uint64_t span = at_ns > v->start_ns ? (at_ns - v->start_ns) / v->span_ns : 0;
    if (v->n > 0 && span >= v->n)
        track_tell(s->control->track, s,
                   &(struct track_event){.kind = TRACK_SPAN,
                                         .at_ns = v->start_ns + v->n * v->span_ns,
                                         .number = s->control->track->number});
    while (span >= TRACK_SPANS) {
        for (unsigned side = 0; side < 2; side++) {
            halve(v->bytes[side]);
            halve(v->unseen[side]);
        }
        v->span_ns *= 2;
        span /= 2;
        v->n = (v->n + 1) / 2;
    }
    v->bytes[from][span] += bytes;
    if (unseen > 0)
        v->unseen[from][span] += (uint64_t)unseen;
    else
        found_late(v->unseen[from], (unsigned)span, (uint64_t)-unseen);
    v->last_ns = MAX(v->last_ns, at_ns);
    v->n = MAX(v->n, (unsigned)span + 1);
}

void track_stream_tell(struct track *t, struct track_session *s, const struct track_stream *stream)
{
    track_tell(t, s,
               &(struct track_event){.kind = TRACK_STREAM_OPEN,
                                     .at_ns = stream->at_ns,
                                     .number = stream->number,
                                     .stream = stream});
}

struct track_stream *track_stream_add(struct track *t, struct track_session *s, struct flow *flow,
                                      const struct dissected *p, bool has_open)
{
    if (s->n_streams == TRACK_STREAMS || t->n_streams == STREAMS_ALL) {
        s->order_is_sure = false;
        return NULL;
    }
    t->n_streams++;
    struct track_stream *stream = text_realloc(NULL, sizeof *stream);
    memset(stream, 0, sizeof *stream);
    stream->id = account_stream_id((unsigned)s->n_streams);
    stream->is_udp = flow->key.is_udp;
    stream->has_open = has_open;
    stream->client = track_end_of(flow, flow->client);
    stream->at_ns = p->at_ns;
    stream->number = p->number;
    stream->first_number = flow->first_number;
    stream->flow = flow;
    s->streams[s->n_streams++] = stream;
    if (!has_open)
        s->order_is_sure = false;
    flow->kind = FLOW_STREAM;
    flow->session = s;
    flow->stream = stream;
    return stream;
}

void track_stream_take_tcp(struct flow *flow, int from, const struct dissected *p)
{
    struct track_stream *stream = flow->stream;
    struct track_session *s = flow->session;
    enum observer_side side = from == flow->client ? OBSERVER_CLIENT : OBSERVER_SERVER;
    struct stream_tcp *own = &stream->tcp[side], *other = &stream->tcp[!side];
    uint64_t sent[2] = {own->sent, other->sent}, missing[2] = {own->missing, other->missing};

    stream_tcp_take(own, other, p);
    if (side == OBSERVER_SERVER && p->len == 1 && p->payload.len == 1 && p->payload.at[0] == 0xff &&
        own->sent == 1) {
        stream->was_denied = true;
        s->order_is_sure = false;
        return;
    }
    track_stream_count(s, side, p->at_ns, own->sent - sent[0],
                       (int64_t)(own->missing - missing[0]));
    track_stream_count(s, !side, p->at_ns, other->sent - sent[1],
                       (int64_t)(other->missing - missing[1]));
}

void track_stream_become(struct track *t, struct track_session *s, struct flow *flow, int from,
                         const struct dissected *p, const uint32_t *next, bool has_open)
{
    struct track_stream *stream = track_stream_add(t, s, flow, p, has_open);

    if (stream == NULL) {
        flow->kind = FLOW_FOREIGN;
        return;
    }
    track_stream_tell(t, s, stream);
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

bool track_is_between(const struct track_session *s, const struct flow *flow, int client)
{
    return track_is_live(s) && may_have(s, flow->key.is_udp) &&
           flow->key.port[!client] == s->server.port &&
           memcmp(flow->key.address[!client], s->server.address, 16) == 0 &&
           memcmp(flow->key.address[client], s->client.address, 16) == 0;
}

bool track_lacks_streams(const struct track_session *s)
{
    const struct params *params = observer_params(s->observer);

    return params == NULL || s->is_mixed || (int64_t)s->n_streams < params_n_streams(params);
}

/* The server has asked for streams, and not all of them were seen. */
static bool awaits_streams(const struct track_session *s)
{
    return s->last_state[OBSERVER_SERVER] == CREATE_STREAMS && track_lacks_streams(s);
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
        if (!track_is_between(s, flow, (int)(i % 2)))
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
