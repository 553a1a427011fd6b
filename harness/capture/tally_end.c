/* tally_end.c - a last word that was not said, where everything else went well.
 *
 * An end of the connection is held against nobody: processes are killed. A server that let its
 * client say goodbye was not. */
#include "harness/capture/tally_core.h"

#include "impl/wire/state.h"

/* Whether both ends said goodbye, and nothing before that is missing. */
static bool is_whole(const struct tally *t)
{
    const struct track_session *s = t->s;

    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++)
        if (!s->is_over[side] || s->is_reset[side] || t->results[side] == NULL)
            return false;
    return s->n_gaps == 0 && !s->is_late;
}

void tally_end(const struct tally *t)
{
    const struct track_session *s = t->s;

    if (is_whole(t) && s->last_state[OBSERVER_SERVER] == EXCHANGE_RESULTS &&
        s->last_state[OBSERVER_CLIENT] == IPERF_DONE)
        track_blame(t->track, t->s, "FLOW-9", OBSERVER_SERVER, s->results_number[OBSERVER_SERVER],
                    s->results_ns[OBSERVER_SERVER], "0e behind the results", "nothing");
}
