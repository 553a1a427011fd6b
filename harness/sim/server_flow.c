/* server_flow.c - what an honest server of one test does, row by row (FLOW-1). */
#include "harness/sim/peer.h"

#include <string.h>

#define LOOK_EVERY_NS  1000000u
#define BLOCK_EVERY_NS 10000000u /* a sending server sends a block, or datagram, each 10 ms */

/* The first connection that has its cookie, or has ended without one. */
static struct pending *oldest(struct sim *s)
{
    for (size_t i = 0; i < s->n_pending; i++)
        if (s->pending[i].over)
            return &s->pending[i];
    return NULL;
}

static void forget(struct sim *s, struct pending *p)
{
    size_t at = (size_t)(p - s->pending);

    memmove(p, p + 1, (s->n_pending - at - 1) * sizeof *p);
    s->n_pending--;
}

static enum flow_result accept_control(struct control *c, const struct flow *row)
{
    struct sim *s = c->sim;
    const struct sim_process *process = s->config->process;
    struct pending *p = oldest(s);
    int status;

    if (!p && process && process->ended(process->context, &status)) {
        /* What it started has no event to wait for; and what it sent before its end may wait in a
         * socket: a turn later that is read. */
        if ((process->goes_on && process->goes_on(process->context)) || s->n_pending > 0 ||
            c->stage++ == 0) {
            c->wake_ns = now_ns() + LOOK_EVERY_NS;
            return FLOW_WAIT;
        }
        text_fini(&c->why);
        absent_tell_end(process, status, &c->why);
        text_addf(&c->why, " (%s)", row->clause);
        return FLOW_FAILED;
    }
    if (!p)
        return FLOW_WAIT;
    c->wake_ns = 0;
    if (process && process->met)
        process->met(process->context, sim_port(&p->peer));
    control_adopt(c, p->fd);
    c->tap = p->tap;
    tap_name(&c->tap, c->name, 0, false);
    memcpy(c->cookie, p->cookie, COOKIE_LEN);
    sim_record(s, c,
               (struct session_message){
                   .kind = SESSION_COOKIE, .from = SESSION_SUBJECT, .body = {p->cookie, p->have}
    });
    c->cookie_len = p->have;
    c->cookie_is_good = p->have == COOKIE_LEN && frame_cookie_is_well_formed(p->cookie);
    forget(s, p);
    return FLOW_DONE;
}

static enum flow_result check_cookie(struct control *c, const struct flow *row)
{
    if (c->cookie_is_good)
        return FLOW_DONE;
    text_fini(&c->why);
    absent_tell_cookie(c, &c->why);
    text_addf(&c->why, " (%s)", row->clause);
    return FLOW_FAILED;
}

static void remark(void *context, const struct remark *r)
{
    struct text *why = context;

    if (why->len == 0)
        text_addf(why, "%s%sexpected %s, found %s (%s)", r->key, *r->key ? ": " : "", r->expected,
                  r->found, r->clause);
}

static enum flow_result await_params(struct control *c, const struct flow *row)
{
    const struct event *e = control_head(c);
    struct text why = {0};
    struct remarks remarks = {remark, &why};

    if (!e || e->kind != EVENT_JSON)
        return flow_unexpected(c, row, "the parameters");
    text_fini(&c->peer_params);
    text_add(&c->peer_params, e->body.at, e->body.len);
    text_fini(&c->why);
    bool is_read = event_is_read(e, "parameters", &c->why);
    control_pop(c);
    params_fini(&c->params);
    struct bytes text = {(const uint8_t *)text_string(&c->peer_params), c->peer_params.len};
    enum spec_err err = params_decode(text, &c->params, &remarks);
    if (err != SPEC_OK && is_read)
        text_addf(&c->why, "parameters that cannot be read: %s", spec_err_text(err));
    text_fini(&why);
    return err == SPEC_OK && check_text(text, &c->why) ? FLOW_DONE : FLOW_FAILED;
}

bool server_awaits_stream(const struct control *c)
{
    return c->is_server && c->position > 0 && flow_row(c) &&
           params_protocol(&c->params) == PARAMS_TCP && (int64_t)c->n_streams < moment_n_streams(c);
}

enum flow_result server_take_stream(struct control *c, bool any_cookie)
{
    struct pending *p = oldest(c->sim);

