/* server.c - the listener, who comes, the tests, and the end. */
#include "impl/server.h"

#include "impl/server_core.h"
#include "impl/version.h"
#include "impl/wire/ierr.h"
#include "impl/wire/state.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define COOKIE_NS   UINT64_C(10000000000) /* TMO-1 */
#define GUESTS_MAX  1024
#define CROWD       64 /* tests at once */
#define PENDING_MIN 16 /* tests without parameters that no other has to make room for */

/* --- life of the listener ------------------------------------------------------------------------
 */

static void complain(struct server *s, const char *what)
{
    fprintf(s->err, VERSION_PROGRAM ": error - %s: %s\n", what, strerror(errno));
}

static void announce_listening(struct server *s)
{
    struct report_config config = server_test_report_config(&s->shared, s->out);
    struct sock_name name;

    if (sock_local(s->listener, &name))
        report_listening(&config, name.port, s->n_served + 1);
}

/* Whose streams wait in the queue nobody can tell: a test that awaits some has failed (ERR-8). */
static void on_starved(void *context, int os_errno)
{
    struct server *s = context;
    struct server_test *test, *next;

    for (test = TAILQ_FIRST(&s->tests); test; test = next) {
        next = TAILQ_NEXT(test, entry);
        if (machine_state(session_machine(test->session)) == SRV_CREATE &&
            params_protocol(session_params(test->session)) == PARAMS_TCP)
            session_failed(test->session, IESTREAMCONNECT, os_errno);
    }
}

static const struct accept_ops door_ops = {server_admit_guest, on_starved};

static bool open_listener(struct server *s)
{
    struct sock_at at = {
        .host = s->opt->bind_address,
        .device = s->opt->bind_dev,
        .family = s->opt->family,
        .port = (uint16_t)s->opt->port,
    };
    int ierr = sock_listen(&at, true, &s->listener);
    char why[256];

    if (ierr) {
        report_error_format(why, sizeof why, ierr, errno);
        fprintf(s->err, VERSION_PROGRAM ": error - %s\n", why);
        return false;
    }
    s->door = accept_new(s->loop, s->listener, &door_ops, s);
    if (s->door)
        return true;
    complain(s, "cannot listen");
    return false;
}

static void close_listener(struct server *s)
{
    accept_free(s->door);
    s->door = NULL;
    if (s->listener >= 0)
        close(s->listener);
    s->listener = -1;
}

static void watch_idle(struct server *s)
{
    uint64_t timeout_ns = s->opt->idle_timeout_ns;

    loop_timer_set(s->loop, &s->idle,
                   timeout_ns && s->n_tests == 0 ? loop_now() + timeout_ns : UINT64_MAX);
}

static void stop_if_done(struct server *s)
{
    if (s->stopping && s->n_tests == 0 && s->n_channels == 0)
        loop_stop(s->loop);
}

static void stop(struct server *s)
{
    s->stopping = true;
    close_listener(s);
    greeters_free(s->greeters);
    s->greeters = NULL;
    loop_timer_cancel(&s->idle);
    stop_if_done(s);
}

/* TMO-7; with -1 an idle server has done its duty (CLOSE-15). */
static void on_idle(struct loop_timer *timer, uint64_t now_ns)
{
    struct server *s = LOOP_OWNER(struct server, idle, timer);

    (void)now_ns;
    if (s->opt->one_off) {
        stop(s);
        return;
    }
    close_listener(s);
    if (!open_listener(s)) {
        s->status = 1;
        stop(s);
        return;
    }
    watch_idle(s);
    announce_listening(s);
}

/* --- who is it? ----------------------------------------------------------------------------------
 */

/* The allocator keeps what a crowd had; between crowds it is the system's. One test after the other
 * is no crowd, and not worth the time. */
static void give_back_memory(struct server *s)
{
    if (s->n_tests > 0 || s->n_channels > 0 || s->most_tests < CROWD)
        return;
    malloc_trim(0);
    s->most_tests = 0;
}

static void on_gone(void *context)
{
    struct server *s = context;

    s->n_channels--;
    give_back_memory(s);
    stop_if_done(s);
}

