/* gate.c - what a build makes worse than a base build.
 *
 * Worse is a graver verdict, or a crash, hang or the like in place of a missed step. One play
 * decides nothing: a case that looks worse is played again by both builds, one after the other, and
 * counts if the build is worse than the base ever was in most of its plays. But what a build's own
 * code must have done, such as a crash, needs to be seen once only, if the base never did it and is
 * not known to do it at times. */
#include "harness/suite/gate.h"

#include <stdlib.h>
#include <string.h>

#define PLAYS_SURE 3 /* of each build, if they all say the same */
#define PLAYS_MOST 5

const char *gate_change_word(enum gate_change change)
{
    static const char *const words[] = {
#define X(name, word) word,
        GATE_CHANGES(X)
#undef X
    };
    return words[change];
}

enum rank { RANK_GOOD, RANK_WARN, RANK_MISS, RANK_GRAVE };

/* Drift is no rank: what a build was seen to do binds nobody, unless it is asked for. */
static enum rank rank_of(const struct suite *suite, const struct suite_judgement *j)
{
    bool missed = j->cause == SIM_MISS || j->cause == SIM_TIMEOUT || j->cause == SIM_DRIFT;

    switch (j->verdict) {
    case SUITE_WARN:
        return RANK_WARN;
    case SUITE_DRIFT:
        return suite->demands.strict_asbuilt ? RANK_WARN : RANK_GOOD;
    case SUITE_FAIL:
        return missed ? RANK_MISS : RANK_GRAVE;
    default:
        return RANK_GOOD;
    }
}

/* Faults of a program's own, which no slow machine brings about. */
static bool is_fault(const struct suite_judgement *j)
{
    return j->verdict == SUITE_FAIL &&
           (j->cause == SIM_CRASH || j->cause == SIM_SANITIZER || j->cause == SIM_LEAK);
}

/* A case that flickers at home counts by its worse play. */
static struct suite_judgement worst_of(const struct suite *suite, const struct suite_result *r)
{
    bool second =
        r->standing == SUITE_FLAKY && (rank_of(suite, &r->again) > rank_of(suite, &r->judgement) ||
                                       (is_fault(&r->again) && !is_fault(&r->judgement)));

    return second ? r->again : r->judgement;
}

static bool was_played(const struct suite_result *r)
{
    return r->run.duration_ns > 0;
}

/* By their first plays. */
static enum gate_change compare(const struct gate *g, size_t i, struct gate_case *c)
{
    const struct suite_result *a = &g->base->results[i], *b = &g->build->results[i];
    enum rank base = rank_of(g->build, &c->base), build = rank_of(g->build, &c->build);

    if (c->base.verdict == SUITE_ERROR || c->build.verdict == SUITE_ERROR)
        return GATE_UNKNOWN;
    if (a->unplayed || b->unplayed)
        return GATE_SAME;
    if (!was_played(b))
        return was_played(a) && base == RANK_GOOD && c->base.verdict == SUITE_PASS ? GATE_LOST
                                                                                   : GATE_SAME;
    /* What the base cannot do at all the build need not do well, as long as it stays up. */
    if (!was_played(a))
        return build == RANK_GRAVE ? GATE_WORSE : GATE_SAME;
    if (build > base)
        return GATE_WORSE;
    if (build < base)
        return GATE_BETTER;
    return c->base.verdict == SUITE_PASS && c->build.verdict == SUITE_DRIFT ? GATE_DRIFTS
                                                                            : GATE_SAME;
}

/* --- once more ------------------------------------------------------------------------------- */

struct replay {
    struct gate *gate;
    const struct suite *suite; /* the one that plays */
    struct script_list list;   /* borrows the scripts */
    size_t *index;             /* of each in the suite */
};

static bool replayed(void *context, size_t i, struct suite_run *run)
{
    struct replay *p = context;
    struct gate_case *c = &p->gate->cases[p->index[i]];
    struct suite_judgement j = suite_judge(p->list.at[i], run, &p->suite->settings.build);
    enum rank rank = rank_of(p->gate->build, &j), base = rank_of(p->gate->build, &c->base);

    suite_run_fini(run);
    if (j.verdict == SUITE_ERROR)
        return true; /* says nothing about either */
    if (p->suite == p->gate->base) {
        c->base = rank > base || is_fault(&j) ? j : c->base;
    } else {
        c->n_plays++;
        c->n_worse += rank > base;
        c->build = is_fault(&j) ? j : c->build;
    }
    return true;
}

