/* reaction.c - `expect reaction`: what came after our last bytes must be what the state x event
 * table allows to anyone (table.h), and what the subject's profile predicts (profile.h).
 *
 * Silence proves nothing, so a barrier is sent behind bytes that may be taken without an answer:
 * something whose effect shows whether the test goes on. A server that goes on answers TEST_END
 * with EXCHANGE_RESULTS; a client that goes on takes DISPLAY_RESULTS for a good end; a byte that is
 * part of an item is proved by the rest of the item, or by the end of the connection inside of it.
 */
#include "harness/sim/peer.h"

#include "harness/session/place.h"
#include "impl/wire/profile.h"
#include "impl/wire/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct reaction {
    struct control *c;
    const struct script_step *step;
    uint64_t deadline;
    enum machine_state state; /* of the subject, before our bytes */
    unsigned event;           /* what our bytes are to it */
    int8_t byte;
    size_t at;                /* of our bytes in the record */
    unsigned seen;            /* set of enum table_reaction that would look like what came */
    int ierr;                 /* that came with it; 0: none */
    bool json, done, streams; /* what a client did: results or parameters, 10, connections */
    bool params_due;          /* it has yet to say its parameters, whatever our bytes are */
    bool cut;                 /* the end came inside of an item */
};

/* --- where the subject is -------------------------------------------------------------------- */

/* Our last bytes, and the state they met: from the record of the session. */
static bool find_place(struct reaction *r)
{
    const struct session *record = &r->c->sim->out->record;
    const struct session_message *last = NULL;

    for (size_t i = record->n; i-- > 0 && !last;) {
        const struct session_message *m = &record->messages[i];
        if (!session_is_of(m, r->c->name) || m->from != SESSION_US || !session_is_said(m))
            continue;
        last = m;
        r->at = i;
    }
    if (!last ||
        (last->kind != SESSION_STATE && (last->kind != SESSION_BYTES || last->body.len != 1)))
        return false;
    r->byte = last->kind == SESSION_STATE ? last->state : (int8_t)last->body.at[0];
    r->state = session_place(record, r->c->name, r->at);
    r->event = r->c->is_server ? (unsigned)table_client_byte(r->byte)
                               : (unsigned)table_server_byte(r->byte);
    /* What the byte asks a client for, if it was not sent by its name. */
    if (r->c->is_server && last->kind == SESSION_BYTES &&
        (r->byte == PARAM_EXCHANGE || r->byte == EXCHANGE_RESULTS))
        r->c->json_due++;
    return r->state < MACHINE_OVER;
}

/* --- what comes ------------------------------------------------------------------------------ */

static bool is_last(const struct event *e)
{
    return e->kind == EVENT_END || e->kind == EVENT_RESET;
}

/* The next event; NULL and the case has failed. */
static const struct event *next(struct reaction *r)
{
    struct sim *s = r->c->sim;
    const struct event *e;

    while (!(e = control_head(r->c)) && !sim_failed(s)) {
        if (now_ns() >= r->deadline) {
            if (sim_check_process(s, 0))
                sim_fail(s, SIM_TIMEOUT, "no reaction to %02x %s in %s", (uint8_t)r->byte,
                         table_event_text(table_role(r->state), r->event),
                         machine_state_name(r->state));
            return NULL;
        }
        sim_pump(s, r->deadline);
    }
    return sim_failed(s) ? NULL : e;
}

/* Behind an error the test ends (ERR-1). */
static bool await_end(struct reaction *r)
{
    const struct event *e;

    while ((e = next(r)) && !is_last(e))
        control_pop(r->c);
    return e != NULL;
}

/* 01 and 02 travel behind each other: the second may still be on its way when we act. */
static bool is_late(const struct reaction *r, const struct event *e)
{
    const struct session *record = &r->c->sim->out->record;

    if (r->state != SRV_RUN || e->kind != EVENT_STATE || e->state != TEST_RUNNING)
        return false;
    for (size_t i = 0; i < r->at; i++)
        if (session_is_of(&record->messages[i], r->c->name) &&
            record->messages[i].kind == SESSION_STATE && record->messages[i].state == TEST_RUNNING)
            return false;
    return true;
}

