#include "harness/capture/track.h"

#include "harness/capture/channel.h"
#include "harness/capture/flow.h"
#include "harness/capture/tally.h"
#include "impl/wire/state.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_MAX    256                   /* sessions at a time; the oldest makes room */
#define OPENING_MAX 256                   /* connections not yet known for what they are */
#define INDEX_MAX   4096                  /* packets of one direction that are remembered */
#define LINGER_NS   UINT64_C(2000000000)  /* for the streams' last packets */
#define HALF_NS     UINT64_C(30000000000) /* one side has ended */
#define ANSWER_MAX  16                    /* a server's first word is not longer */
#define SPAN_NS     UINT64_C(1000000000)

/* A connection that may be, or is, a control connection. */
struct control {
    struct track *track;
    struct flow *flow;
    struct channel *channel;
    struct track_session *session; /* NULL: not known yet */
    int client;                    /* which end of the flow */
    bool knows_server_start;
    uint8_t cookie[COOKIE_LEN];
    unsigned n_cookie;
    unsigned gap_at, gap_len; /* in the cookie */
    struct channel_origin cookie_origin;
    bool is_denied, has_denied_end, denied_is_reset; /* the server said ff first */
    struct channel_origin denied_origin;
    bool is_dead;           /* something else */
    bool is_stream;         /* its cookie is that of session */
    uint32_t behind_cookie; /* then: the sequence number there */
};

struct track {
    struct track_user user;
    const uint16_t *ports;
    size_t n_ports;
    struct flow_table flows;
    struct track_session *live[LIVE_MAX];
    size_t n_live;
    size_t n_opening;
    uint64_t n_sessions;
    uint64_t next_due_ns; /* when a session may be closed; UINT64_MAX: none waits */
    uint64_t now_ns, number;
};

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

/* --- telling ---------------------------------------------------------------------------------- */

static void tell(struct track *t, struct track_session *s, const struct track_event *event)
{
    if (t->user.event != NULL)
        t->user.event(t->user.context, s, event);
}

static void add_violation(struct track *t, struct track_session *s,
                          const struct track_violation *violation)
{
    if (s->n_violations == TRACK_VIOLATIONS) {
        s->n_more++;
        return;
    }
    s->violations[s->n_violations++] = *violation;
    tell(t, s,
         &(struct track_event){.kind = TRACK_VIOLATION,
                               .at_ns = violation->at_ns,
                               .number = violation->number,
                               .from = violation->by,
                               .violation = violation});
}

void track_blame(struct track *t, struct track_session *s, const char *clause,
                 enum observer_side by, uint64_t number, uint64_t at_ns, const char *expected,
                 const char *found_format, ...)
{
    struct track_violation v = {
        .clause = clause_find(clause), .by = by, .number = number, .at_ns = at_ns};
    va_list args;

    snprintf(v.expected, sizeof v.expected, "%s", expected);
    va_start(args, found_format);
    vsnprintf(v.found, sizeof v.found, found_format, args);
    va_end(args);
    add_violation(t, s, &v);
}

void track_note(struct track *t, struct track_session *s, const char *format, ...)
{
    va_list args;

    if (s->n_notes == TRACK_NOTES)
        return;
    struct text *note = &s->notes[s->n_notes++];
    va_start(args, format);
    text_vaddf(note, format, args);
    va_end(args);
    tell(t, s,
         &(struct track_event){.kind = TRACK_NOTE,
                               .at_ns = s->last_ns,
                               .number = s->last_number,
                               .note = text_string(note)});
}

/* --- which packet brought a byte -------------------------------------------------------------- */

static void remember(struct track_session *s, enum observer_side side, struct channel_origin origin,
                     uint64_t len)
{
    size_t n = s->n_index[side];

    if (n < INDEX_MAX) {
        if ((n & (n - 1)) == 0) /* grows at powers of two */
            s->index[side] =
                text_realloc(s->index[side], MAX(2 * n, 1) * sizeof(struct track_index));
        s->index[side][n] = (struct track_index){s->offset[side], origin.number, origin.at_ns};
        s->n_index[side]++;
    }
    s->offset[side] += len;
    s->last_ns = MAX(s->last_ns, origin.at_ns);
    s->last_number = MAX(s->last_number, origin.number);
}

