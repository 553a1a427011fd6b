/* witness.c - states, events and reactions, read off a session. */
#include "harness/session/witness.h"

#include "harness/session/place.h"
#include "harness/session/witness_core.h"
#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <string.h>

#define SILENCE_NS 5000000000u /* nobody waits that long for anything but a time-out */

struct reader {
    const struct session *s;
    const struct witness_end *end;
    const char *who; /* the control connection that is read */
    void (*found)(void *context, const struct witness *w);
    void *context;
};

/* --- the messages around one ----------------------------------------------------------------- */

static const struct session_message *at(const struct reader *r, size_t i)
{
    return &r->s->messages[i];
}

/* NULL: there is none. */
static const struct session_message *peek(const struct reader *r, size_t i)
{
    return i < r->s->n ? at(r, i) : NULL;
}

static bool is_said(const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_COOKIE:
    case SESSION_STATE:
    case SESSION_ERROR:
    case SESSION_JSON:
    case SESSION_BYTES:
    case SESSION_END:
    case SESSION_CLOSE:
    case SESSION_RESET:
        return true;
    default:
        return false;
    }
}

/* 02 travels behind 01, without waiting for anybody: no reaction to what we sent in between. */
static bool is_second_half(const struct reader *r, const struct session_message *m)
{
    return !r->s->we_serve && m->kind == SESSION_STATE && m->state == TEST_RUNNING;
}

/* What comes behind message i on the control connection; s->n: nothing. */
static size_t next(const struct reader *r, size_t i)
{
    for (i++; i < r->s->n; i++) {
        const struct session_message *m = at(r, i);
        if (session_is_of(m, r->who) && is_said(m) &&
            !(m->from == SESSION_SUBJECT && is_second_half(r, m)))
            break;
    }
    return i;
}

static bool opens_stream(const struct reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (at(r, i)->kind == SESSION_STREAM && strcmp(at(r, i)->who, r->who) == 0)
            return true;
    return false;
}

/* --- reactions ------------------------------------------------------------------------------- */

static enum table_reaction one_of(const struct table_cell *cell, enum table_reaction first,
                                  enum table_reaction second)
{
    return cell->allowed & first || !(cell->allowed & second) ? first : second;
}

static enum table_reaction of_server(const struct session_message *reply,
                                     const struct table_cell *cell)
{
    if (reply->kind == SESSION_ERROR)
        return reply->n_ints == 2 ? TABLE_ERROR : TABLE_ERROR_ONE;
    if (witness_is_end(reply) || reply->kind == SESSION_RESET)
        return one_of(cell, TABLE_CLOSE, TABLE_END_OK);
    if (reply->kind == SESSION_STATE && reply->state == ACCESS_DENIED)
        return TABLE_DENY;
    if (reply->kind == SESSION_STATE && reply->state == SERVER_TERMINATE)
        return TABLE_TERMINATE;
    return one_of(cell, TABLE_ADVANCE, TABLE_OBEY);
}

/* The end of a client's test; NONE if it cannot be told. */
static enum table_reaction of_ended_client(const struct reader *r, bool said_done)
{
    if (r->end->has_crashed)
        return TABLE_CRASH;
    if (!r->end->is_known)
        return TABLE_NONE;
    if (r->end->status == 0)
        return TABLE_END_OK;
    return said_done ? TABLE_FAIL_DONE : TABLE_FAIL;
}

static enum table_reaction of_client(const struct reader *r, const struct session_message *reply,
                                     const struct table_cell *cell)
{
    if (witness_is_end(reply) || reply->kind == SESSION_RESET)
        return of_ended_client(r, false);
    if (reply->kind == SESSION_STATE && reply->state == CLIENT_TERMINATE)
        return TABLE_TERMINATE;
    if (reply->kind == SESSION_STATE && reply->state == IPERF_DONE)
        return cell->allowed & (TABLE_ADVANCE | TABLE_OBEY) && r->end->status == 0
                   ? one_of(cell, TABLE_ADVANCE, TABLE_OBEY)
                   : of_ended_client(r, true);
    return one_of(cell, TABLE_ADVANCE, TABLE_OBEY);
}

