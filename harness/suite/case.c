/* case.c - one case: a fresh process of the build, the script played against it, what came of it.
 */
#include "harness/suite/suite.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OWN_PORT       5201  /* in a network of our own */
#define READY_MS       10000 /* stock takes 2 ms */
#define PORT_ATTEMPTS  5     /* where the port is not ours alone */
#define SAID_MAX       2000  /* of its stderr */
#define TIMELINE_LINES 30

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* --- running --------------------------------------------------------------------------------- */

struct room {
    struct subject subject;
    struct sim_process process;
    struct sim_config config;
    struct sim_listener listener;
    struct subject_keys keys;
    struct suite_run *run;
};

static bool trouble(struct suite_run *run, enum sim_cause cause, const char *what)
{
    run->cause = cause;
    text_adds(&run->got, what);
    return false;
}

static void set_command(struct suite_run *run, char *const *argv)
{
    text_fini(&run->command);
    for (; *argv; argv++)
        text_addf(&run->command, strpbrk(*argv, " '\"$") ? "%s'%s'" : "%s%s",
                  run->command.len ? " " : "", *argv);
}

static bool start(struct room *room, const struct suite_settings *settings, const char *host,
                  unsigned port, const char *options)
{
    struct text why = {0}, expanded = {0};

    subject_keys_expand(&room->keys, options, &expanded);
    char **argv = subject_argv(&settings->build, host, port, text_string(&expanded));
    set_command(room->run, argv);
    bool ok = subject_start(&room->subject, argv, settings->build.env, &why);
    if (!ok)
        trouble(room->run, SIM_TROUBLE, text_string(&why));
    subject_argv_free(argv);
    text_fini(&expanded);
    text_fini(&why);
    return ok;
}

/* Builds that know no other padding (AUTH-7). */
static bool wants_pkcs1(const struct subject_build *build)
{
    return build->about[0] && !strstr(build->about, "--use-pkcs1-padding");
}

/* The folder that {keys} stands for, where a case is about authentication. */
static bool make_keys(struct room *room, const struct script *script)
{
    struct text why = {0};
    bool wanted = strstr(script->subject, "{keys}") != NULL;

    for (size_t i = 0; i < script->needs.n; i++)
        wanted |= strcmp(script->needs.at[i], "auth") == 0;
    bool ok = !wanted || subject_keys_make(&room->keys, &why);
    if (!ok)
        trouble(room->run, SIM_TROUBLE, text_string(&why));
    else if (wanted)
        room->config.keys = room->keys.dir;
    text_fini(&why);
    return ok;
}

/* Say why a server never listened: it ended, was slow, or somebody else has the port. */
static bool not_ready(struct room *room, enum subject_ready ready)
{
    struct text what = {0};
    const char *said = text_string(&room->subject.err);

    if (ready == SUBJECT_FOREIGN)
        return trouble(room->run, SIM_TROUBLE, "another process listens on the port");
    if (!room->subject.ended)
        return trouble(room->run, SIM_HANG, "the subject runs, but does not listen on its port");
    text_addf(&what, "the subject ended before it listened, %s %d: %.*s",
              WIFSIGNALED(room->subject.status) ? "signal" : "status",
              WIFSIGNALED(room->subject.status) ? WTERMSIG(room->subject.status)
                                                : WEXITSTATUS(room->subject.status),
              (int)strcspn(said, "\n"), said);
    trouble(room->run, SIM_EXIT, text_string(&what));
    text_fini(&what);
    return false;
}

static bool start_server(struct room *room, const struct script *script,
                         const struct suite_settings *settings, bool own_network, const char *more)
{
    const char *address = script->address ? script->address : "127.0.0.1";
    struct text options = {0};
    enum subject_ready ready = SUBJECT_FOREIGN;
    bool ok = true;

    text_addf(&options, "%s%s%s", script->subject, more[0] ? " " : "", more);
    for (int i = 0; ok && ready == SUBJECT_FOREIGN && i < (own_network ? 1 : PORT_ATTEMPTS); i++) {
        unsigned port = own_network ? OWN_PORT : subject_free_port();
        if (i > 0) {
            subject_end(&room->subject);
            subject_fini(&room->subject);
        }
        sim_address(address, port, &room->config.server, &room->config.server_len);
        ok = start(room, settings, NULL, port, text_string(&options));
        if (ok)
            ready = subject_await_listening(
                &room->subject, port,
                now_ns() + (uint64_t)(READY_MS * 1e6 * settings->timeout_scale));
    }
    text_fini(&options);
    return ok && (ready == SUBJECT_READY || not_ready(room, ready));
}

