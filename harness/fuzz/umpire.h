/* umpire.h - an observer (impl/wire/observer.h) beside a session that is played: which clause the
 * subject has broken, as long as we had broken none; from then on, what nothing can have led to.
 *
 * It listens to the first control connection of the first play. */
#pragma once
#include "harness/sim/tap.h"
#include "impl/wire/observer.h"

struct umpire {
    struct sim_tap tap; /* for struct suite_settings */
    struct observer *observer;
    unsigned flow; /* that it listens to, 0: none yet */
    bool we_serve;
    bool is_over;  /* what is played now is another session: whether it serves on, or leaks */
    bool we_erred; /* what the subject does from then on may be an answer to it */
    bool has_violation;
    struct observer_violation violation; /* the subject's first */
};

/* It must not move from then on. */
void umpire_init(struct umpire *u);
/* Before each session. */
void umpire_begin(struct umpire *u, bool we_serve);
/* Behind it; true if the subject has broken a clause: u->violation. */
bool umpire_end(struct umpire *u);
