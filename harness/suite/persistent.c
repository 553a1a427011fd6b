/* persistent.c - one server process for all cases: what differs from a fresh process's verdict is
 * state that was carried over from one client to the next. */
#include "harness/session/clock.h"
#include "harness/suite/order.h"
#include "harness/suite/shrink.h"
#include "harness/suite/suite.h"

#include <stdlib.h>
#include <string.h>

#define TRIALS_EACH 40   /* runs of a sequence, to make it shorter */
#define TRIALS_ALL  200  /* for all findings together */
#define PLAYS_EACH  5000 /* cases in all runs of one finding */
#define HUNT_NS     (UINT64_C(300) * 1000000000)

/* One pass over cases in an order. */
struct order {
    const struct suite *suite;
    struct script_list list; /* borrows the scripts */
    size_t *index;           /* of each in the suite */
    struct suite_judgement *judged;
    unsigned *process; /* 0: not played, for the run had to end */
    size_t played;
    struct text *got; /* of each */
    unsigned *line;
};

static void *array(size_t n, size_t size)
{
    void *at = text_realloc(NULL, (n + 1) * size);

    memset(at, 0, (n + 1) * size);
    return at;
}

static void order_init(struct order *o, const struct suite *suite, const size_t *index, size_t n)
{
    *o = (struct order){.suite = suite};
    o->list.at = array(n, sizeof *o->list.at);
    o->index = array(n, sizeof *o->index);
    o->judged = array(n, sizeof *o->judged);
    o->process = array(n, sizeof *o->process);
    o->got = array(n, sizeof *o->got);
    o->line = array(n, sizeof *o->line);
    o->list.n = n;
    for (size_t i = 0; i < n; i++) {
        o->index[i] = index[i];
        o->list.at[i] = suite->cases.at[index[i]];
    }
}

static void order_fini(struct order *o)
{
    for (size_t i = 0; i < o->list.n; i++)
        text_fini(&o->got[i]);
    free(o->list.at);
    free(o->index);
    free(o->judged);
    free(o->process);
    free(o->got);
    free(o->line);
}

static void tell_place(const struct order *o, const char *hunted)
{
    if (o->suite->placed)
        o->suite->placed(o->suite->context, o->played, o->list.n, hunted);
}

static bool took(void *context, size_t i, struct suite_run *run)
{
    struct order *o = context;

    o->played++;
    o->judged[i] = suite_judge(o->list.at[i], run, &o->suite->settings.build);
    o->process[i] = run->process;
    o->line[i] = run->line;
    text_adds(&o->got[i], text_string(&run->got));
    suite_run_fini(run);
    return true;
}

static bool took_of_all(void *context, size_t i, struct suite_run *run)
{
    bool goes_on = took(context, i, run);

    tell_place(context, NULL);
    return goes_on;
}

static bool is_same(const struct suite_judgement *a, const struct suite_judgement *b)
{
    return a->verdict == b->verdict && a->cause == b->cause;
}

/* --- the shortest sequence ------------------------------------------------------------------- */

struct hunt {
    const struct suite *suite;
    const struct order *order;     /* in which it was seen */
    struct suite_finding *finding; /* being made shorter */
    size_t first;                  /* position of what came first on the same process */
    size_t plays_left;
    uint64_t until_ns; /* begin no run behind it: where servers hang, each takes long */
    bool gave_up;      /* for want of plays or time: what is left may not be the shortest */
};

/* Whether these cases (positions after hunt.first), then the finding's own, show it again. */
static bool shows_it(void *context, const size_t *items, size_t n)
{
    struct hunt *h = context;
    struct order o;

    bool may = n + 1 <= h->plays_left && now_ns() < h->until_ns;

    h->gave_up |= !may;
    if (!may)
        return false;
    h->plays_left -= n + 1;
    tell_place(h->order, h->suite->cases.at[h->finding->index]->id);
    size_t *index = array(n + 1, sizeof *index);

    for (size_t i = 0; i < n; i++)
        index[i] = h->order->index[h->first + items[i]];
    index[n] = h->finding->index;
    order_init(&o, h->suite, index, n + 1);
    bool shown = suite_run_in_order(&o.list, &h->suite->settings, took, &o) && o.process[n] &&
                 is_same(&o.judged[n], &h->finding->kept);
    order_fini(&o);
    free(index);
    return shown;
}

