#include "harness/report/contrast.h"

#include "harness/report/contrast_words.h"
#include "impl/wire/table.h"

#include <stdlib.h>
#include <string.h>

enum side { LEFT, RIGHT, SIDES };

/* What one play of a case showed of a build in one state on one event. */
struct outcome {
    struct contrast_moment moment;
    struct contrast_reaction reaction;
    size_t play;
};

struct outcomes {
    struct outcome *at;
    size_t n;
};

/* Cases that show the same difference. */
struct group {
    struct contrast_moment moment;
    struct contrast_reaction does[SIDES];  /* of all of them together */
    const struct quirk_case *shown[SIDES]; /* one that is about it, or the simplest */
    size_t weight;                         /* of that one */
    unsigned n;
    bool varies; /* all of them are known, or were seen, to do otherwise in another play */
};

/* Cases of one clause and one folder that a build meets and the other does not, though no reaction
 * says why. */
struct miss {
    const struct quirk_case *shown[SIDES]; /* the first of them */
    enum side missed;
    unsigned n;
    bool varies; /* all of them are known to change for one of the builds */
};

struct comparison {
    const struct quirks *builds[SIDES];
    struct outcomes known[SIDES]; /* each that a case showed, once */
    struct group *groups, *chances;
    struct miss *misses;
    size_t n_groups, n_chances, n_misses;
    unsigned n_varying; /* cases that one build meets, and that are known to change for both */
};

static void *grow(void *array, size_t n, size_t size)
{
    return n & (n - 1) ? array : text_realloc(array, (n ? 2 * n : 1) * size);
}

/* --- what was seen --------------------------------------------------------------------------- */

static struct outcome *add_outcome(struct outcomes *o, struct contrast_moment moment, size_t play)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->at[i].play == play && contrast_is_same_moment(&o->at[i].moment, &moment))
            return &o->at[i];
    o->at = grow(o->at, o->n, sizeof *o->at);
    o->at[o->n] = (struct outcome){.moment = moment, .play = play};
    return &o->at[o->n++];
}

static struct outcomes outcomes_of(const struct quirk_case *c)
{
    struct outcomes all = {0};

    for (size_t i = 0; i < c->n_plays; i++) {
        const char *lines = c->plays[i];
        struct quirk q;
        while ((lines = quirk_of_line(&q, lines))) {
            struct contrast_moment moment;
            if (contrast_moment_of(&q, &moment))
                contrast_add(&add_outcome(&all, moment, i)->reaction, &q);
        }
    }
    return all;
}

static bool is_known(const struct outcomes *known, const struct outcome *o, bool by_number)
{
    for (size_t i = 0; i < known->n; i++)
        if (contrast_is_same_moment(&known->at[i].moment, &o->moment) &&
            (by_number ? contrast_is_same(&known->at[i].reaction, &o->reaction)
                       : known->at[i].reaction.set == o->reaction.set))
            return true;
    return false;
}

static void learn(struct outcomes *known, const struct quirk_case *c)
{
    struct outcomes all = outcomes_of(c);

    for (size_t i = 0; i < all.n; i++)
        if (!is_known(known, &all.at[i], true)) {
            known->at = grow(known->at, known->n, sizeof *known->at);
            known->at[known->n++] = all.at[i];
        }
    free(all.at);
}

/* --- one case -------------------------------------------------------------------------------- */

/* Both did the same in some play. */
static bool agrees(const struct outcomes *left, const struct outcomes *right,
                   const struct contrast_moment *moment)
{
    for (size_t i = 0; i < left->n; i++)
        for (size_t k = 0; k < right->n; k++)
            if (contrast_is_same_moment(&left->at[i].moment, moment) &&
                contrast_is_same_moment(&right->at[k].moment, moment) &&
                contrast_is_same(&left->at[i].reaction, &right->at[k].reaction))
                return true;
    return false;
}

static const struct outcome *find(const struct outcomes *o, const struct contrast_moment *moment)
{
    for (size_t i = 0; i < o->n; i++)
        if (contrast_is_same_moment(&o->at[i].moment, moment))
            return &o->at[i];
    return NULL;
}

/* Each build is known for what the other one did; who dies or hangs does so for a reason. */
static bool is_chance(const struct comparison *c, const struct outcome *left,
                      const struct outcome *right)
{
    bool by_number = left->reaction.set == right->reaction.set;

    return !contrast_tells_by_text(&left->moment) &&
           !((left->reaction.set | right->reaction.set) & (TABLE_CRASH | TABLE_HANG)) &&
           is_known(&c->known[RIGHT], left, by_number) &&
           is_known(&c->known[LEFT], right, by_number);
}

/* All that the case showed there, in whatever play. */
static struct contrast_reaction in_all(const struct outcomes *o,
                                       const struct contrast_moment *moment, bool *varies)
{
    struct contrast_reaction all = {0};

    for (size_t i = 0; i < o->n; i++)
        if (contrast_is_same_moment(&o->at[i].moment, moment)) {
            *varies |= all.set && !contrast_is_same(&all, &o->at[i].reaction);
            contrast_join(&all, &o->at[i].reaction);
        }
    return all;
}

