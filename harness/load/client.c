#include "harness/load/client_core.h"

#include "impl/net/rnd.h"
#include "impl/net/sock.h"
#include "impl/report/report.h"
#include "impl/sign.h"
#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what went wrong ------------------------------------------------------------------------- */

void load_client_blame(struct load_client *c, const char *cause, const char *detail)
{
    if (c->report.end != LOAD_GOOD)
        return;
    c->report.end = LOAD_FAILED;
    snprintf(c->report.cause, sizeof c->report.cause, "%s", cause);
    text_adds(&c->report.detail, detail);
}

static bool is_no_room(int os_errno)
{
    return os_errno == EADDRNOTAVAIL || os_errno == EMFILE || os_errno == ENFILE ||
           os_errno == ENOBUFS || os_errno == ENOMEM;
}

/* The session ended before the server took it up: that is no verdict yet. */
static bool note_unbegun(struct load_client *c, const struct machine_end *end)
{
    if (is_no_room(end->os_errno) && !end->peer_said)
        c->report.end = LOAD_NO_ROOM;
    else if (c->reached == CLI_START && end->ierr == IEACCESSDENIED)
        c->report.end = LOAD_BUSY;
    else if (c->reached == CLI_START && c->peer_closed)
        c->report.end = LOAD_AWAY;
    else
        return false;
    return true;
}

static void note_end(struct load_client *c, const struct machine_end *end)
{
    char text[128], cause[160];

    if (end->ok || c->report.end != LOAD_GOOD || note_unbegun(c, end))
        return;
    report_error_format(text, sizeof text, end->ierr, end->os_errno);
    snprintf(cause, sizeof cause, "in %s: %s%s (%s)", machine_state_name(c->reached),
             end->peer_said ? "the server says: " : "", text, end->clause);
    load_client_blame(c, cause, "");
}

static void on_violation(void *context, const struct observer_violation *v)
{
    struct load_client *c = context;
    char cause[64], detail[320];

    snprintf(cause, sizeof cause, "the server breaks %s", v->clause);
    snprintf(detail, sizeof detail, "expected %s, found %s", v->expected, v->found);
    load_client_blame(c, cause, detail);
}

/* --- the end --------------------------------------------------------------------------------- */

static void finish(struct load_client *c)
{
    if (!c->ended || !c->channel_gone)
        return;
    if (c->report.end == LOAD_GOOD || c->report.end == LOAD_FAILED)
        c->report.over_ns = loop_now();
    c->setting->done(c->context, &c->report);
    load_client_free(c);
}

/* From the loop: none of the machine's calls is under way. */
static void on_finished(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    finish(LOOP_OWNER(struct load_client, timer, timer));
}

static void on_gone(void *context)
{
    struct load_client *c = context;

    c->channel_gone = true;
    loop_timer_set(c->setting->loop, &c->timer, 0);
}

static void give_up(struct load_client *c)
{
    c->setting->gauge->now -= c->running && !c->ended;
    c->ended = true;
    udpknock_cancel(&c->knock);
    dial_cancel(c->dial);
    c->dial = NULL;
    loop_timer_cancel(&c->limit);
    load_client_close_flows(c);
}

static void on_limit(struct loop_timer *timer, uint64_t now_ns)
{
    struct load_client *c = LOOP_OWNER(struct load_client, limit, timer);
    char cause[160];

    (void)now_ns;
    snprintf(cause, sizeof cause, "no end within the limit (in %s)",
             c->machine ? machine_state_name(machine_state(c->machine)) : "connect");
    load_client_blame(c, cause, "");
    c->report.timed_out = true;
    give_up(c);
    chan_abort(c->chan);
    c->chan = NULL;
    on_gone(c);
}

static void act_end(struct load_client *c, const struct machine_end *end)
{
    if (end->ok)
        load_client_judge(c);
    if (c->observer)
        observer_finish(c->observer);
    note_end(c, end);
    give_up(c);
    chan_close(c->chan, on_gone, c);
    c->chan = NULL;
}

/* --- the machine ----------------------------------------------------------------------------- */

static void send_bytes(struct load_client *c, struct bytes bytes)
{
    (void)observer_bytes(c->observer, OBSERVER_CLIENT, loop_now(), bytes);
    if (chan_send(c->chan, bytes) != SPEC_OK)
        machine_failed(c->machine, loop_now(), IESENDMESSAGE, errno);
}

static void pack(struct load_client *c)
{
    if (load_client_pack(c))
        machine_results(c->machine, loop_now(), &c->mine);
    else
        machine_failed(c->machine, loop_now(), IEPACKAGERESULTS, ENOMEM);
}

static void act(struct load_client *c, const struct machine_action *action)
{
    switch (action->kind) {
    case MACHINE_SEND:
        send_bytes(c, action->bytes);
        break;
    case MACHINE_OPEN:
        load_client_open(c, action->n);
        break;
    case MACHINE_RUN:
        load_client_run(c);
        break;
    case MACHINE_PACK:
        pack(c);
        break;
    case MACHINE_CLOSE_STREAMS:
        load_client_close_flows(c);
        break;
    case MACHINE_END:
        act_end(c, &action->end);
        break;
    default: /* nothing is printed, and a client is not asked for the rest */
        break;
    }
}

/* Before each input but the first: where it finds the session. */
static struct machine *machine_of(struct load_client *c)
{
    c->reached = machine_state(c->machine);
    return c->machine;
}

void load_client_drive(struct load_client *c)
{
    struct machine_action action;

    if (c->driving || c->ended)
        return;
    c->driving = true;
    while (!c->ended && machine_next(c->machine, &action))
        act(c, &action);
    c->driving = false;
    if (c->ended)
        return;
    loop_timer_set(c->setting->loop, &c->timer, machine_deadline(c->machine));
}

