/* finding.h - what is wrong with the subject, as a script that shows it and a line in a list. */
#pragma once
#include "harness/fuzz/play.h"

struct finding {
    const char *key; /* of the verdict */
    enum sim_cause cause;
    const char *clause; /* that is broken, "" for none */
    const char *got;    /* in words */
    uint64_t run;       /* in which it was met */
    uint64_t offset;    /* of the byte that breaks the clause, on the control connection */
    bool is_minimal;
    unsigned n_shown, n_played; /* of the script as it is written, each time a new process */
};

/* The name of the finding's file, made of its key. */
void finding_name(const char *key, char *out, size_t cap);
/* Whether dir has it already. */
bool finding_is_known(const char *dir, const char *key);

/* The script of a finding: what was done in the record of a run that showed it, with what the
 * subject did up to then, and the expectation that is not met. */
void finding_script(const struct finding *f, const struct fuzz_case *c,
                    const struct session *record, struct text *out);

/* Write script into dir, and the list README.md anew with this finding in it. False: see errno. */
bool finding_write(const char *dir, const struct finding *f, const struct text *script);
