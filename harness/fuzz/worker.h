/* worker.h - what worker.c and inquest.c share; private to them. */
#pragma once
#include "harness/fuzz/corpus.h"
#include "harness/fuzz/fuzz.h"
#include "harness/fuzz/journal.h"
#include "harness/fuzz/novelty.h"

#define CHECK_EVERY   8  /* sessions between two questions whether a kept server serves on */
#define QUICK_S       2  /* to serve the next client: then it is looked into */
#define PATIENT_S     45 /* and then it does not */
#define LATER_MAX     32
#define DISMISSED_MAX 256

/* A suspicion that did not show again. */
struct dismissed {
    char key[200];
    unsigned times;
};

/* A finding that takes long to show: it is made small when there is nothing else to do. */
struct later {
    struct recipe recipe;
    struct play_how how;
};

struct worker {
    const struct fuzz_settings *settings;
    struct fuzz_counts *counts;
    const volatile bool *stop;
    unsigned number;
    uint64_t began_ns;
    struct player player;
    struct corpus corpus;
    size_t n_first; /* of the corpus, that are played as they are before others are made */
    struct novelty novelty;
    struct journal journal;
    struct recipe recent[CHECK_EVERY + 1]; /* since the server was last seen to serve */
    size_t n_recent, n_answered;           /* up to the last one that it answered */
    unsigned n_met;                        /* sessions of the process */
    unsigned n_troubles;                   /* in a row */
    bool is_alive[2];                      /* its server, its client has done something */
    unsigned n_mute[2];                    /* correct sessions in which it did nothing */
    bool is_gone;                          /* a server elsewhere, which we cannot start anew */
    struct dismissed dismissed[DISMISSED_MAX];
    size_t n_dismissed;
    struct later later[LATER_MAX];
    size_t n_later;
    char corpus_dir[1100];
};

/* The session of a recipe; the first ones are the corpus's own as they are (seed 0). False: what it
 * is made from is not there. */
bool worker_make_case(const struct corpus *corpus, const struct recipe *r, struct fuzz_case *c);

/* Whether the session alone shows something against a new process; then it becomes a finding.
 * suspicion: what it is said to have done, SIM_LEAK among it. */
bool worker_look_into(struct worker *w, const struct recipe *r, enum sim_cause suspicion);
/* A suspicion, by its key, has not come true. */
void worker_dismiss(struct worker *w, const char *key);
/* Whether there is nothing to learn from it any more. */
bool worker_is_settled(struct worker *w, const char *key);
/* Make the finding of an earlier time small, now or, what takes long, at the end. */
void worker_take_debt(struct worker *w, const struct recipe *r, enum sim_cause cause);
/* Make small what was left for the end. */
void worker_make_small(struct worker *w);
