/* witness_others.c - what a session shows of streams that end and of third parties.
 *
 * Their reaction is on another connection, or none at all, so each is told only where the order of
 * the messages leaves no doubt in which state of the test it came. */
#include "harness/session/place.h"
#include "harness/session/witness_core.h"
#include "impl/wire/state.h"

#include <string.h>

static const struct session_message *at(const struct witness_reader *r, size_t i)
{
    return &r->s->messages[i];
}

static bool is_state(const struct session_message *m, int8_t state)
{
    return m && m->kind == SESSION_STATE && m->state == state;
}

/* Whether the test on the first connection goes on behind message i. */
static bool goes_on(const struct witness_reader *r, size_t i)
{
    const struct session_message *m = NULL;
    bool is_done = false;
    size_t k = i;

    while ((m = witness_peek(r, k = witness_next(r, k))) && m->from == SESSION_US)
        is_done |= is_state(m, IPERF_DONE);
    if (!m)
        return false;
    if (is_state(m, IPERF_DONE)) /* a client says it when it fails, too (CLOSE-9) */
        return session_place(r->s, r->who, k) >= MACHINE_OVER;
    if (m->kind == SESSION_STATE)
        return m->state > 0 && m->state != SERVER_TERMINATE && m->state != CLIENT_TERMINATE;
    return m->kind == SESSION_JSON || (is_done && witness_is_end(m));
}

/* How the subject ends the test right behind message i, before any message of ours: NULL, it does
 * not. */
static const struct session_message *ends_test(const struct witness_reader *r, size_t i)
{
    size_t k = witness_next(r, i);
    const struct session_message *m = witness_peek(r, k);
    bool is_over = session_place(r->s, r->who, k) >= MACHINE_OVER;

    if (!m || m->from != SESSION_SUBJECT || m->kind == SESSION_JSON ||
        (m->kind == SESSION_STATE && (!is_state(m, IPERF_DONE) || is_over)))
        return NULL;
    return m;
}

static void tell_ignored(const struct witness_reader *r, enum machine_state state, unsigned event,
                         size_t i)
{
    const struct session_message *reply = ends_test(r, i);

    if (goes_on(r, i))
        witness_tell(r, state, event, TABLE_IGNORE, 0, i);
    else if (reply)
        witness_tell(r, state, event, witness_reaction(r, reply, table_cell(state, event)),
                     reply->ierr, i);
}

/* --- streams --------------------------------------------------------------------------------- */

/* What stock servers do with a stream that they do not want: ff, and the end (ST-CLI-19). */
static bool is_refusal(const struct witness_reader *r, size_t i)
{
    const struct session_message *lost = at(r, i), *first = NULL;

    for (size_t k = 0; k < i; k++)
        if (at(r, k)->stream == lost->stream && at(r, k)->kind == SESSION_DATA &&
            at(r, k)->from == SESSION_US && strcmp(at(r, k)->who, lost->who) == 0) {
            if (first)
                return false;
            first = at(r, k);
        }
    return first && first->body.len == 1 && first->body.at[0] == (uint8_t)ACCESS_DENIED;
}

static bool is_udp(const struct witness_reader *r)
{
    struct params params;

    if (!witness_params(r, r->s->n, &params))
        return false;
    bool udp = params.udp;
    params_fini(&params);
    return udp;
}

static const struct session_message *cookie_of(const struct witness_reader *r)
{
    for (size_t i = 0; i < r->s->n; i++)
        if (at(r, i)->kind == SESSION_COOKIE && session_is_of(at(r, i), r->who))
            return at(r, i);
    return NULL;
}

/* Whether a stream was opened by message i with another cookie than the test's, or with less of it:
 * to a server it is none. Cookies are compared as it does that (STR-11). */
