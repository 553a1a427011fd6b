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

bool pause_find_deadline(struct sim *s, const struct script_until *until, uint64_t *deadline_ns)
{
    const struct session_message *said = last_said(&s->out->record, until->state);
    const char *name = state_name(until->state);

    if (!said)
        return sim_fail(s, SIM_TROUBLE, "nobody has said %02x%s%s", (uint8_t)until->state,
                        name ? " " : "", name ? name : "");
    *deadline_ns = s->start_ns + said->at_ns + (uint64_t)until->ms * NS_PER_MS;
    return true;
}

bool pause_run(struct sim *s, const struct script_step *step)
{
    uint64_t now = now_ns(), deadline = now + (uint64_t)step->pause.ms * NS_PER_MS;

    if (step->pause.until.given && !pause_find_deadline(s, &step->pause.until, &deadline))
        return false;
    sim_record(s, NULL,
               (struct session_message){.kind = SESSION_PAUSE,
                                        .len = deadline > now ? deadline - now : 0});
    while (foresee_check(s) && now_ns() < deadline)
        sim_pump(s, deadline);
    return !sim_failed(s);
}
