#include "impl/client.h"

#include "impl/net/auth.h"
#include "impl/net/dial.h"
#include "impl/net/rnd.h"
#include "impl/net/udpknock.h"
#include "impl/session.h"
#include "impl/sign.h"
#include "impl/tune.h"
#include "impl/version.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct client {
    struct options *opt; /* its params are what is sent */
    FILE *err;
    struct loop *loop;
    uint8_t cookie[COOKIE_LEN];
    struct dial *dial;
    struct transcript *transcript;
    struct report *report;
    struct session *session;
    struct auth_key *key;  /* NULL: nobody asked for a token */
    struct sock_name peer; /* of the control connection: streams go to the same (STR-10) */
    unsigned n_wanted;     /* streams still to open */
    struct udpknock knock; /* of the one that is being opened */
    int waiting_for;       /* things that must be gone before the loop may end */
    int interrupted;       /* the signal that ended us; 0: none */
    int status;
};

static void open_next(struct client *c);

/* --- the end ---------------------------------------------------------------------------------- */

static void on_gone(void *context)
{
    struct client *c = context;

    if (--c->waiting_for == 0)
        loop_stop(c->loop);
}

static void fail(struct client *c, int ierr, int os_errno)
{
    report_error(c->report, ierr, os_errno);
    report_finish(c->report);
    c->status = 1;
    loop_stop(c->loop);
}

static void on_over(void *context, const struct machine_end *end)
{
    struct client *c = context;

    udpknock_cancel(&c->knock);
    if (c->dial)
        dial_cancel(c->dial);
    c->dial = NULL;
    if (c->interrupted)
        report_interrupted(c->report, c->interrupted);
    else if (!end->ok)
        report_error(c->report, end->ierr, end->os_errno);
    report_finish(c->report);
    if (!end->ok && !c->interrupted) /* CLOSE-6: 0 from 3.19 on */
        c->status = 1;
    on_gone(c);
}

/* --- streams: one after the other (STR-1) --------------------------------------------------------
 */

static void stream_is_up(struct client *c, int fd)
{
    c->n_wanted--;
    session_add_stream(c->session, fd);
    if (c->n_wanted > 0)
        open_next(c);
}

static void on_knocked(void *context, int fd, int ierr, int os_errno)
{
    struct client *c = context;

    if (ierr)
        session_failed(c->session, ierr, os_errno);
    else
        stream_is_up(c, fd);
}

static void show_buffers(struct client *c, int fd)
{
    struct report_buffers buffers = session_buffers(&c->opt->params, fd);

    report_buffers(c->report, &buffers);
}

static int prepare_stream(void *context, int fd)
{
    struct client *c = context;
    const struct params *p = &c->opt->params;
    int ierr = tune_stream(fd, p, (int)c->opt->snd_timeout_ms);

    if (!ierr && p->sctp)
        ierr = tune_sctp(fd, p, c->opt->nstreams, c->opt->xbind);
    if (!ierr && session_n_streams(c->session) == 0)
        show_buffers(c, fd);
    return ierr ? ierr : tune_congestion(fd, p);
}

static void on_stream(void *context, int fd, int ierr, int os_errno)
{
    struct client *c = context;

    c->dial = NULL;
    if (ierr) {
        session_failed(c->session, ierr, os_errno);
    } else if (c->opt->params.udp) {
        ierr = udpknock_start(&c->knock, c->loop, fd, &c->opt->params, on_knocked, c);
        if (ierr)
            session_failed(c->session, ierr, errno);
    } else if (send(fd, c->cookie, COOKIE_LEN, MSG_NOSIGNAL) != COOKIE_LEN) {
        os_errno = errno;
        close(fd);
        session_failed(c->session, IESENDCOOKIE, os_errno);
    } else {
        stream_is_up(c, fd);
    }
}

