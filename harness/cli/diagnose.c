/* diagnose.c - iperfspec diagnose: why a client cannot work with a server. */
#include "harness/cli/cli.h"

#include "harness/diagnose/diagnose.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec diagnose [OPTIONS] HOST[:PORT]\n"
    "Find out why iperf3 does not work against a server: some ten short sessions, and one "
    "sentence.\n"
    "Port 5201 if none is named. It takes about a second where all is well, and does no load "
    "test.\n"
    "  --username NAME    for a server that wants one; the password is in IPERF3_PASSWORD\n"
    "  --rsa-public-key-path FILE  the key to encrypt it with\n"
    "  --idle TIME        leave the control connection alone for so long, such as 10m, while data "
    "goes\n"
    "                     on: NATs forget connections (default: not tried)\n"
    "  --timeout TIME     for each step (default 3s)\n"
    "example: iperfspec diagnose 192.0.2.7\n"
    "exit:    0 nothing is the matter   1 a cause was found   2 bad usage\n";

/* HOST, HOST:PORT, [V6]:PORT or V6. */
static bool take_place(char *text, struct diagnose_request *r)
{
    char *colon = strrchr(text, ':'), *end;

    r->port = "5201";
    if (*text == '[') {
        char *bracket = strchr(text, ']');
        if (!bracket)
            return false;
        r->host = text + 1;
        *bracket = '\0';
        if (bracket[1] == ':')
            r->port = bracket + 2;
        else if (bracket[1] != '\0')
            return false;
    } else if (colon && strchr(text, ':') == colon) {
        *colon = '\0';
        r->host = text;
        r->port = colon + 1;
    } else {
        r->host = text;
    }
    unsigned long port = strtoul(r->port, &end, 10);
    return *r->host && end != r->port && *end == '\0' && port > 0 && port <= 65535;
}

static bool take(struct diagnose_request *r, int option)
{
    double seconds;

    switch (option) {
    case 'u':
        r->user = optarg;
        return true;
    case 'k':
        r->key = optarg;
        return true;
    case 'i':
        if (!cli_duration(optarg, &seconds) || seconds < 1)
            return false;
        r->idle_s = (unsigned)seconds;
        return true;
    case 't':
        if (!cli_duration(optarg, &seconds) || seconds < 0.01 || seconds > 3600)
            return false;
        r->timeout_ms = (unsigned)(seconds * 1e3);
        return true;
    default:
        return false;
    }
}

int cli_diagnose(int argc, char **argv)
{
    static const struct option options[] = {
        {"username",         required_argument, NULL, 'u'},
        {"rsa-public-key-path",              required_argument, NULL, 'k'},
        {"idle",                  required_argument, NULL, 'i'},
        {"timeout",required_argument, NULL, 't'},
        {"help",               no_argument, NULL, 'h'},
        {0            }
    };
    struct diagnose_request r = {.timeout_ms = 3000, .password = getenv("IPERF3_PASSWORD")};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!take(&r, o))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind + 1 != argc)
        return cli_usage(usage);
    char *place = text_dup(argv[optind]);
    if (!take_place(place, &r)) {
        fprintf(stderr, "iperfspec diagnose: '%s' is no HOST:PORT\n", argv[optind]);
        free(place);
        return CLI_USAGE;
    }
    enum diagnosis d = diagnose(&r, stdout);
    printf("\n%s: %s.\n%s.\n", diagnosis_word(d), diagnosis_text(d), diagnosis_advice(d));
    free(place);
    return d == DIAGNOSE_NONE ? CLI_OK : CLI_UNEXPECTED;
}
