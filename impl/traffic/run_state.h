/* run_state.h - what is inside a run; for the run*.c. All of it is the loop's, but for
 * the atomics in the flow and the streams. */
#pragma once
#include "impl/traffic/ratelimit.h"
#include "impl/traffic/run.h"
#include "impl/traffic/stream.h"
#include "impl/traffic/worker.h"
#include "impl/wire/account.h"

#include <sys/resource.h>

struct run {
    struct run_config config;
    struct flow flow;
    struct account_end end;
    size_t n_streams;
    struct stream **streams;
    size_t n_workers;
    struct worker **workers; /* streams take turns in getting one */
    struct interval *rows;   /* as many; scratch for the callback */
    size_t n_exited;         /* workers known to have exited */

    struct loop_timer timer;   /* for whatever is due next */
    struct loop_timer moment;  /* the first one's end; armed while the loop serves the streams */
    size_t moment_turns;       /* of its streams in it */
    struct loop_timer sample;  /* of round trip times */
    struct loop_source notice; /* workers' eventfd */
    struct ratelimit rate;

    uint64_t interval_ns;     /* 0: none */
    uint64_t start_ns;        /* run_init() */
    uint64_t omit_at_ns;      /* UINT64_MAX: none, or over */
    uint64_t counted_from_ns; /* 0: still omitted */
    uint64_t stretch_from_ns; /* start of the current interval */
    uint64_t next_row_ns;     /* its planned end; UINT64_MAX: none */
    uint64_t listen_at_ns;    /* the next look whether senders have stopped; UINT64_MAX: none */
    uint64_t heard;           /* bytes that had come by the last one */
    uint64_t ended_ns, drain_at_ns;

    bool started, ended;
    bool gave_up; /* failed() was called */
    bool quiet;   /* report no intervals */

    struct rusage usage_start, usage_end;
    char congestion[16];
};

/* Fill in flow, end and what else follows from config alone. */
void run_plan(struct run *run);

/* Seconds of a peer's in ns: not negative, and at most what lies well within 64 bits. */
uint64_t run_seconds(int64_t s);

/* Note why the run can't go on, and tell its owner, who may free it. */
void run_give_up(struct run *run, int ierr, int os_errno);

/* run_stopped.c. Look from time to time whether the senders of a test with an end in bytes or
 * blocks are silent. */
void run_listen_for_silence(struct run *run, uint64_t now_ns);
/* Whether they are, and have sent all that they will; only a look that is due finds it. */
bool run_sender_stopped(struct run *run, uint64_t now_ns);

/* run_workers.c. As run_start() says; no worker is at work after a failure. */
enum spec_err run_start_workers(struct run *run, uint64_t now_ns);
/* Have all streams look again at the budget. */
void run_wake_workers(struct run *run);
/* Returns when none is at work; again does nothing. */
void run_stop_workers(struct run *run);
