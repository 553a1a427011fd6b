/* play.c - iperfspec play: one script against anything, with its timeline. */
#include "harness/cli/cli.h"

#include "harness/sim/sim.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec play SCRIPT (--connect HOST:PORT | --listen ADDR:PORT) [--forever]\n"
    "Play the first case of a script as client or as server, and print the timeline.\n"
    "  --connect HOST:PORT  play a client (`plays client`) against that server\n"
    "  --listen ADDR:PORT   play a server (`plays server`) for one client\n"
    "  --forever            the next client after it, until interrupted\n"
    "  --timeout-scale X    longer deadlines (default 1)\n"
    "example: iperfspec play harness/cases/server/normal.peer --connect 127.0.0.1:5201\n"
    "exit:    0 as expected   1 something else happened   2 bad usage   3 trouble\n";

struct request {
    const char *connect, *listen;
    bool forever;
    struct sim_config config;
    struct sim_listener listener;
};

/* "HOST:PORT" at its last colon; brackets around an IPv6 address are taken off. */
static bool divide(const char *text, char *host, size_t cap, const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    if (!colon || len >= cap)
        return false;
    if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    snprintf(host, cap, "%.*s", (int)len, text);
    *port = colon + 1;
    return true;
}

static bool resolve(const char *where, struct sim_config *config)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char host[256];
    const char *port;

    if (!divide(where, host, sizeof host, &port) || getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    memcpy(&config->server, found->ai_addr, found->ai_addrlen);
    config->server_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool listen_at(struct request *r)
{
    char host[256];
    const char *port;

    if (!divide(r->listen, host, sizeof host, &port))
        return false;
    if (!sim_listen(&r->listener, host, (unsigned)strtoul(port, NULL, 10)))
        return false;
    r->config.listener = &r->listener;
    fprintf(stderr, "listening on %s port %u\n", host, r->listener.port);
    return true;
}

static int play_once(const struct request *r)
{
    struct sim_outcome o;
    struct text timeline = {0};

    sim_run(&r->config, &o);
    session_timeline(&o.record, "", 1000, &timeline);
    fputs(text_string(&timeline), stdout);
    if (o.cause == SIM_OK)
        puts("as expected");
    else
        printf("line %u: %s\n  got %s <- %s\n", o.line, text_string(&o.step), text_string(&o.got),
               sim_cause_word(o.cause));
    fflush(stdout);
    int status = o.cause == SIM_OK ? CLI_OK : o.cause == SIM_TROUBLE ? CLI_TROUBLE : CLI_UNEXPECTED;
    text_fini(&timeline);
    sim_outcome_fini(&o);
    return status;
}

static int play(struct request *r, const struct script *script)
{
    int status;

    r->config.script = script;
    if (script->plays_server != (r->listen != NULL)) {
        fprintf(stderr, "iperfspec play: the script plays a %s\n",
                script->plays_server ? "server" : "client");
        return CLI_USAGE;
    }
    if (r->listen ? !listen_at(r) : !resolve(r->connect, &r->config)) {
        fprintf(stderr, "iperfspec play: %s: %s\n", r->listen ? r->listen : r->connect,
                errno ? strerror(errno) : "no such address");
        return CLI_TROUBLE;
    }
    do
        status = play_once(r);
    while (r->forever);
    if (r->listen)
        sim_listener_close(&r->listener);
    return status;
}

int cli_play(int argc, char **argv)
{
    static const struct option options[] = {
        {"connect",          required_argument, NULL, 'c'},
        {"listen",              required_argument, NULL, 'l'},
        {"forever",                  no_argument, NULL, 'f'},
        {"timeout-scale",required_argument, NULL, 't'},
        {"help",               no_argument, NULL, 'h'},
        {0         }
    };
    struct request r = {.config.timeout_scale = 1};
    struct script_list list = {0};
    struct script_error error;
    struct text text = {0};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        else if (o == 'c')
            r.connect = optarg;
        else if (o == 'l')
            r.listen = optarg;
        else if (o == 'f')
            r.forever = true;
        else if (o != 't' || (r.config.timeout_scale = strtod(optarg, NULL)) <= 0)
            return cli_usage(usage);
    }
    if (optind + 1 != argc || !r.connect == !r.listen)
        return cli_usage(usage);
    if (!script_read_file(&list, argv[optind], &error) || list.n == 0) {
        script_error_format(&error, &text);
        fprintf(stderr, "%s", text_string(&text));
        text_fini(&text);
        return CLI_USAGE;
    }
    int status = play(&r, list.at[0]);
    script_list_fini(&list);
    return status;
}
