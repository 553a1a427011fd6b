/* loop.h - the event loop: one thread, epoll, timers, and a mailbox for other threads.
 *
 * Callbacks run on the loop's thread. A callback may watch, unwatch and free any source, its own
 * included: no event of a source is delivered after loop_unwatch(). */
#pragma once
#include "impl/wire/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* Embedded in whatever owns the descriptor; the owner closes it after loop_unwatch(). */
struct loop_source {
    int fd;
    void (*ready)(struct loop_source *source, uint32_t events); /* EPOLLIN, EPOLLOUT, ... */
    struct loop *loop;                                          /* set while watched */
    uint32_t events;                                            /* what is waited for */
};

/* The struct of that type whose member a callback was given. */
#define LOOP_OWNER(type, member, pointer)                                                          \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct loop_timer {
    void (*fire)(struct loop_timer *timer, uint64_t now_ns); /* once; set it again to repeat */
    uint64_t at_ns;                                          /* CLOCK_MONOTONIC */
    struct loop *loop;                                       /* set while armed */
    struct loop_timer *child, *next, *prev;                  /* the loop's */
};

/* Embedded in what goes on by itself after its owner let go of it (a channel that is closing). */
struct loop_orphan {
    void (*drop)(struct loop_orphan *orphan); /* by loop_free(): give everything back at once */
    struct loop_orphan *next, **at;           /* the loop's; at: set while adopted */
};

/* A loop with nothing to do. NULL: see errno. */
struct loop *loop_new(void);

/* Drops the orphans. After everything else is unwatched and cancelled; mail that waits is dropped
 * too. NULL is allowed. */
void loop_free(struct loop *loop);

/* Have loop_free() drop the orphan, if it is still there then; disown does nothing if it was not
 * adopted. */
void loop_adopt(struct loop *loop, struct loop_orphan *orphan);
void loop_disown(struct loop_orphan *orphan);

/* Watch source->fd for events; again with other events to change them. SPEC_OK or SPEC_E_SYSTEM. */
enum spec_err loop_watch(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_unwatch(struct loop_source *source); /* does nothing if it is not watched */

/* Arm (or re-arm) a timer for an absolute time; UINT64_MAX disarms. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ns);
void loop_timer_cancel(struct loop_timer *timer); /* does nothing if it is not armed */

/* From any thread: run call(context) on the loop's thread soon, in order of posting.
 * SPEC_OK or SPEC_E_NOMEM. */
enum spec_err loop_post(struct loop *loop, void (*call)(void *context), void *context);

/* Loop's thread: forget what was posted with this call and context and has not run yet. */
void loop_unpost(struct loop *loop, void (*call)(void *context), void *context);

/* Block these signals in the calling thread (do it before any thread starts) and have them
 * delivered to the callback on the loop's thread. SPEC_OK or SPEC_E_SYSTEM. */
enum spec_err loop_signals(struct loop *loop, const sigset_t *signals,
                           void (*caught)(void *context, int signo), void *context);

/* Run until loop_stop(), which ends the turn that calls it. SPEC_OK, or SPEC_E_SYSTEM (errno).
 * Both on the loop's thread. */
enum spec_err loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC in ns; from any thread. */
uint64_t loop_now(void);
