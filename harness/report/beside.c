/* beside.c - what `test --base` found, for every format: which cases are another with the base, and
 * how many. */
#include "harness/report/model.h"
#include "harness/report/report.h"

#include <string.h>

static const char *keep(struct report *report, struct text *words)
{
    const char *kept = arena_copy(&report->arena, text_string(words), words->len);

    text_fini(words);
    return kept;
}

/* "fail:crash", of {"verdict": ..., "cause": ...}. */
static void add_judgement(struct text *out, const json_value *j)
{
    const char *cause = report_text_of(j, "cause");

    text_adds(out, report_text_of(j, "verdict"));
    if (*cause && strcmp(cause, "ok") != 0)
        text_addf(out, ":%s", cause);
}

static unsigned count_of(const json_value *object, const char *key)
{
    const json_value *v = json_member(object, key);

    return json_type_of(v) == JSON_NUMBER ? (unsigned)MIN(MAX(json_int(v), 0), 1000) : 0;
}

static enum gate_change find_change(const char *word)
{
    int change = GATE_SAME;

    while (change < GATE_N_CHANGES && strcmp(gate_change_word((enum gate_change)change), word) != 0)
        change++;
    return (enum gate_change)change;
}

static void take_case(struct report *report, struct report_result *r, const json_value *v)
{
    unsigned plays = count_of(v, "plays");
    struct text words = {0};

    add_judgement(&words, json_member(v, "base"));
    text_adds(&words, " -> ");
    add_judgement(&words, json_member(v, "build"));
    if (plays > 1)
        text_addf(&words, ", %u of %u plays", count_of(v, "worse_plays"), plays);
    r->change = gate_change_word(find_change(report_text_of(v, "change")));
    r->beside = keep(report, &words);
}

/* "2 worse, 1 better" */
static const char *sum_up(struct report *report, const unsigned counts[GATE_N_CHANGES])
{
    struct text words = {0};

    for (int change = GATE_SAME + 1; change < GATE_N_CHANGES; change++)
        if (counts[change])
            text_addf(&words, "%s%u %s", words.len ? ", " : "", counts[change],
                      gate_change_word((enum gate_change)change));
    if (words.len == 0)
        text_adds(&words, "all the same");
    return keep(report, &words);
}

void report_take_gate(struct report *report, const json_value *gate)
{
    struct report_index *index = report_index_new(report);
    const json_value *cases = json_member(gate, "cases"), *v = NULL;
    unsigned counts[GATE_N_CHANGES] = {0};
    struct text label = {0};

    reports_label(json_member(gate, "base"), &label);
    report->base = keep(report, &label);
    while ((v = json_next(cases, v))) {
        const struct report_result *found = report_find(index, report_text_of(v, "id"));
        enum gate_change change = find_change(report_text_of(v, "change"));
        if (!found || change == GATE_SAME || change == GATE_N_CHANGES)
            continue;
        take_case(report, &report->results[found - report->results], v);
        counts[change]++;
    }
    report->beside = sum_up(report, counts);
    report_index_free(index);
}
