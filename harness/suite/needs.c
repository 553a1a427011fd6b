/* needs.c - what a case needs of a build and of this machine, and whether it is there. */
#include "harness/suite/reach.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define LIMIT_OPTION "--max-tests" /* of servers that run many tests at once */

/* --- this machine ---------------------------------------------------------------------------- */

static bool has_protocol(int protocol)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool has_sctp(void)
{
    return has_protocol(IPPROTO_SCTP);
}

static bool has_mptcp(void)
{
    return has_protocol(IPPROTO_MPTCP);
}

static bool has_ipv6(void)
{
    return access("/proc/self/net/if_inet6", F_OK) == 0;
}

/* --- the table ------------------------------------------------------------------------------- */

#define UNSPOKEN    "the simulator does not speak it"
#define OLD         "each iperf 3 has it"
#define PROBE(text) "case probe\nclause FLOW-1\nplays client\n" text

/* clang-format off */
static const struct row {
    const char *sign;     /* what --help prints where it is built in; NULL: always there */
    const char *feature;  /* what --version prints then, or NULL */
    const char *of_iperf; /* why each iperf has it, or NULL */
    bool (*kernel)(void); /* whether this machine has it; NULL: no matter */
    const char *unspoken; /* why the simulator cannot play its part, or NULL */
    const char *probe;    /* a session that goes well where a server has it, or NULL */
} rows[SCRIPT_N_NEEDS] = {
    [SCRIPT_NEED_UDP] = {.sign = "--udp", .of_iperf = OLD,
        .probe = PROBE("params { \"udp\": true, \"len\": 1000 }\n\nfinish\n")},
    [SCRIPT_NEED_SCTP] = {.sign = "--sctp", .kernel = has_sctp, .unspoken = UNSPOKEN},
    [SCRIPT_NEED_MPTCP] = {.sign = "--mptcp", .kernel = has_mptcp, .unspoken = UNSPOKEN},
    [SCRIPT_NEED_AUTH] = {.sign = "--rsa-private-key-path", .feature = "authentication"},
    [SCRIPT_NEED_IPV6] = {.sign = "-6", .of_iperf = OLD, .kernel = has_ipv6},
    [SCRIPT_NEED_GSRO] = {.sign = "--gsro"},
    [SCRIPT_NEED_BIDIR] = {.sign = "--bidir",
        .probe = PROBE("params { \"bidirectional\": true }\n\nfinish\n")},
    [SCRIPT_NEED_ZERO_COPY] = {.sign = "--zerocopy"},
    [SCRIPT_NEED_UDP_64BIT] = {.sign = "--udp-counters-64bit",
        .probe = PROBE("params { \"udp\": true, \"len\": 1000, \"udp_counters_64bit\": 1 }\n\n"
                       "finish\n")},
    [SCRIPT_NEED_SERVER_OUTPUT] = {.sign = "--get-server-output",
        .probe = PROBE("params { \"get_server_output\": 1 }\n\nfinish\n"
                       "expect results with .server_output_text\n")},
    [SCRIPT_NEED_JSON_OUTPUT] = {.sign = "--json", .of_iperf = OLD},
    [SCRIPT_NEED_SINGLE_TEST] = {.sign = LIMIT_OPTION,
        .of_iperf = "iperf runs one test at a time (CONN-4)",
        .probe = PROBE("\nopen first\nfirst advance TEST_RUNNING\nopen second\n"
                       "second expect denied\nfirst finish\n")},
};
/* clang-format on */

/* --- finding out ----------------------------------------------------------------------------- */

static bool script_needs(const struct script *script, enum script_need need)
{
    return script_words_have(&script->needs, script_need_word(need));
}

static bool is_wanted(const struct script_list *list, enum script_need need, unsigned required)
{
    bool wanted = required >> need & 1;

    for (size_t i = 0; i < list->n && !wanted; i++)
        wanted = script_needs(list->at[i], need);
    return wanted;
}

static void set(struct suite_settings *settings, enum script_need need, bool there, const char *why)
{
    struct suite_need *n = &settings->needs[need];

    n->there = there;
    n->unknown = false;
    snprintf(n->why, sizeof n->why, "%s: %s", script_need_word(need), why);
}

/* What texts and the kernel tell; false if they do not. */
static bool is_told(struct suite_settings *settings, enum script_need need)
{
    const struct subject_build *build = &settings->build;
    const struct row *row = &rows[need];

    if (row->unspoken)
        set(settings, need, false, row->unspoken);
    else if (row->kernel && !row->kernel())
        set(settings, need, false, "not in this kernel");
    else if (!row->sign)
        set(settings, need, true, "no matter of the build");
    else if (strstr(build->about, row->sign))
        set(settings, need, true, "built in, as --help says");
    else if (subject_has_help(build) && need != SCRIPT_NEED_SINGLE_TEST)
        set(settings, need, false, "not built in");
    else if (row->feature && strstr(build->about, row->feature))
        set(settings, need, true, "built in, as --version says");
    else if (row->of_iperf && strcmp(build->name, "iperf") == 0)
        set(settings, need, true, row->of_iperf);
    else
        return false;
    return true;
}

