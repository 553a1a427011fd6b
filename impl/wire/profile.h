/* profile.h - what stock builds do where they differ, or where several reactions are allowed.
 *
 * Data beside the table: rows of (states, event, versions, reaction, number, clause) in
 * profile.def. Versions are sets in the notation of docs/clauses.tsv. A build of unknown name has
 * the profile "any", which predicts nothing. */
#pragma once
#include "impl/wire/table.h"

#include <stdbool.h>

struct profile {
    const char *name;    /* "3.12-deb12u2" */
    const char *version; /* "3.12"; NULL: any build */
    const char *vendor;  /* "deb12u2", or NULL */
};

/* The profiles whose matrices are committed in docs/matrix/; the first is "any". */
extern const struct profile profiles[];
extern const size_t n_profiles;

/* By name, exact spelling; NULL if there is none. Static. */
const struct profile *profile_find(const char *name);

struct profile_reaction {
    enum table_reaction reaction; /* can lie outside of what the table allows: a known defect */
    int ierr;                     /* 0: none, or it comes with the event */
    const char *clause;
};

/* What that build does there, into *out: the first row that holds, else the only reaction that the
 * table allows, where the number of the cell stands. False if nothing predicts it. */
bool profile_reaction(const struct profile *profile, enum machine_state state, unsigned event,
                      struct profile_reaction *out);

/* The rows themselves, for tests and lists. */
struct profile_row {
    unsigned states; /* set of 1u << enum machine_state; all of one role */
    unsigned event;
    const char *versions;
    struct profile_reaction does;
};
extern const struct profile_row profile_rows[];
extern const size_t n_profile_rows;
