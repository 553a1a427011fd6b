/* merge.c - reports of shards and of several builds, joined. */
#include "harness/report/merge.h"

#include "harness/report/copy.h"
#include "harness/report/counts.h"
#include "harness/report/report.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

/* The reports of one subject, and of one base if it was played beside one. */
struct run {
    char *subject; /* both as text: what they have in common */
    const json_value **parts;
    size_t n;
};

struct runs {
    struct run *at;
    size_t n;
};

/* The caller's to free. */
static char *print_subject(const json_value *report)
{
    const json_value *both[] = {json_member(report, "subject"),
                                json_member(json_member(report, "gate"), "base")};
    struct text out = {0};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        char *text = json_print(both[i]);
        text_addf(&out, "%s\n", text ? text : "");
        free(text);
    }
    char *copy = text_dup(text_string(&out));
    text_fini(&out);
    return copy;
}

static struct run *find_run(struct runs *runs, const json_value *report)
{
    char *subject = print_subject(report);

    for (size_t i = 0; i < runs->n; i++)
        if (strcmp(runs->at[i].subject, subject) == 0) {
            free(subject);
            return &runs->at[i];
        }
    runs->at = text_realloc(runs->at, (runs->n + 1) * sizeof *runs->at);
    runs->at[runs->n] = (struct run){.subject = subject};
    return &runs->at[runs->n++];
}

static bool is_report(const json_value *v)
{
    const json_value *schema = json_member(v, "schema");

    return json_type_of(schema) == JSON_NUMBER && json_int(schema) == 1 &&
           json_type_of(json_member(v, "subject")) == JSON_OBJECT &&
           json_type_of(json_member(v, "results")) == JSON_ARRAY;
}

/* One report, or those in one that was merged. */
static bool add_report(struct runs *runs, const json_value *report, struct text *why)
{
    const json_value *inner = json_member(report, "runs"), *r = NULL;
    bool ok = true;

    if (json_type_of(inner) == JSON_ARRAY) {
        while (ok && (r = json_next(inner, r)))
            ok = !json_member(r, "runs") && add_report(runs, r, why);
        return ok;
    }
    if (!is_report(report)) {
        if (why->len == 0)
            text_adds(why, "no report of `iperfspec test --json`, or of another schema");
        return false;
    }
    struct run *run = find_run(runs, report);
    run->parts = text_realloc(run->parts, (run->n + 1) * sizeof *run->parts);
    run->parts[run->n++] = report;
    return true;
}

static void free_runs(struct runs *runs)
{
    for (size_t i = 0; i < runs->n; i++) {
        free(runs->at[i].subject);
        free(runs->at[i].parts);
    }
    free(runs->at);
}

/* --- the parts of a run ---------------------------------------------------------------------- */

static bool is_there(const json_value *need)
{
    const json_value *there = json_member(need, "there");

    return json_type_of(there) == JSON_BOOL && json_bool(there);
}

/* A need that one of them found is there. */
static void put_needs(struct jwrite *w, const struct run *run)
{
    const json_value *needs = json_member(run->parts[0], "needs"), *need = NULL;

    jwrite_object(w, "needs");
    while ((need = json_next(needs, need))) {
        const json_value *best = need;
        for (size_t i = 1; i < run->n && !is_there(best); i++) {
            const json_value *other =
                json_member(json_member(run->parts[i], "needs"), json_key(need));
            best = is_there(other) ? other : best;
        }
        copy_value(w, json_key(need), best);
    }
    jwrite_end(w);
}

static bool put_results(struct jwrite *w, const struct run *run, struct text *why)
{
    struct copy_list list = {0};
    const char *twice;

    for (size_t i = 0; i < run->n; i++)
        copy_list_add(&list, json_member(run->parts[i], "results"));
    copy_list_sort(&list);
    twice = copy_list_twice(&list);
    if (twice)
        text_addf(why, "'%s' is in two reports of the same build", twice);
    jwrite_array(w, "results");
    for (size_t i = 0; i < list.n; i++)
        copy_value(w, NULL, list.at[i]);
    jwrite_end(w);
    free(list.at);
    return !twice;
}

