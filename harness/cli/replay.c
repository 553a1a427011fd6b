/* replay.c - iperfspec replay: a captured session once more, against another peer. */
#include "harness/cli/cli.h"

#include "harness/capture/compare.h"
#include "harness/capture/convert.h"
#include "harness/suite/suite.h"
#include "impl/net/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS 100

static const char usage[] =
    "usage: iperfspec replay (--build PATH | --against HOST:PORT) [OPTIONS] FILE\n"
    "Play one side of a captured session again, and show what the other one said then beside what\n"
    "it says now: states, messages, and JSON texts key by key. `!` marks what differs; `~` what\n"
    "differs from run to run anyway: cookie, times, counters, versions, what belongs to the\n"
    "machine.\n"
    "  --build PATH         start an iperf3-compatible program for it\n"
    "  --against HOST:PORT  a server that runs there, with the options that it has\n"
    "  --as client|server   the side that is played (default: client)\n"
    "  --session N          the N-th session (default: the first)\n"
    "  --speed X            twice as fast with 2; 0: no pauses at all, so that a client may lose\n"
    "                       datagrams and wait for more (default 1)\n"
    "  --key, --users, --port, --filter, --scrub  as of `iperfspec convert`\n"
    "  --timeout-scale X    longer deadlines (default 1)\n"
    "example: iperfspec replay trace.pcap --build build/stock/3.22/iperf3\n"
    "exit:    0 it says the same   1 it does not, or the session cannot be played: the reason is\n"
    "         said   2 bad usage   3 trouble, such as nobody there\n";

struct replay {
    struct convert_request request;
    struct suite_settings settings;
    const char *build;
    uint64_t wanted;
    struct cli_source source;
    struct text script, why;
    bool is_found, is_good;
    bool is_stale; /* the captured token is sent again, and refused */
    struct session captured, now;
    struct sim_tap tap;
};

static int complain(const char *what, struct text *why, int status)
{
    fprintf(stderr, "iperfspec replay: %s%s%s\n", what, *what ? ": " : "", text_string(why));
    text_fini(why);
    return status;
}

/* --- the captured session --------------------------------------------------------------------- */

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    if (s->number == ((struct replay *)context)->wanted)
        timeline_collect(s, event);
}

static void on_done(void *context, struct track_session *s)
{
    struct replay *r = context;
    const struct params *params = observer_params(s->observer);

    if (s->number == r->wanted) {
        r->is_found = true;
        r->is_stale = r->request.us == OBSERVER_CLIENT && r->request.key == NULL &&
                      params != NULL && params->authtoken != NULL;
        r->is_good = convert_script(&r->request, s->user, s, &r->script, &r->why);
        if (r->is_good)
            convert_list(s->user, s, r->request.us, &r->captured);
    }
    timeline_discard(s);
}

static int read_session(struct replay *r, const char *path, struct script_list *list)
{
    struct track_user user = {on_event, on_done, r};
    struct script_error error;

    r->request.file = path;
    r->request.id = "replay";
    int status = cli_read_capture("replay", path, &r->source, &user, NULL);
    if (!r->is_found && status != CLI_OK)
        return status; /* which is told */
    if (!r->is_found)
        text_addf(&r->why, "there is no session %llu", (unsigned long long)r->wanted);
    if (!r->is_good)
        return complain(path, &r->why, MAX(status, CLI_UNEXPECTED));
    if (script_read(list, "replay", text_string(&r->script), &error))
        return status;
    script_error_format(&error, &r->why);
    return complain(path, &r->why, CLI_TROUBLE);
}

/* --- the play --------------------------------------------------------------------------------- */

static void hear(void *context, const struct tap_event *event)
{
    if (event->kind == TAP_MESSAGE)
        session_add(&((struct replay *)context)->now, event->message);
}

/* A server that runs elsewhere has the options that it was started with. */
static void leave_options(struct replay *r, struct script *script)
{
    if (r->settings.remote == NULL || script->subject[0] == '\0')
        return;
    fprintf(stderr,
            "iperfspec replay: the captured server was started with `%s`; how the one at %s was is "
            "not known\n",
            script->subject, r->settings.remote);
    script->subject = "";
}

static int prepare(struct replay *r, const struct script_list *list)
{
    struct subject_build *build = &r->settings.build;
    struct text why = {0}, note = {0}, options = {0};
    /* Whether a server elsewhere knows users the play shows. */
    unsigned presumed = r->settings.remote != NULL ? 1u << SCRIPT_NEED_AUTH : 0;
    int status = CLI_OK;

    r->tap = (struct sim_tap){.context = r, .event = hear};
    r->settings.tap = &r->tap;
    if (r->build != NULL) {
        snprintf(build->path, sizeof build->path, "%s", r->build);
        if (access(r->build, X_OK) != 0) {
            text_addf(&why, "cannot be run");
            return complain(r->build, &why, CLI_TROUBLE);
        }
        subject_adopt_orphans();
        subject_enter_own_network();
    }
    leave_options(r, list->at[0]);
    if (!subject_identify(build, 0, &why) || !suite_choose_profile(build, NULL, &note, &why) ||
        !suite_find_needs(&r->settings, list, presumed))
        status = complain("", &why, CLI_TROUBLE);
    else if (!suite_can_run(list->at[0], &r->settings, &why, &options))
        status = complain("", &why, CLI_UNEXPECTED);
    text_fini(&note);
    text_fini(&options);
    return status;
}

