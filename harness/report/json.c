#include "harness/report/counts.h"
#include "harness/report/quirks.h"
#include "harness/report/report.h"
#include "harness/suite/gate.h"

#include "harness/report/model.h"
#include "harness/report/outfile.h"
#include "harness/report/shards.h"
#include "impl/wire/jwrite.h"

#include <errno.h>
#include <string.h>

static void put_subject_members(struct jwrite *w, const struct suite *suite)
{
    const struct subject_build *b = &suite->settings.build;

    jwrite_string(w, "path", b->path);
    jwrite_string(w, "server_cmd", b->server_cmd);
    jwrite_string(w, "client_cmd", b->client_cmd);
    jwrite_string(w, "server", suite->settings.remote ? suite->settings.remote : "");
    jwrite_string(w, "banner", b->banner);
    jwrite_string(w, "name", b->name);
    jwrite_string(w, "version", b->version_text);
    jwrite_string(w, "package", b->package);
    jwrite_string(w, "sha256", b->sha256);
    jwrite_string(w, "profile", text_string(&suite->profile));
}

void report_put_subject(struct jwrite *w, const struct suite *suite)
{
    jwrite_object(w, "subject");
    put_subject_members(w, suite);
    jwrite_end(w);
}

/* With the id of the defect or clause in front, by which it is found in the docs. */
static void put_known(struct jwrite *w, const struct suite_expectation *e)
{
    struct text words = {0};

    text_addf(&words, "%s%s%s", e->clause, e->clause[0] ? ": " : "", e->reason);
    jwrite_string(w, "known", text_string(&words));
    text_fini(&words);
}

static void put_judgement(struct jwrite *w, const char *key, const struct suite_judgement *j)
{
    jwrite_object(w, key);
    jwrite_string(w, "verdict", suite_verdict_word(j->verdict));
    jwrite_string(w, "cause", sim_cause_word(j->cause));
    jwrite_end(w);
}

/* {"state": "RUN", "event": "SEV_TEST_END", "reaction": "advance", "error": 0}, a line each. */
static void put_reactions(struct jwrite *w, const char *lines)
{
    struct quirk q;

    jwrite_array(w, "reactions");
    while ((lines = quirk_of_line(&q, lines))) {
        jwrite_object(w, NULL);
        jwrite_string(w, "state", q.state);
        jwrite_string(w, "event", q.event);
        jwrite_string(w, "reaction", q.reaction);
        jwrite_int(w, "error", q.error);
        jwrite_end(w);
    }
    jwrite_end(w);
}

/* Whether there is something to find again in the next report. */
static bool is_finding(const struct suite_result *r)
{
    return r->standing != SUITE_GOOD ||
           (r->judgement.verdict != SUITE_PASS && r->judgement.verdict != SUITE_SKIP);
}

static void put_identity(struct jwrite *w, const char *id, const char *step, const char *cause)
{
    char identity[REPORT_IDENTITY + 1];

    report_identify(id, step, cause, identity);
    jwrite_string(w, "identity", identity);
}

/* What was played, and where its lines stand in the file. */
static void put_script(struct jwrite *w, const struct suite_result *r)
{
    struct text script = {0}, lines = {0};

    script_print_numbered(r->script, &script, &lines);
    jwrite_string(w, "script", text_string(&script));
    jwrite_raw(w, "script_lines", text_string(&lines));
    text_fini(&script);
    text_fini(&lines);
}

static void put_result(struct jwrite *w, const struct suite_result *r)
{
    const struct suite_run *run = &r->run;

    jwrite_object(w, NULL);
    jwrite_string(w, "id", r->script->id);
    jwrite_string(w, "title", r->script->title);
    jwrite_array(w, "clauses");
    for (size_t i = 0; i < r->script->clauses.n; i++)
        jwrite_string(w, NULL, r->script->clauses.at[i]);
    jwrite_end(w);
    jwrite_string(w, "judges", r->script->plays_server ? "client" : "server");
    jwrite_string(w, "verdict", suite_verdict_word(r->judgement.verdict));
    jwrite_string(w, "cause", sim_cause_word(r->judgement.cause));
    jwrite_string(w, "standing", suite_standing_word(r->standing));
    jwrite_bool(w, "unexpected", r->standing >= SUITE_UNEXPECTED);
    if (is_finding(r))
        put_identity(w, r->script->id, text_string(&run->step), sim_cause_word(r->judgement.cause));
    if (r->judgement.clause)
        jwrite_string(w, "clause", r->judgement.clause->id);
    if (r->expectation)
        put_known(w, r->expectation);
    if (r->expectation && r->expectation->at_times)
        jwrite_bool(w, "at_times", true);
    if (r->standing == SUITE_FLAKY)
        put_judgement(w, "again", &r->again);
    if (r->round)
        jwrite_uint(w, "round", r->round);
    if (r->skip.len)
        jwrite_string(w, "skip", text_string(&r->skip));
    jwrite_string(w, "file", r->script->file);
    jwrite_int(w, "line", run->line ? run->line : r->script->line);
    jwrite_string(w, "step", text_string(&run->step));
    jwrite_string(w, "got", text_string(&run->got));
    jwrite_string(w, "branches", text_string(&run->branches));
    put_script(w, r);
    if (run->session.len > 0)
        jwrite_raw(w, "session", text_string(&run->session));
    put_reactions(w, text_string(&run->reactions));
    jwrite_string(w, "timeline", run->cause == SIM_OK ? "" : text_string(&run->timeline));
    jwrite_string(w, "stderr", run->cause == SIM_OK ? "" : text_string(&run->said));
    jwrite_string(w, "command", text_string(&run->command));
    if (run->kept.len > 0)
        jwrite_string(w, "capture", text_string(&run->kept));
    jwrite_int(w, "retries", run->retries);
    if (run->served_ns)
        jwrite_double(w, "service_seconds", (double)run->served_ns / 1e9);
    jwrite_double(w, "seconds", (double)run->duration_ns / 1e9);
    jwrite_end(w);
}

