/* track_control.c - which connections are control connections: the first bytes of both sides tell.
 */
#include "harness/capture/track_core.h"

#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

/* --- the start of a control connection -------------------------------------------------------- */

bool track_is_port(const struct track *t, const struct flow *flow)
{
    for (size_t i = 0; i < t->n_ports; i++)
        if (flow->key.port[0] == t->ports[i] || flow->key.port[1] == t->ports[i])
            return true;
    return false;
}

/* A stream that looks for its session. */
struct seeker {
    const struct flow *flow;
    int client;
    const uint8_t *cookie;
};

/* Whether the flow goes between the same hosts. */
static bool is_beside(const struct seeker *seeker, const struct flow *flow, int client)
{
    const struct flow_key *own = &seeker->flow->key, *other = &flow->key;

    return memcmp(own->address[seeker->client], other->address[client], 16) == 0 &&
           memcmp(own->address[!seeker->client], other->address[!client], 16) == 0;
}

static struct track_session *session_that_lives(const struct track *t, const struct seeker *seeker,
                                                bool beside)
{
    for (size_t i = 0; i < t->n_live; i++) {
        struct track_session *s = t->live[i];
        const struct control *c = s->control;
        if (track_is_live(s) && s->has_cookie &&
            memcmp(s->cookie, seeker->cookie, COOKIE_LEN) == 0 &&
            (!beside || (c->flow != NULL && is_beside(seeker, c->flow, c->client))))
            return s;
    }
    return NULL;
}

/* A connection with that cookie, whose server has said nothing that was captured: now that a stream
 * comes with it, it is a control connection. */
static struct track_session *session_that_waits(const struct track *t, const struct seeker *seeker,
                                                bool beside)
{
    for (size_t i = 0; i < t->n_opening; i++) {
        struct control *c = t->opening[i];
        if (c->n_cookie != COOKIE_LEN || c->gap_len > 0 || c->is_stream || c->is_busy ||
            memcmp(c->cookie, seeker->cookie, COOKIE_LEN) != 0 ||
            (beside && !is_beside(seeker, c->flow, c->client)))
            continue;
        channel_flush(c->channel);
        return c->is_stream ? NULL : c->session;
    }
    return NULL;
}

struct track_session *track_session_with_cookie(const struct track *t, const struct flow *flow,
                                                int client, const uint8_t *cookie)
{
    struct seeker seeker = {flow, client, cookie};
    struct track_session *s = NULL;

    for (int beside = 1; beside >= 0 && s == NULL; beside--) {
        s = session_that_lives(t, &seeker, beside);
        s = s != NULL ? s : session_that_waits(t, &seeker, beside);
    }
    return s;
}

/* A length, and what can be seen of a JSON object behind it. */
static bool begins_params(struct bytes bytes)
{
    if (bytes.len < 4 || load_be32(bytes.at) < 2 || load_be32(bytes.at) > UINT16_MAX)
        return false;
    return bytes.len == 4 || bytes.at[4] == '{';
}

/* Bytes of the client's before the server has answered. */
static void open_from_client(struct control *c, struct channel_origin origin, struct bytes bytes)
{
    size_t n = MIN(bytes.len, COOKIE_LEN - c->n_cookie);

    if (c->n_cookie == 0)
        c->cookie_origin = origin;
    memcpy(c->cookie + c->n_cookie, bytes.at, n);
    c->n_cookie += (unsigned)n;
    bytes = (struct bytes){bytes.at + n, bytes.len - n};
    if (c->n_cookie == COOKIE_LEN && c->gap_len == 0) {
        c->session = track_session_with_cookie(c->track, c->flow, c->client, c->cookie);
        c->is_stream = c->session != NULL;
        channel_next(c->channel, c->client, &c->behind_cookie);
        c->behind_cookie -= (uint32_t)bytes.len;
    }
    if (c->n_cookie == COOKIE_LEN && c->is_denied && !c->is_stream) {
        track_session_begin(c);
        return;
    }
    if (bytes.len == 0 || c->is_stream)
        return;
    /* More than a cookie, unasked: parameters are a client's that does not wait; else it is the
     * stream of a session that began before the capture. */
    if (!begins_params(bytes) && !track_is_port(c->track, c->flow)) {
        c->is_dead = true;
        return;
    }
    track_session_begin(c);
    track_feed(c, OBSERVER_CLIENT, origin, bytes);
}

