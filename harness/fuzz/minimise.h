/* minimise.h - the least that still shows a finding: fewer messages, then fewer bytes in each. */
#pragma once
#include "harness/fuzz/play.h"

struct minimise {
    struct player *player;
    struct play_how how;
    const char *key;           /* of the finding: struct verdict */
    uint64_t deadline_ns;      /* CLOCK_MONOTONIC: what is left then is the result */
    const volatile bool *stop; /* true: the same, at once */
    unsigned trials;           /* that were made */
};

/* Make *c smaller, each trial against a new process. */
void minimise_case(struct minimise *m, struct fuzz_case *c);
