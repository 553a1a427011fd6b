/* diff.c - what changed from one run to another, case by case. */
#include "harness/report/diff.h"

#include "harness/report/escape.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

static const char *const order[] = {"worse", "better", "other", "new", "gone"};

static int place_of(const char *what)
{
    int i = 0;

    while (i < (int)ARRAY_LEN(order) && strcmp(order[i], what) != 0)
        i++;
    return i;
}

static const char *id_of(const struct diff_change *c)
{
    return c->now ? c->now->id : c->old->id;
}

static int by_change(const void *a, const void *b)
{
    const struct diff_change *x = a, *y = b;
    int d = place_of(x->what) - place_of(y->what);

    return d ? d : strverscmp(id_of(x), id_of(y));
}

static void add(struct diff *d, const struct report_result *old, const struct report_result *now)
{
    const char *what = report_change(old, now);

    d->n_both += old && now;
    if (*what)
        d->changes[d->n++] = (struct diff_change){old, now, what};
    d->n_worse += strcmp(what, "worse") == 0;
}

static void compare(struct diff *d, const struct report *old, const struct report *now)
{
    struct report_index *before = report_index_new(old), *after = report_index_new(now);

    *d = (struct diff){.old = old, .now = now};
    d->changes = text_realloc(NULL, (old->n + now->n + 1) * sizeof *d->changes);
    for (size_t i = 0; i < now->n; i++)
        add(d, report_find(before, now->results[i].id), &now->results[i]);
    for (size_t i = 0; i < old->n; i++)
        if (!report_find(after, old->results[i].id))
            add(d, &old->results[i], NULL);
    qsort(d->changes, d->n, sizeof *d->changes, by_change);
    report_index_free(before);
    report_index_free(after);
}

bool diffs_make(struct diffs *d, const struct reports *old, const struct reports *now,
                struct text *why)
{
    d->at = text_realloc(NULL, (now->n + 1) * sizeof *d->at);
    for (size_t i = 0; i < now->n; i++) {
        const struct report *base = report_base(old, &now->at[i]);
        if (!base) {
            text_addf(why, "no run of '%s' to compare with", now->at[i].label);
            text_make_plain(why);
            return false;
        }
        compare(&d->at[d->n], base, &now->at[i]);
        d->n_worse += d->at[d->n++].n_worse;
    }
    return true;
}

void diffs_fini(struct diffs *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->at[i].changes);
    free(d->at);
    *d = (struct diffs){0};
}

/* --- for people ------------------------------------------------------------------------------- */

void diff_verdict(const struct report_result *r, struct text *out)
{
    if (!r)
        text_adds(out, "nothing");
    else if (strcmp(r->cause, "ok") == 0)
        text_adds(out, report_word(r));
    else {
        text_addf(out, "%s (", report_word(r));
        escape_line(out, r->cause, 40);
        text_adds(out, ")");
    }
}

static void add_change(struct text *out, const struct diff_change *c)
{
    struct text reason = {0};

    text_addf(out, "%-7s ", c->what);
    escape_line(out, id_of(c), ESCAPE_ALL);
    text_adds(out, "  ");
    diff_verdict(c->old, out);
    text_adds(out, " -> ");
    diff_verdict(c->now, out);
    text_adds(out, "\n");
    if (c->now && strcmp(c->now->cause, "ok") != 0) {
        report_reason(c->now, &reason);
        text_adds(out, "        ");
        escape_line(out, text_string(&reason), 400);
        text_adds(out, "\n");
    }
    text_fini(&reason);
}

static void add_counts(struct text *out, const struct diff *d)
{
    escape_line(out, d->old->label, 80);
    text_adds(out, " -> ");
    escape_line(out, d->now->label, 80);
    text_addf(out, ": %zu case%s in both", d->n_both, text_plural(d->n_both));
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        size_t n = 0;
        for (size_t k = 0; k < d->n; k++)
            n += strcmp(d->changes[k].what, order[i]) == 0;
        text_addf(out, ", %zu %s", n, order[i]);
    }
    text_adds(out, "\n");
}

void diffs_text(const struct diffs *diffs, struct text *out)
{
    for (size_t i = 0; i < diffs->n; i++) {
        for (size_t k = 0; k < diffs->at[i].n; k++)
            add_change(out, &diffs->at[i].changes[k]);
        add_counts(out, &diffs->at[i]);
    }
}

/* --- for programs ----------------------------------------------------------------------------- */

static void put_result(struct jwrite *w, const char *key, const struct report_result *r)
{
    if (!r)
        return;
    jwrite_object(w, key);
    jwrite_string(w, "verdict", suite_verdict_word(r->verdict));
    jwrite_string(w, "cause", r->cause);
    jwrite_string(w, "standing", suite_standing_word(r->standing));
    if (*r->identity)
        jwrite_string(w, "identity", r->identity);
    if (*r->got)
        jwrite_string(w, "got", r->got);
    jwrite_end(w);
}

static void put_diff(struct jwrite *w, const struct diff *d)
{
    jwrite_object(w, NULL);
    jwrite_string(w, "old", d->old->label);
    jwrite_string(w, "new", d->now->label);
    jwrite_uint(w, "both", d->n_both);
    jwrite_uint(w, "worse", d->n_worse);
    jwrite_array(w, "changes");
    for (size_t i = 0; i < d->n; i++) {
        jwrite_object(w, NULL);
        jwrite_string(w, "id", id_of(&d->changes[i]));
        jwrite_string(w, "change", d->changes[i].what);
        put_result(w, "old", d->changes[i].old);
        put_result(w, "new", d->changes[i].now);
        jwrite_end(w);
    }
    jwrite_end(w);
    jwrite_end(w);
}

void diffs_json(const struct diffs *diffs, struct text *out)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_PRETTY);
    jwrite_object(&w, NULL);
    jwrite_int(&w, "schema", REPORT_SCHEMA);
    jwrite_array(&w, "diffs");
    for (size_t i = 0; i < diffs->n; i++)
        put_diff(&w, &diffs->at[i]);
    jwrite_end(&w);
    jwrite_end(&w);
    text_add_json(out, &w);
    text_adds(out, "\n");
}
