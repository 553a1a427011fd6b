/* quirks.h - what a build was seen to do, cell by cell of the state x event tables.
 *
 * Collected from a run's witnesses (harness/session/witness.h), kept as JSON by `test --record`,
 * and read back from such a record or from a report of `test --json`. */
#pragma once
#include "harness/suite/suite.h"

struct quirk {
    char state[24], event[32], reaction[24]; /* "RUN" "SEV_TEST_END" "advance" */
    int error;                               /* number behind SERVER_ERROR, else 0 */
    unsigned cases;                          /* that showed it */
    char example[160];                       /* id of the first of them */
};

struct quirks {
    char banner[160], name[64]; /* of the build: "iperf 3.12", "iperf" */
    struct quirk *at;
    size_t n;
};

/* The first line of suite_run.reactions: state, event, reaction and error of q. Returns the next
 * line, NULL if there is none here. */
const char *quirk_of_line(struct quirk *q, const char *line);

/* One more case that showed it. */
void quirks_add(struct quirks *q, const struct quirk *one);
/* Those of a run, sorted by role, state and event. */
void quirks_collect(struct quirks *q, const struct suite *suite);
/* As JSON (docs/report-schema.md). False: see errno. */
bool quirks_write(const char *path, const struct suite *suite);
/* A record, or a report of `test --json`. False, with one line of what is wrong with it. */
bool quirks_read(struct quirks *q, const char *path, struct text *why);
void quirks_fini(struct quirks *q);

/* "server in RUN, 04 TEST_END (ST-SRV-6)". */
void quirks_cell_text(const struct quirk *q, struct text *out);
/* state and event as table.h has them; false for names that it has not. */
bool quirks_cell(const struct quirk *q, enum machine_state *state, unsigned *event);
