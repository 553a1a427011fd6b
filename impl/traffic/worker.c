/* worker.c - see worker.h. */
#include "impl/traffic/worker.h"

#include "impl/traffic/node.h"
#include "impl/traffic/stream.h"
#include "impl/traffic/turnstile.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PER_CPU    8
#define AT_WORK    2 /* for each processor, where a crowd of tests has more workers than that */
#define STACK_LEN  (size_t)(256 * 1024)
#define TURN_STEPS 8 /* of a stream, before it is the next one's turn */
#define NS_PER_SEC UINT64_C(1000000000)

struct worker {
    pthread_t thread;
    bool begun;       /* loop's: its streams may take steps */
    bool running;     /* loop's: thread is to be joined */
    bool paced;       /* its streams */
    atomic_bool stop; /* loop -> worker */
    int wake_fd;      /* eventfd to the worker */
    struct turnstile_visitor visitor;
    size_t n;
    struct stream **streams;
    struct pollfd *fds; /* of wake_fd, then one for each stream */
    uint8_t *room;      /* what receivers read to; the length is of the largest need */
    size_t room_len;
};

static struct turnstile turnstile; /* of this process */
static pthread_once_t turnstile_is_there = PTHREAD_ONCE_INIT;

size_t worker_most(int affinity, bool paced)
{
    cpu_set_t set;
    int n_cpus = 1;

    if (affinity < 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        n_cpus = MAX(CPU_COUNT(&set), 1);
    return (size_t)n_cpus * (paced ? 1 : PER_CPU);
}

static void make_turnstile(void)
{
    size_t n_cpus = worker_most(-1, true);

    turnstile_init(&turnstile, (unsigned)(n_cpus * AT_WORK), (unsigned)(n_cpus * PER_CPU));
}

enum spec_err worker_new(struct worker **out)
{
    struct worker *w = calloc(1, sizeof *w);

    if (!w)
        return SPEC_E_NOMEM;
    pthread_once(&turnstile_is_there, make_turnstile);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->wake_fd < 0) {
        free(w);
        return SPEC_E_SYSTEM;
    }
    w->visitor.wake_fd = w->wake_fd;
    *out = w;
    return SPEC_OK;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    close(w->wake_fd);
    free(w->streams);
    free(w->fds);
    free(w->room);
    free(w);
}

/* Room for one more stream, and for the longest read of any. */
static bool make_room(struct worker *w, size_t read_len)
{
    struct stream **streams = realloc(w->streams, (w->n + 1) * sizeof(struct stream *));
    struct pollfd *fds;
    uint8_t *room;

    if (!streams)
        return false;
    w->streams = streams;
    fds = realloc(w->fds, (w->n + 2) * sizeof *fds);
    if (!fds)
        return false;
    w->fds = fds;
    if (read_len <= w->room_len)
        return true;
    room = realloc(w->room, read_len);
    if (!room)
        return false;
    w->room = room;
    w->room_len = read_len;
    return true;
}

const struct stream *worker_lender(const struct worker *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->streams[i]->sends)
            return w->streams[i];
    return NULL;
}

enum spec_err worker_add(struct worker *w, struct stream *s)
{
    if (!make_room(w, stream_read_len(s)))
        return SPEC_E_NOMEM;
    w->streams[w->n++] = s;
    return SPEC_OK;
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static bool is_stopping(struct worker *w)
{
    return atomic_load_explicit(&w->stop, memory_order_acquire);
}

static void take_turn(struct worker *w, struct stream *s)
{
    for (unsigned i = 0; i < TURN_STEPS && s->next == STEP_AGAIN && !is_stopping(w); i++)
        stream_step(s);
}

/* Who waits for what: fills in fds; the earliest time that anybody waits for. */
static uint64_t list_waiting(struct worker *w)
{
    uint64_t until_ns = UINT64_MAX;

    w->fds[0] = (struct pollfd){.fd = w->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < w->n; i++) {
        const struct stream *s = w->streams[i];
        bool waits = s->next == STEP_WAIT;
        w->fds[i + 1] = (struct pollfd){.fd = waits ? s->wait.fd : -1, .events = s->wait.events};
        if (waits)
            until_ns = MIN(until_ns, s->wait.until_ns);
    }
    return until_ns;
}

/* Sleep until one of them is ready, its time has come, or the loop wakes us. */
static void sleep_until(struct worker *w, uint64_t until_ns)
{
    uint64_t now_ns = until_ns == UINT64_MAX ? 0 : loop_now();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left_ns / NS_PER_SEC),
                               .tv_nsec = (long)(left_ns % NS_PER_SEC)};

    /* EINTR and the like: everybody looks again. */
    if (ppoll(w->fds, w->n + 1, until_ns == UINT64_MAX ? NULL : &timeout, NULL) < 0)
        w->fds[0].revents = POLLIN;
}

