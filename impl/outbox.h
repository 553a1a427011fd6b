/* outbox.h - output that does not hold up who prints it.
 *
 * A server of many tests has one event loop, and a full pipe (a pager, a terminal that was stopped)
 * would stop every test with it. What is printed here waits in a bounded queue for a thread that
 * writes it. While nobody reads, whole lines are dropped; once somebody does again, a line says how
 * many. All calls on one thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OUTBOX_MAX ((size_t)1 << 20) /* bytes that wait, before who prints has to wait */

struct outbox;

/* Start the thread, which takes no signals. NULL: see errno.
 *   notes_fd     where it is said how many lines were dropped; borrowed
 *   patience_ns  how long a line may wait for room, before it is dropped together with all that
 *                comes until the queue is empty */
struct outbox *outbox_new(int notes_fd, uint64_t patience_ns);

/* A line-buffered stream whose lines are written to fd, in order with those of the box's other
 * streams. fd is borrowed; the stream is the box's. NULL without memory. */
FILE *outbox_file(struct outbox *box, int fd);

/* Wait until all is written, or until not one piece was for patience_ns. True if nothing is left,
 * and nothing was dropped. */
bool outbox_drain(struct outbox *box, uint64_t patience_ns);

/* Close the streams and drop what still waits. NULL is allowed. Returns the errno of the first
 * write that failed, 0 if none did. */
int outbox_free(struct outbox *box);
