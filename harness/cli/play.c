/* play.c - iperfspec play: the cases of one script against anything. */
#include "harness/capture/recorder.h"
#include "harness/cli/cli.h"
#include "harness/cli/define.h"
#include "harness/cli/save.h"
#include "harness/report/trace.h"
#include "harness/session/clock.h"
#include "harness/sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: iperfspec play SCRIPT (--connect HOST:PORT | --listen ADDR:PORT) [-D NAME=VALUE]...\n"
    "                      [--case GLOB]... [--trace] [--pcap FILE] [--save FILE] [--forever]\n"
    "Play the cases of a script, as client or as server, against whatever is there.\n"
    "  --connect HOST:PORT  play a client (`plays client`) against the server at that place\n"
    "  --listen ADDR:PORT   play a server (`plays server`): wait for a client, one for each case;\n"
    "                       port 0: any that is free\n"
    "  -D, --define NAME=VALUE\n"
    "                       {NAME} in the script becomes VALUE (again for more)\n"
    "  --case GLOB          only cases whose id matches (again for more); else all\n"
    "  --trace              show what happens: ours to the left, the subject's to the right, as\n"
    "                       wide as the terminal or COLUMNS (else 100)\n"
    "  --pcap FILE          keep it as a pcapng file for Wireshark, IP headers made up; of each\n"
    "                       segment of a stream its first 128 bytes; at most 1 GiB\n"
    "  --save FILE          write what was done as a script that does it again, message by "
    "message\n"
    "                       and in the same writes; of several cases the last one's\n"
    "  --forever            all of it again and again, until interrupted\n"
    "  --timeout-scale X    longer deadlines (default 1)\n"
    "The subject's process is out of reach: `expect exit` and its like end a case as trouble.\n"
    "example: iperfspec play harness/cases/server/normal.peer --connect 127.0.0.1:5201 --trace\n"
    "exit:    0 as expected   1 something else happened   2 bad usage or script   3 trouble, also\n"
    "         where nobody listens   130 interrupted (files are whole)\n";

/* Between two tests a stock server has no listener for some 100 ms (CONN-5). */
#define REOPENING_TRIES 40
#define REOPENING_MS    10
#define INTERRUPTED     130 /* what a shell makes of SIGINT */
#define COLUMNS         100
#define GLOBS_MAX       64
#define SCRIPT_MAX      (1 << 20)
#define ADDRESS_TEXT    (NI_MAXHOST + 16)

struct request {
    const char *path, *connect, *listen, *pcap, *save;
    const char *globs[GLOBS_MAX];
    size_t n_globs;
    bool forever, trace;
    struct defines defines;
    struct sim_config config;
    struct sim_listener listener;
    char address[ADDRESS_TEXT]; /* of the subject's server, or ours */
    char host[NI_MAXHOST];
    struct recorder recorder;
    struct sim_tap reach;
    bool reached; /* a connection was made in the case that runs */
    bool ever_reached;
    bool interrupted;
};

static int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int complain(int status, const char *format, ...)
{
    va_list args;

    fputs("iperfspec play: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\n", stderr);
    return status;
}

/* --- addresses ------------------------------------------------------------------------------- */

/* Its colons are not those of an IPv6 address whose port was forgotten. */
static bool is_host(const char *text)
{
    struct in6_addr six;

    return !strchr(text, ':') || strchr(text, '%') || inet_pton(AF_INET6, text, &six) == 1;
}

/* "HOST:PORT" at its last colon; brackets around an IPv6 address are taken off. */
static bool divide(const char *text, char *host, size_t cap, unsigned *port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end;

    if (!colon || len >= cap)
        return false;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    snprintf(host, cap, "%.*s", (int)len, text);
    *port = (unsigned)number;
    return *end == '\0' && colon[1] >= '0' && colon[1] <= '9' && number <= UINT16_MAX &&
           is_host(host);
}

static void format_address(struct request *r, unsigned port)
{
    bool is_six = strchr(r->host, ':') != NULL;

    snprintf(r->address, sizeof r->address, is_six ? "[%s]:%u" : "%s:%u", r->host, port);
}