/* Positions (after hunt.first) of the cases that made an earlier finding, if they stand before this
 * one: the same state often shows in more than one case. */
static size_t known_culprits(const struct hunt *h, const struct suite_finding *earlier, size_t end,
                             size_t *items)
{
    size_t n = 0;

    for (size_t at = h->first; at < end; at++)
        for (size_t k = 0; k + 1 < earlier->n; k++)
            if (h->order->index[at] == earlier->sequence[k])
                items[n++] = at - h->first;
    return n + 1 == earlier->n ? n : 0;
}

static void write_down(struct hunt *h, const size_t *items, size_t n)
{
    struct suite_finding *f = h->finding;

    f->sequence = array(n + 1, sizeof *f->sequence);
    for (size_t i = 0; i < n; i++)
        f->sequence[i] = h->order->index[h->first + items[i]];
    f->sequence[n] = f->index;
    f->n = n + 1;
}

static void hunt_down(struct suite *suite, const struct order *order, size_t end,
                      struct suite_finding *f, unsigned *trials_left)
{
    struct hunt h = {suite, order, f, end, PLAYS_EACH, now_ns() + HUNT_NS, false};
    unsigned mine = MIN(*trials_left, TRIALS_EACH), had = mine;

    while (h.first > 0 && order->process[h.first - 1] == order->process[end])
        h.first--;
    size_t n = end - h.first, *items = array(n, sizeof *items);
    bool found = false;
    for (size_t k = 0; k < suite->n_findings && mine > 0 && !found; k++) {
        size_t few = known_culprits(&h, &suite->findings[k], end, items);
        if (few > 0 && mine-- > 0 && (found = shows_it(&h, items, few)))
            n = few;
    }
    for (size_t i = 0; i < n && !found; i++)
        items[i] = i;
    if (mine > 0) {
        mine--;
        f->shows_again = found || shows_it(&h, items, n);
    }
    if (f->shows_again)
        f->is_shortest = shrink(items, &n, &mine, shows_it, &h) && !h.gave_up;
    write_down(&h, items, n);
    *trials_left -= had - mine;
    free(items);
}

/* --- the whole ------------------------------------------------------------------------------- */

/* Those that were judged with a fresh process, and gave the same verdict each time. */
static bool is_comparable(const struct suite_result *r)
{
    return !r->script->plays_server && r->run.duration_ns > 0 && r->standing != SUITE_FLAKY &&
           r->judgement.verdict != SUITE_ERROR && !(r->expectation && r->expectation->at_times);
}

static bool is_found(const struct suite *suite, const struct suite_finding *f)
{
    for (size_t i = 0; i < suite->n_findings; i++)
        if (suite->findings[i].index == f->index && is_same(&suite->findings[i].kept, &f->kept))
            return true;
    return false;
}

/* Whether a finding was hunted down for the expectation that names this one as well. */
static bool is_explained(const struct suite *suite, const struct suite_finding *f)
{
    for (size_t i = 0; f->expectation && i < suite->n_findings; i++)
        if (suite->findings[i].expectation == f->expectation && suite->findings[i].shows_again)
            return true;
    return false;
}

/* It differs with no case before it: nothing was carried over. */
static void take_for_flaky(struct suite_result *r, struct suite_finding *f)
{
    r->standing = SUITE_FLAKY;
    r->again = f->kept;
    text_fini(&f->got);
    free(f->sequence);
}

