/* step.c - what each step of a script does. */
#include "harness/sim/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* `stream N open`: one more stream, by hand. */
static bool open_stream(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);
    uint64_t deadline = sim_patience(s, WAIT_MS);

    if (c->is_server)
        return sim_fail(s, SIM_TROUBLE, "a client opens the streams");
    if (lane_find(c, step->stream))
        return sim_fail(s, SIM_TROUBLE, "stream %lld is open already", (long long)step->stream);
    struct lane *st = lane_connect(c, step->stream);
    while (!st->udp && !sim_failed(s) && !st->reset && (st->connecting || !lane_is_flushed(st))) {
        if (now_ns() >= deadline)
            return sim_fail(s, SIM_TIMEOUT, "stream %lld: no connection", (long long)step->stream);
        sim_pump(s, deadline);
    }
    return !sim_failed(s);
}

/* The connection whose cookie it is to have; `first` is the first one, if none is called so. */
static bool take_cookie(struct control *c, const char *of)
{
    struct sim *s = c->sim;
    const struct control *other = NULL;

    for (size_t i = 0; i < s->n_controls; i++)
        if (strcmp(s->controls[i]->name, of) == 0)
            other = s->controls[i];
    if (!other && strcmp(of, "first") == 0 && s->n_controls > 1)
        other = s->controls[0];
    if (!other || other == c)
        return sim_fail(s, SIM_TROUBLE, "there is no connection '%s'", of);
    memcpy(c->cookie, other->cookie, COOKIE_LEN);
    return true;
}

static bool set_open(struct control *c, const struct script_open *open)
{
    c->open = open;
    c->is_bare = open->transport != SCRIPT_CONTROL;
    c->is_udp = open->transport == SCRIPT_BARE_UDP;
    if (c->is_server && (c->is_bare || open->from || open->to))
        return sim_fail(c->sim, SIM_TROUBLE, "a server does not connect");
    return !open->cookie_of || take_cookie(c, open->cookie_of);
}

static bool run_open(struct sim *s, const struct script_step *step)
{
    if (step->stream && step->verb == SCRIPT_OPEN)
        return open_stream(s, step);
    struct control *c = control_get(s, step->who);
    if (step->verb == SCRIPT_OPEN && c->opened && c->fd < 0) /* it is over: the next of that name */
        c = control_new(s, step->who);
    const struct flow *flow = c->is_server ? server_flow : client_flow;
    int64_t ms = step->within_ms >= 0 ? step->within_ms : WAIT_MS;
    uint64_t deadline = sim_deadline(s, ms);
    enum flow_result result;

    if (c->opened)
        return sim_fail(s, SIM_TROUBLE, "the connection is open already");
    if (step->verb == SCRIPT_OPEN && !set_open(c, &step->open))
        return false;
    while ((result = flow->run(c, flow)) == FLOW_WAIT && now_ns() < deadline && !sim_failed(s))
        sim_pump(s, c->wake_ns ? MIN(c->wake_ns, deadline) : deadline);
    if (sim_failed(s))
        return false;
    if (result == FLOW_DONE) {
        c->position = 1;
        return true;
    }
    if (result == FLOW_WAIT && c->is_server)
        return sim_check_process(s, 100) && absent_fail(c, flow->clause);
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

static bool advance(struct sim *s, const struct script_step *step, int8_t state)
{
    struct control *c = control_get(s, step->who);

    if (c->is_bare)
        return sim_fail(s, SIM_TROUBLE, "a bare connection plays no test");
    return flow_advance(c, state, step->within_ms);
}

static bool run_advance(struct sim *s, const struct script_step *step)
{
    return advance(s, step, step->state);
}

static bool run_finish(struct sim *s, const struct script_step *step)
{
    return advance(s, step, 0);
}

static bool run_send(struct sim *s, const struct script_step *step)
{
    return opened(s, step) && send_run(s, step);
}

static bool run_wire(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    c->wires = text_realloc(c->wires, (c->n_wires + 1) * sizeof *c->wires);
    c->wires[c->n_wires++] = &step->wire;
    return !step->wire.meaning || message_set_params(&c->params, step->wire.meaning, &c->why) ||
           sim_fail(s, SIM_TROUBLE, "%s", text_string(&c->why));
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
    return sim_steps(s, steps);
}

static bool run_repeat(struct sim *s, const struct script_step *step)
{
    for (int64_t i = 0; i < step->branches.times; i++)
        if (!sim_steps(s, &step->branches.at[0]))
            return false;
    return true;
}

/* Without a name: on every connection. */
static struct ignored *ignored_of(struct sim *s, const struct script_step *step)
{
    return step->who[0] ? &control_get(s, step->who)->ignored : &s->ignored;
}

static bool run_ignore(struct sim *s, const struct script_step *step)
{
    struct ignored *list = ignored_of(s, step);

    list->at = text_realloc(list->at, (list->n + step->ignore.n) * sizeof *list->at);
    for (size_t i = 0; i < step->ignore.n; i++)
        list->at[list->n++] = &step->ignore.at[i];
    return true;
}

static bool is_same_event(const struct script_event *a, const struct script_event *b)
{
    struct text one = {0}, other = {0};

    script_print_event(a, &one);
    script_print_event(b, &other);
    bool same = strcmp(text_string(&one), text_string(&other)) == 0;
    text_fini(&one);
    text_fini(&other);
    return same;
}

static bool is_among(const struct script_events *events, const struct script_event *event)
{
    for (size_t i = 0; i < events->n; i++)
        if (is_same_event(&events->at[i], event))
            return true;
    return false;
}

static bool run_stop_ignoring(struct sim *s, const struct script_step *step)
{
    struct ignored *list = ignored_of(s, step);
    size_t kept = 0;

    for (size_t i = 0; i < list->n && step->ignore.n > 0; i++)
        if (!is_among(&step->ignore, list->at[i]))
            list->at[kept++] = list->at[i];
    list->n = kept;
    return true;
}

static bool run_drained(struct sim *s, const struct script_step *step)
{
    return drained_await(control_get(s, step->who), step->stream, expect_deadline(s, step));
}

static bool run_hold(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);

    c->hold = true;
    sim_record(s, c, (struct session_message){.kind = SESSION_HOLD, .from = SESSION_US});
    return true;
}

