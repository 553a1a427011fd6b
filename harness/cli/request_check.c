/* request_check.c - what the options of `iperfspec test` say together: words and numbers read, and
 * what does not go together refused in one line. */
#include "harness/cli/request.h"

#include "harness/suite/serve.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "auth,udp" as a set. */
static bool take_required(struct test_request *r)
{
    char *words = r->required ? text_dup(r->required) : NULL, *rest = words, *word;
    enum script_need need;
    bool ok = true;

    while (ok && rest && (word = strsep(&rest, ","))) {
        ok = script_need_find(word, &need);
        if (ok)
            r->suite.demands.required |= 1u << need;
        else
            fprintf(stderr, "iperfspec test: --require: there is no '%s', only", word);
    }
    for (int i = 0; i < SCRIPT_N_NEEDS && !ok; i++)
        fprintf(stderr, " %s%s", script_need_word((enum script_need)i),
                i == SCRIPT_N_NEEDS - 1 ? "\n" : "");
    free(words);
    return ok;
}

/* "5201-5210" */
static bool take_ports(struct test_request *r)
{
    struct suite_far *far = &r->suite.settings.far;
    char rest;

    if (!r->ports)
        return true;
    if (sscanf(r->ports, "%5u-%5u%c", &far->port_lo, &far->port_hi, &rest) == 2 &&
        far->port_lo > 0 && far->port_lo <= far->port_hi && far->port_hi <= 65535)
        return true;
    fprintf(stderr, "iperfspec test: --port-range wants A-B, such as 5201-5210, not '%s'\n",
            r->ports);
    return false;
}

/* All of our addresses, none of which a client could be told. */
static bool is_wildcard(const struct sockaddr_storage *at)
{
    return at->ss_family == AF_INET
               ? ((const struct sockaddr_in *)at)->sin_addr.s_addr == INADDR_ANY
               : IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)at)->sin6_addr);
}

/* Addresses are no names: what is told to a client must be what it can use. */
static bool take_addresses(const struct test_request *r)
{
    const struct suite_far *far = &r->suite.settings.far;
    struct sockaddr_storage at;
    socklen_t len;

    if (far->dut && !sim_address(far->dut, 1, &at, &len))
        fprintf(stderr, "iperfspec test: --dut-addr wants an address, not '%s'\n", far->dut);
    else if (far->harness && !sim_address(far->harness, 1, &at, &len))
        fprintf(stderr, "iperfspec test: --harness-addr wants an address, not '%s'\n",
                far->harness);
    else if (far->listen && !serve_split(far->listen, &at, &len))
        fprintf(stderr, "iperfspec test: --listen wants ADDR:PORT, not '%s'\n", far->listen);
    else if (far->listen && !far->harness && is_wildcard(&at))
        fprintf(stderr,
                "iperfspec test: with --listen %s give --harness-addr, which clients are told\n",
                far->listen);
    else
        return true;
    return false;
}

static bool take_segment(struct test_request *r)
{
    static const char *const words[] = {
#define X(name, word) word,
        SIM_SEGMENTS(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!r->segment || strcmp(words[i], r->segment) == 0) {
            r->suite.settings.segment = (enum sim_segment)i;
            return true;
        }
    fprintf(stderr, "iperfspec test: --segment wants whole, bytes, random or coalesced, not '%s'\n",
            r->segment);
    return false;
}

static bool is_folder(const char *path)
{
    struct stat is;

    return stat(path, &is) == 0 && S_ISDIR(is.st_mode);
}

bool request_has_base(const struct test_request *r)
{
    return r->base.path[0] || r->base.server_cmd[0] || r->base.client_cmd[0];
}

/* Whether the options go together. */
static bool is_sensible(const struct test_request *r)
{
    const struct suite_settings *s = &r->suite.settings;
    bool has_command = s->build.server_cmd[0] || s->build.client_cmd[0];
    bool has_build = s->build.path[0] || has_command, has_base = request_has_base(r);
    const struct {
        bool is_wrong;
        const char *what;
    } rules[] = {
        {!has_build && !s->remote && !s->far.listen,
         "nothing to judge: --build, --server-cmd, --client-cmd or --server"                                                 },
        {s->remote && !cli_is_place(s->remote),
         "--server wants HOST:PORT, the port a number up to 65535"                                                           },
        {s->remote && (s->build.path[0] || s->build.server_cmd[0]),
         "--server is the server to judge: no --build or --server-cmd with it"                                               },
        {r->suite.demands.accepts_all && (!r->expect || is_folder(r->expect)),
         "--update-expectations wants --expect FILE, the file to write"                                                      },
        {has_base && (!has_build || s->remote || s->far.listen || r->persistent ||
                      r->suite.demands.accepts_all || r->expect),
         "--base is what a --build is expected to do: no --server, --listen, --persistent, "
         "--expect"                                                                                                          },
        {r->base.path[0] && (r->base.server_cmd[0] || r->base.client_cmd[0]),
         "--base is one program, and --base-server-cmd and --base-client-cmd start another"                                  },
        {r->base.version_cmd[0] && !has_base,
         "--base-version-cmd is for --base-server-cmd and --base-client-cmd"                                                 },
        {(s->far.stop_cmd || r->ports) && !s->far.dut && !s->far.harness,
         "--stop-cmd and --port-range are for another machine: give --dut-addr or --harness-addr, "
         "which may be 127.0.0.1"                                                                                            },
        {r->soak_s > 0 && (has_base || r->persistent || s->remote || suite_is_far(&s->far)),
         "--soak watches a process of its own: no --server, --dut-addr, --base, --persistent"                                },
        {r->soak_s > 0 && (tell_wants_formats(&r->tell) || r->record),
         "--soak has no verdict for each case: it is told here and in --json alone"                                          },
        {r->suite.in_order && !r->persistent,                                                "--in-order is for --persistent"},
        {r->persistent && s->remote,
         "--server is one process for all cases already: no --persistent"                                                    },
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].is_wrong) {
            fprintf(stderr, "iperfspec test: %s\n", rules[i].what);
            return false;
        }
    return true;
}

bool request_check(struct test_request *r)
{
    r->suite.demands.failures_first = r->bisect || request_has_base(r);
    return is_sensible(r) && tell_is_sensible(&r->tell, "test") && take_required(r) &&
           take_segment(r) && take_ports(r) && take_addresses(r);
}