/* The last word to a connection that is no test. */
static void send_off(struct server *s, struct chan *chan, int8_t state)
{
    uint8_t byte = (uint8_t)state;

    (void)chan_send(chan, (struct bytes){&byte, 1});
    s->n_channels++;
    chan_close(chan, on_gone, s);
}

static void deny(struct server *s, struct chan *chan)
{
    send_off(s, chan, ACCESS_DENIED);
}

/* A client whose cookie has not come yet is told too (ST-SRV-20). */
static void terminate_guest(void *context, struct chan *chan)
{
    send_off(context, chan, SERVER_TERMINATE);
}

/* Who sends cookies and nothing else must not take all places for the ten seconds of TMO-1: when
 * the last one is taken and more than half are such tests, the oldest of them ends as if its time
 * were up. Below that nobody is hurried: a crowd comes all at once, too. */
static void make_room(struct server *s)
{
    bool is_full = s->n_tests >= s->max_tests;

    if (is_full && s->n_waiting[SERVER_PENDING] > MAX(PENDING_MIN, s->max_tests / 2))
        session_expire(TAILQ_FIRST(&s->waiting[SERVER_PENDING])->session);
}

static void begin_test(struct server *s, const struct greeter_guest *guest)
{
    struct server_test *test = server_test_new(&s->shared, ++s->n_served, guest);

    if (!test) {
        deny(s, guest->chan);
        return;
    }
    server_index_add(s, test, chan_kept(guest->chan));
    s->n_channels++;
    watch_idle(s);
    server_test_begin(test, guest);
    make_room(s);
}

bool server_is_sctp_test(const struct server_test *test)
{
    return params_protocol(session_params(test->session)) == PARAMS_SCTP;
}

static bool decide(void *context, const struct greeter_guest *guest)
{
    struct server *s = context;
    struct admit_view view = server_view_tcp(s, chan_kept(guest->chan));
    bool sctp = sock_is_sctp(chan_fd(guest->chan));
    size_t which = 0;

    switch (admit_tcp(&view, &guest->peer.addr, chan_kept(guest->chan), guest->over, &which)) {
    case ADMIT_MORE:
        return false;
    case ADMIT_DENY:
        deny(s, guest->chan);
        return true;
    case ADMIT_STREAM:
        if (sctp != server_is_sctp_test(s->viewed[which]))
            deny(s, guest->chan);
        else
            server_test_add_stream(s->viewed[which], chan_release(guest->chan));
        return true;
    case ADMIT_NEW:
        if (sctp) /* the control connection is TCP (CONN-1) */
            deny(s, guest->chan);
        else
            begin_test(s, guest);
        return true;
    }
    return false;
}

void server_admit_guest(void *context, int fd, const struct sock_name *peer)
{
    struct server *s = context;

    greeters_add(s->greeters, fd, peer);
}

/* --- what tests say ------------------------------------------------------------------------------
 */

static void is_heard(void *context, struct server_test *test)
{
    server_index_wait(context, test, SERVER_WAITS_NOT);
}

static void is_set_up(void *context, struct server_test *test)
{
    struct server *s = context;

    server_index_wait(s, test, SERVER_WAITS_NOT);
    server_shut_udp(s);
    server_shut_sctp(s);
    loop_timer_set(s->loop, &s->unpark, 0);
}

static void test_over(void *context, struct server_test *test, const struct machine_end *end)
{
    struct server *s = context;

    is_set_up(s, test);
    server_index_remove(s, test);
    give_back_memory(s);
    /* CLOSE-15: a failed authorisation does not use up a one-off server. */
    if (s->opt->one_off && end->ierr != IEAUTHTEST)
        stop(s);
    if (!s->stopping)
        watch_idle(s);
    if (!s->stopping && s->n_tests == 0)
        announce_listening(s);
    stop_if_done(s);
}

/* Between tests there is nobody's report to say it in. */
static void say_interrupted(struct server *s, int signo)
{
    struct report_config config = server_test_report_config(&s->shared, s->out);
    struct report *report = report_new(&config);

    if (!report)
        return;
    report_interrupted(report, signo);
    report_finish(report);
    report_free(report);
}

