/* coverage.h - which cells of the tables and which clauses runs have met and judged. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stdio.h>

struct coverage_files {
    const char *const *reports; /* of `test --json` */
    size_t n_reports;
    const char *left_out; /* NULL: the one beside the program's own cases */
    const char *mutants;  /* of scripts/mutants --json; NULL: none */
    bool lists_missing;
};

/* Read the files and print the tables. A cell counts as covered if a case that was judged met it,
 * with a reaction that is allowed there; a clause, if a case that names it was judged, and neither
 * skipped nor without verdict. With mutants that case must have proved that it can fail: because of
 * a fault in that very clause, or on a stock build. *is_whole: nothing is missing that is not left
 * out for one of the reasons below, and nothing is left out that is covered. A prediction (IS)
 * counts if a case that names it was judged on a stock build that it speaks about; of those that no
 * peer can tell with certainty nothing is asked. False if a file cannot be read, with one line of
 * what is wrong.
 *
 * A line of the file of what is left out: `CLAUSE REASON` or `ROLE/STATE/EVENT REASON`, where
 * REASON is one of no-sctp (the kernel has none), slow (waits more than 60 s), unseen (not visible
 * from outside); # begins a comment. */
bool coverage_print(FILE *out, const struct coverage_files *files, bool *is_whole,
                    struct text *why);
