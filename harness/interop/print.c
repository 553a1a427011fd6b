/* print.c - the matrix for people, and for programs. */
#include "harness/interop/interop.h"

#include "harness/report/outfile.h"
#include "impl/wire/jwrite.h"

#include <string.h>

#define CELL_WIDTH 5

size_t interop_count(const struct interop_matrix *m, enum interop_verdict verdict)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n_cells; i++)
        n += m->outcomes[i].verdict == verdict;
    return n;
}

const struct interop_outcome *interop_find(const struct interop_matrix *m,
                                           const struct interop_mode *mode,
                                           const struct interop_end *client,
                                           const struct interop_end *server)
{
    for (size_t i = 0; i < m->n_cells; i++)
        if (m->cells[i].mode == mode && m->cells[i].client == client &&
            m->cells[i].server == server)
            return &m->outcomes[i];
    return NULL;
}

/* --- tables ---------------------------------------------------------------------------------- */

static const char *mark(const struct interop_outcome *o)
{
    static const char *const marks[] = {
        [CELL_OPEN] = "?",    [CELL_GREEN] = "ok",   [CELL_RED] = "RED",
        [CELL_SKIPPED] = "-", [CELL_TROUBLE] = "?!",
    };

    return o ? marks[o->verdict] : "";
}

/* The widest label of a column. */
static int width(const struct interop_matrix *m, int least)
{
    for (size_t i = 0; i < m->n_ends; i++)
        least = MAX(least, (int)strlen(m->ends[i].label) + 2);
    return least;
}

static void print_head(const struct interop_matrix *m, FILE *out)
{
    int w = 2 * CELL_WIDTH;

    fprintf(out, "%-26s", "");
    for (size_t i = 0; i < m->n_ends; i++)
        fprintf(out, "%-*.*s", w, w - 1, m->ends[i].label);
    fprintf(out, "\n%-26s", "mode");
    for (size_t i = 0; i < m->n_ends; i++)
        if (&m->ends[i] == m->reference)
            fprintf(out, "%s", "self");
        else
            fprintf(out, "%-*s%-*s", CELL_WIDTH, "c", CELL_WIDTH, "s");
    fputc('\n', out);
}

static void print_row(const struct interop_matrix *m, const struct interop_mode *mode, FILE *out)
{
    fprintf(out, "%-26s", mode->name);
    for (size_t i = 0; i < m->n_ends; i++) {
        const struct interop_end *end = &m->ends[i];
        fprintf(out, "%-*s", CELL_WIDTH, mark(interop_find(m, mode, end, m->reference)));
        if (end != m->reference)
            fprintf(out, "%-*s", CELL_WIDTH, mark(interop_find(m, mode, m->reference, end)));
    }
    fputc('\n', out);
}

/* Modes in the order of the table, of which there is a cell of that kind. */
static const struct interop_mode *next_mode(const struct interop_matrix *m,
                                            const struct interop_mode *before, bool is_control)
{
    bool past = before == NULL;

    for (size_t i = 0; i < m->n_cells; i++) {
        const struct interop_cell *c = &m->cells[i];
        if (past && c->is_control == is_control && c->mode != before)
            return c->mode;
        past |= c->mode == before;
    }
    return NULL;
}

static void print_matrix(const struct interop_matrix *m, FILE *out)
{
    const struct interop_mode *mode = next_mode(m, NULL, false);

    if (!mode)
        return;
    fprintf(out, "c: the build as client of %s, s: as its server, -: skipped\n\n",
            m->reference->label);
    print_head(m, out);
    for (; mode; mode = next_mode(m, mode, false))
        print_row(m, mode, out);
}

static void print_control(const struct interop_matrix *m, const struct interop_mode *mode,
                          FILE *out)
{
    int w = width(m, CELL_WIDTH);

    fprintf(out, "\n%-18s server:", mode->name);
    for (size_t i = 0; i < m->n_ends; i++)
        if (!m->ends[i].side.is_reference)
            fprintf(out, " %-*s", w, m->ends[i].label);
    for (size_t i = 0; i < m->n_ends; i++) {
        if (m->ends[i].side.is_reference)
            continue;
        fprintf(out, "\n  client %-16s ", m->ends[i].label);
        for (size_t k = 0; k < m->n_ends; k++)
            if (!m->ends[k].side.is_reference)
                fprintf(out, " %-*s", w, mark(interop_find(m, mode, &m->ends[i], &m->ends[k])));
    }
    fputc('\n', out);
}

