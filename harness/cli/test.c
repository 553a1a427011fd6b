/* test.c - iperfspec test: the conformance run. */
#include "harness/cli/request.h"
#include "harness/cli/soak.h"
#include "harness/session/clock.h"

#include "harness/report/outfile.h"
#include "harness/report/quirks.h"
#include "harness/report/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT_GRACE_S 60 /* behind --limit, for what is written at the end */

static volatile sig_atomic_t interrupted;

/* --- expectations ---------------------------------------------------------------------------- */

/* The program's own, of its own cases. To bisect is to ask for a defect that is mostly known: the
 * commits without it would be the bad ones. */
static bool expects_as_known(const struct test_request *r)
{
    return !r->expect && !r->choice.cases.n && !r->bisect;
}

static bool read_expectations(struct test_request *r)
{
    char own[1200], dir[1300];
    struct script_error error;
    struct text text = {0};
    const struct subject_build *build = &r->suite.settings.build;
    bool ok = true;

    if (r->expect && (!r->suite.demands.accepts_all || access(r->expect, F_OK) == 0))
        ok = suite_expectations_read(&r->suite.expectations, r->expect, build, &error);
    else if (expects_as_known(r) && suite_default_cases(own, sizeof own)) {
        snprintf(dir, sizeof dir, "%s/expect", own);
        ok = suite_expectations_read(&r->suite.expectations, dir, build, &error);
    }
    if (!ok) {
        script_error_format(&error, &text);
        fprintf(stderr, "%s", text_string(&text));
        text_fini(&text);
    }
    return ok;
}

/* --- running --------------------------------------------------------------------------------- */

static FILE *out_of(const struct test_request *r)
{
    return tell_takes_stdout(&r->tell) ? stderr : stdout;
}

/* Who looks on sees the line that counts, and reads what is worth a word. */
static bool is_left_out(const struct test_request *r, const struct suite_result *result)
{
    return (r->quiet || (r->live.out && !r->verbose)) && result->standing < SUITE_UNEXPECTED;
}

static void progress(void *context, const struct suite_result *result)
{
    struct test_request *r = context;
    bool is_failure = result->standing == SUITE_UNEXPECTED;

    live_step(&r->live, result->standing >= SUITE_UNEXPECTED, now_ns());
    if (is_left_out(r, result))
        return;
    if (request_has_base(r) && result->standing == SUITE_XPASS)
        return; /* what is better than the base is told at the end */
    live_clear(&r->live);
    report_case(out_of(r), &r->suite, result, text_string(&r->again),
                is_failure && r->n_detailed < r->details);
    r->n_detailed += is_failure;
    fflush(stdout);
}

static void placed(void *context, size_t played, size_t n, const char *hunted)
{
    struct test_request *r = context;

    live_place(&r->live, played, n, hunted, now_ns());
}

static void found(void *context, const struct suite_finding *finding)
{
    struct test_request *r = context;

    live_clear(&r->live);
    report_finding(out_of(r), &r->suite, finding, text_string(&r->again));
    fflush(stdout);
}

/* A program is found as the shell finds it; a path is one with a slash, so that it can be run
 * again. */
static bool can_execute(const char *path, struct text *why)
{
    if (!*path || !strchr(path, '/') || access(path, X_OK) == 0)
        return true;
    text_addf(why, "%s: %s", path, strerror(errno));
    return false;
}

static bool make_folder(const char *path, struct text *why)
{
    struct stat is;

    if (!path)
        return true;
    if ((mkdir(path, 0777) == 0 || errno == EEXIST) && stat(path, &is) == 0) {
        errno = ENOTDIR;
        if (S_ISDIR(is.st_mode) && access(path, W_OK) == 0)
            return true;
    }
    text_addf(why, "--keep %s: %s", path, strerror(errno));
    return false;
}

/* Nothing can be told of the build, and that is told: on stderr, and where the run's reports are
 * wanted. status CLI_UNEXPECTED: the build is to blame. */
static int leave_out(struct test_request *r, struct text *why, int status)
{
    if (suite_must_end(&r->suite.settings)) { /* that, too, makes a --version end early */
        text_fini(why);
        text_addf(why, "%s before a case was played",
                  interrupted ? "interrupted" : "--limit ended it");
        status = CLI_TROUBLE;
    }
    fprintf(stderr, "iperfspec: %s\n", text_string(why));
    suite_leave_out(&r->suite, text_string(why), status == CLI_UNEXPECTED);
    text_fini(why);
    return tell_all(&r->tell, &r->suite, out_of(r)) ? status : CLI_TROUBLE;
}

