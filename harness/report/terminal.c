#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const colours[] = {
    [SUITE_PASS] = "\033[32m", [SUITE_WARN] = "\033[33m", [SUITE_DRIFT] = "\033[36m",
    [SUITE_FAIL] = "\033[31m", [SUITE_SKIP] = "\033[2m",  [SUITE_ERROR] = "\033[35m"};

static bool is_coloured(FILE *out)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(out)) && (!no || !*no) && term && strcmp(term, "dumb") != 0;
}

static void build_name(const struct subject_build *b, FILE *out)
{
    if (b->name[0])
        fprintf(out, "%s %s", b->name, b->version_text);
    else
        fputs("unknown build", out);
    if (b->package[0])
        fprintf(out, " (%s)", b->package);
}

void report_head(FILE *out, const struct suite *suite)
{
    const struct subject_build *b = &suite->settings.build;

    fputs("subject  ", out);
    build_name(b, out);
    if (b->path[0])
        fprintf(out, "  %s", b->path);
    if (b->server_cmd[0])
        fprintf(out, "  server: %s", b->server_cmd);
    if (b->client_cmd[0])
        fprintf(out, "  client: %s", b->client_cmd);
    fputs("\n", out);
    if (b->sha256[0])
        fprintf(out, "sha-256  %s\n", b->sha256);
    fprintf(out, "profile  %s\n\n",
            b->has_version ? "stock iperf: IS clauses of its version predict it"
                           : "any: judged by MUST and SHOULD alone");
}

/* "fail", "known" for a verdict that an expectation names, "XPASS" for one better than that. */
static const char *word(const struct suite_result *r)
{
    if (r->flaky)
        return "FLAKY";
    if (r->xpass)
        return "XPASS";
    if (r->unexpected && r->judgement.verdict == SUITE_FAIL)
        return "FAIL";
    if (r->unexpected && r->judgement.verdict == SUITE_ERROR)
        return "ERROR";
    return r->expectation && !r->unexpected ? "known" : suite_verdict_word(r->judgement.verdict);
}

static void print_clauses(FILE *out, const struct script *s)
{
    for (size_t i = 0; i < s->clauses.n; i++)
        fprintf(out, "%s%s", i ? " " : "(", s->clauses.at[i]);
    fputs(s->clauses.n ? ")" : "", out);
}

static void block(FILE *out, const char *label, const char *text)
{
    fprintf(out, "  %-8s ", label);
    for (; *text; text++) {
        fputc(*text == '\t' ? ' ' : *text, out);
        if (*text == '\n' && text[1])
            fputs("           ", out);
    }
    fputs("\n", out);
}

static void details(FILE *out, const struct suite *suite, const struct suite_result *r,
                    const char *program)
{
    const struct suite_run *run = &r->run;
    const struct clause *clause = r->judgement.clause;
    const struct subject_build *b = &suite->settings.build;

    if (clause)
        fprintf(out, "  %-8s %s %s\n", clause->id, clause_level_name(clause->level), clause->text);
    if (run->line)
        fprintf(out, "  line %-4u%s%s\n", run->line, run->line < 10000 ? "" : " ",
                text_string(&run->step));
    fprintf(out, "  got      %s  <- %s: %s\n", text_string(&run->got), sim_cause_word(run->cause),
            sim_cause_text(run->cause));
    if (run->timeline.len)
        fprintf(out, "  timeline (> from us, < from the subject)\n%s", text_string(&run->timeline));
    if (run->said.len)
        block(out, "stderr", text_string(&run->said));
    if (r->flaky)
        fprintf(out, "  again    played alone it was '%s'\n", suite_verdict_word(r->again));
    if (r->expectation)
        fprintf(out, "  known    %s:%u names '%s': %s\n", r->expectation->file,
                r->expectation->line, suite_verdict_word(r->expectation->verdict),
                r->expectation->reason);
    fprintf(out, "  script   %s:%u\n", r->script->file, r->script->line);
    fprintf(out, "  subject  %s\n", text_string(&run->command));
    if (b->path[0])
        fprintf(out, "  again    %s test --build %s --case '%s'\n", program, b->path,
                r->script->id);
}

void report_case(FILE *out, const struct suite *suite, const struct suite_result *r,
                 const char *program)
{
    bool colour = is_coloured(out);
    bool is_ours = r->judgement.verdict == SUITE_SKIP && r->run.duration_ns == 0;

    fprintf(out, "%s%-5s%s %s", colour ? colours[r->judgement.verdict] : "", word(r),
            colour ? "\033[0m" : "", r->script->id);
    if (is_ours) {
        fprintf(out, "  (%s)\n", text_string(&r->skip));
        return;
    }
    fprintf(out, "  %.0f ms", (double)r->run.duration_ns / 1e6);
    if (r->judgement.verdict == SUITE_PASS && !r->unexpected) {
        fprintf(out, "%s%s\n", r->run.branches.len ? "  " : "", text_string(&r->run.branches));
        return;
    }
    fputs("  ", out);
    print_clauses(out, r->script);
    if (r->skip.len) {
        fprintf(out, "\n      %s: line %u, got %s\n", text_string(&r->skip), r->run.line,
                text_string(&r->run.got));
        return;
    }
    if (r->expectation && !r->unexpected) {
        fprintf(out, "\n      %s: %s\n", r->expectation->clause, r->expectation->reason);
        return;
    }
    fputs("\n", out);
    details(out, suite, r, program);
}

static void flaky_cases(FILE *out, const struct suite *suite)
{
    for (size_t i = 0; i < suite->cases.n; i++)
        if (suite->results[i].flaky)
            fprintf(out, "FLAKY %s: '%s', and played again alone '%s'\n",
                    suite->results[i].script->id,
                    suite_verdict_word(suite->results[i].judgement.verdict),
                    suite_verdict_word(suite->results[i].again));
}

static void stale(FILE *out, const struct suite *suite)
{
    for (size_t i = 0; suite->is_whole && i < suite->expectations.n; i++) {
        const struct suite_expectation *e = &suite->expectations.at[i];
        if (e->used == 0)
            fprintf(out, "stale %s:%u: no case is called %s\n", e->file, e->line, e->glob);
    }
}

void report_summary(FILE *out, const struct suite *suite)
{
    unsigned counts[SUITE_N_VERDICTS] = {0}, known = 0, unexpected = 0, flaky = 0, retries = 0,
             foreign = 0;

    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct suite_result *r = &suite->results[i];
        counts[r->judgement.verdict]++;
        known += r->expectation && !r->unexpected;
        unexpected += r->unexpected;
        flaky += r->flaky;
        retries += r->run.retries;
        foreign += r->run.duration_ns > 0 && !r->run.own_network;
    }
    fputs("\n", out);
    flaky_cases(out, suite);
    stale(out, suite);
    if (retries)
        fprintf(out,
                "%u connects were repeated, because the listener was being opened anew (CONN-5)\n",
                retries);
    if (foreign)
        fprintf(out, "%u cases shared the host's network: no namespaces here, or not wanted\n",
                foreign);
    build_name(&suite->settings.build, out);
    fprintf(out, ": %zu cases:", suite->cases.n);
    for (int v = 0; v < SUITE_N_VERDICTS; v++)
        if (counts[v])
            fprintf(out, " %u %s", counts[v], suite_verdict_word((enum suite_verdict)v));
    fprintf(out, "; %u known, %u unexpected", known, unexpected);
    if (flaky)
        fprintf(out, ", %u flaky", flaky);
    fprintf(out, "; %.1f s\n", (double)suite->duration_ns / 1e9);
}
