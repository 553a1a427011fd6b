/* witness_own.c - what a session shows of what the subject does by itself: the end of its time,
 * signals, time-outs, failures. */
#include "harness/session/place.h"
#include "harness/session/witness_core.h"
#include "impl/wire/ierr.h"
#include "impl/wire/params.h"
#include "impl/wire/state.h"

#include <string.h>

#define GRACE_NS 40000000000u /* TMO-8 */
#define EARLY_NS 500000000u   /* its clock began before we had read 01 */

static const struct session_message *at(const struct witness_reader *r, size_t i)
{
    return &r->s->messages[i];
}

static bool is_remark(const struct session_message *m, const char *words)
{
    size_t len = strlen(words);

    return m->kind == SESSION_NOTE && m->body.len >= len && memcmp(m->body.at, words, len) == 0;
}

bool witness_is_signalled(const struct witness_reader *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (is_remark(at(r, i), "signal "))
            return true;
    return false;
}

bool witness_is_silence(const struct witness_reader *r, size_t from, size_t to)
{
    return at(r, to)->at_ns - at(r, from)->at_ns >= WITNESS_SILENCE_NS;
}

/* Whether what happened since message `from` belongs to the honest test: the subject alone can be
 * to blame. */
static bool is_alone(const struct witness_reader *r, size_t from, size_t to)
{
    for (size_t i = from + 1; i < to; i++) {
        const struct session_message *m = at(r, i);
        if (m->kind == SESSION_PAUSE || m->kind == SESSION_NOTE)
            continue;
        if (strcmp(m->who, r->who) != 0 || witness_is_end(m) || m->kind == SESSION_RESET)
            return false;
    }
    return true;
}

/* Elsewhere a server says what it could not read: an honest client's FIN is no message. */
static bool is_own_failure(enum machine_state state, int ierr)
{
    return (state == SRV_CREATE || state == SRV_RUN) && ierr != IECTRLCLOSE;
}

/* Whether a time-out has passed before the subject's message at i. */
static bool has_waited(const struct witness_reader *r, size_t i)
{
    return i > 0 && witness_is_silence(r, i - 1, i);
}

bool witness_params(const struct witness_reader *r, size_t to, struct params *params)
{
    for (size_t i = 0; i < to; i++) {
        if (!session_is_of(at(r, i), r->who) || at(r, i)->kind != SESSION_JSON)
            continue;
        if (params_decode(at(r, i)->body, params, NULL) == SPEC_OK)
            return true;
        params_fini(params);
        return false;
    }
    return false;
}

/* The test's time as its parameters say, grace included; 0: no limit. */
static uint64_t duration_ns(const struct witness_reader *r, size_t to)
{
    struct params params;
    uint64_t ns = 0;

    if (!witness_params(r, to, &params))
        return 0;
    if (params.time > 0)
        ns = ((uint64_t)MIN(params.time, 86400) + (uint64_t)MIN(params.omit, 600)) * 1000000000u +
             GRACE_NS;
    params_fini(&params);
    return ns;
}

/* What travelled on the streams of this connection. */
static uint64_t volume(const struct witness_reader *r)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < r->s->n; i++)
        if (strcmp(at(r, i)->who, r->who) == 0 && at(r, i)->stream != 0 &&
            (at(r, i)->kind == SESSION_DATA || at(r, i)->kind == SESSION_DATAGRAM))
            bytes += at(r, i)->len;
    return bytes;
}

bool witness_is_test_over(const struct witness_reader *r)
{
    struct params params;
    uint64_t wanted = 0;

    if (!witness_params(r, r->s->n, &params))
        return false;
    if (params.num > 0)
        wanted = (uint64_t)params.num;
    else if (params.blockcount > 0 && params.len > 0)
        wanted = (uint64_t)params.blockcount * (uint64_t)params.len;
    params_fini(&params);
    return wanted > 0 && volume(r) >= wanted;
}

bool witness_is_overdue(const struct witness_reader *r, size_t i)
{
    uint64_t limit = duration_ns(r, i);

    for (size_t k = 0; k < i && limit > 0; k++)
        if (session_is_of(at(r, k), r->who) && at(r, k)->kind == SESSION_STATE &&
            at(r, k)->state == TEST_START && at(r, k)->from == SESSION_SUBJECT)
            return at(r, i)->at_ns - at(r, k)->at_ns + EARLY_NS >= limit;
    return false;
}