static bool run_split(struct sim *s, const struct script_step *step)
{
    const struct script_split *split = &step->split;

    control_get(s, step->who)->split = split->every || split->n ? split : NULL;
    return true;
}

static bool run_close(struct sim *s, const struct script_step *step)
{
    struct control *c = opened(s, step);
    enum session_kind kind = step->verb == SCRIPT_RESET        ? SESSION_RESET
                             : step->verb == SCRIPT_HALF_CLOSE ? SESSION_END
                                                               : SESSION_CLOSE;
    bool reset = kind == SESSION_RESET;
    struct lane *st = c && step->stream ? lane_find(c, step->stream) : NULL;

    if (!c)
        return false;
    if (step->stream && !st)
        return sim_fail(s, SIM_TROUBLE, "there is no stream %lld", (long long)step->stream);
    control_flush_all(s);
    sim_record(s, c,
               (struct session_message){.kind = kind, .from = SESSION_US, .stream = step->stream});
    if (st && step->verb == SCRIPT_HALF_CLOSE)
        lane_shut(st);
    else if (st)
        lane_close(st, reset);
    else if (step->verb == SCRIPT_HALF_CLOSE)
        control_shut(c);
    else
        control_close(c, reset);
    return true;
}

static bool run_cork(struct sim *s, const struct script_step *step)
{
    control_flush_all(s);
    control_get(s, step->who)->corked = true;
    return true;
}

static bool run_uncork(struct sim *s, const struct script_step *step)
{
    struct control *c = opened(s, step);

    if (!c)
        return false;
    control_uncork(c);
    return send_await_flushed(c, NULL);
}

static bool run_stall(struct sim *s, const struct script_step *step)
{
    struct control *c = control_get(s, step->who);
    struct lane *st = step->stream ? lane_find(c, step->stream) : NULL;
    bool stalled = step->verb == SCRIPT_STALL;

    if (step->stream && !st)
        return sim_fail(s, SIM_TROUBLE, "there is no stream %lld", (long long)step->stream);
    if (st)
        st->stalled = stalled;
    else
        c->stalled = stalled;
    sim_record(s, c,
               (struct session_message){.kind = stalled ? SESSION_STALL : SESSION_RESUME,
                                        .from = SESSION_US,
                                        .stream = step->stream});
    return true;
}

