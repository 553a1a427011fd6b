/* track_session.c - one session: which packet brought what, its messages, its end. */
#include "harness/capture/track_core.h"

#include "harness/capture/tally.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What a client had received by then; not where its TEST_END waited for what was captured late. */
static void note_confirmed(struct track_session *s, bool is_late)
{
    for (size_t i = 0; i < s->n_streams && !is_late; i++)
        if (!s->streams[i]->is_udp)
            s->streams[i]->confirmed_at_end = s->streams[i]->tcp[OBSERVER_SERVER].confirmed;
}

/* IPERF_DONE answers DISPLAY_RESULTS; a server that has ended the session may hear it as well. */
static void note_done(struct track_session *s)
{
    int8_t server = s->last_state[OBSERVER_SERVER];

    s->has_left = !s->is_over[OBSERVER_SERVER] && server != DISPLAY_RESULTS &&
                  server != SERVER_ERROR && server != SERVER_TERMINATE && server != ACCESS_DENIED;
    s->left_in = server;
}

static void note_state(struct track_session *s, const struct observer_message *m, uint64_t number)
{
    s->last_state[m->from] = m->state;
    if (m->from == OBSERVER_CLIENT && m->state == IPERF_DONE)
        note_done(s);
    if (m->from == OBSERVER_SERVER && m->state == TEST_START && s->start_ns == 0)
        s->start_ns = m->at_ns;
    if (m->from == OBSERVER_SERVER && m->state == TEST_RUNNING && s->running_ns == 0)
        s->running_ns = m->at_ns;
    if (m->from == OBSERVER_CLIENT && m->state == TEST_END && s->end_ns == 0) {
        s->end_ns = m->at_ns;
        s->end_number = number;
        note_confirmed(s, number != s->control->track->number);
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
    track_tell(c->track, s,
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

    remark_escape(v.expected, sizeof v.expected, violation->expected, strlen(violation->expected));
    remark_escape(v.found, sizeof v.found, violation->found, strlen(violation->found));
    track_add_violation(c->track, c->session, &v);
}

/* --- sessions --------------------------------------------------------------------------------- */

bool track_is_live(const struct track_session *s)
{
    return s->due_ns == 0;
}

static void close_stream(struct track *t, struct track_stream *stream)
{
    if (stream->flow != NULL)
        flow_table_remove(&t->flows, stream->flow);
    t->n_streams--;
    free(stream);
}

void track_control_free(struct control *c)
{
    channel_free(c->channel);
    free(c);
}

static void free_session(struct track *t, struct track_session *s)
{
    track_text_forget(t, s);
    for (size_t i = 0; i < s->n_streams; i++)
        close_stream(t, s->streams[i]);
    for (size_t i = 0; i < s->n_notes; i++)
        text_fini(&s->notes[i]);
    free(s->index[0]);
    free(s->index[1]);
    loose_fini(&s->loose[0]);
    loose_fini(&s->loose[1]);
    observer_free(s->observer);
    if (s->control->flow != NULL)
        flow_table_remove(&t->flows, s->control->flow);
    track_control_free(s->control);
    free(s);
}

void track_session_finish(struct track *t, size_t i)
{
    struct track_session *s = t->live[i];

    channel_finish(s->control->channel);
    s->n_repeated = channel_n_repeated(s->control->channel);
    s->n_late = channel_n_late(s->control->channel);
    observer_finish(s->observer);
    if (!s->is_over[0] && !s->is_over[1])
        track_note(t, s, "the session was not over when the capture ended");
    tally_judge(t, s);
    t->user.done(t->user.context, s);
    t->live[i] = t->live[--t->n_live];
    free_session(t, s);
}

void track_find_due(struct track *t)
{
    t->next_due_ns = UINT64_MAX;
    for (size_t i = 0; i < t->n_live; i++)
        if (t->live[i]->due_ns != 0)
            t->next_due_ns = MIN(t->next_due_ns, t->live[i]->due_ns);
}

/* The one that began first of those with least n_left. */
void track_finish_due(struct track *t, uint64_t now_ns)
{
    for (bool again = true; again;) {
        size_t best = t->n_live;
        for (size_t i = 0; i < t->n_live; i++)
            if (t->live[i]->due_ns != 0 && t->live[i]->due_ns <= now_ns &&
                (best == t->n_live || t->live[i]->number < t->live[best]->number))
                best = i;
        again = best < t->n_live;
        if (again)
            track_session_finish(t, best);
    }
    track_find_due(t);
}

static void make_room(struct track *t)
{
    size_t oldest = 0;

    if (t->n_live < LIVE_MAX)
        return;
    for (size_t i = 1; i < t->n_live; i++)
        if (t->live[i]->number < t->live[oldest]->number)
            oldest = i;
    track_session_finish(t, oldest);
}

struct track_end track_end_of(const struct flow *flow, int end)
{
    struct track_end e = {.port = flow->key.port[end]};

    memcpy(e.address, flow->key.address[end], sizeof e.address);
    return e;
}

void track_feed(struct control *c, enum observer_side side, struct channel_origin origin,
                struct bytes bytes)
{
    struct track_session *s = c->session;

    if (!track_text_fits(c->track, s, side, bytes)) {
        s->unkept_bytes += bytes.len;
        track_feed_gap(c, side, origin, bytes.len);
        track_text_count(c->track, s, side, 0);
        return;
    }
    uint64_t offset = s->offset[side];
    remember(s, side, origin, bytes.len);
    if (observer_is_blind(s->observer, side))
        loose_read(&s->loose[side], origin.at_ns, offset, bytes, on_message, c);
    else if (observer_bytes(s->observer, side, origin.at_ns, bytes) == SPEC_E_NOMEM) {
        fputs("iperfspec: out of memory\n", stderr);
        exit(3);
    }
    track_text_count(c->track, s, side, bytes.len);
}

void track_feed_gap(struct control *c, enum observer_side side, struct channel_origin origin,
                    uint64_t len)
{
    struct track_session *s = c->session;

    remember(s, side, origin, len);
    s->n_gaps++;
    s->gap_bytes += len;
    track_tell(c->track, s,
               &(struct track_event){.kind = TRACK_GAP,
                                     .at_ns = origin.at_ns,
                                     .number = origin.number,
                                     .from = side,
                                     .len = len});
    s->hole_at[side] = s->offset[side]; /* behind it */
    loose_gap(&s->loose[side]);
    observer_gap(s->observer, side, origin.at_ns, len);
}

void track_feed_end(struct control *c, enum observer_side side, struct channel_origin origin,
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
    track_find_due(c->track);
}

static void feed_cookie(struct control *c)
{
    struct channel_origin origin = c->cookie_origin;
    struct bytes cookie = {c->cookie, c->n_cookie};

    if (c->gap_len == 0) {
        track_feed(c, OBSERVER_CLIENT, origin, cookie);
        return;
    }
    if (c->gap_at > 0)
        track_feed(c, OBSERVER_CLIENT, origin, (struct bytes){cookie.at, c->gap_at});
    track_feed_gap(c, OBSERVER_CLIENT, origin, c->gap_len);
    size_t behind = c->gap_at + c->gap_len;
    if (behind < cookie.len)
        track_feed(c, OBSERVER_CLIENT, origin,
                   (struct bytes){cookie.at + behind, cookie.len - behind});
}

/* Its first bytes were not captured: all that follows is shown, and not judged. */
static void begin_late(struct control *c)
{
    struct track_session *s = c->session;

    observer_gap(s->observer, OBSERVER_CLIENT, s->first_ns, COOKIE_LEN + 1);
    observer_gap(s->observer, OBSERVER_SERVER, s->first_ns, 1);
    s->is_late = true;
    s->order_is_sure = false;
    track_note(c->track, s, "the session began before the capture");
}

void track_session_begin(struct control *c)
{
    static const uint8_t denial = 0xff;
    struct track *t = c->track;
    struct track_session *s = text_realloc(NULL, sizeof *s);

    make_room(t);
    memset(s, 0, sizeof *s);
    s->number = ++t->n_sessions;
    s->client = track_end_of(c->flow, c->flow->client);
    s->server = track_end_of(c->flow, !c->flow->client);
    s->has_cookie = c->n_cookie == COOKIE_LEN && c->gap_len == 0;
    memcpy(s->cookie, c->cookie, sizeof s->cookie);
    struct channel_origin first = c->is_denied ? c->denied_origin : c->cookie_origin;
    s->first_ns = s->last_ns = first.at_ns ? first.at_ns : t->now_ns;
    s->first_number = first.number ? first.number : t->number;
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
    loose_init(&s->loose[OBSERVER_CLIENT], OBSERVER_CLIENT);
    loose_init(&s->loose[OBSERVER_SERVER], OBSERVER_SERVER);
    c->session = s;
    c->flow->session = s;
    track_control_decided(c);
    t->live[t->n_live++] = s;
    s->odd_clock_number = s->first_ns == 0 ? s->first_number : 0;
    track_tell(t, s,
               &(struct track_event){
                   .kind = TRACK_BEGIN, .at_ns = s->first_ns, .number = s->first_number});
    if (c->is_late) {
        begin_late(c);
        return;
    }
    if (c->is_denied)
        track_feed(c, OBSERVER_SERVER, c->denied_origin, (struct bytes){&denial, 1});
    if (c->has_denied_end)
        track_feed_end(c, OBSERVER_SERVER, c->denied_origin, c->denied_is_reset);
    feed_cookie(c);
    /* Where the server's bytes begin was learnt from a packet behind the cookie's: it may have said
     * something before. */
    if (c->gap_len > 0 && !c->knows_server_start)
        track_feed_gap(c, OBSERVER_SERVER, c->cookie_origin, 1);
}
