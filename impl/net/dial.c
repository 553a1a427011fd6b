#include "impl/net/dial.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct dial {
    struct loop_source source; /* fd -1 between two addresses */
    struct loop_timer begin, limit;
    struct loop *loop;
    struct dial_to to;
    struct sock_addrs list;
    size_t next;        /* address to try */
    int ierr, os_errno; /* of the last one tried */
};

static void drop_socket(struct dial *d)
{
    if (d->source.fd < 0)
        return;
    loop_unwatch(&d->source);
    close(d->source.fd);
    d->source.fd = -1;
}

void dial_cancel(struct dial *d)
{
    if (d == NULL)
        return;
    drop_socket(d);
    loop_timer_cancel(&d->begin);
    loop_timer_cancel(&d->limit);
    sock_addrs_free(&d->list);
    free(d);
}

static void finish(struct dial *d, int fd, int ierr, int os_errno)
{
    struct dial_to to = d->to;

    dial_cancel(d);
    to.done(to.context, fd, ierr, os_errno);
}

static void connected(struct dial *d)
{
    int fd = d->source.fd;

    loop_unwatch(&d->source);
    d->source.fd = -1;
    finish(d, fd, 0, 0);
}

/* Note why this address did not do; the number is iperf3's. */
static void fail(struct dial *d, int ierr)
{
    d->ierr = ierr;
    d->os_errno = errno;
    drop_socket(d);
}

enum step { UP, UNDERWAY, NEXT, HOPELESS };

/* Options that the connect depends on. */
static int prepare(struct dial *d, struct sock_addr *to)
{
    int ierr = 0;

    if (d->to.prepare != NULL)
        ierr = d->to.prepare(d->to.context, d->source.fd);
    if (ierr == 0 && d->to.flowlabel != 0)
        ierr = sock_set_flowlabel(d->source.fd, to, d->to.flowlabel);
    return ierr;
}

static enum step try_one(struct dial *d, struct sock_addr to)
{
    int ierr = sock_open(d->to.kind, &to, &d->to.from, d->to.failure, &d->source.fd);

    if (ierr != 0) {
        fail(d, ierr);
        return NEXT;
    }
    ierr = prepare(d, &to);
    if (ierr != 0) {
        fail(d, ierr);
        return HOPELESS;
    }
    if (connect(d->source.fd, &to.sa, to.len) == 0)
        return UP;
    /* Interrupted, it goes on by itself. */
    if ((errno == EINPROGRESS || errno == EINTR) &&
        loop_watch(d->loop, &d->source, EPOLLOUT) == SPEC_OK)
        return UNDERWAY;
    fail(d, d->to.failure);
    return NEXT;
}

static void try_next(struct dial *d)
{
    enum step step = NEXT;

    while (step == NEXT && d->next < d->list.n)
        step = try_one(d, d->list.at[d->next++]);
    if (step == UP)
        connected(d);
    else if (step != UNDERWAY)
        finish(d, -1, d->ierr, d->os_errno);
}

static void ready(struct loop_source *source, uint32_t events)
{
    struct dial *d = LOOP_OWNER(struct dial, source, source);
    int os_errno = 0;
    socklen_t len = sizeof os_errno;

    (void)events;
    if (getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &os_errno, &len) != 0)
        os_errno = errno;
    if (os_errno == 0) {
        connected(d);
        return;
    }
    errno = os_errno;
    fail(d, d->to.failure);
    try_next(d);
}

static void begin(struct loop_timer *timer, uint64_t now_ns)
{
    struct dial *d = LOOP_OWNER(struct dial, begin, timer);

    (void)now_ns;
    if (sock_resolve(d->to.host, d->to.port, d->to.from.family, d->to.kind == SOCK_KIND_UDP,
                     &d->list) != SPEC_OK)
        finish(d, -1, d->to.failure, errno);
    else
        try_next(d);
}

static void out_of_time(struct loop_timer *timer, uint64_t now_ns)
{
    struct dial *d = LOOP_OWNER(struct dial, limit, timer);

    (void)now_ns;
    finish(d, -1, d->to.failure, ETIMEDOUT);
}

struct dial *dial_new(struct loop *loop, const struct dial_to *to)
{
    struct dial *d = calloc(1, sizeof *d);

    if (d == NULL)
        return NULL;
    *d = (struct dial){
        .source = {.fd = -1, .ready = ready},
        .begin = {.fire = begin       },
        .limit = {.fire = out_of_time},
        .loop = loop,
        .to = *to,
        .ierr = to->failure
    };
    loop_timer_set(loop, &d->begin, 0);
    if (to->timeout_ns > 0)
        loop_timer_set(loop, &d->limit, loop_now() + to->timeout_ns);
    return d;
}