/* The first address that the name has; r->host becomes its text. */
static int resolve(struct request *r, const char *where, int flags, unsigned *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
    char host[256], service[8];

    if (!divide(where, host, sizeof host, port))
        return complain(CLI_USAGE,
                        "%s: expected HOST:PORT, the port a number up to 65535, an IPv6 address in "
                        "brackets",
                        where);
    snprintf(service, sizeof service, "%u", *port);
    int error = getaddrinfo(host[0] ? host : NULL, service, &hints, &found);
    if (error)
        return complain(CLI_TROUBLE, "%s: %s", where,
                        error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    memcpy(&r->config.server, found->ai_addr, found->ai_addrlen);
    r->config.server_len = found->ai_addrlen;
    getnameinfo(found->ai_addr, found->ai_addrlen, r->host, sizeof r->host, NULL, 0,
                NI_NUMERICHOST);
    freeaddrinfo(found);
    format_address(r, *port);
    return CLI_OK;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *four = (const void *)a;
    const struct sockaddr_in6 *six = (const void *)a;

    return a->ss_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)
                                    : ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

static int prepare_connect(struct request *r)
{
    unsigned port = 0;
    int status = resolve(r, r->connect, 0, &port);

    if (status == CLI_OK && port == 0)
        return complain(CLI_USAGE, "%s: nobody listens on port 0", r->connect);
    r->config.is_local = is_loopback(&r->config.server);
    return status;
}

static int prepare_listen(struct request *r)
{
    unsigned port = 0;
    int status = resolve(r, r->listen, AI_PASSIVE, &port);

    if (status != CLI_OK)
        return status;
    if (!sim_listen(&r->listener, r->host, port))
        return complain(CLI_TROUBLE, "%s: %s", r->address, strerror(errno));
    r->config.listener = &r->listener;
    format_address(r, r->listener.port);
    return CLI_OK;
}

/* --- one case -------------------------------------------------------------------------------- */

static unsigned columns(void)
{
    const char *told = getenv("COLUMNS");
    struct winsize size;

    if (told && atoi(told) > 0)
        return (unsigned)atoi(told);
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : COLUMNS;
}

static void hear_reach(void *context, const struct tap_event *e)
{
    struct request *r = context;

    r->reached |= e->kind == TAP_UP;
}

/* A person has to start the client: no deadline. False: interrupted. */
static bool await_client(struct request *r)
{
    struct pollfd fds[] = {
        {.fd = r->listener.tcp,   .events = POLLIN},
        {.fd = r->config.stop_fd, .events = POLLIN}
    };
    bool is_any = strcmp(r->host, "0.0.0.0") == 0 || strcmp(r->host, "::") == 0;

    fprintf(stderr, "%s listens on %s; start a client: iperf3 -c %s -p %u%s%s\n",
            r->config.script->id, r->address, is_any ? "ADDRESS" : r->host, r->listener.port,
            r->config.script->subject[0] ? " " : "", r->config.script->subject);
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return !(fds[1].revents & POLLIN);
}

static bool was_interrupted(const struct request *r)
{
    struct pollfd fd = {.fd = r->config.stop_fd, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

static void run_case(struct request *r, struct sim_outcome *o)
{
    const struct script *script = r->config.script;
    struct trace trace;
    char heads[2][ADDRESS_TEXT + 32];

    if (r->trace) {
        trace_init(&trace, stdout, columns(), now_ns());
        snprintf(heads[0], sizeof heads[0], "iperfspec, as %s",
                 script->plays_server ? "server" : "client");
        snprintf(heads[1], sizeof heads[1], "%s %s",
                 script->plays_server ? "a client of" : "the server at", r->address);
        printf("%s\n", script->id);
        trace_head(&trace, heads[0], heads[1]);
        trace.tap.next = r->config.tap;
        r->config.tap = &trace.tap;
    }
    r->reached = false;
    sim_run(&r->config, o);
    if (r->trace) {
        r->config.tap = trace.tap.next;
        trace_fini(&trace, now_ns());
    }
}

static int tell(const struct request *r, const struct sim_outcome *o)
{
    const char *id = r->config.script->id;

    if (r->interrupted)
        return complain(INTERRUPTED, "%s: interrupted", id);
    if (!r->reached && r->connect && (o->cause == SIM_MISS || o->cause == SIM_TIMEOUT))
        return complain(CLI_TROUBLE, "%s: %s", r->address, text_string(&o->got));
    if (o->retries)
        printf("%s: %u of %u connects repeated: the listener was being opened anew (CONN-5)\n", id,
               o->retries, o->connects);
    if (o->cause == SIM_OK)
        printf("%s: as expected\n", id);
    else
        printf("%s: line %u: %s\n  got %s <- %s\n", id, o->line, text_string(&o->step),
               text_string(&o->got), sim_cause_word(o->cause));
    fflush(stdout);
    return o->cause == SIM_OK ? CLI_OK : o->cause == SIM_TROUBLE ? CLI_TROUBLE : CLI_UNEXPECTED;
}

static int play_case(struct request *r, const struct script *script)
{
    struct sim_outcome o = {0};

    r->config.script = script;
    if (r->pcap)
        recorder_note(&r->recorder, "%s, %s %s", script->id,
                      script->plays_server ? "a client of" : "the server at", r->address);
    if (r->listen && !await_client(r)) {
        r->interrupted = true;
        return complain(INTERRUPTED, "%s: interrupted", script->id);
    }
    for (int refused = 0; refused <= REOPENING_TRIES; refused++) {
        sim_outcome_fini(&o);
        run_case(r, &o);
        if (r->reached || !r->ever_reached || r->listen)
            break;
        poll(&(struct pollfd){.fd = r->config.stop_fd, .events = POLLIN}, 1, REOPENING_MS);
    }
    if (r->listen)
        sim_listener_clear(&r->listener);
    r->ever_reached |= r->reached;
    r->interrupted = was_interrupted(r);
    int status = tell(r, &o);
    if (r->save && !save_session(r->save, script, &o))
        status = complain(CLI_TROUBLE, "%s: %s", r->save, strerror(errno));
    sim_outcome_fini(&o);
    return status;
}

/* --- all of them ----------------------------------------------------------------------------- */

static bool is_chosen(const struct request *r, const struct script *script)
{
    bool chosen = r->n_globs == 0;

    for (size_t i = 0; i < r->n_globs; i++)
        chosen |= fnmatch(r->globs[i], script->id, 0) == 0;
    return chosen;
}

/* The worst status; trouble and interruption end it. */
static int play_list(struct request *r, const struct script_list *list)
{
    int worst = CLI_OK;

    do
        for (size_t i = 0; i < list->n && worst < CLI_TROUBLE; i++) {
            int status = is_chosen(r, list->at[i]) ? play_case(r, list->at[i]) : CLI_OK;
            worst = MAX(worst, status);
        }
    while (r->forever && worst < CLI_TROUBLE);
    return worst;
}

static int check_list(const struct request *r, const struct script_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct script *script = list->at[i];
        if (!is_chosen(r, script))
            continue;
        if (script->plays_server != (r->listen != NULL))
            return complain(CLI_USAGE, "%s plays a %s: use %s", script->id,
                            script->plays_server ? "server" : "client",
                            script->plays_server ? "--listen ADDR:PORT" : "--connect HOST:PORT");
        n++;
    }
    return n > 0 ? CLI_OK : complain(CLI_USAGE, "%s: no case fits --case", r->path);
}

/* SIGINT and SIGTERM become something to read, so that they end a case in good order. */
static int catch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int play_recorded(struct request *r, const struct script_list *list)
{
    char comment[2048];

    snprintf(comment, sizeof comment, "iperfspec play %s %s %s", r->path,
             r->listen ? "--listen" : "--connect", r->address);
    if (r->pcap && !recorder_open(&r->recorder, r->pcap, comment))
        return complain(CLI_TROUBLE, "%s: %s", r->pcap, strerror(errno));
    if (r->pcap) {
        r->recorder.tap.next = r->config.tap;
        r->config.tap = &r->recorder.tap;
    }
    int status = play_list(r, list), error = r->pcap ? recorder_close(&r->recorder) : 0;
    if (!error)
        return status;
    return complain(CLI_TROUBLE, "%s: %s; what came before that is whole", r->pcap,
                    strerror(error));
}

static int play(struct request *r, const struct script_list *list)
{
    int status = check_list(r, list);

    if (status == CLI_OK)
        status = r->listen ? prepare_listen(r) : prepare_connect(r);
    if (status != CLI_OK)
        return status;
    r->reach = (struct sim_tap){.context = r, .event = hear_reach};
    r->config.tap = &r->reach;
    r->config.stop_fd = catch_signals();
    status = r->config.stop_fd < 0 ? complain(CLI_TROUBLE, "signalfd: %s", strerror(errno))
                                   : play_recorded(r, list);
    if (r->config.stop_fd > 0)
        close(r->config.stop_fd);
    if (r->listen)
        sim_listener_close(&r->listener);
    return status;
}

/* --- the command line ------------------------------------------------------------------------ */

static int read_script(struct request *r, struct script_list *list)
{
    struct script_error error = {0};
    struct text raw = {0}, text = {0}, why = {0};
    char buf[4096];
    size_t n;
    FILE *f = fopen(r->path, "re");

    if (!f)
        return complain(CLI_USAGE, "%s: %s", r->path, strerror(errno));
    while (raw.len <= SCRIPT_MAX && (n = fread(buf, 1, sizeof buf, f)) > 0)
        text_add(&raw, buf, n);
    int status = ferror(f) ? complain(CLI_USAGE, "%s: %s", r->path, strerror(errno)) : CLI_OK;
    fclose(f);
    bool is_text = script_is_text(r->path, text_string(&raw), raw.len, &error);
    define_replace(&r->defines, text_string(&raw), &text);
    const char *unused = define_unused(&r->defines);
    if (status == CLI_OK && is_text && unused)
        status = complain(CLI_USAGE, "-D %s: there is no {%.*s} in %s", unused,
                          (int)strcspn(unused, "="), unused, r->path);
    if (status == CLI_OK && (!is_text || !script_read(list, r->path, text_string(&text), &error))) {
        script_error_format(&error, &why);
        fputs(text_string(&why), stderr);
        status = CLI_USAGE;
    }
    text_fini(&raw);
    text_fini(&text);
    text_fini(&why);
    return status;
}

static bool take_option(struct request *r, int option)
{
    switch (option) {
    case 'c':
        r->connect = optarg;
        return true;
    case 'l':
        r->listen = optarg;
        return true;
    case 'p':
        r->pcap = optarg;
        return true;
    case 's':
        r->save = optarg;
        return true;
    case 'f':
        return r->forever = true;
    case 'T':
        return r->trace = true;
    case 't':
        return cli_number(optarg, 0.1, 1000, &r->config.timeout_scale);
    case 'g':
        if (r->n_globs == GLOBS_MAX)
            return false;
        r->globs[r->n_globs++] = optarg;
        return true;
    case 'D':
        return define_add(&r->defines, optarg);
    default:
        return false;
    }
}

int cli_play(int argc, char **argv)
{
    static const struct option options[] = {
        {"connect",          required_argument, NULL, 'c'},
        {"listen",              required_argument, NULL, 'l'},
        {"define",                  required_argument, NULL, 'D'},
        {"case",required_argument, NULL, 'g'},
        {"trace",               no_argument, NULL, 'T'},
        {"pcap",           required_argument, NULL, 'p'},
        {"save",              required_argument, NULL, 's'},
        {"forever",                  no_argument, NULL, 'f'},
        {"timeout-scale",              required_argument, NULL, 't'},
        {"help",               no_argument, NULL, 'h'},
        {0           },
    };
    struct request r = {
        .config = {.timeout_scale = 1, .may_retry = true, .was_used = true}
    };
    struct script_list list = {0};
    int option;

    while ((option = cli_option(argc, argv, options)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!take_option(&r, option))
            return cli_refuse(argv[0], options, option, usage);
    }
    if (optind + 1 != argc)
        return cli_usage(usage);
    if (!r.connect == !r.listen)
        return complain(CLI_USAGE, "one of --connect HOST:PORT and --listen ADDR:PORT, please");
    r.path = argv[optind];
    int status = read_script(&r, &list);
    if (status == CLI_OK)
        status = play(&r, &list);
    script_list_fini(&list);
    return status;
}
