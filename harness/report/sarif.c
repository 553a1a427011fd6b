/* sarif.c - SARIF 2.1.0: a rule per clause, a result per finding, at its step in the case file.
 *
 * What an expectation names is there as suppressed; what is as it should be is not. The limits are
 * those of GitHub's code scanning. */
#include "harness/report/escape.h"
#include "harness/report/formats.h"

#include "impl/version.h"
#include "impl/wire/clause.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

#define RESULTS_MAX 25000
#define WORDS_MAX   2000 /* characters of one message */

/* The rule that a finding is about: its clause, or what happened. */
static const char *rule_of(const struct report_result *r)
{
    return *r->clause ? r->clause : r->cause;
}

static bool is_told(const struct report_result *r)
{
    return report_is_unexpected(r) || report_is_known(r);
}

static void put_text(struct jwrite *w, const char *key, const char *text)
{
    jwrite_object(w, key);
    escape_json(w, "text", text, WORDS_MAX);
    jwrite_end(w);
}

static void put_rule(struct jwrite *w, const char *id)
{
    const struct clause *clause = clause_find(id);
    struct text text = {0};

    if (clause)
        text_addf(&text, "%s: %s", clause_level_name(clause->level), clause->text);
    else
        text_addf(&text, "The subject is not as it should be: %s", id);
    jwrite_object(w, NULL);
    escape_json(w, "id", id, WORDS_MAX);
    put_text(w, "shortDescription", text_string(&text));
    jwrite_object(w, "defaultConfiguration");
    jwrite_string(w, "level", "error");
    jwrite_end(w);
    jwrite_end(w);
    text_fini(&text);
}

/* --- the rules of one run, sorted ------------------------------------------------------------- */

struct rules {
    const char **ids;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect(struct rules *rules, const struct report *report)
{
    size_t n = 0;

    rules->ids = text_realloc(NULL, (report->n + 1) * sizeof *rules->ids);
    for (size_t i = 0; i < report->n; i++)
        if (is_told(&report->results[i]))
            rules->ids[n++] = rule_of(&report->results[i]);
    qsort(rules->ids, n, sizeof *rules->ids, by_text);
    rules->n = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(rules->ids[i], rules->ids[i - 1]) != 0)
            rules->ids[rules->n++] = rules->ids[i];
}

static size_t index_of(const struct rules *rules, const char *id)
{
    const char **found = bsearch(&id, rules->ids, rules->n, sizeof *rules->ids, by_text);

    return (size_t)(found - rules->ids);
}

/* --- results ---------------------------------------------------------------------------------- */

static const char *level_of(const struct report_result *r)
{
    if (report_is_known(r) || r->standing == SUITE_XPASS)
        return "note";
    return r->verdict == SUITE_WARN || r->verdict == SUITE_DRIFT || r->standing == SUITE_FLAKY
               ? "warning"
               : "error";
}

/* Findings without a place are not shown. */
static void put_location(struct jwrite *w, const struct report_result *r)
{
    struct text uri = {0};

    escape_uri(&uri, *r->file ? r->file : "docs/protocol.md");
    jwrite_array(w, "locations");
    jwrite_object(w, NULL);
    jwrite_object(w, "physicalLocation");
    jwrite_object(w, "artifactLocation");
    jwrite_string(w, "uri", text_string(&uri));
    jwrite_end(w);
    jwrite_object(w, "region");
    jwrite_uint(w, "startLine", MAX(r->line, 1));
    jwrite_end(w);
    jwrite_end(w);
    jwrite_end(w);
    jwrite_end(w);
    text_fini(&uri);
}

static void put_result(struct jwrite *w, const struct rules *rules, const struct report *report,
                       const struct report_result *r)
{
    struct text message = {0};

    text_addf(&message, "%s: ", r->id);
    report_reason(r, &message);
    jwrite_object(w, NULL);
    escape_json(w, "ruleId", rule_of(r), WORDS_MAX);
    jwrite_uint(w, "ruleIndex", index_of(rules, rule_of(r)));
    jwrite_string(w, "level", level_of(r));
    if (*report->base)
        jwrite_string(w, "baselineState", report_is_known(r) ? "unchanged" : "new");
    put_text(w, "message", text_string(&message));
    put_location(w, r);
    jwrite_object(w, "partialFingerprints");
    jwrite_string(w, "iperfspec/identity/v1", r->identity);
    /* The only one that GitHub goes by. It would make one of the line's words, the same for all
     * cases of a `foreach`. */
    jwrite_string(w, "primaryLocationLineHash", r->identity);
    jwrite_end(w);
    if (report_is_known(r)) {
        jwrite_array(w, "suppressions");
        jwrite_object(w, NULL);
        jwrite_string(w, "kind", "external");
        jwrite_string(w, "status", "accepted");
        escape_json(w, "justification", r->known, WORDS_MAX);
        jwrite_end(w);
        jwrite_end(w);
    }
    jwrite_end(w);
    text_fini(&message);
}

static void put_results(struct jwrite *w, const struct report *report, const struct rules *rules)
{
    size_t n, told = 0;
    const struct report_result **worst = report_worst(report, &n);

    jwrite_array(w, "results");
    for (size_t i = 0; i < n && told < RESULTS_MAX; i++, told++)
        put_result(w, rules, report, worst[i]);
    for (size_t i = 0; i < report->n && told < RESULTS_MAX; i++) {
        if (!report_is_known(&report->results[i]))
            continue;
        put_result(w, rules, report, &report->results[i]);
        told++;
    }
    jwrite_end(w);
    free(worst);
}

static void put_run(struct jwrite *w, const struct report *report)
{
    struct rules rules;

    collect(&rules, report);
    jwrite_object(w, NULL);
    jwrite_object(w, "tool");
    jwrite_object(w, "driver");
    jwrite_string(w, "name", "iperfspec");
    jwrite_string(w, "version", VERSION_NUMBER);
    jwrite_array(w, "rules");
    for (size_t i = 0; i < rules.n; i++)
        put_rule(w, rules.ids[i]);
    jwrite_end(w);
    jwrite_end(w);
    jwrite_end(w);
    jwrite_object(w, "automationDetails"); /* runs of one build are one series */
    struct text id = {0};
    text_addf(&id, "iperfspec/%s/", report->label);
    escape_json(w, "id", text_string(&id), WORDS_MAX);
    text_fini(&id);
    jwrite_end(w);
    put_results(w, report, &rules);
    jwrite_end(w);
    free(rules.ids);
}

void report_sarif(const struct reports *reports, struct text *out)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_PRETTY);
    jwrite_object(&w, NULL);
    jwrite_string(&w, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    jwrite_string(&w, "version", "2.1.0");
    jwrite_array(&w, "runs");
    for (size_t i = 0; i < reports->n; i++)
        put_run(&w, &reports->at[i]);
    jwrite_end(&w);
    jwrite_end(&w);
    text_add_json(out, &w);
    text_adds(out, "\n");
}
