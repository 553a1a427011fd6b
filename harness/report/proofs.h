/* proofs.h - the file of proofs: which case is known to notice a fault of which clause. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Zero it to start. */
struct proofs {
    struct proof *at; /* sorted */
    size_t n;
    struct text text; /* of the file */
};

/* Read lines `CLAUSE CASE FAULT` as scripts/mutants-table writes them; # begins a comment. False if
 * the file cannot be read or says something else, with one line of what is wrong and where;
 * proofs_fini() frees in any case. */
bool proofs_read(struct proofs *proofs, const char *path, struct text *why);
void proofs_fini(struct proofs *proofs);

/* Whether that case was seen to fail because of a fault of that clause. */
bool proofs_have(const struct proofs *proofs, const char *clause, const char *id);
