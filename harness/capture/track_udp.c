/* track_udp.c - UDP streams: known by their handshake and their ends alone.
 *
 * Where several sessions between the same ends open streams at the same time, the handshake does
 * not say whose they are; the length of the datagrams may. Until then a stream is told to nobody,
 * and where that stays open nothing of it is held against anybody. */
#include "harness/capture/track_core.h"

#include "impl/wire/state.h"

#include <string.h>

static bool is_connect(const struct dissected *p)
{
    return p->len == DATAGRAM_CONNECT_LEN &&
           datagram_connect_kind(p->payload) != DATAGRAM_NOT_CONNECT;
}

static bool is_reply(const struct dissected *p)
{
    return p->len == DATAGRAM_CONNECT_LEN && datagram_reply_kind(p->payload) != DATAGRAM_NOT_REPLY;
}

static bool is_wide(const struct track_session *s, const struct dissected *p)
{
    const struct params *params = observer_params(s->observer);

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
        stream->reply_number = p->number;
    else
        stream->n_connects++;
    return true;
}

/* --- whose a stream is ------------------------------------------------------------------------ */

/* The length of the session's datagrams; 0: unknown. */
static uint32_t datagram_len(const struct track_session *s)
{
    const struct params *params = observer_params(s->observer);

    return params != NULL && params_has(params, PARAM_len) && params->len > 0 &&
                   params->len <= DATAGRAM_LEN_MAX
               ? (uint32_t)params->len
               : 0;
}

/* Whether its datagrams have that length; with offload one packet may hold several. */
static bool may_send(const struct track_session *s, uint32_t len)
{
    const struct params *params = observer_params(s->observer);
    uint32_t own = datagram_len(s);

    return own > 0 && (len == own || ((params->gso || params->gro) && len % own == 0));
}

/* The only session between these ends that sends datagrams of that length; NULL if there are
 * several, or none. */
static struct track_session *session_of_len(const struct track *t, const struct flow *flow,
                                            uint32_t len)
{
    struct track_session *found = NULL;

    for (size_t i = 0; i < t->n_live; i++) {
        struct track_session *s = t->live[i];
        if (!track_is_between(s, flow, flow->client) || !may_send(s, len))
            continue;
        if (found != NULL)
            return NULL;
        found = s;
    }
    return found;
}

static void number_streams(struct track_session *s)
{
    for (size_t i = 0; i < s->n_streams; i++)
        s->streams[i]->id = account_stream_id((unsigned)i);
}

static void take_from(struct track_session *s, const struct track_stream *stream)
{
    size_t i = 0;

    while (s->streams[i] != stream)
        i++;
    s->n_streams--;
    memmove(&s->streams[i], &s->streams[i + 1], (s->n_streams - i) * sizeof(struct track_stream *));
    number_streams(s);
}

/* At its place in the order in which they were opened. */
static void give_to(struct track_session *s, struct track_stream *stream)
{
    size_t i = s->n_streams++;

    for (; i > 0 && s->streams[i - 1]->number > stream->number; i--)
        s->streams[i] = s->streams[i - 1];
    s->streams[i] = stream;
    number_streams(s);
}

/* The first datagram of data shows by its length whose the stream is, where lengths differ. Nobody
 * has been told of the stream before. */
static void settle(struct track *t, struct flow *flow, const struct dissected *p)
{
    struct track_stream *stream = flow->stream;
    struct track_session *owner = session_of_len(t, flow, p->len);

    stream->is_told = true;
    if (owner != NULL && (owner == flow->session || owner->n_streams < TRACK_STREAMS)) {
        take_from(flow->session, stream);
        give_to(owner, stream);
        flow->session = owner;
        stream->is_doubtful = false;
    }
    track_stream_tell(t, flow->session, stream);
}

/* --- datagrams -------------------------------------------------------------------------------- */