static bool is_alien(const struct witness_reader *r, size_t i)
{
    const struct session_message *m = at(r, i), *cookie = cookie_of(r);

    if (r->s->we_serve || m->kind != SESSION_STREAM || !m->says_own || is_udp(r) || !cookie ||
        cookie->body.len != COOKIE_LEN)
        return false;
    return m->body.len < COOKIE_LEN ||
           strncmp((const char *)m->body.at, (const char *)cookie->body.at, COOKIE_LEN) != 0;
}

static bool is_of_stream(const struct session_message *m, const struct session_message *other)
{
    return m->stream == other->stream && strcmp(m->who, other->who) == 0;
}

/* Whether what we end with message i never was a stream. */
static bool was_alien(const struct witness_reader *r, size_t i)
{
    for (size_t k = i; k-- > 0;)
        if (is_of_stream(at(r, k), at(r, i)) && at(r, k)->kind == SESSION_STREAM)
            return is_alien(r, k);
    return false;
}

/* It has met a server that awaits streams: denied, or taken for the end of the test. */
static void read_alien(const struct witness_reader *r, size_t i)
{
    enum machine_state state = session_place(r->s, r->who, i);
    const struct session_message *reply = ends_test(r, i);

    if (reply) {
        witness_tell(r, state, SEV_CONN_OTHER,
                     witness_reaction(r, reply, table_cell(state, SEV_CONN_OTHER)), reply->ierr, i);
        return;
    }
    for (size_t k = i + 1; k < r->s->n; k++)
        if (is_of_stream(at(r, k), at(r, i)) && at(r, k)->from == SESSION_SUBJECT) {
            witness_tell(r, state, SEV_CONN_OTHER, TABLE_DENY, 0, i);
            return;
        }
}

/* We ended or reset a stream: the test goes on, or the subject ends it. */
static void read_lost_stream(const struct witness_reader *r, size_t i)
{
    bool was_reset = at(r, i)->kind == SESSION_RESET;

    if (was_alien(r, i))
        return;
    tell_ignored(r, session_place(r->s, r->who, i),
                 !r->s->we_serve ? was_reset ? (unsigned)SEV_STREAM_RESET : (unsigned)SEV_STREAM_EOF
                 : is_refusal(r, i) ? (unsigned)CEV_STREAM_REFUSED
                                    : (unsigned)CEV_STREAM_LOST,
                 i);
}

/* --- third parties --------------------------------------------------------------------------- */

/* Whether the connection of `other` says the cookie of the first one, whose own comes later if the
 * other was quicker. */
static bool has_the_cookie(const struct witness_reader *r, const struct session_message *other)
{
    for (size_t k = 0; k < r->s->n; k++) {
        const struct session_message *m = at(r, k);
        if (m->kind == SESSION_COOKIE && session_is_of(m, r->who))
            return m->body.len == other->body.len &&
                   memcmp(m->body.at, other->body.at, m->body.len) == 0;
    }
    return false;
}

/* What `m` makes of a connection that was mute so far. */
static unsigned greeting(const struct witness_reader *r, const struct session_message *m)
{
    if (m->kind == SESSION_RESET)
        return SEV_CONN_RESET;
    return m->kind == SESSION_COOKIE && has_the_cookie(r, m) ? SEV_CONN_COOKIE : SEV_CONN_OTHER;
}

/* Whether the test is where the subject's last word has put it, nothing of ours being on the way.
 */
static bool is_settled(const struct witness_reader *r, size_t i)
{
    while (i-- > 0)
        if (session_is_of(at(r, i), r->who) && witness_is_said(at(r, i)))
            return at(r, i)->from == SESSION_SUBJECT;
    return true; /* nobody has said anything yet */
}

