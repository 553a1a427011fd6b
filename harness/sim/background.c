/* background.c - what a script sends again and again while its later steps run. */
#include "harness/sim/peer.h"

#include <string.h>

bool background_start(struct sim *s, const struct script_step *step)
{
    const struct script_step *what = step->background.step;

    if (what->stream) /* as `send` does: the honest run sends no data of its own */
        control_get(s, what->who)->own_data = true;
    s->backgrounds = text_realloc(s->backgrounds, (s->n_backgrounds + 1) * sizeof *s->backgrounds);
    s->backgrounds[s->n_backgrounds++] = (struct background){step, now_ns()};
    return true;
}

bool background_stop(struct sim *s, const struct script_step *step)
{
    bool found = false;

    for (size_t i = 0; i < s->n_backgrounds; i++) {
        struct background *b = &s->backgrounds[i];
        if (!b->step || strcmp(b->step->background.name, step->background.name) != 0)
            continue;
        b->step = NULL;
        found = true;
    }
    return found ||
           sim_fail(s, SIM_TROUBLE, "nothing called %s is going on", step->background.name);
}

uint64_t background_next(const struct sim *s)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < s->n_backgrounds; i++)
        if (s->backgrounds[i].step)
            next = MIN(next, s->backgrounds[i].next_ns);
    return next;
}

void background_turn(struct sim *s)
{
    for (size_t i = 0; i < s->n_backgrounds; i++) {
        struct background *b = &s->backgrounds[i];
        if (!b->step || now_ns() < b->next_ns)
            continue;
        /* From now on, not from when it was due: what was missed is not made up for. */
        b->next_ns = now_ns() + (uint64_t)b->step->background.every_ms * 1000000u;
        send_in_background(s, b->step->background.step);
    }
}
