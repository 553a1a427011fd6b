/* witness.c - states, events and reactions, read off a session. */
#include "harness/session/witness.h"

#include "harness/session/place.h"
#include "harness/session/witness_core.h"
#include "impl/wire/state.h"

#include <string.h>

/* --- the messages around one ----------------------------------------------------------------- */

static const struct session_message *at(const struct witness_reader *r, size_t i)
{
    return &r->s->messages[i];
}

const struct session_message *witness_peek(const struct witness_reader *r, size_t i)
{
    return i < r->s->n ? at(r, i) : NULL;
}

bool witness_is_said(const struct session_message *m)
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
static bool is_second_half(const struct witness_reader *r, const struct session_message *m)
{
    return !r->s->we_serve && m->kind == SESSION_STATE && m->state == TEST_RUNNING;
}

size_t witness_next(const struct witness_reader *r, size_t i)
{
    for (i++; i < r->s->n; i++) {
        const struct session_message *m = at(r, i);
        if (session_is_of(m, r->who) && witness_is_said(m) &&
            !(m->from == SESSION_SUBJECT && is_second_half(r, m)))
            break;
    }
    return i;
}

static bool opens_stream(const struct witness_reader *r, size_t from, size_t to)
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

bool witness_is_death(const struct witness_reader *r, const struct session_message *reply)
{
    const struct session_message *end = r->s->messages + r->s->n;

    if (!r->end->has_crashed || !(witness_is_end(reply) || reply->kind == SESSION_RESET))
        return false;
    for (const struct session_message *m = reply; m < end; m++)
        if (m->from == SESSION_SUBJECT && m->stream == 0 && !witness_is_end(m) &&
            m->kind != SESSION_RESET)
            return false;
    return true;
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

/* The end of a client's test, which may have said 10 before it; NONE if it cannot be told. */
static enum table_reaction of_ended_client(const struct witness_reader *r, bool said_done)
{
    if (!r->end->is_known)
        return TABLE_NONE;
    if (r->end->status == 0)
        return TABLE_END_OK;
    return said_done ? TABLE_FAIL_DONE : TABLE_FAIL;
}

/* A reset overtakes the 10 that went before it. */
static enum table_reaction of_reset_client(const struct witness_reader *r,
                                           const struct table_cell *cell)
{
    unsigned with_done =
        r->end->status == 0 ? TABLE_ADVANCE | TABLE_OBEY : (unsigned)TABLE_FAIL_DONE;

    return cell->allowed & with_done ? TABLE_NONE : of_ended_client(r, false);
}

static enum table_reaction of_client(const struct witness_reader *r,
                                     const struct session_message *reply,
                                     const struct table_cell *cell)
{
    if (reply->kind == SESSION_RESET)
        return of_reset_client(r, cell);
    if (witness_is_end(reply))
        return of_ended_client(r, false);
    if (reply->kind == SESSION_STATE && reply->state == CLIENT_TERMINATE)
        return TABLE_TERMINATE;
    if (reply->kind == SESSION_STATE && reply->state == IPERF_DONE)
        return cell->allowed & (TABLE_ADVANCE | TABLE_OBEY) && r->end->status == 0
                   ? one_of(cell, TABLE_ADVANCE, TABLE_OBEY)
                   : of_ended_client(r, true);
    return one_of(cell, TABLE_ADVANCE, TABLE_OBEY);
}

enum table_reaction witness_reaction(const struct witness_reader *r,
                                     const struct session_message *reply,
                                     const struct table_cell *cell)
{
    if (witness_is_death(r, reply))
        return TABLE_CRASH;
    return r->s->we_serve ? of_client(r, reply, cell) : of_server(reply, cell);
}

/* A client that was asked for its parameters says them whatever we send meanwhile. */
static bool owes_params(const struct witness_reader *r, enum machine_state state, size_t i)
{
    while (i-- > 0)
        if (session_is_of(at(r, i), r->who) && at(r, i)->from == SESSION_SUBJECT &&
            at(r, i)->kind == SESSION_JSON)
            return false;
    return state == CLI_PARAM;
}

/* What answers our message `second`, the one behind message i: parameters that were owed don't. */
static const struct session_message *answer_to(const struct witness_reader *r,
                                               enum machine_state state, size_t i, size_t second)
{
    size_t k = witness_next(r, second);
    const struct session_message *m = witness_peek(r, k);

    if (m && m->kind == SESSION_JSON && owes_params(r, state, i))
        m = witness_peek(r, witness_next(r, k));
    return m && m->from == SESSION_SUBJECT ? m : NULL;
}

/* Our event at i was followed by one more of ours before the subject said anything. If it then
 * answered the second as if the first had not been, it has ignored the first; else it has answered
 * the first. 0e follows our results at once, and other things may: what can be an answer to those
 * is none to the results. */
static enum table_reaction if_overtaken(const struct witness_reader *r, enum machine_state state,
                                        size_t i, const struct table_cell *cell, int *ierr)
{
    size_t second = witness_next(r, i);
    bool is_text = at(r, i)->kind == SESSION_JSON;
    enum machine_state then = is_text ? session_moves(r->s, state, at(r, i)) : state;
    const struct session_message *answer = second < r->s->n ? answer_to(r, state, i, second) : NULL;
    unsigned event;

    if (!answer || !(cell->allowed & TABLE_IGNORE || is_text) ||
        !witness_event(r->s, second, then, answer, &event))
        return TABLE_NONE;
    const struct table_cell *its = table_cell(then, event);
    enum table_reaction reaction = witness_reaction(r, answer, its);
    if (reaction == TABLE_ADVANCE)
        return is_text ? TABLE_ADVANCE : TABLE_IGNORE;
    if (is_text && reaction & its->allowed)
        return TABLE_NONE;
    *ierr = answer->ierr;
    return witness_reaction(r, answer, cell);
}

/* A client answers 01, 02 and our results with nothing on the control connection, and 09 with its
 * parameters, which are told apart. */
static bool has_answer_of_its_own(const struct witness_reader *r, size_t i)
{
    enum machine_state state = session_place(r->s, r->who, i);
    unsigned event;

    return r->s->we_serve && state < MACHINE_OVER && witness_event(r->s, i, state, NULL, &event) &&
           (event == CEV_PARAM_EXCHANGE || event == CEV_TEST_START || event == CEV_TEST_RUNNING ||
            event == CEV_RESULTS || event == CEV_RESULTS_ODD) &&
           table_cell(state, event)->allowed == TABLE_ADVANCE;
}

/* Whether our message at i came right behind another of ours: an answer other than the proper one
 * may be one to that. */
static bool overtakes(const struct witness_reader *r, size_t i, enum table_reaction reaction)
{
    while (i-- > 0) {
        const struct session_message *m = at(r, i);
        if (strcmp(m->who, r->who) != 0)
            continue;
        if (m->from == SESSION_SUBJECT &&
            (witness_is_said(m) || m->stream != 0)) /* streams and data, too */
            return false;
        if (witness_is_said(m) && m->stream == 0 && !has_answer_of_its_own(r, i))
            return reaction != TABLE_ADVANCE;
    }
    return false;
}

/* Whether we said nothing behind message i, to whomever. */
static bool is_our_last_word(const struct witness_reader *r, size_t i)
{
    for (i++; i < r->s->n; i++)
        if (at(r, i)->from == SESSION_US && at(r, i)->stream == 0 && witness_is_said(at(r, i)))
            return false;
    return true;
}

/* Nothing came behind our event at i. What it does when the case is over and its connections are
 * closed is no answer. */
static enum table_reaction if_silent(const struct witness_reader *r, size_t i,
                                     const struct table_cell *cell)
{
    static const unsigned unseen = TABLE_IGNORE | TABLE_WAIT | TABLE_PART | TABLE_OBEY | TABLE_TAKE;
    const struct session_message *m = at(r, i);

    if (r->end->has_crashed)
        return TABLE_CRASH;
    /* Who has closed both halves sees no answer: the process tells the rest, or that the next
     * client is served. */
    if (m->kind == SESSION_CLOSE || m->kind == SESSION_RESET)
        return r->s->we_serve      ? of_ended_client(r, false)
               : r->end->serves_on ? one_of(cell, TABLE_CLOSE, TABLE_END_OK)
                                   : TABLE_NONE;
    return r->end->has_hung && !(cell->allowed & unseen) && !has_answer_of_its_own(r, i) &&
                   is_our_last_word(r, i)
               ? TABLE_HANG
               : TABLE_NONE;
}

/* --- one connection -------------------------------------------------------------------------- */

void witness_tell(const struct witness_reader *r, enum machine_state state, unsigned event,
                  enum table_reaction reaction, int ierr, size_t i)
{
    struct witness w = {state, event, reaction, ierr, i};

    if (reaction == TABLE_NONE || (reaction == TABLE_CRASH && *r->is_dead))
        return;
    *r->is_dead |= reaction == TABLE_CRASH;
    r->found(r->context, &w);
}

/* Whether a server has said that it is in that state: else what it says next is about getting
 * there, and no answer to what we send. */
static bool has_arrived(const struct witness_reader *r, enum machine_state state, size_t i)
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

bool witness_loses_stream(const struct witness_reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (at(r, i)->stream != 0 && at(r, i)->from == SESSION_US &&
            (witness_is_end(at(r, i)) || at(r, i)->kind == SESSION_RESET))
            return true;
    return false;
}

/* Our message at i is the first one behind `before` for so long that whoever does not wait would
 * have said so; the test goes on, or could. */
static void tell_wait(const struct witness_reader *r, enum machine_state state, size_t before,
                      size_t i, enum table_reaction reaction)
{
    unsigned silence = r->s->we_serve ? (unsigned)CEV_SILENCE : (unsigned)SEV_SILENCE;

    if (i == before || !witness_is_silence(r, before, i))
        return;
    if (!r->s->we_serve && witness_is_overdue(r, i))
        witness_tell(r, state, SEV_DURATION, TABLE_WAIT, 0, i);
    else if (reaction & (TABLE_ADVANCE | TABLE_END_OK))
        witness_tell(r, state, silence, TABLE_WAIT, 0, i);
}

/* Whether the connection that ends with message k was one of which nobody had heard yet: the next
 * attempt counts (CONN-5). */
static bool is_tried_again(const struct witness_reader *r, size_t k)
{
    const struct session_message *m = witness_peek(r, k);

    if (!m || !(witness_is_end(m) || m->kind == SESSION_RESET))
        return false;
    for (k++; k < r->s->n; k++)
        if (session_is_of(at(r, k), r->who))
            return at(r, k)->kind == SESSION_OPEN;
    return false;
}

static void read_ours(const struct witness_reader *r, enum machine_state state, size_t before,
                      size_t i)
{
    size_t k = witness_next(r, i);
    const struct session_message *behind = witness_peek(r, k);
    enum table_reaction reaction = TABLE_NONE;
    unsigned event;
    int ierr = 0;

    if (!has_arrived(r, state, i))
        return;
    if (behind && behind->kind == SESSION_JSON && owes_params(r, state, i))
        behind = witness_peek(r, k = witness_next(r, k));
    if (!witness_event(r->s, i, state, behind, &event))
        return;
    /* Our end behind fe is part of that event. */
    if (r->s->we_serve && (event == CEV_ERROR_BARE || event == CEV_ERROR_ONE) && behind &&
        behind->from == SESSION_US)
        behind = witness_peek(r, k = witness_next(r, k));
    if (witness_is_signalled(r, i, k) || (state == SRV_COOKIE && is_tried_again(r, k)))
        return;
    const struct table_cell *cell = table_cell(state, event);
    if (cell->allowed == TABLE_PART) { /* whatever came of the item */
        witness_tell(r, state, event, behind ? TABLE_PART : TABLE_NONE, 0, i);
        return;
    }
    if (r->s->we_serve && opens_stream(r, i, k))
        reaction = one_of(cell, TABLE_ADVANCE, TABLE_OBEY);
    else if (!behind)
        reaction = if_silent(r, i, cell);
    else if (behind->from == SESSION_US)
        reaction = if_overtaken(r, state, i, cell, &ierr);
    else if (!overtakes(r, i, witness_reaction(r, behind, cell)) &&
             !(r->s->we_serve && witness_loses_stream(r, i, k)))
        reaction = witness_reaction(r, behind, cell), ierr = behind->ierr;
    if (r->s->we_serve && (event == CEV_TEST_START || event == CEV_TEST_RUNNING) &&
        cell->allowed == TABLE_ADVANCE && reaction & (TABLE_FAIL | TABLE_FAIL_DONE | TABLE_END_OK))
        reaction = TABLE_NONE; /* it has gone on, and ended for a reason of its own */
    if (cell->allowed & TABLE_PART && reaction == TABLE_FAIL_DONE) /* as of results that end */
        reaction = TABLE_PART;
    if (r->s->we_serve && event == CEV_CREATE_STREAMS && state == CLI_PARAM && behind &&
        reaction & (TABLE_FAIL | TABLE_FAIL_DONE)) /* it has obeyed, and could not */
        witness_tell(r, CLI_CREATE, witness_lost_streams(r, i, k), reaction, ierr, i);
    else
        witness_tell(r, state, event, reaction, ierr, i);
    tell_wait(r, state, before, i, reaction);
}

/* The case waited in vain, and the last word on the connection was message `before`. */
static void tell_hang(const struct witness_reader *r, enum machine_state state, size_t before)
{
    const struct session_message *last = at(r, before);
    unsigned silence = r->s->we_serve ? (unsigned)CEV_SILENCE : (unsigned)SEV_SILENCE, event;
    bool is_ours = last->from == SESSION_US;

    if (state == CLI_RUN && witness_is_test_over(r))
        witness_tell(r, state, CEV_TEST_OVER, TABLE_HANG, 0, before);
    else if (witness_is_end(last) || last->kind == SESSION_RESET ||
             r->end->over_ns < last->at_ns + WITNESS_SILENCE_NS)
        return;
    else if (!is_ours || has_answer_of_its_own(r, before) ||
             !witness_event(r->s, before, state, NULL, &event))
        witness_tell(r, state, silence, TABLE_WAIT, 0, before);
}

static void read_connection(const struct witness_reader *r)
{
    enum machine_state state = r->s->we_serve ? CLI_START : SRV_COOKIE;
    size_t before = 0;

    for (size_t i = 0; i < r->s->n && state < MACHINE_OVER; i++) {
        const struct session_message *m = at(r, i);
        if (!session_is_of(m, r->who))
            continue;
        if (witness_is_said(m) && m->from == SESSION_US)
            read_ours(r, state, before, i);
        else if (witness_is_said(m) && !is_second_half(r, m))
            witness_own(r, state, before, i);
        state = session_moves(r->s, state, m);
        before = witness_is_said(m) ? i : before;
    }
    if (r->end->has_hung && state < MACHINE_OVER && r->s->n > 0)
        tell_hang(r, state, before);
}

/* --- all ------------------------------------------------------------------------------------- */

/* Whether message i is the first of its connection that says something. */
static bool begins(const struct session *s, size_t i)
{
    const char *who = s->messages[i].who;

    if (s->messages[i].stream != 0 || !witness_is_said(&s->messages[i]))
        return false;
    while (i-- > 0)
        if (session_is_of(&s->messages[i], who) && witness_is_said(&s->messages[i]))
            return false;
    return true;
}

/* Whether the connection that begins with message i is a third party's: no client by its own
 * account, or not taken for one beside the first. */
static bool is_party(const struct session *s, size_t i, bool is_first)
{
    const char *who = s->messages[i].who;

    for (size_t k = 0; k < s->n; k++) {
        const struct session_message *m = &s->messages[k];
        if (!session_is_of(m, who))
            continue;
        if (m->kind == SESSION_OPEN && m->transport != SESSION_CONTROL)
            return true;
        if (m->from == SESSION_SUBJECT && m->kind == SESSION_STATE)
            return m->state == ACCESS_DENIED && !is_first;
    }
    return false;
}

/* The control connection that was opened first; of a session that does not say, who speaks first.
 */
static const char *first_of(const struct session *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->messages[i].kind == SESSION_OPEN && s->messages[i].transport == SESSION_CONTROL)
            return s->messages[i].who;
    for (size_t i = 0; i < s->n; i++)
        if (begins(s, i))
            return s->messages[i].who;
    return "";
}

void witness_read(const struct session *s, const struct witness_end *end,
                  void (*found)(void *context, const struct witness *w), void *context)
{
    const char *first = first_of(s);
    bool is_dead = false;
    struct witness_reader r = {s, end, &is_dead, first, found, context};

    for (size_t i = 0; i < s->n; i++) {
        r.who = s->messages[i].who;
        if (begins(s, i) && !session_is_probe(&s->messages[i]) &&
            !is_party(s, i, strcmp(r.who, first) == 0))
            read_connection(&r);
    }
    r.who = first;
    witness_others(&r);
}
