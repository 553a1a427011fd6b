#include "harness/report/coverage.h"

#include "harness/report/kept.h"
#include "harness/report/left_out.h"
#include "harness/report/proofs.h"
#include "harness/report/quirks.h"
#include "harness/report/report.h"
#include "impl/wire/clause.h"
#include "impl/wire/json.h"
#include "impl/wire/table.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN LEFT_OUT_NAME_LEN

enum mark_kind { MARK_SERVER_CELL, MARK_CLIENT_CELL, MARK_CLAUSE, MARK_PREDICTION };

struct mark {
    enum mark_kind kind;
    char name[NAME_MAX_LEN]; /* "ST-SRV-6.c", "server/RUN/SEV_TEST_END" */
    bool met, on_stock, left_out;
    /* Of a clause that was met: whether one of these cases can fail because of it. */
    bool differs;              /* a stock build was seen to do otherwise */
    bool proved;               /* so was iperfref with a fault of it */
    unsigned allowed, reacted; /* of a cell: sets of enum table_reaction */
    const char *versions;      /* of a prediction */
    bool holds;                /* for a build whose report was read */
};

/* A case that was judged on a build that a prediction speaks about. */
struct candidate {
    size_t mark;
    const char *id;
};

struct coverage {
    struct mark *at;
    size_t n;
    struct left_out left_out;
    struct proofs proofs;
    struct kept *kept; /* of each report: the ids below are theirs */
    size_t n_kept;
    struct candidate *candidates;
    size_t n_candidates;
    const char **failed; /* ids of cases that some build does not pass; sorted in the end */
    size_t n_failed;
};

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
        m->met = true;
        m->on_stock |= stock;
        m->reacted |= m->allowed & reaction_of(report_text_of(v, "reaction"));
    }
}

static void note_candidate(struct coverage *c, const struct mark *m, const char *id)
{
    c->candidates = text_realloc(c->candidates, (c->n_candidates + 1) * sizeof *c->candidates);
    c->candidates[c->n_candidates++] = (struct candidate){(size_t)(m - c->at), id};
}

static void note_failed(struct coverage *c, const char *id)
{
    c->failed = text_realloc(c->failed, (c->n_failed + 1) * sizeof *c->failed);
    c->failed[c->n_failed++] = id;
}

/* The case of that id, which names the clause, was judged. version: of the stock build, or NULL. */
static void take_clause(struct coverage *c, struct mark *m, const char *id,
                        const struct clause_version *version)
{
    if (m->kind == MARK_PREDICTION) {
        if (!version || !clause_versions_hold(m->versions, version))
            return;
        note_candidate(c, m, id);
    }
    m->met = true;
    m->on_stock |= version != NULL;
    m->proved |= proofs_have(&c->proofs, m->name, id);
}

static void take_result(struct coverage *c, const char *id, const json_value *result,
                        const struct clause_version *version)
{
    const char *verdict = report_text_of(result, "verdict"),
               *cause = report_text_of(result, "cause");
    bool passed = strcmp(verdict, "pass") == 0, skipped = strcmp(verdict, "skip") == 0;

    /* What predicts stock builds alone is skipped on others, but its cause tells what it saw. */
    if (skipped && *cause && strcmp(cause, "ok") != 0)
        note_failed(c, id);
    if (skipped || strcmp(verdict, "error") == 0)
        return;
    const json_value *named = json_member(result, "clauses");
    for (const json_value *v = NULL; (v = json_next(named, v));) {
        struct mark *m = json_type_of(v) == JSON_STRING ? find(c, json_text(v)) : NULL;
        if (m)
            take_clause(c, m, id, version);
    }
    const json_value *reactions = json_member(result, "reactions");
    for (const json_value *v = NULL; (v = json_next(reactions, v));)
        take_reaction(c, v, version != NULL);
    if (passed)
        return;
    note_failed(c, id);
    struct mark *missed = find(c, report_text_of(result, "clause"));
    if (missed)
        missed->differs |= version != NULL;
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
        take_result(c, run->results[i].id, result, stock ? &version : NULL);
        json_free(result);
    }
}

