/* github.c - annotations: GitHub shows ten of a kind per step, so the worst ten are told, and how
 * many there are. */
#include "harness/report/escape.h"
#include "harness/report/formats.h"

#include <stdlib.h>

#define SHOWN 10

struct annotation {
    const struct report *report;
    const struct report_result *result;
};

static bool is_error(const struct report_result *r)
{
    return r->standing == SUITE_UNEXPECTED && r->verdict != SUITE_WARN && r->verdict != SUITE_DRIFT;
}

static void add_annotation(struct text *out, const char *kind, const struct annotation *a)
{
    const struct report_result *r = a->result;
    struct text title = {0}, reason = {0};

    text_addf(out, "::%s ", kind);
    if (*r->file) {
        text_adds(out, "file=");
        escape_command(out, r->file, true);
        text_addf(out, ",line=%u,", MAX(r->line, 1));
    }
    text_addf(&title, "%s: %s %s", a->report->label, report_word(r), r->id);
    text_adds(out, "title=");
    escape_command(out, text_string(&title), true);
    text_adds(out, "::");
    report_reason(r, &reason);
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

static void add_notice(const struct reports *reports, size_t errors, size_t warnings,
                       struct text *out)
{
    for (size_t i = 0, n = 0; i < reports->n; i++) {
        const struct report *r = &reports->at[i];
        if (!*report_run_trouble(r) || n++ >= SHOWN - 1)
            continue;
        text_adds(out, "::notice title=");
        escape_command(out, r->label, true);
        text_adds(out, "::");
        escape_command(out, r->exit_reason, false);
        text_adds(out, "\n");
    }
    if (errors > SHOWN || warnings > SHOWN)
        text_addf(out,
                  "::notice title=iperfspec::%zu errors and %zu warnings; ten of each are shown\n",
                  errors, warnings);
}

void report_github(const struct reports *reports, struct text *out)
{
    size_t errors = add_kind(reports, true, out), warnings = add_kind(reports, false, out);

    add_notice(reports, errors, warnings, out);
}