static void open_next(struct client *c)
{
    unsigned index = session_n_streams(c->session);
    uint16_t port = (uint16_t)c->opt->client_port;
    struct dial_to to = {
        .host = c->peer.host,
        .port = (uint16_t)c->opt->port,
        .kind = c->opt->params.udp     ? SOCK_KIND_UDP
                : c->opt->params.sctp  ? SOCK_KIND_SCTP
                : c->opt->params.mptcp ? SOCK_KIND_MPTCP
                                       : SOCK_KIND_TCP,
        .from = {.host = c->opt->bind_address,
                 .device = c->opt->bind_dev,
                 .family = c->peer.family,
                 .port = (uint16_t)(port ? port + index : 0)}, /* STR-7 */
        .flowlabel = (uint32_t)c->opt->params.flowlabel,
        .failure = IESTREAMCONNECT,
        .prepare = prepare_stream,
        .done = on_stream,
        .context = c,
    };

    c->dial = dial_new(c->loop, &to);
    if (!c->dial)
        session_failed(c->session, IESTREAMCONNECT, errno);
}

static void on_open(void *context, unsigned n)
{
    struct client *c = context;

    c->n_wanted = n;
    open_next(c);
}

/* --- the control connection ----------------------------------------------------------------------
 */

static enum spec_err sign(struct client *c)
{
    return sign_params(c->opt, c->key, &c->opt->params);
}

/* Whoever cannot make a token fails at once. */
static int add_token(struct client *c)
{
    char why[256];

    if (!c->opt->username)
        return 0;
    c->key = auth_load_public(c->opt->public_key, why, sizeof why);
    return c->key && sign(c) == SPEC_OK ? 0 : IESETCLIENTAUTH;
}

/* The server may have let us wait for longer than a token is good for (AUTH-4, AUTH-8). */
static void on_asked(void *context)
{
    struct client *c = context;

    if (c->key)
        (void)sign(c); /* it went well before; if not now, the older one stays */
}

static int tune_control(struct client *c, int fd)
{
    const struct options *opt = c->opt;
    int ierr = sock_set_nodelay(fd); /* CONN-9 */

    if (!ierr && opt->snd_timeout_ms)
        ierr = sock_set_user_timeout(fd, (unsigned)opt->snd_timeout_ms);
    if (!ierr && opt->keepalive)
        ierr = sock_set_keepalive(fd, (int)opt->keepalive_idle_s, (int)opt->keepalive_interval_s,
                                  (int)opt->keepalive_count);
    return ierr;
}

static int make_session(struct client *c)
{
    static const struct session_ops ops = {.open = on_open, .asked = on_asked, .over = on_over};
    struct machine_config machine;
    struct session_config config = {
        .loop = c->loop,
        .ops = &ops,
        .context = c,
        .machine = &machine,
        .report = c->report,
        .run = {.interval_s = (double)c->opt->interval_ns / 1e9,
                .file = c->opt->file,
                .affinity = (int)c->opt->cpu},
        .output_is_json = c->opt->output != OPTIONS_TEXT,
        .debug = c->opt->debug ? c->err : NULL,
        .gone = on_gone,
        .gone_context = c,
    };

    machine_config_init(&machine, MACHINE_CLIENT);
    machine.params = &c->opt->params;
    memcpy(machine.cookie, c->cookie, COOKIE_LEN);
    machine.rcv_timeout_ns =
        c->opt->params.reverse || c->opt->params.bidirectional ? c->opt->rcv_timeout_ns : 0;
    c->session = session_new(&config);
    return c->session ? 0 : IENEWTEST;
}

/* Stock looks at the MSS behind the cookie, when the peer's window has opened. */
static void report_control(struct client *c, int fd)
{
    bool len_from_mss = c->opt->params.udp && !params_has(&c->opt->params, PARAM_len);
    int mss = sock_mss(fd);
    struct timespec wall;

    options_set_mss(c->opt, mss);
    if (c->opt->params.udp && mss > 0 && c->opt->params.len > mss)
        fprintf(c->err,
                "warning: UDP block size %" PRId64
                " exceeds TCP MSS %d, may result in fragmentation / drops\n",
                c->opt->params.len, mss);
    report_params(c->report, &c->opt->params);
    clock_gettime(CLOCK_REALTIME, &wall);
    report_connected(c->report, &(struct report_connection){
                                    .host = c->opt->host,
                                    .port = (uint16_t)c->opt->port,
                                    .cookie = (const char *)c->cookie,
                                    .control_mss = mss,
                                    .wall_ms = wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
                                    .len_from_mss = len_from_mss,
                                });
}