static bool take_report(struct coverage *c, const char *path, struct text *why)
{
    struct kept *kept = &c->kept[c->n_kept++];

    *kept = (struct kept){0};
    if (!kept_read(kept, path, why))
        return false;
    for (size_t i = 0; i < kept->n; i++)
        take_run(c, &kept->runs[i]);
    return true;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* A case that no build fails may be one that cannot. */
static void prove_predictions(struct coverage *c)
{
    if (c->n_failed == 0)
        return;
    qsort(c->failed, c->n_failed, sizeof *c->failed, compare_ids);
    for (size_t i = 0; i < c->n_candidates; i++)
        c->at[c->candidates[i].mark].differs |=
            bsearch(&c->candidates[i].id, c->failed, c->n_failed, sizeof *c->failed, compare_ids) !=
            NULL;
}

static bool take_left_out(struct coverage *c, const char *path, struct text *why)
{
    if (!left_out_read(&c->left_out, path, why))
        return false;
    for (size_t i = 0; i < c->left_out.n; i++) {
        struct mark *m = find(c, c->left_out.names[i]);
        if (!m || m->kind == MARK_PREDICTION) {
            text_addf(why, "%s: %s is no clause or cell that has to be covered", path,
                      c->left_out.names[i]);
            return false;
        }
        m->left_out = true;
    }
    return true;
}

/* The file that is asked for, or the one of that name beside the program's own cases. */
static const char *path_of(const char *asked, const char *name, char *out, size_t cap)
{
    char own[1200];

    if (asked)
        return asked;
    if (!suite_default_cases(own, sizeof own))
        return name;
    snprintf(out, cap, "%s/%s", own, name);
    return out;
}

static bool take_files(struct coverage *c, const struct coverage_files *files, struct text *why)
{
    char path[1300];
    bool ok = proofs_read(&c->proofs, path_of(files->proofs, "proofs", path, sizeof path), why);

    c->kept = text_realloc(NULL, files->n_reports * sizeof *c->kept);
    for (size_t i = 0; ok && i < files->n_reports; i++)
        ok = take_report(c, files->reports[i], why);
    prove_predictions(c);
    return ok && take_left_out(c, path_of(files->left_out, "left-out", path, sizeof path), why);
}

static void fini(struct coverage *c)
{
    for (size_t i = 0; i < c->n_kept; i++)
        kept_fini(&c->kept[i]);
    left_out_fini(&c->left_out);
    proofs_fini(&c->proofs);
    free(c->kept);
    free(c->candidates);
    free(c->failed);
    free(c->at);
}

/* --- telling --------------------------------------------------------------------------------- */

struct sums {
    unsigned all, covered, on_stock, proved, differs, left_out, missing, stale;
};

/* What was met, and of a clause, by a case that can fail. */
static bool is_covered(const struct mark *m)
{
    bool is_cell = m->kind == MARK_SERVER_CELL || m->kind == MARK_CLIENT_CELL;

    return m->met && (is_cell || m->proved || m->differs);
}

static struct sums sum(const struct coverage *c, enum mark_kind kind)
{
    struct sums s = {0};

    for (size_t i = 0; i < c->n; i++) {
        const struct mark *m = &c->at[i];
        if (m->kind != kind || (kind == MARK_PREDICTION && !m->holds))
            continue;
        s.all++;
        bool covered = is_covered(m);
        s.covered += covered;
        s.on_stock += covered && m->on_stock;
        s.proved += m->proved;
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
    if (kind == MARK_CLAUSE)
        fprintf(out, "   of %u a fault is noticed, in %u a stock build differs", s.proved,
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
        met += (unsigned)__builtin_popcount(c->at[i].reacted);
    }
    fprintf(out, "%-28s %5u %8u %5.1f %%\n", "reactions that cells allow", all, met,
            all ? 100.0 * met / all : 100.0);
}

static void list(FILE *out, const struct coverage *c, bool lists_missing)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct mark *m = &c->at[i];
        bool covered = is_covered(m), is_prediction = m->kind == MARK_PREDICTION;
        if (covered && m->left_out)
            fprintf(out, "left out, but covered: %s\n", m->name);
        else if (covered || m->left_out || !lists_missing || (is_prediction && !m->holds))
            continue;
        else if (m->met)
            fprintf(out, "unproved: %s\n", m->name);
        else
            fprintf(out, is_prediction ? "not predicted: %s\n" : "missing: %s\n", m->name);
    }
}

bool coverage_print(FILE *out, const struct coverage_files *files, bool *is_whole, struct text *why)
{
    struct coverage c = {0};

    add_cells(&c);
    add_clauses(&c);
    bool ok = take_files(&c, files, why);
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
    fini(&c);
    return ok;
}