static void take(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct track_stream *stream = flow->stream;
    enum observer_side side = from == flow->client ? OBSERVER_CLIENT : OBSERVER_SERVER;
    struct stream_fault fault;

    if (take_opening(t, flow->session, stream, side, p))
        return;
    if (stream->is_doubtful && !stream->is_told)
        settle(t, flow, p);
    struct track_session *s = flow->session;
    uint32_t len = stream->is_doubtful ? 0 : datagram_len(s);
    uint64_t n = stream_udp_take(&stream->udp[side], p, is_wide(s, p), len, &fault);
    if (fault.clause != NULL && !stream->is_doubtful)
        track_blame(t, s, fault.clause, side, p->number, p->at_ns, fault.expected, "%s",
                    fault.found);
    track_stream_count(s, side, p->at_ns, n, 0);
}

static void take_first(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    int client;
    struct track_session *s = track_session_between(t, flow, &client);
    const struct params *params = s != NULL ? observer_params(s->observer) : NULL;

    flow->kind = FLOW_FOREIGN;
    if (s == NULL || (params == NULL && !is_connect(p) && !is_reply(p)))
        return;
    flow->client = client;
    bool has_open = p->len == DATAGRAM_CONNECT_LEN;
    struct track_stream *stream = track_stream_add(t, s, flow, p, has_open);
    if (stream == NULL)
        return;
    stream->is_doubtful = s->is_mixed;
    stream->is_told = !stream->is_doubtful;
    if (stream->is_told)
        track_stream_tell(t, s, stream);
    take(t, flow, from, p);
}

/* --- ports that are used again ---------------------------------------------------------------- */

/* A session other than the flow's whose stream this may be: its server has asked for streams; or
 * not as far as was seen, but it may have. */
static struct track_session *other_session(const struct track *t, const struct flow *flow,
                                           bool may_ask_yet)
{
    for (size_t i = 0; i < t->n_live; i++) {
        struct track_session *s = t->live[i];
        int8_t state = s->last_state[OBSERVER_SERVER];
        bool has_asked = (state != 0 && state != PARAM_EXCHANGE) || s->n_gaps > 0;
        if (s != flow->session && track_is_between(s, flow, flow->client) &&
            track_lacks_streams(s) && (may_ask_yet || has_asked))
            return s;
    }
    return NULL;
}

static bool is_opening(const struct flow *flow, int from, const struct dissected *p)
{
    return from == flow->client ? is_connect(p) : is_reply(p);
}

/* Nothing of the stream is held against either session. */
static void leave_open(struct flow *flow, struct track_session *other)
{
    flow->session->is_mixed = other->is_mixed = flow->stream->is_doubtful = true;
}

/* Whether the datagram is of another stream than those before it on these ports: an opening, or
 * what comes behind one that was not captured, when the old stream's session is over. An opening
 * before that may be a copy of the old one's, or the end of its session was not captured. */
static bool begins_another(const struct track *t, struct flow *flow, int from,
                           const struct dissected *p)
{
    const struct track_stream *stream = flow->stream;
    bool is_over = !track_is_live(flow->session), opens = is_opening(flow, from, p);

    if (is_over && (opens || other_session(t, flow, false) != NULL))
        return true;
    if (!is_over && (!opens || stream->udp[0].n + stream->udp[1].n == 0))
        return false;
    struct track_session *other = other_session(t, flow, true);
    if (other != NULL)
        leave_open(flow, other);
    return opens && other != NULL;
}

void track_datagram(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    if (flow->kind == FLOW_STREAM && begins_another(t, flow, from, p)) {
        flow->stream->flow = NULL;
        flow->session = NULL;
        flow->stream = NULL;
        flow->kind = FLOW_NEW;
        flow->first_number = p->number;
    }
    if (flow->kind == FLOW_STREAM)
        take(t, flow, from, p);
    else if (flow->kind == FLOW_NEW || is_connect(p))
        take_first(t, flow, from, p);
}
