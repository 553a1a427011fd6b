/* load.c - iperfspec load: many honest clients at once against one server. */
#include "harness/load/load.h"

#include "harness/cli/cli.h"
#include "harness/report/report.h"
#include "harness/session/clock.h"
#include "impl/net/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READY_S 10 /* until a server listens */

static const char usage[] =
    "usage: iperfspec load --build PATH [OPTIONS]\n"
    "       iperfspec load --server HOST:PORT [OPTIONS]\n"
    "Play many honest clients at once against one server, from one process without a thread for\n"
    "each; judge every result, and say how many tests were done in a second, how long they took,\n"
    "and what went wrong. A server that takes one test at a time is asked again until it is free.\n"
    "  --build PATH       a program with iperf3's own options: started as server, watched, ended\n"
    "  --server HOST:PORT  a server that runs elsewhere\n"
    "  --tests N          so many tests in all (default 100)\n"
    "  --at-once N        so many of them at the same time (default 10)\n"
    "  --mode OPTIONS     what a client asks for, in iperf3's own options, such as '-u -b 1M -k "
    "20';\n"
    "                     '3:-R -n 1M' counts three times (again for more; default: six small "
    "ones,\n"
    "                     TCP and UDP, in both directions, parallel and bidirectional)\n"
    "  --modes FILE       such modes, one a line, # begins a comment\n"
    "  --options OPTIONS  for the server of --build\n"
    "  --max-loss PERCENT  a test whose datagrams are lost beyond that has failed (default 100)\n"
    "  --every-byte       the server counts every byte that reached it (INT-7), as iperfref does,\n"
    "                     of which it is asked anyway\n"
    "  --limit TIME       a test that has no end then has failed (default 60s, and what -t "
    "asks for)\n"
    "  --patience TIME    stop if no test gets on for so long (default 30s)\n"
    "  --json FILE        all numbers as JSON (- for stdout)\n"
    "example: iperfspec load --build build/iperfref --tests 10000 --at-once 100 --mode '-k 1'\n"
    "exit:    0 every test was good, and a server of --build holds no more descriptors and "
    "threads\n"
    "           than before\n"
    "         1 failed tests, or a server that ended or keeps what tests had\n"
    "         2 bad usage\n"
    "         3 harness trouble: tests that could not be played\n";

struct line {
    struct load_request request;
    const char *build, *server, *server_options, *json;
    const char *modes[LOAD_MODES_MAX]; /* read once our own line has been: getopt() has one place */
    size_t n_modes;
    const char *mode_file;
    char host[256];         /* of --server, numeric */
    struct subject subject; /* of --build */
};

static bool take_number(struct line *l, int option)
{
    uint64_t n;

    if (!cli_count(optarg, option == 'n' ? LOAD_TESTS_MAX : LOAD_AT_ONCE_MAX, &n))
        return false;
    if (option == 'n')
        l->request.n_tests = n;
    else
        l->request.at_once = (unsigned)n;
    return true;
}

static bool take(struct line *l, int option)
{
    struct load_request *r = &l->request;

    switch (option) {
    case 'b':
        l->build = optarg;
        return true;
    case 's':
        l->server = optarg;
        return true;
    case 'o':
        l->server_options = optarg;
        return true;
    case 'j':
        l->json = optarg;
        return true;
    case 'e':
        return r->counts_all = true;
    case 'n':
    case 'a':
        return take_number(l, option);
    case 'm':
        if (l->n_modes < LOAD_MODES_MAX)
            l->modes[l->n_modes++] = optarg;
        return l->n_modes < LOAD_MODES_MAX;
    case 'f':
        l->mode_file = optarg;
        return true;
    case 'l':
        return cli_duration(optarg, &r->limit_s);
    case 'p':
        return cli_duration(optarg, &r->patience_s);
    case 'x':
        if (!cli_number(optarg, 0, 100, &r->max_loss))
            return false;
        r->max_loss /= 100;
        return true;
    default:
        return false;
    }
}

/* --- where the server is --------------------------------------------------------------------- */

/* HOST:PORT, HOST a name or an address, IPv6 in brackets; into host, numeric. */
static bool find_server(const char *text, char *host, size_t cap, unsigned *port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    struct sock_addrs list = {0};
    struct sock_name name;
    uint64_t number;

    if (len == 0 || len >= cap || !cli_count(colon + 1, 65535, &number))
        return fprintf(stderr, "iperfspec load: '%s' is no HOST:PORT\n", text), false;
    snprintf(host, cap, "%.*s", (int)(brackets ? len - 2 : len), text + brackets);
    if (sock_resolve(host, (uint16_t)number, AF_UNSPEC, false, &list) != SPEC_OK || list.n == 0)
        return fprintf(stderr, "iperfspec load: no host '%s'\n", host), false;
    sock_name_of(&list.at[0], &name);
    sock_addrs_free(&list);
    snprintf(host, cap, "%s", name.host);
    *port = (unsigned)number;
    return true;
}

