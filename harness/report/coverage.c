#include "harness/report/coverage.h"

#include "harness/report/kept.h"
#include "harness/report/quirks.h"
#include "harness/report/report.h"
#include "impl/wire/clause.h"
#include "impl/wire/json.h"
#include "impl/wire/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 96

enum mark_kind { MARK_SERVER_CELL, MARK_CLIENT_CELL, MARK_CLAUSE, MARK_PREDICTION };

struct mark {
    enum mark_kind kind;
    char name[NAME_MAX_LEN]; /* "ST-SRV-6.c", "server/RUN/SEV_TEST_END" */
    bool covered, on_stock, left_out;
    bool differs;          /* a stock build was seen to do otherwise, in a case that names it */
    bool killed;           /* so was iperfref with a fault of it */
    unsigned allowed, met; /* of a cell: sets of enum table_reaction */
    const char *versions;  /* of a prediction */
    bool holds;            /* for a build whose report was read */
};

struct coverage {
    struct mark *at;
    size_t n;
    bool has_mutants;
};

static const char *const reasons[] = {"no-sctp", "slow", "unseen"};

/* --- what there is to cover ------------------------------------------------------------------ */

static struct mark *add(struct coverage *c, enum mark_kind kind)
{
    c->at = text_realloc(c->at, (c->n + 1) * sizeof *c->at);
    c->at[c->n] = (struct mark){.kind = kind};
    return &c->at[c->n++];
}

static void name_cell(char *out, size_t cap, enum machine_state state, unsigned event)
{
    enum machine_role role = table_role(state);

    snprintf(out, cap, "%s/%s/%s", role == MACHINE_SERVER ? "server" : "client",
             machine_state_name(state), table_event_name(role, event));
}

static void add_cells(struct coverage *c)
{
    for (int s = 0; s < MACHINE_OVER; s++) {
        enum machine_role role = table_role((enum machine_state)s);
        for (unsigned e = 0; e < table_n_events(role); e++) {
            unsigned allowed = table_cell((enum machine_state)s, e)->allowed;
            if (allowed == TABLE_NONE)
                continue;
            struct mark *m = add(c, role == MACHINE_CLIENT ? MARK_CLIENT_CELL : MARK_SERVER_CELL);
            m->allowed = allowed;
            name_cell(m->name, sizeof m->name, (enum machine_state)s, e);
        }
    }
}

static bool can_be_seen(const struct clause *clause)
{
    return strcmp(clause->visible, "no") != 0 && strcmp(clause->binds, "-") != 0;
}

static void add_clause(struct coverage *c, const struct clause *clause, enum mark_kind kind)
{
    struct mark *m = add(c, kind);

    snprintf(m->name, NAME_MAX_LEN, "%s", clause->id);
    m->versions = clause->versions;
}

static void add_clauses(struct coverage *c)
{
    for (size_t i = 0; i < n_clauses; i++) {
        if (!can_be_seen(&clauses[i]))
            continue;
        if (clauses[i].level <= CLAUSE_SHOULD_NOT)
            add_clause(c, &clauses[i], MARK_CLAUSE);
        else if (clauses[i].level == CLAUSE_IS)
            add_clause(c, &clauses[i], MARK_PREDICTION);
    }
}

static struct mark *find(const struct coverage *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->at[i].name, name) == 0)
            return &c->at[i];
    return NULL;
}

/* --- what was covered ------------------------------------------------------------------------ */

static unsigned reaction_of(const char *name)
{
    for (unsigned bit = 0; bit < TABLE_N_REACTIONS; bit++)
        if (strcmp(table_reaction_name((enum table_reaction)(1 << bit)), name) == 0)
            return 1U << bit;
    return 0;
}

static void take_reaction(struct coverage *c, const json_value *v, bool stock)
{
    struct quirk q = {0};
    enum machine_state state;
    unsigned event;
    char name[NAME_MAX_LEN];

    snprintf(q.state, sizeof q.state, "%s", report_text_of(v, "state"));
    snprintf(q.event, sizeof q.event, "%s", report_text_of(v, "event"));
    if (!quirks_cell(&q, &state, &event))
        return;
    name_cell(name, sizeof name, state, event);
    struct mark *m = find(c, name);
    if (m) {
        m->covered = true;
        m->on_stock |= stock;
        m->met |= m->allowed & reaction_of(report_text_of(v, "reaction"));
    }
}

