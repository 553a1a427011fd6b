/* pause.c - plays `pause`: nothing is done for a time, but what comes is read. */
#include "harness/sim/peer.h"

#include "impl/wire/state.h"

#define NS_PER_MS UINT64_C(1000000)

/* When the state was said last, by either side on any connection; NULL: never. */
static const struct session_message *last_said(const struct session *record, int8_t state)
{
    for (size_t i = record->n; i-- > 0;)
        if (record->messages[i].kind == SESSION_STATE && record->messages[i].state == state)
            return &record->messages[i];
    return NULL;
}

/* A clock of the session's own: however long the steps before took, the pauses do not add up. */
static bool find_deadline(struct sim *s, const struct script_step *step, uint64_t now,
                          uint64_t *deadline)
{
    uint64_t ns = (uint64_t)step->pause.ms * NS_PER_MS;
    int8_t state = step->pause.after;
    const struct session_message *said = state ? last_said(&s->out->record, state) : NULL;

    if (state && !said)
        return sim_fail(s, SIM_TROUBLE, "nobody has said %s", state_name(state));
    *deadline = (said ? s->start_ns + said->at_ns : now) + ns;
    return true;
}

bool pause_run(struct sim *s, const struct script_step *step)
{
    uint64_t deadline = 0, now = now_ns();

    if (!find_deadline(s, step, now, &deadline))
        return false;
    sim_record(s, NULL,
               (struct session_message){.kind = SESSION_PAUSE,
                                        .len = deadline > now ? deadline - now : 0});
    while (foresee_check(s) && now_ns() < deadline)
        sim_pump(s, deadline);
    return !sim_failed(s);
}