static bool is_open(const struct gate_case *c, unsigned round)
{
    if (c->change != GATE_WORSE)
        return false;
    return round <= PLAYS_SURE || c->n_worse != c->n_plays;
}

static bool replay(struct gate *g, const struct suite *suite, unsigned round)
{
    struct replay p = {.gate = g, .suite = suite};
    struct suite_settings settings = suite->settings;

    p.list.at = text_realloc(NULL, (suite->cases.n + 1) * sizeof *p.list.at);
    p.index = text_realloc(NULL, (suite->cases.n + 1) * sizeof *p.index);
    for (size_t i = 0; i < suite->cases.n; i++)
        if (is_open(&g->cases[i], round) && was_played(&suite->results[i])) {
            p.list.at[p.list.n] = suite->cases.at[i];
            p.index[p.list.n++] = i;
        }
    settings.budget_end_ns = 0;
    bool ok = p.list.n == 0 || suite_run_alone(&p.list, &settings, replayed, &p);
    free(p.list.at);
    free(p.index);
    return ok;
}

/* The base goes first, so that a play of the build is measured by all of the base's. */
static bool play_again(struct gate *g)
{
    bool ok = true;

    for (unsigned round = 2; ok && round <= PLAYS_MOST; round++)
        ok = replay(g, g->base, round) && replay(g, g->build, round);
    return ok;
}

/* --- the whole ------------------------------------------------------------------------------- */

void gate_expect(const struct suite *base, struct suite *build)
{
    struct suite_expectations *list = &build->expectations;

    suite_expectations_fini(list);
    list->at = text_realloc(NULL, (base->cases.n + 1) * sizeof *list->at);
    for (size_t i = 0; i < base->cases.n; i++) {
        const struct suite_result *r = &base->results[i];
        if (!was_played(r) || rank_of(build, &r->judgement) == RANK_GOOD)
            continue;
        list->at[list->n++] = (struct suite_expectation){
            .glob = base->cases.at[i]->id,
            .reason = "the base does the same",
            .clause = r->judgement.clause ? r->judgement.clause->id : "INT-3",
            .file = "--base",
            .verdict = r->judgement.verdict,
            .cause = r->judgement.cause,
            .at_times = r->standing == SUITE_FLAKY,
        };
    }
}

static enum suite_standing standing_of(const struct gate_case *c, const struct suite_result *r)
{
    if (c->change == GATE_WORSE || c->change == GATE_LOST)
        return SUITE_UNEXPECTED;
    if (r->judgement.verdict == SUITE_ERROR)
        return r->standing;
    return r->expectation && r->judgement.verdict != SUITE_PASS ? SUITE_KNOWN : SUITE_GOOD;
}

/* What the base does once in hundreds of plays it did not do in five, as a rule. */
static bool is_known_at_times(const struct suite_result *base, const struct suite_judgement *j)
{
    const struct suite_expectation *e = base->expectation;

    return e && e->at_times && e->verdict == j->verdict &&
           (e->cause == SIM_N_CAUSES || e->cause == j->cause);
}

/* By what was played again, and what follows for the build. */
static void conclude(struct gate *g, struct suite *build)
{
    for (size_t i = 0; i < build->cases.n; i++) {
        struct gate_case *c = &g->cases[i];
        bool is_new_fault = is_fault(&c->build) && !is_fault(&c->base) &&
                            !is_known_at_times(&g->base->results[i], &c->build);
        if (c->change == GATE_WORSE && 2 * c->n_worse <= c->n_plays && !is_new_fault)
            c->change = GATE_FLICKERS;
        g->counts[c->change]++;
        build->base_trouble += c->base.verdict == SUITE_ERROR;
        build->results[i].standing = standing_of(c, &build->results[i]);
    }
    build->base_trouble += g->base->n_cut;
    build->gate = g;
}

bool gate_run(struct gate *g, const struct suite *base, struct suite *build)
{
    *g = (struct gate){.base = base, .build = build};
    g->cases = text_realloc(NULL, (build->cases.n + 1) * sizeof *g->cases);
    for (size_t i = 0; i < build->cases.n; i++) {
        struct gate_case *c = &g->cases[i];
        *c = (struct gate_case){.base = worst_of(base, &base->results[i]),
                                .build = worst_of(build, &build->results[i]),
                                .n_worse = 1,
                                .n_plays = 1};
        c->change = compare(g, i, c);
    }
    /* A build that serves nobody showed that with one case after the other. */
    bool ok = build->n_dead > 0 || play_again(g);
    conclude(g, build);
    return ok;
}

void gate_fini(struct gate *g)
{
    free(g->cases);
    g->cases = NULL;
}