/* What one event of a server's means; false: something that no reaction looks like. */
static bool read_server_event(struct reaction *r, const struct event *e, bool barrier)
{
    switch (e->kind) {
    case EVENT_ERROR:
        r->seen = e->n_ints == 2 ? TABLE_ERROR : TABLE_ERROR_ONE;
        r->ierr = e->ierr;
        return true;
    case EVENT_END:
    case EVENT_RESET:
        r->seen = TABLE_CLOSE | TABLE_END_OK;
        return true;
    case EVENT_STATE:
        r->seen = e->state == ACCESS_DENIED ? TABLE_DENY : TABLE_TERMINATE;
        if (e->state == EXCHANGE_RESULTS)
            r->seen = barrier ? TABLE_IGNORE : TABLE_ADVANCE;
        return e->state == ACCESS_DENIED || e->state == SERVER_TERMINATE ||
               e->state == EXCHANGE_RESULTS;
    default:
        return false;
    }
}

static bool unknown(struct reaction *r, const struct event *e)
{
    struct text got = {0};

    event_describe(e, &got);
    sim_fail(r->c->sim, SIM_MISS, "%s in reply to %02x in %s", text_string(&got), (uint8_t)r->byte,
             machine_state_name(r->state));
    text_fini(&got);
    return false;
}

/* --- a server -------------------------------------------------------------------------------- */

static bool send_bytes(struct reaction *r, const void *bytes, size_t len)
{
    control_send(r->c, SESSION_BYTES, NULL, (struct bytes){bytes, len});
    return true;
}

/* The rest of parameters or results whose length began with our 00. */
static bool send_rest_of_text(struct reaction *r)
{
    enum script_message message = r->state == SRV_PARAMS ? SCRIPT_MSG_PARAMS : SCRIPT_MSG_RESULTS;
    struct session_message described;
    struct text bytes = {0};
    bool ok = message_build(r->c, message, &bytes, &described) && bytes.at[0] == 0;

    if (ok)
        send_bytes(r, bytes.at + 1, bytes.len - 1);
    else
        sim_fail(r->c->sim, SIM_TROUBLE, "the honest message does not begin with 00");
    text_fini(&bytes);
    return ok;
}

/* The byte began an item that we complete: then the test must go on as if nothing had been. */
static bool completes_item(struct reaction *r)
{
    int8_t wanted = r->state == SRV_COOKIE   ? PARAM_EXCHANGE
                    : r->state == SRV_PARAMS ? CREATE_STREAMS
                                             : DISPLAY_RESULTS;
    const struct event *e;

    if (r->state == SRV_COOKIE)
        send_bytes(r, r->c->cookie + 1, COOKIE_LEN - 1);
    else if (!send_rest_of_text(r))
        return false;
    while ((e = next(r)) && e->kind == EVENT_JSON)
        control_pop(r->c);
    if (!e)
        return false;
    if (e->kind != EVENT_STATE || e->state != wanted)
        return unknown(r, e);
    control_pop(r->c);
    r->seen = TABLE_PART;
    return true;
}

/* The byte began a length far beyond any limit; then the connection ends inside of the item. */
static bool ends_inside_item(struct reaction *r)
{
    static const uint8_t zeros[3];
    const struct event *e;

    send_bytes(r, zeros, sizeof zeros);
    control_shut(r->c);
    r->event = SEV_ILL_FORMED;
    r->cut = true;
    if (!(e = next(r)))
        return false;
    return (read_server_event(r, e, false) || unknown(r, e)) && await_end(r);
}

