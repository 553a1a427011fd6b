/* tap.c - Test Anything Protocol, as TAP 13 has it: a point per case and build. What an expectation
 * names is TODO; what it does not is `not ok`, with all that is known in a YAML block. */
#include "harness/report/escape.h"
#include "harness/report/formats.h"

#include <string.h>

/* A description, or a reason behind # SKIP: one line without a `#` or a backslash of its own. */
static void add_words(struct text *out, const char *words)
{
    struct text line = {0};

    escape_line(&line, words, ESCAPE_ALL);
    for (const char *at = text_string(&line); *at; at++)
        text_addf(out, *at == '#' || *at == '\\' ? "\\%c" : "%c", *at);
    text_fini(&line);
}

static void add_member(struct text *out, const char *key, const char *value)
{
    if (!*value)
        return;
    text_addf(out, "  %s: ", key);
    escape_yaml(out, value);
    text_adds(out, "\n");
}

static void add_details(struct text *out, const struct report_result *r)
{
    text_adds(out, "  ---\n");
    add_member(out, "verdict", r->is_carried ? "carried" : suite_verdict_word(r->verdict));
    add_member(out, "cause", r->cause);
    add_member(out, "standing", suite_standing_word(r->standing));
    add_member(out, "identity", r->identity);
    add_member(out, "clause", r->clause);
    add_member(out, "file", r->file);
    if (r->line)
        text_addf(out, "  line: %u\n", r->line);
    add_member(out, "step", r->step);
    add_member(out, "got", r->got);
    add_member(out, "again", r->again);
    add_member(out, "known", r->known);
    add_member(out, "change", r->change);
    add_member(out, "beside", r->beside);
    add_member(out, "timeline", r->timeline);
    add_member(out, "stderr", r->said);
    add_member(out, "command", r->command);
    text_adds(out, "  ...\n");
}

static void add_point(struct text *out, size_t number, const char *build,
                      const struct report_result *r)
{
    bool is_bad = report_is_unexpected(r) || report_is_known(r);

    text_addf(out, "%s %zu - ", is_bad ? "not ok" : "ok", number);
    if (*build) {
        add_words(out, build);
        text_adds(out, ": ");
    }
    add_words(out, r->id);
    if (report_is_known(r)) {
        text_adds(out, " # TODO known: ");
        add_words(out, r->known);
    } else if (!is_bad && r->verdict == SUITE_SKIP) {
        text_adds(out, " # SKIP ");
        add_words(out, r->skip);
    }
    text_adds(out, "\n");
    if (is_bad)
        add_details(out, r);
}

static void add_run(struct text *out, const struct report *report, bool is_one, size_t *number)
{
    const char *trouble = report_run_trouble(report);

    text_adds(out, "# ");
    escape_line(out, report->label, ESCAPE_ALL);
    text_addf(out, ", exit %d%s", report->exit, *report->exit_reason ? ": " : "");
    escape_line(out, report->exit_reason, ESCAPE_ALL);
    text_adds(out, "\n");
    if (*report->base) {
        text_adds(out, "# beside ");
        escape_line(out, report->base, ESCAPE_ALL);
        text_addf(out, ": %s\n", report->beside);
    }
    for (size_t i = 0; i < report->n; i++)
        add_point(out, ++*number, is_one ? "" : report->label, &report->results[i]);
    if (*trouble) {
        text_addf(out, "not ok %zu - the run as a whole: ", ++*number);
        add_words(out, trouble);
        text_adds(out, "\n");
    }
}

void report_tap(const struct reports *reports, struct text *out)
{
    size_t n = 0;

    for (size_t i = 0; i < reports->n; i++)
        n += reports->at[i].n + (*report_run_trouble(&reports->at[i]) != '\0');
    text_addf(out, "TAP version 13\n1..%zu%s\n", n, n ? "" : " # SKIP no case");
    n = 0;
    for (size_t i = 0; i < reports->n; i++)
        add_run(out, &reports->at[i], reports->n == 1, &n);
}
