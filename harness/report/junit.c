/* junit.c - JUnit XML: the subset that GitLab, Jenkins and the actions of GitHub read alike.
 *
 * A suite per build (and a package, where there are several), a class per area, at most one of
 * failure, error and skipped per case. What an expectation names counts as skipped, with the
 * reason. harness/report/junit.xsd has the form. */
#include "harness/report/escape.h"
#include "harness/report/formats.h"

#include <stdlib.h>
#include <string.h>

enum outcome { PASSED, FAILED, ERROR, SKIPPED, N_OUTCOMES };

static enum outcome outcome_of(const struct report_result *r)
{
    if (report_is_unexpected(r))
        return r->verdict == SUITE_ERROR ? ERROR : FAILED;
    return r->verdict == SUITE_SKIP || report_is_known(r) ? SKIPPED : PASSED;
}

static void add_attribute(struct text *out, const char *name, const char *value)
{
    text_addf(out, " %s=\"", name);
    escape_xml(out, value, ESCAPE_ALL);
    text_adds(out, "\"");
}

/* Newlines in an attribute would be read as spaces: better said so. */
static void add_message(struct text *out, const struct report_result *r)
{
    struct text reason = {0}, line = {0};

    report_reason(r, &reason);
    escape_line(&line, text_string(&reason), 1000);
    add_attribute(out, "message", text_string(&line));
    text_fini(&reason);
    text_fini(&line);
}

static void add_line(struct text *out, const char *label, const char *value)
{
    if (!*value)
        return;
    text_addf(out, "%-9s ", label);
    escape_xml(out, value, ESCAPE_ALL);
    text_adds(out, "\n");
}

static void add_story(struct text *out, const struct report_result *r)
{
    char where[16] = "step";

    if (r->line > 0)
        snprintf(where, sizeof where, "line %u", r->line);
    add_line(out, "identity", r->identity);
    add_line(out, "clause", r->clause);
    add_line(out, "script", r->file);
    add_line(out, where, r->step);
    add_line(out, "got", r->got);
    add_line(out, "again", r->again);
    add_line(out, r->change, r->beside);
    if (*r->timeline)
        text_adds(out, "timeline\n");
    escape_xml(out, r->timeline, ESCAPE_ALL);
    add_line(out, "stderr", r->said);
    add_line(out, "subject", r->command);
}

/* A package of its own for each build, where there are several: "iperf_3_12.", and "iperf_3_12-2."
 * for the second run of that name. */
static void name_package(const struct reports *reports, const struct report *report,
                         struct text *out)
{
    unsigned nth = 1;

    if (reports->n < 2)
        return;
    for (const struct report *r = reports->at; r < report; r++)
        nth += strcmp(r->label, report->label) == 0;
    text_adds(out, report->label);
    for (size_t i = 0; i < out->len; i++)
        if (strchr(". /", out->at[i]))
            out->at[i] = '_';
    if (nth > 1)
        text_addf(out, "-%u", nth);
    text_adds(out, ".");
}

/* `server.close` and the rest of the id: Jenkins wants the dot, GitLab unique pairs. */
static void add_names(struct text *out, const char *package, const struct report_result *r)
{
    size_t len = strlen(r->area);
    struct text dotted = {0};

    text_addf(&dotted, "%s%s", package, r->area);
    for (size_t i = strlen(package); i < dotted.len; i++)
        if (dotted.at[i] == '/')
            dotted.at[i] = '.';
    add_attribute(out, "classname", text_string(&dotted));
    add_attribute(out, "name", r->id[len] == '/' ? r->id + len + 1 : r->id);
    text_fini(&dotted);
}

static void add_case(struct text *out, const char *package, const struct report_result *r)
{
    enum outcome outcome = outcome_of(r);

    text_adds(out, "    <testcase");
    add_names(out, package, r);
    text_addf(out, " time=\"%.3f\"", r->seconds);
    if (*r->file)
        add_attribute(out, "file", r->file);
    if (r->line)
        text_addf(out, " line=\"%u\"", r->line);
    if (outcome == PASSED) {
        text_adds(out, "/>\n");
        return;
    }
    text_adds(out, outcome == FAILED  ? ">\n      <failure"
                   : outcome == ERROR ? ">\n      <error"
                                      : ">\n      <skipped");
    add_message(out, r);
    if (outcome == SKIPPED) {
        text_adds(out, "/>\n    </testcase>\n");
        return;
    }
    add_attribute(out, "type", r->standing == SUITE_UNEXPECTED ? r->cause : report_word(r));
    text_adds(out, ">");
    add_story(out, r);
    text_addf(out, "</%s>\n    </testcase>\n", outcome == FAILED ? "failure" : "error");
}

static void count(const struct report *report, size_t n[N_OUTCOMES])
{
    for (size_t i = 0; i < report->n; i++)
        n[outcome_of(&report->results[i])]++;
    n[FAILED] += *report_run_trouble(report) != '\0';
}

static void add_counts(struct text *out, const size_t n[N_OUTCOMES], double seconds)
{
    text_addf(
        out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
        n[PASSED] + n[FAILED] + n[ERROR] + n[SKIPPED], n[FAILED], n[ERROR], n[SKIPPED], seconds);
}

/* What counts against the run, and against none of its cases. */
static void add_trouble(struct text *out, const char *package, const char *trouble)
{
    struct text name = {0};

    text_addf(&name, "%srun", package);
    text_adds(out, "    <testcase");
    add_attribute(out, "classname", text_string(&name));
    text_adds(out, " name=\"as-a-whole\" time=\"0\">\n      <failure");
    add_attribute(out, "message", trouble);
    text_adds(out, " type=\"run\"/>\n    </testcase>\n");
    text_fini(&name);
}

static void add_suite(struct text *out, const struct reports *reports, const struct report *report)
{
    struct text package = {0};
    const char *trouble = report_run_trouble(report);
    size_t n[N_OUTCOMES] = {0};

    count(report, n);
    name_package(reports, report, &package);
    text_adds(out, "  <testsuite");
    add_attribute(out, "name", report->label);
    add_counts(out, n, report->seconds);
    text_adds(out, "    <properties>\n");
    const char *const properties[][2] = {
        {"banner",  report->banner },
        {"package", report->package},
        {"program", report->program},
        {"sha256",  report->sha256 },
        {"profile", report->profile},
        {"base",    report->base   },
        {"beside",  report->beside }
    };
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        text_addf(out, "      <property name=\"%s\"", properties[i][0]);
        add_attribute(out, "value", properties[i][1]);
        text_adds(out, "/>\n");
    }
    text_adds(out, "    </properties>\n");
    for (size_t i = 0; i < report->n; i++)
        add_case(out, text_string(&package), &report->results[i]);
    if (*trouble)
        add_trouble(out, text_string(&package), trouble);
    text_adds(out, "  </testsuite>\n");
    text_fini(&package);
}

void report_junit(const struct reports *reports, struct text *out)
{
    size_t n[N_OUTCOMES] = {0};
    double seconds = 0;

    for (size_t i = 0; i < reports->n; i++) {
        count(&reports->at[i], n);
        seconds += reports->at[i].seconds;
    }
    text_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"iperfspec\"");
    add_counts(out, n, seconds);
    for (size_t i = 0; i < reports->n; i++)
        add_suite(out, reports, &reports->at[i]);
    text_adds(out, "</testsuites>\n");
}