static void compare(struct suite *suite, const struct order *o, size_t i, unsigned *trials_left)
{
    struct suite_result *r = &suite->results[o->index[i]];
    struct suite_finding f = {.index = o->index[i], .line = o->line[i]};

    if (is_same(&o->judged[i], &r->judgement) || o->judged[i].verdict == SUITE_ERROR)
        return;
    f.fresh = r->judgement;
    f.kept = o->judged[i];
    if (is_found(suite, &f))
        return;
    f.expectation = suite_expectations_find_carried(&suite->expectations, r->script->id);
    text_adds(&f.got, text_string(&o->got[i]));
    if (!is_explained(suite, &f))
        hunt_down(suite, o, i, &f, trials_left);
    if (f.shows_again && f.n == 1 && !f.expectation) {
        take_for_flaky(r, &f);
        return;
    }
    suite->findings =
        text_realloc(suite->findings, (suite->n_findings + 1) * sizeof *suite->findings);
    suite->findings[suite->n_findings++] = f;
    if (suite->found)
        suite->found(suite->context, &suite->findings[suite->n_findings - 1]);
}

static bool play(struct suite *suite, const size_t *index, size_t n, unsigned *trials_left)
{
    struct order o;
    size_t played = 0;

    order_init(&o, suite, index, n);
    bool ok = n == 0 || suite_run_in_order(&o.list, &suite->settings, took_of_all, &o);
    for (size_t i = 0; ok && i < n; i++) {
        if (!o.process[i])
            continue;
        played++;
        suite->persistent_trouble += o.judged[i].verdict == SUITE_ERROR;
        compare(suite, &o, i, trials_left);
    }
    if (suite_must_end(&suite->settings))
        suite->persistent_cut += (unsigned)(n - played);
    suite->n_persistent = MAX(suite->n_persistent, played);
    suite->n_persistent_runs += played;
    order_fini(&o);
    return ok;
}

static void reverse(size_t *index, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        size_t kept = index[i];
        index[i] = index[n - 1 - i];
        index[n - 1 - i] = kept;
    }
}

/* The case ends the process, or leaves it of no use: what comes behind it meets a new one. */
static bool ends_process(const struct suite_result *r)
{
    enum sim_cause cause = r->judgement.cause;

    return script_words_have(&r->script->needs, script_need_word(SCRIPT_NEED_SIGNAL)) ||
           (cause != SIM_OK && cause != SIM_MISS && cause != SIM_TIMEOUT);
}

/* Whether a has to stand before b: cases with one command line together, and those that end the
 * process last of all. */
static bool goes_before(const struct suite_result *a, const struct suite_result *b)
{
    const char *single = script_need_word(SCRIPT_NEED_SINGLE_TEST);
    bool a_ends = ends_process(a), b_ends = ends_process(b);

    if (a_ends != b_ends)
        return b_ends;
    int order = strcmp(a->script->subject, b->script->subject);
    if (order == 0)
        order = script_words_have(&a->script->needs, single) -
                script_words_have(&b->script->needs, single);
    return order < 0;
}

/* As many cases as can be behind one another on one process, otherwise in the order they have. */
static void group(const struct suite *suite, size_t *index, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        size_t moved = index[i], k = i;
        for (; k > 0 && goes_before(&suite->results[moved], &suite->results[index[k - 1]]); k--)
            index[k] = index[k - 1];
        index[k] = moved;
    }
}

/* Those that wait for long are not worth a second pass. */
static size_t leave_out_slow(const struct suite *suite, size_t *index, size_t n)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++)
        if (!suite_is_slow(suite->results[index[i]].script))
            index[left++] = index[i];
    return left;
}

bool suite_run_persistent(struct suite *suite)
{
    size_t *index = array(suite->cases.n, sizeof *index), n = 0;
    unsigned trials_left = TRIALS_ALL;

    for (size_t i = 0; i < suite->cases.n; i++)
        if (is_comparable(&suite->results[i]))
            index[n++] = i;
    if (!suite->in_order) {
        order_shuffle(index, n, suite->seed);
        group(suite, index, n);
    }
    bool ok = play(suite, index, n, &trials_left);
    if (ok && !suite->in_order) {
        n = leave_out_slow(suite, index, n);
        reverse(index, n);
        group(suite, index, n);
        ok = play(suite, index, n, &trials_left);
    }
    free(index);
    return ok;
}