static bool is_of_group(const struct group *g, const struct group *one)
{
    return contrast_is_same_moment(&g->moment, &one->moment) &&
           g->does[LEFT].set == one->does[LEFT].set && g->does[RIGHT].set == one->does[RIGHT].set;
}

/* One more case, by itself: join it to those that are like it. */
static void add_group(struct group **groups, size_t *n, const struct group *one)
{
    struct group *g = *groups, *end = g + *n;

    while (g < end && !is_of_group(g, one))
        g++;
    if (g == end) {
        *groups = grow(*groups, *n, sizeof **groups);
        (*groups)[(*n)++] = *one;
        return;
    }
    for (int side = LEFT; side < SIDES; side++)
        contrast_join(&g->does[side], &one->does[side]);
    g->n++;
    g->varies &= one->varies;
    if (one->weight < g->weight) {
        g->weight = one->weight;
        memcpy(g->shown, one->shown, sizeof g->shown);
    }
}

static bool is_met(const struct quirk_case *c)
{
    return strcmp(c->cause, sim_cause_word(SIM_OK)) == 0;
}

static int folder_len(const struct quirk_case *c)
{
    const char *slash = strrchr(c->id, '/');

    return slash ? (int)(slash - c->id) : 0;
}

static bool is_kin(const struct quirk_case *a, const struct quirk_case *b)
{
    return strcmp(a->clause, b->clause) == 0 && folder_len(a) == folder_len(b) &&
           strncmp(a->id, b->id, (size_t)folder_len(a)) == 0;
}

static void add_miss(struct comparison *c, const struct quirk_case *a, const struct quirk_case *b)
{
    enum side missed = is_met(a) ? RIGHT : LEFT;
    struct miss *m = c->misses, *end = m + c->n_misses;

    while (m < end && !(m->missed == missed && is_kin(m->shown[missed], missed == LEFT ? a : b)))
        m++;
    if (m == end) {
        c->misses = grow(c->misses, c->n_misses, sizeof *c->misses);
        m = &c->misses[c->n_misses++];
        *m = (struct miss){.missed = missed, .varies = true};
        m->shown[LEFT] = a;
        m->shown[RIGHT] = b;
    }
    m->n++;
    m->varies &= a->at_times || b->at_times;
}

/* A case that one build meets, and the other not, is about what they differ in; of others, that
 * with the fewest reactions shows it best. */
static size_t weigh(const struct quirk_case *a, const struct quirk_case *b, size_t n)
{
    return is_met(a) != is_met(b) ? n : n + SIZE_MAX / 2;
}

static void compare_case(struct comparison *c, const struct quirk_case *a,
                         const struct quirk_case *b)
{
    struct outcomes left = outcomes_of(a), right = outcomes_of(b);
    bool both_vary = a->at_times && b->at_times, differs = false;
    size_t weight = weigh(a, b, left.n + right.n);

    for (size_t i = 0; i < left.n; i++) {
        const struct outcome *l = &left.at[i], *r = find(&right, &l->moment);
        if (!r || find(&left, &l->moment) != l || agrees(&left, &right, &l->moment))
            continue;
        differs = true;
        struct group one = {
            .moment = l->moment,
            .shown = {a, b},
            .weight = weight,
            .n = 1,
            .varies = a->at_times || b->at_times
        };
        one.does[LEFT] = in_all(&left, &l->moment, &one.varies);
        one.does[RIGHT] = in_all(&right, &l->moment, &one.varies);
        if (both_vary || is_chance(c, l, r))
            add_group(&c->chances, &c->n_chances, &one);
        else
            add_group(&c->groups, &c->n_groups, &one);
    }
    if (!differs && is_met(a) != is_met(b) && both_vary)
        c->n_varying++;
    else if (!differs && is_met(a) != is_met(b))
        add_miss(c, a, b);
    free(left.at);
    free(right.at);
}

/* --- all cases ------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct quirk_case *const *x = a, *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

/* Cases of both, each with its twin. */
static void compare_all(struct comparison *c)
{
    const struct quirks *a = c->builds[LEFT], *b = c->builds[RIGHT];
    const struct quirk_case **twins = text_realloc(NULL, (b->n_cases + 1) * sizeof(*twins));

    for (size_t i = 0; i < b->n_cases; i++)
        twins[i] = &b->cases[i];
    qsort(twins, b->n_cases, sizeof(*twins), by_id);
    for (size_t i = 0; i < a->n_cases; i++) {
        const struct quirk_case *one = &a->cases[i];
        const struct quirk_case **twin = bsearch(&one, twins, b->n_cases, sizeof(*twins), by_id);
        if (twin)
            compare_case(c, one, *twin);
    }
    free(twins);
}

static int by_moment(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = contrast_order(&x->moment, &y->moment);

    return order ? order : strcmp(x->shown[LEFT]->id, y->shown[LEFT]->id);
}

static int by_clause(const void *a, const void *b)
{
    const struct miss *x = a, *y = b;

    int order = strcmp(x->shown[x->missed]->clause, y->shown[y->missed]->clause);

    return order ? order : strcmp(x->shown[x->missed]->id, y->shown[y->missed]->id);
}

