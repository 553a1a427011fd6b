/* session_core.h - what session.c and session_act.c share; private to them. */
#pragma once
#include "impl/session.h"

struct session {
    struct session_config config;
    struct loop *loop;
    enum machine_role role;
    struct machine *machine;
    struct chan *chan;
    struct run *run;
    struct loop_timer timer, settle;
    uint64_t settle_from_ns; /* 0: nothing is to settle */
    bool driving; /* actions are being carried out: an input from inside must not start that anew */
    bool ended, reported;
    struct machine_end end;
};

/* Carry out what the machine wants. An action may answer it at once: the answer's own actions then
 * follow in the same loop. */
void session_drive(struct session *s);

/* Carry out one action, and tell of it with -d. */
void session_act(struct session *s, const struct machine_action *action);

/* Make the data phase, if there is none yet; false without memory or descriptors (errno). */
bool session_ensure_run(struct session *s);

/* Of session.settle: the test is over once what it has to count has arrived. */
void session_settle(struct loop_timer *timer, uint64_t now_ns);
