/* loop.c - epoll, a pairing heap of timers, an eventfd mailbox, a signalfd. */
#include "impl/net/loop.h"

#include "impl/net/linger.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
#define NEAR_NS   (2 * NS_PER_MS)

struct letter {
    struct letter *next;
    void (*call)(void *context);
    void *context;
};

struct loop {
    int epoll;
    bool stop;
    struct epoll_event
        batch[64]; /* of one epoll_wait(); data.ptr is the source, NULL once unwatched */
    int n_batch;
    struct linger linger;
    struct loop_timer *waiting; /* heap: the root is the next to fire */
    struct loop_timer *due;     /* heap: their time has come, they fire in this turn */
    struct loop_source mail, signals;
    void (*caught)(void *context, int signo);
    void *caught_context;
    struct letter *taken; /* out of the mailbox, not yet run */
    struct loop_orphan *orphans;
    pthread_mutex_t lock; /* guards what follows */
    struct letter *posted, **posted_end;
};

uint64_t loop_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- sources
 * -------------------------------------------------------------------------------------- */

enum spec_err loop_watch(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (source->loop != NULL && source->events == events)
        return SPEC_OK;
    if (epoll_ctl(loop->epoll, source->loop != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd,
                  &event) != 0)
        return SPEC_E_SYSTEM;
    source->loop = loop;
    source->events = events;
    return SPEC_OK;
}

void loop_unwatch(struct loop_source *source)
{
    struct loop *loop = source->loop;

    if (loop == NULL)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    /* What the kernel reported before must not reach memory that its owner may free now. */
    for (int i = 0; i < loop->n_batch; i++)
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
    source->loop = NULL;
    source->events = 0;
}

/* Its owner may have stopped waiting for what is reported, in this very batch. */
static void deliver(const struct epoll_event *event)
{
    struct loop_source *source = event->data.ptr;
    uint32_t events;

    if (source == NULL)
        return;
    events = event->events & (source->events | EPOLLERR | EPOLLHUP);
    if (events != 0)
        source->ready(source, events);
}

/* --- timers: a pairing heap
 * ----------------------------------------------------------------------- */
/* Siblings hang together by next; prev is the sibling before, or the parent of a first child. */

static struct loop_timer *merge(struct loop_timer *a, struct loop_timer *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->at_ns < a->at_ns) {
        struct loop_timer *t = a;
        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next != NULL)
        b->next->prev = b;
    a->child = b;
    return a;
}

/* One heap of all siblings from first on: in pairs from the left, then all from the right. */
static struct loop_timer *merge_siblings(struct loop_timer *first)
{
    struct loop_timer *pairs = NULL, *heap = NULL;

    while (first != NULL) {
        struct loop_timer *a = first, *b = a->next;
        first = b != NULL ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b != NULL)
            b->next = b->prev = NULL;
        a = merge(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct loop_timer *a = pairs;
        pairs = a->next;
        a->next = NULL;
        heap = merge(heap, a);
    }
    return heap;
}

/* Put heap, whose times are none before timer's, where timer hangs. */
static void replace(struct loop_timer *timer, struct loop_timer *heap)
{
    struct loop_timer **from_prev =
        timer->prev->child == timer ? &timer->prev->child : &timer->prev->next;

    if (heap != NULL) {
        heap->prev = timer->prev;
        heap->next = timer->next;
        if (heap->next != NULL)
            heap->next->prev = heap;
        *from_prev = heap;
        return;
    }
    if (timer->next != NULL)
        timer->next->prev = timer->prev;
    *from_prev = timer->next;
}

void loop_timer_cancel(struct loop_timer *timer)
{
    struct loop *loop = timer->loop;
    struct loop_timer *heap;

    if (loop == NULL)
        return;
    heap = merge_siblings(timer->child);
    if (timer == loop->waiting)
        loop->waiting = heap;
    else if (timer == loop->due)
        loop->due = heap;
    else
        replace(timer, heap);
    timer->child = timer->next = timer->prev = NULL;
    timer->loop = NULL;
}

