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

void report_name(const struct subject_build *b, FILE *out)
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
    report_name(b, out);
    if (b->path[0])
        fprintf(out, "  %s", b->path);
    if (b->server_cmd[0])
        fprintf(out, "  server: %s", b->server_cmd);
    if (b->client_cmd[0])
        fprintf(out, "  client: %s", b->client_cmd);
    if (suite->settings.remote)
        fprintf(out, "  server at %s", suite->settings.remote);
    fputs("\n", out);
    if (b->sha256[0])
        fprintf(out, "sha-256  %s\n", b->sha256);
    if (b->note[0])
        fprintf(out, "note     %s\n", b->note);
    fprintf(out, "profile  %s\n", text_string(&suite->profile));
    if (suite->is_shuffled)
        fprintf(out, "order    --shuffle --seed %llu\n", (unsigned long long)suite->seed);
    fputs("\n", out);
}

/* "pass", "known", and in capitals what is not as expected. */
static const char *word(const struct suite_result *r)
{
    static const char *const unexpected[] = {
        [SUITE_PASS] = "pass", [SUITE_WARN] = "WARN", [SUITE_DRIFT] = "DRIFT",
        [SUITE_FAIL] = "FAIL", [SUITE_SKIP] = "SKIP", [SUITE_ERROR] = "ERROR"};

    switch (r->standing) {
    case SUITE_FLAKY:
        return "FLAKY";
    case SUITE_XPASS:
        return "XPASS";
    case SUITE_UNEXPECTED:
        return unexpected[r->judgement.verdict];
    case SUITE_KNOWN:
        return "known";
    default:
        return suite_verdict_word(r->judgement.verdict);
    }
}

static void print_clauses(FILE *out, const struct script *s)
{
    for (size_t i = 0; i < s->clauses.n; i++)
        fprintf(out, "%s%s", i ? " " : "(", s->clauses.at[i]);
    fputs(s->clauses.n ? ")" : "", out);
}

/* Words of the subject. The bar keeps `::`, which GitHub's runner obeys, from the head of a line.
 */
static void block(FILE *out, const char *label, const char *text)
{
    fprintf(out, "  %-8s | ", label);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    for (const char *end = text + len; text < end; text++) {
        fputc(*text == '\t' ? ' ' : *text, out);
        if (*text == '\n' && text[1])
            fputs("           | ", out);
    }
    fputs("\n", out);
}

/* "" where any cause will do. */
static const char *named_cause(const struct suite_expectation *e)
{
    return e->cause < SIM_N_CAUSES ? sim_cause_word(e->cause) : "";
}

void report_choice(FILE *out, const struct script *script)
{
    struct text id = {0};

    text_add_word(&id, script->id);
    fprintf(out, " --case %s", text_string(&id));
    text_fini(&id);
}

static void details(FILE *out, const struct suite_result *r, const char *again)
{
    const struct suite_run *run = &r->run;
    const struct clause *clause = r->judgement.clause;

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
    if (r->expectation)
        fprintf(out, "  known    %s:%u names '%s%s%s': %s\n", r->expectation->file,
                r->expectation->line, suite_verdict_word(r->expectation->verdict),
                named_cause(r->expectation)[0] ? ":" : "", named_cause(r->expectation),
                r->expectation->reason);
    if (run->kept.len)
        fprintf(out, "  capture  %s\n", text_string(&run->kept));
    fprintf(out, "  script   %s:%u\n", r->script->file, r->script->line);
    fprintf(out, "  subject  %s\n", text_string(&run->command));
    fprintf(out, "  again    %s", again);
    report_choice(out, r->script);
    fputs("\n", out);
}

/* Verdict and cause as an expectation names them: "fail:crash". */
static void judgement(FILE *out, const struct suite_judgement *j)
{
    fputs(suite_verdict_word(j->verdict), out);
    if (j->cause != SIM_OK)
        fprintf(out, ":%s", sim_cause_word(j->cause));
}

/* What did not happen as an expectation says, or not each time. */
static void contradiction(FILE *out, const struct suite_result *r)
{
    if (r->standing == SUITE_FLAKY && r->round) {
        fputs("\n      an earlier round was ", out);
        judgement(out, &r->again);
        fprintf(out, ", round %u was ", r->round);
        judgement(out, &r->judgement);
        fprintf(out, ": line %u, got %s", r->run.line, text_string(&r->run.got));
    } else if (r->standing == SUITE_FLAKY) {
        fputs("\n      the first run was ", out);
        judgement(out, &r->judgement);
        fputs(", the second, alone, was ", out);
        judgement(out, &r->again);
    }
    if (r->standing == SUITE_UNEXPECTED)
        fprintf(out, "  (%s)\n      ", sim_cause_word(r->judgement.cause));
    if (r->standing == SUITE_UNEXPECTED && r->run.line)
        fprintf(out, "line %u, ", r->run.line);
    if (r->standing == SUITE_UNEXPECTED)
        fprintf(out, "got %s", text_string(&r->run.got));
    if (r->standing != SUITE_KNOWN && r->expectation)
        fprintf(out, "\n      %s:%u expects %s%s%s: %s", r->expectation->file, r->expectation->line,
                suite_verdict_word(r->expectation->verdict),
                named_cause(r->expectation)[0] ? ":" : "", named_cause(r->expectation),
                r->expectation->reason);
    fputs("\n", out);
}