/* Everything that the session needs of its connection; 0 or iperf3's number with errno. */
static int prepare_control(struct client *c, int fd, struct sock_name *local, struct chan **chan)
{
    int ierr = tune_control(c, fd);

    if (!ierr && (!sock_peer(fd, &c->peer) || !sock_local(fd, local)))
        ierr = IECONNECT; /* reset as soon as it was there */
    if (!ierr)
        ierr = add_token(c);
    if (!ierr)
        ierr = make_session(c);
    if (!ierr && !(*chan = chan_new(c->loop, fd, NULL, NULL)))
        ierr = IEINITTEST;
    return ierr;
}

static void on_control(void *context, int fd, int ierr, int os_errno)
{
    struct client *c = context;
    struct sock_name local;
    struct chan *chan;

    c->dial = NULL;
    if (ierr) {
        fail(c, ierr, os_errno);
        return;
    }
    ierr = prepare_control(c, fd, &local, &chan);
    if (ierr) {
        fail(c, ierr, errno);
        close(fd);
        return;
    }
    if (c->transcript)
        chan_set_recorder(chan, transcript_begin(c->transcript, OBSERVER_CLIENT, local.host,
                                                 local.port, c->peer.host, c->peer.port));
    c->waiting_for = 2; /* over and gone */
    session_start(c->session, chan, loop_now());
    report_control(c, fd);
}

static void on_signal(void *context, int signo)
{
    struct client *c = context;

    c->interrupted = signo;
    if (c->session) {
        session_terminate(c->session);
        return;
    }
    report_interrupted(c->report, signo);
    report_finish(c->report);
    loop_stop(c->loop);
}

static struct report *make_report(const struct options *opt, FILE *out, FILE *err)
{
    static const enum report_mode modes[] = {
        [OPTIONS_TEXT] = REPORT_TEXT,
        [OPTIONS_JSON] = REPORT_JSON,
        [OPTIONS_JSON_STREAM] = REPORT_JSON_STREAM,
    };
    struct report_config config = {
        .mode = modes[opt->output],
        .out = out,
        .err = err,
        .format = opt->format,
        .verbose = opt->verbose,
        .forceflush = opt->forceflush,
        .full_output = opt->full_output,
        .timestamps = opt->timestamps,
    };

    report_banner(&config);
    return report_new(&config);
}

static void dial_control(struct client *c)
{
    const struct options *opt = c->opt;

    c->dial = dial_new(c->loop, &(struct dial_to){
                                    .host = opt->host,
                                    .port = (uint16_t)opt->port,
                                    .kind = SOCK_KIND_TCP, /* CONN-1 */
                                    .from = {.host = opt->bind_address,
                                             .device = opt->bind_dev,
                                             .family = opt->family}, /* port: CONN-8 */
                                    .timeout_ns = opt->connect_timeout_ns,
                                    .failure = IECONNECT,
                                    .done = on_control,
                                    .context = c,
    });
    if (!c->dial)
        fail(c, IECONNECT, errno);
}

static enum spec_err set_up(struct client *c, FILE *out, FILE *err)
{
    uint8_t random[COOKIE_LEN - 1];
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    if (rnd_bytes(random, sizeof random) != SPEC_OK)
        return SPEC_E_SYSTEM;
    frame_make_cookie(c->cookie, random);
    c->report = make_report(c->opt, out, err);
    c->loop = loop_new();
    if (!c->report || !c->loop)
        return SPEC_E_SYSTEM;
    if (c->opt->transcript && !(c->transcript = transcript_open(c->opt->transcript)))
        return SPEC_E_SYSTEM;
    return loop_signals(c->loop, &signals, on_signal, c);
}

int client_run(struct options *opt, FILE *out, FILE *err)
{
    struct client c = {.opt = opt, .err = err};

    if (set_up(&c, out, err) == SPEC_OK) {
        dial_control(&c);
        if (c.status == 0)
            loop_run(c.loop);
    } else {
        fprintf(err, VERSION_PROGRAM ": error - cannot start: %s\n", strerror(errno));
        c.status = 1;
    }
    if (c.dial)
        dial_cancel(c.dial);
    udpknock_cancel(&c.knock);
    session_free(c.session);
    loop_free(c.loop); /* and with it a channel that is still closing */
    if (c.transcript && transcript_close(c.transcript) != SPEC_OK) {
        fprintf(err, VERSION_PROGRAM ": error - %s: %s\n", opt->transcript, strerror(errno));
        c.status = 1;
    }
    auth_key_free(c.key);
    report_free(c.report);
    return c.status;
}