static const struct track_index *origin_of(const struct track_session *s, enum observer_side side,
                                           uint64_t offset)
{
    static const struct track_index none;
    size_t n = s->n_index[side];

    while (n > 1 && s->index[side][n - 1].offset > offset)
        n--;
    return n > 0 ? &s->index[side][n - 1] : &none;
}

/* --- what the observer says ------------------------------------------------------------------- */

static void note_state(struct track_session *s, const struct observer_message *m, uint64_t number)
{
    s->last_state[m->from] = m->state;
    if (m->from == OBSERVER_SERVER && m->state == TEST_START && s->start_ns == 0)
        s->start_ns = m->at_ns;
    if (m->from == OBSERVER_SERVER && m->state == TEST_RUNNING && s->running_ns == 0)
        s->running_ns = m->at_ns;
    if (m->from == OBSERVER_CLIENT && m->state == TEST_END && s->end_ns == 0) {
        s->end_ns = m->at_ns;
        s->end_number = number;
    }
}

static void note_text(struct track_session *s, const struct observer_message *m, uint64_t number)
{
    if (m->text.len == 0)
        return; /* not whole */
    if (m->from == OBSERVER_CLIENT && s->end_ns == 0) {
        s->params_number = number;
        return;
    }
    s->n_results[m->from]++;
    s->results_number[m->from] = number;
    s->results_ns[m->from] = m->at_ns;
}

static void on_message(void *context, const struct observer_message *m)
{
    struct control *c = context;
    struct track_session *s = c->session;
    uint64_t number = origin_of(s, m->from, m->offset)->number;

    if (m->kind == OBSERVER_STATE || m->kind == OBSERVER_ERROR)
        note_state(s, m, number);
    if (m->kind == OBSERVER_ERROR) {
        s->n_ints = m->n_ints;
        s->ierr = m->ierr;
        s->os_errno = m->os_errno;
    }
    if (m->kind == OBSERVER_JSON)
        note_text(s, m, number);
    tell(c->track, s,
         &(struct track_event){.kind = TRACK_MESSAGE,
                               .at_ns = m->at_ns,
                               .number = number,
                               .from = m->from,
                               .message = m,
                               .has_hole = s->hole_at[m->from] > m->offset});
}

static void on_violation(void *context, const struct observer_violation *violation)
{
    struct control *c = context;
    const struct track_index *origin = origin_of(c->session, violation->by, violation->offset);
    struct track_violation v = {
        .clause = clause_find(violation->clause),
        .by = violation->by,
        .number = origin->number,
        .at_ns = violation->at_ns,
    };

    memcpy(v.expected, violation->expected, sizeof v.expected);
    memcpy(v.found, violation->found, sizeof v.found);
    add_violation(c->track, c->session, &v);
}

/* --- sessions --------------------------------------------------------------------------------- */

static bool is_live(const struct track_session *s)
{
    return s->due_ns == 0;
}

static void close_stream(struct track *t, struct track_stream *stream)
{
    if (stream->flow != NULL)
        flow_table_remove(&t->flows, stream->flow);
    free(stream);
}

static void free_control(struct control *c)
{
    channel_free(c->channel);
    free(c);
}

static void free_session(struct track *t, struct track_session *s)
{
    for (size_t i = 0; i < s->n_streams; i++)
        close_stream(t, s->streams[i]);
    for (size_t i = 0; i < s->n_notes; i++)
        text_fini(&s->notes[i]);
    free(s->index[0]);
    free(s->index[1]);
    observer_free(s->observer);
    if (s->control->flow != NULL)
        flow_table_remove(&t->flows, s->control->flow);
    free_control(s->control);
    free(s);
}

static void finish_session(struct track *t, size_t i)
{
    struct track_session *s = t->live[i];

    channel_finish(s->control->channel);
    s->n_repeated = channel_n_repeated(s->control->channel);
    observer_finish(s->observer);
    if (!s->is_over[0] && !s->is_over[1])
        track_note(t, s, "the session was not over when the capture ended");
    tally_judge(t, s);
    t->user.done(t->user.context, s);
    t->live[i] = t->live[--t->n_live];
    free_session(t, s);
}