/* CLOSE-2: a busy server says ff before it reads a cookie. It tells nothing without one. */
static bool is_denial(const struct control *c, struct bytes bytes)
{
    return c->n_cookie == 0 && bytes.len == 1 && (int8_t)bytes.at[0] == ACCESS_DENIED;
}

static bool has_same_ends(const struct flow *a, const struct flow *b)
{
    return a->client >= 0 && b->client >= 0 && a->key.port[!a->client] == b->key.port[!b->client] &&
           memcmp(a->key.address[a->client], b->key.address[b->client], 16) == 0 &&
           memcmp(a->key.address[!a->client], b->key.address[!b->client], 16) == 0;
}

/* Whether there is another control connection between the same ends: then this may be a stream of
 * its session, whose cookie was not captured. */
static bool has_sibling(const struct control *c)
{
    const struct track *t = c->track;

    for (size_t i = 0; i < t->n_live; i++) {
        const struct flow *flow = t->live[i]->control->flow;
        if (track_is_live(t->live[i]) && flow != NULL && has_same_ends(flow, c->flow))
            return true;
    }
    for (size_t i = 0; i < t->n_opening; i++)
        if (t->opening[i] != c && has_same_ends(t->opening[i]->flow, c->flow))
            return true;
    return false;
}

/* Whether a server says that to a cookie. What is only sent later in a session may as well be data,
 * if the server writes a byte or two at a time. */
static bool is_answer(const struct control *c, struct channel_origin origin, struct bytes bytes)
{
    int8_t state = (int8_t)bytes.at[0];

    if (c->n_cookie < COOKIE_LEN || origin.len > ANSWER_MAX)
        return false;
    if (state == PARAM_EXCHANGE || state == ACCESS_DENIED || state == SERVER_ERROR)
        return true;
    return state_is_sent_by_server(state) && !has_sibling(c);
}

static void open_from_server(struct control *c, struct channel_origin origin, struct bytes bytes)
{
    if (is_denial(c, bytes) && !c->is_denied) {
        c->is_denied = true;
        c->denied_origin = origin;
        return;
    }
    if (!is_answer(c, origin, bytes) && !track_is_port(c->track, c->flow)) {
        c->is_dead = true;
        return;
    }
    track_session_begin(c);
    track_feed(c, OBSERVER_SERVER, origin, bytes);
}

static enum observer_side side_of(const struct control *c, int from)
{
    return from == c->client ? OBSERVER_CLIENT : OBSERVER_SERVER;
}

/* Where in the sequence numbers the channel began: as the handshake said; else from what was
 * delivered, which is fed by now. */
static void note_bases(struct control *c)
{
    struct track_session *s = c->session;
    uint32_t next;

    for (int from = 0; from < 2; from++) {
        enum observer_side side = side_of(c, from);
        if (s->has_base[side] || s->offset[side] == 0 || !channel_next(c->channel, from, &next))
            continue;
        bool was_seen = c->flow != NULL && c->flow->has_start[from];
        s->base[side] = was_seen ? c->flow->start[from] : next - (uint32_t)s->offset[side];
        s->has_base[side] = true;
    }
}

static void on_bytes(void *context, int from, struct channel_origin origin, struct bytes bytes)
{
    struct control *c = context;

    if (c->is_dead || c->is_stream)
        return;
    if (c->session == NULL && c->is_late)
        track_session_begin(c);
    if (c->session != NULL)
        track_feed(c, side_of(c, from), origin, bytes);
    else if (side_of(c, from) == OBSERVER_CLIENT)
        open_from_client(c, origin, bytes);
    else
        open_from_server(c, origin, bytes);
    if (c->session != NULL && !c->is_stream)
        note_bases(c);
}