static bool start_client(struct room *room, const struct script *script,
                         const struct suite_settings *settings)
{
    const char *address = script->address ? script->address : "127.0.0.1";

    if (!sim_listen(&room->listener, address, 0))
        return trouble(room->run, SIM_TROUBLE, "no port to listen on");
    room->config.listener = &room->listener;
    return start(room, settings, address, room->listener.port, script->subject);
}

static void keep(struct suite_run *run, struct sim_outcome *o)
{
    run->cause = o->cause;
    run->line = o->line;
    run->connects = o->connects;
    run->retries = o->retries;
    text_adds(&run->clause, o->clause ? o->clause : "");
    text_add(&run->step, o->step.at, o->step.len);
    text_add(&run->got, o->got.at, o->got.len);
    text_add(&run->branches, o->branches.at, o->branches.len);
    session_timeline(&o->record, "    ", TIMELINE_LINES, &run->timeline);
}

/* What shows only when the process has come to its end. */
static void judge_remains(struct room *room)
{
    struct text line = {0};
    const struct subject *s = &room->subject;

    size_t skip = s->err.len > SAID_MAX ? s->err.len - SAID_MAX : 0;
    if (s->err.len > 0)
        text_add(&room->run->said, s->err.at + skip, s->err.len - skip);
    if (s->lost || s->left_behind) { /* whatever was seen, the subject is not to blame */
        text_fini(&room->run->got);
        trouble(room->run, SIM_TROUBLE,
                s->lost ? "the process that keeps the subject was killed by somebody else"
                        : "processes that the subject started could not be ended");
    } else if (subject_sanitizer_line(s, &line)) {
        text_fini(&room->run->got);
        trouble(room->run, SIM_SANITIZER, text_string(&line));
    } else if (room->run->cause == SIM_OK && s->ended && WIFSIGNALED(s->status) &&
               WTERMSIG(s->status) != SIGTERM && WTERMSIG(s->status) != SIGKILL &&
               WTERMSIG(s->status) != SIGINT && WTERMSIG(s->status) != SIGHUP) {
        text_addf(&line, "the subject was killed by SIG%s when it was told to end",
                  sigabbrev_np(WTERMSIG(s->status)));
        trouble(room->run, SIM_CRASH, text_string(&line));
    }
    text_fini(&line);
}

void suite_run_case(const struct script *script, const struct suite_settings *settings,
                    bool own_network, struct suite_run *run)
{
    struct room room = {
        .run = run,
        .listener = {-1, -1, 0},
    };
    struct text why = {0}, options = {0};
    struct sim_outcome outcome;
    uint64_t began = now_ns();

    subject_init(&room.subject);
    *run = (struct suite_run){.own_network = own_network};
    suite_can_run(script, settings, &why, &options);
    room.config = (struct sim_config){.script = script,
                                      .is_local = true,
                                      .may_retry = strcmp(settings->build.name, "iperf") == 0,
                                      .wants_pkcs1 = wants_pkcs1(&settings->build),
                                      .timeout_scale = settings->timeout_scale};
    room.process = subject_process(&room.subject);
    room.config.process = &room.process;
    bool ok = make_keys(&room, script);
    if (ok)
        ok = script->plays_server
                 ? start_client(&room, script, settings)
                 : start_server(&room, script, settings, own_network, text_string(&options));
    if (ok) {
        sim_run(&room.config, &outcome);
        keep(run, &outcome);
        sim_outcome_fini(&outcome);
    }
    if (room.listener.tcp >= 0)
        sim_listener_close(&room.listener);
    subject_end(&room.subject);
    judge_remains(&room);
    subject_fini(&room.subject);
    subject_keys_remove(&room.keys);
    run->duration_ns = now_ns() - began;
    text_fini(&why);
    text_fini(&options);
}

void suite_run_fini(struct suite_run *run)
{
    struct text *const all[] = {&run->clause,   &run->step, &run->got,    &run->branches,
                                &run->timeline, &run->said, &run->command};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        text_fini(all[i]);
}
