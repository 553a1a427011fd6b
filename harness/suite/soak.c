/* soak.c - what grows in a server over many sessions. */
#include "harness/suite/soak.h"
#include "harness/session/clock.h"

#include "harness/subject/watch.h"
#include "harness/suite/order.h"
#include "harness/suite/serve.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_NS     60000000000u
#define SLOWER_THAN 1.5 /* service time that has grown by less than half is no finding */

static const char correct_text[] = "case soak/correct\nclause FLOW-1\nplays client\n\nfinish\n";

const char *soak_word(enum soak_quantity q)
{
    static const char *const words[] = {
#define X(name, word, unit, least) word,
        SOAK_QUANTITIES(X)
#undef X
    };
    return words[q];
}

const char *soak_unit(enum soak_quantity q)
{
    static const char *const units[] = {
#define X(name, word, unit, least) unit,
        SOAK_QUANTITIES(X)
#undef X
    };
    return units[q];
}

/* --- what is played -------------------------------------------------------------------------- */

/* A case for the one process: a server's, with its plain command line, that leaves it running. */
static bool is_fit(struct suite *suite, const struct script *s)
{
    struct text why = {0}, options = {0};
    bool fits = !s->plays_server && !s->subject[0] && !s->address && !suite_is_slow(s) &&
                !script_words_have(&s->needs, script_need_word(SCRIPT_NEED_SIGNAL)) &&
                !script_words_have(&s->needs, script_need_word(SCRIPT_NEED_AUTH)) &&
                !suite_expectations_find(&suite->expectations, s->id) &&
                !suite_expectations_find_carried(&suite->expectations, s->id) &&
                suite_can_run(s, &suite->settings, &why, &options) && options.len == 0;

    text_fini(&why);
    text_fini(&options);
    return fits;
}

static size_t choose(struct suite *suite, size_t *index)
{
    size_t n = 0;

    for (size_t i = 0; i < suite->cases.n; i++)
        if (is_fit(suite, suite->cases.at[i]))
            index[n++] = i;
    order_shuffle(index, n, suite->seed);
    return n;
}

/* --- what is measured ------------------------------------------------------------------------ */

/* Two become one, the smaller: what is there at times only is not kept. */
static void halve(struct soak *k)
{
    for (int q = 0; q < SOAK_N_QUANTITIES; q++) {
        struct soak_series *s = &k->series[q];
        for (size_t i = 0; i < s->n / 2; i++)
            s->at[i] = MIN(s->at[2 * i], s->at[2 * i + 1]);
        s->n /= 2;
    }
    k->stride *= 2;
}

static void add(struct soak *k, const double values[SOAK_N_QUANTITIES])
{
    bool is_new = k->correct % k->stride == 0;

    for (int q = 0; q < SOAK_N_QUANTITIES; q++) {
        struct soak_series *s = &k->series[q];
        if (s->n == 0)
            s->first = values[q];
        s->last = values[q];
        if (is_new || s->n == 0)
            s->at[s->n++] = values[q];
        else
            s->at[s->n - 1] = MIN(s->at[s->n - 1], values[q]);
    }
    if (k->series[0].n == SOAK_SAMPLES)
        halve(k);
}

static void measure(struct soak *k, const struct serve *serve, uint64_t took_ns)
{
    struct subject_sample sample;

    if (!subject_sample(&serve->subject, &sample))
        return;
    const double values[] = {
        [SOAK_MEMORY] = (double)sample.memory,  [SOAK_DESCRIPTORS] = sample.descriptors,
        [SOAK_THREADS] = sample.threads,        [SOAK_PROCESSES] = sample.processes,
        [SOAK_SERVICE] = (double)took_ns / 1e6,
    };
    add(k, values);
    k->correct++;
}

/* Another process: it begins where the first one began. */
static void begin_anew(struct soak *k)
{
    for (int q = 0; q < SOAK_N_QUANTITIES; q++)
        k->series[q].n = 0;
    k->stride = 1;
}