static void arm(struct loop *loop, struct loop_timer **heap, struct loop_timer *timer)
{
    timer->loop = loop;
    timer->child = timer->next = timer->prev = NULL;
    *heap = merge(*heap, timer);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ns)
{
    loop_timer_cancel(timer);
    timer->at_ns = at_ns;
    if (at_ns != UINT64_MAX)
        arm(loop, &loop->waiting, timer);
}

/* Those that are due are put aside first: one that is set again at once fires in the next turn,
 * after the descriptors had theirs. */
static void fire_due(struct loop *loop)
{
    uint64_t now_ns = loop_now();
    struct loop_timer *timer;

    while ((timer = loop->waiting) != NULL && timer->at_ns <= now_ns) {
        loop_timer_cancel(timer);
        arm(loop, &loop->due, timer);
    }
    while ((timer = loop->due) != NULL) {
        loop_timer_cancel(timer);
        timer->fire(timer, now_ns);
    }
}

/* Until the first timer is due; UINT64_MAX: never. */
static uint64_t wait_ns(const struct loop *loop)
{
    uint64_t now_ns = loop_now();

    if (loop->waiting == NULL)
        return UINT64_MAX;
    return loop->waiting->at_ns - MIN(now_ns, loop->waiting->at_ns);
}

/* For epoll_wait(), rounded down: the timer is near then. */
static int to_ms(uint64_t ns)
{
    if (ns == UINT64_MAX)
        return -1;
    return (int)MIN(ns / NS_PER_MS, (uint64_t)INT_MAX);
}

/* Sleep until an event or the first timer, or until that is near; how many events are in the batch.
 * Intervals end, and tests, with less than the ms of epoll_wait() to spare. */
static int rest(struct loop *loop)
{
    uint64_t ns = wait_ns(loop);

    if (ns > 0 && ns < NEAR_NS) {
        struct pollfd any = {.fd = loop->epoll, .events = POLLIN};
        struct timespec left = {.tv_nsec = (long)ns};
        (void)ppoll(&any, 1, &left, NULL); /* what it could tell, epoll_wait() tells */
        ns = 0;
    }
    return epoll_wait(loop->epoll, loop->batch, ARRAY_LEN(loop->batch), to_ms(ns));
}

/* Look on until an event, the first timer, or until it has been long enough. */
static int look_on(struct loop *loop, uint64_t until_ns)
{
    int n;

    do
        n = epoll_wait(loop->epoll, loop->batch, ARRAY_LEN(loop->batch), 0);
    while (n == 0 && wait_ns(loop) > 0 && loop_now() < until_ns);
    return n;
}

static int await(struct loop *loop)
{
    uint64_t began_ns = loop_now();
    int n = loop->linger.ns > 0 ? look_on(loop, began_ns + loop->linger.ns) : 0;

    if (n == 0)
        n = rest(loop);
    linger_learn(&loop->linger, loop_now() - began_ns);
    return n;
}

/* --- mail
 * ----------------------------------------------------------------------------------------- */

enum spec_err loop_post(struct loop *loop, void (*call)(void *context), void *context)
{
    struct letter *letter = malloc(sizeof *letter);
    bool first;

    if (letter == NULL)
        return SPEC_E_NOMEM;
    *letter = (struct letter){.call = call, .context = context};
    pthread_mutex_lock(&loop->lock);
    first = loop->posted == NULL;
    *loop->posted_end = letter;
    loop->posted_end = &letter->next;
    if (first) /* under the lock: once the loop may run the letter, the loop may be gone soon */
        eventfd_write(loop->mail.fd, 1);
    pthread_mutex_unlock(&loop->lock);
    return SPEC_OK;
}

static struct letter *take_posted(struct loop *loop)
{
    struct letter *all;

    pthread_mutex_lock(&loop->lock);
    all = loop->posted;
    loop->posted = NULL;
    loop->posted_end = &loop->posted;
    pthread_mutex_unlock(&loop->lock);
    return all;
}

static void read_mail(struct loop_source *source, uint32_t events)
{
    struct loop *loop = source->loop;
    struct letter *letter;
    eventfd_t count;

    (void)events;
    eventfd_read(source->fd,
                 &count); /* before the letters are taken, or a later one might not wake us */
    loop->taken = take_posted(loop);
    while ((letter = loop->taken) != NULL) {
        struct letter run = *letter;
        loop->taken = letter->next;
        free(letter);
        run.call(run.context);
    }
}

