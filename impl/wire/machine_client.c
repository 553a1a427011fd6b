/* machine_client.c - the client's side of a session: what each reaction of its table does. */
#include "impl/wire/ierr.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/state.h"

#include <errno.h>

/* --- entering a state: what is sent there, and what is awaited ----------------------------------
 */

static void enter_param(struct machine *m)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    params_encode(m->config.params, &w);
    if (machine_send_json(m, &w, PARAMS_LEN_LIMIT) != SPEC_OK) /* PARAM-50 */
        machine_client_event(m, CEV_OWN_FAILURE, IESENDPARAMS, 0);
    else
        m->state = CLI_PARAM;
}

static void enter_create(struct machine *m)
{
    int64_t n = params_n_streams(m->config.params);

    m->state = CLI_CREATE;
    m->n_streams = (unsigned)MAX(0, MIN(n, MACHINE_STREAMS_MAX));
    m->streams_open = true;
    machine_do(m, MACHINE_OPEN, m->n_streams);
}

/* 01 and 02 can overtake the shell's word about its last stream: their effect waits for it. */
static void start_when_up(struct machine *m)
{
    if (m->n_up < m->n_streams)
        return;
    if (m->init_due)
        machine_do(m, MACHINE_INIT, 0);
    if (m->run_due)
        machine_do(m, MACHINE_RUN, 0);
    m->init_due = m->run_due = false;
}

static void enter_tstart(struct machine *m)
{
    m->state = CLI_TSTART;
    m->init_due = true;
    start_when_up(m);
}

static void enter_run(struct machine *m)
{
    m->state = CLI_RUN;
    m->run_due = true;
    start_when_up(m);
    if (machine_receives(m, m->config.params)) /* TMO-5 */
        machine_set_timer(m, TIMER_RCV, m->config.rcv_timeout_ns);
}

static void enter_end(struct machine *m)
{
    m->state = CLI_END;
    machine_send_state(m, TEST_END);
    machine_stop_timer(m, TIMER_RCV);
    machine_set_timer(m, TIMER_PEER, m->config.finish_timeout_ns);
}

/* The state is still END until the shell has given us what to send. */
static void enter_results(struct machine *m)
{
    machine_do(m, MACHINE_PACK, 0);
    m->waiting = WAITING_RESULTS;
    machine_stop_timer(m, TIMER_PEER);
}

static void enter_xchg(struct machine *m)
{
    m->state = CLI_XCHG;
    machine_stop_timer(m, TIMER_ITEM);
    machine_set_timer(m, TIMER_PEER, m->config.finish_timeout_ns);
}

static void finish_well(struct machine *m, const struct table_cell *cell)
{
    machine_close_streams(m); /* before 10 (FLOW-1, 15) */
    machine_do(m, MACHINE_REPORT, 0);
    machine_send_state(m, IPERF_DONE);
    machine_finish(m, &(struct machine_end){.ok = true, .clause = cell->clause});
}

static void advance(struct machine *m, const struct table_cell *cell)
{
    static void (*const enter[])(struct machine * m) = {
        [CLI_PARAM] = enter_param, [CLI_CREATE] = enter_create, [CLI_TSTART] = enter_tstart,
        [CLI_RUN] = enter_run,     [CLI_END] = enter_end,       [CLI_RESULTS] = enter_results,
        [CLI_XCHG] = enter_xchg,
    };

    if (cell->next == MACHINE_OVER)
        finish_well(m, cell);
    else
        enter[cell->next](m);
}

/* --- ends ---------------------------------------------------------------------------------------
 */

/* 0b and our own signal show what was measured so far. */
static bool reports(const struct machine *m, enum table_client_event event)
{
    return (event == CEV_SERVER_TERMINATE || event == CEV_SIGNAL) && m->state >= CLI_RUN &&
           !m->run_due;
}

static void end_test(struct machine *m, const struct table_cell *cell,
                     enum table_client_event event, int ierr, int os_errno, bool peer_said)
{
    struct machine_end end = {
        .ierr = ierr != 0 ? ierr : cell->ierr,
        .os_errno = os_errno,
        .peer_said = peer_said,
        .terminated = event == CEV_SERVER_TERMINATE || event == CEV_SIGNAL,
        .clause = cell->clause,
    };
    bool with_report = reports(m, event);

    if (cell->ours == TABLE_TERMINATE)
        machine_send_state(m, CLIENT_TERMINATE);
    machine_close_streams(m);
    if (with_report)
        machine_do(m, MACHINE_REPORT, 0);
    if (cell->ours == TABLE_FAIL_DONE) /* CLOSE-9, as 3.11+ */
        machine_send_state(m, IPERF_DONE);
    machine_finish(m, &end);
}

static void react(struct machine *m, enum table_client_event event, int ierr, int os_errno,
                  bool peer_said)
{
    const struct table_cell *cell = table_cell(m->state, event);

    if (cell->ours == TABLE_ADVANCE)
        advance(m, cell);
    else if (cell->next == MACHINE_OVER) /* FAIL, FAIL_DONE, TERMINATE */
        end_test(m, cell, event, ierr, os_errno, peer_said);
    /* else NONE, PART, IGNORE, WAIT */
}