    if (!p)
        return FLOW_WAIT;
    if (!any_cookie && (p->have != COOKIE_LEN || memcmp(p->cookie, c->cookie, COOKIE_LEN) != 0)) {
        text_fini(&c->why);
        text_addf(&c->why, "a connection without this test's cookie (STR-10)");
        return FLOW_FAILED;
    }
    struct lane *st = lane_adopt(c, p->fd);
    st->tap = p->tap;
    tap_name(&st->tap, c->name, st->id, false);
    forget(c->sim, p);
    return FLOW_DONE;
}

static enum flow_result accept_streams(struct control *c, const struct flow *row)
{
    enum flow_result taken = FLOW_DONE;

    while (server_awaits_stream(c) && taken == FLOW_DONE)
        taken = server_take_stream(c, false);
    if (taken == FLOW_FAILED || (int64_t)c->n_streams >= moment_n_streams(c))
        return taken;
    return flow_unexpected(c, row, "the streams");
}

static enum flow_result send_running(struct control *c, const struct flow *row)
{
    c->running_ns = now_ns();
    return flow_send_state(c, row);
}

static void send_block(struct control *c)
{
    for (size_t i = 0; i < c->n_streams; i++) {
        struct lane *st = c->streams[i];
        if (!st->we_send || !lane_is_flushed(st))
            continue;
        if (st->udp)
            datagram_send_next(c, st, st->datagrams + 1);
        else
            lane_send(c, st, (uint64_t)c->params.len);
    }
}

/* Serve data until the client ends the test. */
static enum flow_result data(struct control *c, const struct flow *row)
{
    const struct event *e = control_head(c);

    if (e && e->kind == EVENT_STATE && e->state == TEST_END) {
        control_pop(c);
        c->wake_ns = 0;
        return FLOW_DONE;
    }
    if (e)
        return flow_unexpected(c, row, "04 TEST_END");
    if (!c->own_data && !moment_is_never(c, "data") && now_ns() >= c->wake_ns) {
        send_block(c);
        c->wake_ns = now_ns() + BLOCK_EVERY_NS;
    }
    return FLOW_WAIT;
}

/* FLOW-7: the streams are closed before 0d. What is still in the sockets was sent before TEST_END.
 */
static enum flow_result end_streams(struct control *c, const struct flow *row)
{
    if (c->stage == 0) {
        for (size_t i = 0; i < c->n_streams; i++)
            if (c->streams[i]->fd >= 0)
                lane_ready(c, c->streams[i], POLLIN);
        lanes_close(c);
    }
    return flow_send_state(c, row);
}

static enum flow_result await_done(struct control *c, const struct flow *row)
{
    const struct event *e = control_head(c);

    if (!e)
        return FLOW_WAIT;
    if (e->kind == EVENT_END || (e->kind == EVENT_STATE && e->state == IPERF_DONE)) { /* FLOW-10 */
        control_pop(c);
        c->finished = true;
        return FLOW_DONE;
    }
    return flow_unexpected(c, row, "10 IPERF_DONE");
}

const struct flow server_flow[] = {
    {accept_control,     0,                -1,                 false, "CTL-1",   ""                },
    {check_cookie,       0,                -1,                 false, "CTL-2",   "cookie"          },
    {flow_send_state,    PARAM_EXCHANGE,   -1,                 true,  "CTL-8",   "PARAM_EXCHANGE"  },
    {await_params,       0,                -1,                 false, "PARAM-1", "params"          },
    {flow_send_state,    CREATE_STREAMS,   -1,                 true,  "FLOW-3",  "CREATE_STREAMS"  },
    {accept_streams,     0,                -1,                 false, "STR-1",   "streams"         },
    {flow_send_state,    TEST_START,       -1,                 true,  "STR-4",   "TEST_START"      },
    {send_running,       TEST_RUNNING,     -1,                 true,  "FLOW-4",  "TEST_RUNNING"    },
    {data,               TEST_END,         -1,                 false, "END-1",   "data"            },
    {end_streams,        EXCHANGE_RESULTS, -1,                 true,  "FLOW-7",  "EXCHANGE_RESULTS"},
    {flow_await_results, 0,                -1,                 false, "FLOW-8",  ""                },
    {flow_send_message,  0,                SCRIPT_MSG_RESULTS, true,  "FLOW-8",  "results"         },
    {flow_send_state,    DISPLAY_RESULTS,  -1,                 true,  "FLOW-9",  "DISPLAY_RESULTS" },
    {await_done,         IPERF_DONE,       -1,                 false, "FLOW-1",  "IPERF_DONE"      },
    {flow_close,         0,                -1,                 true,  "FLOW-1",  "close"           },
    {NULL,               0,                -1,                 false, NULL,      NULL              },
};
