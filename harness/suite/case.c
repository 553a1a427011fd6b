/* case.c - one case: the script played against a process of the build, and what came of it. */
#include "harness/session/clock.h"
#include "harness/session/witness.h"
#include "harness/subject/watch.h"
#include "harness/suite/aftermath.h"
#include "harness/suite/keep.h"
#include "harness/suite/person.h"
#include "harness/suite/serve.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SAID_MAX           4000 /* of its stderr: a report's beginning, else the end */
#define TIMELINE_LINES     30
#define SESSION_ROWS       300  /* that a report holds of one case */
#define SESSION_BODY       4096 /* bytes of one JSON message in it */
#define DOUBTFUL_MS        3000 /* for a session of a server that never completed one */
#define REOPEN_MS          200  /* stock servers take half of it (CONN-5) */
#define LAST_WORDS_MS      2000 /* for a client that went wrong to be gone */
#define CLIENT_PATIENCE_MS 1500 /* lenient: fixed clients rest for a second at a test's end */

static void take_outcome(struct suite_run *run, struct sim_outcome *o)
{
    run->cause = o->cause;
    run->line = o->line;
    run->retries += o->retries;
    run->connects += o->connects;
    run->served_ns = o->served_ns;
    run->end_is_wanted |= o->end_is_wanted;
    run->met_reopening = o->met_reopening;
    run->has_hung = o->cause == SIM_TIMEOUT;
    text_fini(&run->timeline);
    text_fini(&run->branches);
    text_adds(&run->clause, o->clause ? o->clause : "");
    text_add(&run->step, o->step.at, o->step.len);
    text_add(&run->got, o->got.at, o->got.len);
    text_add(&run->branches, o->branches.at, o->branches.len);
    session_timeline(&o->record, "    ", TIMELINE_LINES, &run->timeline);
    session_fini(&run->record);
    run->record = o->record;
    o->record = (struct session){0};
}

bool case_play(const struct sim_config *config, struct suite_run *run)
{
    struct sim_outcome outcome;
    uint64_t began = now_ns();

    sim_run(config, &outcome);
    run->session_ns = now_ns() - began;
    take_outcome(run, &outcome);
    /* A server elsewhere cannot be asked whether it listens again since its last client's test. */
    if (outcome.first_retried && config->was_used && !config->is_local)
        run->retries--;
    sim_outcome_fini(&outcome);
    return run->cause == SIM_OK;
}

/* --- what the process tells ------------------------------------------------------------------ */

/* A signal that it got of nobody when it was told to end. */
static bool crashed_at_its_end(const struct subject *s)
{
    static const int told[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP};
    bool crashed = s->ended && WIFSIGNALED(s->status);

    for (size_t i = 0; crashed && i < ARRAY_LEN(told); i++)
        crashed = WTERMSIG(s->status) != told[i];
    return crashed;
}

/* Keep what it wrote on stderr: a report from its beginning on, else the last of it. */
static void keep_words(const struct subject *s, const char *report, struct suite_run *run)
{
    const char *all = text_string(&s->err);
    size_t from = report ? (size_t)(report - all) : s->err.len - MIN(s->err.len, SAID_MAX);

    text_add(&run->said, all + from, MIN(s->err.len - from, SAID_MAX));
}

/* Crash, spin and reports are causes of their own, whatever the case was about. */
static void judge_process(struct subject *s, struct suite_run *run)
{
    const char *report = NULL;
    struct text line = {0};

    run->has_crashed = run->cause == SIM_CRASH;
    if (s->lost || s->left_behind) {
        text_adds(&line, s->lost ? "the process that keeps the subject was killed by somebody else"
                                 : "processes that the subject started could not be ended");
        serve_trouble(run, SIM_TROUBLE, "%s", text_string(&line));
    } else if (subject_report(s, &line, &report)) {
        serve_trouble(run, SIM_SANITIZER, "%s", text_string(&line));
    } else if (run->cause == SIM_OK && crashed_at_its_end(s)) {
        text_addf(&line, "the subject was killed by SIG%s when it was told to end",
                  sigabbrev_np(WTERMSIG(s->status)));
        serve_trouble(run, SIM_CRASH, "%s", text_string(&line));
    }
    keep_words(s, report, run);
    text_fini(&line);
}

