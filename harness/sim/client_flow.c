/* client_flow.c - what an honest client does, row by row (FLOW-1). */
#include "harness/session/place.h"
#include "harness/sim/peer.h"
#include "harness/sim/sockdiag.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY_NS    1000000u /* the queues have no event to wait for */
#define OMIT_MARGIN_NS   100000000u
#define HONEST_BYTES_MAX (64u << 20) /* whatever `num` and `blockcount` ask for */
/* One connect is tried again after 5, 10, 20, 40 and then each 80 ms. Listeners that are opened
 * anew are back after some 100 ms (CONN-5); those of slow machines later. */
#define RETRY_MS      5
#define RETRY_DOUBLES 4
#define RETRY_FOR_MS  5000 /* times the scale */
#define START_FOR_MS  9000 /* the same, for a server that a command starts on another machine */
#define UNNAMED       ", where a stock iperf3 may open its listener anew: --profile says that it is one"

static int retry_ms(const struct control *c)
{
    const struct sim_config *config = c->sim->config;
    bool is_starting = config->command && !config->is_local && c->sim->sessions == 0;

    return is_starting ? START_FOR_MS : RETRY_FOR_MS;
}

static enum flow_result again(struct control *c)
{
    uint64_t now = now_ns();

    if (c->retries == 0)
        c->retry_until_ns = now + (uint64_t)(retry_ms(c) * 1e6 * c->sim->config->timeout_scale);
    if (now >= c->retry_until_ns) {
        text_fini(&c->why);
        text_addf(&c->why, "no connection in %u attempts%s%s", c->retries + 1,
                  c->connect_errno ? ": " : "", c->connect_errno ? strerror(c->connect_errno) : "");
        return FLOW_FAILED;
    }
    c->retries++;
    while (c->n_events > 0)
        control_pop(c);
    control_close(c, false);
    c->at_end = false;
    c->out.len = c->n_cuts = 0; /* of a cookie that came too late */
    c->position = 0;
    c->connect_errno = 0;
    c->wake_ns = now + (RETRY_MS * 1000000u << MIN(c->retries - 1, RETRY_DOUBLES));
    return FLOW_WAIT;
}

static bool may_try_again(const struct control *c)
{
    const struct sim_config *config = c->sim->config;

    bool was_used = config->was_used || c->sim->sessions > (c->is_over ? 1u : 0u); /* by others */

    return config->may_retry && was_used && !c->got_byte;
}

/* The connection's own cookie, whole, is all that was sent on it. */
static bool said_its_cookie_only(const struct control *c)
{
    const struct session *record = &c->sim->out->record;
    bool has_cookie = false;

    for (size_t i = record->n; i-- > 0;) {
        const struct session_message *m = &record->messages[i];
        if (!session_is_of(m, c->name) || m->from != SESSION_US)
            continue;
        if (m->kind == SESSION_OPEN)
            break;
        if (m->kind != SESSION_COOKIE || m->body.len != COOKIE_LEN ||
            memcmp(m->body.at, c->cookie, COOKIE_LEN) != 0)
            return false;
        has_cookie = true;
    }
    return has_cookie;
}

bool client_flow_begin_anew(struct control *c)
{
    const struct event *e = control_head(c);
    size_t position = c->position;

    if (c->is_server || !e || (e->kind != EVENT_END && e->kind != EVENT_RESET) ||
        !may_try_again(c) || !said_its_cookie_only(c) || again(c) != FLOW_WAIT)
        return false;
    c->done = 0;
    while (c->position < position) {
        if (flow_run_row(c, flow_row(c), sim_deadline(c->sim, WAIT_MS)) != FLOW_DONE) {
            sim_fail(c->sim, SIM_MISS, "%s", text_string(&c->why));
            break;
        }
        c->position++;
    }
    return true;
}

/* All that the subject said on the connection is that it is busy. */
static bool was_denied_at_once(const struct control *c)
{
    const struct session *record = &c->sim->out->record;
    bool denied = false;

    for (size_t i = 0; i < record->n; i++) {
        const struct session_message *m = &record->messages[i];
        if (!session_is_of(m, c->name) || m->from != SESSION_SUBJECT || m->stream)
            continue;
        if (m->kind == SESSION_STATE && m->state != ACCESS_DENIED)
            return false;
        denied |= m->kind == SESSION_STATE;
    }
    return denied;
}

