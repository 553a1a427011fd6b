/* convert.c - iperfspec convert: a script that plays one side of a captured session. */
#include "harness/cli/cli.h"

#include "harness/capture/convert.h"
#include "impl/net/auth.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec convert --as client|server [OPTIONS] FILE > case.peer\n"
    "Write a script that plays that side of a captured session, with the bytes that it sent. It "
    "can\n"
    "be edited, linted and played: with `iperfspec play`, or against a build with\n"
    "`iperfspec test --cases case.peer --build PATH`.\n"
    "  --as client|server  the side to be played; the other one is judged\n"
    "  --session N         the N-th session (default: the first)\n"
    "  --id ID             of the case (default: made from the file's name)\n"
    "  --speed X           twice as fast with 2; 0: no pauses at all (default 1)\n"
    "  --key FILE          the captured server's private key (PEM): its client's token is opened,\n"
    "                      and signed again when the script is played; without it, it is sent as\n"
    "                      it was, and a refusal is expected\n"
    "  --users FILE        with --key: the credentials file of that server\n"
    "  --port P            as of `iperfspec decode`\n"
    "example: iperfspec convert --as client trace.pcap > case.peer\n"
    "exit:    0 written   1 it cannot be played: the reason is said   2 bad usage   3 trouble\n";

struct convert {
    struct convert_request request;
    uint64_t wanted;
    struct cli_ports ports;
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
    for (char *at = out; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("/-._", *at) == NULL)
            *at = '-';
}

static int convert(struct convert *c, const char *path)
{
    struct track_user user = {on_event, on_done, c};
    char id[128];

    make_id(path, c->request.us, id, sizeof id);
    if (c->request.id == NULL)
        c->request.id = id;
    c->request.file = path;
    int status = cli_read_capture("convert", path, &c->ports, &user, NULL);
    if (c->is_good) {
        fputs(text_string(&c->script), stdout);
    } else {
        fprintf(stderr, "iperfspec convert: %s: session %llu: %s\n", path,
                (unsigned long long)c->wanted,
                c->is_found ? text_string(&c->why) : "there is none");
        status = MAX(status, CLI_UNEXPECTED);
    }
    text_fini(&c->script);
    text_fini(&c->why);
    return status;
}

static bool take_side(struct convert *c, const char *word)
{
    c->request.us = strcmp(word, "server") == 0 ? OBSERVER_SERVER : OBSERVER_CLIENT;
    return strcmp(word, "server") == 0 || strcmp(word, "client") == 0;
}

static bool take_speed(struct convert *c, const char *word)
{
    char *end;
    double speed = strtod(word, &end);

    c->request.stretch = speed > 0 ? 1 / speed : 0;
    return *word != '\0' && *end == '\0' && speed >= 0;
}

static bool load_key(struct convert *c, struct auth_key **key)
{
    char why[256];

    if (c->request.key_path == NULL)
        return true;
    c->request.key = *key = auth_load_private(c->request.key_path, why, sizeof why);
    if (*key == NULL)
        fprintf(stderr, "iperfspec convert: %s: %s\n", c->request.key_path, why);
    return *key != NULL;
}

int cli_convert(int argc, char **argv)
{
    static const struct option options[] = {
        {"as",               required_argument, NULL, 'a'},
        {"session",              required_argument, NULL, 's'},
        {"id",                  required_argument, NULL, 'i'},
        {"speed",required_argument, NULL, 'x'},
        {"key",               required_argument, NULL, 'k'},
        {"users",               required_argument, NULL, 'u'},
        {"port",              required_argument, NULL, 'p'},
        {"help",                  no_argument, NULL, 'h'},
        {0             }
    };
    struct convert c = {.wanted = 1, .request.stretch = 1};
    bool has_side = false, is_good = true;
    int o;

    while (is_good && (o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        else if (o == 'a')
            is_good = has_side = take_side(&c, optarg);
        else if (o == 's')
            is_good = (c.wanted = strtoull(optarg, NULL, 10)) > 0;
        else if (o == 'i')
            c.request.id = optarg;
        else if (o == 'k')
            c.request.key_path = optarg;
        else if (o == 'u')
            c.request.users_path = optarg;
        else if (o == 'x')
            is_good = take_speed(&c, optarg);
        else
            is_good = o == 'p' && cli_port(&c.ports, "convert", optarg);
    }
    if (!is_good || !has_side || optind + 1 != argc)
        return cli_usage(usage);
    struct auth_key *key = NULL;
    int status = load_key(&c, &key) ? convert(&c, argv[optind]) : CLI_TROUBLE;
    auth_key_free(key);
    return status;
}