/* --- what the session shows ------------------------------------------------------------------ */

static void add_reaction(void *context, const struct witness *w)
{
    struct suite_run *run = context;
    enum machine_role role = table_role(w->state);

    text_addf(&run->reactions, "%s %s %s %d\n", machine_state_name(w->state),
              table_event_name(role, w->event), table_reaction_name(w->reaction), w->ierr);
}

/* ended: the process ended before it was told to, as s->status says. */
static void note_reactions(const struct subject *s, bool ended, struct suite_run *run)
{
    bool exited = ended && WIFEXITED(s->status);
    struct witness_end end = {
        .is_known = exited,
        .status = exited ? WEXITSTATUS(s->status) : 0,
        .serves_on = run->served_ns > 0,
        .has_crashed = run->has_crashed,
        .has_hung = run->has_hung,
        .over_ns = run->session_ns,
    };

    witness_read(&run->record, &end, add_reaction, run);
}

/* --- keys ------------------------------------------------------------------------------------ */

/* Builds that know no other padding, and later ones that were told to use it (AUTH-7). */
static bool wants_pkcs1(const struct subject_build *build, const struct script *script)
{
    static const char option[] = "--use-pkcs1-padding";

    return strstr(script->subject, option) ||
           (subject_has_help(build) && !strstr(build->about, option));
}

/* The folder that {keys} stands for, where a case is about authentication. */
static bool make_keys(const struct script *script, struct sim_config *config, struct serve *serve,
                      struct suite_run *run)
{
    struct text why = {0};
    bool wanted = suite_wants_keys(script);
    bool ok = !wanted || serve->keys.dir[0] || subject_keys_make(&serve->keys, &why);
    if (!ok)
        serve_trouble(run, SIM_TROUBLE, "%s", text_string(&why));
    else if (wanted)
        config->keys = serve->keys.dir;
    text_fini(&why);
    return ok;
}

/* --- either role ----------------------------------------------------------------------------- */

static const char *address_of(const struct script *script)
{
    return script->address ? script->address : "127.0.0.1";
}

/* A server that runs already has served others before. What a listener that was being opened anew
 * did to a case is no verdict: then it is played once more, and that counts. */
static void play_on_used(const struct sim_config *config, struct suite_run *run)
{
    bool own_network = run->own_network;

    case_play(config, run);
    if (!run->met_reopening)
        return;
    suite_run_fini(run);
    *run = (struct suite_run){.own_network = own_network};
    poll(NULL, 0, REOPEN_MS); /* nothing tells when it is */
    case_play(config, run);
}

/* Most servers that run somewhere are iperf3's own, and nobody says that this one is another. */
static bool may_be_stock(const struct suite_settings *settings)
{
    return settings->remote && settings->build.is_unnamed;
}

/* keep: the server is for the cases to come as well; else, or if it cannot be, it is ended. */
static void play_server(const struct script *script, struct sim_config config, struct serve *serve,
                        bool keep, struct suite_run *run)
{
    struct text options = {0}, why = {0};
    struct subject_sample before;
    struct sim_process process = subject_process(&serve->subject);
    bool is_remote = serve_is_elsewhere(serve);
    unsigned number = serve->number;

    suite_can_run(script, serve->settings, &why, &options);
    text_addf(&options, "%s%s", options.len && script->subject[0] ? " " : "", script->subject);
    if (serve_start(serve, text_string(&options), address_of(script), run)) {
        config.process = is_remote ? NULL : &process;
        config.command = serve->settings->build.server_cmd[0] ? &process : NULL;
        config.may_retry |= serve->settings->far.dut != NULL || may_be_stock(serve->settings);
        config.server = serve->at;
        config.server_len = serve->at_len;
        config.is_local = !is_remote;
        config.was_used = is_remote || number == serve->number;
        bool is_known = !is_remote && subject_sample(&serve->subject, &before);
        if (script_words_have(&script->tags, "leak") && !is_remote)
            aftermath_play_for_leaks(&config, &serve->subject, run);
        else if (serve->settings->remote)
            play_on_used(&config, run);
        else
            case_play(&config, run);
        serve->subject.has_hung = run->cause == SIM_NO_SERVICE;
        keep =
            aftermath_judge(serve, script, &config, is_known ? &before : NULL, keep, run) && keep;
    }
    if (!keep || !serve->subject.running)
        serve_end(serve);
    text_fini(&options);
    text_fini(&why);
}

