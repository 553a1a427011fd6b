/* finding.c - what a result means, for every format alike. */
#include "harness/report/model.h"

#include "harness/suite/gate.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits: findings are told from one another, nobody is kept from forging one. */
static uint64_t hash(uint64_t h, const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        h = (h ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3); /* no byte of UTF-8: an end */
}

bool report_is_of_process(const char *cause)
{
    static const char *const causes[] = {"crash", "sanitizer", "leak", "spin", "no-service"};

    for (size_t i = 0; i < ARRAY_LEN(causes); i++)
        if (strcmp(cause, causes[i]) == 0)
            return true;
    return false;
}

void report_identify(const char *id, const char *step, const char *cause,
                     char out[REPORT_IDENTITY + 1])
{
    uint64_t h =
        hash(hash(hash(UINT64_C(0xcbf29ce484222325), id), report_is_of_process(cause) ? "" : step),
             cause);

    snprintf(out, REPORT_IDENTITY + 1, "%016llx", (unsigned long long)h);
}

size_t report_area(const char *id)
{
    size_t first = strcspn(id, "/"), second = id[first] ? strcspn(id + first + 1, "/") : 0;

    return id[first] && id[first + 1 + second] ? first + 1 + second : first;
}

bool report_is_unexpected(const struct report_result *r)
{
    return r->standing >= SUITE_UNEXPECTED;
}

bool report_is_known(const struct report_result *r)
{
    return r->standing == SUITE_KNOWN;
}

const char *report_word(const struct report_result *r)
{
    static const char *const unexpected[] = {
        [SUITE_PASS] = "pass", [SUITE_WARN] = "WARN", [SUITE_DRIFT] = "DRIFT",
        [SUITE_FAIL] = "FAIL", [SUITE_SKIP] = "SKIP", [SUITE_ERROR] = "ERROR"};

    if (r->is_carried)
        return report_is_unexpected(r) ? "CARRIED" : "known";
    switch (r->standing) {
    case SUITE_FLAKY:
        return "FLAKY";
    case SUITE_XPASS:
        return "XPASS";
    case SUITE_UNEXPECTED:
        return unexpected[r->verdict];
    case SUITE_KNOWN:
        return "known";
    default:
        return suite_verdict_word(r->verdict);
    }
}

void report_reason(const struct report_result *r, struct text *out)
{
    if (r->standing == SUITE_XPASS)
        text_addf(out, "passes, though it is expected not to: %s", r->known);
    else if (r->skip[0])
        text_adds(out, r->skip);
    else {
        if (r->step[0])
            text_addf(out, "%s: ", r->step);
        text_addf(out, "got %s", r->got[0] ? r->got : "nothing");
        if (strcmp(r->cause, "ok") != 0)
            text_addf(out, " (%s)", r->cause);
    }
    if (r->standing == SUITE_FLAKY)
        text_addf(out, "; played again alone: %s", r->again);
    if (r->standing == SUITE_KNOWN)
        text_addf(out, "; known: %s", r->known);
    if (*r->change)
        text_addf(out, "; beside the base: %s, %s", r->change, r->beside);
}

/* --- worst first ------------------------------------------------------------------------------ */

/* What people look at first: a fault of the process, then of the protocol, then doubts. */
static int rank(const struct report_result *r)
{
    static const char *const order[] = {"sanitizer", "crash",   "hang",   "no-service", "spin",
                                        "leak",      "carried", "exit",   "miss",       "timeout",
                                        "drift",     "ok",      "trouble"};
    int by_standing = r->standing == SUITE_UNEXPECTED ? 0 : r->standing == SUITE_FLAKY ? 100 : 200;
    int i = 0;

    while (i < (int)ARRAY_LEN(order) && strcmp(order[i], r->cause) != 0)
        i++;
    return by_standing + (r->verdict == SUITE_WARN ? 50 : 0) + i;
}

static int by_rank(const void *a, const void *b)
{
    const struct report_result *const *x = a, *const *y = b;
    int d = rank(*x) - rank(*y);

    return d ? d : strcmp((*x)->id, (*y)->id);
}

const struct report_result **report_worst(const struct report *report, size_t *n)
{
    const struct report_result **list = text_realloc(NULL, (report->n + 1) * sizeof *list);

    *n = 0;
    for (size_t i = 0; i < report->n; i++)
        if (report_is_unexpected(&report->results[i]))
            list[(*n)++] = &report->results[i];
    qsort(list, *n, sizeof(struct report_result *), by_rank);
    return list;
}

/* --- by id ------------------------------------------------------------------------------------ */

struct report_index {
    size_t n;
    const struct report_result *at[];
};

static int by_id(const void *a, const void *b)
{
    const struct report_result *const *x = a, *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

struct report_index *report_index_new(const struct report *report)
{
    struct report_index *index =
        text_realloc(NULL, sizeof *index + report->n * sizeof(struct report_result *));

    index->n = report->n;
    for (size_t i = 0; i < report->n; i++)
        index->at[i] = &report->results[i];
    qsort(index->at, index->n, sizeof(struct report_result *), by_id);
    return index;
}

const struct report_result *report_find(const struct report_index *index, const char *id)
{
    const struct report_result key = {.id = id}, *wanted = &key;
    const struct report_result *const *found =
        bsearch(&wanted, index->at, index->n, sizeof(struct report_result *), by_id);

    return found ? *found : NULL;
}

void report_index_free(struct report_index *index)
{
    free(index);
}

const char *report_run_trouble(const struct report *report)
{
    unsigned unexpected = 0;

    for (int s = SUITE_UNEXPECTED; s < SUITE_N_STANDINGS; s++)
        unexpected += report->standings[s];
    return report->exit != 0 && unexpected == 0 ? report->exit_reason : "";
}

/* --- from run to run -------------------------------------------------------------------------- */

/* 2: counts against the build; 1: a deviation that is known; 0: neither. */
static int badness(const struct report_result *r)
{
    return report_is_unexpected(r) && r->standing != SUITE_XPASS ? 2 : report_is_known(r);
}

const char *report_change(const struct report_result *before, const struct report_result *now)
{
    if (!before || !now)
        return now ? "new" : before ? "gone" : "";
    if (badness(before) != badness(now))
        return badness(before) < badness(now) ? "worse" : "better";
    return before->verdict != now->verdict || strcmp(before->cause, now->cause) != 0 ? "other" : "";
}

const char *report_change_beside(const struct report_result *now)
{
    static const struct {
        enum gate_change change;
        const char *word;
    } words[] = {
        {GATE_WORSE,    "worse" },
        {GATE_LOST,     "worse" },
        {GATE_BETTER,   "better"},
        {GATE_FLICKERS, "other" },
        {GATE_DRIFTS,   "other" },
        {GATE_UNKNOWN,  "other" }
    };

    for (size_t i = 0; now && i < ARRAY_LEN(words); i++)
        if (strcmp(gate_change_word(words[i].change), now->change) == 0)
            return words[i].word;
    return "";
}

const struct report *report_base(const struct reports *base, const struct report *report)
{
    for (size_t i = 0; base && i < base->n; i++)
        if (strcmp(base->at[i].label, report->label) == 0)
            return &base->at[i];
    return base && base->n == 1 ? &base->at[0] : NULL;
}
