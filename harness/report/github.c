/* github.c - annotations: GitHub shows ten of a kind per step, so the worst ten are told, and how
 * many there are. */
#include "harness/report/escape.h"
#include "harness/report/formats.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 10

struct annotation {
    const struct report *report;
    const struct report_result *result;
};

static bool is_error(const struct report_result *r)
{
    return r->standing == SUITE_UNEXPECTED && r->verdict != SUITE_WARN && r->verdict != SUITE_DRIFT;
}

/* GitHub places what is in the checkout alone; the cases of an installed iperfspec are not. */
static bool has_place(const struct report_result *r)
{
    return *r->file && *r->file != '/' && strncmp(r->file, "../", 3) != 0;
}

static void add_annotation(struct text *out, const char *kind, const struct annotation *a)
{
    const struct report_result *r = a->result;
    struct text title = {0}, reason = {0};

    text_addf(out, "::%s ", kind);
    if (has_place(r)) {
        text_adds(out, "file=");
        escape_command(out, r->file, true);
        text_addf(out, ",line=%u,", MAX(r->line, 1));
    }
    text_addf(&title, "%s: %s %s", a->report->label, report_word(r), r->id);
    text_adds(out, "title=");
    escape_command(out, text_string(&title), true);
    text_adds(out, "::");
    report_reason(r, &reason);
    if (*r->file && !has_place(r))
        text_addf(&reason, ", at %s:%u", r->file, MAX(r->line, 1));
    text_addf(&reason, " [%s]", r->identity);
    escape_command(out, text_string(&reason), false);
    text_adds(out, "\n");
    text_fini(&title);
    text_fini(&reason);
}

/* The n-th worst of each build in turn, until ten are told. */
static size_t add_kind(const struct reports *reports, bool errors, struct text *out)
{
    const struct report_result ***worst = text_realloc(NULL, (reports->n + 1) * sizeof *worst);
    size_t *n = text_realloc(NULL, (reports->n + 1) * sizeof *n), all = 0, most = 0;

    for (size_t i = 0; i < reports->n; i++) {
        worst[i] = report_worst(&reports->at[i], &n[i]);
        most = MAX(most, n[i]);
    }
    for (size_t k = 0; k < most; k++)
        for (size_t i = 0; i < reports->n; i++)
            if (k < n[i] && is_error(worst[i][k]) == errors && all++ < SHOWN)
                add_annotation(out, errors ? "error" : "warning",
                               &(struct annotation){&reports->at[i], worst[i][k]});
    for (size_t i = 0; i < reports->n; i++)
        free(worst[i]);
    free(worst);
    free(n);
    return all;
}

static void add_notice(struct text *out, const char *title, const char *words)
{
    text_adds(out, "::notice title=");
    escape_command(out, title, true);
    text_adds(out, "::");
    escape_command(out, words, false);
    text_adds(out, "\n");
}

/* Of a run as a whole: a trouble, and how it is beside its base. */
static size_t add_run(struct text *out, const struct report *r)
{
    const char *trouble = report_run_trouble(r);
    struct text words = {0};

    if (*trouble)
        add_notice(out, r->label, trouble);
    if (*r->base) {
        text_addf(&words, "beside %s: %s", r->base, r->beside);
        add_notice(out, r->label, text_string(&words));
        text_fini(&words);
    }
    return (size_t)(*trouble != '\0') + (size_t)(*r->base != '\0');
}

static void add_notices(const struct reports *reports, size_t errors, size_t warnings,
                        struct text *out)
{
    struct text words = {0};
    size_t n = 0;

    for (size_t i = 0; i < reports->n && n + 2 < SHOWN; i++)
        n += add_run(out, &reports->at[i]);
    if (errors <= SHOWN && warnings <= SHOWN)
        return;
    text_addf(&words, "%zu errors and %zu warnings; ten of each are shown", errors, warnings);
    add_notice(out, "iperfspec", text_string(&words));
    text_fini(&words);
}

void report_github(const struct reports *reports, struct text *out)
{
    size_t errors = add_kind(reports, true, out), warnings = add_kind(reports, false, out);

    add_notices(reports, errors, warnings, out);
}