static void print_controls(const struct interop_matrix *m, FILE *out)
{
    const struct interop_mode *mode = next_mode(m, NULL, true);

    if (mode)
        fputs("\nControl group, stock builds among themselves:\n", out);
    for (; mode; mode = next_mode(m, mode, true))
        print_control(m, mode, out);
}

/* --- reasons --------------------------------------------------------------------------------- */

static void print_said(const char *who, const char *said, FILE *out)
{
    if (!*said)
        return;
    fprintf(out, "  the %s printed:\n", who);
    while (*said) {
        int len = (int)strcspn(said, "\n");
        fprintf(out, "    | %.*s\n", len, said);
        said += len + (said[len] == '\n');
    }
}

static void print_bad(const struct interop_matrix *m, FILE *out)
{
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct interop_cell *c = &m->cells[i];
        const struct interop_outcome *o = &m->outcomes[i];
        if (o->verdict != CELL_RED && o->verdict != CELL_TROUBLE)
            continue;
        fprintf(out, "\n%s: %s, client %s, server %s: %s\n  %s\n  %s\n",
                o->verdict == CELL_RED ? "RED" : "TROUBLE", c->mode->name, c->client->label,
                c->server->label, o->reason, o->server_line, o->client_line);
        print_said("server", o->server_said, out);
        print_said("client", o->client_said, out);
    }
}

static void print_red_at_first(const struct interop_matrix *m, FILE *out)
{
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct interop_cell *c = &m->cells[i];
        const struct interop_outcome *o = &m->outcomes[i];
        if (o->verdict == CELL_GREEN && o->at_first[0])
            fprintf(out,
                    "\nred at first, green when played again alone: %s, client %s, server %s: %s\n",
                    c->mode->name, c->client->label, c->server->label, o->at_first);
    }
}

/* Skips that have mode and reason in common stand on one line. */
static void print_skips(const struct interop_matrix *m, FILE *out)
{
    if (interop_count(m, CELL_SKIPPED) > 0)
        fputs("\nSkipped, as the table of modes says:\n", out);
    for (size_t i = 0; i < m->n_cells; i++) {
        const struct interop_outcome *o = &m->outcomes[i];
        bool is_first = o->verdict == CELL_SKIPPED;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = m->outcomes[k].verdict != CELL_SKIPPED ||
                       m->cells[k].mode != m->cells[i].mode ||
                       strcmp(m->outcomes[k].reason, o->reason) != 0;
        if (!is_first)
            continue;
        fprintf(out, "  %s: %s:", m->cells[i].mode->name, o->reason);
        for (size_t k = i; k < m->n_cells; k++)
            if (m->outcomes[k].verdict == CELL_SKIPPED && m->cells[k].mode == m->cells[i].mode &&
                strcmp(m->outcomes[k].reason, o->reason) == 0)
                fprintf(out, " %s>%s", m->cells[k].client->label, m->cells[k].server->label);
        fputc('\n', out);
    }
}

static void print_builds(const struct interop_matrix *m, FILE *out)
{
    for (size_t i = 0; i < m->n_ends; i++) {
        const struct subject_build *b = &m->ends[i].build;
        fprintf(out, "%-10s %s%s%s, sha256 %.16s..., %s\n", m->ends[i].label, b->banner,
                b->package[0] ? ", package " : "", b->package, b->sha256, b->path);
    }
    fputc('\n', out);
}

static void print_captured(const struct interop_matrix *m, FILE *out)
{
    size_t n = 0, in_part = 0;

    for (size_t i = 0; i < m->n_cells; i++) {
        n += m->outcomes[i].is_captured;
        in_part += m->outcomes[i].is_captured && m->outcomes[i].in_part;
    }
    if (n > 0)
        fprintf(out, "%zu cells judged from their packets too, %zu of them captured in part\n", n,
                in_part);
}