bool client_flow_met_reopening(const struct sim *s)
{
    const struct control *first = s->n_controls ? s->controls[0] : NULL;
    bool is_judged = s->out->cause == SIM_OK || s->out->cause == SIM_MISS;

    if (!is_judged || !first || first->is_server || s->config->is_local)
        return false;
    return (first->at_end && may_try_again(first)) ||
           (s->config->may_retry && s->config->was_used && was_denied_at_once(first));
}

/* Who refuses us may be there for another address only. */
static void add_elsewhere(const struct control *c, struct text *out)
{
    static const int families[] = {AF_INET, AF_INET6};
    unsigned port = sim_port(&c->sim->config->server);
    struct sockdiag_listener l;

    for (size_t i = 0; c->sim->config->is_local && port && i < ARRAY_LEN(families); i++)
        if (sockdiag_listeners(families[i], port, &l, 1) == 1)
            text_addf(out, ", where the port is listened on at %s", l.address);
}

static enum flow_result connect_row(struct control *c, const struct flow *row)
{
    if (now_ns() < c->wake_ns)
        return FLOW_WAIT;
    c->wake_ns = 0;
    if (c->fd < 0 && !c->at_end) { /* else it came up, said no and went, all at once */
        c->sim->out->connects += c->retries == 0;
        control_connect(c);
    }
    if (c->connecting)
        return FLOW_WAIT;
    if (c->connect_errno == 0)
        return FLOW_DONE;
    if ((c->connect_errno == ECONNREFUSED || c->connect_errno == ECONNRESET) && may_try_again(c))
        return again(c);
    text_fini(&c->why);
    text_addf(&c->why, "connect failed: %s (%s)", strerror(c->connect_errno), row->clause);
    if (c->connect_errno == ECONNREFUSED)
        add_elsewhere(c, &c->why);
    return FLOW_FAILED;
}

static enum flow_result await_state(struct control *c, const struct flow *row)
{
    const struct event *e = control_head(c);
    char wanted[160];

    if (!e)
        return FLOW_WAIT;
    if (e->kind == EVENT_STATE && e->state == row->state) {
        control_pop(c);
        if (row->state == TEST_RUNNING)
            c->running_ns = now_ns();
        return FLOW_DONE;
    }
    bool is_lost = e->kind == EVENT_RESET || e->kind == EVENT_END;
    if (row->state == PARAM_EXCHANGE && is_lost && may_try_again(c))
        return again(c);
    bool is_reopening = row->state == PARAM_EXCHANGE && c->sim->config->was_used;
    snprintf(wanted, sizeof wanted, "%02x %s%s", (uint8_t)row->state, state_name(row->state),
             is_reopening && e->kind == EVENT_RESET ? UNNAMED : "");
    return flow_unexpected(c, row, wanted);
}

/* One after the other (STR-1). */
static enum flow_result open_streams(struct control *c, const struct flow *row)
{
    struct lane *last = c->n_streams ? c->streams[c->n_streams - 1] : NULL;

    if (last && last->reset) {
        text_fini(&c->why);
        text_addf(&c->why, "stream %lld was refused (%s)", (long long)last->id, row->clause);
        return FLOW_FAILED;
    }
    if (control_head(c) &&
        flow_unexpected(c, row, "the acceptance of the streams") == FLOW_FAILED &&
        (int64_t)c->n_streams < moment_n_streams(c))
        return FLOW_FAILED;
    while (!last || last->up) {
        if ((int64_t)c->n_streams >= moment_n_streams(c))
            return FLOW_DONE;
        last = lane_connect(c, 0);
    }
    return FLOW_WAIT;
}

/* How many blocks the streams of one direction carry together: what ends the test if that is bytes
 * or blocks (END-1), else a few on each. */
static uint64_t wanted_blocks(const struct control *c, uint64_t n_streams)
{
    const struct params *p = &c->params;
    uint64_t len = (uint64_t)MAX(p->len, 1);
    uint64_t blocks = p->num > 0          ? ((uint64_t)p->num - 1) / len + 1
                      : p->blockcount > 0 ? (uint64_t)p->blockcount
                      : p->udp            ? n_streams * HONEST_DATAGRAMS
                                          : n_streams * HONEST_BLOCKS;

    return MIN(blocks, MAX(HONEST_BYTES_MAX / len, 1));
}

static uint64_t count_streams(const struct control *c, bool we_send)
{
    uint64_t n = 0;

    for (size_t i = 0; i < c->n_streams; i++)
        n += c->streams[i]->we_send == we_send;
    return n;
}

