/* loose.h - reads on in one direction of a control channel after bytes were missed.
 *
 * Behind a gap nobody knows where a message begins. It is taken to begin with a segment, as senders
 * nearly always have it: good enough to show, never to judge. */
#pragma once
#include "impl/wire/frame.h"
#include "impl/wire/observer.h"

struct loose {
    enum observer_side from;
    enum { LOOSE_BETWEEN, LOOSE_ERROR, LOOSE_JSON, LOOSE_LOST } where;
    struct frame_decoder dec; /* ours: loose_fini() */
    uint64_t item_offset;     /* where the message began */
};

/* At the beginning of that side's bytes; loose_fini() frees what it holds. */
void loose_init(struct loose *l, enum observer_side from);
void loose_fini(struct loose *l);

/* Bytes are missing: start anew with the next segment. */
void loose_gap(struct loose *l);

/* The bytes of one segment, from offset on. take() gets each message that can be made out. */
void loose_read(struct loose *l, uint64_t at_ns, uint64_t offset, struct bytes segment,
                void (*take)(void *context, const struct observer_message *message), void *context);
