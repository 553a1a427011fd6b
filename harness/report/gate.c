/* gate.c - what a build makes worse than its base, for people. */
#include "harness/report/report.h"

#include <string.h>

static void judgement(FILE *out, const struct suite_judgement *j)
{
    fputs(suite_verdict_word(j->verdict), out);
    if (j->cause != SIM_OK)
        fprintf(out, ":%s", sim_cause_word(j->cause));
}

static const char *title_of(enum gate_change change)
{
    switch (change) {
    case GATE_WORSE:
        return "WORSE";
    case GATE_LOST:
        return "LOST ";
    default:
        return gate_change_word(change);
    }
}

static void line(FILE *out, const struct gate *g, size_t i, const char *again)
{
    const struct gate_case *c = &g->cases[i];
    const struct suite_result *r = &g->build->results[i];

    fprintf(out, "%s %s  ", title_of(c->change), r->script->id);
    judgement(out, &c->base);
    fputs(" -> ", out);
    judgement(out, &c->build);
    if (c->change == GATE_WORSE || c->change == GATE_FLICKERS)
        fprintf(out, ", %u of %u plays", c->n_worse, c->n_plays);
    if (c->change == GATE_LOST)
        fprintf(out, " (%s)", text_string(&r->skip));
    fputs("\n", out);
    if (c->change != GATE_WORSE)
        return;
    for (size_t k = 0; k < r->script->clauses.n; k++)
        fprintf(out, "%s%s", k ? " " : "      ", r->script->clauses.at[k]);
    fprintf(out, "\n      line %u, got %s\n      again    %s", r->run.line,
            text_string(&r->run.got), again);
    report_choice(out, r->script);
    fputs("\n", out);
}

void report_gate(FILE *out, const struct gate *g, const char *again)
{
    fputs("\n", out);
    for (int change = GATE_N_CHANGES - 1; change > GATE_SAME; change--)
        for (size_t i = 0; i < g->build->cases.n; i++)
            if ((int)g->cases[i].change == change && change != GATE_DRIFTS)
                line(out, g, i, again);
    fputs("beside the base:", out);
    for (int change = GATE_WORSE; change < GATE_N_CHANGES; change++)
        if (g->counts[change])
            fprintf(out, " %u %s,", g->counts[change], gate_change_word((enum gate_change)change));
    fprintf(out, " %u the same\n", g->counts[GATE_SAME]);
}
