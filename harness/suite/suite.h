/* suite.h - the conformance run: find cases, choose, play them in parallel, judge. */
#pragma once
#include "harness/script/script.h"
#include "harness/session/arena.h"
#include "harness/sim/sim.h"
#include "harness/subject/subject.h"

#include <signal.h>
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

/* How a verdict compares with what is known of the build. X(name, word) */
#define SUITE_STANDINGS(X)                                                                         \
    X(SUITE_GOOD, "as-expected")                                                                   \
    X(SUITE_KNOWN, "known")           /* an expectation names this verdict */                      \
    X(SUITE_UNEXPECTED, "unexpected") /* neither good nor named */                                 \
    X(SUITE_XPASS, "xpass")           /* passes, though an expectation names a failure */          \
    X(SUITE_FLAKY, "flaky")           /* unexpected, and something else when played again alone */

enum suite_standing {
#define X(name, word) name,
    SUITE_STANDINGS(X)
#undef X
        SUITE_N_STANDINGS
};
const char *suite_standing_word(enum suite_standing standing);

enum suite_verdict {
#define X(name, word) name,
    SUITE_VERDICTS(X)
#undef X
        SUITE_N_VERDICTS
};
const char *suite_verdict_word(enum suite_verdict verdict);

/* Whether a server completed a correct session in, or behind, a case. */
enum suite_service { SUITE_UNASKED, SUITE_SERVES, SUITE_SERVES_NOBODY };

/* What one run of one case brought, in words; from the worker that ran it. */
struct suite_run {
    enum sim_cause cause;
    enum suite_service service;
    unsigned line, connects, retries;
    unsigned
        process; /* suite_run_in_order(): number of the process that was judged, from 1; else 0 */
    uint64_t duration_ns, served_ns; /* of it, `expect alive`; 0: the case has none */
    uint64_t
        session_ns; /* of the script alone, without the start of the subject; stays there too */
    bool own_network;
    bool met_reopening; /* as of struct sim_outcome; it stays in the worker, as do the next two */
    bool end_is_wanted; /* the same */
    bool has_hung;      /* the session ended because something did not come in time; the same */
    bool has_crashed;   /* before it was told to end; the same */
    struct session record; /* of the last session */
    struct text clause;    /* of the step that failed, "" for none */
    struct text step, got, branches, timeline, said /* stderr */, command;
    struct text reactions; /* a line each: "RUN SEV_TEST_END advance 0" (witness.h) */
    struct text session;   /* what was said, as session_rows() has it; "" if it never began */
    struct text kept;      /* the capture that --keep wrote, "" if there is none */
    struct text unkept;    /* what --keep could not write, and why; "" if all is well */
};
void suite_run_fini(struct suite_run *run);

/* --- find.c --- */
/* Add the cases of every *.peer file below each of n folders (sorted by path; a folder `lib` is
 * left out), or of single files. Returns how many files could not be read and ids are not unique,
 * why has the reasons; no case at all is wrong too. */
unsigned suite_find(struct script_list *list, const char *const paths[], size_t n,
                    struct text *why);
/* The folder of cases that belongs to this program; false if there is none. */
bool suite_default_cases(char *out, size_t cap);

/* --- profile.c --- */
/* Decide which build of the registry the subject counts as: by asked (NAME/VERSION[@VENDOR], or
 * `any`), or, with NULL, by its name, version and package; sets has_version and version. What came
 * out goes to note, in words. False if asked is malformed. */
bool suite_choose_profile(struct subject_build *build, const char *asked, struct text *note,
                          struct text *why);

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
    bool carried;         /* no verdict, but one that earlier cases change (--persistent) */
    bool is_own;          /* below a `builds` line that names this build alone */
    unsigned matched;     /* cases that it speaks about, skipped ones too */
};
struct suite_expectations {
    struct suite_expectation *at;
    size_t n;
    struct arena arena;
};
/* Read a file, or every *.expect file of a folder. With build given, rows below a `builds` line
 * that does not hold it are left out, and two rows that are as close to a case are a mistake. */
bool suite_expectations_read(struct suite_expectations *list, const char *path,
                             const struct subject_build *build, struct script_error *error);
/* The one that speaks about the case: its very id goes before a glob, a longer glob before a
 * shorter one, the build's own line before one for others too, and then the later before the
 * earlier. NULL if there is none. */
struct suite_expectation *suite_expectations_find(const struct suite_expectations *list,
                                                  const char *id);
/* The same among the entries that say `carried`, which the function above leaves out. */
struct suite_expectation *suite_expectations_find_carried(const struct suite_expectations *list,
                                                          const char *id);
