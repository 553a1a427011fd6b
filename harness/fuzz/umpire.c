#include "harness/fuzz/umpire.h"

#include <string.h>

static enum observer_side side_of(const struct umpire *u, enum session_from from)
{
    return (from == SESSION_US) == u->we_serve ? OBSERVER_SERVER : OBSERVER_CLIENT;
}

static void on_violation(void *context, const struct observer_violation *v)
{
    struct umpire *u = context;

    if (v->by == side_of(u, SESSION_US)) {
        u->we_erred = true;
    } else if ((!u->we_erred || v->is_never_right) && !u->has_violation) {
        u->has_violation = true;
        u->violation = *v;
    }
}

/* The control connection is the first that the client makes. */
static bool is_ours(struct umpire *u, const struct tap_event *e)
{
    enum session_from client = u->we_serve ? SESSION_SUBJECT : SESSION_US;

    if (!e->flow || e->flow->udp)
        return false;
    if (e->kind == TAP_OPEN && e->flow->id <= u->flow) /* another play, which counts anew */
        u->is_over = true;
    if (e->kind == TAP_OPEN && u->flow == 0 && e->flow->by == client && e->flow->stream == 0)
        u->flow = e->flow->id;
    return e->flow->id == u->flow && !u->is_over;
}

static void on_event(void *context, const struct tap_event *e)
{
    struct umpire *u = context;

    if (!u->observer || !is_ours(u, e))
        return;
    if (e->kind == TAP_BYTES)
        observer_bytes(u->observer, side_of(u, e->from), e->at_ns, e->bytes);
    else if (e->kind == TAP_END || e->kind == TAP_RESET)
        observer_end(u->observer, side_of(u, e->from), e->at_ns, e->kind == TAP_RESET);
}

void umpire_init(struct umpire *u)
{
    *u = (struct umpire){.flow = 0};
    u->tap = (struct sim_tap){.context = u, .event = on_event};
}

void umpire_begin(struct umpire *u, bool we_serve)
{
    struct observer_config config = {
        .vantage = we_serve ? OBSERVER_AT_SERVER : OBSERVER_AT_CLIENT,
        .violation = on_violation,
        .context = u,
        .judge_client = true,
        .judge_server = true,
    };

    u->we_serve = we_serve;
    u->we_erred = u->has_violation = u->is_over = false;
    u->flow = 0;
    u->observer = observer_new(&config);
}

bool umpire_end(struct umpire *u)
{
    observer_free(u->observer); /* not finished: what is missing may be our own doing */
    u->observer = NULL;
    return u->has_violation;
}
