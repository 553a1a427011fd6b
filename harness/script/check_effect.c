/* check_effect.c - deviations and params that change nothing: what they are about is sent no more.
 *
 * Only what is certain is told. A moment of the run is sent if an `advance` that comes so far, a
 * `finish` or a `send` of it follows on the connection; what a block of steps repeats follows all
 * that stands in it. */
#include "harness/script/check.h"

#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 2000 /* of a script with more nothing is said: it takes their square */

/* All steps in their order, those of blocks too. */
struct walk {
    struct check *check;
    struct place {
        const struct script_step *step;
        size_t since;     /* the first one that may run behind it */
        bool is_certain;  /* it stands in no block */
        bool is_repeated; /* in the background: from here on, and who knows until when */
    } * at;
    size_t n;
};

/* The run as both peers play it. What happens on the streams goes on while the script does other
 * things, as soon as the run has come to `from`. */
static const struct moment {
    const char *name;
    const char *from; /* of what the streams do */
} run[] = {
    {"cookie",           NULL            },
    {"PARAM_EXCHANGE",   NULL            },
    {"params",           NULL            },
    {"CREATE_STREAMS",   NULL            },
    {"streams",          "CREATE_STREAMS"},
    {"connect",          "CREATE_STREAMS"},
    {"reply",            "CREATE_STREAMS"},
    {"TEST_START",       NULL            },
    {"TEST_RUNNING",     NULL            },
    {"data",             "TEST_START"    },
    {"datagram",         "TEST_START"    },
    {"TEST_END",         NULL            },
    {"EXCHANGE_RESULTS", NULL            },
    {"results",          NULL            },
    {"DISPLAY_RESULTS",  NULL            },
    {"IPERF_DONE",       NULL            },
    {"close",            NULL            },
};

static int place_of(const char *name)
{
    int i = 0;

    while (i < (int)ARRAY_LEN(run) && strcmp(run[i].name, name) != 0)
        i++;
    return i;
}

/* Where the run has to come to for a deviation to matter. */
struct target {
    const char *what;
    int place;
    bool is_of_streams;
};

static bool is_moved(const struct script_wire *wire)
{
    return wire->kind == SCRIPT_WIRE_BEFORE || wire->kind == SCRIPT_WIRE_AFTER;
}

static struct target target_of(const struct walk *walk, const struct script_step *step)
{
    const struct script_wire *wire = &step->wire;
    struct target t = {.what = wire->what, .place = place_of(wire->what)};
    const char *from = wire->stream ? "CREATE_STREAMS" : run[t.place].from;

    t.is_of_streams = from != NULL;
    t.place = from ? place_of(from) : t.place;
    for (size_t i = 0; i < walk->n; i++) {
        const struct script_step *other = walk->at[i].step;
        if (other->verb == SCRIPT_WIRE && is_moved(&other->wire) &&
            strcmp(other->who, step->who) == 0 && strcmp(other->wire.what, t.what) == 0)
            t.place = MIN(t.place, place_of(other->wire.anchor));
    }
    return t;
}

/* Whether the script sends it itself, or may. */
static bool sends(const struct script_step *step, const struct target *t)
{
    enum script_send_kind kind = step->send.kind;

    if (step->verb == SCRIPT_OPEN) /* of a stream; the next of that name; or with its cookie */
        return true;
    if (step->verb != SCRIPT_SEND)
        return false;
    if (strcmp(t->what, "params") == 0)
        return kind == SCRIPT_SEND_PARAMS;
    if (strcmp(t->what, "results") == 0)
        return kind == SCRIPT_SEND_RESULTS;
    if (strcmp(t->what, "cookie") == 0)
        return kind == SCRIPT_SEND_COOKIE;
    return t->is_of_streams || kind == SCRIPT_SEND_STATE;
}

static bool plays(const struct script_step *step, const struct target *t)
{
    return step->verb == SCRIPT_FINISH ||
           (step->verb == SCRIPT_ADVANCE && place_of(state_name(step->state)) >= t->place) ||
           sends(step, t);
}

/* The `advance` that has sent it already, or NULL. */
static const struct script_step *sent_by(const struct walk *walk, size_t i, const struct target *t)
{
    const struct script_step *step = walk->at[i].step, *by = NULL;

    for (size_t k = 0; k < i; k++) {
        const struct script_step *other = walk->at[k].step;
        if (strcmp(other->who, step->who) != 0)
            continue;
        if (other->verb == SCRIPT_OPEN)
            by = NULL;
        else if (other->verb == SCRIPT_ADVANCE && walk->at[k].is_certain && plays(other, t))
            by = by ? by : other;
    }
    return by;
}

