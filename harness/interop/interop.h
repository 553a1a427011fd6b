/* interop.h - every mode between iperfref and stock builds, both ways, as a matrix.
 *
 * Arrows: interop -> subject, capture (packets), session (text only), impl/net (transcript),
 * impl/wire. */
#pragma once
#include "harness/interop/cell.h"

#include <stdio.h>

struct interop_settings {
    const char *const *builds; /* paths */
    size_t n_builds;
    const char *mode; /* glob, or NULL */
    bool quick;       /* the modes that are marked so */
    bool capture;     /* judge each cell from its packets too */
    unsigned n_jobs;  /* cells at a time */
    const char *json; /* file for the matrix, or NULL */
    bool progress;    /* count cells on stderr */
};

struct interop_matrix {
    struct interop_end *ends; /* stock builds in the order given, then iperfref */
    size_t n_ends;
    const struct interop_end *reference; /* NULL: none */
    struct interop_cell *cells;
    struct interop_outcome *outcomes; /* one per cell */
    size_t n_cells;
    struct mode_kernel kernel;
    double seconds;
};

/* Play and print everything. CLI statuses: 0 all green, 1 red cells, 3 harness trouble. */
int interop_run(const struct interop_settings *settings, FILE *out);

/* --- print.c --- */
void interop_print(const struct interop_matrix *m, const struct kit *kit, FILE *out);
/* The whole matrix as JSON. False: see errno. */
bool interop_write_json(const struct interop_matrix *m, const char *path);
size_t interop_count(const struct interop_matrix *m, enum interop_verdict verdict);
/* The cell of that mode between the two, or NULL. */
const struct interop_outcome *interop_find(const struct interop_matrix *m,
                                           const struct interop_mode *mode,
                                           const struct interop_end *client,
                                           const struct interop_end *server);
