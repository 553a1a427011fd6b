/* run.c - plays the steps of a script, one after the other. */
#include "harness/sim/peer.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool run_steps(struct sim *s, const struct script_steps *steps);

/* --- what a step does ------------------------------------------------------------------------ */

static bool run_open(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);
    const struct flow *flow = c->is_server ? server_flow : client_flow;
    int64_t ms = step->within_ms >= 0 ? step->within_ms : WAIT_MS;
    uint64_t deadline = sim_deadline(s, ms);
    enum flow_result result;

    if (c->opened)
        return sim_fail(s, SIM_TROUBLE, "the connection is open already");
    while ((result = flow->run(c, flow)) == FLOW_WAIT && sim_now() < deadline && !sim_failed(s))
        sim_pump(s, c->wake_ns ? MIN(c->wake_ns, deadline) : deadline);
    if (sim_failed(s))
        return false;
    if (result == FLOW_DONE) {
        c->position = 1;
        return true;
    }
    return sim_check_process(s, 100) &&
           sim_fail(s, result == FLOW_WAIT ? SIM_TIMEOUT : SIM_MISS, "%s",
                    result == FLOW_WAIT ? "no connection in time" : text_string(&c->why));
}

/* Steps on a connection that nobody opened open it. */
static struct control *opened(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    if (!c->opened && !run_open(s, step))
        return NULL;
    return c;
}

static bool run_advance(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    return flow_advance(c, step->state, step->within_ms);
}

static bool run_finish(struct sim *s, const struct script_step *step)
{
    return flow_advance(control_get(s, step->who), 0, step->within_ms);
}

static bool await_flushed(struct control *c, const struct lane *st)
{
    uint64_t deadline = sim_deadline(c->sim, WAIT_MS);

    while (!(st ? lane_is_flushed(st) : control_is_flushed(c)) && !sim_failed(c->sim)) {
        if (sim_now() >= deadline)
            return sim_fail(c->sim, SIM_TIMEOUT, "the subject does not read");
        sim_pump(c->sim, deadline);
    }
    return !sim_failed(c->sim);
}

static bool send_message(struct control *c, const struct script_send *send,
                         enum script_message message)
{
    struct text bytes = {0};
    struct session_message m;
    bool cut = send->first >= 0;

    if (!message_build(c, message, &bytes, &m)) {
        text_fini(&bytes);
        return sim_fail(c->sim, SIM_TROUBLE, "%s", text_string(&c->why));
    }
    struct bytes out = {(uint8_t *)bytes.at, cut ? MIN(bytes.len, (size_t)send->first) : bytes.len};
    size_t prefix = message == SCRIPT_MSG_COOKIE ? 0 : 4;
    m.body = cut ? out : (struct bytes){out.at + prefix, out.len - prefix};
    flow_skip(c, 0, (int)message);
    control_send(c, cut && prefix ? SESSION_BYTES : m.kind, &m, out);
    text_fini(&bytes);
    return true;
}

static bool send_error(struct control *c, const struct script_send *send)
{
    struct session_message m = {
        .n_ints = send->n_ints, .ierr = send->ierr, .os_errno = send->os_errno};
    uint8_t bytes[9];
    size_t len = frame_put_error(bytes, send->n_ints, send->ierr, send->os_errno);

    control_send(c, SESSION_ERROR, &m, (struct bytes){bytes, len});
    return true;
}

static bool send_on_stream(struct control *c, const struct script_step *step)
{
    struct lane *st = lane_find(c, step->stream);

    if (!st)
        return sim_fail(c->sim, SIM_TROUBLE, "there is no stream %lld", (long long)step->stream);
    c->own_data = true;
    if (step->send.kind == SCRIPT_SEND_DATA) {
        lane_send(c, st, (uint64_t)step->send.count);
        return await_flushed(c, st);
    }
    for (size_t i = 0; step->send.kind == SCRIPT_SEND_DATAGRAMS && i < step->send.n_seqs; i++) {
        uint64_t deadline = sim_deadline(c->sim, WAIT_MS);
        while (!lane_send_datagram(c, st, (uint64_t)step->send.seqs[i])) {
            if (sim_now() >= deadline || sim_failed(c->sim))
                return sim_fail(c->sim, SIM_TROUBLE, "datagrams cannot be sent");
            sim_pause(c->sim, 1);
        }
    }
    if (step->send.kind == SCRIPT_SEND_BYTES && st->fd >= 0)
        send(st->fd, step->send.bytes.at, step->send.bytes.len, MSG_NOSIGNAL);
    return true;
}

