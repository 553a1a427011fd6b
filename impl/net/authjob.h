/* authjob.h - checks tokens on a thread of its own, so that RSA never holds up the loop.
 *
 * All calls on the loop's thread. */
#pragma once
#include "impl/net/auth.h"
#include "impl/net/loop.h"

#define AUTHJOB_MAX 1024 /* waiting at once */

struct authjob_worker;
struct authjob;

/* Start the thread. policy is borrowed for the worker's life. NULL: see errno. */
struct authjob_worker *authjob_start(struct loop *loop, const struct auth_policy *policy);

/* Stop the thread (waits for the check that is running) and forget all jobs: no done(). Before
 * loop_free(). NULL is allowed. */
void authjob_stop(struct authjob_worker *worker);

/* Have a token checked; it is copied (at most TOKEN_TEXT_MAX characters are looked at). done()
 * comes once, from the loop; the job is gone then. NULL: AUTHJOB_MAX jobs wait, or no memory. */
struct authjob *authjob_submit(struct authjob_worker *worker, const char *token, int64_t now_s,
                               void (*done)(void *context, enum auth_verdict verdict,
                                            const char *user),
                               void *context);

/* The session died: no done(). The job is not the caller's any more. NULL is allowed. */
void authjob_cancel(struct authjob *job);
