/* run_workers.c - who moves the bytes: threads, and for a server's first moment the loop itself.
 *
 * To start a thread and to join it takes longer than a test of a few blocks. So the loop serves a
 * few streams as long as they are soon done with what there is, and hands them over to threads once
 * they are not, or come again and again. That is counted, not timed: where a hundred tests have
 * their first moment at once, each of them takes a while, and has no more to do than any other. */
#include "impl/traffic/run_state.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#define MOMENT_NS    UINT64_C(1000000000) /* at most */
#define MOMENT_TURNS 8                    /* of each stream, in the mean */
#define FEW_STREAMS  4
#define MOMENT_STEPS 4 /* of a stream in one turn of the loop; more is a thread's work */

/* --- threads ------------------------------------------------------------------------------------
 */

static enum spec_err start_threads(struct run *run)
{
    enum spec_err err = SPEC_OK;
    int saved;

    for (size_t i = 0; i < run->n_workers && err == SPEC_OK; i++)
        err = worker_start(run->workers[i], run->config.affinity);
    if (err != SPEC_OK) {
        saved = errno;
        run_stop_workers(run);
        errno = saved;
    }
    return err;
}

/* --- the first moment ---------------------------------------------------------------------------
 */

static void end_moment(struct run *run)
{
    loop_timer_cancel(&run->moment);
    for (size_t i = 0; i < run->n_streams; i++)
        loop_unwatch(&run->streams[i]->source);
}

static void hand_over(struct loop_timer *timer, uint64_t now_ns)
{
    struct run *run = LOOP_OWNER(struct run, moment, timer);

    (void)now_ns;
    end_moment(run);
    if (start_threads(run) != SPEC_OK)
        run_give_up(run, IEPTHREADCREATE, errno); /* may free the run */
}

static bool waits_for_itself(const struct stream *s)
{
    return s->wait.fd == s->fd && s->wait.until_ns == UINT64_MAX;
}

/* It has sent all it may, unless others give some back. */
static bool waits_for_others(const struct stream *s)
{
    return s->wait.fd < 0 && s->wait.until_ns == UINT64_MAX;
}

/* Have the loop wait for what the stream waits for; false if only a thread can. */
static bool watch(struct run *run, struct stream *s)
{
    if (s->next == STEP_AGAIN)
        return false;
    if (s->next == STEP_DONE || waits_for_others(s)) {
        loop_unwatch(&s->source);
        return true;
    }
    return waits_for_itself(s) &&
           loop_watch(run->config.loop, &s->source,
                      s->wait.events & POLLOUT ? EPOLLOUT : EPOLLIN) == SPEC_OK;
}

static void stream_ready(struct loop_source *source, uint32_t events)
{
    struct stream *s = LOOP_OWNER(struct stream, source, source);
    struct run *run = LOOP_OWNER(struct run, flow, s->flow);

    (void)events;
    s->next = STEP_AGAIN;
    for (unsigned i = 0; i < MOMENT_STEPS && s->next == STEP_AGAIN; i++)
        stream_step(s);
    run->moment_turns++;
    if (!watch(run, s) || run->moment_turns > MOMENT_TURNS * run->n_streams)
        loop_timer_set(run->config.loop, &run->moment, 0);
}

/* Pacing, blocking files and splice(), which raises signals, are for threads. */
static bool has_moment(const struct run *run)
{
    const struct params *p = run->config.params;

    return run->config.role == MACHINE_SERVER && run->config.loop_first &&
           run->config.affinity < 0 && run->n_streams <= FEW_STREAMS && p->bandwidth <= 0 &&
           p->zerocopy == 0 && !run->flow.file && !run->flow.sctp;
}

static void begin_moment(struct run *run, uint64_t now_ns)
{
    for (size_t i = 0; i < run->n_workers; i++)
        worker_begin(run->workers[i]);
    loop_timer_set(run->config.loop, &run->moment, now_ns + MOMENT_NS);
    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        s->source = (struct loop_source){.fd = s->fd, .ready = stream_ready};
        if (loop_watch(run->config.loop, &s->source, s->sends ? EPOLLOUT : EPOLLIN) != SPEC_OK)
            loop_timer_set(run->config.loop, &run->moment, 0);
    }
}

/* --- the run's side -----------------------------------------------------------------------------
 */

enum spec_err run_start_workers(struct run *run, uint64_t now_ns)
{
    run->moment.fire = hand_over;
    if (!has_moment(run))
        return start_threads(run);
    begin_moment(run, now_ns);
    return SPEC_OK;
}

void run_wake_workers(struct run *run)
{
    if (run->moment.loop) /* nobody but a thread looks at all of them */
        loop_timer_set(run->config.loop, &run->moment, 0);
    for (size_t i = 0; i < run->n_workers; i++)
        worker_wake(run->workers[i]);
}

void run_stop_workers(struct run *run)
{
    if (run->moment.loop)
        end_moment(run);
    for (size_t i = 0; i < run->n_workers; i++)
        worker_ask_stop(run->workers[i]);
    for (size_t i = 0; i < run->n_workers; i++)
        worker_join(run->workers[i]);
}