static void check_wire(const struct walk *walk, size_t i)
{
    const struct place *place = &walk->at[i];
    const struct script_step *step = place->step;
    struct target t = target_of(walk, step);
    const struct script_step *by =
        t.is_of_streams || is_moved(&step->wire) ? NULL : sent_by(walk, i, &t);
    bool follows = false, is_sent_again = false;

    if (step->wire.meaning) /* that has an effect of its own */
        return;
    for (size_t k = 0; k < walk->n; k++) {
        const struct script_step *other = walk->at[k].step;
        if (k < place->since && !t.is_of_streams && !walk->at[k].is_repeated)
            continue;
        bool same = strcmp(other->who, step->who) == 0 || other->verb == SCRIPT_OPEN;
        follows |= same && plays(other, &t);
        is_sent_again |= same && sends(other, &t);
    }
    if (!follows && step->wire.kind != SCRIPT_WIRE_NEVER) /* which is true then */
        check_wrong_step(walk->check, step, "a step behind it that plays %s", t.what);
    else if (follows && by && !is_sent_again)
        check_wrong_step(walk->check, step, "it above line %u, which sends %s", by->line, t.what);
}

/* The last statement that moves it on the connection of `step`; NULL: none does. */
static const struct place *mover_of(const struct walk *walk, const struct script_step *step,
                                    const char *what)
{
    for (size_t i = walk->n; i-- > 0;) {
        const struct script_step *other = walk->at[i].step;
        if (other->verb == SCRIPT_WIRE && is_moved(&other->wire) &&
            strcmp(other->who, step->who) == 0 && strcmp(other->wire.what, what) == 0)
            return &walk->at[i];
    }
    return NULL;
}

/* What waits for a moment that itself waits for the first is never sent. Told at the last one. */
static void check_circle(const struct walk *walk, size_t i)
{
    const struct script_step *step = walk->at[i].step;
    const struct place *at = mover_of(walk, step, step->wire.what), *last = at;

    for (size_t n = 0; at && n < ARRAY_LEN(run); n++) {
        at = mover_of(walk, step, at->step->wire.anchor);
        last = MAX(last, at);
        if (at == &walk->at[i] && last == at)
            check_wrong_step(walk->check, step,
                             "another moment: %s in turn waits for %s, so that neither is sent",
                             step->wire.anchor, step->wire.what);
    }
}

/* Whether what the peer means could matter to the step. */
static bool asks_params(const struct script_step *step)
{
    switch (step->verb) {
    case SCRIPT_CLOSE:
    case SCRIPT_RESET:
    case SCRIPT_HALF_CLOSE:
    case SCRIPT_HOLD:
    case SCRIPT_SPLIT:
    case SCRIPT_WIRE:
    case SCRIPT_PARAMS:
    case SCRIPT_PAUSE:
    case SCRIPT_LOSE:
    case SCRIPT_SUBJECT:
        return false;
    case SCRIPT_EXPECT:
        return step->expect.kind != SCRIPT_EXPECT_NOTHING &&
               step->expect.kind != SCRIPT_EXPECT_ALIVE;
    default:
        return true;
    }
}

/* Any step may ask for them that is not known to ask for none. */
static void check_params(const struct walk *walk, size_t i)
{
    for (size_t k = 0; k < walk->n; k++)
        if ((k >= walk->at[i].since || walk->at[k].is_repeated) && asks_params(walk->at[k].step))
            return;
    check_wrong_step(walk->check, walk->at[i].step, "a step behind it to which they matter");
}

static void add(struct walk *walk, const struct script_steps *steps, size_t since, bool is_certain)
{
    for (size_t i = 0; i < steps->n && walk->n <= STEPS_MAX; i++) {
        const struct script_step *step = &steps->at[i];
        bool is_again = step->verb == SCRIPT_REPEAT || step->verb == SCRIPT_ANY_ORDER;
        walk->at = text_realloc(walk->at, (walk->n + 2) * sizeof *walk->at);
        size_t from = since != SIZE_MAX ? since : walk->n;
        walk->at[walk->n++] = (struct place){step, from, is_certain, false};
        if (step->verb == SCRIPT_BACKGROUND)
            walk->at[walk->n++] = (struct place){step->background.step, from, false, true};
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
            add(walk, &step->branches.at[k], is_again ? from : since, false);
    }
}

void check_effect(struct check *check)
{
    struct walk walk = {.check = check};

    add(&walk, &check->script->steps, SIZE_MAX, true);
    for (size_t i = 0; i < walk.n && walk.n <= STEPS_MAX; i++) {
        if (walk.at[i].step->verb == SCRIPT_WIRE && is_moved(&walk.at[i].step->wire))
            check_circle(&walk, i);
        if (walk.at[i].step->verb == SCRIPT_WIRE)
            check_wire(&walk, i);
        else if (walk.at[i].step->verb == SCRIPT_PARAMS && !check->script->plays_server)
            check_params(&walk, i);
    }
    free(walk.at);
}