/* A connection of somebody else, opened at message i: what it did, and what became of it. */
static void read_party(const struct witness_reader *r, size_t opened)
{
    size_t last = opened, denied = 0;
    unsigned event = SEV_CONN_SILENT;

    for (size_t k = opened + 1; k < r->s->n && !denied; k++) {
        const struct session_message *m = at(r, k);
        if (strcmp(m->who, at(r, opened)->who) != 0 || m->stream != 0)
            continue;
        if (m->kind == SESSION_OPEN)
            break;
        if (m->from == SESSION_SUBJECT && m->kind == SESSION_STATE && m->state != ACCESS_DENIED)
            return; /* it is served: a client like another */
        if (m->from == SESSION_SUBJECT && witness_is_said(m))
            denied = k;
        else if (witness_is_said(m) && event == SEV_CONN_SILENT)
            event = greeting(r, m), last = k;
    }
    enum machine_state state = session_place(r->s, r->who, last);
    if (state >= MACHINE_OVER || !is_settled(r, last))
        return;
    const struct session_message *reply = ends_test(r, last);
    if (event == SEV_CONN_RESET)
        tell_ignored(r, state, event, last);
    else if (reply && !witness_is_silence(r, last, (size_t)(reply - r->s->messages))) /* DEF-8 */
        witness_tell(r, state, event, witness_reaction(r, reply, table_cell(state, event)),
                     reply->ierr, last);
    else if (denied && is_settled(r, denied) && session_place(r->s, r->who, denied) == state)
        witness_tell(r, state, event, TABLE_DENY, 0, last);
    else if (table_cell(state, event)->allowed & TABLE_WAIT && goes_on(r, last))
        witness_tell(r, state, event, TABLE_WAIT, 0, last);
}

static bool opens_stream_of_its_own(const struct witness_reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < MIN(to, r->s->n); i++)
        if (at(r, i)->kind == SESSION_STREAM && strcmp(at(r, i)->who, r->who) == 0)
            return true;
    return false;
}

/* A datagram of somebody else: with no stream of ours behind it, it is one that starts the test. */
static void read_datagram(const struct witness_reader *r, size_t i)
{
    enum machine_state state = session_place(r->s, r->who, i);
    size_t k = witness_next(r, i);

    if (state == SRV_CREATE && is_state(witness_peek(r, k), TEST_START) &&
        !opens_stream_of_its_own(r, 0, k))
        witness_tell(r, state, SEV_DATAGRAM, TABLE_TAKE, 0, i);
    else if (goes_on(r, i) && is_settled(r, i))
        witness_tell(r, state, SEV_DATAGRAM, TABLE_IGNORE, 0, i);
}

/* --- all ------------------------------------------------------------------------------------- */

static void read_one(const struct witness_reader *r, size_t i)
{
    const struct session_message *m = at(r, i);
    bool ours = m->from == SESSION_US, same = strcmp(m->who, r->who) == 0;

    if (ours && same && m->stream != 0 && (witness_is_end(m) || m->kind == SESSION_RESET))
        read_lost_stream(r, i);
    else if (r->s->we_serve || !ours)
        return;
    else if (same && is_alien(r, i))
        read_alien(r, i);
    else if (same && m->kind == SESSION_STREAM && session_place(r->s, r->who, i) == SRV_CREATE &&
             goes_on(r, i))
        witness_tell(r, SRV_CREATE, SEV_CONN_COOKIE, TABLE_TAKE, 0, i);
    else if (!same && m->kind == SESSION_OPEN && m->transport != SESSION_BARE_UDP)
        read_party(r, i);
    else if (!same && m->kind == SESSION_DATAGRAM && m->stream == 0)
        read_datagram(r, i);
}

void witness_others(const struct witness_reader *r)
{
    enum machine_state state = session_place(r->s, r->who, 0);

    for (size_t i = 0; i < r->s->n && state < MACHINE_OVER; i++) {
        const struct session_message *m = at(r, i);
        bool is_own = session_is_of(m, r->who);
        if (is_own && (witness_is_end(m) || m->kind == SESSION_RESET))
            break; /* who comes later is the next client */
        if (!session_is_probe(m))
            read_one(r, i);
        state = is_own ? session_moves(r->s, state, m) : state;
    }
}