void report_case(FILE *out, const struct suite *suite, const struct suite_result *r,
                 const char *again, bool with_details)
{
    bool colour = is_coloured(out);

    fprintf(out, "%s%-5s%s %s", colour ? colours[r->judgement.verdict] : "", word(r),
            colour ? "\033[0m" : "", r->script->id);
    if (r->run.duration_ns == 0) {
        fprintf(out, "  (%s)\n", text_string(&r->skip));
        return;
    }
    fprintf(out, "  %.0f ms", (double)r->run.duration_ns / 1e6);
    if (r->judgement.verdict == SUITE_PASS && r->standing == SUITE_GOOD) {
        fprintf(out, "%s%s\n", r->run.branches.len ? "  " : "", text_string(&r->run.branches));
        return;
    }
    fputs("  ", out);
    print_clauses(out, r->script);
    if (r->standing == SUITE_FLAKY || r->standing == SUITE_XPASS)
        contradiction(out, r);
    else if (r->skip.len)
        fprintf(out, "\n      %s: line %u, got %s\n", text_string(&r->skip), r->run.line,
                text_string(&r->run.got));
    else if (r->standing == SUITE_KNOWN)
        fprintf(out, "\n      %s: %s\n", r->expectation->clause, r->expectation->reason);
    else if (with_details) {
        fputs("  ", out);
        report_name(&suite->settings.build, out);
        fputs("\n", out);
        details(out, r, again);
    } else
        fprintf(out, "\n      line %u, got %s\n", r->run.line, text_string(&r->run.got));
}

void report_persistent(FILE *out, const struct suite *suite)
{
    if (suite->in_order)
        fputs("\nserver cases again, in the order given, against one process\n", out);
    else
        fprintf(out,
                "\nserver cases again, in the order of --seed %llu and in its reverse, against one "
                "process\n",
                (unsigned long long)suite->seed);
}

static const char *finding_word(const struct suite_finding *f)
{
    if (f->expectation)
        return "known";
    return f->shows_again ? "CARRIED" : "FLAKY";
}

void report_finding(FILE *out, const struct suite *suite, const struct suite_finding *f,
                    const char *again)
{
    const struct script *s = suite->cases.at[f->index];

    fprintf(out, "%s %s  ", finding_word(f), s->id);
    print_clauses(out, s);
    fputs("\n  fresh    ", out);
    judgement(out, &f->fresh);
    fputs("\n  kept     ", out);
    judgement(out, &f->kept);
    if (f->line)
        fprintf(out, " at line %u, got %s", f->line, text_string(&f->got));
    fputs("\n", out);
    if (f->expectation)
        fprintf(out, "  known    %s: %s\n", f->expectation->clause, f->expectation->reason);
    if (f->n == 0)
        return;
    if (!f->shows_again) {
        fprintf(out, "  after    %zu other cases, and not when they were played again\n", f->n - 1);
        return;
    }
    fprintf(out, "  after    %s\n",
            f->is_shortest ? "these cases, and not without any of them" : "these cases, or fewer");
    for (size_t i = 0; i + 1 < f->n; i++)
        fprintf(out, "           %s\n", suite->cases.at[f->sequence[i]]->id);
    fprintf(out, "  again    %s --persistent --in-order", again);
    for (size_t i = 0; i < f->n; i++)
        report_choice(out, suite->cases.at[f->sequence[i]]);
    fputs("\n", out);
}

/* Those of one standing, by name, with the expectation that they contradict. */
static void list_standing(FILE *out, const struct suite *suite, enum suite_standing standing)
{
    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct suite_result *r = &suite->results[i];
        if (r->standing != standing)
            continue;
        fprintf(out, "%s %s", word(r), r->script->id);
        contradiction(out, r);
    }
}

static void list_stale(FILE *out, const struct suite *suite)
{
    for (size_t i = 0; i < suite->expectations.n; i++) {
        const struct suite_expectation *e = &suite->expectations.at[i];
        if (suite_is_stale(suite, e))
            fprintf(out, "STALE %s:%u: %s speaks about no case\n", e->file, e->line, e->glob);
    }
}