/* Count the case for every entry that speaks about it, so that the others are seen to be stale. */
void suite_expectations_mark(struct suite_expectations *list, const char *id);
/* Whether one set of a `builds` line holds the build. */
bool suite_set_holds(const char *set, const struct subject_build *build);
/* The set that holds just this build: "3.12", "+3.12@deb12u2", "iperfref". */
void suite_own_set(const struct subject_build *build, char *out, size_t cap);
void suite_expectations_fini(struct suite_expectations *list);

/* Whether something that cases need is there, and how that is known: "auth: not built in". */
struct suite_need {
    bool there;
    bool unknown; /* not there, as far as can be told: nothing was asked */
    char why[160];
};

/* A subject that commands start on another machine: `ssh dut iperf3 -s -p {port}`. Cases go one
 * after the other, on the host's own network; those that need the process, its files or another
 * address are skipped. */
struct suite_far {
    const char *dut;      /* address of the servers that server_cmd starts; NULL: they are here */
    const char *harness;  /* our address, which clients are told; NULL: they are here */
    const char *listen;   /* "ADDR:PORT": a person starts the clients, told what to type; or NULL */
    const char *stop_cmd; /* run when a case is over, with {port}; or NULL */
    unsigned port_lo, port_hi; /* ports to use, in turn; 0: any */
};

bool suite_is_far(const struct suite_far *far);

struct suite_settings {
    struct subject_build build;
    double timeout_scale;
    enum sim_segment segment;
    unsigned segment_seed;
    unsigned jobs;
    bool share_network; /* no namespaces */
    const char
        *remote; /* "HOST:PORT" of a running server elsewhere, whose process nobody watches */
    struct suite_need needs[SCRIPT_N_NEEDS]; /* by suite_find_needs() */
    const char *keep;          /* folder for what a case left: output, timeline; or NULL */
    struct suite_far far;      /* a subject on another machine, which is reached by commands */
    const struct sim_tap *tap; /* NULL, or who listens to each case of suite_run_case() */
    /* CLOCK_MONOTONIC, 0: none. No case is begun that would not be over by the first, as far as can
     * be told; at the second everything ends, with what has begun. */
    uint64_t budget_end_ns, limit_ns;
    const volatile sig_atomic_t *interrupted; /* not 0: as the limit; NULL: never */
    bool is_probing; /* is it an iperf3 at all? What it does behind the session is no matter */
    bool is_lenient; /* as of struct sim_config: the script is no more than a proposal */
    int64_t hang_ms; /* the same: patience with a client without a server */
    /* It completed no session so far, not even with a new process: it is asked for one behind each
     * case for a short time only, and after a few in vain the run is over (suite.n_dead). */
    bool is_doubtful;
};

/* Whether the limit is reached, or a signal asked for the end. */
bool suite_must_end(const struct suite_settings *settings);

/* --- needs.c: what cases need, and whether it is there --- */
/* Find out, into settings->needs: from what the build says of itself, from the kernel, and for what
 * no text tells by a short session of the simulator's, where a case of list needs it or it is in
 * the set required (bits 1 << enum script_need). What cannot be told is there if required says so.
 * False if no worker could be started. */
bool suite_find_needs(struct suite_settings *settings, const struct script_list *list,
                      unsigned required);
/* Why a case cannot be run on this build, in *why; or options to add for it, in *options. */
bool suite_can_run(const struct script *script, const struct suite_settings *settings,
                   struct text *why, struct text *options);

/* --- case.c: one case, in this process --- */
void suite_run_case(const struct script *script, const struct suite_settings *settings,
                    bool own_network, struct suite_run *run);

/* --- probe.c --- */
/* Before anything is started: a case may hold 128 streams, at both ends, and with too few
 * descriptors the subject would look guilty of what is our poverty. Raises the soft limit; false,
 * with one line, if the hard one is too low. */
bool suite_has_descriptors(struct text *why);
/* Nor does it look well without room for its temporary files, in the folder that it takes from our
 * environment. False, with one line in why, which is empty before. */
bool suite_has_temporary(struct text *why);
/* Whether the session went as it should; a server that keeps something of it then, or comes to no
 * rest, can do it, too. */
bool suite_run_is_whole(const struct suite_run *run);
/* What the probe sees of a subject. */
enum suite_probed {
    SUITE_MUTE,      /* no session begins */
    SUITE_FAILS,     /* one begins, and does not go well */
    SUITE_REFUSES,   /* the server refuses it with an error of the protocol */
    SUITE_COMPLETES, /* it goes well */
};
/* Before the cases: whether what is to be judged is an iperf3 at all, in the roles that the cases
 * of list want: it completes one correct session in each, or its server refuses it properly. Of one
 * that is none, why is one line that says what it did instead. */