static void on_gap(void *context, int from, struct channel_origin origin, uint64_t len)
{
    struct control *c = context;

    if (c->is_dead || c->is_stream || (c->session == NULL && c->is_late))
        return;
    if (c->session != NULL) {
        track_feed_gap(c, side_of(c, from), origin, len);
    } else if (side_of(c, from) == OBSERVER_CLIENT && c->gap_len == 0 &&
               c->n_cookie + len <= COOKIE_LEN) {
        c->gap_at = c->n_cookie;
        c->gap_len = (unsigned)len;
        c->n_cookie += (unsigned)len;
        if (c->cookie_origin.number == 0)
            c->cookie_origin = origin;
    } else if (c->n_cookie == COOKIE_LEN && side_of(c, from) == OBSERVER_SERVER) {
        track_session_begin(c); /* its first word is missing */
        track_feed_gap(c, OBSERVER_SERVER, origin, len);
    } else {
        c->is_dead = true;
    }
}

/* An end before it is known that this is a control connection; true if it is now. */
static bool open_from_end(struct control *c, int from, bool is_reset)
{
    if (c->is_denied && side_of(c, from) == OBSERVER_SERVER) { /* the cookie may follow */
        c->has_denied_end = true;
        c->denied_is_reset = is_reset;
        return false;
    }
    c->is_dead = c->n_cookie == 0 || !track_is_port(c->track, c->flow);
    if (!c->is_dead)
        track_session_begin(c);
    return !c->is_dead;
}

static void on_end(void *context, int from, struct channel_origin origin, bool is_reset)
{
    struct control *c = context;

    if (c->is_dead || c->is_stream)
        return;
    if (c->session != NULL || open_from_end(c, from, is_reset))
        track_feed_end(c, side_of(c, from), origin, is_reset);
}

static void on_other(void *context, int from, struct channel_origin origin, bool is_damaged)
{
    struct control *c = context;

    if (c->session != NULL && !c->is_stream)
        track_contest(c, side_of(c, from), origin, is_damaged);
}

void track_control_decided(struct control *c)
{
    struct track *t = c->track;
    size_t i = 0;

    while (t->opening[i] != c)
        i++;
    t->n_opening--;
    memmove(&t->opening[i], &t->opening[i + 1], (t->n_opening - i) * sizeof t->opening[0]);
}

void track_control_finish(struct track *t)
{
    while (t->n_opening > 0) {
        struct control *c = t->opening[0];
        channel_finish(c->channel);
        if (c->session == NULL || c->is_stream)
            track_control_drop(c->flow, FLOW_FOREIGN);
    }
}

void track_control_drop(struct flow *flow, enum flow_kind kind)
{
    track_control_decided(flow->control);
    track_control_free(flow->control);
    flow->control = NULL;
    flow->kind = kind;
}

void track_control_take(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct control *c = flow->control;
    uint32_t next[2];

    c->is_busy = true;
    channel_take(c->channel, from, p);
    c->is_busy = false;
    if (c->is_stream) {
        struct track_session *s = c->session;
        struct dissected last = *p; /* counted from behind the cookie on */
        bool known = channel_next(c->channel, !c->client, &next[!c->client]);
        next[c->client] = c->behind_cookie;
        last.seq += last.len;
        last.len = 0;
        last.payload.len = 0;
        track_control_drop(flow, FLOW_NEW);
        track_stream_become(t, s, flow, from, &last, known ? next : NULL, true);
    } else if (c->is_dead) {
        track_control_drop(flow, FLOW_FOREIGN);
    }
}

/* The client's end of a connection whose handshake was not seen: that which has not the server's
 * port; -1: unknown. */