static bool watch_server(struct reaction *r)
{
    const struct table_cell *cell = table_cell(r->state, r->event);
    bool barrier = cell->allowed & TABLE_IGNORE;
    const struct event *e;

    if (cell->allowed == TABLE_PART)
        return r->state == SRV_COOKIE || r->byte == 0 ? completes_item(r) : ends_inside_item(r);
    if (barrier)
        control_send_state(r->c, TEST_END);
    while ((e = next(r)) && is_late(r, e))
        control_pop(r->c);
    if (!e || (!read_server_event(r, e, barrier) && !unknown(r, e)))
        return false;
    if (r->seen & (TABLE_ERROR | TABLE_ERROR_ONE | TABLE_TERMINATE))
        return await_end(r);
    if (!is_last(e))
        control_pop(r->c);
    return true;
}

/* --- a client -------------------------------------------------------------------------------- */

/* The honest test goes on behind the byte, to its end. Up to TEST_START the script may not have
 * taken in what the client said first. */
static bool goes_on(struct reaction *r)
{
    bool wait = r->state <= CLI_CREATE;

    if (r->byte == EXCHANGE_RESULTS)
        lanes_close(r->c); /* FLOW-7 */
    r->seen = TABLE_ADVANCE;
    return flow_was_sent(r->c, r->byte, wait, r->step->within_ms) &&
           flow_advance(r->c, 0, r->step->within_ms);
}

static bool collect_client(struct reaction *r)
{
    const struct event *e;

    while ((e = next(r)) && !is_last(e)) {
        r->json |= e->kind == EVENT_JSON && !r->params_due;
        r->params_due &= e->kind != EVENT_JSON;
        r->done |= e->kind == EVENT_STATE && e->state == IPERF_DONE;
        if (e->kind == EVENT_STATE && e->state != IPERF_DONE && e->state != TEST_END)
            return unknown(r, e);
        control_pop(r->c);
    }
    return e != NULL;
}

/* Its exit status, -1 if the process is out of reach. False: the case has failed. */
static bool await_status(struct reaction *r, int *status)
{
    struct sim *s = r->c->sim;
    const struct sim_process *p = s->config->process;
    int how;

    *status = -1;
    while (p && !p->ended(p->context, &how) && !sim_failed(s)) {
        if (now_ns() >= r->deadline)
            return sim_fail(s, SIM_HANG, "the client has closed, and is still running");
        sim_pump(s, MIN(r->deadline, now_ns() + 20000000));
    }
    if (p && !sim_failed(s) && WIFEXITED(how))
        *status = WEXITSTATUS(how);
    return sim_check_process(s, 0);
}

/* What looks like a test that went on: the byte was obeyed, or nothing was done. */
static unsigned good_end(const struct reaction *r)
{
    switch (r->byte) {
    case IPERF_DONE:
        return r->done ? TABLE_IGNORE : TABLE_END_OK;
    case PARAM_EXCHANGE:
    case EXCHANGE_RESULTS:
        return r->json ? TABLE_OBEY : TABLE_IGNORE;
    case CREATE_STREAMS:
        return r->streams ? TABLE_OBEY : TABLE_IGNORE;
    case DISPLAY_RESULTS:
        return TABLE_OBEY;
    default: /* 01 and 02 have no effect that anyone sees */
        return TABLE_OBEY | TABLE_IGNORE;
    }
}

/* Something behind the byte by which the client shows whether its test goes on. */
static void send_barrier(struct reaction *r, const struct table_cell *cell)
{
    if (r->state == CLI_RESULTS) {
        r->cut = true;
        r->event = r->byte == SERVER_ERROR ? CEV_ERROR_BARE : CEV_EOF;
        control_shut(r->c);
    } else if (r->byte == SERVER_ERROR) {
        r->event = CEV_ERROR_BARE;
        control_shut(r->c);
    } else if (r->byte == EXCHANGE_RESULTS) {
        control_shut(r->c); /* who obeys sends results and reads ours: an end inside of the item */
    } else if (cell->allowed & (TABLE_OBEY | TABLE_IGNORE | TABLE_END_OK)) {
        control_send_state(r->c, DISPLAY_RESULTS);
    }
}

