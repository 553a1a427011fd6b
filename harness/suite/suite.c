/* suite.c - the whole run: cases are chosen, played, compared with what is expected, played again.
 */
#include "harness/session/clock.h"
#include "harness/suite/order.h"
#include "harness/suite/reach.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define VAIN_MOST 4 /* cases in which a doubtful server served nobody: no more of them */

enum kind {
    FIRST,
    ALONE,   /* once more what was not expected */
    REPEATED /* once more all that was */
};

struct round {
    struct suite *suite;
    struct script_list list; /* what this round plays */
    size_t *index;           /* of each in the suite */
    enum kind kind;
};

static bool is_good(const struct suite *suite, enum suite_verdict v)
{
    return v == SUITE_PASS || v == SUITE_SKIP || v == SUITE_WARN ||
           (v == SUITE_DRIFT && !suite->demands.strict_asbuilt);
}

static bool fits(const struct suite_expectation *e, const struct suite_judgement *j)
{
    if (j->verdict == SUITE_PASS && (e->at_times || e->carried))
        return true;
    if (e->carried)
        return j->verdict != SUITE_ERROR;
    return e->verdict == j->verdict && (e->cause == SIM_N_CAUSES || e->cause == j->cause);
}

enum suite_standing suite_compare(const struct suite *suite, const struct suite_result *r)
{
    const struct suite_expectation *e = r->expectation;
    enum suite_verdict v = r->judgement.verdict;

    if (!e)
        return is_good(suite, v) ? SUITE_GOOD : SUITE_UNEXPECTED;
    if (fits(e, &r->judgement))
        return v == SUITE_PASS ? SUITE_GOOD : SUITE_KNOWN;
    if (v == SUITE_PASS && !reach_shows(r->script, &suite->settings, e->cause))
        return SUITE_GOOD;
    return v == SUITE_PASS ? SUITE_XPASS : SUITE_UNEXPECTED;
}

/* What a play showed that is not the result's: each way to react counts once. */
static void keep_reactions(struct suite_result *r, const struct suite_run *run)
{
    struct text one = {0};

    text_addf(&one, "%s\n", text_string(&run->reactions));
    if (run->reactions.len > 0 && !strstr(text_string(&r->others), text_string(&one)))
        text_adds(&r->others, text_string(&one));
    text_fini(&one);
}

static void take(const struct suite *suite, struct suite_result *r, struct suite_run *run)
{
    if (r->judgement.verdict != SUITE_ERROR)
        keep_reactions(r, &r->run);
    suite_run_fini(&r->run);
    r->run = *run;
    r->judgement = suite_judge(r->script, run, &suite->settings.build);
    text_fini(&r->skip);
    if (r->judgement.verdict == SUITE_SKIP)
        text_adds(&r->skip, "none of its clauses says what this build does here");
    r->standing = suite_compare(suite, r);
}

/* The second run of what was unexpected. Harness trouble in the first makes it the one that counts.
 */
static bool take_again(const struct suite *suite, struct suite_result *r, struct suite_run *run)
{
    struct suite_judgement j = suite_judge(r->script, run, &suite->settings.build);

    if (r->judgement.verdict == SUITE_ERROR) {
        take(suite, r, run);
        r->repeated = true;
        return true;
    }
    if (j.verdict != SUITE_ERROR)
        keep_reactions(r, run);
    suite_run_fini(run);
    if (j.verdict == r->judgement.verdict && j.cause == r->judgement.cause)
        return false;
    r->again = j;
    r->standing = SUITE_FLAKY;
    return true;
}

