/* pump.c - the poll loop: waits for anything to happen, and hands it to whom it concerns. */
#include "harness/sim/peer.h"
#include "harness/sim/tos.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DATAGRAM_CAP 65536
#define DATAGRAMS    1000 /* a turn: who sends as fast as we read does not keep us from the rest */
#define SSH_TROUBLE  255

uint64_t sim_scaled_ns(const struct sim *s, int64_t ms)
{
    return (uint64_t)((double)ms * 1e6 * s->config->timeout_scale);
}

/* Whatever a step waits for in turn, its own bound holds for all of it. */
uint64_t sim_deadline(const struct sim *s, int64_t ms)
{
    uint64_t deadline = now_ns() + sim_scaled_ns(s, ms);

    return s->until_ns ? MIN(deadline, s->until_ns) : deadline;
}

#define LENIENT_MS                                                                                 \
    150 /* for a step that may be left out; a subject that rests is not waited for                 \
         */

uint64_t sim_patience(const struct sim *s, int64_t ms)
{
    if (!s->config->is_lenient)
        return sim_deadline(s, ms);
    return sim_deadline(s, MIN(ms, MAX(LENIENT_MS, s->was_lenient ? 0 : s->config->patience_ms)));
}

/* Pieces of one stream's data that follow each other are one message. */
static bool merge(struct session *record, const struct session_message *m)
{
    struct session_message *last = record->n ? &record->messages[record->n - 1] : NULL;

    if (!last || m->kind != SESSION_DATA || last->kind != SESSION_DATA || last->from != m->from ||
        last->stream != m->stream || strcmp(last->who, m->who) != 0 || last->body.len > 0 ||
        m->body.len > 0)
        return false;
    last->len += m->len;
    return true;
}

void sim_record(struct sim *s, const struct control *c, struct session_message m)
{
    m.at_ns = now_ns() - s->start_ns;
    if (c)
        snprintf(m.who, sizeof m.who, "%s", c->name);
    tap_message(s, &m);
    if (!merge(&s->out->record, &m))
        session_add(&s->out->record, &m);
}

bool sim_failed(const struct sim *s)
{
    return s->out->cause != SIM_OK;
}

bool sim_fail(struct sim *s, enum sim_cause cause, const char *format, ...)
{
    va_list args;

    if (sim_failed(s))
        return false;
    s->out->cause = cause;
    va_start(args, format);
    text_vaddf(&s->out->got, format, args);
    va_end(args);
    return false;
}

bool sim_fail_end(struct sim *s, int status)
{
    struct text what = {0};
    bool failed = sim_failed(s); /* it is looked at more than once */
    enum sim_cause cause = sim_cause_of_end(status, &what);

    sim_fail(s, cause, "%s", text_string(&what));
    if (!failed && cause == SIM_CRASH && s->done_line)
        text_addf(&s->out->got, ", %.0f ms after line %u", (double)(now_ns() - s->done_ns) / 1e6,
                  s->done_line);
    text_fini(&what);
    return false;
}

/* Ended by a signal that nobody sent on purpose, or by itself although it should serve on. */
static void judge_end(struct sim *s, int status)
{
    static const int told[] = {SIGKILL, SIGINT, SIGTERM, SIGHUP};
    bool was_told = !WIFSIGNALED(status);

    for (size_t i = 0; !was_told && i < ARRAY_LEN(told); i++)
        was_told = WTERMSIG(status) == told[i];
    if (!was_told || !s->end_is_wanted)
        sim_fail_end(s, status);
}

/* What is waited for and read beside the connections, or NULL. */
static const struct sim_process *watched(const struct sim *s)
{
    return s->config->process ? s->config->process : s->config->command;
}

/* With status 0 it may have left a server behind, as `ssh dut iperf3 -s -D` does. */
static void judge_command_end(struct sim *s, int status)
{
    int exited = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (exited == SSH_TROUBLE)
        sim_fail(s, SIM_TROUBLE,
                 "the command that started the subject ended with status %d: ssh's own trouble, or "
                 "a subject that a signal killed (with `; exit $?` at its end a shell there tells)",
                 exited);
    else if (exited > 0)
        sim_fail(s, SIM_EXIT, "the command that started the subject ended with status %d", exited);
    else if (exited < 0)
        judge_end(s, status);
}