/* What cases need, whether it is there, and how that is known. */
static void put_needs(struct jwrite *w, const struct suite *suite)
{
    jwrite_object(w, "needs");
    for (int i = 0; i < SCRIPT_N_NEEDS; i++) {
        jwrite_object(w, script_need_word((enum script_need)i));
        jwrite_bool(w, "there", suite->settings.needs[i].there);
        jwrite_string(w, "why", suite->settings.needs[i].why);
        jwrite_end(w);
    }
    jwrite_end(w);
}

static void put_totals(struct jwrite *w, const struct suite *suite)
{
    struct suite_totals t;

    suite_count(suite, &t);
    counts_put(w, &t);
}

static void put_finding(struct jwrite *w, const struct suite *suite, const struct suite_finding *f)
{
    jwrite_object(w, NULL);
    jwrite_string(w, "id", suite->cases.at[f->index]->id);
    put_identity(w, suite->cases.at[f->index]->id, "", "carried");
    put_judgement(w, "fresh", &f->fresh);
    put_judgement(w, "kept", &f->kept);
    jwrite_int(w, "line", f->line);
    jwrite_string(w, "got", text_string(&f->got));
    jwrite_array(w, "sequence");
    for (size_t i = 0; i < f->n; i++)
        jwrite_string(w, NULL, suite->cases.at[f->sequence[i]]->id);
    jwrite_end(w);
    jwrite_bool(w, "shows_again", f->shows_again);
    jwrite_bool(w, "shortest", f->is_shortest);
    if (f->expectation)
        put_known(w, f->expectation);
    jwrite_end(w);
}

static void put_persistent(struct jwrite *w, const struct suite *suite)
{
    jwrite_object(w, "persistent");
    jwrite_uint(w, "cases", suite->n_persistent);
    jwrite_uint(w, "runs", suite->n_persistent_runs);
    jwrite_uint(w, "seed", suite->seed);
    jwrite_array(w, "findings");
    for (size_t i = 0; i < suite->n_findings; i++)
        put_finding(w, suite, &suite->findings[i]);
    jwrite_end(w);
    jwrite_end(w);
}

static void put_gate_case(struct jwrite *w, const struct gate *g, size_t i)
{
    const struct gate_case *c = &g->cases[i];

    jwrite_object(w, NULL);
    jwrite_string(w, "id", g->build->cases.at[i]->id);
    jwrite_string(w, "change", gate_change_word(c->change));
    put_judgement(w, "base", &c->base);
    put_judgement(w, "build", &c->build);
    jwrite_uint(w, "worse_plays", c->change == GATE_LOST ? 0 : c->n_worse);
    jwrite_uint(w, "plays", c->change == GATE_LOST ? 0 : c->n_plays);
    jwrite_end(w);
}

/* What is not the same with both. */
static void put_gate(struct jwrite *w, const struct gate *g)
{
    jwrite_object(w, "gate");
    jwrite_object(w, "base");
    put_subject_members(w, g->base);
    jwrite_end(w);
    jwrite_array(w, "cases");
    for (size_t i = 0; i < g->build->cases.n; i++)
        if (g->cases[i].change != GATE_SAME)
            put_gate_case(w, g, i);
    jwrite_end(w);
    jwrite_end(w);
}

bool report_put_file(const char *path, struct jwrite *w)
{
    struct outfile f;
    struct bytes text;

    if (jwrite_finish(w, &text) != SPEC_OK)
        return errno = ENOMEM, false;
    if (!outfile_begin(&f, path))
        return false;
    fwrite(text.at, 1, text.len, f.out);
    fputc('\n', f.out);
    return outfile_end(&f);
}

static void put_options(struct jwrite *w, struct bytes options)
{
    const char *word = (const char *)options.at, *end = word + options.len;

    jwrite_array(w, "options");
    for (; word < end; word += strlen(word) + 1)
        jwrite_string(w, NULL, word);
    jwrite_end(w);
}

void report_json(const struct suite *suite, struct bytes options, struct text *out)
{
    struct jwrite w;
    struct text why = {0};

    jwrite_init(&w, JWRITE_PRETTY);
    jwrite_object(&w, NULL);
    int status = suite_exit_status(suite, &why);
    jwrite_int(&w, "schema", REPORT_SCHEMA);
    report_put_subject(&w, suite);
    put_options(&w, options);
    shards_put_one(&w, suite->shard, suite->n_shards);
    jwrite_int(&w, "exit", status);
    jwrite_string(&w, "exit_reason", text_string(&why));
    text_fini(&why);
    put_needs(&w, suite);
    put_totals(&w, suite);
    jwrite_double(&w, "seconds", (double)suite->duration_ns / 1e9);
    if (suite->is_shuffled)
        jwrite_uint(&w, "seed", suite->seed);
    jwrite_uint(&w, "rounds", suite->rounds);
    jwrite_array(&w, "results");
    for (size_t i = 0; i < suite->cases.n; i++)
        put_result(&w, &suite->results[i]);
    jwrite_end(&w);
    if (suite->gate)
        put_gate(&w, suite->gate);
    if (suite->n_persistent)
        put_persistent(&w, suite);
    jwrite_end(&w);
    text_add_json(out, &w);
}
