/* chan.c - reading, offering, queueing and the careful close of a control channel. */
#include "impl/net/chan.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum ending { OPEN, ENDED, BROKEN };

struct chan {
    struct loop_source source;
    struct loop *loop;
    struct loop_timer wake;    /* now: offer again, or go on closing */
    struct loop_timer limit;   /* of closing */
    struct loop_orphan orphan; /* while closing */
    const struct chan_events *events;
    void *context;
    struct transcript_session *recorder;

    uint8_t kept[CHAN_KEEP_MAX];
    size_t n_kept;
    size_t collect;       /* 0: no */
    struct bytes *offer;  /* what the owner is looking at, while it does */
    const uint8_t *noted; /* in kept: up to here the transcript has it */

    uint8_t *queue;
    size_t queue_at, queue_len, queue_cap;
    int write_errno; /* nothing more can be written */

    enum ending ending;
    int end_errno;
    bool told; /* the owner knows of the ending */

    bool in_callback, again;
    bool dead; /* free it when the callback returns */

    bool closing, shut;
    size_t discarded;
    void (*gone)(void *context);
    void *gone_context;
};

/* --- life
 * ----------------------------------------------------------------------------------------- */

static void ready(struct loop_source *source, uint32_t events);
static void woken(struct loop_timer *timer, uint64_t now_ns);
static void out_of_time(struct loop_timer *timer, uint64_t now_ns);

struct chan *chan_new(struct loop *loop, int fd, const struct chan_events *events, void *context)
{
    struct chan *c;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return NULL;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->source = (struct loop_source){.fd = fd, .ready = ready};
    c->wake.fire = woken;
    c->limit.fire = out_of_time;
    c->loop = loop;
    c->events = events;
    c->context = context;
    if (loop_watch(loop, &c->source, EPOLLIN) != SPEC_OK) {
        free(c);
        return NULL;
    }
    return c;
}

/* Let go of everything but the memory, which a callback that is running may still need. */
static void retire(struct chan *c)
{
    loop_unwatch(&c->source);
    loop_timer_cancel(&c->wake);
    loop_timer_cancel(&c->limit);
    loop_disown(&c->orphan);
    transcript_end(c->recorder);
    c->recorder = NULL;
    free(c->queue);
    c->queue = NULL;
    c->dead = true;
    if (!c->in_callback)
        free(c);
}

static void note_taken(struct chan *c)
{
    if (c->offer == NULL || c->offer->at <= c->noted)
        return;
    transcript_received(c->recorder, (struct bytes){c->noted, (size_t)(c->offer->at - c->noted)});
    c->noted = c->offer->at;
}

/* --- what to wait for
 * ----------------------------------------------------------------------------- */

static bool wants_to_read(const struct chan *c)
{
    if (c->ending != OPEN)
        return false;
    if (c->closing)
        return c->discarded < CHAN_DISCARD_MAX;
    return c->n_kept < (c->collect > 0 ? c->collect : sizeof c->kept);
}

/* A descriptor with nothing to wait for is not watched: its hang-up would be reported again and
 * again. */
static void watch(struct chan *c)
{
    uint32_t events = (wants_to_read(c) ? EPOLLIN : 0) | (c->queue_len > 0 ? EPOLLOUT : 0);

    if (events == 0) {
        loop_unwatch(&c->source);
    } else if (loop_watch(c->loop, &c->source, events) != SPEC_OK) {
        c->ending = BROKEN;
        c->end_errno = errno;
        c->queue_len = 0;
        loop_timer_set(c->loop, &c->wake, 0);
    }
}

/* --- sending
 * -------------------------------------------------------------------------------------- */

/* What the peer sent before it went can still be read, and the ending comes behind it. */
static void break_writing(struct chan *c, int os_errno)
{
    c->write_errno = os_errno;
    c->queue_len = 0;
    shutdown(c->source.fd, SHUT_RDWR); /* so that the reader wakes, whatever the error was */
    if (c->ending == ENDED) {          /* there is no reader any more */
        c->ending = BROKEN;
        c->end_errno = os_errno;
        c->told = false;
        loop_timer_set(c->loop, &c->wake, 0);
    }
}

