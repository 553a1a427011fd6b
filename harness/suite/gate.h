/* gate.h - what a build makes worse than a base build: for pull requests, and for git bisect. */
#pragma once
#include "harness/suite/suite.h"

/* How a case of the build compares with the base. X(name, word) */
#define GATE_CHANGES(X)                                                                            \
    X(GATE_SAME, "same")                                                                           \
    X(GATE_WORSE, "worse")                                                                         \
    X(GATE_LOST, "lost") /* the base was judged, the build lacks what the case needs */            \
    X(GATE_BETTER, "better")                                                                       \
    X(GATE_FLICKERS, "flickers") /* worse at first, but not in most of the plays that followed */  \
    X(GATE_DRIFTS, "drifts")     /* another way of doing what nobody must do so */                 \
    X(GATE_UNKNOWN, "unknown")   /* harness trouble with one of them */

enum gate_change {
#define X(name, word) name,
    GATE_CHANGES(X)
#undef X
        GATE_N_CHANGES
};
const char *gate_change_word(enum gate_change change);

struct gate_case {
    enum gate_change change;
    struct suite_judgement base, build; /* of the first play, or the worst of those that followed */
    unsigned n_worse, n_plays;          /* of the build, if the first was worse */
};

struct gate {
    const struct suite *base; /* both were run, over the same cases in the same order */
    const struct suite *build;
    struct gate_case *cases; /* one each */
    unsigned counts[GATE_N_CHANGES];
};

/* Before the build is run: what the base did is what is expected of it, in place of anything else.
 * A failure of both is not played twice then. */
void gate_expect(const struct suite *base, struct suite *build);

/* Compare the runs; what looks worse is played again, alone, by both. The standings of the build's
 * results are then by comparison: unexpected is what is worse or lost, and nothing else. False if
 * there was no worker. gate_fini() in any case. */
bool gate_run(struct gate *gate, const struct suite *base, struct suite *build);
void gate_fini(struct gate *gate);
