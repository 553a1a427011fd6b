/* compare.h - what a captured peer said beside what another one says now. Pure.
 *
 * Messages are lined up by what they are; JSON texts are compared key by key. Values that no two
 * runs have in common (cookie, times, counters, versions, what belongs to the machine) may differ:
 * they are shown, and are no difference. The end of the connection is neither. */
#pragma once
#include "harness/session/session.h"

struct compare {
    struct text table; /* two columns, a line each: ' ' the same, '~' may differ, '!' differs */
    unsigned n_different, n_volatile;
};

/* Compare what SESSION_SUBJECT says on the first control connection of either; of streams, how much
 * it sent.
 *   columns  width of the table, at least 40
 * out is the caller's to compare_fini(). */
void compare_peers(const struct session *captured, const struct session *now, unsigned columns,
                   struct compare *out);
void compare_fini(struct compare *c);
