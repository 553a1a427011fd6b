#include "harness/suite/aftermath.h"

#include "harness/session/clock.h"

#include <string.h>

#define SETTLE_MS      10000
#define LEAK_ROUNDS    SUBJECT_SAMPLES_MAX /* sessions of a case that is tagged `leak` */
#define SUSPECT_ROUNDS 32                  /* of one after which the server holds more */
#define SUSPECT_MS     60000               /* for all of them: patience with a busy machine */

static uint64_t deadline_in(double ms, double scale)
{
    return now_ns() + (uint64_t)(ms * 1e6 * scale);
}

static void judge_growth(struct subject *s, const struct subject_growth *growth, double scale,
                         struct suite_run *run)
{
    struct text what = {0};

    if (s->running && subject_growth_shows(growth, "session", &what) &&
        subject_growth_stays(growth, s, scale))
        serve_trouble(run, SIM_LEAK, "%s", text_string(&what));
    text_fini(&what);
}

void aftermath_play_for_leaks(struct sim_config *config, struct subject *s, struct suite_run *run)
{
    struct subject_growth growth = {.n = 0};
    struct text used = {0};

    for (int i = 0; i < LEAK_ROUNDS; i++) {
        if (!case_play(config, run))
            return;
        config->was_used = true;
        subject_rests(s, NULL, config->timeout_scale, &used); /* judged afterwards */
        if (!subject_growth_note(&growth, s))
            break;
    }
    judge_growth(s, &growth, config->timeout_scale, run);
    text_fini(&used);
}

/* --- rest ------------------------------------------------------------------------------------ */

static void judge_rest(struct subject *s, const struct subject_sample *since, double scale,
                       struct suite_run *run)
{
    struct text used = {0};

    if (run->cause != SIM_TROUBLE && !subject_rests(s, since, scale, &used))
        serve_trouble(run, SIM_SPIN, "%s", text_string(&used));
    text_fini(&used);
}

/* --- service --------------------------------------------------------------------------------- */

/* Whether it serves again behind that script, after the time that `expect alive` gives it. */
static bool serves_again(struct serve *serve, const struct script *script, struct suite_run *more)
{
    static const char text[] = "case alive\nclause INT-3\nplays client\n\nexpect alive\n";
    struct script_list list = {0};
    struct script_error error;
    struct sim_process process = subject_process(&serve->subject);

    if (!script_read(&list, "alive", text, &error))
        return false;
    struct sim_config config = case_config(list.at[0], serve->settings);
    config.process = serve_is_elsewhere(serve) ? NULL : &process;
    config.command = serve->settings->build.server_cmd[0] ? &process : NULL;
    config.server = serve->at;
    config.server_len = serve->at_len;
    config.is_local = !serve_is_elsewhere(serve);
    config.was_used = true;
    config.keys = serve->keys.dir[0] ? serve->keys.dir : NULL;
    config.wants_pkcs1 = case_config(script, serve->settings).wants_pkcs1;
    bool ok = case_play(&config, more);
    script_list_fini(&list);
    return ok;
}

