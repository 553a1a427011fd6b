/* left_out.h - the file of what the suite leaves out: clauses and cells that no case covers. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stddef.h>

#define LEFT_OUT_NAME_LEN 96

/* Zero it to start. */
struct left_out {
    char (*names)[LEFT_OUT_NAME_LEN]; /* "CONN-5.n", "server/COOKIE/SEV_OWN_FAILURE" */
    size_t n;
};

/* Read lines `NAME REASON`, each name once, and one line `at-most N`, which says how many there may
 * be; # begins a comment. The reasons are three: no-sctp (the kernel has none: of a clause that
 * needs it), slow (waits more than 60 s: of a clause that is), unseen (not visible from outside).
 * False if the file cannot be read or says something else, with one line of what is wrong and
 * where; left_out_fini() frees in any case. */
bool left_out_read(struct left_out *list, const char *path, struct text *why);
void left_out_fini(struct left_out *list);

bool left_out_has(const struct left_out *list, const char *name);
