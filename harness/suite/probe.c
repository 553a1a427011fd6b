/* probe.c - before the cases: whether the subject is an iperf3 at all, in either role.
 *
 * A program that is none would miss every case in the same way. One session that goes well shows
 * that it is one; so does a server that takes part in the session until it refuses it with an error
 * of the protocol, as one that wants a password does. */
#include "harness/suite/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DESCRIPTORS 512u
#define ROOM_MIN    (UINT64_C(16) << 20) /* 128 streams, each with a buffer of 128 KiB */

enum { SERVES, SERVES_AGAIN, REFUSES, CLIENT, N_PROBES };

#define HEADER(role) "case probe\nclause FLOW-1\nplays " role "\n"
#define REFUSAL      "advance PARAM_EXCHANGE\nsend params\nexpect server-error\n"

static const char *const texts[N_PROBES] = {
    [SERVES] = HEADER("client") "\nfinish\n",
    [SERVES_AGAIN] = HEADER("client") "\nexpect alive\n",
    [REFUSES] = HEADER("client") "\n" REFUSAL,
    [CLIENT] = HEADER("server") "subject -t 1\n\nfinish\n",
};

struct probing {
    struct suite_settings settings;
    struct text got;
    bool ok, spoke; /* it got as far as a session */
};

bool suite_run_is_whole(const struct suite_run *run)
{
    return run->cause == SIM_OK || run->cause == SIM_LEAK || run->cause == SIM_SPIN ||
           run->cause == SIM_SANITIZER;
}

static bool done(void *context, size_t index, struct suite_run *run)
{
    struct probing *p = context;

    (void)index;
    /* A crash that no line is blamed for came behind the session. */
    p->spoke = run->session.len > 0 && (run->line > 0 || run->cause == SIM_CRASH);
    /* One that crashes in a session is an iperf3, and the cases are there to tell. */
    p->ok = suite_run_is_whole(run) || (run->cause == SIM_CRASH && p->spoke);
    text_fini(&p->got);
    if (!p->ok && p->spoke)
        text_addf(&p->got, "completes no correct session: ");
    text_adds(&p->got, text_string(&run->got));
    suite_run_fini(run);
    return true;
}

/* Play one of them; false if it did not go well, with what came in p->got. */
static bool try(struct probing *p, int which)
{
    struct script_list list = {0};
    struct script_error error;

    p->ok = p->spoke = false;
    if (!script_read(&list, "probe", texts[which], &error) ||
        !suite_run_all(&list, &p->settings, done, p))
        text_adds(&p->got, "cannot be tried: no worker process");
    else if (!p->ok && p->got.len == 0)
        text_adds(&p->got, "not judged before the run had to end");
    script_list_fini(&list);
    return p->ok;
}

static bool wants(const struct script_list *list, bool client)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i]->plays_server == client)
            return true;
    return false;
}

static const char *name_of(const struct suite_settings *s, bool client)
{
    const struct subject_build *b = &s->build;
    const char *command = client ? b->client_cmd : b->server_cmd;

    return !client && s->remote ? s->remote : *command ? command : b->path;
}

bool suite_has_temporary(struct text *why)
{
    const char *given = getenv("TMPDIR"), *tmp = given ? given : P_tmpdir;
    struct statvfs fs;
    uint64_t room;

    if (access(tmp, W_OK | X_OK) < 0)
        text_addf(why, "nothing can be written in %s, the folder for temporary files (%s)", tmp,
                  strerror(errno));
    else if (statvfs(tmp, &fs) == 0 && (room = (uint64_t)fs.f_bavail * fs.f_frsize) < ROOM_MIN)
        text_addf(why, "the disk of %s, the folder for temporary files, is full: %llu KiB are left",
                  tmp, (unsigned long long)(room >> 10));
    if (why->len > 0)
        text_adds(why, "; iperf3 keeps its buffers there");
    return why->len == 0;
}

bool suite_has_descriptors(struct text *why)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS)
        return true;
    limit.rlim_cur = MIN(limit.rlim_max, DESCRIPTORS);
    if (limit.rlim_cur < DESCRIPTORS || setrlimit(RLIMIT_NOFILE, &limit) < 0)
        text_addf(why, "%llu descriptors are allowed (ulimit -n), and %u are needed",
                  (unsigned long long)limit.rlim_max, DESCRIPTORS);
    return why->len == 0;
}

bool suite_serves(const struct suite_settings *settings)
{
    struct probing p = {.settings = *settings};

    p.settings.is_probing = true;
    bool ok = try(&p, SERVES_AGAIN) || (p.spoke && try(&p, REFUSES));
    text_fini(&p.got);
    return ok;
}

enum suite_probed suite_probe(const struct suite_settings *settings, const struct script_list *list,
                              struct text *why)
{
    struct probing p = {.settings = *settings};
    const char *server = name_of(settings, false), *client = name_of(settings, true);
    enum suite_probed probed = SUITE_COMPLETES;
    struct text first = {0};

    p.settings.is_probing = true;
    if (*server && wants(list, false) && !try(&p, SERVES)) {
        probed = p.spoke ? SUITE_FAILS : SUITE_MUTE;
        text_adds(&first, text_string(&p.got)); /* it tells more than that of the second attempt */
        if (p.spoke && try(&p, REFUSES))
            probed = SUITE_REFUSES;
        else
            text_addf(why, "%s: %s", server, text_string(&first));
    }
    bool is_same = client == settings->build.path && server == client && wants(list, false);
    if (why->len == 0 && *client && !is_same && wants(list, true) && !try(&p, CLIENT)) {
        text_addf(why, "%s: as client: %s", client, text_string(&p.got));
        probed = p.spoke ? SUITE_FAILS : SUITE_MUTE;
    }
    text_fini(&first);
    text_fini(&p.got);
    return probed;
}