/* A further round of --repeat. What is new becomes the result, so that it can be looked into. */
static bool take_repeated(const struct suite *suite, struct suite_result *r, struct suite_run *run)
{
    struct suite_judgement j = suite_judge(r->script, run, &suite->settings.build);
    struct suite_judgement earlier = r->judgement;
    const struct suite_expectation *e = r->expectation;

    if ((j.verdict == earlier.verdict && j.cause == earlier.cause) ||
        (e && e->at_times && fits(e, &j))) {
        keep_reactions(r, run);
        suite_run_fini(run);
        return false;
    }
    take(suite, r, run);
    if (j.verdict == SUITE_ERROR)
        return true;
    r->again = earlier;
    r->round = suite->rounds + 1;
    r->standing = SUITE_FLAKY;
    return true;
}

/* One session shows that it is alive, and has been; with keys of ours, only that a server that
 * wants others is. */
static void note_service(struct suite *suite, enum suite_service service,
                         const struct suite_result *r)
{
    if (service == SUITE_SERVES) {
        suite->settings.is_doubtful &= suite_wants_keys(r->script);
        suite->has_served = true;
    } else if (service == SUITE_SERVES_NOBODY && r->standing == SUITE_UNEXPECTED) {
        suite->n_vain++;
    }
}

static bool is_dead(const struct suite *suite)
{
    return suite->gone_since || (suite->settings.is_doubtful && suite->n_vain >= VAIN_MOST);
}

/* A server that runs already is nobody's to start anew: behind a case that went otherwise it is
 * asked whether it serves at all, for what comes next would say nothing about the case. */
static void look_after(struct suite *suite, const struct suite_result *r,
                       enum suite_service service)
{
    enum suite_verdict v = r->judgement.verdict;

    if (!suite->settings.remote || !suite->has_served || service == SUITE_SERVES ||
        v == SUITE_PASS || v == SUITE_SKIP || suite_serves(&suite->settings))
        return;
    suite->gone_since = r->script->id;
}

static bool done(void *context, size_t index, struct suite_run *run)
{
    struct round *round = context;
    struct suite *suite = round->suite;
    struct suite_result *r = &suite->results[round->index[index]];
    enum suite_service service = run->service;
    bool is_news = true;

    if (round->kind == ALONE)
        is_news = take_again(suite, r, run);
    else if (round->kind == REPEATED)
        is_news = take_repeated(suite, r, run);
    else
        take(suite, r, run);
    note_service(suite, service, r);
    look_after(suite, r, service);
    if (is_news && suite->progress)
        suite->progress(suite->context, r);
    return !is_dead(suite) && (!suite->demands.fail_fast || r->standing < SUITE_UNEXPECTED);
}

bool suite_is_slow(const struct script *script)
{
    return script_words_have(&script->tags, "slow");
}

bool suite_wants_keys(const struct script *script)
{
    return strstr(script->subject, "{keys}") || script_words_have(&script->needs, "auth");
}

static bool is_due(const struct suite_result *r, enum kind kind)
{
    bool is_bad = r->standing == SUITE_UNEXPECTED || r->standing == SUITE_XPASS;

    switch (kind) {
    case ALONE:
        return is_bad && r->round == 0;
    case REPEATED:
        return r->skip.len == 0 && r->run.duration_ns > 0 && r->standing < SUITE_UNEXPECTED;
    default:
        return r->skip.len == 0;
    }
}

/* Why cases were left out. */
static const char *what_cut(const struct suite *suite)
{
    if (suite->settings.interrupted && *suite->settings.interrupted)
        return "not played: interrupted";
    if (suite_must_end(&suite->settings))
        return "not played: the time limit";
    if (suite->gone_since)
        return "not played: the server serves nobody any more, since ";
    if (is_dead(suite))
        return "not played: the server completed no session";
    if (suite->settings.budget_end_ns)
        return "not played: not worth more than others, or too long, for --budget";
    return "not played: --fail-fast";
}

/* What was left out by them. */
static void skip_unplayed(struct suite *suite, bool must_end)
{
    const char *why = what_cut(suite);

    for (size_t i = 0; i < suite->cases.n; i++) {
        struct suite_result *r = &suite->results[i];
        if (r->skip.len == 0 && r->run.duration_ns == 0) {
            text_addf(&r->skip, "%s%s", why,
                      suite->gone_since && !must_end ? suite->gone_since : "");
            r->unplayed = true;
            r->judgement.verdict = SUITE_SKIP;
            suite->is_whole = false;
            suite->n_cut += must_end;
            suite->n_dead += !must_end && is_dead(suite);
        }
    }
}

