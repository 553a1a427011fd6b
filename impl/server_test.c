#include "impl/server_test.h"

#include "impl/tune.h"
#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Ours (DEF-29): a set-up that stalls is ended, and with it the wait of others for its address. */
#define STREAMS_NS UINT64_C(20000000000)
#define PARK_NS    UINT64_C(60000000000)

static void on_authorized(void *context, enum auth_verdict verdict, const char *user)
{
    struct server_test *test = context;
    char line[320];

    test->authjob = NULL;
    if (verdict == AUTH_OK)
        snprintf(line, sizeof line, "Authentication succeeded for user '%s'", user ? user : "");
    else
        snprintf(line, sizeof line, "Authentication failed for user '%s': %s", user ? user : "",
                 auth_verdict_text(verdict));
    report_note(test->report, line);
    session_authorized(test->session, verdict == AUTH_OK);
}

static void authorize(void *context)
{
    struct server_test *test = context;

    test->shared->heard(test->shared->context, test);
    test->authjob = authjob_submit(test->shared->authjobs, session_params(test->session)->authtoken,
                                   time(NULL), on_authorized, test);
    if (!test->authjob)
        session_authorized(test->session, false);
}

/* Refusals that only the system can tell; errno is set with them. */
static int check_system(const struct params *p)
{
    cpu_set_t cpus;

    if (params_has(p, PARAM_server_affinity) &&
        (sched_getaffinity(0, sizeof cpus, &cpus) != 0 || p->server_affinity < 0 ||
         p->server_affinity >= CPU_SETSIZE || !CPU_ISSET((size_t)p->server_affinity, &cpus))) {
        errno = EINVAL;
        return IEAFFINITY;
    }
    return tune_try(p);
}

static void announce(struct server_test *test)
{
    int ierr = 0;

    if (!test->shared->may_announce(test->shared->context, test, &ierr)) {
        test->parked = true;
        if (!test->park_timer.loop)
            loop_timer_set(test->shared->loop, &test->park_timer, loop_now() + PARK_NS);
        return;
    }
    test->parked = false;
    loop_timer_cancel(&test->park_timer);
    session_prepared(test->session, ierr, ierr ? errno : 0);
}

static void on_parked_long(struct loop_timer *timer, uint64_t now_ns)
{
    struct server_test *test = LOOP_OWNER(struct server_test, park_timer, timer);

    (void)now_ns;
    test->parked = false;
    session_prepared(test->session, IESTREAMLISTEN, EADDRINUSE);
}

static void prepare(void *context)
{
    struct server_test *test = context;
    const struct params *p = session_params(test->session);
    int ierr = check_system(p), os_errno = errno;

    test->shared->heard(test->shared->context, test);
    report_params(test->report, p);
    if (ierr)
        session_prepared(test->session, ierr, os_errno);
    else
        announce(test);
}

/* Which connections are its streams follows from the state (server_test_view()). */
static void await_streams(void *context, unsigned n)
{
    (void)context, (void)n;
}

static void set_up(void *context)
{
    struct server_test *test = context;

    test->shared->set_up(test->shared->context, test);
}

static void over(void *context, const struct machine_end *end)
{
    struct server_test *test = context;

    if (test->interrupted)
        report_interrupted(test->report, test->interrupted);
    else if (!end->ok)
        report_error(test->report, end->ierr, end->os_errno);
    report_finish(test->report);
    test->shared->over(test->shared->context, test, end);
    server_test_free(test);
}

static void show_connection(struct server_test *test, const struct greeter_guest *guest)
{
    struct bytes first = chan_kept(guest->chan);
    char cookie[COOKIE_LEN] = "";
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    memcpy(cookie, first.at, MIN(first.len, COOKIE_LEN - 1));
    report_connected(test->report, &(struct report_connection){
                                       .host = test->peer.host,
                                       .port = test->peer.port,
                                       .cookie = cookie,
                                       .control_mss = sock_mss(chan_fd(guest->chan)),
                                       .wall_ms = wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
                                   });
}

struct report_config server_test_report_config(const struct server_shared *shared, FILE *out)
{
    static const enum report_mode modes[] = {
        [OPTIONS_TEXT] = REPORT_TEXT,
        [OPTIONS_JSON] = REPORT_JSON,
        [OPTIONS_JSON_STREAM] = REPORT_JSON_STREAM,
    };
    const struct options *opt = shared->opt;

    return (struct report_config){
        .mode = modes[opt->output],
        .server = true,
        .out = out,
        .err = shared->err,
        .format = opt->format,
        .verbose = opt->verbose,
        .forceflush = opt->forceflush,
        .full_output = opt->full_output,
        .timestamps = opt->timestamps,
    };
}

static struct report *make_report(struct server_test *test)
{
    struct report_config config = server_test_report_config(test->shared, console_file(test->slot));

    return report_new(&config);
}

static struct session *make_session(struct server_test *test)
{
    static const struct session_ops ops = {
        .authorize = authorize,
        .prepare = prepare,
        .accept = await_streams,
        .set_up = set_up,
        .over = over,
    };
    const struct options *opt = test->shared->opt;
    struct machine_config machine;
    struct session_config config = {
        .loop = test->shared->loop,
        .ops = &ops,
        .context = test,
        .machine = &machine,
        .report = test->report,
        .run = {.interval_s = (double)opt->interval_ns / 1e9,
                .file = opt->file,
                .affinity = (int)opt->cpu,
                .bitrate_limit_bps = opt->max_bitrate_bps,
                .bitrate_limit_interval_s = (double)opt->max_bitrate_window_ns / 1e9},
        .output_is_json = opt->output != OPTIONS_TEXT,
        .debug = opt->debug ? test->shared->err : NULL,
        .gone = test->shared->gone,
        .gone_context = test->shared->context,
    };

