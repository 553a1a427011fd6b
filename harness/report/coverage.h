/* coverage.h - which cells of the tables and which clauses runs have met and judged. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stdio.h>

struct coverage_files {
    const char *const *reports; /* of `test --json` */
    size_t n_reports;
    const char *left_out, *proofs; /* NULL: those beside the program's own cases */
    bool lists_missing;
};

/* Read the files and print the tables. What counts as covered is what was executed and judged: a
 * case that was skipped, or has no verdict, covers nothing.
 *   - a cell, if a case met it: what the observer saw, whatever the case names;
 *   - a clause, MUST or SHOULD, if a case that names it can fail because of it: its row in the file
 *     of proofs says that it notices a fault of it, or a stock build reported missed that clause;
 *   - a prediction (IS), if a case that names it was judged on a stock build that it speaks about,
 *     and has a proof, or some build reported does not do what it expects. Of those that no peer
 * can tell with certainty nothing is asked. *is_whole: of cells and clauses nothing is missing that
 * is not left out (left_out.h), and nothing is left out that is covered. False if a file cannot be
 * read, with one line of what is wrong. */
bool coverage_print(FILE *out, const struct coverage_files *files, bool *is_whole,
                    struct text *why);