/* What is due of the slow ones or of the others, and judges a server or a client: how many. */
static size_t add_due(const struct suite *suite, enum kind kind, bool slow, bool judges_server,
                      size_t *index)
{
    size_t n = 0;

    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct script *script = suite->cases.at[i];
        if (suite_is_slow(script) == slow && script->plays_server != judges_server &&
            is_due(&suite->results[i], kind))
            index[n++] = i;
    }
    return n;
}

/* Those that wait for long begin first, the longest before the others, and the rest goes on beside
 * them; but the first failure is sooner found among the others. Among those, servers come first:
 * what one leaks is waited for until 5 s are over, and nobody wants to wait so at the end. */
static size_t in_order(const struct suite *suite, enum kind kind, size_t *index)
{
    size_t n = 0;

    for (int half = 0; half < 2; half++) {
        bool slow = suite->demands.fail_fast == half;
        size_t first = n;
        n += add_due(suite, kind, slow, true, index + n);
        n += add_due(suite, kind, slow, false, index + n);
        if (slow)
            order_by_patience(&suite->cases, index + first, n - first);
    }
    if (suite->settings.budget_end_ns && kind == FIRST)
        order_by_worth(&suite->cases, index, n);
    else if (suite->is_shuffled)
        order_shuffle(index, n, suite->seed + suite->rounds);
    return n;
}

static bool play(struct suite *suite, enum kind kind)
{
    struct round round = {.suite = suite, .kind = kind};
    struct suite_settings settings = suite->settings;
    size_t n = suite->cases.n + 1;

    round.list.at = text_realloc(NULL, n * sizeof *round.list.at);
    round.index = text_realloc(NULL, n * sizeof *round.index);
    round.list.n = in_order(suite, kind, round.index);
    for (size_t i = 0; i < round.list.n; i++)
        round.list.at[i] = suite->cases.at[round.index[i]];
    if (kind == ALONE)
        settings.budget_end_ns = 0; /* it is about what is begun: this is to be known for sure */
    bool ok = round.list.n == 0 || (kind == ALONE ? suite_run_alone : suite_run_all)(
                                       &round.list, &settings, done, &round);
    free(round.list.at);
    free(round.index);
    return ok;
}

bool suite_must_end(const struct suite_settings *settings)
{
    return (settings->interrupted && *settings->interrupted) ||
           (settings->limit_ns && now_ns() >= settings->limit_ns);
}

static bool is_over(const struct suite *suite)
{
    uint64_t end = suite->settings.budget_end_ns;

    return suite_must_end(&suite->settings) || (end && now_ns() >= end);
}

static bool has_failed(const struct suite *suite)
{
    for (size_t i = 0; i < suite->cases.n; i++)
        if (suite->results[i].standing >= SUITE_UNEXPECTED ||
            suite->results[i].judgement.verdict == SUITE_ERROR)
            return true;
    return false;
}

/* All of it once more, and what is not expected then. */
static bool repeat(struct suite *suite)
{
    const struct suite_demands *d = &suite->demands;
    unsigned most = d->until_fail && d->rounds == 0 ? UINT_MAX : MAX(d->rounds, 1);
    bool ok = true;

    while (ok && suite->rounds < most && !is_over(suite) &&
           !((d->until_fail || d->fail_fast) && has_failed(suite))) {
        ok = play(suite, REPEATED) && play(suite, ALONE);
        suite->rounds++;
    }
    return ok;
}

/* A server that runs elsewhere serves all cases in one process: what earlier ones leave there shows
 * in verdicts. */
static struct suite_expectation *expectation_of(const struct suite *suite, const char *id)
{
    struct suite_expectation *e = suite_expectations_find(&suite->expectations, id);

