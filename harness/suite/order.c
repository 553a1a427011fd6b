/* order.c - in which order cases are played, and which ones first if there is no time for all.
 *
 * What a case is worth: each clause that it names counts by its level, and by half, a third, a
 * quarter ... of that once one, two, three cases that go before it named it too. The case that is
 * worth most per second of its expected duration is next. */
#include "harness/suite/order.h"

#include "impl/wire/clause.h"

#include <stdlib.h>
#include <string.h>

#define CLAUSES_MAX 16 /* of one case that count */

/* The same numbers from the same seed everywhere (splitmix64). */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void order_shuffle(size_t *index, size_t n, uint64_t seed)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)(next_random(&seed) % i), kept = index[i - 1];
        index[i - 1] = index[k];
        index[k] = kept;
    }
}

static int64_t patience_of(const struct script_steps *steps);

/* Of the one that waits longest among alternatives; of all repetitions. */
static int64_t patience_of_branches(const struct script_step *step)
{
    int64_t most = 0;

    for (size_t i = 0; i < step->branches.n; i++)
        most = MAX(most, patience_of(&step->branches.at[i]));
    return step->verb == SCRIPT_REPEAT ? most * step->branches.times : most;
}

/* Milliseconds that the steps say they may wait. */
static int64_t patience_of(const struct script_steps *steps)
{
    int64_t sum = 0;

    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];

        sum += MAX(step->within_ms, 0);
        if (step->verb == SCRIPT_PAUSE)
            sum = MAX(sum + step->pause.ms, step->pause.until.ms);
        else if (step->verb == SCRIPT_EXPECT && step->expect.kind == SCRIPT_EXPECT_NOTHING)
            sum += MAX(step->expect.for_ms, 0);
        else if (script_is_block(step->verb))
            sum += patience_of_branches(step);
    }
    return sum;
}

/* Stock clients wait a second before they begin. A slow case takes as long as its steps may wait,
 * and that is no less than a timer of 10 s; in others a deadline is there to be missed by none. */
uint64_t order_cost_ns(const struct script *script)
{
    int64_t kind_ms = script->plays_server ? 1000 : 100;
    int64_t slow_ms = suite_is_slow(script) ? MAX(patience_of(&script->steps), 10000) : 0;

    return (uint64_t)(kind_ms + slow_ms) * 1000000u;
}

struct patience {
    int64_t ms;
    size_t rank, index;
};

static int compare_patience(const void *left, const void *right)
{
    const struct patience *a = left, *b = right;

    if (a->ms != b->ms)
        return a->ms > b->ms ? -1 : 1;
    return a->rank < b->rank ? -1 : 1;
}

void order_by_patience(const struct script_list *list, size_t *index, size_t n)
{
    struct patience *of = text_realloc(NULL, (n + 1) * sizeof *of);

    for (size_t i = 0; i < n; i++)
        of[i] = (struct patience){patience_of(&list->at[index[i]]->steps), i, index[i]};
    qsort(of, n, sizeof *of, compare_patience);
    for (size_t i = 0; i < n; i++)
        index[i] = of[i].index;
    free(of);
}

struct worth {
    const struct clause *clauses[CLAUSES_MAX];
    size_t n;
    double per_second; /* as it was when last looked at: it only falls */
    bool taken;
};

static double value_of(const struct clause *clause)
{
    static const double values[] = {
        [CLAUSE_MUST] = 8, [CLAUSE_MUST_NOT] = 8, [CLAUSE_SHOULD] = 4, [CLAUSE_SHOULD_NOT] = 4,
        [CLAUSE_MAY] = 1,  [CLAUSE_IS] = 2,       [CLAUSE_INFO] = 1};

    return values[clause->level];
}

static void note_clauses(const struct script *script, struct worth *w)
{
    for (size_t i = 0; i < script->clauses.n && w->n < CLAUSES_MAX; i++) {
        const struct clause *clause = clause_find(script->clauses.at[i]);
        if (clause)
            w->clauses[w->n++] = clause;
    }
}

static double worth_now(const struct script *script, const struct worth *w, const unsigned *named)
{
    double sum = 0;

    for (size_t i = 0; i < w->n; i++)
        sum += value_of(w->clauses[i]) / (1 + named[w->clauses[i] - clauses]);
    return sum * 1e9 / (double)order_cost_ns(script);
}

/* The one worth most, the first of equal ones. Worth only falls as others are taken, so that one
 * whose last figure is beaten need not be looked at again. */
static size_t find_best(const struct script_list *list, const size_t *index, size_t n,
                        struct worth *w, const unsigned *named)
{
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        if (w[i].taken || (best < n && w[i].per_second <= w[best].per_second))
            continue;
        w[i].per_second = worth_now(list->at[index[i]], &w[i], named);
        if (best == n || w[i].per_second > w[best].per_second)
            best = i;
    }
    return best;
}

void order_by_worth(const struct script_list *list, size_t *index, size_t n)
{
    struct worth *w = text_realloc(NULL, (n + 1) * sizeof *w);
    unsigned *named = text_realloc(NULL, n_clauses * sizeof *named);
    size_t *sorted = text_realloc(NULL, (n + 1) * sizeof *sorted);

    memset(w, 0, (n + 1) * sizeof *w);
    memset(named, 0, n_clauses * sizeof *named);
    for (size_t i = 0; i < n; i++) {
        note_clauses(list->at[index[i]], &w[i]);
        w[i].per_second = worth_now(list->at[index[i]], &w[i], named);
    }
    for (size_t k = 0; k < n; k++) {
        size_t best = find_best(list, index, n, w, named);
        w[best].taken = true;
        sorted[k] = index[best];
        for (size_t i = 0; i < w[best].n; i++)
            named[w[best].clauses[i] - clauses]++;
    }
    memcpy(index, sorted, n * sizeof *index);
    free(sorted);
    free(named);
    free(w);
}