struct probing {
    struct suite_settings *settings;
    struct script_list list;
    enum script_need needs[SCRIPT_N_NEEDS]; /* of each script */
};

static bool probed(void *context, size_t index, struct suite_run *run)
{
    struct probing *p = context;
    struct text why = {0};

    text_adds(&why, "a session that tried it: ");
    text_add_cut(&why, text_string(&run->got), 90);
    set(p->settings, p->needs[index], suite_run_is_whole(run),
        suite_run_is_whole(run) ? "a session showed it" : text_string(&why));
    text_fini(&why);
    suite_run_fini(run);
    return true;
}

static void add_probe(struct probing *p, enum script_need need)
{
    struct script_error error;

    if (script_read(&p->list, "probe", rows[need].probe, &error))
        p->needs[p->list.n - 1] = need;
}

bool suite_find_needs(struct suite_settings *settings, const struct script_list *list,
                      unsigned required)
{
    struct probing p = {.settings = settings};
    bool has_server = settings->build.path[0] || settings->build.server_cmd[0] || settings->remote;

    for (int i = 0; i < SCRIPT_N_NEEDS; i++) {
        enum script_need need = (enum script_need)i;
        if (is_told(settings, need))
            continue;
        set(settings, need, required >> need & 1,
            "not known to be built in: there is no --help to ask, and nobody requires it");
        settings->needs[need].unknown = !settings->needs[need].there;
        if (rows[need].probe && has_server && is_wanted(list, need, required))
            add_probe(&p, need);
    }
    bool ok = p.list.n == 0 || suite_run_all(&p.list, settings, probed, &p);
    script_list_fini(&p.list);
    return ok;
}

/* --- asking ---------------------------------------------------------------------------------- */

/* Whether --help names the option itself, and not just a longer one. */
static bool has_option(const struct subject_build *build, const char *option)
{
    size_t len = strlen(option);

    for (const char *at = build->about; (at = strstr(at, option)); at += len)
        if (!isalnum((unsigned char)at[len]) && at[len] != '-')
            return true;
    return false;
}

static void add_missing_option(const struct subject_build *build, const char *option,
                               struct text *why)
{
    text_addf(why, "%s: not %s of this build", option,
              subject_has_help(build) ? "an option" : "known, without --help, as an option");
}

/* A long option that the script gives the subject is a need as well: one that is refused at the
 * start says nothing of how a build behaves. */
static void find_refused_option(const struct script *script, const struct subject_build *build,
                                struct text *why)
{
    const char *at = script->subject;
    char option[80];

    for (; *at && why->len == 0; at += strcspn(at, " \t")) {
        at += strspn(at, " \t");
        snprintf(option, sizeof option, "%.*s", (int)MIN(strcspn(at, " \t="), sizeof option - 1),
                 at);
        if (script_need_is_option(option) && !has_option(build, option))
            add_missing_option(build, option, why);
    }
}

static void find_missing_option(const struct script *script, const struct subject_build *build,
                                struct text *why)
{
    for (size_t i = 0; i < script->needs.n && why->len == 0; i++)
        if (script_need_is_option(script->needs.at[i]) && !has_option(build, script->needs.at[i]))
            add_missing_option(build, script->needs.at[i], why);
}

bool suite_is_far(const struct suite_far *far)
{
    return far->dut || far->harness || far->listen;
}

bool suite_can_run(const struct script *script, const struct suite_settings *settings,
                   struct text *why, struct text *options)
{
    const struct subject_build *build = &settings->build;
    bool is_elsewhere = settings->remote && !script->plays_server;
    const char *problem = reach_problem(script, settings);

    if (problem)
        text_adds(why, problem);
    else if (!is_elsewhere && !build->path[0] && !(script->plays_server && settings->far.listen) &&
             !(script->plays_server ? build->client_cmd : build->server_cmd)[0])
        text_addf(why, "no %s to judge was given", script->plays_server ? "client" : "server");
    for (int i = 0; i < SCRIPT_N_NEEDS && why->len == 0; i++)
        if (script_needs(script, (enum script_need)i) && !settings->needs[i].there)
            text_adds(why, settings->needs[i].why);
    find_missing_option(script, build, why);
    find_refused_option(script, build, why);
    if (script_needs(script, SCRIPT_NEED_SINGLE_TEST) && strstr(build->about, LIMIT_OPTION))
        text_adds(options, LIMIT_OPTION " 1");
    return why->len == 0;
}
