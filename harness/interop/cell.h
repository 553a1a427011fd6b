/* cell.h - one cell of the matrix: a mode between a client and a server, played and judged.
 *
 * A cell is played in a process of its own (pool.h), which it may give a network of its own. */
#pragma once
#include "harness/interop/kit.h"
#include "harness/interop/mode.h"
#include "harness/subject/subject.h"

#include <stdbool.h>

/* A build, as client or as server. */
struct interop_end {
    struct subject_build build;
    struct mode_side side;
    char label[32]; /* "3.12", "iperfref"; different from all others */
};

enum interop_verdict {
    CELL_OPEN, /* not played yet */
    CELL_GREEN,
    CELL_RED,
    CELL_SKIPPED, /* the table says so */
    CELL_TROUBLE, /* we could not do our part */
};
const char *interop_verdict_word(enum interop_verdict verdict); /* "green"; static */

/* What came of it; of fixed size, since it is written by another process. Texts are cut to fit. */
struct interop_outcome {
    enum interop_verdict verdict;
    double seconds;
    bool is_captured, in_part; /* judged from its packets too; not all of them were captured */
    bool is_late; /* red, but only for bytes that a receiver who waited for a processor leaves */
    char reason[600];       /* of a skip, a red cell, trouble */
    char at_first[600];     /* of one that was late, and then played again; else empty */
    char server_line[1000]; /* command lines, to repeat it by hand */
    char client_line[1000];
    char server_said[3000], client_said[3000]; /* the ends of stderr and stdout of a red cell */
};

struct interop_cell {
    const struct interop_mode *mode;
    const struct interop_end *client, *server;
    bool is_control; /* between stock builds */
    size_t number;   /* names the files of the cell */
};

/* Play it and judge it. Ends the caller's environment: called once in a process. */
void cell_play(const struct interop_cell *cell, const struct kit *kit,
               struct interop_outcome *outcome);