static void on_signal(void *context, int signo)
{
    struct server *s = context;
    struct server_test *test;

    if (s->stopping) { /* a second one: don't wait for anybody */
        loop_stop(s->loop);
        return;
    }
    if (s->n_tests == 0)
        say_interrupted(s, signo);
    TAILQ_FOREACH(test, &s->tests, entry)
        server_test_interrupt(test, signo);
    greeters_dismiss(s->greeters, terminate_guest, s);
    stop(s);
}

/* --- life ----------------------------------------------------------------------------------------
 */

static bool start_auth(struct server *s)
{
    char why[256];

    if (!s->opt->private_key)
        return true;
    s->key = auth_load_private(s->opt->private_key, why, sizeof why);
    if (!s->key) {
        fprintf(s->err, VERSION_PROGRAM ": error - %s: %s\n", s->opt->private_key, why);
        return false;
    }
    s->policy = (struct auth_policy){
        .private_key = s->key,
        .users_path = s->opt->users,
        .pkcs1 = s->opt->pkcs1,
        .skew_s = s->opt->time_skew_s,
    };
    s->shared.authjobs = authjob_start(s->loop, &s->policy);
    if (!s->shared.authjobs)
        complain(s, "cannot start a thread");
    return s->shared.authjobs != NULL;
}

static bool start_transcript(struct server *s)
{
    if (!s->opt->transcript)
        return true;
    s->shared.transcript = transcript_open(s->opt->transcript);
    if (!s->shared.transcript)
        complain(s, s->opt->transcript);
    return s->shared.transcript != NULL;
}

/* As many descriptors as we may have; the number of guests that this allows. A flood of silent ones
 * must leave enough for those who want a test. */
static size_t max_guests(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return GUESTS_MAX / 4;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)MAX(1, MIN(limit.rlim_cur / 4, GUESTS_MAX));
}

static bool start_loop(struct server *s)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    s->loop = loop_new();
    s->shared.console = console_new(s->out);
    if (server_index_init(s) && s->loop && s->shared.console &&
        loop_signals(s->loop, &signals, on_signal, s) == SPEC_OK)
        s->greeters = greeters_new(s->loop, max_guests(), COOKIE_NS, decide, s);
    if (!s->greeters)
        complain(s, "cannot start");
    s->shared.loop = s->loop;
    return s->greeters != NULL;
}

static void finish(struct server *s)
{
    struct server_test *test;

    close_listener(s);
    greeters_free(s->greeters);
    loop_timer_cancel(&s->unpark);
    while ((test = TAILQ_FIRST(&s->tests))) { /* only after a second signal */
        server_index_remove(s, test);
        server_test_free(test);
    }
    udpdoor_close(s->udp);
    sctpdoor_close(s->sctp);
    authjob_stop(s->shared.authjobs);
    auth_key_free(s->key);
    loop_free(s->loop); /* and with it channels that are still closing, after a second signal */
    if (s->shared.transcript && transcript_close(s->shared.transcript) != SPEC_OK) {
        complain(s, s->opt->transcript);
        s->status = 1;
    }
    console_free(s->shared.console);
    server_index_fini(s);
}

int server_run(const struct options *opt, FILE *out, FILE *err)
{
    struct server s = {
        .opt = opt,
        .out = out,
        .err = err,
        .listener = -1,
        .max_tests = opt->one_off ? 1 : (size_t)opt->max_tests,
        .idle.fire = on_idle,
        .unpark.fire = server_unpark_all,
        .shared = {.opt = opt,
                   .err = err,
                   .context = &s,
                   .may_announce = server_may_announce,
                   .heard = is_heard,
                   .set_up = is_set_up,
                   .over = test_over,
                   .gone = on_gone},
        .status = 1,
    };

    if (start_loop(&s) && start_auth(&s) && start_transcript(&s) && open_listener(&s)) {
        struct report_config config = server_test_report_config(&s.shared, out);

        s.status = 0;
        report_banner(&config);
        watch_idle(&s);
        announce_listening(&s);
        if (loop_run(s.loop) != SPEC_OK)
            s.status = 1;
    }
    finish(&s);
    return s.status;
}