/* In a network of our own where the system allows one: nobody else's connections are in its way. */
static bool start_server(struct line *l, struct text *why)
{
    struct subject *subject = &l->subject;
    struct subject_build build = {0};
    struct load_request *r = &l->request;

    if (snprintf(build.path, sizeof build.path, "%s", l->build) >= (int)sizeof build.path) {
        text_adds(why, "the path is too long");
        return false;
    }
    subject_adopt_orphans();
    if (!subject_identify(&build, 0, why))
        return false;
    r->counts_all |= strcmp(build.name, "iperfref") == 0;
    subject_enter_own_network();
    r->port = subject_free_port();
    r->host = "127.0.0.1";
    char **argv = subject_argv(&build, NULL, r->port, l->server_options ? l->server_options : "");
    bool ok = subject_start(subject, argv, NULL, why);
    subject_argv_free(argv);
    if (!ok)
        return false;
    r->subject = subject;
    if (subject_await_listening(subject, r->port, now_ns() + READY_S * UINT64_C(1000000000)) ==
        SUBJECT_READY)
        return true;
    text_addf(why, "it does not listen on port %u: %.200s", r->port, text_string(&subject->err));
    return false;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* A sanitizer's report counts like a failed test. */
static int judge_process(struct subject *subject, int status)
{
    struct text line = {0};
    const char *at;

    subject_end(subject);
    bool found = subject_report(subject, &line, &at);
    if (found)
        printf("FAIL       %s\n%.4000s\n", text_string(&line), at);
    text_fini(&line);
    return found ? CLI_UNEXPECTED : status;
}

static int tell(const struct line *l, const struct load_result *result)
{
    int status = load_exit_status(&l->request, result);
    struct jwrite w;

    if (!l->json || strcmp(l->json, "-") != 0)
        load_print(stdout, &l->request, result);
    if (!l->json)
        return status;
    jwrite_init(&w, JWRITE_PRETTY);
    load_put_json(&w, &l->request, result);
    if (!report_put_file(l->json, &w)) {
        fprintf(stderr, "iperfspec load: %s: %s\n", l->json, strerror(errno));
        status = CLI_TROUBLE;
    }
    jwrite_fini(&w);
    return status;
}

static int play(struct line *l)
{
    struct load_result result = {0};
    struct text why = {0};
    int status = CLI_TROUBLE;

    subject_init(&l->subject);
    if (l->server && !find_server(l->server, l->host, sizeof l->host, &l->request.port))
        return CLI_USAGE;
    l->request.host = l->host;
    if ((l->server || start_server(l, &why)) && load_run(&l->request, &result, &why))
        status = tell(l, &result);
    else
        fprintf(stderr, "iperfspec load: %s: %s\n", l->server ? l->server : l->build,
                text_string(&why));
    if (l->request.subject)
        status = judge_process(&l->subject, status);
    subject_fini(&l->subject);
    load_result_fini(&result);
    text_fini(&why);
    return status;
}

static bool read_modes(struct line *l)
{
    struct load_modes *modes = &l->request.modes;

    for (size_t i = 0; i < l->n_modes; i++)
        if (!load_modes_add(modes, l->modes[i]))
            return false;
    if (l->mode_file && !load_modes_read(modes, l->mode_file))
        return false;
    return modes->n > 0 || load_modes_add_usual(modes);
}

/* Read the command line: CLI_OK, or CLI_USAGE after a message; *help if that is what was asked. */
static int read_line(struct line *l, int argc, char **argv, bool *help)
{
    static const struct option options[] = {
        {"build",            required_argument, NULL, 'b'},
        {"server",              required_argument, NULL, 's'},
        {"tests",                  required_argument, NULL, 'n'},
        {"at-once",required_argument, NULL, 'a'},
        {"mode",               required_argument, NULL, 'm'},
        {"modes",            required_argument, NULL, 'f'},
        {"options",              required_argument, NULL, 'o'},
        {"max-loss",                  required_argument, NULL, 'x'},
        {"every-byte",              no_argument, NULL, 'e'},
        {"limit",               required_argument, NULL, 'l'},
        {"patience",             required_argument, NULL, 'p'},
        {"json",              required_argument, NULL, 'j'},
        {"help",                  no_argument, NULL, 'h'},
        {0}
    };
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        *help = o == 'h';
        if (*help)
            return fputs(usage, stdout), CLI_OK;
        if (!take(l, o))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind < argc || !l->build == !l->server)
        return cli_usage(usage);
    return read_modes(l) ? CLI_OK : CLI_USAGE;
}

int cli_load(int argc, char **argv)
{
    struct line l = {
        .request = {.n_tests = 100, .at_once = 10, .limit_s = 60, .patience_s = 30, .max_loss = 1}
    };
    bool help = false;
    int status = read_line(&l, argc, argv, &help);

    if (status == CLI_OK && !help)
        status = play(&l);
    load_modes_fini(&l.request.modes);
    return status;
}