static unsigned columns(void)
{
    const char *told = getenv("COLUMNS");
    struct winsize size;

    if (told != NULL && atoi(told) > 0)
        return (unsigned)atoi(told);
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : COLUMNS;
}

/* What the script met, if it went another way than the capture. */
static void tell_play(const struct suite_run *run)
{
    if (run->cause == SIM_OK)
        return;
    printf("\nthe play ended at `%s`: got %s <- %s: %s\n", text_string(&run->step),
           text_string(&run->got), sim_cause_word(run->cause), sim_cause_text(run->cause));
    if (run->said.len > 0)
        printf("stderr: %s\n", text_string(&run->said));
}

/* Up to the subject's first state: behind it comes the refusal, whatever came then. */
static struct session before_params(const struct session *s)
{
    struct session part = *s; /* borrowed */

    part.n = 0;
    while (part.n < s->n && s->messages[part.n].kind != SESSION_STATE)
        part.n++;
    part.n += part.n < s->n;
    return part;
}

/* Nobody was there to say anything: no process, no host, no listener. */
static bool was_unreached(const struct replay *r, const struct suite_run *run)
{
    static const char refused[] = "connect failed";

    for (size_t i = 0; i < r->now.n; i++)
        if (r->now.messages[i].from == SESSION_SUBJECT)
            return false;
    return run->cause != SIM_OK &&
           (run->step.len == 0 || strncmp(text_string(&run->got), refused, strlen(refused)) == 0);
}

static const char *peer_of(const struct replay *r)
{
    return r->build != NULL ? r->build : r->settings.remote;
}

static int compare(const struct replay *r, const struct suite_run *run)
{
    struct compare c;
    struct session captured = r->is_stale ? before_params(&r->captured) : r->captured;
    struct session now = r->is_stale ? before_params(&r->now) : r->now;
    unsigned width = MIN(MAX(columns(), 40), 300);
    int rest = (int)(width - 5) / 2;

    compare_peers(&captured, &now, width, &c);
    text_make_plain(&c.table);
    printf("  %-*.*s | %.*s\n", rest, rest, "captured", rest, peer_of(r));
    fputs(text_string(&c.table), stdout);
    if (r->is_stale)
        fputs("\nits token is too old to be taken: nothing behind it is compared (see --key)\n",
              stdout);
    tell_play(run);
    printf("\n%u differ, %u differ as they may%s\n", c.n_different, c.n_volatile,
           run->cause == SIM_OK ? "" : "; the play did not come to its end");
    bool same = c.n_different == 0 && run->cause == SIM_OK;
    compare_fini(&c);
    return run->cause == SIM_TROUBLE ? CLI_TROUBLE : same ? CLI_OK : CLI_UNEXPECTED;
}

static int replay(struct replay *r, const char *path)
{
    struct script_list list = {0};
    struct suite_run run = {0};
    int status = read_session(r, path, &list);

    if (status == CLI_OK)
        status = prepare(r, &list);
    if (status == CLI_OK) {
        suite_run_case(list.at[0], &r->settings, false, &run);
        if (was_unreached(r, &run))
            fprintf(stderr, "iperfspec replay: %s: %s\n", peer_of(r), text_string(&run.got));
        status = was_unreached(r, &run) ? CLI_TROUBLE : compare(r, &run);
        suite_run_fini(&run);
    }
    script_list_fini(&list);
    text_fini(&r->script);
    text_fini(&r->why);
    session_fini(&r->captured);
    session_fini(&r->now);
    return status;
}

/* --- the command line ------------------------------------------------------------------------- */

static bool take(struct replay *r, int o)
{
    switch (o) {
    case 'b':
        r->build = optarg;
        return true;
    case 'g':
        r->settings.remote = optarg;
        return cli_is_place(optarg);
    case 's':
        return cli_count(optarg, UINT64_MAX, &r->wanted);
    case 't':
        return cli_number(optarg, 0.1, 1000, &r->settings.timeout_scale);
    default:
        return cli_convert_option(&r->request, o, optarg) ||
               cli_source_option(&r->source, o, optarg);
    }
}

static bool is_sensible(const struct replay *r)
{
    if (!r->build == !r->settings.remote)
        fputs("iperfspec replay: one of --build PATH and --against HOST:PORT, please\n", stderr);
    else if (r->settings.remote && r->request.us == OBSERVER_SERVER)
        fputs("iperfspec replay: --against is a server: --as server wants --build\n", stderr);
    else
        return true;
    return false;
}

int cli_replay(int argc, char **argv)
{
    static const struct option options[] = {
        {"build",            required_argument, NULL, 'b'},
        {"against",              required_argument, NULL, 'g'},
        {"session",                  required_argument, NULL, 's'},
        {"timeout-scale",required_argument, NULL, 't'},
        CLI_SOURCE_OPTIONS,
        CLI_CONVERT_OPTIONS,
        {"help",               no_argument, NULL, 'h'},
        {0         }
    };
    struct replay r = {
        .wanted = 1,
        .request = {.us = OBSERVER_CLIENT, .stretch = 1},
        .settings = {.timeout_scale = 1,    .jobs = 1   }
    };
    struct auth_key *key;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!take(&r, o))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (!cli_is_single(argc, argv))
        return CLI_USAGE;
    if (optind == argc)
        return cli_usage(usage);
    if (!is_sensible(&r))
        return CLI_USAGE;
    int status = cli_convert_key(&r.request, &key) ? replay(&r, argv[optind]) : CLI_TROUBLE;
    auth_key_free(key);
    return status;
}
