/* fuzz.h - stateful fuzzing of a running build: sessions are made from others, played, watched.
 *
 * All that is learnt is on disk as soon as it is known, in one folder:
 *
 *   journal-K  from worker K a line for each session before it is played: its number, its seed, and
 *              the names of the sessions that it was made from; "? N CAUSE" and "= N" around one
 *              that is looked into, "> N CAUSE" and "< N" around a finding that is made small
 *   seen-K     behaviour that was met (novelty.h)
 *   corpus/    sessions that showed something new, as scripts
 *   lock       held by the run that is at work here
 *   NAME.peer  a finding; README.md lists them */
#pragma once
#include "harness/suite/suite.h"

#include <stdbool.h>

struct debt; /* journal.h */

struct fuzz_settings {
    struct suite_settings suite;
    bool servers, clients; /* roles of the subject that are judged */
    uint64_t seed;
    uint64_t runs;     /* UINT64_MAX: until the time is up */
    double seconds;    /* 0: no limit */
    double minimise_s; /* at most so long for one finding */
    unsigned jobs;
    bool is_blind; /* what sessions show has no influence on the next ones */
    bool resumes;
    uint64_t first;      /* run: behind those of an earlier time */
    unsigned n_journals; /* that it left behind */
    /* What it found and did not make small, as the folder said before any worker wrote to it. */
    const struct debt *debts;
    size_t n_debts;
    bool stops_at_first; /* finding */
    const char *corpus;  /* folder of sessions; NULL: `corpus` in the folder of findings */
    const char *findings;
};

/* What workers tell while they run; one for each, in shared memory. */
struct fuzz_counts {
    volatile uint64_t runs, next, corpus, states, reactions, edges, features, findings, repeats;
    volatile uint64_t last_new_ns; /* CLOCK_MONOTONIC */
    volatile bool has_trouble;
    char trouble[1300];
};

/* worker.c: play until told to stop (*stop), in this process. number is from 0. */
void fuzz_work(const struct fuzz_settings *settings, unsigned number, bool own_network,
               struct fuzz_counts *counts, const volatile bool *stop);
/* Play session N of the journals again, printing its script and what came of it. 0: nothing is
 * wrong with the subject, 1: something is, 3: there is no such session, or trouble. */
int fuzz_rerun(const struct fuzz_settings *settings, uint64_t n);

/* campaign.c: all workers, the status line on stderr, the sum on stdout. 0: no finding, 1:
 * findings, 3: trouble, 130: interrupted without any. */
int fuzz_run(const struct fuzz_settings *settings);