/* What is wrong with the place, or the program, before anything is asked of it. */
static bool can_begin(const struct test_request *r, struct text *why)
{
    return can_execute(r->suite.settings.build.path, why) &&
           make_folder(r->suite.settings.keep, why) && suite_has_descriptors(why) &&
           suite_has_temporary(why);
}

static void tell_problem(void *context, const struct script_error *problem)
{
    script_error_format(problem, context);
}

/* A case that names a clause which there is not would be judged by less than it says. Its foreach
 * repeats the mistake: that of one is enough. */
static bool are_clauses_known(const struct script_list *cases)
{
    struct text why = {0};

    for (size_t i = 0; i < cases->n && why.len == 0; i++)
        script_check_clauses(cases->at[i], tell_problem, &why);
    bool ok = why.len == 0;
    fputs(text_string(&why), stderr);
    text_fini(&why);
    return ok;
}

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first Ctrl-C, a CI's cancelling, or the end of the terminal ends the run with all of its
 * reports; the second one ends the program. Who ignores them goes on to. */
static void take_signals(struct test_request *r)
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before,
        action = {.sa_handler = interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (sigaction(all[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(all[i], &action, NULL);
    r->suite.settings.interrupted = &interrupted;
}

static int prepare(struct test_request *r)
{
    struct subject_build *build = &r->suite.settings.build;
    struct text why = {0};
    int status = cli_find(&r->choice, &r->suite.cases, &r->suite.elsewhere, &r->suite.is_whole);

    r->suite.shard = r->choice.shard;
    r->suite.n_shards = r->choice.n_shards;
    if (status != CLI_OK)
        return status;
    take_signals(r); /* who waits for cases to be found has nothing to lose by them */
    if (!are_clauses_known(&r->suite.cases))
        return CLI_USAGE;
    if (r->record && !outfile_can(r->record)) {
        fprintf(stderr, "iperfspec: --record %s: %s\n", r->record, strerror(errno));
        return CLI_TROUBLE;
    }
    if (!tell_can(&r->tell))
        return CLI_TROUBLE;
    if (r->tell.html && !r->suite.settings.keep) { /* a page has its packets beside it */
        text_addf(&r->kept, "%s/kept", r->tell.html);
        r->suite.settings.keep = text_string(&r->kept);
    }
    if (!can_begin(r, &why) || !subject_identify(build, r->suite.settings.limit_ns, &why))
        return leave_out(r, &why, CLI_TROUBLE);
    if (!suite_choose_profile(build, r->profile, &r->suite.profile, &why)) {
        fprintf(stderr, "iperfspec: %s\n", text_string(&why));
        text_fini(&why);
        return CLI_USAGE;
    }
    return read_expectations(r) ? CLI_OK : CLI_USAGE;
}

static bool update(struct test_request *r)
{
    struct suite_update done;

    if (!suite_expectations_update(&r->suite, r->expect, &done)) {
        fprintf(stderr, "iperfspec: %s: %s\n", r->expect, strerror(errno));
        return false;
    }
    fprintf(out_of(r), "%s: %u row%s added, %u removed\n", r->expect, done.added,
            text_plural(done.added), done.removed);
    if (done.left)
        fprintf(out_of(r), "%s: %u row%s not right for this build, but left for others\n",
                r->expect, done.left, text_plural(done.left));
    return true;
}

static int finish(struct test_request *r)
{
    struct text why = {0};
    int status = suite_exit_status(&r->suite, &why);

    live_clear(&r->live);
    if (!r->quiet)
        report_areas(out_of(r), &r->suite);
    report_summary(out_of(r), &r->suite);
    if (r->suite.demands.accepts_all && !update(r))
        status = CLI_TROUBLE;
    if (!tell_all(&r->tell, &r->suite, out_of(r)))
        status = CLI_TROUBLE;
    if (r->kept.len > 0)
        rmdir(text_string(&r->kept)); /* if nothing was left there */
    if (r->record && !quirks_write(r->record, &r->suite)) {
        fprintf(stderr, "iperfspec: --record %s: %s\n", r->record, strerror(errno));
        status = CLI_TROUBLE;
    }
    text_fini(&why);
    return status;
}

/* Of each run. */
static void set_budget(struct test_request *r)
{
    if (r->budget_s > 0)
        r->suite.settings.budget_end_ns = now_ns() + (uint64_t)(r->budget_s * 1e9);
}

/* From now on. The alarm is for what does not look at the clock. */
static void set_limits(struct test_request *r)
{
    struct suite_settings *s = &r->suite.settings;

    if (r->limit_s > 0) {
        s->limit_ns = now_ns() + (uint64_t)(r->limit_s * 1e9);
        alarm((unsigned)r->limit_s + LIMIT_GRACE_S);
    }
    set_budget(r);
}

static int lacks_worker(struct test_request *r, const char *what)
{
    struct text why = {0};

    text_addf(&why, "%s: no worker process", what);
    return leave_out(r, &why, CLI_TROUBLE);
}

/* The base's run is over, and so is the build's. */
static int finish_beside(struct test_request *r)
{
    if (!gate_run(&r->gate, &r->beside, &r->suite))
        return lacks_worker(r, "what is worse could not be played again");
    report_gate(out_of(r), &r->gate, text_string(&r->again));
    return finish(r);
}

/* Whether what came of it says something about the commit. */
static bool is_sure(const struct test_request *r)
{
    struct suite_totals t;

    suite_count(&r->suite, &t);
    return t.cases > t.verdicts[SUITE_SKIP] &&
           (t.standings[SUITE_UNEXPECTED] > 0 || t.standings[SUITE_FLAKY] == 0);
}

/* Where something else tells what a build can be expected to do, one that starts and then completes
 * no session is bad, and no trouble; nor is one that does not start where its base does. One that
 * refuses the first may refuse all: a few cases tell. CLI_OK if there is something to play. */
static int probe(struct test_request *r)
{
    struct text why = {0};
    bool has_base = request_has_base(r);

    if (r->no_probe || r->suite.settings.far.listen)
        return CLI_OK;
    enum suite_probed probed = suite_probe(&r->suite.settings, &r->suite.cases, &why);
    bool can_tell = probed == SUITE_FAILS && (has_base || r->bisect);
    if (probed < SUITE_REFUSES && (!can_tell || suite_must_end(&r->suite.settings)))
        return leave_out(r, &why, has_base ? CLI_UNEXPECTED : CLI_TROUBLE);
    r->suite.has_served = probed >= SUITE_REFUSES;
    r->suite.settings.is_doubtful = probed < SUITE_COMPLETES;
    text_fini(&why);
    return CLI_OK;
}

static int run_base(struct test_request *r)
{
    struct text why = {0};
    int status = base_run(&r->beside, &r->base, r->profile, &r->choice, &r->suite, out_of(r), &why);

    return status == CLI_TROUBLE ? leave_out(r, &why, status) : status;
}

static int run(struct test_request *r)
{
    set_limits(r);
    int status = prepare(r);

    if (status != CLI_OK)
        return status;
    if (request_has_base(r))
        status = run_base(r);
    if (status != CLI_OK)
        return status;
    set_budget(r);
    status = probe(r);
    if (status != CLI_OK)
        return status;
    report_head(out_of(r), &r->suite);
    fflush(stdout);
    if (r->soak_s > 0)
        return cli_soak(&r->suite, r->soak_s, r->tell.json, out_of(r));
    if (!r->suite.settings.far.listen) /* there somebody is told what to type */
        live_begin(&r->live, r->suite.cases.n);
    r->suite.progress = progress;
    r->suite.found = found;
    r->suite.placed = placed;
    r->suite.context = r;
    if (!suite_run(&r->suite))
        return lacks_worker(r, "not all cases could be played");
    if (request_has_base(r))
        return finish_beside(r);
    if (!r->persistent || (r->suite.demands.fail_fast && !r->suite.is_whole))
        return finish(r);
    report_persistent(out_of(r), &r->suite);
    fflush(stdout);
    if (!suite_run_persistent(&r->suite))
        return lacks_worker(r, "the cases could not be played on one process");
    return finish(r);
}

int cli_test(int argc, char **argv)
{
    struct test_request r;
    bool help = false;
    int status = request_read(&r, argc, argv, &help);

    if (!help && status == CLI_OK)
        status = run(&r);
    if (r.bisect && !help)
        status = base_bisect_status(status, r.suite.results && is_sure(&r), out_of(&r));
    request_fini(&r);
    return status;
}