static void flush(struct chan *c)
{
    while (c->queue_len > 0) {
        ssize_t n = send(c->source.fd, c->queue + c->queue_at, c->queue_len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EAGAIN)
                break_writing(c, errno);
            return;
        }
        c->queue_at += (size_t)n;
        c->queue_len -= (size_t)n;
    }
}

/* Make room for len more bytes at the end of the queue. */
static enum spec_err reserve(struct chan *c, size_t len)
{
    size_t cap = MAX(c->queue_cap, (size_t)256);
    uint8_t *grown;

    if (len > CHAN_QUEUE_MAX - c->queue_len)
        return SPEC_E_SPACE;
    if (c->queue_at > 0)
        memmove(c->queue, c->queue + c->queue_at, c->queue_len);
    c->queue_at = 0;
    if (c->queue_len + len <= c->queue_cap)
        return SPEC_OK;
    while (cap < c->queue_len + len)
        cap *= 2;
    grown = realloc(c->queue, cap);
    if (grown == NULL)
        return SPEC_E_NOMEM;
    c->queue = grown;
    c->queue_cap = cap;
    return SPEC_OK;
}

enum spec_err chan_send(struct chan *c, struct bytes bytes)
{
    enum spec_err e;

    assert(!c->closing && !c->dead);
    if (c->write_errno != 0 || c->ending == BROKEN || bytes.len == 0)
        return SPEC_OK;
    e = reserve(c, bytes.len);
    if (e != SPEC_OK)
        return e;
    note_taken(c);
    transcript_sent(c->recorder, bytes);
    memcpy(c->queue + c->queue_len, bytes.at, bytes.len);
    c->queue_len += bytes.len;
    flush(c);
    watch(c);
    return SPEC_OK;
}

/* --- receiving
 * ------------------------------------------------------------------------------------ */

static void finish(struct chan *c, enum ending ending, int os_errno)
{
    c->ending = ending;
    c->end_errno = os_errno;
}

/* One read, at most cap bytes to the end of what is kept; the bytes read. */
static size_t fill(struct chan *c, size_t cap)
{
    ssize_t n = recv(c->source.fd, c->kept + c->n_kept, cap - c->n_kept, 0);

    if (n > 0) {
        c->n_kept += (size_t)n;
        return (size_t)n;
    }
    if (n == 0)
        finish(c, c->write_errno != 0 ? BROKEN : ENDED, c->write_errno);
    else if (errno != EAGAIN && errno != EINTR)
        finish(c, BROKEN, errno);
    return 0;
}

static void offer(struct chan *c)
{
    struct bytes in = {c->kept, c->n_kept};
    size_t taken;

    c->offer = &in;
    c->noted = in.at;
    c->events->bytes(c->context, &in);
    if (c->dead)
        return;
    note_taken(c);
    c->offer = NULL;
    taken = (size_t)(in.at - c->kept);
    assert(taken <= c->n_kept && in.len == c->n_kept - taken);
    memmove(c->kept, in.at, in.len);
    c->n_kept = in.len;
}

static void tell_ending(struct chan *c)
{
    c->told = true;
    transcript_over(c->recorder, c->ending == BROKEN, c->end_errno);
    if (c->ending == BROKEN)
        c->events->reset(c->context, c->end_errno);
    else
        c->events->eof(c->context);
}

/* Tell the owner what is known; it may do anything to the channel meanwhile. */
static void deliver(struct chan *c)
{
    c->in_callback = true;
    do {
        c->again = false;
        if (c->n_kept > 0)
            offer(c);
    } while (c->again && !c->dead && !c->closing);
    if (!c->dead && !c->closing && c->ending != OPEN && !c->told &&
        (c->n_kept == 0 || c->collect > 0))
        tell_ending(c);
    c->in_callback = false;
    if (c->dead) {
        free(c);
        return;
    }
    if (c->again && !c->closing) /* asked for while the ending was told: to another owner */
        loop_timer_set(c->loop, &c->wake, 0);
    if (!c->closing)
        watch(c);
}