enum suite_probed suite_probe(const struct suite_settings *settings, const struct script_list *list,
                              struct text *why);
/* Whether the server completes a session, or refuses it properly, once it is done with the last. */
bool suite_serves(const struct suite_settings *settings);

/* --- worker.c: many cases, in processes of their own --- */
/* Takes run over. False: the cases that have begun are ended, no others begin. */
typedef bool suite_done(void *context, size_t index, struct suite_run *run);

/* Whether a case has the tag `slow`: it waits for timers of the subject, and needs no processor. */
bool suite_is_slow(const struct script *script);
/* Whether a case needs keys for authentication (subject_keys_make()). */
bool suite_wants_keys(const struct script *script);

/* Run all of list, at most settings->jobs at a time, and some beside them that are slow or have
 * gone on for half a second (unless that is one at a time), and call done() as results come, in any
 * order; not for those that settings->budget_end_ns or settings->limit_ns leave out.
 * False if no worker could be started. A worker that dies is a result of cause SIM_TROUBLE. */
bool suite_run_all(const struct script_list *list, const struct suite_settings *settings,
                   suite_done *done, void *context);
/* The same, one after the other, for who wants to know for sure. Of more than a few, each may have
 * beside it some that have gone on for half a second and so wait for a timer: a build that fails a
 * thousand cases does so by silence, and one by one that would take hours. */
bool suite_run_alone(const struct script_list *list, const struct suite_settings *settings,
                     suite_done *done, void *context);

/* Persistent mode: play list in its order, one case after the other, in one worker. Server cases
 * with the same command line share one process; between two of them every connection of the first
 * is closed and the server is given the time that `expect alive` gives it to serve again. A case
 * that ends the process (or leaves it without service) makes the next begin with a new one; run
 * tells by `process` which ones shared. False if no worker could be started. */
bool suite_run_in_order(const struct script_list *list, const struct suite_settings *settings,
                        suite_done *done, void *context);

/* --- suite.c: the whole --- */
struct suite_result {
    const struct script *script;
    struct suite_judgement judgement;
    struct suite_run run;
    const struct suite_expectation *expectation;
    enum suite_standing standing;
    struct suite_judgement again; /* SUITE_FLAKY: what the second run brought */
    unsigned round;               /* SUITE_FLAKY: of --repeat, that brought judgement; again is
                                     that of an earlier round then. 0: none */
    bool repeated;                /* the first run met harness trouble; this is the second */
    struct text
        others;       /* reactions of its other plays, as in run, each with an empty line behind */
    struct text skip; /* why it was not run */
    bool unplayed;    /* for want of time alone */
};

/* What is asked of a run beyond its verdicts. */
struct suite_demands {
    bool fail_fast;  /* no more cases once one counts against the build */
    bool until_fail; /* round after round until a case counts against it */
    unsigned rounds; /* how often each case is played, 0 and 1: once; or the most, with the above */
    bool strict_asbuilt; /* drift is as bad as a failure */
    bool accepts_all;    /* what is unexpected is written down: only harness trouble counts */
    bool
        failures_first; /* what is seen to be bad goes before what could not be judged: for gates */
    unsigned required;  /* set of 1 << enum script_need: must be there */
    bool limits_skips;
    unsigned max_skip;
};

/* --- persistent.c: one server process for many cases --- */
/* A verdict that is another one when earlier cases met the same process: state carried over. */
struct suite_finding {
    size_t index; /* of the case in the suite */
    struct suite_judgement fresh, kept;
    unsigned line; /* of the step that went otherwise, and what came */
    struct text got;
    size_t *sequence, n; /* cases that show it, in this order; the last is the case itself. None
                            where an earlier finding showed what the expectation speaks about */
    bool shows_again;    /* it did so a second time */
    bool is_shortest;    /* and not without any one of them */
    const struct suite_expectation *expectation; /* that names it, or NULL */
};

struct suite;
/* Play the server cases that suite_run() judged against one process in an order of suite->seed,
 * then against another in the reverse order without the slow ones, so that each stands before each
 * other once; or one time, as they stand. Cases that end the process come last. Hunt down what
 * differs; findings go to suite->findings. False if there was no worker. */
bool suite_run_persistent(struct suite *suite);