static bool server_event(const struct witness_reader *r, enum machine_state state, size_t before,
                         size_t i, unsigned *event)
{
    const struct session_message *m = at(r, i), *last = at(r, before);
    bool is_error = m->kind == SESSION_ERROR, is_signalled = witness_is_signalled(r, before, i);
    bool is_up = m->kind == SESSION_STATE && m->state == TEST_START;

    if (!is_signalled && !is_up && last->from == SESSION_SUBJECT && last->kind == SESSION_ERROR)
        return false; /* it was told already */
    if (is_signalled)
        *event = SEV_SIGNAL;
    else if (is_up)
        *event = SEV_STREAMS_UP;
    else if (is_error && m->ierr == IENOMSG)
        *event = SEV_NO_DATA;
    else if (is_error && m->ierr == IESERVERTESTDURATIONEXPIRED)
        *event = SEV_DURATION;
    else if (has_waited(r, i))
        *event = witness_is_overdue(r, i) ? SEV_DURATION
                 : state == SRV_RUN       ? SEV_NO_DATA
                                          : SEV_SILENCE;
    else if (is_error && last->from == SESSION_SUBJECT && is_own_failure(state, m->ierr) &&
             is_alone(r, before, i))
        *event = SEV_OWN_FAILURE;
    else
        return false;
    return true;
}

unsigned witness_lost_streams(const struct witness_reader *r, size_t from, size_t to)
{
    bool has_replied = false, is_deaf = false;

    for (size_t i = 0; i < MIN(to, r->s->n); i++) {
        const struct session_message *m = at(r, i);
        is_deaf |= is_remark(m, "deaf");
        has_replied |= i > from && m->from == SESSION_US && m->kind == SESSION_DATAGRAM;
    }
    if (has_replied || (to < r->s->n && has_waited(r, to))) /* the wrong one, or none (TMO-11) */
        return CEV_UDP_REPLY_BAD;
    return is_deaf ? CEV_CONNECT_FAILED : CEV_OWN_FAILURE;
}

static bool is_failing(const struct session_message *m)
{
    return witness_is_end(m) || m->kind == SESSION_RESET ||
           (m->kind == SESSION_STATE && m->state == IPERF_DONE);
}

/* Whether a client that awaits our data has had none since message `from`. */
static bool is_starved(const struct witness_reader *r, size_t from, size_t to)
{
    struct params params;
    bool receives = false;

    if (witness_params(r, to, &params)) {
        receives = params.reverse || params.bidirectional;
        params_fini(&params);
    }
    for (size_t i = from; i < to; i++)
        receives &= at(r, i)->from != SESSION_US || at(r, i)->stream == 0;
    return receives;
}

/* Why a client ends that was told to go on with its test, at message `from`, and lost no stream:
 * CEV_*. False: it may be for anything, what was said to its streams before as well. */
static bool why_it_ends(const struct witness_reader *r, size_t from, size_t to, unsigned *event)
{
    bool is_deaf = false;

    for (size_t i = from; i < to; i++)
        is_deaf |= is_remark(at(r, i), "deaf"); /* nobody is there for its datagrams */
    *event = is_deaf ? CEV_STREAM_LOST : CEV_NO_DATA;
    return is_deaf || is_starved(r, from, to);
}

static bool is_told_to_run(const struct session_message *m)
{
    return m->from == SESSION_US && m->kind == SESSION_STATE && m->state == TEST_RUNNING;
}

static bool client_event(const struct witness_reader *r, enum machine_state state, size_t before,
                         size_t i, unsigned *event)
{
    const struct session_message *m = at(r, i), *last = at(r, before);
    bool is_over = m->kind == SESSION_STATE && m->state == TEST_END;

    if (is_over)
        *event = CEV_TEST_OVER;
    else if (witness_is_signalled(r, before, i))
        *event = CEV_SIGNAL;
    else if (state == CLI_CREATE && is_failing(m) && last->kind == SESSION_STATE &&
             last->state == CREATE_STREAMS && is_alone(r, before, i))
        *event = witness_lost_streams(r, before, i);
    else if (has_waited(r, i))
        *event = state == CLI_RUN ? CEV_NO_DATA : CEV_SILENCE;
    else if (state == CLI_RUN && is_failing(m) && is_told_to_run(last) &&
             !witness_loses_stream(r, before, i))
        return why_it_ends(r, before, i, event);
    else
        return false;
    return true;
}

void witness_own(const struct witness_reader *r, enum machine_state state, size_t before, size_t i)
{
    const struct session_message *m = at(r, i);
    bool client = r->s->we_serve;
    unsigned event;

    if (!(client ? client_event(r, state, before, i, &event)
                 : server_event(r, state, before, i, &event)))
        return;
    witness_tell(r, state, event, witness_reaction(r, m, table_cell(state, event)), m->ierr, i);
    if (event == (client ? (unsigned)CEV_TEST_OVER : (unsigned)SEV_STREAMS_UP) &&
        witness_is_silence(r, before, i))
        witness_tell(r, state, client ? (unsigned)CEV_SILENCE : (unsigned)SEV_SILENCE, TABLE_WAIT,
                     0, i);
}
