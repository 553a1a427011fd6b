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

struct mark {
    char name[NAME_MAX_LEN]; /* "ST-SRV-6.c", "server/RUN/SEV_TEST_END" */
    bool is_cell, is_client;
    bool covered, on_stock, left_out;
    bool differs; /* a stock build was seen to do otherwise, in a case that names it */
    bool killed;  /* so was iperfref with a fault of it */
};

struct coverage {
    struct mark *at;
    size_t n;
    unsigned n_triples; /* state x event x reaction that were met */
    bool has_mutants;
};

static const char *const reasons[] = {"no-sctp", "slow", "unseen"};

/* --- what there is to cover ------------------------------------------------------------------ */

static struct mark *add(struct coverage *c)
{
    c->at = text_realloc(c->at, (c->n + 1) * sizeof *c->at);
    c->at[c->n] = (struct mark){0};
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
            if (table_cell((enum machine_state)s, e)->allowed == TABLE_NONE)
                continue;
            struct mark *m = add(c);
            m->is_cell = true;
            m->is_client = role == MACHINE_CLIENT;
            name_cell(m->name, sizeof m->name, (enum machine_state)s, e);
        }
    }
}

static bool is_to_judge(const struct clause *clause)
{
    return clause->level <= CLAUSE_SHOULD_NOT && strcmp(clause->visible, "no") != 0 &&
           strcmp(clause->binds, "-") != 0;
}

static void add_clauses(struct coverage *c)
{
    for (size_t i = 0; i < n_clauses; i++)
        if (is_to_judge(&clauses[i]))
            snprintf(add(c)->name, NAME_MAX_LEN, "%s", clauses[i].id);
}

static struct mark *find(const struct coverage *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->at[i].name, name) == 0)
            return &c->at[i];
    return NULL;
}

/* --- what was covered ------------------------------------------------------------------------ */

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
    }
}

static void take_result(struct coverage *c, const json_value *result, bool stock)
{
    const char *verdict = report_text_of(result, "verdict"),
               *missed = report_text_of(result, "clause");
    const json_value *named = json_member(result, "clauses");
    const json_value *met = json_member(result, "reactions");

    if (strcmp(verdict, "skip") == 0 || strcmp(verdict, "error") == 0)
        return;
    for (const json_value *v = NULL; (v = json_next(named, v));) {
        struct mark *m = json_type_of(v) == JSON_STRING ? find(c, json_text(v)) : NULL;
        if (m) {
            m->covered = true;
            m->on_stock |= stock;
            m->differs |=
                stock && strcmp(verdict, "pass") != 0 && (!*missed || strcmp(missed, m->name) == 0);
        }
    }
    for (const json_value *v = NULL; (v = json_next(met, v));)
        take_reaction(c, v, stock);
}

static void take_run(struct coverage *c, const struct kept_run *run)
{
    const json_value *subject = json_member(run->head, "subject");
    bool stock = strcmp(report_text_of(subject, "name"), "iperf") == 0;

    for (size_t i = 0; i < run->n; i++) {
        json_value *result = kept_parse(&run->results[i]);
        take_result(c, result, stock);
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
        if (m && is_reason(reason))
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
    return m->covered && (m->is_cell || !c->has_mutants || m->killed || m->differs);
}

static struct sums sum(const struct coverage *c, bool cells, bool clients)
{
    struct sums s = {0};

    for (size_t i = 0; i < c->n; i++) {
        const struct mark *m = &c->at[i];
        if (m->is_cell != cells || m->is_client != clients)
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

static bool print_sums(FILE *out, const struct coverage *c, const char *what, bool cells,
                       bool clients)
{
    struct sums s = sum(c, cells, clients);

    fprintf(out, "%-28s %5u %8u %5.1f %% %9u %8u %8u", what, s.all, s.covered,
            s.all ? 100.0 * s.covered / s.all : 100.0, s.on_stock, s.left_out, s.missing);
    if (c->has_mutants && !cells)
        fprintf(out, "   of %u a fault is noticed, in %u a stock build differs", s.killed,
                s.differs);
    fputs("\n", out);
    return s.missing == 0 && s.stale == 0;
}

static void list(FILE *out, const struct coverage *c, bool lists_missing)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct mark *m = &c->at[i];
        bool covered = is_covered(c, m);
        if (covered && m->left_out)
            fprintf(out, "left out, but covered: %s\n", m->name);
        else if (!covered && !m->left_out && lists_missing)
            fprintf(out, m->covered ? "unproved: %s\n" : "missing: %s\n", m->name);
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
        bool servers = print_sums(out, &c, "cells of the server's table", true, false);
        bool clients = print_sums(out, &c, "cells of the client's table", true, true);
        *is_whole =
            print_sums(out, &c, "clauses, MUST and SHOULD", false, false) && servers && clients;
        list(out, &c, files->lists_missing);
    }
    free(c.at);
    return ok;
}