struct suite {
    struct script_list cases;
    struct script_list elsewhere; /* of other shards: what expectations may speak about */
    unsigned shard, n_shards;     /* the part of it that this is, from 1; 0: all of it */
    struct suite_settings settings;
    struct suite_demands demands;
    struct text profile; /* what the build counts as, in words */
    struct suite_expectations expectations;
    bool is_whole;                /* nothing was left out by a choice: expectations can be stale */
    struct suite_result *results; /* one per case */
    uint64_t duration_ns;
    uint64_t seed;           /* of the order in persistent mode, and when shuffled */
    bool is_shuffled;        /* played in the order of the seed */
    bool in_order;           /* no order but that of the list */
    unsigned rounds;         /* played to the end, from 1 */
    const struct gate *gate; /* gate.h: the comparison with a base build; or NULL */
    unsigned base_trouble;   /* cases that the base left without a verdict */
    unsigned n_cut;          /* cases that suite_must_end() left without a verdict */
    unsigned n_vain;         /* settings.is_doubtful: cases so far behind which it served nobody */
    bool has_served;         /* one session with it went well, before the cases or in one */
    const char *gone_since;  /* settings.remote: the case behind which it served nobody; or NULL */
    unsigned n_dead;         /* cases left out, as the build does not start or serves nobody */
    struct text trouble;     /* suite_leave_out(): why nothing was played */
    struct suite_finding *findings;
    size_t n_findings, n_persistent; /* cases that were played in persistent mode */
    size_t n_persistent_runs;        /* in all orders together */
    unsigned persistent_trouble;     /* those among them that met harness trouble */
    unsigned persistent_cut;         /* plays that suite_must_end() left out */
    /* May be NULL. Called for each result, and once more if the second run makes it flaky. */
    void (*progress)(void *context, const struct suite_result *result);
    void (*found)(void *context, const struct suite_finding *finding); /* may be NULL */
    /* May be NULL. In persistent mode, after each case: how many of an order's are played; hunted:
     * the case whose shortest sequence is being looked for, else NULL. */
    void (*placed)(void *context, size_t played, size_t n, const char *hunted);
    void *context;
};
/* How the verdict compares with the expectation (r->expectation), or without one. */
enum suite_standing suite_compare(const struct suite *suite, const struct suite_result *r);
/* Run it. False if there was no worker. */
bool suite_run(struct suite *suite);
/* In its place: nothing is played, for that reason, and there are results to tell all the same.
 * is_dead: the build is to blame (it counts against it), and nobody else. */
void suite_leave_out(struct suite *suite, const char *why, bool is_dead);
void suite_fini(struct suite *suite);

/* --- totals.c: what came of it, counted in one place for people, programs and the exit status ---
 */
struct suite_totals {
    unsigned cases, verdicts[SUITE_N_VERDICTS], standings[SUITE_N_STANDINGS];
    unsigned stale;              /* expectations that no case of a whole run matches */
    unsigned repeated;           /* cases played again after harness trouble */
    unsigned connects, retries;  /* CONN-5 */
    unsigned shared_network;     /* cases that ran in the host's own network */
    unsigned unkept;             /* cases that --keep could not write about */
    unsigned carried;            /* findings of persistent mode that no expectation names */
    unsigned once;               /* those that did not show a second time */
    unsigned persistent_trouble; /* cases of persistent mode that met harness trouble */
    unsigned persistent_cut;     /* plays of it that were left out, for the run had to end */
    unsigned cut;          /* cases that the time limit, or a signal, left without a verdict */
    unsigned dead;         /* cases left out, as the build does not start or serves nobody */
    unsigned base_trouble; /* cases that a base build left without a verdict */
    unsigned missing;      /* needs that are required, and not there */
    bool is_part;          /* one shard: the others may judge what it cannot */
    bool limits_skips, accepts_all, failures_first; /* as struct suite_demands says */
    unsigned max_skip;
};
void suite_count(const struct suite *suite, struct suite_totals *totals);
/* Whether no case of this whole run is what the expectation speaks about. */
bool suite_is_stale(const struct suite *suite, const struct suite_expectation *expectation);
/* 0 all as expected, 1 something unexpected, 3 harness trouble; for the latter two the reasons are
 * added to why. */
int suite_exit_status(const struct suite *suite, struct text *why);
int suite_totals_status(const struct suite_totals *totals, struct text *why);

/* --- update.c: --update-expectations --- */
struct suite_update {
    unsigned added, removed;
    unsigned
        left; /* rows that do not hold for this build, but below a line that names others too */
};
/* Write what the run showed into the expectation file at path, which is the one that was read, or
 * is not there yet. False: see errno; the file is then as it was. */
bool suite_expectations_update(const struct suite *suite, const char *path,
                               struct suite_update *done);