/* Where a client is to find us, and has to be told. */
static bool listen_for(const struct script *script, const struct suite_far *far,
                       struct sim_listener *listener, char *host, size_t cap)
{
    struct sockaddr_storage at;
    socklen_t len;
    const char *colon = far->listen ? strrchr(far->listen, ':') : NULL;
    unsigned port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;

    snprintf(host, cap, "%s", far->harness ? far->harness : address_of(script));
    if (!colon || !serve_split(far->listen, &at, &len))
        return sim_listen(listener, host, far->harness ? serve_far_port(far) : port);
    char ours[INET6_ADDRSTRLEN] = "";
    getnameinfo((struct sockaddr *)&at, len, ours, sizeof ours, NULL, 0, NI_NUMERICHOST);
    if (!far->harness) /* it may be all of our addresses, and a client wants one */
        snprintf(host, cap, "%s", ours);
    return sim_listen(listener, ours, port);
}

/* Our connections are closed: one that had nothing to say, or does not end, waits or spins. */
static void look_for_spin(struct subject *client, double scale, struct suite_run *run)
{
    struct text used = {0};

    if ((run->cause == SIM_TIMEOUT || run->cause == SIM_HANG) &&
        !subject_rests(client, NULL, scale, &used)) {
        text_addf(&run->got, "; then it %s", text_string(&used));
        run->cause = SIM_SPIN;
    }
    text_fini(&used);
}

/* Our connections are closed: what a client that went wrong dies of says more than what it did. */
static void look_for_death(struct subject *client, double scale, struct suite_run *run)
{
    struct text what = {0};

    if ((run->cause == SIM_MISS || run->cause == SIM_TIMEOUT || run->cause == SIM_DRIFT) &&
        subject_await_end(client, LAST_WORDS_MS * scale) &&
        sim_cause_of_end(client->status, &what) == SIM_CRASH) {
        text_addf(&run->got, "; then %s", text_string(&what));
        run->cause = SIM_CRASH;
    }
    text_fini(&what);
}

static void play_client(const struct script *script, struct sim_config config,
                        const struct serve *serve, struct keep *keep, struct suite_run *run)
{
    const struct suite_far *far = &serve->settings->far;
    char host[128];
    struct subject client;
    struct sim_process process = subject_process(&client);
    struct sim_listener listener;

    subject_init(&client);
    if (!listen_for(script, far, &listener, host, sizeof host)) {
        serve_trouble(run, SIM_TROUBLE, "nowhere to listen%s%s: %s", far->listen ? ", at " : "",
                      far->listen ? far->listen : "", strerror(errno));
        keep_end(keep, script, &client, run);
        return;
    }
    if (far->harness)
        serve_far_begin(serve, listener.port);
    config.listener = &listener;
    config.process = far->listen ? NULL : &process;
    config.is_local = !far->listen && !far->harness;
    if (far->listen) {
        config.first_fd = person_await(script, host, listener.port, listener.tcp);
        case_play(&config, run);
    } else if (serve_launch(serve, host, listener.port, script->subject, &client, &run->command,
                            run)) {
        case_play(&config, run);
        if (!serve->settings->is_probing) { /* whether it is a client at all is asked first */
            look_for_spin(&client, config.timeout_scale, run);
            look_for_death(&client, config.timeout_scale, run);
        }
    }
    sim_listener_close(&listener);
    bool ended = !far->listen && process.ended(process.context, &(int){0});
    subject_end(&client);
    if (far->harness)
        serve_far_end(serve, listener.port);
    judge_process(&client, run);
    note_reactions(&client, ended, run);
    keep_end(keep, script, &client, run);
    subject_fini(&client);
}

struct sim_config case_config(const struct script *script, const struct suite_settings *settings)
{
    bool is_stock = strcmp(settings->build.name, "iperf") == 0; /* CONN-5 speaks of these */

    return (struct sim_config){.script = script,
                               .may_retry = is_stock,
                               .wants_pkcs1 = wants_pkcs1(&settings->build, script),
                               .timeout_scale = settings->timeout_scale,
                               .segment = settings->segment,
                               .segment_seed = settings->segment_seed,
                               .is_lenient = settings->is_lenient,
                               .hang_ms = settings->hang_ms,
                               .alive_ms = settings->is_doubtful ? DOUBTFUL_MS : 0,
                               .patience_ms =
                                   script->plays_server && is_stock ? CLIENT_PATIENCE_MS : 0,
                               .tap = settings->tap};
}