static enum table_reaction of(const struct reader *r, const struct session_message *reply,
                              const struct table_cell *cell)
{
    return r->s->we_serve ? of_client(r, reply, cell) : of_server(reply, cell);
}

/* Our event at i was followed by one more of ours before the subject said anything. If it then
 * answered the second as if the first had not been, it has ignored the first; else it has answered
 * the first. */
static enum table_reaction if_overtaken(const struct reader *r, enum machine_state state, size_t i,
                                        const struct table_cell *cell, int *ierr)
{
    size_t second = next(r, i), reply = next(r, second);
    const struct session_message *m = peek(r, second), *answer = peek(r, reply);
    bool is_text = at(r, i)->kind == SESSION_JSON; /* 0e follows our results at once */
    unsigned event;

    if (!m || !answer || answer->from != SESSION_SUBJECT ||
        !(cell->allowed & TABLE_IGNORE || is_text) ||
        !witness_event(r->s, second, state, answer, &event))
        return TABLE_NONE;
    if (of(r, answer, table_cell(state, event)) == TABLE_ADVANCE)
        return is_text ? TABLE_ADVANCE : TABLE_IGNORE;
    *ierr = answer->ierr;
    return of(r, answer, cell);
}

/* A client answers 01, 02 and our results with nothing on the control connection, and 09 with its
 * parameters, which are told apart. */
static bool has_answer_of_its_own(const struct reader *r, size_t i)
{
    enum machine_state state = session_place(r->s, r->who, i);
    unsigned event;

    return r->s->we_serve && state < MACHINE_OVER && witness_event(r->s, i, state, NULL, &event) &&
           (event == CEV_PARAM_EXCHANGE || event == CEV_TEST_START || event == CEV_TEST_RUNNING ||
            event == CEV_RESULTS) &&
           table_cell(state, event)->allowed == TABLE_ADVANCE;
}

/* Whether our message at i came right behind another of ours: an answer other than the proper one
 * may be one to that. */
static bool overtakes(const struct reader *r, size_t i, enum table_reaction reaction)
{
    while (i-- > 0) {
        const struct session_message *m = at(r, i);
        if (strcmp(m->who, r->who) != 0)
            continue;
        if (m->from == SESSION_SUBJECT &&
            (is_said(m) || m->stream != 0)) /* streams and data, too */
            return false;
        if (is_said(m) && m->stream == 0 && !has_answer_of_its_own(r, i))
            return reaction != TABLE_ADVANCE;
    }
    return false;
}

/* Nothing came behind our event at i. */
static enum table_reaction if_silent(const struct reader *r, size_t i,
                                     const struct table_cell *cell)
{
    const struct session_message *m = at(r, i);

    if (r->end->has_crashed)
        return TABLE_CRASH;
    if (r->s->we_serve) /* a client that we closed upon, or that left without a word */
        return of_ended_client(r, false);
    /* Who has closed both halves sees no answer; that the next client is served tells the rest. */
    if ((m->kind == SESSION_CLOSE || m->kind == SESSION_RESET) && r->end->serves_on)
        return one_of(cell, TABLE_CLOSE, TABLE_END_OK);
    return TABLE_NONE;
}

/* --- one connection -------------------------------------------------------------------------- */

static void tell(const struct reader *r, enum machine_state state, unsigned event,
                 enum table_reaction reaction, int ierr, size_t i)
{
    struct witness w = {state, event, reaction, ierr, i};

    if (reaction != TABLE_NONE)
        r->found(r->context, &w);
}

static bool was_signalled(const struct reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (at(r, i)->kind == SESSION_NOTE)
            return true;
    return false;
}

/* A client that was asked for its parameters says them whatever we send meanwhile. */
static bool owes_params(const struct reader *r, enum machine_state state, size_t i)
{
    while (i-- > 0)
        if (session_is_of(at(r, i), r->who) && at(r, i)->from == SESSION_SUBJECT &&
            at(r, i)->kind == SESSION_JSON)
            return false;
    return state == CLI_PARAM;
}

/* Whether a server has said that it is in that state: else what it says next is about getting
 * there, and no answer to what we send. */
