/* machine_server.c - the server's side of a session: what each reaction of its table does. */
#include "impl/wire/ierr.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <string.h>

#define SECONDS UINT64_C(1000000000)

/* --- entering a state: what is sent there, and what is awaited ----------------------------------
 */

static void enter_params(struct machine *m)
{
    machine_send_state(m, PARAM_EXCHANGE);
    frame_expect(&m->dec, FRAME_JSON, PARAMS_LEN_LIMIT);
    machine_set_timer(m, TIMER_ITEM, m->config.item_timeout_ns);
}

static void enter_create(struct machine *m)
{
    m->n_streams = (unsigned)params_n_streams(&m->params); /* 1 to 256: it passed params_check() */
    m->n_up = 0;
    m->streams_open = true;
    machine_do(m, MACHINE_ACCEPT,
               m->n_streams); /* before 0a: the client may connect at once (FLOW-3) */
    machine_send_state(m, CREATE_STREAMS);
    machine_set_timer(m, TIMER_PEER, m->config.streams_timeout_ns);
    if (machine_receives(m, &m->params))
        machine_set_timer(m, TIMER_RCV, m->config.rcv_timeout_ns);
}

static void enter_run(struct machine *m)
{
    static const uint8_t both[] = {TEST_START, TEST_RUNNING}; /* back to back (FLOW-4) */
    int64_t limit_s = params_time_limit(&m->params);

    machine_do(m, MACHINE_INIT, 0);
    machine_send(m, both, sizeof both);
    machine_do(m, MACHINE_RUN, 0);
    machine_stop_timer(m, TIMER_PEER);
    if (machine_receives(m, &m->params))
        machine_set_timer(m, TIMER_RCV, m->config.rcv_timeout_ns);
    if (limit_s > 0 && m->config.grace_ns > 0)
        machine_set_timer(m, TIMER_DURATION,
                          (uint64_t)(limit_s + m->params.omit) * SECONDS + m->config.grace_ns);
}

static void enter_results(struct machine *m)
{
    bool first = m->streams_open; /* a second exchange (FLOW-12) has nothing to close */

    machine_close_streams(m); /* before 0d: old clients read nothing else until then (FLOW-7) */
    if (first)
        machine_do(m, MACHINE_REPORT, 0);
    machine_send_state(m, EXCHANGE_RESULTS);
    machine_stop_timer(m, TIMER_RCV);
    machine_stop_timer(m, TIMER_PEER);
    machine_set_timer(m, TIMER_ITEM, m->config.item_timeout_ns);
    frame_expect(&m->dec, FRAME_JSON, RESULTS_LEN_LIMIT);
}

static void enter_display(struct machine *m)
{
    machine_send_state(m, DISPLAY_RESULTS);
    machine_set_timer(m, TIMER_PEER, m->config.finish_timeout_ns);
    if (machine_receives(m, &m->params))
        machine_set_timer(m, TIMER_RCV, m->config.rcv_timeout_ns);
}

static void enter(struct machine *m, enum machine_state next)
{
    m->state = next;
    switch (next) {
    case SRV_PARAMS:
        enter_params(m);
        break;
    case SRV_CREATE:
        enter_create(m);
        break;
    case SRV_RUN:
        enter_run(m);
        break;
    case SRV_RESULTS:
        enter_results(m);
        break;
    default:
        enter_display(m);
        break;
    }
}

static void advance(struct machine *m, enum machine_state next)
{
    if (m->state == SRV_RESULTS) { /* our own results go before 0e: the shell has them */
        machine_do(m, MACHINE_PACK, 0);
        m->waiting = WAITING_RESULTS;
    } else {
        enter(m, next);
    }
}

/* --- ends ---------------------------------------------------------------------------------------
 */

static void send_error(struct machine *m, int ierr, int os_errno)
{
    uint8_t message[9];

    machine_send(m, message, frame_put_error(message, 2, ierr, os_errno)); /* ERR-1, ERR-8 */
}

static void end_test(struct machine *m, const struct table_cell *cell,
                     enum table_server_event event, int ierr, int os_errno)
{
    struct machine_end end = {
        .ok = cell->ours == TABLE_END_OK,
        .ierr = ierr != 0 ? ierr : cell->ierr,
        .os_errno = os_errno,
        .terminated = event == SEV_CLIENT_TERMINATE || event == SEV_SIGNAL,
        .clause = cell->clause,
    };
    bool reports = end.terminated && m->state == SRV_RUN; /* what was measured so far */

    if (cell->ours == TABLE_TERMINATE)
        machine_send_state(m, SERVER_TERMINATE);
    machine_close_streams(m);
    if (reports)
        machine_do(m, MACHINE_REPORT, 0);
    if (cell->ours == TABLE_ERROR)
        send_error(m, end.ierr, os_errno);
    machine_finish(m, &end);
}