/* --- telling --------------------------------------------------------------------------------- */

static void put_build(FILE *out, const struct comparison *c, enum side side, const char *words)
{
    int width = (int)MAX(strlen(c->builds[LEFT]->banner), strlen(c->builds[RIGHT]->banner));

    fprintf(out, "  %-*s  %s\n", width, c->builds[side]->banner, words);
}

static void put_does(FILE *out, const struct comparison *c, enum side side,
                     const struct contrast_moment *moment, const struct contrast_reaction *does,
                     const char *joint)
{
    struct text words = {0};

    contrast_reaction_text(moment, does, joint, &words);
    put_build(out, c, side, text_string(&words));
    text_fini(&words);
}

static void put_group(FILE *out, const struct comparison *c, const struct group *g,
                      const char *remark)
{
    struct text where = {0};

    contrast_moment_text(&g->moment, &where);
    fprintf(out, "%s; %u case%s%s%s\n", text_string(&where), g->n, text_plural(g->n),
            g->varies ? ", at times" : "", remark);
    for (int side = LEFT; side < SIDES; side++)
        put_does(out, c, (enum side)side, &g->moment, &g->does[side], g->varies ? "or" : "and");
    fprintf(out, "  %s: %s\n", g->shown[LEFT]->id, g->shown[LEFT]->title);
    text_fini(&where);
}

static void put_miss(FILE *out, const struct comparison *c, const struct miss *m)
{
    const struct quirk_case *shown = m->shown[m->missed];

    fprintf(out, "by %s, where no reaction tells; %u case%s%s\n", shown->clause, m->n,
            text_plural(m->n), m->varies ? ", at times" : "");
    for (int side = LEFT; side < SIDES; side++)
        put_build(out, c, (enum side)side,
                  (enum side)side != m->missed ? "as the case asks"
                  : *shown->got                ? shown->got
                                               : shown->cause);
    fprintf(out, "  %s: %s\n", shown->id, shown->title);
}

/* What one build, or nobody, was seen to do there. */
static void put_known(FILE *out, const struct comparison *c, enum side side,
                      const struct contrast_moment *moment)
{
    struct contrast_reaction all = {0};

    for (size_t i = 0; i < c->known[side].n; i++)
        if (contrast_is_same_moment(&c->known[side].at[i].moment, moment))
            contrast_join(&all, &c->known[side].at[i].reaction);
    if (all.set)
        put_does(out, c, side, moment, &all, "or");
    else
        put_build(out, c, side, "not met");
}

static bool is_grouped(const struct comparison *c, const struct contrast_moment *moment)
{
    for (size_t i = 0; i < c->n_groups; i++)
        if (contrast_is_same_moment(&c->groups[i].moment, moment))
            return true;
    return false;
}

/* Every state and event that was not told of. */
static void put_rest(FILE *out, const struct comparison *c)
{
    struct contrast_moment moment = CONTRAST_BEGIN;

    while (contrast_next(&moment)) {
        struct text where = {0};
        bool is_seen = find(&c->known[LEFT], &moment) || find(&c->known[RIGHT], &moment);
        if (is_seen && !is_grouped(c, &moment)) {
            contrast_moment_text(&moment, &where);
            fprintf(out, "%s\n", text_string(&where));
            put_known(out, c, LEFT, &moment);
            put_known(out, c, RIGHT, &moment);
        }
        text_fini(&where);
    }
}

static unsigned count_both(const struct comparison *c)
{
    struct contrast_moment moment = CONTRAST_BEGIN;
    unsigned n = 0;

    while (contrast_next(&moment))
        n += find(&c->known[LEFT], &moment) && find(&c->known[RIGHT], &moment);
    return n;
}

struct contrast contrast_print(FILE *out, const struct quirks *a, const struct quirks *b, bool all)
{
    struct comparison c = {
        .builds = {a, b}
    };
    struct contrast sums = {0};

    for (int side = LEFT; side < SIDES; side++)
        for (size_t i = 0; i < c.builds[side]->n_cases; i++)
            learn(&c.known[side], &c.builds[side]->cases[i]);
    compare_all(&c);
    if (c.n_groups > 0)
        qsort(c.groups, c.n_groups, sizeof *c.groups, by_moment);
    if (c.n_misses > 0)
        qsort(c.misses, c.n_misses, sizeof *c.misses, by_clause);
    for (size_t i = 0; i < c.n_groups; i++)
        put_group(out, &c, &c.groups[i], "");
    for (size_t i = 0; i < c.n_misses; i++)
        put_miss(out, &c, &c.misses[i]);
    for (size_t i = 0; i < c.n_chances; i++) {
        sums.chance += c.chances[i].n;
        if (all)
            put_group(out, &c, &c.chances[i], ", by chance");
    }
    if (all)
        put_rest(out, &c);
    sums.both = count_both(&c);
    sums.chance += c.n_varying;
    sums.differ = (unsigned)c.n_groups;
    sums.misses = (unsigned)c.n_misses;
    free(c.known[LEFT].at);
    free(c.known[RIGHT].at);
    free(c.groups);
    free(c.chances);
    free(c.misses);
    return sums;
}