static bool check_process(struct sim *s)
{
    const struct sim_process *p = watched(s);
    int status;

    if (!p || !p->ended(p->context, &status))
        return false;
    bool is_ssh = s->config->command && WIFEXITED(status) && WEXITSTATUS(status) == SSH_TROUBLE;
    if (s->config->process && !is_ssh)
        judge_end(s, status);
    else
        judge_command_end(s, status);
    return true;
}

bool sim_check_process(struct sim *s, int64_t ms)
{
    bool waits = !s->config->is_lenient || s->is_probing; /* else whoever looks later sees it */
    uint64_t deadline = now_ns() + (waits ? (uint64_t)ms * 1000000 : 0);
    const struct sim_process *p = watched(s);

    while (p && !check_process(s) && now_ns() < deadline) {
        struct pollfd fds[4];
        size_t n = p->watch(p->context, fds, 4);
        poll(fds, n, 5);
        p->turn(p->context);
    }
    return !sim_failed(s);
}

/* --- who waits for what ---------------------------------------------------------------------- */

struct waiting {
    struct pollfd *fds;
    size_t n, cap;
};

static void wait_for(struct waiting *w, int fd, short events)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 32;
        w->fds = text_realloc(w->fds, w->cap * sizeof *w->fds);
    }
    w->fds[w->n++] = (struct pollfd){.fd = fd, .events = events};
}

static short wants(bool reading, bool writing)
{
    return (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0));
}

/* The same now_ns as for next_turn(), or a piece whose time comes between them is forgotten. */
static void collect(struct sim *s, struct waiting *w, uint64_t now_ns)
{
    for (size_t i = 0; i < s->n_controls; i++) {
        struct control *c = s->controls[i];
        if (c->fd >= 0)
            wait_for(w, c->at_end ? -1 : c->fd,
                     wants(!c->stalled, c->connecting || control_writes_ns(c) <= now_ns));
        for (size_t k = 0; k < c->n_streams; k++) {
            struct lane *st = c->streams[k];
            if (st->fd >= 0)
                wait_for(w, st->ended ? -1 : st->fd,
                         wants(!st->stalled, st->connecting || !lane_is_flushed(st)));
        }
    }
    for (size_t i = 0; i < s->n_pending; i++)
        wait_for(w, s->pending[i].over ? -1 : s->pending[i].fd, POLLIN);
    if (s->config->listener) {
        wait_for(w, s->is_deaf ? -1 : s->config->listener->tcp, POLLIN);
        wait_for(w, s->config->listener->udp, POLLIN);
    }
    if (s->config->stop_fd)
        wait_for(w, s->config->stop_fd, POLLIN);
}

static void add_pending(struct sim *s, struct pending *p)
{
    s->pending = text_realloc(s->pending, (s->n_pending + 1) * sizeof *s->pending);
    tap_open(s, &p->tap, p->fd, false, SESSION_SUBJECT);
    s->pending[s->n_pending++] = *p;
}

void sim_take_first(struct sim *s)
{
    struct pending p = {.fd = s->config->first_fd, .peer_len = sizeof p.peer};

    if (p.fd > 0 && getpeername(p.fd, (struct sockaddr *)&p.peer, &p.peer_len) == 0)
        add_pending(s, &p);
    else if (p.fd > 0)
        close(p.fd);
}