static void find_next_due(struct track *t)
{
    t->next_due_ns = UINT64_MAX;
    for (size_t i = 0; i < t->n_live; i++)
        if (t->live[i]->due_ns != 0)
            t->next_due_ns = MIN(t->next_due_ns, t->live[i]->due_ns);
}

/* The one that began first of those with least n_left. */
static void finish_due(struct track *t, uint64_t now_ns)
{
    for (bool again = true; again;) {
        size_t best = t->n_live;
        for (size_t i = 0; i < t->n_live; i++)
            if (t->live[i]->due_ns != 0 && t->live[i]->due_ns <= now_ns &&
                (best == t->n_live || t->live[i]->number < t->live[best]->number))
                best = i;
        again = best < t->n_live;
        if (again)
            finish_session(t, best);
    }
    find_next_due(t);
}

static void make_room(struct track *t)
{
    size_t oldest = 0;

    if (t->n_live < LIVE_MAX)
        return;
    for (size_t i = 1; i < t->n_live; i++)
        if (t->live[i]->number < t->live[oldest]->number)
            oldest = i;
    finish_session(t, oldest);
}

static struct track_end end_of(const struct flow *flow, int end)
{
    struct track_end e = {.port = flow->key.port[end]};

    memcpy(e.address, flow->key.address[end], sizeof e.address);
    return e;
}

static void feed(struct control *c, enum observer_side side, struct channel_origin origin,
                 struct bytes bytes)
{
    struct track_session *s = c->session;

    remember(s, side, origin, bytes.len);
    if (observer_bytes(s->observer, side, origin.at_ns, bytes) == SPEC_E_NOMEM) {
        fputs("iperfspec: out of memory\n", stderr);
        exit(3);
    }
}

static void feed_gap(struct control *c, enum observer_side side, struct channel_origin origin,
                     uint64_t len)
{
    struct track_session *s = c->session;

    remember(s, side, origin, len);
    s->n_gaps++;
    s->gap_bytes += len;
    tell(c->track, s,
         &(struct track_event){.kind = TRACK_GAP,
                               .at_ns = origin.at_ns,
                               .number = origin.number,
                               .from = side,
                               .len = len});
    s->hole_at[side] = s->offset[side]; /* behind it */
    observer_gap(s->observer, side, origin.at_ns, len);
}

static void feed_end(struct control *c, enum observer_side side, struct channel_origin origin,
                     bool is_reset)
{
    struct track_session *s = c->session;

    remember(s, side, origin, 0);
    if (!s->is_over[0] && !s->is_over[1])
        s->first_over = side;
    s->is_over[side] = true;
    s->is_reset[side] = is_reset;
    observer_end(s->observer, side, origin.at_ns, is_reset);
    bool is_whole = is_reset || (s->is_over[0] && s->is_over[1]);
    s->due_ns = origin.at_ns + (is_whole ? LINGER_NS : HALF_NS);
    find_next_due(c->track);
}

static void feed_cookie(struct control *c)
{
    struct channel_origin origin = c->cookie_origin;
    struct bytes cookie = {c->cookie, c->n_cookie};

    if (c->gap_len == 0) {
        feed(c, OBSERVER_CLIENT, origin, cookie);
        return;
    }
    if (c->gap_at > 0)
        feed(c, OBSERVER_CLIENT, origin, (struct bytes){cookie.at, c->gap_at});
    feed_gap(c, OBSERVER_CLIENT, origin, c->gap_len);
    size_t behind = c->gap_at + c->gap_len;
    if (behind < cookie.len)
        feed(c, OBSERVER_CLIENT, origin, (struct bytes){cookie.at + behind, cookie.len - behind});
}

