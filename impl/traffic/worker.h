/* worker.h - a thread that moves the bytes of some streams of a run, in turn; private to this room.
 *
 * It asks each of its streams for a step at a time (stream.h), and sleeps when none of them has
 * anything to do. Streams at full speed gain from threads of their own, as long as there are few:
 * who is woken by the bytes finds them in the processor's cache. Paced streams don't. A run has no
 * more workers than pay.
 *
 * What streams read to, and what they send, is the same memory for all streams of a worker: 128
 * streams need little more of it than one. The worker is the first to write to what is read to, so
 * that it lies at the node that it runs on. */
#pragma once
#include "impl/wire/err.h"

#include <stdbool.h>
#include <stddef.h>

struct stream;
struct worker;

/* How many workers are worth having: by the processors that this process may use; with an affinity
 * (not below 0) by one. */
size_t worker_most(int affinity, bool paced);

/* SPEC_OK, SPEC_E_NOMEM or SPEC_E_SYSTEM (errno: descriptors). */
enum spec_err worker_new(struct worker **out);
/* The thread is not running. NULL is allowed. */
void worker_free(struct worker *w);

/* A sender among its streams, NULL without one: the next one borrows its payload. */
const struct stream *worker_lender(const struct worker *w);
/* Have it serve one more stream; before worker_start(). The stream is borrowed. SPEC_OK or
 * SPEC_E_NOMEM. */
enum spec_err worker_add(struct worker *w, struct stream *s);

/* Make its streams ready for their first step, which may be taken by the caller until the thread is
 * started; worker_start() does it too where it was not done. */
void worker_begin(struct worker *w);
/* Start the thread on CPU affinity (-1: any). SPEC_OK, SPEC_E_RANGE (no such CPU) or SPEC_E_SYSTEM
 * (errno). */
enum spec_err worker_start(struct worker *w, int affinity);

/* Have all its streams look again at the budget. */
void worker_wake(struct worker *w);
/* Have it stop soon: receivers still count what lies in their queues (RES-26). */
void worker_ask_stop(struct worker *w);
/* Wait for that; without a thread it is done here. Does nothing before worker_begin(), or a second
 * time. */
void worker_join(struct worker *w);
