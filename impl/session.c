/* session.c - drives the machine: bytes, time and answers in; see session_act.c for what comes out.
 */
#include "impl/session_core.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void session_drive(struct session *s)
{
    struct machine_action action;

    if (s->driving)
        return;
    s->driving = true;
    while (machine_next(s->machine, &action))
        session_act(s, &action);
    s->driving = false;
    if (!s->ended)
        loop_timer_set(s->loop, &s->timer, machine_deadline(s->machine));
}

/* After an answer: go on, and offer the bytes that the channel kept meanwhile. */
static void answered(struct session *s)
{
    bool outermost = !s->driving;

    session_drive(s);
    if (outermost && s->chan && !machine_is_waiting(s->machine))
        chan_resume(s->chan);
}

static void on_timer(struct loop_timer *timer, uint64_t now_ns)
{
    struct session *s = LOOP_OWNER(struct session, timer, timer);

    if (s->ended) {
        s->config.ops->over(s->config.context, &s->end);
        return;
    }
    if (s->run && run_last_received_ns(s->run))
        machine_progress(s->machine, run_last_received_ns(s->run));
    machine_tick(s->machine, now_ns);
    session_drive(s);
}

/* --- the control channel ---------------------------------------------------------------------- */

static void on_bytes(void *context, struct bytes *in)
{
    struct session *s = context;

    if (s->config.ops->asked && machine_state(s->machine) == CLI_START)
        s->config.ops->asked(s->config.context);
    while (in->len > 0 && !s->ended) {
        size_t before = in->len;

        machine_bytes(s->machine, loop_now(), in);
        session_drive(s);
        if (in->len == before)
            return;
    }
}

static void on_eof(void *context)
{
    struct session *s = context;

    machine_eof(s->machine, loop_now());
    session_drive(s);
}

static void on_reset(void *context, int os_errno)
{
    struct session *s = context;

    machine_reset(s->machine, loop_now(), os_errno);
    session_drive(s);
}

/* --- life ------------------------------------------------------------------------------------- */

struct session *session_new(const struct session_config *config)
{
    struct session *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->config = *config;
    s->config.machine = NULL; /* borrowed for this call only */
    s->loop = config->loop;
    s->role = config->machine->role;
    s->timer.fire = on_timer;
    s->settle.fire = session_settle;
    s->machine = machine_new(config->machine);
    if (!s->machine) {
        free(s);
        return NULL;
    }
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    loop_timer_cancel(&s->timer);
    loop_timer_cancel(&s->settle);
    if (s->chan)
        chan_abort(s->chan);
    run_free(s->run);
    machine_free(s->machine);
    free(s);
}

void session_start(struct session *s, struct chan *chan, uint64_t started_ns)
{
    static const struct chan_events events = {.bytes = on_bytes, .eof = on_eof, .reset = on_reset};

    s->chan = chan;
    chan_set_events(chan, &events, s);
    machine_start(s->machine, started_ns);
    session_drive(s);
    if (s->chan)
        chan_resume(s->chan);
}

void session_add_stream(struct session *s, int fd)
{
    const struct params *p = machine_params(s->machine);
    bool client = s->role == MACHINE_CLIENT;
    bool sender;

    if (s->ended || !session_ensure_run(s)) {
        close(fd);
        session_failed(s, IECREATESTREAM, errno);
        return;
    }
    sender = params_client_sends(p, (unsigned)run_n_streams(s->run)) == client;
    if (run_add_stream(s->run, fd, sender) != SPEC_OK) {
        session_failed(s, IECREATESTREAM, errno);
        return;
    }
    machine_stream_up(s->machine, loop_now());
    answered(s);
}

void session_authorized(struct session *s, bool ok)
{
    machine_authorized(s->machine, loop_now(), ok);
    answered(s);
}

void session_prepared(struct session *s, int ierr, int os_errno)
{
    machine_prepared(s->machine, loop_now(), ierr, os_errno);
    answered(s);
}

void session_failed(struct session *s, int ierr, int os_errno)
{
    machine_failed(s->machine, loop_now(), ierr, os_errno);
    answered(s);
}

void session_terminate(struct session *s)
{
    machine_terminate(s->machine, loop_now());
    answered(s);
}

void session_expire(struct session *s)
{
    machine_tick(s->machine, machine_deadline(s->machine));
    session_drive(s);
}

const struct machine *session_machine(const struct session *s)
{
    return s->machine;
}

const struct params *session_params(const struct session *s)
{
    return machine_params(s->machine);
}

unsigned session_n_streams(const struct session *s)
{
    return s->run ? (unsigned)run_n_streams(s->run) : 0;
}