static bool run_send(struct sim *s, const struct script_step *step)
{
    struct control *c = opened(s, step);
    const struct script_send *send = &step->send;
    struct bytes bytes = send->bytes;

    if (!c)
        return false;
    if (step->stream)
        return send_on_stream(c, step);
    if (c->fd < 0) {
        const struct event *e = control_head(c);
        struct text got = {0};
        if (e)
            event_describe(e, &got);
        if (sim_check_process(s, 200))
            sim_fail(s, SIM_MISS, "%s before this could be sent",
                     e ? text_string(&got) : "the end of the connection");
        text_fini(&got);
        return false;
    }
    if (send->first >= 0)
        bytes.len = MIN(bytes.len, (size_t)send->first);
    switch (send->kind) {
    case SCRIPT_SEND_STATE:
        flow_skip(c, (int8_t)bytes.at[0], -1);
        control_send_state(c, (int8_t)bytes.at[0]);
        break;
    case SCRIPT_SEND_COOKIE:
        send_message(c, send, SCRIPT_MSG_COOKIE);
        break;
    case SCRIPT_SEND_PARAMS:
        send_message(c, send, SCRIPT_MSG_PARAMS);
        break;
    case SCRIPT_SEND_RESULTS:
        send_message(c, send, SCRIPT_MSG_RESULTS);
        break;
    case SCRIPT_SEND_ERROR:
        send_error(c, send);
        break;
    default:
        control_send(c, SESSION_BYTES, NULL, bytes);
    }
    return await_flushed(c, NULL);
}

static bool run_wire(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    c->wires = text_realloc(c->wires, (c->n_wires + 1) * sizeof *c->wires);
    c->wires[c->n_wires++] = &step->wire;
    return true;
}

static bool run_params(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    return message_set_params(&c->params, step->params, &c->why) ||
           sim_fail(s, SIM_TROUBLE, "%s", text_string(&c->why));
}

static bool run_either(struct sim *s, const struct script_step *step)
{
    size_t branch;

    if (!expect_either(s, step, &branch))
        return false;
    const struct script_steps *steps = &step->branches.at[branch];
    struct text taken = {0};
    script_print_step(&steps->at[0], &taken);
    text_addf(&s->out->branches, "%sline %u: %s", s->out->branches.len ? "; " : "", step->line,
              text_string(&taken));
    text_fini(&taken);
    return run_steps(s, steps);
}

static bool run_ignore(struct sim *s, const struct script_step *step)
{
    s->ignored = text_realloc(s->ignored, (s->n_ignored + 1) * sizeof *s->ignored);
    s->ignored[s->n_ignored++] = step->ignore;
    return true;
}

static bool run_hold(struct sim *s, const struct script_step *step)
{
    control_get(s, step->who)->hold = true;
    return true;
}

static bool run_split(struct sim *s, const struct script_step *step)
{
    control_get(s, step->who)->split = (size_t)step->split;
    return true;
}

static bool run_close(struct sim *s, const struct script_step *step)
{
    struct control *c = opened(s, step);
    bool reset = step->verb == SCRIPT_RESET;
    struct lane *st = c && step->stream ? lane_find(c, step->stream) : NULL;

    if (!c)
        return false;
    if (step->stream && !st)
        return sim_fail(s, SIM_TROUBLE, "there is no stream %lld", (long long)step->stream);
    sim_record(s, c,
               (struct session_message){.kind = reset ? SESSION_RESET : SESSION_END,
                                        .from = SESSION_US,
                                        .stream = step->stream});
    if (st)
        lane_close(st, reset);
    else if (step->verb == SCRIPT_HALF_CLOSE)
        control_shut(c);
    else
        control_close(c, reset);
    return true;
}