static bool has_word(const char *options, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = options; (at = strstr(at, word)); at += len)
        if ((at == options || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

/* It wants a password, and the keys are not ours (subject_keys_make()) but the script's own. */
static bool has_other_keys(const struct script *script)
{
    return has_word(script->subject, "--authorized-users-path") &&
           !strstr(script->subject, "{keys}");
}

/* One that was told to end, or that serves one test only, need not serve on; and a process that
 * failed for a cause of its own has been told. */
static bool may_be_gone(const struct script *script, const struct suite_run *run)
{
    bool is_of_the_case = run->cause == SIM_OK || run->cause == SIM_MISS ||
                          run->cause == SIM_TIMEOUT || run->cause == SIM_DRIFT;

    return !is_of_the_case || run->end_is_wanted || has_word(script->subject, "-1") ||
           has_word(script->subject, "--one-off") || has_other_keys(script);
}

/* What a service check tells of the server, rather than of the check. */
static bool is_its_own(enum sim_cause cause)
{
    static const bool own[SIM_N_CAUSES] = {[SIM_CRASH] = true,
                                           [SIM_EXIT] = true,
                                           [SIM_HANG] = true,
                                           [SIM_NO_SERVICE] = true,
                                           [SIM_SPIN] = true};
    return own[cause];
}

/* What the case itself found says more about a server that no session ever succeeded with, but less
 * about one that served and has ended, hangs, spins or serves nobody any more. */
static void take_cause(struct suite_run *run, bool never_served, const char *when,
                       const struct suite_run *more)
{
    text_addf(&run->got, "%s%s: %s", run->got.len ? "; " : "", when, text_string(&more->got));
    if (run->cause == SIM_OK || more->cause != SIM_NO_SERVICE || !never_served)
        run->cause = more->cause;
}

/* Whether it serves on; a failure counts where is_judged. */
static bool check_service(struct serve *serve, const struct script *script, bool is_judged,
                          struct suite_run *run)
{
    struct suite_run more = {0};
    bool ok = serves_again(serve, script, &more);

    if (ok || more.cause == SIM_NO_SERVICE)
        run->service = ok ? SUITE_SERVES : SUITE_SERVES_NOBODY;
    if (!ok && is_judged && is_its_own(more.cause))
        take_cause(run, serve->settings->is_doubtful, "after the case", &more);
    suite_run_fini(&more);
    return ok;
}

/* --- its end --------------------------------------------------------------------------------- */

/* One that has served may die of that very session: it is watched until it listens again, and all
 * of it waits. False if it has ended, which counts where is_judged. */
static bool is_there_still(struct serve *serve, bool is_judged, struct suite_run *run)
{
    struct subject *s = &serve->subject;
    struct suite_run more = {0};

    subject_await_settled(s, serve->port, deadline_in(SETTLE_MS, serve->settings->timeout_scale));
    if (!s->ended)
        return true;
    more.cause = sim_cause_of_end(s->status, &more.got);
    if (is_judged)
        take_cause(run, false, "behind the service check", &more);
    suite_run_fini(&more);
    return false;
}

/* --- leaks ----------------------------------------------------------------------------------- */

static bool holds_more(const struct subject *s, const struct subject_sample *before)
{
    struct subject_sample now;

    return subject_sample(s, &now) &&
           (now.processes > before->processes || now.descriptors > before->descriptors ||
            now.threads > before->threads);
}

/* The case went well, but the server holds more than before. It may have opened something once, or
 * be about to close it: only if more sessions of the same kind leave more and more is it a leak.
 * Whether what is said in those is as the case wants it is no matter; that the server ends, spins
 * or serves nobody any more is. Cases that wait for long are not worth it. */
static void look_for_leaks(struct serve *serve, const struct script *script,
                           struct sim_config *config, const struct subject_sample *before,
                           struct suite_run *run)
{
    struct subject *s = &serve->subject;
    struct subject_growth growth = {.n = 0};
    struct subject_sample first = *before;
    uint64_t deadline = deadline_in(SUSPECT_MS, config->timeout_scale);
    bool goes_on = true, went_well = true;

    config->was_used = true;
    config->tap = NULL; /* what is kept of the case is its own session */
    for (int i = 0; i < SUSPECT_ROUNDS && goes_on && now_ns() < deadline; i++) {
        struct suite_run more = {0};
        subject_await_settled(s, serve->port, deadline);
        goes_on = holds_more(s, &first) && subject_growth_note(&growth, s) &&
                  !subject_growth_is_steady(&growth);
        if (i == 0)
            subject_sample(s, &first);
        if (goes_on)
            went_well = goes_on = case_play(config, &more);
        if (!went_well && is_its_own(more.cause))
            take_cause(run, false, "when it was played again", &more);
        suite_run_fini(&more);
    }
    if (!went_well && run->cause == SIM_OK)
        check_service(serve, script, true, run);
    if (run->cause == SIM_OK)
        is_there_still(serve, true, run);
    judge_rest(s, NULL, config->timeout_scale, run);
    judge_growth(s, &growth, config->timeout_scale, run);
}

/* --- all ------------------------------------------------------------------------------------- */

bool aftermath_judge(struct serve *serve, const struct script *script, struct sim_config *config,
                     const struct subject_sample *before, bool keep, struct suite_run *run)
{
    bool is_judged = config->process && !serve->is_measured && !serve->settings->is_probing;
    bool serves = true;

    if (serve->is_hasty)
        return true;
    judge_rest(&serve->subject, before, config->timeout_scale, run);
    is_judged = is_judged && !may_be_gone(script, run);
    /* What the script has asked for itself was judged, but for what comes behind that. */
    if ((is_judged && run->served_ns == 0) || (keep && serve->subject.running))
        serves = check_service(serve, script, is_judged, run);
    if (serves && config->process && (is_judged || keep))
        serves = is_there_still(serve, is_judged, run);
    if (is_judged && before && run->cause == SIM_OK && !suite_is_slow(script) &&
        holds_more(&serve->subject, before))
        look_for_leaks(serve, script, config, before, run);
    /* One that leaks would soon be at its end: that is no news about the cases to come. */
    return serves && (run->cause == SIM_OK || !is_its_own(run->cause)) &&
           (run->cause != SIM_LEAK || serve->is_measured);
}