static void begin_session(struct control *c)
{
    static const uint8_t denial = 0xff;
    struct track *t = c->track;
    struct track_session *s = text_realloc(NULL, sizeof *s);

    make_room(t);
    memset(s, 0, sizeof *s);
    s->number = ++t->n_sessions;
    s->client = end_of(c->flow, c->flow->client);
    s->server = end_of(c->flow, !c->flow->client);
    s->has_cookie = c->n_cookie == COOKIE_LEN && c->gap_len == 0;
    memcpy(s->cookie, c->cookie, sizeof s->cookie);
    s->first_ns = s->last_ns = c->cookie_origin.at_ns ? c->cookie_origin.at_ns : t->now_ns;
    s->first_number = c->cookie_origin.number ? c->cookie_origin.number : t->number;
    s->order_is_sure = true;
    s->control = c;
    s->volume.span_ns = SPAN_NS;
    s->observer = observer_new(&(struct observer_config){.vantage = OBSERVER_BETWEEN,
                                                         .message = on_message,
                                                         .violation = on_violation,
                                                         .context = c,
                                                         .judge_client = true,
                                                         .judge_server = true});
    if (s->observer == NULL) {
        fputs("iperfspec: out of memory\n", stderr);
        exit(3);
    }
    c->session = s;
    c->flow->session = s;
    t->n_opening--;
    t->live[t->n_live++] = s;
    tell(t, s,
         &(struct track_event){
             .kind = TRACK_BEGIN, .at_ns = s->first_ns, .number = s->first_number});
    if (c->is_denied)
        feed(c, OBSERVER_SERVER, c->denied_origin, (struct bytes){&denial, 1});
    if (c->has_denied_end)
        feed_end(c, OBSERVER_SERVER, c->denied_origin, c->denied_is_reset);
    feed_cookie(c);
    /* Where the server's bytes begin was learnt from a packet behind the cookie's: it may have said
     * something before. */
    if (c->gap_len > 0 && !c->knows_server_start)
        feed_gap(c, OBSERVER_SERVER, c->cookie_origin, 1);
}

/* --- the start of a control connection -------------------------------------------------------- */

static bool is_port(const struct track *t, const struct flow *flow)
{
    for (size_t i = 0; i < t->n_ports; i++)
        if (flow->key.port[0] == t->ports[i] || flow->key.port[1] == t->ports[i])
            return true;
    return false;
}

/* The session that a stream with this cookie belongs to. */
static struct track_session *session_with_cookie(const struct track *t, const uint8_t *cookie)
{
    for (size_t i = 0; i < t->n_live; i++) {
        struct track_session *s = t->live[i];
        if (is_live(s) && s->has_cookie && memcmp(s->cookie, cookie, COOKIE_LEN) == 0)
            return s;
    }
    return NULL;
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
        c->session = session_with_cookie(c->track, c->cookie);
        c->is_stream = c->session != NULL;
        channel_next(c->channel, c->client, &c->behind_cookie);
        c->behind_cookie -= (uint32_t)bytes.len;
    }
    if (c->n_cookie == COOKIE_LEN && c->is_denied && !c->is_stream) {
        begin_session(c);
        return;
    }
    if (bytes.len == 0 || c->is_stream)
        return;
    /* More than a cookie, unasked: parameters are a client's that does not wait; else it is the
     * stream of a session that began before the capture. */
    if (!begins_params(bytes) && !is_port(c->track, c->flow)) {
        c->is_dead = true;
        return;
    }
    begin_session(c);
    feed(c, OBSERVER_CLIENT, origin, bytes);
}

/* CLOSE-2: a busy server says ff before it reads a cookie. It tells nothing without one. */
static bool is_denial(const struct control *c, struct bytes bytes)
{
    return c->n_cookie == 0 && bytes.len == 1 && (int8_t)bytes.at[0] == ACCESS_DENIED;
}

static void open_from_server(struct control *c, struct channel_origin origin, struct bytes bytes)
{
    if (is_denial(c, bytes) && !c->is_denied) {
        c->is_denied = true;
        c->denied_origin = origin;
        return;
    }
    bool is_answer = c->n_cookie == COOKIE_LEN && origin.len <= ANSWER_MAX;

    if (!is_answer && !is_port(c->track, c->flow)) {
        c->is_dead = true;
        return;
    }
    begin_session(c);
    feed(c, OBSERVER_SERVER, origin, bytes);
}

static enum observer_side side_of(const struct control *c, int from)
{
    return from == c->client ? OBSERVER_CLIENT : OBSERVER_SERVER;
}

static void on_bytes(void *context, int from, struct channel_origin origin, struct bytes bytes)
{
    struct control *c = context;

    if (c->is_dead || c->is_stream)
        return;
    if (c->session != NULL)
        feed(c, side_of(c, from), origin, bytes);
    else if (side_of(c, from) == OBSERVER_CLIENT)
        open_from_client(c, origin, bytes);
    else
        open_from_server(c, origin, bytes);
}