static bool run_subject(struct sim *s, const struct script_step *step)
{
    const struct sim_process *p = s->config->process;

    s->end_is_wanted = step->signo != SIGSTOP && step->signo != SIGCONT;
    if (!p || !p->signal(p->context, step->signo))
        return sim_fail(s, SIM_TROUBLE, "the subject's process is out of reach");
    return true;
}

static bool (*const runners[])(struct sim *s, const struct script_step *step) = {
    [SCRIPT_OPEN] = run_open,        [SCRIPT_ADVANCE] = run_advance, [SCRIPT_FINISH] = run_finish,
    [SCRIPT_SEND] = run_send,        [SCRIPT_WIRE] = run_wire,       [SCRIPT_PARAMS] = run_params,
    [SCRIPT_EXPECT] = expect_run,    [SCRIPT_EITHER] = run_either,   [SCRIPT_IGNORE] = run_ignore,
    [SCRIPT_HOLD] = run_hold,        [SCRIPT_SPLIT] = run_split,     [SCRIPT_CLOSE] = run_close,
    [SCRIPT_HALF_CLOSE] = run_close, [SCRIPT_RESET] = run_close,     [SCRIPT_SUBJECT] = run_subject,
};

static bool run_steps(struct sim *s, const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        bool ok = runners[step->verb](s, step) && !sim_failed(s);
        if (ok)
            continue;
        if (s->out->line == 0) { /* the innermost step of an either is named */
            s->out->line = step->line;
            s->out->clause = step->clause;
            script_print_step(step, &s->out->step);
        }
        return sim_fail(s, SIM_TROUBLE, "the step gave no reason");
    }
    return true;
}

/* --- the whole case -------------------------------------------------------------------------- */

static void close_case(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++) {
        lanes_close(s->controls[i]);
        control_close(s->controls[i], false);
    }
}

/* A client must come to an end once its server is gone, and whoever was told to end; else a server
 * must still be there. */
static void judge_rest(struct sim *s)
{
    const struct sim_process *p = s->config->process;
    uint64_t deadline = sim_deadline(s, 2 * WAIT_MS);
    int status;

    if (!p || sim_failed(s))
        return;
    if (!s->end_is_wanted) {
        sim_check_process(s, 0);
        return;
    }
    while (!p->ended(p->context, &status) && !sim_failed(s)) {
        if (sim_now() >= deadline)
            sim_fail(s, SIM_HANG,
                     "the process is still running %d s after the last connection was closed",
                     2 * WAIT_MS / 1000);
        sim_pump(s, MIN(deadline, sim_now() + 50000000));
    }
    sim_check_process(s, 0);
}

static void free_all(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++)
        control_free(s->controls[i]);
    for (size_t i = 0; i < s->n_pending; i++) {
        tap_close(&s->pending[i].tap, s->pending[i].fd, false);
        close(s->pending[i].fd);
    }
    free(s->controls);
    free(s->pending);
    free(s->ignored);
}

void sim_run(const struct sim_config *config, struct sim_outcome *outcome)
{
    struct sim s = {.config = config, .out = outcome, .start_ns = sim_now()};

    *outcome = (struct sim_outcome){0};
    s.end_is_wanted = config->script->plays_server;
    if (run_steps(&s, &config->script->steps)) {
        close_case(&s);
        judge_rest(&s);
    }
    close_case(&s);
    free_all(&s);
}

void sim_outcome_fini(struct sim_outcome *o)
{
    text_fini(&o->step);
    text_fini(&o->got);
    text_fini(&o->branches);
    session_fini(&o->record);
}

const char *sim_cause_word(enum sim_cause cause)
{
    static const char *const words[] = {
#define X(name, word, text) word,
        SIM_CAUSES(X)
#undef X
    };
    return words[cause];
}

const char *sim_cause_text(enum sim_cause cause)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        SIM_CAUSES(X)
#undef X
    };
    return texts[cause];
}
