/* convert.c - iperfspec convert: a script that plays one side of a captured session. */
#include "harness/cli/cli.h"

#include "harness/capture/convert.h"
#include "impl/net/auth.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec convert --as client|server [OPTIONS] FILE > case.peer\n"
    "       iperfspec convert [--target NAME] INPUT > case.peer\n"
    "       iperfspec convert --target NAME case.peer > INPUT\n"
    "Write a script that plays that side of a captured session, with the bytes that it sent. It "
    "can\n"
    "be edited, linted and played: with `iperfspec play`, or against a build with\n"
    "`iperfspec test --cases case.peer --build PATH`.\n"
    "  --as client|server  the side to be played; the other one is judged\n"
    "  --session N         the N-th session (default: the first)\n"
    "  --id ID             of the case (default: made from the file's name)\n"
    "  --speed X           twice as fast with 2; 0: no pauses at all, so that a client may lose\n"
    "                      datagrams and wait for more (default 1)\n"
    "  --key FILE          the captured server's private key (PEM): its client's token is opened,\n"
    "                      and signed again when the script is played; without it, it is sent as\n"
    "                      it was, and a refusal is expected\n"
    "  --users FILE        with --key: the credentials file of that server\n"
    "  --port, --filter, --scrub  as of `iperfspec decode`\n"
    "  --target NAME       an input of that fuzz target, such as a crash, as a script for builds "
    "that\n"
    "                      run; or, of FILE.peer, the input: server, client, libiperf_server,\n"
    "                      libiperf_client (docs/fuzzing.md); a file such as server-crash-HASH\n"
    "                      names it itself\n"
    "example: iperfspec convert --as client trace.pcap > case.peer\n"
    "exit:    0 written   1 it cannot be played: the reason is said   2 bad usage   3 trouble\n";

struct convert {
    struct convert_request request;
    const char *target; /* --target, or NULL */
    uint64_t wanted;
    struct cli_source source;
    struct text script, why;
    bool is_found, is_good;
};

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    if (s->number == ((struct convert *)context)->wanted)
        timeline_collect(s, event);
}

static void on_done(void *context, struct track_session *s)
{
    struct convert *c = context;

    if (s->number == c->wanted) {
        c->is_found = true;
        c->is_good = convert_script(&c->request, s->user, s, &c->script, &c->why);
    }
    timeline_discard(s);
}

/* captured/NAME/SIDE, of the file's name up to its first dot that is followed by a letter. */
static void make_id(const char *path, enum observer_side us, char *out, size_t cap)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t len = strlen(name);

    for (size_t i = len; i-- > 0;)
        if (name[i] == '.' && isalpha((unsigned char)name[i + 1]))
            len = i;
    snprintf(out, cap, "captured/%.*s/%s", (int)MIN(len, 80), name,
             us == OBSERVER_CLIENT ? "client" : "server");
    cli_make_id(out);
}

static int convert(struct convert *c, const char *path)
{
    struct track_user user = {on_event, on_done, c};
    char id[128];

    make_id(path, c->request.us, id, sizeof id);
    if (c->request.id == NULL)
        c->request.id = id;
    c->request.file = path;
    int status = cli_read_capture("convert", path, &c->source, &user, NULL);
    if (c->is_good) {
        fputs(text_string(&c->script), stdout);
    } else if (c->is_found) {
        fprintf(stderr, "iperfspec convert: %s: session %llu: %s\n", path,
                (unsigned long long)c->wanted, text_string(&c->why));
        status = MAX(status, CLI_UNEXPECTED);
    } else if (status == CLI_OK) {
        fprintf(stderr, "iperfspec convert: %s: there is no session %llu\n", path,
                (unsigned long long)c->wanted);
        status = CLI_UNEXPECTED;
    }
    text_fini(&c->script);
    text_fini(&c->why);
    return status;
}

static bool take_side(struct convert_request *request, const char *word)
{
    request->us = strcmp(word, "server") == 0 ? OBSERVER_SERVER : OBSERVER_CLIENT;
    return strcmp(word, "server") == 0 || strcmp(word, "client") == 0;
}

static bool take_speed(struct convert_request *request, const char *word)
{
    double speed;
    bool ok = cli_number(word, 0, HUGE_VAL, &speed);

    request->stretch = speed > 0 ? 1 / speed : 0;
    return ok;
}

bool cli_convert_option(struct convert_request *request, int option, const char *value)
{
    switch (option) {
    case 'a':
        return take_side(request, value);
    case 'x':
        return take_speed(request, value);
    case 'k':
        request->key_path = value;
        return true;
    case 'u':
        request->users_path = value;
        return true;
    default:
        return false;
    }
}

bool cli_convert_key(struct convert_request *request, struct auth_key **key)
{
    char why[256];

    *key = NULL;
    if (request->key_path == NULL)
        return true;
    request->key = *key = auth_load_private(request->key_path, why, sizeof why);
    if (*key == NULL)
        fprintf(stderr, "iperfspec: %s: %s\n", request->key_path, why);
    return *key != NULL;
}

static bool take(struct convert *c, int o)
{
    switch (o) {
    case 't':
        c->target = optarg;
        return true;
    case 's':
        return cli_count(optarg, UINT64_MAX, &c->wanted);
    case 'i':
        c->request.id = optarg;
        return true;
    default:
        return cli_convert_option(&c->request, o, optarg) ||
               cli_source_option(&c->source, o, optarg);
    }
}

/* Files of crashes, as `make fuzz` calls them, begin with the name of their target. */
static const char *target_of_file(const char *path)
{
    static const char *const marks[] = {"-crash-", "-timeout-", "-oom-", "-leak-"};
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (strstr(name, marks[i]))
            return name;
    return NULL;
}

int cli_convert(int argc, char **argv)
{
    static const struct option options[] = {
        {"session",          required_argument, NULL, 's'},
        {"id",              required_argument, NULL, 'i'},
        {"target",                  required_argument, NULL, 't'},
        CLI_SOURCE_OPTIONS,
        CLI_CONVERT_OPTIONS,
        {"help",no_argument, NULL, 'h'},
        {0              }
    };
    struct convert c = {.wanted = 1, .request.stretch = 1};
    struct auth_key *key;
    bool has_side = false;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!take(&c, o))
            return cli_refuse(argv[0], options, o, usage);
        has_side |= o == 'a';
    }
    if (!cli_is_single(argc, argv))
        return CLI_USAGE;
    if (!has_side && c.target == NULL && optind < argc)
        c.target = target_of_file(argv[optind]);
    if (has_side == (c.target != NULL) || optind == argc)
        return cli_usage(usage);
    if (c.target != NULL)
        return cli_convert_input(c.target, argv[optind], c.request.id);
    int status = cli_convert_key(&c.request, &key) ? convert(&c, argv[optind]) : CLI_TROUBLE;
    auth_key_free(key);
    return status;
}
