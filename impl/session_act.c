/* session_act.c - what a session does when its machine asks for it, and what its data phase says.
 */
#include "impl/net/sock.h"
#include "impl/session_core.h"
#include "impl/wire/account.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SETTLE_MAX_NS UINT64_C(10000000000)

/* --- what the data phase says ---------------------------------------------------------------- */

static void on_interval(void *context, const struct interval *rows, size_t n)
{
    struct session *s = context;

    report_interval(s->config.report, rows, n);
}

/* The server throws away what reaches it after TEST_END (FLOW-7). A test of so many bytes is to
 * count them all, so TEST_END waits until they are there. */
void session_settle(struct loop_timer *timer, uint64_t now_ns)
{
    struct session *s = LOOP_OWNER(struct session, settle, timer);
    uint64_t limit_ns = s->settle_from_ns + SETTLE_MAX_NS;

    if (s->settle_from_ns != 0 && now_ns < limit_ns && run_unacknowledged(s->run) > 0) {
        loop_timer_set(s->loop, timer,
                       now_ns + sock_acknowledge_pause_ns(now_ns - s->settle_from_ns));
        return;
    }
    machine_test_over(s->machine, now_ns);
    session_drive(s);
}

static void on_over(void *context)
{
    struct session *s = context;
    const struct params *p = machine_params(s->machine);
    uint64_t now_ns = loop_now();

    s->settle_from_ns = p->num || p->blockcount ? now_ns : 0;
    session_settle(&s->settle, now_ns);
}

static void on_failed(void *context, int ierr, int os_errno)
{
    session_failed(context, ierr, os_errno);
}

/* The data phase is made when its first stream comes: only then the parameters are final. Or when
 * results are due without one (FLOW-12). */
bool session_ensure_run(struct session *s)
{
    struct run_config config = s->config.run;
    const struct params *p = machine_params(s->machine);

    if (s->run)
        return true;
    config.loop = s->loop;
    config.role = s->role;
    config.params = p;
    config.skip_rx_copy = p->skip_rx_copy != 0;
    config.detailed = s->config.output_is_json;
    config.loop_first = true;
    if (config.role == MACHINE_SERVER && params_has(p, PARAM_server_affinity))
        config.affinity = (int)p->server_affinity;
    config.context = s;
    config.interval = on_interval;
    config.over = on_over;
    config.failed = on_failed;
    s->run = run_new(&config);
    return s->run != NULL;
}

/* --- actions --------------------------------------------------------------------------------- */

static void name_ends(struct report_stream *stream)
{
    struct sock_name local, remote;

    if (sock_local(stream->socket, &local)) {
        snprintf(stream->local_host, sizeof stream->local_host, "%s", local.host);
        stream->local_port = local.port;
    }
    if (sock_peer(stream->socket, &remote)) {
        snprintf(stream->remote_host, sizeof stream->remote_host, "%s", remote.host);
        stream->remote_port = remote.port;
    }
}

static void describe_streams(struct session *s)
{
    size_t n = run_n_streams(s->run);
    struct report_stream *streams = calloc(n ? n : 1, sizeof *streams);

    if (!streams)
        return;
    for (size_t i = 0; i < n; i++) {
        streams[i].id = account_stream_id((unsigned)i);
        streams[i].socket = run_stream_fd(s->run, i);
        name_ends(&streams[i]);
    }
    report_streams(s->config.report, streams, n);
    free(streams);
}

/* Of a stream's socket, as the report shows them. */
struct report_buffers session_buffers(const struct params *p, int fd)
{
    return (struct report_buffers){
        .sock_bufsize = (int)p->window,
        .sndbuf_actual = sock_sndbuf(fd),
        .rcvbuf_actual = sock_rcvbuf(fd),
    };
}

static void act_init(struct session *s, const struct machine_action *action)
{
    const struct params *p = machine_params(s->machine);
    struct report_start start = {
        .params = p,
        .duration_s = (uint64_t)params_time_limit(p),
        .interval_s = s->config.run.interval_s,
        .buffers = {.sock_bufsize = (int)p->window},
    };

    (void)action;
    if (s->config.ops->set_up)
        s->config.ops->set_up(s->config.context);
    describe_streams(s);
    if (run_n_streams(s->run) > 0)
        start.buffers = session_buffers(p, run_stream_fd(s->run, 0));
    report_start(s->config.report, &start);
    run_init(s->run, loop_now());
}

static void act_run(struct session *s, const struct machine_action *action)
{
    (void)action;

    enum spec_err err = run_start(s->run, loop_now());

    if (err != SPEC_OK) /* SPEC_E_RANGE: no such CPU (PARAM-8) */
        machine_failed(s->machine, loop_now(), err == SPEC_E_RANGE ? IEAFFINITY : IEPTHREADCREATE,
                       errno);
}

static void act_close_streams(struct session *s, const struct machine_action *action)
{
    (void)action;
    if (s->config.ops->set_up)
        s->config.ops->set_up(s->config.context);
    if (s->run)
        run_close(s->run);
}