void interop_print(const struct interop_matrix *m, const struct kit *kit, FILE *out)
{
    print_builds(m, out);
    print_matrix(m, out);
    print_controls(m, out);
    print_skips(m, out);
    print_bad(m, out);
    print_red_at_first(m, out);
    if (kit)
        fprintf(out, "\nThe files of these command lines are kept in %s.\n", kit->dir);
    fprintf(out, "\n%zu cells: %zu green, %zu red, %zu skipped", m->n_cells,
            interop_count(m, CELL_GREEN), interop_count(m, CELL_RED),
            interop_count(m, CELL_SKIPPED));
    if (interop_count(m, CELL_TROUBLE) + interop_count(m, CELL_OPEN) > 0)
        fprintf(out, ", %zu not played",
                interop_count(m, CELL_TROUBLE) + interop_count(m, CELL_OPEN));
    fprintf(out, " in %.0f s\n", m->seconds);
    print_captured(m, out);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void write_build(struct jwrite *w, const struct interop_end *end)
{
    jwrite_object(w, NULL);
    jwrite_string(w, "label", end->label);
    jwrite_string(w, "path", end->build.path);
    jwrite_string(w, "banner", end->build.banner);
    jwrite_string(w, "package", end->build.package);
    jwrite_string(w, "sha256", end->build.sha256);
    jwrite_bool(w, "reference", end->side.is_reference);
    jwrite_end(w);
}

static void write_cell(struct jwrite *w, const struct interop_cell *c,
                       const struct interop_outcome *o)
{
    jwrite_object(w, NULL);
    jwrite_string(w, "mode", c->mode->name);
    jwrite_string(w, "client", c->client->label);
    jwrite_string(w, "server", c->server->label);
    jwrite_bool(w, "control", c->is_control);
    jwrite_string(w, "verdict", interop_verdict_word(o->verdict));
    if (o->verdict != CELL_GREEN)
        jwrite_string(w, "reason", o->reason);
    if (o->at_first[0])
        jwrite_string(w, "at_first", o->at_first);
    if (o->is_captured)
        jwrite_string(w, "captured", o->in_part ? "in part" : "whole");
    if (o->verdict != CELL_SKIPPED) {
        jwrite_double(w, "seconds", o->seconds);
        jwrite_string(w, "server_command", o->server_line);
        jwrite_string(w, "client_command", o->client_line);
    }
    if (o->verdict == CELL_RED || o->verdict == CELL_TROUBLE) {
        jwrite_string(w, "server_said", o->server_said);
        jwrite_string(w, "client_said", o->client_said);
    }
    jwrite_end(w);
}

static void write_totals(struct jwrite *w, const struct interop_matrix *m)
{
    jwrite_object(w, "totals");
    jwrite_uint(w, "cells", m->n_cells);
    for (enum interop_verdict v = CELL_OPEN; v <= CELL_TROUBLE; v++)
        jwrite_uint(w, interop_verdict_word(v), interop_count(m, v));
    jwrite_double(w, "seconds", m->seconds);
    jwrite_end(w);
}

static void write_matrix(struct jwrite *w, const struct interop_matrix *m)
{
    jwrite_object(w, NULL);
    jwrite_array(w, "builds");
    for (size_t i = 0; i < m->n_ends; i++)
        write_build(w, &m->ends[i]);
    jwrite_end(w);
    jwrite_object(w, "kernel");
    jwrite_bool(w, "ipv6", m->kernel.ipv6);
    jwrite_bool(w, "mptcp", m->kernel.mptcp);
    jwrite_end(w);
    write_totals(w, m);
    jwrite_array(w, "cells");
    for (size_t i = 0; i < m->n_cells; i++)
        write_cell(w, &m->cells[i], &m->outcomes[i]);
    jwrite_end(w);
    jwrite_end(w);
}

bool interop_write_json(const struct interop_matrix *m, const char *path)
{
    struct jwrite w;
    struct bytes text;
    struct outfile f;

    if (!outfile_begin(&f, path))
        return false;
    jwrite_init(&w, JWRITE_PRETTY);
    write_matrix(&w, m);
    bool ok = jwrite_finish(&w, &text) == SPEC_OK &&
              fwrite(text.at, 1, text.len, f.out) == text.len && fputc('\n', f.out) != EOF;
    jwrite_fini(&w);
    if (ok)
        return outfile_end(&f);
    outfile_drop(&f);
    return false;
}
