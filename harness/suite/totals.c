/* totals.c - what came of a run: the counts, and the exit status with its reasons. */
#include "harness/suite/suite.h"

/* More connects than these had to be repeated: the harness, or the machine, is in trouble. */
#define RETRIES_MIN     20
#define RETRIES_PERCENT 2

const char *suite_standing_word(enum suite_standing standing)
{
    static const char *const words[] = {
#define X(name, word) word,
        SUITE_STANDINGS(X)
#undef X
    };
    return words[standing];
}

bool suite_is_stale(const struct suite *suite, const struct suite_expectation *expectation)
{
    return suite->is_whole && expectation->matched == 0 && suite->trouble.len == 0;
}

/* Required, and not there. */
static unsigned count_missing(const struct suite *suite)
{
    unsigned n = 0;

    for (int i = 0; i < SCRIPT_N_NEEDS; i++)
        n += (suite->demands.required >> i & 1) && !suite->settings.needs[i].there;
    return n;
}

void suite_count(const struct suite *suite, struct suite_totals *t)
{
    *t = (struct suite_totals){
        .cases = (unsigned)suite->cases.n,
        .persistent_trouble = suite->persistent_trouble,
        .persistent_cut = suite->persistent_cut,
        .cut = suite->n_cut,
        .dead = suite->n_dead,
        .is_part = suite->elsewhere.n > 0,
        .base_trouble = suite->base_trouble,
        .missing = suite->trouble.len ? 0 : count_missing(suite),
        .accepts_all = suite->demands.accepts_all,
        .failures_first = suite->demands.failures_first,
        .limits_skips = suite->demands.limits_skips && suite->trouble.len == 0,
        .max_skip = suite->demands.max_skip,
    };
    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct suite_result *r = &suite->results[i];
        t->verdicts[r->judgement.verdict]++;
        t->standings[r->standing]++;
        t->repeated += r->repeated;
        t->unkept += r->run.unkept.len > 0;
        t->connects += r->run.connects;
        t->retries += r->run.retries;
        t->shared_network += r->run.duration_ns > 0 && !r->run.own_network;
    }
    for (size_t i = 0; i < suite->n_findings; i++) {
        t->carried += suite->findings[i].shows_again && !suite->findings[i].expectation;
        t->once += !suite->findings[i].shows_again && !suite->findings[i].expectation;
    }
    for (size_t i = 0; i < suite->expectations.n; i++)
        t->stale += suite_is_stale(suite, &suite->expectations.at[i]);
}

static bool too_many_retries(const struct suite_totals *t)
{
    return t->retries >= RETRIES_MIN && t->retries * 100 > t->connects * RETRIES_PERCENT;
}

/* All were skipped, and that is no reason of its own yet. What falls to one shard says nothing. */
static bool told_nothing(const struct suite_totals *t)
{
    return t->cases > 0 && t->verdicts[SUITE_SKIP] == t->cases && !t->is_part &&
           t->standings[SUITE_UNEXPECTED] == 0 && t->missing == 0 && t->cut == 0 && t->dead == 0;
}

int suite_totals_status(const struct suite_totals *t, struct text *why)
{
    unsigned skips = t->verdicts[SUITE_SKIP];
    const struct {
        unsigned n;
        int status;
        const char *what;
    } reasons[] = {
        {t->verdicts[SUITE_ERROR],                           3, "not judged, for harness trouble"                       },
        {t->cut,                                             3, "not judged before the run had to end"                  },
        {t->dead,                                            1, "not played: the build does not start, or serves nobody"},
        {too_many_retries(t) ? t->retries : 0,               3, "connects repeated, above 2 % of all (CONN-5)"          },
        {told_nothing(t) ? t->cases : 0,                     3, "skipped: nothing was judged"                           },
        {t->base_trouble,                                    3, "not judged with the base"                              },
        {t->unkept,                                          3, "not kept as --keep asks"                               },
        {t->standings[SUITE_UNEXPECTED],                     1, "unexpected"                                            },
        {t->standings[SUITE_FLAKY],                          1, "flaky"                                                 },
        {t->standings[SUITE_XPASS],                          1, "passing though an expectation says otherwise"          },
        {t->persistent_trouble,                              3, "not judged on a kept process, for harness trouble"     },
        {t->persistent_cut,                                  3, "not played on a kept process before the run had to end"},
        {t->carried,                                         1, "different after other cases: state carried over"       },
        {t->once,                                            1, "different after other cases, but not a second time"    },
        {t->stale,                                           1, "stale among the expectations"                          },
        {t->missing,                                         1, "required by --require, but not there"                  },
        {t->limits_skips && skips > t->max_skip ? skips : 0, 1,
         "skipped, more than --max-skip allows"                                                                         },
    };
    bool is_bad = false;
    int status = 0;

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].n == 0 || (t->accepts_all && reasons[i].status == 1))
            continue;
        text_addf(why, "%s%u %s", why->len ? "; " : "", reasons[i].n, reasons[i].what);
        is_bad |= reasons[i].status == 1;
        status = MAX(status, reasons[i].status);
    }
    return t->failures_first && is_bad ? 1 : status;
}

int suite_exit_status(const struct suite *suite, struct text *why)
{
    struct suite_totals t;

    suite_count(suite, &t);
    if (suite->trouble.len)
        text_addf(why, "%s", text_string(&suite->trouble));
    int status = suite_totals_status(&t, why);
    return suite->trouble.len && suite->n_dead == 0 ? MAX(status, 3) : status;
}