static void take_connections(struct sim *s)
{
    struct pending p = {.peer_len = sizeof p.peer};

    while ((p.fd = accept4(s->config->listener->tcp, (struct sockaddr *)&p.peer, &p.peer_len,
                           SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        add_pending(s, &p);
        p = (struct pending){.peer_len = sizeof p.peer};
    }
}

static void take_datagrams(struct sim *s)
{
    static uint8_t buf[DATAGRAM_CAP];
    struct sockaddr_storage peer;
    socklen_t len;
    ssize_t got;
    int tos;

    for (int n = 0; n < DATAGRAMS; n++) {
        got = tos_receive(s->config->listener->udp, buf, sizeof buf, &peer, &len, &tos);
        if (got < 0)
            return;
        struct bytes datagram = {buf, (size_t)got};
        bool taken = false;
        for (size_t i = 0; i < s->n_controls && !taken; i++)
            taken = lane_of_datagram(s->controls[i], &peer, len, datagram, tos) != NULL;
        if (!taken)
            surplus_note_datagram(s, &peer, len);
    }
}

static void read_pending(struct pending *p)
{
    ssize_t got = recv(p->fd, p->cookie + p->have, COOKIE_LEN - p->have, MSG_DONTWAIT);

    tap_received(&p->tap, p->cookie + p->have, got, errno);
    if (got > 0)
        p->have += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        p->over = true;
    if (p->have == COOKIE_LEN)
        p->over = true; /* the rest belongs to whoever adopts it */
}

/* In the order of collect(): a handler closes no descriptor but its own, and adds and removes
 * nothing. */
static void dispatch(struct sim *s, const struct waiting *w)
{
    size_t at = 0;

    for (size_t i = 0; i < s->n_controls; i++) {
        struct control *c = s->controls[i];
        size_t n_streams = c->n_streams;
        if (c->fd >= 0 && w->fds[at++].revents)
            control_ready(c, w->fds[at - 1].revents);
        for (size_t k = 0; k < n_streams; k++)
            if (c->streams[k]->fd >= 0 && w->fds[at++].revents)
                lane_ready(c, c->streams[k], w->fds[at - 1].revents);
    }
    for (size_t i = 0; i < s->n_pending; i++)
        if (w->fds[at++].revents)
            read_pending(&s->pending[i]);
    if (s->config->listener) {
        if (w->fds[at].revents)
            take_connections(s);
        if (w->fds[at + 1].revents)
            take_datagrams(s);
        at += 2;
    }
    if (s->config->stop_fd && w->fds[at].revents)
        sim_fail(s, SIM_TROUBLE, "interrupted");
}

/* When something is to be done that no descriptor tells of. */
static uint64_t next_turn(const struct sim *s, uint64_t deadline_ns, uint64_t now_ns)
{
    uint64_t next = MIN(deadline_ns, background_next(s));

    for (size_t i = 0; i < s->n_controls; i++) {
        const struct control *c = s->controls[i];
        next = MIN(next, control_tick_ns(c));
        if (control_writes_ns(c) > now_ns)
            next = MIN(next, control_writes_ns(c));
    }
    return next;
}

static struct timespec until(uint64_t next_ns)
{
    uint64_t now = now_ns(), left = next_ns > now ? next_ns - now : 0;

    return (struct timespec){(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
}

bool sim_pump(struct sim *s, uint64_t deadline_ns)
{
    const struct sim_process *p = watched(s);
    struct waiting w = {0};

    background_turn(s);
    uint64_t now = now_ns();
    collect(s, &w, now);
    size_t ours = w.n;
    for (int i = 0; i < 4; i++)
        wait_for(&w, -1, 0);
    size_t theirs = p ? p->watch(p->context, w.fds + ours, 4) : 0;
    struct timespec left = until(next_turn(s, deadline_ns, now));
    int n = ppoll(w.fds, (nfds_t)(ours + theirs), &left, NULL);
    if (n > 0)
        dispatch(s, &w);
    free(w.fds);
    if (p && n > 0)
        p->turn(p->context);
    for (size_t i = 0; i < s->n_controls; i++)
        control_tick(s->controls[i]);
    check_process(s);
    return n > 0 || now_ns() < deadline_ns;
}

void sim_pause(struct sim *s, int64_t ms)
{
    uint64_t deadline = now_ns() + (uint64_t)ms * 1000000;

    while (now_ns() < deadline && !sim_failed(s))
        sim_pump(s, deadline);
}