static void read_client(struct reaction *r, int status)
{
    if (r->event == CEV_EXCHANGE_RESULTS && r->json) {
        r->seen = TABLE_OBEY;
        return;
    }
    if (status <= 0)
        r->seen |= good_end(r);
    if (status != 0)
        r->seen |= r->done ? TABLE_FAIL_DONE : TABLE_FAIL;
    /* Data are sent again, and the streams are gone. */
    if (status != 0 && r->byte == TEST_RUNNING && r->state > CLI_RUN)
        r->seen |= TABLE_OBEY;
}

static bool watch_client(struct reaction *r)
{
    const struct table_cell *cell = table_cell(r->state, r->event);
    size_t n_pending = r->c->sim->n_pending;
    int status;

    if (cell->allowed == TABLE_ADVANCE)
        return goes_on(r);
    r->params_due = r->state > CLI_START && r->c->peer_params.len == 0;
    send_barrier(r, cell);
    if (!collect_client(r) || !await_status(r, &status))
        return false;
    r->streams = r->c->sim->n_pending > n_pending;
    read_client(r, status);
    return true;
}

/* --- the verdict ----------------------------------------------------------------------------- */

static bool predict(const struct reaction *r, const struct table_cell *cell,
                    struct profile_reaction *out)
{
    const struct profile *profile = r->c->sim->config->profile;

    if (!profile)
        return false;
    if (strcmp(profile->name, "iperfref") != 0)
        return profile_reaction(profile, r->state, r->event, out);
    *out = (struct profile_reaction){cell->ours, cell->ierr, cell->clause};
    return true;
}

static bool is_as_known(const struct reaction *r, const struct profile_reaction *known)
{
    return r->seen & known->reaction && (!(r->seen & (TABLE_ERROR | TABLE_ERROR_ONE)) ||
                                         known->ierr == 0 || known->ierr == r->ierr);
}

static unsigned end_of(const struct reaction *r)
{
    return r->c->is_server ? (unsigned)CEV_EOF : (unsigned)SEV_EOF;
}

/* A length that a build still takes is cut short by the end of the connection. */
static bool as_cut(const struct reaction *r)
{
    struct reaction cut = *r;
    struct profile_reaction known;

    cut.event = end_of(r);
    return predict(&cut, table_cell(cut.state, cut.event), &known) && is_as_known(&cut, &known);
}

static void note(const struct reaction *r, const char *seen)
{
    struct text *branches = &r->c->sim->out->branches;

    text_addf(branches, "%sline %u: %s", branches->len ? "; " : "", r->step->line, seen);
    if (r->ierr)
        text_addf(branches, " %d", r->ierr);
}

static bool judge(struct reaction *r)
{
    const struct table_cell *cell = table_cell(r->state, r->event);
    struct profile_reaction known;
    unsigned may = cell->allowed | TABLE_PART;
    char seen[128], allowed[128];

    table_reactions_text(r->seen, seen, sizeof seen);
    note(r, seen);
    if (r->cut && cell->allowed & TABLE_PART) /* then the end is what is reacted to */
        may |= table_cell(r->state, end_of(r))->allowed;
    if (!(r->seen & may)) {
        table_reactions_text(may, allowed, sizeof allowed);
        return sim_fail(r->c->sim, SIM_MISS, "%s, where %s is allowed (%s)", seen, allowed,
                        cell->clause);
    }
    if (r->seen == TABLE_PART || !predict(r, cell, &known))
        return true;
    if (!is_as_known(r, &known) && !(r->cut && as_cut(r)))
        sim_drift(r->c->sim, r->step, known.clause, "%s %d, and this build is known for %s %d (%s)",
                  seen, r->ierr, table_reaction_name(known.reaction), known.ierr, known.clause);
    return true;
}

bool reaction_run(struct control *c, const struct script_step *step)
{
    struct reaction r = {.c = c, .step = step, .deadline = expect_deadline(c->sim, step)};

    if (!find_place(&r))
        return sim_fail(c->sim, SIM_TROUBLE,
                        "a reaction is expected to one byte in a state of the table, not to this");
    return (c->is_server ? watch_client(&r) : watch_server(&r)) && judge(&r);
}
