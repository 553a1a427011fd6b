/* markdown.c - a summary that people read below a pull request, and GitHub's step summary. */
#include "harness/report/escape.h"
#include "harness/report/formats.h"

#include <errno.h>
#include <stdlib.h>

/* Of a step summary above 1 MiB GitHub shows nothing. */
#define SIZE_MAX_MD (1000u << 10)
#define ROW_ROOM    (24u << 10) /* what one finding takes at most */
#define CHANGES_MAX 200

static void add_cell(struct text *out, const char *words, size_t max)
{
    text_adds(out, " ");
    escape_markdown(out, words, max);
    text_adds(out, " |");
}

static void add_totals(struct text *out, const struct reports *reports)
{
    text_adds(out, "| build | |");
    for (int v = 0; v < SUITE_N_VERDICTS; v++)
        text_addf(out, " %s |", suite_verdict_word((enum suite_verdict)v));
    text_adds(out, " known | unexpected |\n| --- | --- |");
    for (int i = 0; i < SUITE_N_VERDICTS + 2; i++)
        text_adds(out, " ---: |");
    text_adds(out, "\n");
    for (size_t i = 0; i < reports->n; i++) {
        const struct report *r = &reports->at[i];
        unsigned unexpected = 0;
        for (int s = SUITE_UNEXPECTED; s < SUITE_N_STANDINGS; s++)
            unexpected += r->standings[s];
        text_adds(out, "|");
        add_cell(out, r->label, 80);
        text_adds(out, r->exit == 0   ? " as expected |"
                       : r->exit == 1 ? " **unexpected** |"
                                      : " **trouble** |");
        for (int v = 0; v < SUITE_N_VERDICTS; v++)
            text_addf(out, " %u |", r->verdicts[v]);
        text_addf(out, " %u | %u |\n", r->standings[SUITE_KNOWN], unexpected);
    }
}

/* What --base found, and below it each case that is another: what is worse is told at length too.
 */
static void add_beside(struct text *out, const struct report *report)
{
    size_t left = CHANGES_MAX;

    text_adds(out, "\nBeside ");
    escape_markdown(out, report->base, 80);
    text_addf(out,
              ": **%s**\n\n<details><summary>The cases</summary>\n\n"
              "| | case | there -> here |\n| --- | --- | --- |\n",
              report->beside);
    for (size_t i = 0; i < report->n && left > 0; i++) {
        const struct report_result *r = &report->results[i];
        if (!*r->change)
            continue;
        text_addf(out, "| %s |", r->change);
        add_cell(out, r->id, 300);
        add_cell(out, r->beside, 80);
        text_adds(out, "\n");
        left--;
    }
    text_addf(out, "\n%s</details>\n", left ? "" : "and more\n\n");
}

static void add_code(struct text *out, const char *text, size_t max)
{
    text_adds(out, "<pre>");
    escape_xml(out, text, max);
    text_adds(out, "</pre>\n");
}

static void add_finding(struct text *out, const struct report_result *r)
{
    struct text reason = {0};

    report_reason(r, &reason);
    text_addf(out, "<details><summary><b>%s</b> <code>", report_word(r));
    escape_xml(out, r->id, 300);
    text_adds(out, "</code> ");
    escape_xml(out, text_string(&reason), 300);
    text_adds(out, "</summary>\n\n");
    if (*r->clause) {
        text_adds(out, "Clause ");
        escape_markdown(out, r->clause, 80);
        text_adds(out, ". ");
    }
    if (*r->file) {
        text_adds(out, r->line > 0 ? "Script " : "File ");
        escape_markdown(out, r->file, 300);
        if (r->line > 0)
            text_addf(out, ", line %u", r->line);
        text_adds(out, ". ");
    }
    text_addf(out, "Identity %s.\n\n", r->identity);
    if (*r->timeline)
        add_code(out, r->timeline, 1500);
    if (*r->said)
        add_code(out, r->said, 800);
    text_adds(out, "</details>\n\n");
    text_fini(&reason);
}

static void add_findings(struct text *out, const struct report *report)
{
    size_t n;
    const struct report_result **worst = report_worst(report, &n);

    if (*report->base)
        add_beside(out, report);
    if (n > 0 || *report_run_trouble(report)) {
        text_adds(out, "\n### ");
        escape_markdown(out, report->label, 80);
        text_adds(out, ": ");
        escape_markdown(out, report->exit_reason, 500);
        text_adds(out, "\n\n");
    }
    for (size_t i = 0; i < n; i++) {
        if (out->len > SIZE_MAX_MD - ROW_ROOM) {
            text_addf(out, "and %zu more\n", n - i);
            break;
        }
        add_finding(out, worst[i]);
    }
    free(worst);
}

void report_markdown(const struct reports *reports, struct text *out)
{
    text_adds(out, "## iperf3 conformance\n\n");
    add_totals(out, reports);
    for (size_t i = 0; i < reports->n && out->len < SIZE_MAX_MD - ROW_ROOM; i++)
        add_findings(out, &reports->at[i]);
}

bool report_step_summary(const struct reports *reports)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    struct text text = {0};

    if (!path || !*path)
        return true;
    FILE *f = fopen(path, "ae");
    if (!f)
        return false;
    report_markdown(reports, &text);
    bool ok = fwrite(text_string(&text), 1, text.len, f) == text.len;
    int error = ok ? 0 : errno;
    if (fclose(f) != 0 && ok) {
        error = errno;
        ok = false;
    }
    text_fini(&text);
    errno = error;
    return ok;
}