/* "auth: not built in: 31 cases skipped", each reason once, in the order of the cases. */
static void list_skips(FILE *out, const struct suite *suite)
{
    for (size_t i = 0; i < suite->cases.n; i++) {
        const char *why = text_string(&suite->results[i].skip);
        unsigned n = 0;
        bool is_first = *why != '\0';
        for (size_t k = 0; is_first && k < suite->cases.n; k++) {
            bool same = strcmp(text_string(&suite->results[k].skip), why) == 0;
            is_first = !same || k >= i;
            n += same;
        }
        if (is_first)
            fprintf(out, "skipped  %s: %u case%s\n", why, n, n == 1 ? "" : "s");
    }
}

static void list_missing(FILE *out, const struct suite *suite)
{
    for (int i = 0; i < SCRIPT_N_NEEDS; i++)
        if ((suite->demands.required >> i & 1) && !suite->settings.needs[i].there)
            fprintf(out, "MISSING %s\n", suite->settings.needs[i].why);
}

static void list_trouble(FILE *out, const struct suite_totals *t)
{
    if (t->repeated)
        fprintf(out, "played again after harness trouble: %u case%s\n", t->repeated,
                text_plural(t->repeated));
    if (t->retries)
        fprintf(out,
                "%u of %u connects were repeated: the listener was being opened anew (CONN-5)\n",
                t->retries, t->connects);
    if (t->shared_network)
        fprintf(out,
                "in the host's network, for there are no namespaces here, or they are not wanted: "
                "%u case%s\n",
                t->shared_network, text_plural(t->shared_network));
}

/* How long servers took to serve again: a slow release is none of the hangs. */
static void list_service(FILE *out, const struct suite *suite)
{
    const struct suite_result *slowest = NULL;
    unsigned n = 0;

    for (size_t i = 0; i < suite->cases.n; i++) {
        const struct suite_result *r = &suite->results[i];
        if (!r->run.served_ns)
            continue;
        n++;
        if (!slowest || r->run.served_ns > slowest->run.served_ns)
            slowest = r;
    }
    if (slowest)
        fprintf(out, "served   again after %u case%s, the latest after %.3f s: %s\n", n,
                n == 1 ? "" : "s", (double)slowest->run.served_ns / 1e9, slowest->script->id);
}

static void closing_line(FILE *out, const struct suite *suite, const struct suite_totals *t)
{
    report_name(&suite->settings.build, out);
    fprintf(out, ": %zu case%s%s", suite->cases.n, text_plural(suite->cases.n),
            suite->cases.n ? ":" : "");
    for (int v = 0; v < SUITE_N_VERDICTS; v++)
        if (t->verdicts[v])
            fprintf(out, " %u %s", t->verdicts[v], suite_verdict_word((enum suite_verdict)v));
    fprintf(out, "; %u known, %u unexpected", t->standings[SUITE_KNOWN],
            t->standings[SUITE_UNEXPECTED]);
    for (int s = SUITE_XPASS; s < SUITE_N_STANDINGS; s++)
        if (t->standings[s])
            fprintf(out, ", %u %s", t->standings[s], suite_standing_word((enum suite_standing)s));
    if (suite->n_persistent)
        fprintf(out, "; %zu kept, %u carried over", suite->n_persistent, t->carried);
    if (t->once)
        fprintf(out, ", %u once", t->once);
    if (t->stale)
        fprintf(out, ", %u stale", t->stale);
    if (suite->rounds > 1)
        fprintf(out, "; %u rounds", suite->rounds);
    fprintf(out, "; %.1f s\n", (double)suite->duration_ns / 1e9);
}

/* The first alone: the others fail in the same way. */
static void list_unkept(FILE *out, const struct suite *suite)
{
    for (size_t i = 0; i < suite->cases.n; i++)
        if (suite->results[i].run.unkept.len > 0) {
            fprintf(out, "not kept: %s\n", text_string(&suite->results[i].run.unkept));
            return;
        }
}

void report_summary(FILE *out, const struct suite *suite)
{
    struct suite_totals totals;
    struct text why = {0};

    suite_count(suite, &totals);
    int status = suite_exit_status(suite, &why);
    fputs("\n", out);
    list_skips(out, suite);
    if (!suite->gate) /* told as WORSE or LOST */
        list_standing(out, suite, SUITE_UNEXPECTED);
    list_standing(out, suite, SUITE_FLAKY);
    list_standing(out, suite, SUITE_XPASS);
    list_stale(out, suite);
    list_missing(out, suite);
    list_trouble(out, &totals);
    list_unkept(out, suite);
    list_service(out, suite);
    closing_line(out, suite, &totals);
    if (status != 0)
        fprintf(out, "exit %d: %s\n", status, text_string(&why));
    text_fini(&why);
}
