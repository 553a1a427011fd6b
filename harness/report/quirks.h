/* quirks.h - what a build was seen to do, case by case and cell by cell of the state x event
 * tables.
 *
 * Collected from a run's witnesses (harness/session/witness.h), kept as JSON by `test --record`,
 * and read back from such a record or from a report of `test --json`. */
#pragma once
#include "harness/session/arena.h"
#include "harness/suite/suite.h"

struct quirk {
    char state[24], event[32], reaction[24]; /* "RUN" "SEV_TEST_END" "advance" */
    int error;                               /* number behind SERVER_ERROR, else 0 */
    unsigned cases;                          /* that showed it */
    char example[160];                       /* id of the first of them */
};

/* A case that was played; its texts are one line each. */
struct quirk_case {
    const char *id, *title;
    const char *clause;       /* that decided, else the first that it is about; or "" */
    const char *cause;        /* word of enum sim_cause */
    const char *got;          /* what came instead of what the case asks for; "" if that came */
    const char *const *plays; /* lines of suite_run.reactions: what each play showed */
    size_t n_plays;
    bool at_times; /* its verdict is known to change from run to run */
};

struct quirks {
    char banner[160], name[64]; /* of the build: "iperf 3.12", "iperf" */
    struct quirk *at;
    size_t n;
    struct quirk_case *cases; /* ours, as all that they point to */
    size_t n_cases;
    struct arena arena;
};

/* The first line of suite_run.reactions: state, event, reaction and error of q. Returns the next
 * line, NULL if there is none here. */
const char *quirk_of_line(struct quirk *q, const char *line);

/* Those of a run, sorted by role, state and event. */
void quirks_collect(struct quirks *q, const struct suite *suite);
/* As JSON (docs/report-schema.md). False: see errno. */
bool quirks_write(const char *path, const struct suite *suite);
/* A record, or a report of `test --json`. False, with one line of what is wrong with it. */
bool quirks_read(struct quirks *q, const char *path, struct text *why);
void quirks_fini(struct quirks *q);

/* state and event as table.h has them; false for names that it has not. */
bool quirks_cell(const struct quirk *q, enum machine_state *state, unsigned *event);
