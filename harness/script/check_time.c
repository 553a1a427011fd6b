/* check_time.c - `within` at steps that wait for nothing of the subject's: nobody would heed it. */
#include "harness/script/check.h"

static bool waits(const struct script_step *step)
{
    switch (step->verb) {
    case SCRIPT_OPEN:
        return step->stream == 0;
    case SCRIPT_ADVANCE:
    case SCRIPT_FINISH:
    case SCRIPT_DRAINED:
        return true;
    case SCRIPT_EXPECT:
        return step->expect.kind != SCRIPT_EXPECT_REST &&
               (step->expect.kind != SCRIPT_EXPECT_NOTHING || step->expect.for_ms < 0);
    default:
        return false;
    }
}

static void walk(struct check *check, const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        if (step->within_ms >= 0 && !waits(step))
            check_wrong_step(check, step, "no `within`: this step waits for nothing to come");
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
            walk(check, &step->branches.at[k]);
    }
}

void check_time(struct check *check)
{
    walk(check, &check->script->steps);
}