    machine_config_init(&machine, MACHINE_SERVER);
    machine.streams_timeout_ns = STREAMS_NS;
    machine.rcv_timeout_ns = opt->rcv_timeout_ns;
    machine.auth_required = test->shared->authjobs != NULL;
    machine.limits = (struct params_limits){
        .max_duration_s = opt->max_duration_s,
        .max_bitrate_bps = opt->max_bitrate_bps,
        .file_given = opt->file != NULL,
    };
    return session_new(&config);
}

struct server_test *server_test_new(const struct server_shared *shared, uint64_t order,
                                    const struct greeter_guest *guest)
{
    struct server_test *test = calloc(1, sizeof *test);

    if (!test)
        return NULL;
    test->shared = shared;
    test->order = order;
    test->peer = guest->peer;
    test->park_timer.fire = on_parked_long;
    test->slot = console_open(shared->console);
    test->report = test->slot ? make_report(test) : NULL;
    test->session = test->report ? make_session(test) : NULL;
    if (test->session)
        return test;
    server_test_free(test);
    return NULL;
}

void server_test_begin(struct server_test *test, const struct greeter_guest *guest)
{
    int fd = chan_fd(guest->chan);
    struct sock_name local;

    (void)sock_set_nodelay(fd); /* CONN-9; a server that can't goes on */
    if (test->shared->opt->snd_timeout_ms)
        (void)sock_set_user_timeout(fd, (unsigned)test->shared->opt->snd_timeout_ms);
    if (test->shared->opt->keepalive)
        (void)sock_set_keepalive(fd, (int)test->shared->opt->keepalive_idle_s,
                                 (int)test->shared->opt->keepalive_interval_s,
                                 (int)test->shared->opt->keepalive_count);
    show_connection(test, guest);
    if (test->shared->transcript && sock_local(fd, &local))
        chan_set_recorder(guest->chan,
                          transcript_begin(test->shared->transcript, OBSERVER_SERVER, local.host,
                                           local.port, test->peer.host, test->peer.port));
    chan_collect(guest->chan, 0);
    session_start(test->session, guest->chan, guest->accepted_ns);
}

void server_test_free(struct server_test *test)
{
    if (!test)
        return;
    loop_timer_cancel(&test->park_timer);
    authjob_cancel(test->authjob);
    session_free(test->session);
    report_free(test->report);
    if (test->slot)
        console_close(test->slot);
    free(test);
}

static void add_stream(struct server_test *test, int fd, int ierr)
{
    int saved = errno;

    if (!ierr) {
        session_add_stream(test->session, fd);
        return;
    }
    close(fd);
    session_failed(test->session, ierr, saved);
}

static int tune(const struct server_test *test, int fd, const struct params *p)
{
    int ierr = tune_stream(fd, p, (int)test->shared->opt->snd_timeout_ms);

    return ierr ? ierr : tune_accepted(fd, p);
}

void server_test_add_stream(struct server_test *test, int fd)
{
    const struct params *p = session_params(test->session);
    int ierr = tune(test, fd, p);

    if (!ierr && tune_congestion(fd, p) && session_n_streams(test->session) == 0)
        report_note(test->report,
                    "warning: unable to set the client's TCP congestion control algorithm");
    add_stream(test, fd, ierr);
}

bool server_test_has_udp(const struct server_test *test, const struct sock_name *peer)
{
    if (!admit_addr_equal(&test->peer.addr, &peer->addr))
        return false;
    for (size_t i = 0; i < test->n_udp; i++)
        if (test->udp_ports[i] == peer->port)
            return true;
    return false;
}

void server_test_add_udp(struct server_test *test, int fd, const struct sock_name *peer)
{
    int ierr = tune_stream(fd, session_params(test->session), 0);

    if (test->n_udp < SERVER_TEST_STREAMS)
        test->udp_ports[test->n_udp++] = peer->port;
    if (!ierr && send(fd, datagram_reply_bytes(DATAGRAM_REPLY), DATAGRAM_CONNECT_LEN, 0) < 0)
        ierr = IESTREAMACCEPT;
    add_stream(test, fd, ierr);
}

void server_test_unpark(struct server_test *test)
{
    if (test->parked)
        announce(test);
}

void server_test_interrupt(struct server_test *test, int signo)
{
    test->interrupted = signo;
    session_terminate(test->session);
}

void server_test_view(const struct server_test *test, struct admit_test *view)
{
    const struct machine *m = session_machine(test->session);
    enum machine_state state = machine_state(m);
    bool awaits = state == SRV_CREATE,
         udp = awaits && params_protocol(machine_params(m)) == PARAMS_UDP;

    *view = (struct admit_test){
        .cookie = machine_cookie(m),
        .peer = test->peer.addr,
        .awaits_tcp = awaits && !udp,
        .awaits_udp = udp,
        .has_all = state == SRV_RUN || state == SRV_RESULTS || state == SRV_DISPLAY,
        .order = test->order,
    };
}
