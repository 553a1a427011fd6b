/* suite.h - the conformance run: find cases, choose, play them in parallel, judge. */
#pragma once
#include "harness/script/script.h"
#include "harness/sim/sim.h"
#include "harness/subject/subject.h"

#include <stdbool.h>
#include <stdio.h>

/* X(name, word) */
#define SUITE_VERDICTS(X)                                                                          \
    X(SUITE_PASS, "pass")                                                                          \
    X(SUITE_WARN, "warn")   /* a SHOULD was missed */                                              \
    X(SUITE_DRIFT, "drift") /* an IS of this very build was missed */                              \
    X(SUITE_FAIL, "fail")                                                                          \
    X(SUITE_SKIP, "skip")                                                                          \
    X(SUITE_ERROR, "error") /* the harness's own trouble */

enum suite_verdict {
#define X(name, word) name,
    SUITE_VERDICTS(X)
#undef X
        SUITE_N_VERDICTS
};
const char *suite_verdict_word(enum suite_verdict verdict);

/* What one run of one case brought, in words; from the worker that ran it. */
struct suite_run {
    enum sim_cause cause;
    unsigned line, connects, retries;
    unsigned
        process; /* suite_run_in_order(): number of the process that was judged, from 1; else 0 */
    uint64_t duration_ns;
    bool own_network;
    struct text clause; /* of the step that failed, "" for none */
    struct text step, got, branches, timeline, said /* stderr */, command;
};
void suite_run_fini(struct suite_run *run);

/* --- find.c --- */
/* Add the cases of every *.peer file below dir (sorted by path; a folder `lib` is left out), or of
 * a single file. False, with the reason, at the first file that cannot be read; ids must be unique.
 */
bool suite_find(struct script_list *list, const char *path, struct text *why);
/* The folder of cases that belongs to this program; false if there is none. */
bool suite_default_cases(char *out, size_t cap);

/* --- judge.c --- */
struct suite_judgement {
    enum suite_verdict verdict;
    enum sim_cause cause;
    const struct clause *clause; /* whose rule decided, or NULL */
};
/* Level and versions come from the registry. */
struct suite_judgement suite_judge(const struct script *script, const struct suite_run *run,
                                   const struct subject_build *build);

/* --- expectation.c: known verdicts of named builds --- */
struct suite_expectation {
    const char *glob, *reason, *clause, *file;
    unsigned line;
    enum suite_verdict verdict;
    enum sim_cause cause; /* SIM_N_CAUSES: any */
    bool at_times;        /* the case passes as well, now and then */
    unsigned used;        /* cases that it matched in this run */
};
struct suite_expectations {
    struct suite_expectation *at;
    size_t n;
    struct arena arena;
};
/* Read a file. With build given, it is left out if its `builds` line does not hold that build. */
bool suite_expectations_read(struct suite_expectations *list, const char *path,
                             const struct subject_build *build, struct script_error *error);
/* Every *.expect file in dir that speaks about the build. */
bool suite_expectations_for(struct suite_expectations *list, const char *dir,
                            const struct subject_build *build, struct script_error *error);
/* The first that matches the id, or NULL. */
struct suite_expectation *suite_expectations_find(const struct suite_expectations *list,
                                                  const char *id);
void suite_expectations_fini(struct suite_expectations *list);

struct suite_settings {
    struct subject_build build;
    double timeout_scale;
    unsigned jobs;
    bool share_network; /* no namespaces */
    const char
        *remote;      /* "HOST:PORT" of a running server elsewhere, whose process nobody watches */
    const char *keep; /* folder for what a case left: output, timeline; or NULL */
};

/* --- needs.c --- */
/* Why a case cannot be run on this build, in *why; or options to add for it, in *options. */
bool suite_can_run(const struct script *script, const struct suite_settings *settings,
                   struct text *why, struct text *options);

/* --- case.c: one case, in this process --- */
void suite_run_case(const struct script *script, const struct suite_settings *settings,
                    bool own_network, struct suite_run *run);

/* --- worker.c: many cases, in processes of their own --- */
/* Run all of list, at most settings->jobs at a time, and call done() as results come, in any order.
 * False if no worker could be started. A worker that dies is a result of cause SIM_TROUBLE. */
bool suite_run_all(const struct script_list *list, const struct suite_settings *settings,
                   void (*done)(void *context, size_t index, struct suite_run *run), void *context);

/* Persistent mode: play list in its order, one case after the other, in one worker. Server cases
 * with the same command line share one process; between two of them every connection of the first
 * is closed and the server is given the time that `expect alive` gives it to serve again. A case
 * that ends the process (or leaves it without service) makes the next begin with a new one; run
 * tells by `process` which ones shared. False if no worker could be started. */
bool suite_run_in_order(const struct script_list *list, const struct suite_settings *settings,
                        void (*done)(void *context, size_t index, struct suite_run *run),
                        void *context);

/* --- suite.c: the whole --- */
struct suite_result {
    const struct script *script;
    struct suite_judgement judgement;
    struct suite_run run;
    const struct suite_expectation *expectation;
    bool unexpected; /* neither good nor named by an expectation */
    bool xpass;      /* an expectation names a worse verdict */
    bool flaky;      /* run again alone, it differed */
    enum suite_verdict again;
    struct text skip; /* why it was not run */
};

struct suite {
    struct script_list cases;
    struct suite_settings settings;
    struct suite_expectations expectations;
    bool is_whole;                /* nothing was left out by a choice: expectations can be stale */
    struct suite_result *results; /* one per case */
    uint64_t duration_ns;
    void (*progress)(void *context, const struct suite_result *result); /* may be NULL */
    void *context;
};
/* Run it. False if there was no worker. */
bool suite_run(struct suite *suite);
void suite_fini(struct suite *suite);
/* 0 all as expected, 1 something unexpected, 3 harness trouble. */
int suite_exit_status(const struct suite *suite);