static bool run_lose(struct sim *s, const struct script_step *step)
{
    struct lane *st = lane_find(control_get(s, step->who), step->stream);

    if (!st || !lane_lose(st, true))
        return sim_fail(s, SIM_TROUBLE, "stream %lld has no connection that could lose anything",
                        (long long)step->stream);
    pause_run(s, step);
    lane_lose(st, false);
    return !sim_failed(s);
}

static bool run_subject(struct sim *s, const struct script_step *step)
{
    const struct sim_process *p = s->config->process;
    int signo = step->subject.signo;
    char words[48];

    control_flush_all(s);
    s->end_is_wanted |= signo && signo != SIGSTOP && signo != SIGCONT;
    if (signo)
        snprintf(words, sizeof words, "signal %s", sigabbrev_np(signo));
    else
        snprintf(words, sizeof words, "descriptors %" PRId64, step->subject.descriptors);
    sim_record(s, NULL,
               (struct session_message){
                   .kind = SESSION_NOTE, .body = {(const uint8_t *)words, strlen(words)}
    });
    bool ok = p && (signo ? p->signal(p->context, signo)
                          : p->limit && p->limit(p->context, step->subject.descriptors));
    s->is_limited |= ok && step->subject.descriptors > 0;
    return ok || sim_fail(s, SIM_TROUBLE, "the subject's process is out of reach");
}

/* Linux refuses the datagrams of all others once a socket is connected, here to itself. */
static bool refuse_datagrams(int fd)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;

    return getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
           connect(fd, (struct sockaddr *)&own, len) == 0;
}

/* The port stays ours, and Linux refuses who connects, until somebody listens on it anew. */
static bool run_deaf(struct sim *s, const struct script_step *step)
{
    static const char words[] = "deaf: connects are refused from now on";

    (void)step;
    s->is_deaf = true;
    sim_record(s, NULL,
               (struct session_message){
                   .kind = SESSION_NOTE, .body = {(const uint8_t *)words, sizeof words - 1}
    });
    if (shutdown(s->config->listener->tcp, SHUT_RDWR) < 0)
        return sim_fail(s, SIM_TROUBLE, "shutdown: %s", strerror(errno));
    if (!refuse_datagrams(s->config->listener->udp))
        return sim_fail(s, SIM_TROUBLE, "connect: %s", strerror(errno));
    return true;
}

void step_hear_again(const struct sim_listener *listener)
{
    (void)listen(listener->tcp, SIM_BACKLOG);
    (void)connect(listener->udp, &(struct sockaddr){.sa_family = AF_UNSPEC},
                  sizeof(struct sockaddr));
}

static bool (*const runners[])(struct sim *s, const struct script_step *step) = {
    [SCRIPT_OPEN] = run_open,        [SCRIPT_ADVANCE] = run_advance,
    [SCRIPT_FINISH] = run_finish,    [SCRIPT_SEND] = run_send,
    [SCRIPT_WIRE] = run_wire,        [SCRIPT_PARAMS] = run_params,
    [SCRIPT_EXPECT] = expect_run,    [SCRIPT_EITHER] = run_either,
    [SCRIPT_IGNORE] = run_ignore,    [SCRIPT_HOLD] = run_hold,
    [SCRIPT_SPLIT] = run_split,      [SCRIPT_CLOSE] = run_close,
    [SCRIPT_HALF_CLOSE] = run_close, [SCRIPT_RESET] = run_close,
    [SCRIPT_SUBJECT] = run_subject,  [SCRIPT_CORK] = run_cork,
    [SCRIPT_UNCORK] = run_uncork,    [SCRIPT_PAUSE] = pause_run,
    [SCRIPT_STALL] = run_stall,      [SCRIPT_RESUME] = run_stall,
    [SCRIPT_LOSE] = run_lose,        [SCRIPT_BACKGROUND] = background_start,
    [SCRIPT_STOP] = background_stop, [SCRIPT_ANY_ORDER] = expect_any_order,
    [SCRIPT_REPEAT] = run_repeat,    [SCRIPT_STOP_IGNORING] = run_stop_ignoring,
    [SCRIPT_DRAINED] = run_drained,  [SCRIPT_DEAF] = run_deaf,
};

bool step_run(struct sim *s, const struct script_step *step)
{
    return runners[step->verb](s, step);
}