static void on_gap(void *context, int from, struct channel_origin origin, uint64_t len)
{
    struct control *c = context;

    if (c->is_dead || c->is_stream)
        return;
    if (c->session != NULL) {
        feed_gap(c, side_of(c, from), origin, len);
    } else if (side_of(c, from) == OBSERVER_CLIENT && c->gap_len == 0 &&
               c->n_cookie + len <= COOKIE_LEN) {
        c->gap_at = c->n_cookie;
        c->gap_len = (unsigned)len;
        c->n_cookie += (unsigned)len;
        if (c->cookie_origin.number == 0)
            c->cookie_origin = origin;
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
    c->is_dead = c->n_cookie == 0 || !is_port(c->track, c->flow);
    if (!c->is_dead)
        begin_session(c);
    return !c->is_dead;
}

static void on_end(void *context, int from, struct channel_origin origin, bool is_reset)
{
    struct control *c = context;

    if (c->is_dead || c->is_stream)
        return;
    if (c->session != NULL || open_from_end(c, from, is_reset))
        feed_end(c, side_of(c, from), origin, is_reset);
}

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
    v->n = MAX(v->n, (unsigned)span + 1);
}

static struct track_stream *add_stream(struct track *t, struct track_session *s, struct flow *flow,
                                       const struct dissected *p, bool is_udp, bool has_open)
{
    if (s->n_streams == TRACK_STREAMS)
        return NULL;
    struct track_stream *stream = text_realloc(NULL, sizeof *stream);
    memset(stream, 0, sizeof *stream);
    stream->id = account_stream_id((unsigned)s->n_streams);
    stream->is_udp = is_udp;
    stream->has_open = has_open;
    stream->client = end_of(flow, flow->client);
    stream->at_ns = p->at_ns;
    stream->number = p->number;
    stream->flow = flow;
    s->streams[s->n_streams++] = stream;
    if (!has_open)
        s->order_is_sure = false;
    flow->kind = FLOW_STREAM;
    flow->session = s;
    flow->stream = stream;
    tell(t, s,
         &(struct track_event){
             .kind = TRACK_STREAM_OPEN, .at_ns = p->at_ns, .number = p->number, .stream = stream});
    return stream;
}

static void take_stream_tcp(struct flow *flow, int from, const struct dissected *p)
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

/* A TCP stream from here on: the next byte of either end is known, or learnt from p. */
static void become_stream(struct track *t, struct track_session *s, struct flow *flow, int from,
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
    take_stream_tcp(flow, from, p);
}

/* The cookie stands whole in the first packet, as it does nearly always. */
static void open_stream(struct track *t, struct track_session *s, struct flow *flow, int from,
                        const struct dissected *p)
{
    uint32_t next[2];

    flow->client = (int8_t)from;
    next[from] = p->seq + COOKIE_LEN;
    next[!from] = p->ack;
    struct dissected rest = *p;
    rest.seq += COOKIE_LEN;
    rest.len -= COOKIE_LEN;
    rest.payload = (struct bytes){p->payload.at + COOKIE_LEN, p->payload.len - COOKIE_LEN};
    become_stream(t, s, flow, from, &rest, next, true);
}

/* Whether a session goes between the ends of the flow, with that one as its client. */
static bool is_between(const struct track_session *s, const struct flow *flow, int client)
{
    return is_live(s) && flow->key.port[!client] == s->server.port &&
           memcmp(flow->key.address[!client], s->server.address, 16) == 0 &&
           memcmp(flow->key.address[client], s->client.address, 16) == 0;
}

/* A session whose streams go between these ends: the one that waits for streams, if there are
 * several; then nobody knows which stream is whose. */