/* Take the letters of (call, context) out of a list; the end of what is left. */
static struct letter **drop(struct letter **at, void (*call)(void *context), const void *context)
{
    while (*at != NULL) {
        struct letter *letter = *at;
        if (call != NULL && (letter->call != call || letter->context != context)) {
            at = &letter->next;
            continue;
        }
        *at = letter->next;
        free(letter);
    }
    return at;
}

void loop_unpost(struct loop *loop, void (*call)(void *context), void *context)
{
    drop(&loop->taken, call, context);
    pthread_mutex_lock(&loop->lock);
    loop->posted_end = drop(&loop->posted, call, context);
    pthread_mutex_unlock(&loop->lock);
}

/* --- orphans
 * -------------------------------------------------------------------------------------- */

void loop_adopt(struct loop *loop, struct loop_orphan *orphan)
{
    orphan->next = loop->orphans;
    orphan->at = &loop->orphans;
    if (orphan->next != NULL)
        orphan->next->at = &orphan->next;
    loop->orphans = orphan;
}

void loop_disown(struct loop_orphan *orphan)
{
    if (orphan->at == NULL)
        return;
    *orphan->at = orphan->next;
    if (orphan->next != NULL)
        orphan->next->at = orphan->at;
    orphan->at = NULL;
}

/* --- signals
 * -------------------------------------------------------------------------------------- */

static void read_signal(struct loop_source *source, uint32_t events)
{
    struct loop *loop = source->loop;
    struct signalfd_siginfo info;

    (void)events;
    if (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop->caught(loop->caught_context, (int)info.ssi_signo);
}

enum spec_err loop_signals(struct loop *loop, const sigset_t *signals,
                           void (*caught)(void *context, int signo), void *context)
{
    int fd;

    if ((errno = pthread_sigmask(SIG_BLOCK, signals, NULL)) != 0)
        return SPEC_E_SYSTEM;
    fd = signalfd(loop->signals.fd, signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return SPEC_E_SYSTEM;
    loop->signals.fd = fd;
    loop->caught = caught;
    loop->caught_context = context;
    return loop_watch(loop, &loop->signals, EPOLLIN);
}

/* --- the loop
 * ------------------------------------------------------------------------------------- */

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL)
        return NULL;
    linger_init(&loop->linger);
    pthread_mutex_init(&loop->lock, NULL);
    loop->posted_end = &loop->posted;
    loop->signals = (struct loop_source){.fd = -1, .ready = read_signal};
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->mail =
        (struct loop_source){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = read_mail};
    if (loop->epoll < 0 || loop->mail.fd < 0 || loop_watch(loop, &loop->mail, EPOLLIN) != SPEC_OK) {
        int saved = errno;
        loop_free(loop);
        errno = saved;
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    struct loop_orphan *orphan;

    if (loop == NULL)
        return;
    while ((orphan = loop->orphans) != NULL) {
        loop_disown(orphan);
        orphan->drop(orphan);
    }
    drop(&loop->taken, NULL, NULL);
    drop(&loop->posted, NULL, NULL);
    if (loop->mail.fd >= 0)
        close(loop->mail.fd);
    if (loop->signals.fd >= 0)
        close(loop->signals.fd);
    if (loop->epoll >= 0)
        close(loop->epoll);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

static enum spec_err turn(struct loop *loop)
{
    int n = await(loop);

    if (n < 0 && errno != EINTR)
        return SPEC_E_SYSTEM;
    loop->n_batch = MAX(n, 0);
    for (int i = 0; i < loop->n_batch; i++)
        deliver(&loop->batch[i]);
    loop->n_batch = 0;
    fire_due(loop);
    return SPEC_OK;
}

enum spec_err loop_run(struct loop *loop)
{
    enum spec_err e = SPEC_OK;

    while (!loop->stop && e == SPEC_OK)
        e = turn(loop);
    loop->stop = false;
    return e;
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}