static bool is_limited(const struct control *c)
{
    return c->params.num > 0 || c->params.blockcount > 0;
}

static void send_blocks(struct control *c, struct lane *st, uint64_t blocks)
{
    if (!st->udp)
        lane_send(c, st, blocks * (uint64_t)MAX(c->params.len, 0));
    for (uint64_t seq = 1; st->udp && seq <= blocks; seq++)
        datagram_send_next(c, st, st->datagrams + 1);
}

static void send_honest_data(struct control *c)
{
    uint64_t streams_left = count_streams(c, true), blocks = wanted_blocks(c, streams_left);

    for (size_t k = 0; k < c->n_streams && streams_left > 0; k++) {
        if (!c->streams[k]->we_send)
            continue;
        uint64_t share = blocks / streams_left--;
        send_blocks(c, c->streams[k], share);
        blocks -= share;
    }
}

/* Enough came: some blocks on each stream, or as much in all as ends the test. */
static bool received_is_done(const struct control *c)
{
    uint64_t n = count_streams(c, false), len = (uint64_t)MAX(c->params.len, 1), sum = 0;
    uint64_t wanted = n ? wanted_blocks(c, n) * len : 0;

    for (size_t i = 0; i < c->n_streams; i++) {
        const struct lane *st = c->streams[i];
        if (!st->we_send && !is_limited(c) && !st->stalled && st->received < HONEST_BLOCKS * len)
            return false;
        sum += st->we_send ? 0 : st->received;
    }
    return !is_limited(c) || count_streams(c, true) || sum >= wanted;
}

static enum flow_result data(struct control *c, const struct flow *row)
{
    uint64_t omit_end = flow_omit_end(c);

    if (c->ended)
        return FLOW_DONE;
    if (control_head(c))
        return flow_unexpected(c, row, "nothing before TEST_END");
    if (omit_end) { /* OMIT-4; the two sides' clocks may differ (OMIT-3) */
        c->wake_ns = omit_end + OMIT_MARGIN_NS;
        return FLOW_WAIT;
    }
    if (c->stage++ == 0) {
        c->acked_ns = 0;
        if (!c->own_data && !moment_is_never(c, "data"))
            send_honest_data(c);
    }
    c->wake_ns = 0;
    if (!drained_lanes(c, 0) || !received_is_done(c) || !drained_is_counted(c)) {
        c->wake_ns = now_ns() + LOOK_EVERY_NS;
        return FLOW_WAIT;
    }
    drained_note(c);
    return FLOW_DONE;
}

const struct flow client_flow[] = {
    {connect_row,        0,                -1,                 true,  "CONN-1",  ""                },
    {flow_send_message,  0,                SCRIPT_MSG_COOKIE,  true,  "CTL-1",   "cookie"          },
    {await_state,        PARAM_EXCHANGE,   -1,                 false, "CTL-8",   "PARAM_EXCHANGE"  },
    {flow_send_message,  0,                SCRIPT_MSG_PARAMS,  true,  "PARAM-1", "params"          },
    {await_state,        CREATE_STREAMS,   -1,                 false, "FLOW-3",  "CREATE_STREAMS"  },
    {open_streams,       0,                -1,                 true,  "STR-1",   "streams"         },
    {await_state,        TEST_START,       -1,                 false, "STR-4",   "TEST_START"      },
    {await_state,        TEST_RUNNING,     -1,                 false, "FLOW-4",  "TEST_RUNNING"    },
    {data,               0,                -1,                 true,  "FLOW-2",  "data"            },
    {flow_send_state,    TEST_END,         -1,                 true,  "END-1",   "TEST_END"        },
    {await_state,        EXCHANGE_RESULTS, -1,                 false, "FLOW-1",  "EXCHANGE_RESULTS"},
    {flow_send_message,  0,                SCRIPT_MSG_RESULTS, true,  "FLOW-8",  "results"         },
    {flow_await_results, 0,                -1,                 false, "FLOW-8",  ""                },
    {await_state,        DISPLAY_RESULTS,  -1,                 false, "FLOW-9",  "DISPLAY_RESULTS" },
    {flow_send_state,    IPERF_DONE,       -1,                 true,  "FLOW-1",  "IPERF_DONE"      },
    {flow_close,         0,                -1,                 true,  "FLOW-1",  "close"           },
    {NULL,               0,                -1,                 false, NULL,      NULL              },
};
