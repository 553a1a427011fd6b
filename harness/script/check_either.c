/* check_either.c - branches of `either`, and steps of `any order`, that overlap: what they wait for
 * could be the same thing. */
#include "harness/script/check.h"

#include "impl/wire/state.h"

#include <string.h>

unsigned check_ends(const struct script_event *e)
{
    switch (e->kind) {
    case SCRIPT_EV_END:
    case SCRIPT_EV_STREAM_END:
        return CHECK_FIN | CHECK_RST;
    case SCRIPT_EV_CLOSE:
    case SCRIPT_EV_STREAM_CLOSE:
        return CHECK_FIN;
    case SCRIPT_EV_RESET:
    case SCRIPT_EV_DENIED:
    case SCRIPT_EV_STREAM_RESET:
        return CHECK_RST;
    default:
        return 0;
    }
}

static bool begin_alike(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return memcmp(a, b, MIN(a_len, b_len)) == 0;
}

/* Two of a kind, of one stream. */
static bool overlap_on_stream(const struct script_event *a, const struct script_event *b)
{
    switch (a->kind) {
    case SCRIPT_EV_STREAM:
        return a->port == 0 || b->port == 0 || a->port == b->port;
    case SCRIPT_EV_STREAM_BEGIN:
    case SCRIPT_EV_STREAM_DATAGRAM:
        return begin_alike(a->raw.at, a->raw.len, b->raw.at, b->raw.len);
    case SCRIPT_EV_STREAM_DATAGRAMS:
        return begin_alike(a->seqs, a->n_seqs * sizeof *a->seqs, b->seqs,
                           b->n_seqs * sizeof *b->seqs);
    default:
        return true;
    }
}

static bool is_text(const struct script_event *e)
{
    return e->kind == SCRIPT_EV_PARAMS || e->kind == SCRIPT_EV_RESULTS;
}

/* Whether one thing could happen that is both. Denied is ff as well, an error is fe as well. */
static bool overlap(const struct script_event *a, const struct script_event *b)
{
    if (a->stream != b->stream)
        return false;
    if (check_ends(a) & check_ends(b))
        return true;
    if (a->kind == SCRIPT_EV_STATE && b->kind == SCRIPT_EV_DENIED)
        return a->state == ACCESS_DENIED;
    if (a->kind == SCRIPT_EV_STATE && b->kind == SCRIPT_EV_ERROR)
        return a->state == SERVER_ERROR;
    if (is_text(a) && is_text(b))
        return true;
    if (a->kind != b->kind)
        return (b->kind == SCRIPT_EV_STATE && a->kind != SCRIPT_EV_STATE) ? overlap(b, a) : false;
    if (a->kind == SCRIPT_EV_STATE)
        return a->state == b->state;
    if (script_event_is_of_stream(a))
        return overlap_on_stream(a, b);
    if (a->kind == SCRIPT_EV_ERROR)
        return (a->ierr == b->ierr || a->ierr == -1 || b->ierr == -1) &&
               (a->ints == b->ints || a->ints == -1 || b->ints == -1);
    return true;
}

typedef bool pair_of_events(const struct script_event *a, const struct script_event *b);

static bool any_pair(const struct script_step *a, const struct script_step *b, pair_of_events *is)
{
    if (strcmp(a->who, b->who) != 0)
        return false;
    for (size_t i = 0; i < a->expect.events.n; i++)
        for (size_t k = 0; k < b->expect.events.n; k++)
            if (is(&a->expect.events.at[i], &b->expect.events.at[k]))
                return true;
    return false;
}

void check_either(struct check *check, const struct script_step *either)
{
    for (size_t i = 0; i < either->branches.n; i++)
        for (size_t k = i + 1; k < either->branches.n; k++)
            if (any_pair(&either->branches.at[i].at[0], &either->branches.at[k].at[0], overlap))
                check_wrong_step(check, &either->branches.at[k].at[0],
                                 "a branch that does not overlap with that of line %u",
                                 either->branches.at[i].at[0].line);
}

/* Gone once a step has taken it, and no longer there for the next. Ends stay, texts can be asked
 * about again, and of streams it is asked what is so. */
static bool is_taken(const struct script_event *e)
{
    return e->kind == SCRIPT_EV_STATE || e->kind == SCRIPT_EV_ERROR;
}

static bool overlap_and_is_taken(const struct script_event *a, const struct script_event *b)
{
    return is_taken(a) && is_taken(b) && overlap(a, b);
}

static bool are_the_same(const struct script_step *a, const struct script_step *b)
{
    struct text texts[2] = {0};

    script_print_step(a, &texts[0]);
    script_print_step(b, &texts[1]);
    bool same = strcmp(text_string(&texts[0]), text_string(&texts[1])) == 0;
    text_fini(&texts[0]);
    text_fini(&texts[1]);
    return same;
}

/* What comes goes to the first step that wants it: another one's that can take nothing else would
 * be missed, though all came. */
void check_any_order(struct check *check, const struct script_steps *block)
{
    for (size_t i = 0; i < block->n; i++)
        for (size_t k = i + 1; k < block->n; k++)
            if (any_pair(&block->at[i], &block->at[k], overlap_and_is_taken) &&
                !are_the_same(&block->at[i], &block->at[k]))
                check_wrong_step(check, &block->at[k],
                                 "an event that does not overlap with that of line %u, or the same",
                                 block->at[i].line);
}