void machine_client_event(struct machine *m, enum table_client_event event, int ierr, int os_errno)
{
    react(m, event, ierr, os_errno, false);
}

/* A stream that cannot be set up has rows of its own. */
void machine_client_failed(struct machine *m, int ierr, int os_errno)
{
    enum table_client_event event = CEV_OWN_FAILURE;

    if (m->state == CLI_CREATE && ierr == IESTREAMCONNECT)
        event = CEV_CONNECT_FAILED;
    if (m->state == CLI_CREATE && ierr == IESTREAMREAD)
        event = CEV_UDP_REPLY_BAD;
    machine_client_event(m, event, ierr, os_errno);
}

/* --- SERVER_ERROR -------------------------------------------------------------------------------
 */

static void start_error(struct machine *m)
{
    m->reading_error = true;
    frame_expect(&m->dec, FRAME_ERROR, 0);
    machine_set_timer(m, TIMER_ITEM, m->config.item_timeout_ns);
}

static void read_error(struct machine *m, struct bytes *in)
{
    int32_t number, os_errno;
    struct bytes body;
    bool had_first = frame_partial(&m->dec) >= 4;
    enum spec_err err = frame_feed(&m->dec, in, &body);

    if (err == SPEC_OK) {
        frame_error_pair(body, &number, &os_errno);
        react(m, CEV_SERVER_ERROR, number, os_errno, true);
    } else if (err != SPEC_MORE) {
        machine_client_event(m, CEV_OWN_FAILURE, IERECVMESSAGE, ENOMEM);
    } else if (!had_first && frame_partial(&m->dec) >= 4) {
        machine_set_timer(m, TIMER_ITEM, m->config.item_timeout_ns); /* each integer has its own */
    }
}

/* No more comes behind fe: what is missing is missing (ERR-3). */
static void end_error(struct machine *m, enum table_client_event bare)
{
    int32_t ints[2];
    bool has_number = frame_error_at_end(&m->dec, ints) == 1;

    react(m, has_number ? CEV_ERROR_ONE : bare, has_number ? ints[0] : 0, 0, has_number);
}

void machine_client_eof(struct machine *m)
{
    if (m->reading_error)
        end_error(m, CEV_ERROR_BARE);
    else
        machine_client_event(m, CEV_EOF, 0, 0);
}

void machine_client_reset(struct machine *m, int os_errno)
{
    if (m->reading_error)
        end_error(m, CEV_ERROR_BARE);
    else
        machine_client_event(m, CEV_RESET, 0, os_errno);
}

/* --- inputs -------------------------------------------------------------------------------------
 */

static void take_results(struct machine *m, struct bytes text)
{
    switch (machine_take_results(m, text)) {
    case SPEC_OK:
        machine_client_event(m, CEV_RESULTS, 0, 0);
        break;
    case SPEC_E_STREAM_ID:
        machine_client_event(m, CEV_RESULTS_ID, 0, 0);
        break;
    case SPEC_E_NOMEM:
        machine_client_event(m, CEV_OWN_FAILURE, IERECVRESULTS, ENOMEM);
        break;
    default:
        machine_client_event(m, CEV_RESULTS_BAD, 0, 0);
        break;
    }
}

static void read_results(struct machine *m, struct bytes *in)
{
    struct bytes body;

    switch (frame_feed(&m->dec, in, &body)) {
    case SPEC_OK:
        take_results(m, body);
        break;
    case SPEC_MORE:
        break;
    case SPEC_E_NOMEM:
        machine_client_event(m, CEV_OWN_FAILURE, IERECVRESULTS, ENOMEM);
        break;
    default:
        machine_client_event(m, CEV_RESULTS_BAD, 0, 0);
        break;
    }
}

void machine_client_bytes(struct machine *m, struct bytes *in)
{
    int8_t byte = (int8_t)in->at[0];

    if (m->reading_error) {
        read_error(m, in);
        return;
    }
    /* The server may fail where its results should stand; no length of ours begins with fe. */
    if (m->state == CLI_RESULTS && (byte != SERVER_ERROR || frame_partial(&m->dec) > 0)) {
        read_results(m, in);
        return;
    }
    *in = (struct bytes){in->at + 1, in->len - 1};
    if (byte == SERVER_ERROR)
        start_error(m);
    else
        machine_client_event(m, table_client_byte(byte), 0, 0);
}

void machine_client_stream_up(struct machine *m)
{
    start_when_up(m);
}

void machine_client_results(struct machine *m, const struct results *r)
{
    if (machine_send_results(m, r) != SPEC_OK) {
        machine_client_event(m, CEV_OWN_FAILURE, IESENDRESULTS, ENOMEM);
        return;
    }
    m->state = CLI_RESULTS;
    frame_expect(&m->dec, FRAME_JSON, RESULTS_LEN_LIMIT);
    machine_set_timer(m, TIMER_ITEM, m->config.item_timeout_ns);
}

void machine_client_timer(struct machine *m, enum machine_timer timer)
{
    if (timer == TIMER_ITEM && m->reading_error)
        end_error(m, CEV_ERROR_SILENCE);
    else
        machine_client_event(m, timer == TIMER_RCV ? CEV_NO_DATA : CEV_SILENCE, 0, 0);
}