static void hear(struct worker *w)
{
    uint64_t count;

    while (read(w->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

static void note_ready(struct worker *w, bool timed)
{
    uint64_t now_ns = timed ? loop_now() : 0;
    bool woken = w->fds[0].revents != 0;

    if (woken)
        hear(w);
    for (size_t i = 0; i < w->n; i++) {
        struct stream *s = w->streams[i];
        if (s->next == STEP_WAIT &&
            (woken || w->fds[i + 1].revents != 0 || now_ns >= s->wait.until_ns))
            s->next = STEP_AGAIN;
    }
}

/* In a crowd wait for a place. What woke us there may have been meant for the streams. */
static void pass_turnstile(struct worker *w)
{
    struct pollfd wake = {.fd = w->wake_fd, .events = POLLIN};

    if (turnstile_enter(&turnstile, &w->visitor))
        return;
    while (!turnstile_is_open(&w->visitor) && !is_stopping(w))
        if (poll(&wake, 1, -1) > 0)
            hear(w);
    for (size_t i = 0; i < w->n; i++)
        if (w->streams[i]->next == STEP_WAIT)
            w->streams[i]->next = STEP_AGAIN;
}

/* A turn for each; how many have more to do at once, and how many are not done. */
static void take_turns(struct worker *w, size_t *n_busy, size_t *n_left)
{
    *n_busy = *n_left = 0;
    for (size_t i = 0; i < w->n; i++) {
        take_turn(w, w->streams[i]);
        *n_busy += w->streams[i]->next == STEP_AGAIN;
        *n_left += w->streams[i]->next != STEP_DONE;
    }
}

/* Streams that keep their pace are short of time alone: they need no place. */
static void serve(struct worker *w)
{
    size_t n_left = w->n, n_busy = 0;

    while (n_left > 0 && !is_stopping(w)) {
        bool needs_place = !w->paced || n_busy > 0;
        if (needs_place)
            pass_turnstile(w);
        take_turns(w, &n_busy, &n_left);
        if (needs_place)
            turnstile_leave(&turnstile, &w->visitor);
        if (n_busy < n_left) {
            uint64_t until_ns = list_waiting(w);
            sleep_until(w, n_busy > 0 ? 0 : until_ns);
            note_ready(w, until_ns != UINT64_MAX);
        }
    }
}

static void finish(struct worker *w)
{
    for (size_t i = 0; i < w->n; i++)
        stream_finish(w->streams[i]);
}

/* What is this worker's alone: the room, and each buffer once. */
static void settle(struct worker *w)
{
    node_settle(w->room, w->room_len);
    for (size_t i = 0; i < w->n; i++)
        if (!w->streams[i]->payload.borrowed)
            node_settle(w->streams[i]->payload.buf, w->streams[i]->payload.cap);
}

static void *work(void *arg)
{
    struct worker *w = arg;

    settle(w);
    prctl(PR_SET_TIMERSLACK, 1UL); /* pacing wants its sleeps exact */
    serve(w);
    finish(w);
    return NULL;
}

/* --- the loop's side ----------------------------------------------------------------------------
 */

/* 0, or an errno: EINVAL for what can be no CPU. Whether it exists turns out when the thread
 * starts. */
static int bind_cpu(pthread_attr_t *attr, int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return 0;
    if (cpu >= CPU_SETSIZE)
        return EINVAL;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_attr_setaffinity_np(attr, sizeof set, &set);
}

void worker_begin(struct worker *w)
{
    for (size_t i = 0; i < w->n && !w->begun; i++)
        stream_begin(w->streams[i], w->room, w->room_len);
    w->begun = true;
}

enum spec_err worker_start(struct worker *w, int affinity)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int err;

    worker_begin(w);
    w->paced = w->n > 0 && w->streams[0]->flow->params->bandwidth > 0;
    /* Signals are the loop's. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_LEN);
    err = bind_cpu(&attr, affinity);
    if (err == 0)
        err = pthread_create(&w->thread, &attr, work, w);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->running = err == 0;
    if (w->running)
        turnstile_expect(&turnstile);
    errno = err;
    if (err == EINVAL && affinity >= 0)
        return SPEC_E_RANGE;
    return err == 0 ? SPEC_OK : SPEC_E_SYSTEM;
}

void worker_wake(struct worker *w)
{
    stream_poke(w->wake_fd);
}

void worker_ask_stop(struct worker *w)
{
    atomic_store_explicit(&w->stop, true, memory_order_release);
    worker_wake(w);
}

void worker_join(struct worker *w)
{
    if (w->running) {
        pthread_join(w->thread, NULL);
        turnstile_forget(&turnstile);
    } else if (w->begun) {
        finish(w);
    }
    w->running = false;
}