static void conclude(struct soak *k)
{
    static const double least[] = {
#define X(name, word, unit, min) min,
        SOAK_QUANTITIES(X)
#undef X
    };

    k->is_known = k->series[0].n >= LEAK_MIN_N;
    for (int q = 0; k->is_known && q < SOAK_N_QUANTITIES; q++) {
        const struct soak_series *s = &k->series[q];
        leak_fit_steady(s->at, s->n, &k->slopes[q]);
        k->slopes[q].per_session /= k->stride;
        k->slopes[q].low /= k->stride;
        k->slopes[q].high /= k->stride;
        k->grows[q] = leak_is_growing(&k->slopes[q], least[q]);
        k->may_grow[q] = !k->grows[q] && q != SOAK_SERVICE && k->slopes[q].per_session > 0 &&
                         k->slopes[q].high >= least[q];
    }
    /* Times are what the machine makes of them: only much more is more. */
    struct leak_slope *service = &k->slopes[SOAK_SERVICE];
    double grown = service->per_session * (double)k->series[SOAK_SERVICE].n * k->stride;
    k->grows[SOAK_SERVICE] &= grown > (SLOWER_THAN - 1) * k->series[SOAK_SERVICE].at[0];
}

/* --- the whole ------------------------------------------------------------------------------- */

/* One session; false once the process that played it is gone. */
static bool play(struct serve *serve, const struct script *script, struct soak *k,
                 uint64_t *took_ns)
{
    struct suite_run run;
    unsigned number = serve->number;

    suite_run_case_on(serve, true, script, &run);
    if (suite_must_end(serve->settings)) { /* a signal may have met the server as well */
        suite_run_fini(&run);
        return true;
    }
    bool same = serve->subject.running && (number == 0 || serve->number == number);
    k->sessions++;
    k->trouble += run.cause == SIM_TROUBLE;
    *took_ns = run.session_ns;
    if (!same && k->restarts++ == 0)
        snprintf(k->culprit, sizeof k->culprit, "%s: %s", script->id,
                 run.got.len ? text_string(&run.got) : "serves no longer");
    suite_run_fini(&run);
    return same;
}

static void loop(struct suite *suite, struct serve *serve, const struct script *correct,
                 const size_t *index, size_t n, struct soak *k, struct soak_limits limits,
                 void (*told)(void *context, const struct soak *soak), void *context)
{
    uint64_t began = now_ns(), next = began + TOLD_NS, took_ns = 0;

    uint64_t end = began + (uint64_t)(limits.seconds * 1e9);

    for (size_t i = 0; now_ns() < end && (!limits.correct || k->correct < limits.correct);
         i = (i + 1) % n) {
        bool same = play(serve, suite->cases.at[index[i]], k, &took_ns) &&
                    play(serve, correct, k, &took_ns);
        if (suite_must_end(&suite->settings))
            break;
        if (same)
            measure(k, serve, took_ns);
        else
            begin_anew(k);
        k->seconds = (now_ns() - began) / 1000000000u;
        if (now_ns() >= next && told) {
            told(context, k);
            next += TOLD_NS;
        }
    }
}

bool soak_run(struct suite *suite, struct soak_limits limits, struct soak *k,
              void (*told)(void *context, const struct soak *soak), void *context, struct text *why)
{
    size_t *index = text_realloc(NULL, (suite->cases.n + 1) * sizeof *index);
    struct script_list correct = {0};
    struct script_error error;
    struct serve serve;

    *k = (struct soak){.stride = 1};
    bool ok = suite_find_needs(&suite->settings, &suite->cases, 0);
    size_t n = ok ? choose(suite, index) : 0;
    if (n == 0)
        text_adds(why, "no case of the choice can be played by one process of this build");
    if (n > 0 && script_read(&correct, "soak", correct_text, &error)) {
        subject_adopt_orphans();
        bool own = !suite->settings.share_network && !suite->settings.remote &&
                   !suite_is_far(&suite->settings.far) && subject_enter_own_network();
        serve_init(&serve, &suite->settings, own);
        serve.is_measured = true;
        loop(suite, &serve, correct.at[0], index, n, k, limits, told, context);
        serve_fini(&serve);
        conclude(k);
    }
    script_list_fini(&correct);
    free(index);
    return n > 0;
}

int soak_exit_status(const struct soak *k, struct text *why)
{
    int status = 0;

    if (k->restarts) {
        text_addf(why, "the process had to be replaced %u times, first after %s", k->restarts,
                  k->culprit);
        status = 1;
    }
    for (int q = 0; q < SOAK_N_QUANTITIES; q++)
        if (k->grows[q]) {
            text_addf(why, "%s%s: %.4g %s more each session", why->len ? "; " : "",
                      soak_word((enum soak_quantity)q), k->slopes[q].per_session,
                      soak_unit((enum soak_quantity)q));
            status = 1;
        }
    if (status == 0 && !k->is_known) {
        text_addf(why, "%u correct session%s: too few to tell", k->correct,
                  k->correct == 1 ? "" : "s");
        status = 3;
    }
    return status;
}
