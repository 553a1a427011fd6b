/* merge.c - reports of shards and of several builds, joined. */
#include "harness/report/merge.h"

#include "harness/report/copy.h"
#include "harness/report/counts.h"
#include "harness/report/model.h"
#include "harness/report/report.h"
#include "harness/report/shards.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

/* The reports of one subject, and of one base if it was played beside one. */
struct run {
    char *subject; /* both as text: what they have in common */
    const struct kept_run **parts;
    size_t n;
};

struct runs {
    struct run *at;
    size_t n;
};

/* A program is the same one wherever each machine has it: by its SHA-256, where that is known. */
static void add_subject(const json_value *subject, struct text *out)
{
    const json_value *sha256 = json_member(subject, "sha256"), *at = NULL;
    bool is_known = json_type_of(sha256) == JSON_STRING && *json_text(sha256);

    while ((at = json_next(subject, at))) {
        if (is_known && strcmp(json_key(at), "path") == 0)
            continue;
        char *text = json_print(at);
        text_addf(out, "%s %s\n", json_key(at), text ? text : "");
        free(text);
    }
}

/* The caller's to free. */
static char *print_subject(const json_value *report)
{
    struct text out = {0};

    add_subject(json_member(report, "subject"), &out);
    text_adds(&out, "beside\n");
    add_subject(json_member(json_member(report, "gate"), "base"), &out);
    char *copy = text_dup(text_string(&out));
    text_fini(&out);
    return copy;
}

static struct run *find_run(struct runs *runs, const struct kept_run *part)
{
    char *subject = print_subject(part->head);

    for (size_t i = 0; i < runs->n; i++)
        if (strcmp(runs->at[i].subject, subject) == 0) {
            free(subject);
            return &runs->at[i];
        }
    runs->at = text_realloc(runs->at, (runs->n + 1) * sizeof *runs->at);
    runs->at[runs->n] = (struct run){.subject = subject};
    return &runs->at[runs->n++];
}

static void add_report(struct runs *runs, const struct kept *report)
{
    for (size_t i = 0; i < report->n; i++) {
        struct run *run = find_run(runs, &report->runs[i]);
        run->parts = text_realloc(run->parts, (run->n + 1) * sizeof *run->parts);
        run->parts[run->n++] = &report->runs[i];
    }
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

/* A member of the i-th of them. */
static const json_value *member(const struct run *run, size_t i, const char *key)
{
    return json_member(run->parts[i]->head, key);
}

/* A need that one of them found is there. */
static void put_needs(struct jwrite *w, const struct run *run)
{
    const json_value *needs = member(run, 0, "needs"), *need = NULL;

    jwrite_object(w, "needs");
    while ((need = json_next(needs, need))) {
        const json_value *best = need;
        for (size_t i = 1; i < run->n && !is_there(best); i++) {
            const json_value *other = json_member(member(run, i, "needs"), json_key(need));
            best = is_there(other) ? other : best;
        }
        copy_value(w, json_key(need), best);
    }
    jwrite_end(w);
}

static bool put_results(struct jwrite *w, const struct run *run, struct text *why)
{
    struct copy_list list = {0};

    for (size_t i = 0; i < run->n; i++)
        copy_list_add_results(&list, run->parts[i]);
    copy_list_sort(&list);
    const char *twice = copy_list_twice(&list);
    if (twice)
        text_addf(why, "'%s' is in two reports of the same build", twice);
    list.n = twice ? 0 : list.n;
    copy_list_put(&list, w, "results", copy_value);
    return !twice;
}

/* " of iperf 3.12", behind what is wrong with its reports. */
static void name_subject(const struct run *run, struct text *why)
{
    text_adds(why, " of ");
    reports_label(member(run, 0, "subject"), why);
}

static double seconds_of(const json_value *v)
{
    return v ? json_double(v) : 0;
}

/* The number of that name in persistent mode, of all shards; -1 if none has it. */
static int64_t persistent_sum(const struct run *run, const char *name)
{
    int64_t sum = -1;

    for (size_t i = 0; i < run->n; i++) {
        const json_value *n = json_member(member(run, i, "persistent"), name);
        if (n)
            sum = MAX(sum, 0) + MIN(MAX(json_int(n), 0), INT32_MAX);
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
        const json_value *all = json_member(member(run, i, "persistent"), "findings");
        for (const json_value *f = NULL; (f = json_next(all, f));)
            copy_value(w, NULL, f);
    }
    jwrite_end(w);
    jwrite_end(w);
}

/* What is not the same with the base, of all shards. */
static void put_gate(struct jwrite *w, const struct run *run)
{
    const json_value *gate = member(run, 0, "gate");
    struct copy_list list = {0};

    if (!gate)
        return;
    for (size_t i = 0; i < run->n; i++)
        copy_list_add(&list, json_member(member(run, i, "gate"), "cases"));
    copy_list_sort(&list);
    jwrite_object(w, "gate");
    copy_value(w, "base", json_member(gate, "base"));
    copy_list_put(&list, w, "cases", copy_value);
    jwrite_end(w);
}

/* Which of the shards are there: all of them, unless a part is enough. */
static bool put_shards(struct jwrite *w, const struct run *run, bool is_partial, int *status,
                       struct text *why)
{
    struct shards shards = {0};
    bool ok = true;

    for (size_t i = 0; i < run->n && ok; i++)
        ok = shards_add(&shards, run->parts[i]->head, why);
    *status = ok ? *status : 2;
    if (ok && !is_partial && !shards_are_whole(&shards, why)) {
        *status = 3;
        ok = false;
    }
    if (ok)
        shards_put(w, &shards);
    else
        name_subject(run, why);
    return ok;
}

static bool put_run(struct jwrite *w, const struct run *run, bool is_partial, int *status,
                    struct text *why)
{
    struct suite_totals totals = {0};
    struct text reason = {0};
    double seconds = 0;

    for (size_t i = 0; i < run->n; i++) {
        counts_add(&totals, run->parts[i]->head);
        seconds += seconds_of(member(run, i, "seconds"));
    }
    int exit = suite_totals_status(&totals, &reason);
    *status = MAX(*status, exit);
    jwrite_object(w, NULL);
    jwrite_int(w, "schema", REPORT_SCHEMA);
    copy_value(w, "subject", member(run, 0, "subject"));
    if (member(run, 0, "options"))
        copy_value(w, "options", member(run, 0, "options"));
    jwrite_int(w, "exit", exit);
    jwrite_string(w, "exit_reason", text_string(&reason));
    put_needs(w, run);
    counts_put(w, &totals);
    jwrite_double(w, "seconds", seconds);
    bool ok = put_results(w, run, why);
    if (!ok)
        *status = 2;
    ok = ok && put_shards(w, run, is_partial, status, why);
    put_gate(w, run);
    put_persistent(w, run);
    jwrite_end(w);
    text_fini(&reason);
    return ok;
}

bool merge_put(struct jwrite *w, const struct kept *reports, size_t n, bool is_partial, int *status,
               struct text *why)
{
    struct runs runs = {0};
    bool ok = true;

    *status = 0;
    for (size_t i = 0; i < n; i++)
        add_report(&runs, &reports[i]);
    if (runs.n != 1) {
        jwrite_object(w, NULL);
        jwrite_int(w, "schema", REPORT_SCHEMA);
        jwrite_array(w, "runs");
    }
    for (size_t i = 0; i < runs.n && ok; i++)
        ok = put_run(w, &runs.at[i], is_partial, status, why);
    if (ok && runs.n != 1) {
        jwrite_end(w);
        jwrite_end(w);
    }
    free_runs(&runs);
    return ok;
}