void machine_server_event(struct machine *m, enum table_server_event event, int ierr, int os_errno)
{
    const struct table_cell *cell = table_cell(m->state, event);

    if (cell->ours == TABLE_ADVANCE)
        advance(m, cell->next);
    else if (cell->next == MACHINE_OVER) /* CLOSE, ERROR, END_OK, TERMINATE */
        end_test(m, cell, event, ierr, os_errno);
    /* else NONE, PART, IGNORE, WAIT; DENY and TAKE are the listener's */
}

/* --- inputs -------------------------------------------------------------------------------------
 */

static void take_cookie(struct machine *m, struct bytes cookie)
{
    memcpy(m->cookie, cookie.at, COOKIE_LEN);
    m->has_cookie = true;
    machine_server_event(m, SEV_ITEM, 0, 0);
}

static void prepare(struct machine *m)
{
    machine_do(m, MACHINE_PREPARE, 0);
    m->waiting = WAITING_PREPARED;
}

static void take_params(struct machine *m, struct bytes text)
{
    params_fini(&m->params);
    enum spec_err err = params_decode(text, &m->params, NULL);
    if (err == SPEC_E_NOMEM) {
        machine_server_event(m, SEV_OWN_FAILURE, IERECVPARAMS, ENOMEM);
        return;
    }
    if (err != SPEC_OK) {
        machine_server_event(m, SEV_ILL_FORMED, 0, 0);
        return;
    }
    m->has_params = true;
    int refusal = params_check(&m->params, &m->config.limits, NULL);
    if (refusal != 0) {
        machine_server_event(m, SEV_REFUSED, refusal, 0);
    } else if (!m->config.auth_required) {
        prepare(m);
    } else if (m->params.authtoken == NULL) {
        machine_server_event(m, SEV_AUTH_FAILED, 0, 0);
    } else {
        machine_do(m, MACHINE_AUTHORIZE, 0);
        m->waiting = WAITING_AUTHORIZED;
    }
}

static void take_results(struct machine *m, struct bytes text)
{
    switch (machine_take_results(m, text)) {
    case SPEC_OK:
        machine_server_event(m, SEV_ITEM, 0, 0);
        break;
    case SPEC_E_STREAM_ID:
        machine_server_event(m, SEV_REFUSED, IESTREAMID, 0);
        break;
    case SPEC_E_NOMEM:
        machine_server_event(m, SEV_OWN_FAILURE, IERECVRESULTS, ENOMEM);
        break;
    default:
        machine_server_event(m, SEV_ILL_FORMED, 0, 0);
        break;
    }
}

/* Read on in the cookie, the parameters or the results. */
static void read_item(struct machine *m, struct bytes *in)
{
    static const int numbers[] = {
        [SRV_COOKIE] = IERECVCOOKIE, [SRV_PARAMS] = IERECVPARAMS, [SRV_RESULTS] = IERECVRESULTS};
    struct bytes body;
    enum spec_err err = frame_feed(&m->dec, in, &body);

    if (err == SPEC_MORE)
        return;
    machine_stop_timer(m, TIMER_ITEM);
    if (err == SPEC_E_NOMEM)
        machine_server_event(m, SEV_OWN_FAILURE, numbers[m->state], ENOMEM);
    else if (err != SPEC_OK)
        machine_server_event(m, SEV_ILL_FORMED, 0, 0);
    else if (m->state == SRV_COOKIE)
        take_cookie(m, body);
    else if (m->state == SRV_PARAMS)
        take_params(m, body);
    else
        take_results(m, body);
}

void machine_server_bytes(struct machine *m, struct bytes *in)
{
    if (m->state == SRV_COOKIE || m->state == SRV_PARAMS || m->state == SRV_RESULTS) {
        read_item(m, in);
        return;
    }
    int8_t byte = (int8_t)in->at[0];
    *in = (struct bytes){in->at + 1, in->len - 1};
    machine_server_event(m, table_server_byte(byte), 0, 0);
}

void machine_server_authorized(struct machine *m, bool ok)
{
    m->waiting = WAITING_NOT;
    if (ok)
        prepare(m);
    else
        machine_server_event(m, SEV_AUTH_FAILED, 0, 0);
}

void machine_server_results(struct machine *m, const struct results *r)
{
    if (machine_send_results(m, r) != SPEC_OK)
        machine_server_event(m, SEV_OWN_FAILURE, IESENDRESULTS, ENOMEM);
    else
        enter(m, table_cell(SRV_RESULTS, SEV_ITEM)->next);
}

void machine_server_timer(struct machine *m, enum machine_timer timer)
{
    static const enum table_server_event events[] = {
        [TIMER_ITEM] = SEV_SILENCE,
        [TIMER_RCV] = SEV_NO_DATA,
        [TIMER_PEER] = SEV_SILENCE,
        [TIMER_DURATION] = SEV_DURATION,
    };

    machine_server_event(m, events[timer], 0, 0);
}
