/* novelty.h - what of the subject's behaviour was seen before: a set of features, kept in a file.
 *
 * A feature is a reaction in a state ((state, event, reply), witness.h), two of them in a row, a
 * line that the subject printed, numbers left out, or an edge of its code, taken so often. */
#pragma once
#include "harness/session/text.h"

#include <stdint.h>
#include <stdio.h>

struct novelty {
    uint64_t *set; /* open addressing; 0 is free */
    size_t n, cap;
    size_t n_reactions; /* single reactions among them */
    size_t n_states;    /* in which there was one */
    size_t n_edges;     /* edges among them, however often each was taken */
    FILE *file;         /* new ones are added to it; NULL: no file */
};

/* Read what the file at path holds, and add to it from then on. path NULL: an empty set. False: see
 * errno. */
bool novelty_open(struct novelty *n, const char *path);
void novelty_close(struct novelty *n);

/* Take in what a session showed: reactions, a line each; said, what the subject printed. How many
 * features are new. */
unsigned novelty_take(struct novelty *n, const struct text *reactions, const struct text *said);
/* The same for edges, as a verdict has them (play.h). */
unsigned novelty_take_edges(struct novelty *n, const struct text *edges);
