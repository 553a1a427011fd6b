/* flow.c - walks the rows of an honest peer, and what both roles' rows have in common. */
#include "harness/sim/peer.h"

#include <string.h>

#define TEST_MAX_S 120 /* however long a client says that its test lasts */
#define CLAMP_S(s) ((s) < 0 ? 0 : MIN((s), TEST_MAX_S))

const struct flow *flow_row(const struct control *c)
{
    const struct flow *row = (c->is_server ? server_flow : client_flow) + c->position;

    return row->run ? row : NULL;
}

/* A row whose message the script has sent or read itself. */
static bool is_done(const struct control *c, size_t row)
{
    return c->done >> row & 1;
}

static void pass_done(struct control *c)
{
    while (is_done(c, c->position))
        c->position++;
}

static enum flow_result fail(struct control *c, const struct flow *row, const char *got,
                             const char *wanted)
{
    text_fini(&c->why);
    text_addf(&c->why, "%s instead of %s (%s)", got, wanted, row->clause);
    return FLOW_FAILED;
}

static bool is_ignored(const struct ignored *list, const struct event *e)
{
    for (size_t i = 0; i < list->n; i++)
        if (expect_event_matches(list->at[i], e))
            return true;
    return false;
}

bool flow_is_ignored(const struct control *c, const struct event *e)
{
    /* A stale SERVER_ERROR may follow a test that went well (ERR-7); a script that says IPERF_DONE
     * itself tells what may come then. */
    bool is_end = e->kind == EVENT_END || e->kind == EVENT_RESET;

    return (c->finished && e->kind == EVENT_ERROR) ||
           (c->sim->config->is_lenient && !c->is_probe && !is_end) ||
           is_ignored(&c->sim->ignored, e) || is_ignored(&c->ignored, e);
}

bool flow_pop_ignored(struct control *c, const struct event *e)
{
    bool ignored = flow_is_ignored(c, e);

    if (ignored)
        control_pop(c);
    return ignored;
}

enum flow_result flow_unexpected(struct control *c, const struct flow *row, const char *wanted)
{
    const struct event *e = control_head(c);
    struct text got = {0};

    if (!e || flow_pop_ignored(c, e))
        return FLOW_WAIT;
    event_describe(e, &got);
    fail(c, row, text_string(&got), wanted);
    text_fini(&got);
    return FLOW_FAILED;
}

enum flow_result flow_send_state(struct control *c, const struct flow *row)
{
    if (c->stage++ == 0) {
        moment_send_state(c, row->state);
        c->ended |= row->state == TEST_END;
        c->finished |= row->state == IPERF_DONE;
    }
    return control_is_flushed(c) ? FLOW_DONE : FLOW_WAIT;
}

enum flow_result flow_send_message(struct control *c, const struct flow *row)
{
    struct text bytes = {0};
    struct session_message m;
    enum script_message message = (enum script_message)row->message;

    if (c->stage++ == 0) {
        if (!message_build(c, message, &bytes, &m)) {
            text_fini(&bytes);
            sim_fail(c->sim, SIM_TROUBLE, "%s", text_string(&c->why));
            return FLOW_FAILED;
        }
        size_t prefix = message == SCRIPT_MSG_COOKIE ? 0 : 4;
        m.body = (struct bytes){(uint8_t *)bytes.at + prefix, bytes.len - prefix};
        control_send(c, m.kind, &m, (struct bytes){(uint8_t *)bytes.at, bytes.len});
        text_fini(&bytes);
    }
    return control_is_flushed(c) ? FLOW_DONE : FLOW_WAIT;
}

enum flow_result flow_await_results(struct control *c, const struct flow *row)
{
    const struct event *e = control_head(c);
    struct text why = {0};

    if (!e || e->kind != EVENT_JSON)
        return flow_unexpected(c, row, "the results");
    text_fini(&c->peer_results);
    text_add(&c->peer_results, e->body.at, e->body.len);
    text_fini(&c->why);
    bool is_read = event_is_read(e, "results", &c->why);
    control_pop(c);
    bool ok = is_read && check_results(c, text_string(&c->peer_results), c->peer_results.len, &why);
    if (is_read && !ok)
        text_addf(&c->why, "results that do not hold: %s", text_string(&why));
    text_fini(&why);
    return ok ? FLOW_DONE : FLOW_FAILED;
}

/* The last row of both roles. A client sends its FIN and reads on: whatever a stock server still
 * says must find an open connection (ERR-7), and the server's own end tells that it is done with
 * the test. */
enum flow_result flow_close(struct control *c, const struct flow *row)
{
    const struct event *e;

    if (c->stage++ == 0) {
        lanes_close(c);
        c->finished = true;
        control_note_over(c);
        control_shut(c);
    }
    while ((e = control_head(c)) && flow_pop_ignored(c, e))
        ;
    if (c->is_server || c->fd < 0 || (e && (e->kind == EVENT_END || e->kind == EVENT_RESET)))
        return FLOW_DONE;
    return flow_unexpected(c, row, "the end of the connection");
}