/* version: of the stock build that was judged, or NULL. */
static void take_clause(struct mark *m, const struct clause_version *version, const char *verdict,
                        const char *missed)
{
    if (m->kind == MARK_PREDICTION && !(version && clause_versions_hold(m->versions, version)))
        return;
    m->covered = true;
    m->on_stock |= version != NULL;
    m->differs |=
        version && strcmp(verdict, "pass") != 0 && (!*missed || strcmp(missed, m->name) == 0);
}

static void take_result(struct coverage *c, const json_value *result,
                        const struct clause_version *version)
{
    const char *verdict = report_text_of(result, "verdict"),
               *missed = report_text_of(result, "clause");
    const json_value *named = json_member(result, "clauses");
    const json_value *met = json_member(result, "reactions");

    if (strcmp(verdict, "skip") == 0 || strcmp(verdict, "error") == 0)
        return;
    for (const json_value *v = NULL; (v = json_next(named, v));) {
        struct mark *m = json_type_of(v) == JSON_STRING ? find(c, json_text(v)) : NULL;
        if (m)
            take_clause(m, version, verdict, missed);
    }
    for (const json_value *v = NULL; (v = json_next(met, v));)
        take_reaction(c, v, version != NULL);
}

/* "iperf 3.12 deb12u2": what the build counts as. False: as none of the stock builds. */
static bool read_profile(const json_value *subject, struct clause_version *version)
{
    char number[32] = "", vendor[16] = "";

    return strcmp(report_text_of(subject, "name"), "iperf") == 0 &&
           sscanf(report_text_of(subject, "profile"), "iperf %31[^ ;] %15[^ ;]", number, vendor) >
               0 &&
           clause_version_parse(number, vendor, version);
}

static void take_run(struct coverage *c, const struct kept_run *run)
{
    struct clause_version version;
    bool stock = read_profile(json_member(run->head, "subject"), &version);

    for (size_t i = 0; i < c->n && stock; i++)
        c->at[i].holds |= c->at[i].versions && clause_versions_hold(c->at[i].versions, &version);
    for (size_t i = 0; i < run->n; i++) {
        json_value *result = kept_parse(&run->results[i]);
        take_result(c, result, stock ? &version : NULL);
        json_free(result);
    }
}

static bool take_report(struct coverage *c, const char *path, struct text *why)
{
    struct kept kept = {0};
    bool ok = kept_read(&kept, path, why);

    for (size_t i = 0; ok && i < kept.n; i++)
        take_run(c, &kept.runs[i]);
    kept_fini(&kept);
    return ok;
}

/* [{"mutant", "proves": [{"clause", "case"}]}]: what a case that names it noticed a fault of. */
static bool take_mutants(struct coverage *c, const char *path, struct text *why)
{
    json_value *root;

    if (!kept_read_tree(path, &root, why))
        return false;
    for (const json_value *v = NULL; (v = json_next(root, v));) {
        const json_value *proves = json_member(v, "proves");
        for (const json_value *proof = NULL; (proof = json_next(proves, proof));) {
            struct mark *m = find(c, report_text_of(proof, "clause"));
            if (m)
                m->killed = true;
        }
    }
    c->has_mutants = true;
    json_free(root);
    return true;
}

static bool is_reason(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (strcmp(reasons[i], word) == 0)
            return true;
    return false;
}