static uint64_t size_of(const char *file)
{
    struct stat status;

    return file && stat(file, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* The summary, with the peer's counts where they have come. */
static void show_totals(struct session *s)
{
    size_t n = s->run ? run_n_streams(s->run) : 0;
    struct interval_total *totals = calloc(n ? n : 1, sizeof *totals);
    struct results mine;

    if (s->reported || !totals || n == 0 || run_start_ns(s->run) == 0) {
        free(totals);
        return;
    }
    s->reported = true;
    results_init(&mine);
    for (size_t i = 0; i < n; i++)
        totals[i] = run_totals(s->run, i);
    if (run_fill_results(s->run, &mine) == SPEC_OK)
        report_end(s->config.report, &(struct report_end){
                                         .totals = totals,
                                         .n = n,
                                         .peer = machine_peer_results(s->machine),
                                         .cpu_total = mine.cpu_util_total,
                                         .cpu_user = mine.cpu_util_user,
                                         .cpu_system = mine.cpu_util_system,
                                         .congestion = mine.congestion_used,
                                         .file = s->config.run.file,
                                         .file_size = size_of(s->config.run.file),
                                     });
    results_fini(&mine);
    free(totals);
}

static void act_report(struct session *s, const struct machine_action *action)
{
    (void)action;
    show_totals(s);
}

/* RES-7, RES-8: only a server is asked for its output. */
static enum spec_err add_output(struct session *s, struct results *mine)
{
    const char *output;
    char **member;

    if (s->role != MACHINE_SERVER ||
        !params_has(machine_params(s->machine), PARAM_get_server_output))
        return SPEC_OK;
    output = s->config.output_is_json ? report_output_json(s->config.report)
                                      : report_output_text(s->config.report);
    member = s->config.output_is_json ? &mine->server_output_json : &mine->server_output_text;
    if (output && !(*member = strdup(output)))
        return SPEC_E_NOMEM;
    return SPEC_OK;
}

static void act_pack(struct session *s, const struct machine_action *action)
{
    struct results mine;

    (void)action;
    results_init(&mine);
    if (session_ensure_run(s))
        run_stop(s->run);
    if (s->run && run_fill_results(s->run, &mine) == SPEC_OK && add_output(s, &mine) == SPEC_OK)
        machine_results(s->machine, loop_now(), &mine);
    else
        machine_failed(s->machine, loop_now(), IEPACKAGERESULTS, ENOMEM);
    results_fini(&mine);
}

static void act_send(struct session *s, const struct machine_action *action)
{
    if (s->chan && chan_send(s->chan, action->bytes) != SPEC_OK)
        machine_failed(s->machine, loop_now(), IESENDMESSAGE, errno);
}

static void act_authorize(struct session *s, const struct machine_action *action)
{
    (void)action;
    s->config.ops->authorize(s->config.context);
}

static void act_prepare(struct session *s, const struct machine_action *action)
{
    (void)action;
    s->config.ops->prepare(s->config.context);
}

static void act_accept(struct session *s, const struct machine_action *action)
{
    s->config.ops->accept(s->config.context, action->n);
}

static void act_open(struct session *s, const struct machine_action *action)
{
    s->config.ops->open(s->config.context, action->n);
}

static void act_end(struct session *s, const struct machine_action *action)
{
    s->ended = true;
    s->end = action->end;
    loop_timer_cancel(&s->settle);
    if (s->run)
        run_close(s->run);
    show_totals(s);
    if (s->chan)
        chan_close(s->chan, s->config.gone, s->config.gone_context);
    s->chan = NULL;
    loop_timer_set(s->loop, &s->timer, 0);
}

/* -d: what the machine wants, and in which state. */
static void tell(const struct session *s, const struct machine_action *action)
{
    static const char *const names[] = {
        [MACHINE_SEND] = "send",
        [MACHINE_AUTHORIZE] = "check the token",
        [MACHINE_PREPARE] = "prepare",
        [MACHINE_ACCEPT] = "accept streams",
        [MACHINE_OPEN] = "open streams",
        [MACHINE_INIT] = "start the timers",
        [MACHINE_RUN] = "start the data",
        [MACHINE_CLOSE_STREAMS] = "close the streams",
        [MACHINE_REPORT] = "report",
        [MACHINE_PACK] = "pack the results",
        [MACHINE_END] = "end",
    };

    if (!s->config.debug)
        return;
    fprintf(s->config.debug, "debug: %-8s %s", machine_state_name(machine_state(s->machine)),
            names[action->kind]);
    if (action->kind == MACHINE_SEND)
        fprintf(s->config.debug, " %zu bytes, first %02x", action->bytes.len, action->bytes.at[0]);
    if (action->kind == MACHINE_END)
        fprintf(s->config.debug, " (%s)", action->end.clause);
    fputc('\n', s->config.debug);
}

void session_act(struct session *s, const struct machine_action *action)
{
    static void (*const acts[])(struct session *, const struct machine_action *) = {
        [MACHINE_SEND] = act_send,       [MACHINE_AUTHORIZE] = act_authorize,
        [MACHINE_PREPARE] = act_prepare, [MACHINE_ACCEPT] = act_accept,
        [MACHINE_OPEN] = act_open,       [MACHINE_INIT] = act_init,
        [MACHINE_RUN] = act_run,         [MACHINE_CLOSE_STREAMS] = act_close_streams,
        [MACHINE_REPORT] = act_report,   [MACHINE_PACK] = act_pack,
        [MACHINE_END] = act_end,
    };

    tell(s, action);
    acts[action->kind](s, action);
}
