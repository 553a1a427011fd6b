/* witness.h - what a session shows of its subject: in which state it met which event, and how it
 * reacted, in the words of the state x event tables (table.h).
 *
 * Coverage, the record of a build's quirks and the fuzzer's novelty are all made of these triples.
 * Only what can be told is told: where we went on before the subject could react, and nothing
 * behind it shows whether it did, there is no witness. What we do for ourselves, to ask whether a
 * server serves on or to end what is left of a case, is no event. */
#pragma once
#include "harness/session/session.h"
#include "impl/wire/machine.h"
#include "impl/wire/table.h"

/* How the subject's process was at the end, for what no message tells. */
struct witness_end {
    bool is_known;    /* it has ended before it was told to, with this status */
    int status;       /* of exit() */
    bool serves_on;   /* a server that has served another client afterwards */
    bool has_crashed; /* of a signal that nobody sent on purpose */
    bool has_hung;    /* what was due of it did not come, up to over_ns since the start */
    uint64_t over_ns;
};

struct witness {
    enum machine_state state;
    unsigned event; /* of the subject's role: SEV_*, CEV_* */
    enum table_reaction reaction;
    int ierr;  /* that came with ERROR and ERROR_ONE */
    size_t at; /* of the event in the session */
};

/* Each witness of the session in the order of its events. */
void witness_read(const struct session *s, const struct witness_end *end,
                  void (*found)(void *context, const struct witness *w), void *context);
