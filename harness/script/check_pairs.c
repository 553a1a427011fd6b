/* check_pairs.c - steps that end something which another step began: background and stop, cork and
 * uncork, stall and resume, ignore and stop ignoring. */
#include "harness/script/check.h"

#include <stdlib.h>
#include <string.h>

static const struct pair {
    enum script_verb begins, ends;
    bool must_end; /* what is never uncorked is never sent */
} pairs[] = {
    {SCRIPT_BACKGROUND, SCRIPT_STOP,          false},
    {SCRIPT_CORK,       SCRIPT_UNCORK,        true },
    {SCRIPT_STALL,      SCRIPT_RESUME,        false},
    {SCRIPT_IGNORE,     SCRIPT_STOP_IGNORING, false},
};

struct begun {
    const struct pair *pair;
    const struct script_step *step;
    bool ended;
};

struct pairing {
    struct check *check;
    struct begun *begun;
    size_t n;
};

/* Whether something may be in both; `stop ignoring` without events is about all. */
static bool have_common(const struct script_events *a, const struct script_events *b)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (a->at[i].kind == b->at[k].kind && a->at[i].state == b->at[k].state)
                return true;
    return b->n == 0;
}

/* Of the same connection and stream, of the same name, or about the same events. */
static bool is_same(const struct script_step *a, const struct script_step *b)
{
    if (a->verb == SCRIPT_BACKGROUND)
        return strcmp(a->background.name, b->background.name) == 0;
    return a->stream == b->stream && strcmp(a->who, b->who) == 0 &&
           (a->verb != SCRIPT_IGNORE || have_common(&a->ignore, &b->ignore));
}

static void begin(struct pairing *p, const struct pair *pair, const struct script_step *step)
{
    for (size_t i = 0; i < p->n && step->verb == SCRIPT_BACKGROUND; i++)
        if (p->begun[i].pair == pair && !p->begun[i].ended && is_same(p->begun[i].step, step))
            check_wrong_step(p->check, step, "another name: that of line %u is going on",
                             p->begun[i].step->line);
    p->begun = text_realloc(p->begun, (p->n + 1) * sizeof *p->begun);
    p->begun[p->n++] = (struct begun){pair, step, false};
}

/* Two branches of `either` may end the same thing. */
static void end(struct pairing *p, const struct pair *pair, const struct script_step *step)
{
    bool found = false;

    for (size_t i = 0; i < p->n; i++) {
        struct begun *b = &p->begun[i];
        if (b->pair == pair && is_same(b->step, step))
            found = b->ended = true;
    }
    if (!found)
        check_wrong_step(p->check, step, "`%s` of the same before it",
                         script_verb_word(pair->begins));
}

static void walk(struct pairing *p, const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
            if (step->verb == pairs[k].begins)
                begin(p, &pairs[k], step);
            else if (step->verb == pairs[k].ends)
                end(p, &pairs[k], step);
        }
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
            walk(p, &step->branches.at[k]);
    }
}

void check_pairs(struct check *check)
{
    struct pairing p = {.check = check};

    walk(&p, &check->script->steps);
    for (size_t i = 0; i < p.n; i++)
        if (p.begun[i].pair->must_end && !p.begun[i].ended)
            check_wrong_step(check, p.begun[i].step, "`%s` of the same behind it",
                             script_verb_word(p.begun[i].pair->ends));
    free(p.begun);
}