void load_client_failed(struct load_client *c, int ierr, int os_errno)
{
    if (c->ended)
        return;
    machine_failed(machine_of(c), loop_now(), ierr, os_errno);
    load_client_drive(c);
}

static void on_timer(struct loop_timer *timer, uint64_t now_ns)
{
    struct load_client *c = LOOP_OWNER(struct load_client, timer, timer);

    if (c->ended) {
        on_finished(timer, now_ns);
        return;
    }
    machine_tick(machine_of(c), now_ns);
    load_client_drive(c);
}

/* --- the control connection ------------------------------------------------------------------ */

static void on_bytes(void *context, struct bytes *in)
{
    struct load_client *c = context;

    while (in->len > 0 && !c->ended) {
        struct bytes before = *in;
        machine_bytes(machine_of(c), loop_now(), in);
        (void)observer_bytes(c->observer, OBSERVER_SERVER, loop_now(),
                             (struct bytes){before.at, before.len - in->len});
        load_client_drive(c);
        if (in->len == before.len)
            return;
    }
}

static void on_eof(void *context)
{
    struct load_client *c = context;

    c->peer_closed = true;
    (void)observer_end(c->observer, OBSERVER_SERVER, loop_now(), false);
    machine_eof(machine_of(c), loop_now());
    load_client_drive(c);
}

static void on_reset(void *context, int os_errno)
{
    struct load_client *c = context;

    c->peer_closed = true;
    machine_reset(machine_of(c), loop_now(), os_errno);
    load_client_drive(c);
}

static bool start(struct load_client *c, int fd)
{
    static const struct chan_events events = {.bytes = on_bytes, .eof = on_eof, .reset = on_reset};
    struct observer_config judge = {
        .vantage = OBSERVER_AT_CLIENT,
        .violation = on_violation,
        .context = c,
        .judge_server = true,
    };
    struct machine_config config;

    machine_config_init(&config, MACHINE_CLIENT);
    config.params = c->params;
    memcpy(config.cookie, c->cookie, COOKIE_LEN);
    c->machine = machine_new(&config);
    c->observer = observer_new(&judge);
    if (!c->machine || !c->observer || sock_set_nodelay(fd) != 0)
        return false;
    c->chan = chan_new(c->setting->loop, fd, &events, c);
    return c->chan != NULL;
}

/* Without a connection there is no session either. */
static void end_early(struct load_client *c, int os_errno)
{
    c->report.end = is_no_room(os_errno) ? LOAD_NO_ROOM : LOAD_AWAY;
    give_up(c);
    on_gone(c);
}

static void on_control(void *context, int fd, int ierr, int os_errno)
{
    struct load_client *c = context;

    c->dial = NULL;
    if (ierr) {
        end_early(c, os_errno);
    } else if (!start(c, fd)) {
        close(fd);
        end_early(c, ENOMEM);
    } else {
        machine_start(c->machine, loop_now());
        load_client_drive(c);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

/* A client that authenticates has a token of its own (AUTH-8). */
static bool add_token(struct load_client *c)
{
    const struct load_mode *mode = c->mode;

    if (!mode->key)
        return true;
    if (params_copy(&c->signed_params, &mode->opt.params) != SPEC_OK ||
        sign_params(&mode->opt, mode->key, &c->signed_params) != SPEC_OK)
        return false;
    c->params = &c->signed_params;
    return true;
}

static bool dial_control(struct load_client *c)
{
    c->dial = dial_new(c->setting->loop, &(struct dial_to){
                                             .host = c->setting->host,
                                             .port = c->setting->port,
                                             .kind = SOCK_KIND_TCP, /* CONN-1 */
                                             .failure = IECONNECT,
                                             .done = on_control,
                                             .context = c,
                                         });
    return c->dial != NULL;
}

struct load_client *load_client_new(const struct load_setting *setting,
                                    const struct load_mode *mode, void *context)
{
    struct load_client *c = calloc(1, sizeof *c);
    uint8_t random[COOKIE_LEN - 1];

    if (!c)
        return NULL;
    c->setting = setting;
    c->mode = mode;
    c->context = context;
    c->params = &mode->opt.params;
    c->reached = CLI_START;
    c->timer.fire = on_timer;
    c->limit.fire = on_limit;
    c->due.fire = load_client_due;
    c->owner = (struct load_flow_owner){.loop = setting->loop,
                                        .params = c->params,
                                        .udp = params_protocol(c->params) == PARAMS_UDP};
    c->flows = calloc((size_t)params_n_streams(c->params), sizeof *c->flows);
    c->report.began_ns = loop_now();
    if (!c->flows || rnd_bytes(random, sizeof random) != SPEC_OK || !add_token(c) ||
        !dial_control(c)) {
        load_client_free(c);
        return NULL;
    }
    frame_make_cookie(c->cookie, random);
    loop_timer_set(setting->loop, &c->limit,
                   c->report.began_ns + setting->limit_ns +
                       (uint64_t)(c->params->omit + params_time_limit(c->params)) *
                           UINT64_C(1000000000));
    return c;
}

void load_client_free(struct load_client *c)
{
    if (!c)
        return;
    give_up(c);
    loop_timer_cancel(&c->timer);
    if (c->chan)
        chan_abort(c->chan);
    machine_free(c->machine);
    observer_free(c->observer);
    results_fini(&c->mine);
    params_fini(&c->signed_params);
    text_fini(&c->report.detail);
    free(c->flows);
    free(c);
}