static bool has_arrived(const struct reader *r, enum machine_state state, size_t i)
{
    static const int8_t said[] = {[SRV_PARAMS] = PARAM_EXCHANGE,
                                  [SRV_CREATE] = CREATE_STREAMS,
                                  [SRV_RUN] = TEST_START,
                                  [SRV_RESULTS] = EXCHANGE_RESULTS,
                                  [SRV_DISPLAY] = DISPLAY_RESULTS};

    if (r->s->we_serve || state == SRV_COOKIE)
        return true;
    while (i-- > 0)
        if (session_is_of(at(r, i), r->who) && at(r, i)->from == SESSION_SUBJECT &&
            at(r, i)->kind == SESSION_STATE && at(r, i)->state == said[state])
            return true;
    return false;
}

static void read_ours(const struct reader *r, enum machine_state state, size_t i)
{
    size_t k = next(r, i);
    const struct session_message *behind = peek(r, k);
    enum table_reaction reaction = TABLE_NONE;
    unsigned event;
    int ierr = 0;

    if (!has_arrived(r, state, i))
        return;
    if (behind && behind->kind == SESSION_JSON && owes_params(r, state, i))
        behind = peek(r, k = next(r, k));
    if (!witness_event(r->s, i, state, behind, &event))
        return;
    /* Our end behind fe is part of that event. */
    if (r->s->we_serve && event == CEV_ERROR_BARE && behind)
        behind = peek(r, k = next(r, k));
    if (was_signalled(r, i, k))
        return;
    const struct table_cell *cell = table_cell(state, event);
    if (cell->allowed == TABLE_PART) { /* whatever came of the item */
        tell(r, state, event, behind ? TABLE_PART : TABLE_NONE, 0, i);
        return;
    }
    if (r->s->we_serve && opens_stream(r, i, k))
        reaction = one_of(cell, TABLE_ADVANCE, TABLE_OBEY);
    else if (!behind)
        reaction = if_silent(r, i, cell);
    else if (behind->from == SESSION_US)
        reaction = if_overtaken(r, state, i, cell, &ierr);
    else if (!overtakes(r, i, of(r, behind, cell)))
        reaction = of(r, behind, cell), ierr = behind->ierr;
    tell(r, state, event, reaction, ierr, i);
}

/* The subject's message at i, which comes to `before` of its own, nothing of ours being in between:
 * what happened to it is no message. */
static void read_theirs(const struct reader *r, enum machine_state state, size_t before, size_t i)
{
    const struct session_message *m = at(r, i), *last = at(r, before);
    bool client = r->s->we_serve;
    unsigned event = client ? (unsigned)CEV_SILENCE : (unsigned)SEV_SILENCE;
    bool waited = i > 0 && m->at_ns - at(r, i - 1)->at_ns >= SILENCE_NS;

    if (was_signalled(r, before, i) && !(m->kind == SESSION_STATE && m->state == TEST_END))
        event = client ? (unsigned)CEV_SIGNAL : (unsigned)SEV_SIGNAL;
    else if (m->kind == SESSION_STATE && m->state == (client ? TEST_END : TEST_START))
        event = client ? (unsigned)CEV_TEST_OVER : (unsigned)SEV_STREAMS_UP;
    else if (!waited || (last->from == SESSION_SUBJECT && last->kind == SESSION_ERROR))
        return;
    else if (state == (client ? CLI_RUN : SRV_RUN)) /* TMO-4, TMO-5; else TMO-8 */
        event = client                                           ? (unsigned)CEV_NO_DATA
                : m->kind == SESSION_ERROR && m->ierr == IENOMSG ? (unsigned)SEV_NO_DATA
                                                                 : (unsigned)SEV_DURATION;
    tell(r, state, event, of(r, m, table_cell(state, event)), m->ierr, i);
}

