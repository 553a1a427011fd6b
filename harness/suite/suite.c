#include "harness/suite/suite.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct round {
    struct suite *suite;
    struct script_list list; /* what this round plays */
    size_t *index;           /* of each in the suite */
    bool again;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool is_good(const struct suite *suite, enum suite_verdict v)
{
    return v == SUITE_PASS || v == SUITE_SKIP || v == SUITE_WARN ||
           (v == SUITE_DRIFT && !suite->demands.strict_asbuilt);
}

static bool fits(const struct suite_expectation *e, const struct suite_judgement *j)
{
    if (e->at_times && j->verdict == SUITE_PASS)
        return true;
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
    return v == SUITE_PASS ? SUITE_XPASS : SUITE_UNEXPECTED;
}

static void take(const struct suite *suite, struct suite_result *r, struct suite_run *run)
{
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
    suite_run_fini(run);
    if (j.verdict == r->judgement.verdict && j.cause == r->judgement.cause)
        return false;
    r->again = j;
    r->standing = SUITE_FLAKY;
    return true;
}

static bool done(void *context, size_t index, struct suite_run *run)
{
    struct round *round = context;
    struct suite *suite = round->suite;
    struct suite_result *r = &suite->results[round->index[index]];
    bool is_news = true;

    if (round->again)
        is_news = take_again(suite, r, run);
    else
        take(suite, r, run);
    if (is_news && suite->progress)
        suite->progress(suite->context, r);
    return !suite->demands.fail_fast || r->standing < SUITE_UNEXPECTED;
}

static void add(struct round *round, size_t i)
{
    round->list.at[round->list.n] = round->suite->cases.at[i];
    round->index[round->list.n++] = i;
}

bool suite_is_slow(const struct script *script)
{
    for (size_t i = 0; i < script->tags.n; i++)
        if (strcmp(script->tags.at[i], "slow") == 0)
            return true;
    return false;
}

static bool is_due(const struct suite_result *r, bool again)
{
    return again ? r->standing == SUITE_UNEXPECTED || r->standing == SUITE_XPASS : r->skip.len == 0;
}

/* What --fail-fast left out. */
static void skip_unplayed(struct suite *suite)
{
    for (size_t i = 0; i < suite->cases.n; i++) {
        struct suite_result *r = &suite->results[i];
        if (r->skip.len == 0 && r->run.duration_ns == 0) {
            text_adds(&r->skip, "not played: --fail-fast");
            r->judgement.verdict = SUITE_SKIP;
            suite->is_whole = false;
        }
    }
}

static bool play(struct suite *suite, bool again)
{
    struct round round = {.suite = suite, .again = again};
    struct suite_settings settings = suite->settings;
    size_t n = suite->cases.n + 1;

    round.list.at = text_realloc(NULL, n * sizeof *round.list.at);
    round.index = text_realloc(NULL, n * sizeof *round.index);
    /* Those that wait for long begin first, and the rest goes on beside them; but the first failure
     * is sooner found among the others. */
    for (int half = 0; half < 2; half++)
        for (size_t i = 0; i < suite->cases.n; i++)
            if ((suite_is_slow(suite->cases.at[i]) == suite->demands.fail_fast) == half &&
                is_due(&suite->results[i], again))
                add(&round, i);
    if (again)
        settings.jobs = 1;
    bool ok = round.list.n == 0 || suite_run_all(&round.list, &settings, done, &round);
    free(round.list.at);
    free(round.index);
    return ok;
}

static void choose(struct suite *suite)
{
    for (size_t i = 0; i < suite->cases.n; i++) {
        struct suite_result *r = &suite->results[i];
        struct text options = {0};
        r->script = suite->cases.at[i];
        suite_expectations_mark(&suite->expectations, r->script->id);
        r->expectation = suite_expectations_find(&suite->expectations, r->script->id);
        if (!suite_can_run(r->script, &suite->settings, &r->skip, &options)) {
            r->judgement.verdict = SUITE_SKIP;
            if (suite->progress)
                suite->progress(suite->context, r);
        }
        text_fini(&options);
    }
}

bool suite_run(struct suite *suite)
{
    uint64_t began = now_ns();

    suite->results = text_realloc(NULL, (suite->cases.n + 1) * sizeof *suite->results);
    memset(suite->results, 0, (suite->cases.n + 1) * sizeof *suite->results);
    bool ok = suite_find_needs(&suite->settings, &suite->cases, suite->demands.required);
    choose(suite);
    /* What is unexpected is played once more, alone: a verdict that changes is never hidden. */
    ok = ok && play(suite, false) && play(suite, true);
    if (suite->demands.fail_fast)
        skip_unplayed(suite);
    suite->duration_ns = now_ns() - began;
    return ok;
}

void suite_fini(struct suite *suite)
{
    for (size_t i = 0; suite->results && i < suite->cases.n; i++) {
        suite_run_fini(&suite->results[i].run);
        text_fini(&suite->results[i].skip);
    }
    for (size_t i = 0; i < suite->n_findings; i++) {
        text_fini(&suite->findings[i].got);
        free(suite->findings[i].sequence);
    }
    free(suite->findings);
    free(suite->results);
    suite_expectations_fini(&suite->expectations);
    text_fini(&suite->profile);
    script_list_fini(&suite->cases);
}