    return e || !suite->settings.remote ? e
                                        : suite_expectations_find_carried(&suite->expectations, id);
}

static void choose(struct suite *suite)
{
    for (size_t i = 0; i < suite->elsewhere.n; i++)
        suite_expectations_mark(&suite->expectations, suite->elsewhere.at[i]->id);
    for (size_t i = 0; i < suite->cases.n; i++) {
        struct suite_result *r = &suite->results[i];
        struct text options = {0};
        r->script = suite->cases.at[i];
        suite_expectations_mark(&suite->expectations, r->script->id);
        r->expectation = expectation_of(suite, r->script->id);
        if (!suite_can_run(r->script, &suite->settings, &r->skip, &options)) {
            r->judgement.verdict = SUITE_SKIP;
            if (suite->progress)
                suite->progress(suite->context, r);
        }
        text_fini(&options);
    }
}

/* What the whole suite needs, also where it is played in shards: their reports say the same. */
static bool find_needs(struct suite *suite)
{
    size_t n = suite->cases.n, others = suite->elsewhere.n;
    struct script_list all = {.n = n + others};

    all.at = text_realloc(NULL, (all.n + 1) * sizeof *all.at);
    for (size_t i = 0; i < all.n; i++)
        all.at[i] = i < n ? suite->cases.at[i] : suite->elsewhere.at[i - n];
    bool ok = suite_find_needs(&suite->settings, &all, suite->demands.required);
    free(all.at);
    return ok;
}

static void make_results(struct suite *suite)
{
    suite->results = text_realloc(NULL, (suite->cases.n + 1) * sizeof *suite->results);
    memset(suite->results, 0, (suite->cases.n + 1) * sizeof *suite->results);
}

void suite_leave_out(struct suite *suite, const char *why, bool is_dead)
{
    text_adds(&suite->trouble, why);
    if (!suite->results) {
        make_results(suite);
        for (size_t i = 0; i < suite->cases.n; i++)
            suite->results[i] = (struct suite_result){.script = suite->cases.at[i]};
    }
    for (size_t i = 0; i < suite->cases.n; i++) {
        struct suite_result *r = &suite->results[i];
        if (r->run.duration_ns > 0 || r->skip.len > 0)
            continue;
        text_addf(&r->skip, "not played: %s", why);
        r->unplayed = true;
        r->judgement.verdict = SUITE_SKIP;
        *(is_dead ? &suite->n_dead : &suite->n_cut) += 1;
    }
}

bool suite_run(struct suite *suite)
{
    uint64_t began = now_ns();

    make_results(suite);
    bool ok = find_needs(suite);
    choose(suite);
    ok = ok && play(suite, FIRST);
    /* What is unexpected is played once more, alone: a verdict that changes is never hidden. */
    if (!is_dead(suite))
        ok = ok && play(suite, ALONE);
    suite->rounds = 1;
    if (!is_dead(suite))
        ok = ok && repeat(suite);
    bool must_end = suite_must_end(&suite->settings);
    if (suite->demands.fail_fast || suite->settings.budget_end_ns || must_end || is_dead(suite))
        skip_unplayed(suite, must_end);
    suite->duration_ns = now_ns() - began;
    return ok;
}

void suite_fini(struct suite *suite)
{
    for (size_t i = 0; suite->results && i < suite->cases.n; i++) {
        suite_run_fini(&suite->results[i].run);
        text_fini(&suite->results[i].skip);
        text_fini(&suite->results[i].others);
    }
    for (size_t i = 0; i < suite->n_findings; i++) {
        text_fini(&suite->findings[i].got);
        free(suite->findings[i].sequence);
    }
    free(suite->findings);
    free(suite->results);
    suite_expectations_fini(&suite->expectations);
    text_fini(&suite->profile);
    text_fini(&suite->trouble);
    script_list_fini(&suite->cases);
    script_list_fini(&suite->elsewhere);
}
