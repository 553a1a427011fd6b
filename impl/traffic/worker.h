/* worker.h - a thread that moves the bytes of some streams of a run, in turn; private to this room.
 *
 * A run has no more workers than there are processors to run them: where it has more streams, a
 * worker serves several. It asks each for a step at a time (stream.h), and sleeps when none of them
 * has anything to do. Buffers of receivers belong to the worker, which writes to them first: they
 * lie in the memory of the node that it runs on, and 128 streams need no more of them than one. */
#pragma once
#include "impl/wire/err.h"

#include <stddef.h>

struct stream;
struct worker;

/* How many workers are worth having: the processors that this process may use; with an affinity
 * (not below 0) one. */
size_t worker_most(int affinity);

/* SPEC_OK, SPEC_E_NOMEM or SPEC_E_SYSTEM (errno: descriptors). */
enum spec_err worker_new(struct worker **out);
/* The thread is not running. NULL is allowed. */
void worker_free(struct worker *w);

/* Have it serve one more stream; before worker_start(). The stream is borrowed. SPEC_OK or
 * SPEC_E_NOMEM. */
enum spec_err worker_add(struct worker *w, struct stream *s);

/* Start the thread on CPU affinity (-1: any). SPEC_OK, SPEC_E_RANGE (no such CPU) or SPEC_E_SYSTEM
 * (errno). */
enum spec_err worker_start(struct worker *w, int affinity);

/* Have all its streams look again at the budget. */
void worker_wake(struct worker *w);
/* Have it stop soon: receivers still count what lies in their queues (RES-26). */
void worker_ask_stop(struct worker *w);
/* Wait for that. Does nothing if it was not started, or a second time. */
void worker_join(struct worker *w);