static int client_by_port(const struct track *t, const struct flow *flow)
{
    for (int end = 0; end < 2; end++) {
        bool is_server = flow->key.port[end] == USUAL_PORT;
        for (size_t i = 0; i < t->n_ports; i++)
            is_server |= flow->key.port[end] == t->ports[i];
        if (is_server)
            return !end;
    }
    return -1;
}

/* Bytes that a control connection carries in mid-session: a state or two, a length, a text. */
static bool begins_late(bool is_client, struct bytes bytes)
{
    if (begins_params(bytes))
        return true;
    for (size_t i = 0; i < bytes.len; i++) {
        int8_t byte = (int8_t)bytes.at[i];
        if (is_client ? !state_is_sent_by_client(byte) : !state_is_sent_by_server(byte))
            return false;
    }
    return bytes.len == 1 || bytes.len == 2;
}

static bool is_late(const struct track *t, const struct flow *flow, int from,
                    const struct dissected *p)
{
    int client = flow->client < 0 ? client_by_port(t, flow) : -1;

    return client >= 0 && p->payload.len == p->len && begins_late(from == client, p->payload);
}

bool track_control_may_be(const struct track *t, const struct flow *flow, int from,
                          const struct dissected *p)
{
    bool has_start = flow->client >= 0 && flow->has_start[flow->client];

    /* In the middle of a connection its port tells nothing: it may as well be a stream. */
    if ((track_is_port(t, flow) && has_start) || is_late(t, flow, from, p))
        return true;
    if (flow->client >= 0 && from != flow->client) {
        bool is_first = flow->has_start[from] ? p->seq == flow->start[from]
                                              : has_start && p->ack == flow->start[flow->client];
        if (is_first && p->len == 1 && p->payload.len == 1 && p->payload.at[0] == 0xff)
            return true; /* CLOSE-2: denied before its cookie was read */
        uint32_t before = p->seq - flow->start[from];
        if (flow->has_start[from] && p->len == 1 && before > 0 && before <= ANSWER_MAX)
            return true; /* its second word, say; the first may come later */
        return has_start && p->len <= ANSWER_MAX &&
               p->ack - flow->start[flow->client] == COOKIE_LEN;
    }
    uint32_t place = has_start ? p->seq - flow->start[from] : 0;
    if (place == COOKIE_LEN) /* the cookie itself was not captured */
        return begins_params(p->payload);
    if (place == COOKIE_LEN + 4) /* nor a length, or not yet */
        return p->payload.len > 0 && p->payload.at[0] == '{';
    if (place != 0) /* from within the cookie: what is before it may come later */
        return place < COOKIE_LEN;
    if (p->payload.len >= COOKIE_LEN && frame_cookie_is_well_formed(p->payload.at))
        return true;
    return has_start && p->len <= COOKIE_LEN && (p->len == COOKIE_LEN || p->payload.at[0] != 0);
}

void track_control_begin(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    if (t->n_opening == OPENING_MAX || p->payload.len == 0) {
        flow->kind = FLOW_FOREIGN;
        return;
    }
    struct control *c = text_realloc(NULL, sizeof *c);
    memset(c, 0, sizeof *c);
    c->track = t;
    c->flow = flow;
    c->channel =
        channel_new(&(struct channel_user){on_bytes, on_gap, on_end, on_other, c, &t->held});
    for (int end = 0; end < 2; end++)
        if (flow->has_start[end])
            channel_start(c->channel, end, flow->start[end]);
    c->is_late = is_late(t, flow, from, p);
    if (flow->client < 0)
        flow->client = client_by_port(t, flow);
    if (flow->client < 0) /* who speaks first; a server's word is short */
        flow->client = p->len < COOKIE_LEN ? !from : from;
    c->client = flow->client;
    c->knows_server_start = flow->has_start[!c->client];
    t->opening[t->n_opening++] = c;
    flow->kind = FLOW_CONTROL;
    flow->control = c;
    track_control_take(t, flow, from, p);
}