static void read_connection(const struct reader *r)
{
    enum machine_state state = r->s->we_serve ? CLI_START : SRV_COOKIE;
    size_t before = 0;

    for (size_t i = 0; i < r->s->n && state < MACHINE_OVER; i++) {
        const struct session_message *m = at(r, i);
        if (!session_is_of(m, r->who))
            continue;
        if (is_said(m) && m->from == SESSION_US)
            read_ours(r, state, i);
        else if (is_said(m) && !is_second_half(r, m))
            read_theirs(r, state, before, i);
        state = session_moves(r->s, state, m);
        before = is_said(m) ? i : before;
    }
}

/* --- streams and third parties --------------------------------------------------------------- */

/* Whether the test on the first connection goes on behind message i. */
static bool goes_on(const struct reader *r, size_t i)
{
    const struct session_message *m;

    for (size_t k = next(r, i); (m = peek(r, k)); k = next(r, k))
        if (m->from == SESSION_SUBJECT)
            return m->kind == SESSION_STATE && m->state != SERVER_TERMINATE &&
                   m->state != ACCESS_DENIED;
    return false;
}

/* Another connection's end without a word. */
static bool is_mute(const struct session *s, const struct session_message *end)
{
    for (const struct session_message *m = s->messages; m < end; m++)
        if (strcmp(m->who, end->who) == 0 && is_said(m))
            return false;
    return true;
}

/* We ended or reset a stream: the test goes on, or the subject ends it. */
static void read_lost_stream(const struct reader *r, enum machine_state state, size_t i)
{
    bool was_reset = at(r, i)->kind == SESSION_RESET;
    unsigned event = r->s->we_serve ? (unsigned)CEV_STREAM_LOST
                     : was_reset    ? (unsigned)SEV_STREAM_RESET
                                    : (unsigned)SEV_STREAM_EOF;
    const struct session_message *reply = peek(r, next(r, i));

    if (goes_on(r, i))
        tell(r, state, event, TABLE_IGNORE, 0, i);
    else if (reply && reply->from == SESSION_SUBJECT)
        tell(r, state, event, of(r, reply, table_cell(state, event)), reply->ierr, i);
}

static void read_others(const struct reader *r)
{
    for (size_t i = 0; i < r->s->n; i++) {
        const struct session_message *m = at(r, i);
        bool ours = m->from == SESSION_US, same = strcmp(m->who, r->who) == 0;
        enum machine_state state = session_place(r->s, r->who, i);
        if (state >= MACHINE_OVER)
            break;
        if (same && m->stream == 0)
            continue;
        bool went_on = goes_on(r, i);
        if (ours && same && (witness_is_end(m) || m->kind == SESSION_RESET))
            read_lost_stream(r, state, i);
        else if (r->s->we_serve)
            continue;
        else if (ours && same && m->kind == SESSION_STREAM && state == SRV_CREATE && went_on)
            tell(r, state, SEV_CONN_COOKIE, TABLE_TAKE, 0, i);
        else if (!ours && !same && m->kind == SESSION_STATE && m->state == ACCESS_DENIED)
            tell(r, state, SEV_CONN_OTHER, TABLE_DENY, 0, i);
        else if (ours && !same && went_on && m->kind == SESSION_RESET && is_mute(r->s, m))
            tell(r, state, SEV_CONN_RESET, TABLE_IGNORE, 0, i);
        else if (ours && !same && went_on && witness_is_end(m) && is_mute(r->s, m))
            tell(r, state, SEV_CONN_SILENT, TABLE_IGNORE, 0, i);
    }
}

/* --- all ------------------------------------------------------------------------------------- */

/* Whether message i is the first of its control connection that says something. */
static bool begins(const struct session *s, size_t i)
{
    const char *who = s->messages[i].who;

    if (s->messages[i].stream != 0 || !is_said(&s->messages[i]))
        return false;
    while (i-- > 0)
        if (session_is_of(&s->messages[i], who) && is_said(&s->messages[i]))
            return false;
    return true;
}

void witness_read(const struct session *s, const struct witness_end *end,
                  void (*found)(void *context, const struct witness *w), void *context)
{
    struct reader r = {s, end, "", found, context};
    bool is_first = true;

    for (size_t i = 0; i < s->n; i++)
        if (begins(s, i)) {
            r.who = s->messages[i].who;
            read_connection(&r);
            if (is_first)
                read_others(&r);
            is_first = false;
        }
}