static bool take_left_out(struct coverage *c, const char *path, struct text *why)
{
    FILE *f = fopen(path, "re");
    char line[512], name[NAME_MAX_LEN], reason[32];
    unsigned n = 0, n_left = 0, at_most = 0;

    if (!f) {
        text_addf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    while (fgets(line, sizeof line, f) && why->len == 0) {
        n++;
        if (line[0] == '#' || line[0] == '\n' || sscanf(line, "at-most %u", &at_most) == 1)
            continue;
        n_left++;
        struct mark *m = sscanf(line, "%95s %31s", name, reason) == 2 ? find(c, name) : NULL;
        if (m && m->kind != MARK_PREDICTION && is_reason(reason))
            m->left_out = true;
        else
            text_addf(why,
                      "%s:%u: expected a clause or cell to be covered, and no-sctp, slow or "
                      "unseen",
                      path, n);
    }
    fclose(f);
    if (why->len == 0 && n_left > at_most)
        text_addf(why, "%s: %u are left out, and `at-most` says %u: may only fall", path, n_left,
                  at_most);
    return why->len == 0;
}

/* --- telling --------------------------------------------------------------------------------- */

struct sums {
    unsigned all, covered, on_stock, killed, differs, left_out, missing, stale;
};

/* A case that cannot fail covers nothing: where mutants were tried, a clause needs a proof. */
static bool is_covered(const struct coverage *c, const struct mark *m)
{
    return m->covered && (m->kind != MARK_CLAUSE || !c->has_mutants || m->killed || m->differs);
}

static struct sums sum(const struct coverage *c, enum mark_kind kind)
{
    struct sums s = {0};

    for (size_t i = 0; i < c->n; i++) {
        const struct mark *m = &c->at[i];
        if (m->kind != kind || (kind == MARK_PREDICTION && !m->holds))
            continue;
        s.all++;
        bool covered = is_covered(c, m);
        s.covered += covered;
        s.on_stock += m->on_stock;
        s.killed += m->killed;
        s.differs += m->differs;
        s.left_out += m->left_out && !covered;
        s.missing += !covered && !m->left_out;
        s.stale += covered && m->left_out;
    }
    return s;
}

static bool print_sums(FILE *out, const struct coverage *c, const char *what, enum mark_kind kind)
{
    struct sums s = sum(c, kind);

    fprintf(out, "%-28s %5u %8u %5.1f %% %9u %8u %8u", what, s.all, s.covered,
            s.all ? 100.0 * s.covered / s.all : 100.0, s.on_stock, s.left_out, s.missing);
    if (c->has_mutants && kind == MARK_CLAUSE)
        fprintf(out, "   of %u a fault is noticed, in %u a stock build differs", s.killed,
                s.differs);
    fputs("\n", out);
    return s.missing == 0 && s.stale == 0;
}

/* Of all that some build may do in a cell no build does all. */
static void print_reactions(FILE *out, const struct coverage *c)
{
    unsigned all = 0, met = 0;

    for (size_t i = 0; i < c->n; i++) {
        all += (unsigned)__builtin_popcount(c->at[i].allowed);
        met += (unsigned)__builtin_popcount(c->at[i].met);
    }
    fprintf(out, "%-28s %5u %8u %5.1f %%\n", "reactions that cells allow", all, met,
            all ? 100.0 * met / all : 100.0);
}

static void list(FILE *out, const struct coverage *c, bool lists_missing)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct mark *m = &c->at[i];
        bool covered = is_covered(c, m);
        if (covered && m->left_out)
            fprintf(out, "left out, but covered: %s\n", m->name);
        else if (covered || m->left_out || !lists_missing)
            continue;
        else if (m->kind != MARK_PREDICTION)
            fprintf(out, m->covered ? "unproved: %s\n" : "missing: %s\n", m->name);
        else if (m->holds)
            fprintf(out, "not predicted: %s\n", m->name);
    }
}

bool coverage_print(FILE *out, const struct coverage_files *files, bool *is_whole, struct text *why)
{
    struct coverage c = {0};
    char own[1200], path[1300];
    bool ok = true;

    add_cells(&c);
    add_clauses(&c);
    for (size_t i = 0; i < files->n_reports && ok; i++)
        ok = take_report(&c, files->reports[i], why);
    ok = ok && (!files->mutants || take_mutants(&c, files->mutants, why));
    if (ok && files->left_out) {
        ok = take_left_out(&c, files->left_out, why);
    } else if (ok && suite_default_cases(own, sizeof own)) {
        snprintf(path, sizeof path, "%s/left-out", own);
        ok = take_left_out(&c, path, why);
    }
    if (ok) {
        fprintf(out, "%-28s %5s %8s %7s %9s %8s %8s\n", "", "all", "covered", "", "on stock",
                "left out", "missing");
        bool servers = print_sums(out, &c, "cells of the server's table", MARK_SERVER_CELL);
        bool clients = print_sums(out, &c, "cells of the client's table", MARK_CLIENT_CELL);
        print_reactions(out, &c);
        *is_whole =
            print_sums(out, &c, "clauses, MUST and SHOULD", MARK_CLAUSE) && servers && clients;
        print_sums(out, &c, "clauses, IS, of these builds", MARK_PREDICTION);
        list(out, &c, files->lists_missing);
    }
    free(c.at);
    return ok;
}