/* What the build is known to do (reaction.c); version NULL: nothing. text holds its version. */
static struct profile profile_of(const struct subject_build *build, char *text, size_t cap)
{
    const struct clause_version *v = &build->version;

    if (!build->has_version)
        return (struct profile){build->name, NULL, NULL};
    snprintf(text, cap, v->patch ? "%u.%u.%u" : "%u.%u", v->major, v->minor, v->patch);
    return (struct profile){build->name, text, v->vendor[0] ? v->vendor : NULL};
}

/* What people will read holds words of the subject's. */
static void make_plain(struct suite_run *run)
{
    struct text *const all[] = {&run->got, &run->branches, &run->timeline, &run->said};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        text_make_plain(all[i]);
}

/* By what the case itself asked for, if nothing behind it was asked: a session, or a server. */
static void note_service(struct suite_run *run)
{
    bool never_began = run->line == 0 && (run->cause == SIM_EXIT || run->cause == SIM_CRASH);

    if (run->served_ns > 0)
        run->service = SUITE_SERVES;
    else if (run->service == SUITE_UNASKED && (run->cause == SIM_NO_SERVICE || never_began))
        run->service = SUITE_SERVES_NOBODY;
}

/* Of a case that went well the messages are enough; of others what the JSON said is wanted too. */
static void add_session(struct suite_run *run)
{
    if (run->record.n > 0)
        session_rows(&run->record, SESSION_ROWS, run->cause == SIM_OK ? 0 : SESSION_BODY,
                     &run->session);
}

/* What it can't help: a disk that has become full, a limit that it has from us. */
static void excuse(const struct serve *serve, struct suite_run *run)
{
    bool is_near = !serve->settings->far.dut && !serve->settings->remote;
    struct text why = {0};

    if (run->cause != SIM_OK && run->cause != SIM_TROUBLE && is_near && !suite_has_temporary(&why))
        serve_trouble(run, SIM_TROUBLE, "%s", text_string(&why));
    text_fini(&why);
}

static void run_case(struct serve *serve, bool keep, const struct script *script,
                     struct suite_run *run)
{
    struct sim_config config = case_config(script, serve->settings);
    struct keep kept;
    char version[32];
    struct profile profile = profile_of(&serve->settings->build, version, sizeof version);
    uint64_t began = now_ns();

    config.profile = &profile;
    serve->which = script->id;
    subject_forget_output(&serve->subject);
    *run = (struct suite_run){.own_network = serve->own_network};
    if (make_keys(script, &config, serve, run) && script->plays_server) {
        keep_begin(&kept, serve->settings->keep, script, &config);
        play_client(script, config, serve, &kept, run);
    } else if (run->cause == SIM_OK) {
        keep_begin(&kept, serve->settings->keep, script, &config);
        play_server(script, config, serve, keep, run);
        judge_process(&serve->subject, run);
        note_reactions(&serve->subject, false, run);
        note_service(run);
        keep_end(&kept, script, &serve->subject, run);
    }
    if (serve->settings->far.dut)
        run->retries = 0; /* it was tried until the command had started its server */
    excuse(serve, run);
    make_plain(run);
    add_session(run);
    run->process = keep ? serve->number : 0;
    run->duration_ns = now_ns() - began;
}

void suite_run_case_on(struct serve *serve, bool keep, const struct script *script,
                       struct suite_run *run)
{
    run_case(serve, keep, script, run);
}

void suite_run_case(const struct script *script, const struct suite_settings *settings,
                    bool own_network, struct suite_run *run)
{
    struct serve serve;

    serve_init(&serve, settings, own_network);
    run_case(&serve, false, script, run);
    serve_fini(&serve);
}

void suite_run_fini(struct suite_run *run)
{
    struct text *const all[] = {&run->clause,   &run->step,      &run->got,     &run->branches,
                                &run->timeline, &run->said,      &run->command, &run->kept,
                                &run->unkept,   &run->reactions, &run->session};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        text_fini(all[i]);
    session_fini(&run->record);
}
