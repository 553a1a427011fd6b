/* channel.h - puts both directions of a TCP connection in order, for a control channel.
 *
 * Bytes come out in an order in which the two ends can have sent them: nothing before what its
 * sender had acknowledged. A segment that comes too early waits, in bounded memory; when too much
 * waits, or too long, what it waits for was not captured and is reported as a gap. So a capture
 * that lost packets, or re-ordered them, is never taken for peers that broke the rules.
 *
 * Overlaps and retransmissions: the first copy counts. Lengths, times and numbers are bounded; a
 * segment far outside the window is ignored, and so is a reset that its receiver cannot have
 * believed: of a number that was acknowledged before, or ahead of a side that goes on. */
#pragma once
#include "harness/capture/dissect.h"

#define CHANNEL_KEPT        4096                 /* last bytes, to which others are compared */
#define CHANNEL_WAITING_MAX 512                  /* segments */
#define CHANNEL_BYTES_MAX   (1u << 20)           /* of them */
#define CHANNEL_HELD_MAX    (16u << 20)          /* of all channels together */
#define CHANNEL_PATIENCE_NS UINT64_C(2000000000) /* by the clock of the capture */
#define CHANNEL_PATIENCE    400                  /* packets of this connection */

struct channel;

/* Where delivered bytes come from. */
struct channel_origin {
    uint64_t at_ns, number; /* of the packet */
    uint32_t len;           /* bytes of the connection that it carried on the wire */
};

/* What comes out. from: 0 or 1, as in channel_take(). */
struct channel_user {
    void (*bytes)(void *context, int from, struct channel_origin origin, struct bytes bytes);
    /* len bytes are not in the capture. */
    void (*gap)(void *context, int from, struct channel_origin origin, uint64_t len);
    void (*end)(void *context, int from, struct channel_origin origin, bool is_reset);
    /* A segment carries other bytes than were given before in their place, or is damaged and
     * nothing came in its own: which of them its receiver has read is not known. NULL: nobody
     * asks. */
    void (*other)(void *context, int from, struct channel_origin origin, bool is_damaged);
    void *context;
    size_t *held; /* bytes that wait in all channels; theirs. NULL: this is the only one */
};

/* Never NULL. */
struct channel *channel_new(const struct channel_user *user);
void channel_free(struct channel *c);

/* The sequence number of a direction's first byte, where it is known from the handshake. */
void channel_start(struct channel *c, int from, uint32_t seq);

/* One segment of direction from (0 or 1). */
void channel_take(struct channel *c, int from, const struct dissected *p);

/* What waits has waited long enough: deliver it, with gaps where they are. */
void channel_flush(struct channel *c);

/* No packet came, but it is now_ns: what has waited too long by the clock is delivered so. */
void channel_tick(struct channel *c, uint64_t now_ns);

/* No more will come: delivers what waits, with gaps where they are. */
void channel_finish(struct channel *c);

/* The sequence number of the next byte of a direction; false while it is not known. */
bool channel_next(const struct channel *c, int from, uint32_t *seq);

/* Segments whose bytes had been there before: retransmissions, keep-alives. */
uint64_t channel_n_repeated(const struct channel *c);

/* Segments that had to wait for others, which came late or not at all. */
uint64_t channel_n_late(const struct channel *c);
