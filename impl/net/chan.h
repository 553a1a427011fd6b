/* chan.h - a buffered control channel: a non-blocking TCP socket, driven by the loop.
 *
 * What comes is kept until the owner has taken it; what the owner sends is queued and written as
 * the socket takes it. The channel knows nothing of messages. All calls on the loop's thread;
 * callbacks come from the loop only, never from inside a call, and may call anything here,
 * chan_close() and chan_abort() included: no callback comes after either. */
#pragma once
#include "impl/net/loop.h"
#include "impl/net/transcript.h"
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

#define CHAN_KEEP_MAX    (16 * 1024) /* kept and not yet taken; at that the socket is not read */
#define CHAN_QUEUE_MAX   (128 * 1024 * 1024) /* queued and not yet written */
#define CHAN_FLUSH_NS    10000000000   /* chan_close(): longest time to write what is queued */
#define CHAN_LINGER_NS   2000000000    /* chan_close(): longest wait for the peer's EOF */
#define CHAN_DISCARD_MAX (1024 * 1024) /* chan_close(): most that is read and thrown away */

struct chan;

struct chan_events {
    /* All that is kept, new bytes at its end. Move *in past what is taken, as it is taken (the
     * order of taking and sending is what the transcript shows); the rest is offered again with the
     * next bytes or after chan_resume(). Borrowed for the call. */
    void (*bytes)(void *context, struct bytes *in);
    /* The peer's FIN. Comes when all bytes were taken (see chan_collect() for the exception). The
     * channel can still send. */
    void (*eof)(void *context);
    /* The connection is gone, by a reset or any other error; when all bytes were taken, as eof. */
    void (*reset)(void *context, int os_errno);
};

/* A channel over fd, a connected socket; made non-blocking, and the channel's from now on. events
 * is borrowed for the channel's life. NULL (see errno): fd is still the caller's. */
struct chan *chan_new(struct loop *loop, int fd, const struct chan_events *events, void *context);

/* Another owner: the next callback goes there. An ending that the old one was told of comes to the
 * new one too, after chan_resume(). */
void chan_set_events(struct chan *c, const struct chan_events *events, void *context);

/* Write the bytes from now on to session, in the order in which they are taken and sent. session is
 * the channel's from now on: it ends it when it is gone. NULL: none. */
void chan_set_recorder(struct chan *c, struct transcript_session *session);

/* Collect: keep at most n bytes and read no further, so that what follows stays in the socket
 * (chan_release()); eof and reset come at once even if bytes are kept. For a connection of which
 * nothing is known but that 37 bytes will tell. n = 0 ends it: call chan_resume() then. */
void chan_collect(struct chan *c, size_t n);

/* What is kept; borrowed until the loop runs. */
struct bytes chan_kept(const struct chan *c);

/* Send: written at once as far as the socket takes it, and else when it does. SPEC_OK, also on a
 * connection that is gone, of which reset will tell; SPEC_E_SPACE (more than CHAN_QUEUE_MAX would
 * be queued) or SPEC_E_NOMEM: nothing of it was sent or queued. */
enum spec_err chan_send(struct chan *c, struct bytes bytes);

/* Offer what is kept (and a pending eof or reset behind it) again, from the loop. */
void chan_resume(struct chan *c);

/* Good end: no more callbacks; what is queued is written, the sending half shut down, and what
 * still comes is read and thrown away until EOF or one of the limits above, so that the last bytes
 * are not lost to a reset (CLOSE-2, INT-13); then the channel frees itself. It stays in the loop
 * until then. gone, if not NULL, is called once, just before (for an owner who wants to stop the
 * loop after that). A loop that is freed first resets the connection, without gone. */
void chan_close(struct chan *c, void (*gone)(void *context), void *context);

/* Bad end: reset the connection and free the channel. NULL is allowed. */
void chan_abort(struct chan *c);

/* Give the descriptor away and free the channel; what is kept or queued is dropped. */
int chan_release(struct chan *c);

/* The descriptor; borrowed, for options and addresses. */
int chan_fd(const struct chan *c);