static double seconds_of(const json_value *report)
{
    const json_value *v = json_member(report, "seconds");

    return json_type_of(v) == JSON_NUMBER ? json_double(v) : 0;
}

/* The number of that name in persistent mode, of all shards; -1 if none has it. */
static int64_t persistent_sum(const struct run *run, const char *name)
{
    int64_t sum = -1;

    for (size_t i = 0; i < run->n; i++) {
        const json_value *n = json_member(json_member(run->parts[i], "persistent"), name);
        if (json_type_of(n) == JSON_NUMBER)
            sum = MAX(sum, 0) + json_int(n);
    }
    return sum;
}

/* Findings of persistent mode; each shard had an order of its own. */
static void put_persistent(struct jwrite *w, const struct run *run)
{
    int64_t cases = persistent_sum(run, "cases");

    if (cases < 0)
        return;
    jwrite_object(w, "persistent");
    jwrite_int(w, "cases", cases);
    jwrite_int(w, "runs", MAX(persistent_sum(run, "runs"), cases));
    jwrite_array(w, "findings");
    for (size_t i = 0; i < run->n; i++) {
        const json_value *all = json_member(json_member(run->parts[i], "persistent"), "findings");
        for (const json_value *f = NULL; (f = json_next(all, f));)
            copy_value(w, NULL, f);
    }
    jwrite_end(w);
    jwrite_end(w);
}

/* What is not the same with the base, of all shards. */
static void put_gate(struct jwrite *w, const struct run *run)
{
    const json_value *gate = json_member(run->parts[0], "gate");
    struct copy_list list = {0};

    if (!gate)
        return;
    for (size_t i = 0; i < run->n; i++)
        copy_list_add(&list, json_member(json_member(run->parts[i], "gate"), "cases"));
    copy_list_sort(&list);
    jwrite_object(w, "gate");
    copy_value(w, "base", json_member(gate, "base"));
    jwrite_array(w, "cases");
    for (size_t i = 0; i < list.n; i++)
        copy_value(w, NULL, list.at[i]);
    jwrite_end(w);
    jwrite_end(w);
    free(list.at);
}

static bool put_run(struct jwrite *w, const struct run *run, int *status, struct text *why)
{
    struct suite_totals totals = {0};
    struct text reason = {0};
    double seconds = 0;

    for (size_t i = 0; i < run->n; i++) {
        counts_add(&totals, run->parts[i]);
        seconds += seconds_of(run->parts[i]);
    }
    int exit = suite_totals_status(&totals, &reason);
    *status = MAX(*status, exit);
    jwrite_object(w, NULL);
    jwrite_int(w, "schema", 1);
    copy_value(w, "subject", json_member(run->parts[0], "subject"));
    jwrite_int(w, "exit", exit);
    jwrite_string(w, "exit_reason", text_string(&reason));
    put_needs(w, run);
    counts_put(w, &totals);
    jwrite_double(w, "seconds", seconds);
    bool ok = put_results(w, run, why);
    put_gate(w, run);
    put_persistent(w, run);
    jwrite_end(w);
    text_fini(&reason);
    return ok;
}

bool merge_put(struct jwrite *w, const json_value *const *reports, size_t n, int *status,
               struct text *why)
{
    struct runs runs = {0};
    bool ok = true;

    *status = 0;
    for (size_t i = 0; i < n && ok; i++)
        ok = add_report(&runs, reports[i], why);
    if (ok && runs.n != 1) {
        jwrite_object(w, NULL);
        jwrite_int(w, "schema", 1);
        jwrite_array(w, "runs");
    }
    for (size_t i = 0; i < runs.n && ok; i++)
        ok = put_run(w, &runs.at[i], status, why);
    if (ok && runs.n != 1) {
        jwrite_end(w);
        jwrite_end(w);
    }
    free_runs(&runs);
    return ok;
}