static bool give_up(struct control *c, const struct flow *row, bool timeout)
{
    struct sim *s = c->sim;
    const char *name = row->state                           ? state_name(row->state)
                       : row->message == SCRIPT_MSG_RESULTS ? "the results"
                       : strcmp(row->name, "params") == 0   ? "the message with the parameters"
                                                            : "the next message";

    /* An end may be that of the whole process; whoever tries again (alive.c) will see. */
    if (!sim_check_process(s, timeout || c->is_probe ? 0 : 200))
        return false;
    if (timeout && c->is_server && !c->opened)
        return absent_fail(c, row->clause);
    if (timeout && row == client_flow)
        return sim_fail(s, SIM_TIMEOUT, "no connection in time, in %u attempt%s (%s)",
                        c->retries + 1, text_plural(c->retries + 1), row->clause);
    if (timeout)
        return sim_fail(s, SIM_TIMEOUT, "nothing in time where %s is due (%s)", name, row->clause);
    return sim_fail(s, SIM_MISS, "%s", text_string(&c->why));
}

enum flow_result flow_run_row(struct control *c, const struct flow *row, uint64_t deadline)
{
    struct sim *s = c->sim;
    size_t position = c->position;
    enum flow_result result;

    c->stage = 0;
    while ((result = row->run(c, row)) == FLOW_WAIT && c->position == position && !sim_failed(s)) {
        uint64_t now = now_ns(), turn = c->wake_ns ? c->wake_ns : deadline;
        if (now >= deadline)
            break;
        sim_pump(s, MIN(turn, deadline));
    }
    return result;
}

/* One row; false and the case has failed. */
static bool advance_row(struct control *c, const struct flow *row, int64_t within_ms)
{
    /* A client may let its test last as long as it said. */
    int64_t omit_ms = CLAMP_S(c->params.omit) * 1000;
    int64_t test_ms = omit_ms + (c->is_server ? CLAMP_S(c->params.time) * 1000 : 0);
    int64_t ms = within_ms >= 0 ? within_ms : WAIT_MS + test_ms;
    size_t position = c->position;

    if (is_done(c, position)) {
        c->position++;
        return true;
    }
    enum flow_result result = moment_run(c, row, ms);
    if (sim_failed(c->sim))
        return false;
    if (c->position != position)
        return true; /* the connection is made anew (CONN-5) */
    if (result != FLOW_DONE)
        return give_up(c, row, result == FLOW_WAIT);
    c->position++;
    return true;
}

bool flow_advance(struct control *c, int8_t state, int64_t within_ms)
{
    const struct flow *row;

    while ((row = flow_row(c))) {
        size_t position = c->position;
        if (!advance_row(c, row, within_ms))
            return false;
        if (state && row->state == state && c->position == position + 1)
            return true;
    }
    return state ? sim_fail(c->sim, SIM_TROUBLE, "the script asks for %s, which is behind it",
                            state_name(state))
                 : true;
}

bool flow_was_sent(struct control *c, int8_t state, bool wait, int64_t within_ms)
{
    const struct flow *row;

    while ((row = flow_row(c)) && row->state != state) {
        if (wait && !row->is_act && !advance_row(c, row, within_ms))
            return false;
        if (!wait || row->is_act)
            c->position++;
    }
    c->position += row != NULL;
    return true;
}

/* What is sent where it is due ends its row; what is sent ahead of its time leaves it out later. */
void flow_skip(struct control *c, int8_t state, int message)
{
    const struct flow *flow = c->is_server ? server_flow : client_flow;
    bool due = true;

    for (size_t i = c->position; flow[i].run; i++) {
        due &= flow[i].is_act || is_done(c, i);
        if (!is_done(c, i) && flow[i].is_act &&
            ((state && flow[i].state == state) || (message >= 0 && flow[i].message == message))) {
            c->done |= UINT64_C(1) << i;
            c->position = due ? i + 1 : c->position;
            pass_done(c);
            return;
        }
    }
}

void flow_skip_text(struct control *c)
{
    const struct flow *flow = c->is_server ? server_flow : client_flow;

    for (size_t i = 0; flow[i].run; i++) {
        bool is_text =
            flow[i].message == SCRIPT_MSG_PARAMS || flow[i].message == SCRIPT_MSG_RESULTS;
        if (is_text && flow[i].is_act && i >= c->position && !is_done(c, i)) {
            flow_skip(c, 0, flow[i].message);
            return;
        }
    }
}

static bool waits_for_text(const struct flow *row)
{
    return !row->is_act && (row->run == flow_await_results || strcmp(row->name, "params") == 0);
}

static bool waits_for_state(const struct flow *row)
{
    return !row->is_act && row->state != 0;
}

/* Messages come in turn. What is not one, an act or the streams, may be left for later, or may have
 * been the script's. */
bool flow_take(struct control *c)
{
    const struct flow *flow = c->is_server ? server_flow : client_flow;
    const struct event *e = control_head(c);
    size_t n = c->n_events, i = c->position;

    while (flow[i].run &&
           (is_done(c, i) || !(waits_for_text(&flow[i]) || waits_for_state(&flow[i]))))
        i++;
    if (!e || !flow[i].run)
        return false;
    if (!(e->kind == EVENT_JSON && waits_for_text(&flow[i])) &&
        !(e->kind == EVENT_STATE && waits_for_state(&flow[i]) && flow[i].state == e->state))
        return false;
    c->stage = 0;
    flow[i].run(c, &flow[i]); /* whether it likes the message is for the script to say */
    c->done |= UINT64_C(1) << i;
    pass_done(c);
    return c->n_events < n;
}

uint64_t flow_omit_end(const struct control *c)
{
    uint64_t end = c->running_ns + (uint64_t)CLAMP_S(c->params.omit) * 1000000000u;

    return c->running_ns && c->params.omit > 0 && now_ns() < end ? end : 0;
}