static struct track_session *session_between(const struct track *t, const struct flow *flow,
                                             int *client)
{
    struct track_session *best = NULL;
    bool best_waits = false;

    for (size_t i = 0; i < 2 * t->n_live; i++) {
        struct track_session *s = t->live[i / 2];
        if (!is_between(s, flow, (int)(i % 2)))
            continue;
        bool waits = s->last_state[OBSERVER_SERVER] == CREATE_STREAMS;
        if (best != NULL && waits == best_waits)
            best->order_is_sure = s->order_is_sure = false;
        if (best != NULL && waits <= best_waits)
            continue;
        best = s;
        best_waits = waits;
        *client = (int)(i % 2);
    }
    return best;
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void drop_control(struct track *t, struct flow *flow, enum flow_kind kind)
{
    t->n_opening--;
    free_control(flow->control);
    flow->control = NULL;
    flow->kind = kind;
}

static void take_control(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct control *c = flow->control;
    uint32_t next[2];

    channel_take(c->channel, from, p);
    if (c->is_stream) {
        struct track_session *s = c->session;
        struct dissected last = *p; /* counted from behind the cookie on */
        bool known = channel_next(c->channel, !c->client, &next[!c->client]);
        next[c->client] = c->behind_cookie;
        last.seq += last.len;
        last.len = 0;
        last.payload.len = 0;
        drop_control(t, flow, FLOW_NEW);
        become_stream(t, s, flow, from, &last, known ? next : NULL, true);
    } else if (c->is_dead) {
        drop_control(t, flow, FLOW_FOREIGN);
    }
}

/* Whether the first bytes seen of a connection may be those of a control connection; client is
 * known if the handshake was seen. */
static bool may_be_control(const struct track *t, const struct flow *flow, int from,
                           const struct dissected *p)
{
    bool has_start = flow->client >= 0 && flow->has_start[flow->client];

    if (is_port(t, flow))
        return true;
    if (flow->client >= 0 && from != flow->client)
        return has_start && p->len <= ANSWER_MAX &&
               (p->ack - flow->start[flow->client] == COOKIE_LEN ||
                (p->len == 1 && p->payload.len == 1 && p->payload.at[0] == 0xff));
    uint32_t place = has_start ? p->seq - flow->start[from] : 0;
    if (place == COOKIE_LEN) /* the cookie itself was not captured */
        return begins_params(p->payload);
    if (place != 0)
        return false;
    if (p->payload.len >= COOKIE_LEN && frame_cookie_is_well_formed(p->payload.at))
        return true;
    return has_start && p->len <= COOKIE_LEN && (p->len == COOKIE_LEN || p->payload.at[0] != 0);
}

static void begin_control(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    if (t->n_opening == OPENING_MAX || p->payload.len == 0) {
        flow->kind = FLOW_FOREIGN;
        return;
    }
    struct control *c = text_realloc(NULL, sizeof *c);
    memset(c, 0, sizeof *c);
    c->track = t;
    c->flow = flow;
    c->channel = channel_new(&(struct channel_user){on_bytes, on_gap, on_end, c});
    for (int end = 0; end < 2; end++)
        if (flow->has_start[end])
            channel_start(c->channel, end, flow->start[end]);
    if (flow->client < 0) /* who speaks first; a server's word is short */
        flow->client = (int8_t)(p->len < COOKIE_LEN ? !from : from);
    c->client = flow->client;
    c->knows_server_start = flow->has_start[!c->client];
    t->n_opening++;
    flow->kind = FLOW_CONTROL;
    flow->control = c;
    take_control(t, flow, from, p);
}

static void first_bytes(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    struct track_session *s;
    bool at_start = flow->client < 0 ||
                    (from == flow->client && flow->has_start[from] && p->seq == flow->start[from]);
    int client;

    if (at_start && p->payload.len >= COOKIE_LEN &&
        (s = session_with_cookie(t, p->payload.at)) != NULL) {
        open_stream(t, s, flow, from, p);
        return;
    }
    /* A first packet cut by the snap length, where streams are awaited: one of them. */
    bool is_cut = at_start && p->payload.len < MIN(p->len, (uint32_t)COOKIE_LEN) &&
                  flow->client >= 0 && session_between(t, flow, &client) != NULL;
    if (!is_cut && may_be_control(t, flow, from, p)) {
        begin_control(t, flow, from, p);
        return;
    }
    if (flow->client >= 0 && (s = session_between(t, flow, &client)) != NULL &&
        client == flow->client) {
        uint32_t next[2] = {flow->start[0], flow->start[1]};
        next[client] += COOKIE_LEN; /* which was not captured */
        bool known = flow->has_start[0] && flow->has_start[1];
        become_stream(t, s, flow, from, p, known ? next : NULL, false);
        return;
    }
    flow->kind = FLOW_FOREIGN;
}

/* The control connection is no more, though its end was not captured. */
static void orphan(struct track *t, struct control *c)
{
    c->flow = NULL;
    if (c->session->due_ns == 0)
        c->session->due_ns = t->now_ns + LINGER_NS;
    find_next_due(t);
}

/* A new connection between the ends of an old one. */
static void restart(struct track *t, struct flow *flow, uint64_t number)
{
    if (flow->kind == FLOW_STREAM)
        flow->stream->flow = NULL;
    if (flow->kind == FLOW_CONTROL && flow->control->session == NULL)
        drop_control(t, flow, FLOW_NEW);
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

static void take_syn(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    bool is_answer = p->flags & DISSECT_ACK;

    if (flow->has_start[from] && flow->start[from] == p->seq + 1)
        return; /* once more */
    if (!is_answer && (flow->kind != FLOW_NEW || flow->has_start[from]))
        restart(t, flow, p->number);
    flow->has_start[from] = true;
    flow->start[from] = p->seq + 1;
    flow->scale[from] = p->scale;
    flow->client = (int8_t)(is_answer ? !from : from);
}

static void advance(struct track *t, const struct dissected *p)
{
    t->now_ns = p->at_ns;
    t->number = p->number;
    if (p->at_ns >= t->next_due_ns)
        finish_due(t, p->at_ns);
}

void track_tcp(struct track *t, const struct dissected *p)
{
    int from;

    advance(t, p);
    struct flow *flow = flow_table_get(&t->flows, p, false, &from);
    if (flow->kind == FLOW_STREAM && !(p->flags & DISSECT_SYN)) {
        take_stream_tcp(flow, from, p);
        return;
    }
    if (p->flags & DISSECT_SYN)
        take_syn(t, flow, from, p);
    else if (flow->kind == FLOW_CONTROL)
        take_control(t, flow, from, p);
    else if (flow->kind == FLOW_NEW && p->len > 0)
        first_bytes(t, flow, from, p);
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

static void take_stream_udp(struct track *t, struct flow *flow, int from, const struct dissected *p)
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

static void first_datagram(struct track *t, struct flow *flow, int from, const struct dissected *p)
{
    int client;
    struct track_session *s = session_between(t, flow, &client);
    const struct params *params = s != NULL ? observer_params(s->observer) : NULL;

    flow->kind = FLOW_FOREIGN;
    if (s == NULL ||
        (params != NULL ? params_protocol(params) != PARAMS_UDP : !is_connect(p) && !is_reply(p)))
        return;
    flow->client = (int8_t)client;
    bool has_open = p->len == DATAGRAM_CONNECT_LEN;
    if (add_stream(t, s, flow, p, true, has_open) != NULL)
        take_stream_udp(t, flow, from, p);
}

void track_udp(struct track *t, const struct dissected *p)
{
    int from;

    if (t->n_live == 0)
        return; /* no session, no streams */
    advance(t, p);
    struct flow *flow = flow_table_get(&t->flows, p, true, &from);
    if (flow->kind == FLOW_STREAM)
        take_stream_udp(t, flow, from, p);
    else if (flow->kind == FLOW_NEW)
        first_datagram(t, flow, from, p);
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
        drop_control(t, flow, FLOW_NEW);
        return;
    }
    for (size_t i = 0; i < t->n_live; i++) {
        if (t->live[i] == flow->session) {
            finish_session(t, i); /* removes the flow */
            break;
        }
    }
    find_next_due(t);
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

void track_finish(struct track *t)
{
    for (size_t i = 0; i < t->n_live; i++)
        t->live[i]->due_ns = MAX(t->live[i]->due_ns, 1);
    finish_due(t, UINT64_MAX);
}

void track_free(struct track *t)
{
    for (struct flow *f = t->flows.oldest; f != NULL; f = f->newer)
        if (f->kind == FLOW_CONTROL)
            free_control(f->control);
    flow_table_fini(&t->flows);
    free(t);
}