void chan_resume(struct chan *c)
{
    if (c->in_callback)
        c->again = true;
    else
        loop_timer_set(c->loop, &c->wake, 0);
}

/* --- closing
 * -------------------------------------------------------------------------------------- */

static void end_closing(struct chan *c)
{
    void (*gone)(void *context) = c->gone;
    void *context = c->gone_context;
    int fd = c->source.fd;

    retire(c);
    close(fd);
    if (gone != NULL)
        gone(context);
}

static void discard(struct chan *c)
{
    size_t n;

    c->n_kept = 0;
    n = fill(c, sizeof c->kept);
    c->discarded += n;
    transcript_received(c->recorder, (struct bytes){c->kept, n});
    if (c->ending != OPEN)
        transcript_over(c->recorder, c->ending == BROKEN, c->end_errno);
}

/* One step further: flush, shut the sending half, read until EOF. */
static void go_on_closing(struct chan *c)
{
    if (c->queue_len == 0 && !c->shut && c->write_errno == 0) {
        shutdown(c->source.fd, SHUT_WR);
        c->shut = true;
        loop_timer_set(c->loop, &c->limit, loop_now() + CHAN_LINGER_NS);
    }
    if (c->ending == BROKEN || (c->queue_len == 0 && !wants_to_read(c)))
        end_closing(c);
    else
        watch(c);
}

static void drop(struct loop_orphan *orphan)
{
    chan_abort(LOOP_OWNER(struct chan, orphan, orphan));
}

static void out_of_time(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    end_closing(LOOP_OWNER(struct chan, limit, timer));
}

void chan_close(struct chan *c, void (*gone)(void *context), void *context)
{
    assert(!c->closing && !c->dead);
    note_taken(c);
    if (c->offer != NULL)
        transcript_received(c->recorder, *c->offer);
    else
        transcript_received(c->recorder, (struct bytes){c->kept, c->n_kept});
    if (c->ending != OPEN && !c->told)
        transcript_over(c->recorder, c->ending == BROKEN, c->end_errno);
    c->noted = c->kept + c->n_kept;
    c->closing = true;
    c->gone = gone;
    c->gone_context = context;
    c->orphan.drop = drop;
    loop_adopt(c->loop, &c->orphan);
    loop_timer_set(c->loop, &c->limit, loop_now() + CHAN_FLUSH_NS);
    loop_timer_set(c->loop, &c->wake, 0);
}

void chan_abort(struct chan *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd;

    if (c == NULL)
        return;
    note_taken(c);
    fd = c->source.fd;
    retire(c);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

int chan_release(struct chan *c)
{
    int fd = c->source.fd;

    note_taken(c);
    retire(c);
    return fd;
}

/* --- the loop's side
 * ------------------------------------------------------------------------------ */

static void ready(struct loop_source *source, uint32_t events)
{
    struct chan *c = LOOP_OWNER(struct chan, source, source);

    if (c->queue_len > 0 && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        flush(c);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && wants_to_read(c)) {
        if (c->closing)
            discard(c);
        else
            fill(c, c->collect > 0 ? c->collect : sizeof c->kept);
    }
    if (c->closing)
        go_on_closing(c);
    else
        deliver(c);
}

static void woken(struct loop_timer *timer, uint64_t now_ns)
{
    struct chan *c = LOOP_OWNER(struct chan, wake, timer);

    (void)now_ns;
    if (c->closing)
        go_on_closing(c);
    else
        deliver(c);
}

/* --- small things
 * --------------------------------------------------------------------------------- */

void chan_set_events(struct chan *c, const struct chan_events *events, void *context)
{
    c->events = events;
    c->context = context;
    c->told = false; /* of an ending that the old owner knows */
}

void chan_set_recorder(struct chan *c, struct transcript_session *session)
{
    transcript_end(c->recorder);
    c->recorder = session;
}

void chan_collect(struct chan *c, size_t n)
{
    assert(n <= sizeof c->kept);
    c->collect = n;
}

struct bytes chan_kept(const struct chan *c)
{
    return c->offer != NULL ? *c->offer : (struct bytes){c->kept, c->n_kept};
}

int chan_fd(const struct chan *c)
{
    return c->source.fd;
}
