/* foresee.c - what came and no later step can take: it fails the case while a pause goes on.
 *
 * Only what must fail the case sooner or later counts. Where the steps that follow leave a doubt
 * (branches, an honest run, a connection made anew), whoever takes the event judges it then. */
#include "harness/sim/peer.h"

#include <string.h>

enum foresight { LATER /* it says nothing about this */, TAKES, REFUSES };

static bool is_about(const struct control *c, const struct script_step *step)
{
    return strcmp(step->who, c->name) == 0;
}

static bool is_among(const struct script_events *events, const struct event *e)
{
    for (size_t i = 0; i < events->n; i++)
        if (expect_event_matches(&events->at[i], e))
            return true;
    return false;
}

/* Whether the step can hold without a look at what comes on the control connection. */
static bool may_pass_by(const struct script_events *events)
{
    for (size_t i = 0; i < events->n; i++)
        if (script_event_is_of_stream(&events->at[i]) || events->at[i].kind == SCRIPT_EV_PARAMS ||
            events->at[i].kind == SCRIPT_EV_RESULTS)
            return true;
    return false;
}

static enum foresight of_expect(const struct control *c, const struct script_step *step,
                                const struct event *e)
{
    const struct script_expect *expect = &step->expect;

    if (expect->kind == SCRIPT_EXPECT_ALIVE) /* refuses what is left on any connection */
        return REFUSES;
    if (expect->kind > SCRIPT_EXPECT_REACTION || !is_about(c, step))
        return LATER;
    if (expect->kind == SCRIPT_EXPECT_NOTHING)
        return REFUSES;
    if (expect->kind == SCRIPT_EXPECT_REACTION || is_among(&expect->events, e))
        return TAKES;
    return may_pass_by(&expect->events) ? LATER : REFUSES;
}

static enum foresight of_step(const struct control *c, const struct script_step *step,
                              const struct event *e)
{
    if (script_is_block(step->verb))
        return TAKES;
    switch (step->verb) {
    case SCRIPT_EXPECT:
        return of_expect(c, step, e);
    case SCRIPT_IGNORE:
        return (!step->who[0] || is_about(c, step)) && is_among(&step->ignore, e) ? TAKES : LATER;
    case SCRIPT_ADVANCE:
    case SCRIPT_FINISH:
    case SCRIPT_OPEN:
        return is_about(c, step) && step->stream == 0 ? TAKES : LATER;
    default:
        return LATER;
    }
}

/* What the steps behind the one that runs make of it; a `repeat` around it begins anew. */
static enum foresight of_rest(const struct sim *s, const struct control *c, const struct event *e)
{
    enum foresight found = LATER;

    for (const struct place *p = s->place; p && found == LATER; p = p->outer) {
        if (p != s->place && p->steps->at[p->at].verb == SCRIPT_REPEAT)
            return TAKES;
        for (size_t i = p->at + 1; i < p->steps->n && found == LATER; i++)
            found = of_step(c, &p->steps->at[i], e);
    }
    return found;
}

static bool is_surplus(struct sim *s, struct control *c)
{
    const struct event *e = control_head(c);

    if (!e || c->is_probe || e->kind == EVENT_COOKIE || e->kind == EVENT_END ||
        e->kind == EVENT_RESET || flow_is_ignored(c, e))
        return false;
    return c == control_get(s, c->name) && of_rest(s, c, e) == REFUSES;
}

bool foresee_check(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls && !s->config->is_lenient; i++) {
        struct control *c = s->controls[i];
        struct text got = {0};
        if (!is_surplus(s, c))
            continue;
        event_describe(control_head(c), &got);
        if (sim_check_process(s, 200)) /* a crash would be the graver thing to tell */
            sim_fail(s, SIM_MISS, "%s, which no later step expects", text_string(&got));
        text_fini(&got);
    }
    return !sim_failed(s);
}
