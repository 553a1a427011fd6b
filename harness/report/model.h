/* model.h - runs as every format sees them: read from JSON reports, borrowed by the writers. */
#pragma once
#include "harness/session/arena.h"
#include "harness/suite/suite.h"
#include "impl/wire/json.h"

#define REPORT_SCHEMA   1
#define REPORT_IDENTITY 16 /* hex digits */

/* One case of one run. Strings are never NULL; "" is what the report does not say. */
struct report_result {
    const char *id, *area; /* "server/close/half/RUN", "server/close" */
    const char *title, *judges, *cause, *clause, *known, *skip;
    const char *identity; /* the same finding in the next report; "" if there is none */
    const char *file, *step, *got, *branches, *timeline, *said, *command, *capture, *again;
    const char *change; /* word of enum gate_change, if it is another one with the base of --base */
    const char *beside; /* and how: "pass -> fail:crash, 3 of 3 plays" */
    const char *script, *session; /* session: a JSON text of rows (session_rows()), or "" */
    const char *const *clauses;
    size_t n_clauses;
    const unsigned *script_lines; /* of the script's lines those in the file, or 0 */
    size_t n_script_lines;
    unsigned line; /* 0: unknown */
    enum suite_verdict verdict;
    enum suite_standing standing;
    double seconds;
    bool is_carried; /* no case by itself: a verdict that earlier cases change */
};

struct report {
    const char *path; /* where it was read */
    const char *name, *version, *package, *banner, *sha256, *profile, *program;
    const char *label; /* "iperf 3.12", or what stands for it */
    bool is_capture;   /* sessions of a file, and no run against a build */
    const char *rerun; /* a command line that judges the same subject; cases are to be added */
    int exit;
    const char *exit_reason;
    const char *base;   /* the label of the build that --base names; "" if there was none */
    const char *beside; /* what is not the same with it: "2 worse, 1 better" */
    double seconds;
    struct report_result *results; /* cases, then findings of persistent mode */
    size_t n;
    unsigned verdicts[SUITE_N_VERDICTS], standings[SUITE_N_STANDINGS];
    struct arena arena;
};

/* Runs side by side, in the order in which they were read. Zero it to start. */
struct reports {
    struct report *at;
    size_t n;
};

/* --- load.c --- */
/* Add the run (or the runs, of a merged report) of a JSON text. False, with one line of what is
 * wrong; path is what that line and report.path say. */
bool reports_load(struct reports *list, struct bytes text, const char *path, struct text *why);
/* The same from a file, "-" being the standard input. */
bool reports_read(struct reports *list, const char *path, struct text *why);
void reports_fini(struct reports *list);
/* By label, numbers in it as numbers: 3.9 stands before 3.22, wherever a glob put it. */
void reports_sort(struct reports *list);

/* What builds are called, from the member "subject" of a report. */
void reports_label(const json_value *subject, struct text *out);

/* --- beside.c --- */
/* Take the member "gate" over into the report, whose results have been read. */
void report_take_gate(struct report *report, const json_value *gate);

/* --- finding.c --- */
/* A hash of what failed and how, whatever the line, the build or the day: REPORT_IDENTITY hex
 * digits and a NUL. */
void report_identify(const char *id, const char *step, const char *cause,
                     char out[REPORT_IDENTITY + 1]);
/* Whether the process is to blame, which is noticed at one step or the next: "crash" and the like.
 */
bool report_is_of_process(const char *cause);
/* "server/close" of "server/close/half/RUN"; how many bytes of the id that is. */
size_t report_area(const char *id);
/* Whether it counts against the build: standing unexpected, xpass or flaky. */
bool report_is_unexpected(const struct report_result *r);
/* Whether a format that has only good and bad calls it bad, though an expectation names it. */
bool report_is_known(const struct report_result *r);
/* One word for people: "pass", "known", "FAIL", "FLAKY"; capitals are unexpected. Static. */
const char *report_word(const struct report_result *r);
/* What came instead, and why, in one line. */
void report_reason(const struct report_result *r, struct text *out);
/* The unexpected ones, worst first: crashes before hangs before the rest; n of them, the caller's
 * to free(). */
const struct report_result **report_worst(const struct report *report, size_t *n);
/* The case of that id; NULL if there is none. Quick: the first call sorts. */
struct report_index;
struct report_index *report_index_new(const struct report *report);
const struct report_result *report_find(const struct report_index *index, const char *id);
void report_index_free(struct report_index *index);
/* "worse": it counts against the build now, or is a deviation that is known, and was not before;
 * "better"; "other": neither, but another verdict or cause; "new", "gone"; "" for the same. Both
 * may be NULL. Static. */
const char *report_change(const struct report_result *before, const struct report_result *now);
/* The same in that order, for what --base found. */
const char *report_change_beside(const struct report_result *now);
/* What a run is compared with: the run of its label, or the only one; NULL if there is none. base
 * may be NULL. */
const struct report *report_base(const struct reports *base, const struct report *report);
/* What the run says beyond its cases (a stale expectation, too many skips): "" if nothing. */
const char *report_run_trouble(const struct report *report);
