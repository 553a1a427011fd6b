/* capture.c - iperfspec capture: a passive monitor of an interface. */
#include "harness/cli/cli.h"

#include "harness/capture/capture.h"
#include "harness/capture/digest.h"
#include "harness/capture/rotate.h"
#include "harness/capture/timeline.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec capture -i INTERFACE [OPTIONS]\n"
    "Watch an interface and judge each iperf3 session as it ends, on any port, until interrupted.\n"
    "A verdict comes 2 s behind the end; 30 s, where only one side has ended.\n"
    "Needs the capability CAP_NET_RAW, not root.\n"
    "  -i, --interface I  such as eth0, lo, any\n"
    "  --port P           take every connection to that port for a control connection or a "
    "stream,\n"
    "                     even if it does not begin like one (again for more)\n"
    "  --filter X         only packets that this pcap filter lets pass\n"
    "  --follow           show each event as it is seen too\n"
    "  --json             a JSON object for each session, on a line of its own\n"
    "  --sessions N       stop after N sessions\n"
    "  -w, --write PREFIX  keep the packets: PREFIX-00001.pcap, ...\n"
    "  --size MIB         of one file (default 100)\n"
    "  --files N          keep the last N files (default: all)\n"
    "  --scrub            without what is private: each file as `iperfspec scrub` makes it\n"
    "The files are pieces of one capture: `cat lab-*.pcap | iperfspec check -`.\n"
    "example: iperfspec capture -i eth0 -w lab --files 20\n"
    "exit:    0 no session failed   1 one did   2 bad usage   3 trouble, such as no capability\n";

#define TICK_MS 100

struct monitor {
    const char *interface;
    struct cli_source source;
    bool is_json, is_following;
    uint64_t max_sessions, n_sessions; /* 0: no limit */
    uint64_t n[DIGEST_N_VERDICTS];
    bool is_kept;
    struct rotate files;
    struct text why; /* what went wrong with the files */
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    const struct monitor *m = context;
    char prefix[32];

    if (!m->is_following || m->is_json)
        return;
    snprintf(prefix, sizeof prefix, "[%llu] ", (unsigned long long)s->number);
    timeline_print_event(stdout, event, prefix, &(struct timeline_style){.zero_ns = s->first_ns});
    fflush(stdout);
}

static void on_done(void *context, struct track_session *s)
{
    struct monitor *m = context;

    m->n[digest_verdict(s)]++;
    if (m->is_json) {
        timeline_print_json(stdout, NULL, s, false);
        putchar('\n');
    } else {
        timeline_print_summary(stdout, s);
        timeline_print_findings(stdout, s);
    }
    fflush(stdout);
    if (++m->n_sessions == m->max_sessions)
        stop = 1;
}

static bool on_frame(void *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct monitor *m = context;

    return !m->is_kept || rotate_put(&m->files, header, bytes, &m->why);
}

/* What the kernel had no room for is not in the verdicts, nor what was not looked into. */
static void tell_missing(const struct source *source, const struct capture_live *live)
{
    struct text unread = {0};
    struct pcap_stat stat;

    if (pcap_stats(source->pcap, &stat) == 0 && stat.ps_drop > 0)
        fprintf(stderr, "iperfspec capture: the kernel dropped %u packet%s\n", stat.ps_drop,
                text_plural(stat.ps_drop));
    if (live != NULL)
        capture_tell_unread(capture_live_counts(live), &unread);
    if (unread.len > 0)
        fprintf(stderr, "iperfspec capture: %s\n", text_string(&unread));
    text_fini(&unread);
}

/* Until a signal, or enough sessions. */
static bool read_live(const struct monitor *m, struct capture_live *live, struct text *why)
{
    struct pollfd fd = {.fd = capture_live_fd(live), .events = POLLIN};

    capture_live_frames(live, on_frame, (void *)(uintptr_t)m);
    while (!stop) {
        poll(&fd, 1, TICK_MS); /* a signal ends it early */
        if (!capture_live_turn(live, why))
            return why->len == 0;
    }
    return true;
}

static bool watch(struct monitor *m, struct source *source, struct text *why)
{
    struct track_user user = {on_event, on_done, m};

    m->files.pcap = source->pcap;
    m->files.is_scrubbed = m->source.is_scrubbed;
    if (m->is_kept && !rotate_open(&m->files, why))
        return false;
    struct track *track = track_new(&user, m->source.ports, m->source.n_ports);
    fprintf(stderr, "iperfspec capture: watching %s\n", m->interface);
    struct capture_live *live = capture_live_new(source, track, why);
    bool is_good = live != NULL && read_live(m, live, why);
    track_finish(track);
    track_free(track);
    tell_missing(source, live);
    capture_live_free(live);
    text_adds(why, text_string(&m->why));
    is_good = is_good && m->why.len == 0;
    if (m->is_kept && !rotate_close(&m->files, is_good ? why : &m->why))
        is_good = false;
    return is_good;
}

static int monitor(struct monitor *m)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct source source;
    struct text why = {0};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    bool is_good = source_open_live(&source, m->interface, m->source.filter, &why);
    if (is_good) {
        is_good = watch(m, &source, &why);
        source_close(&source);
    }
    if (!is_good)
        fprintf(stderr, "iperfspec capture: %s\n", text_string(&why));
    else if (!m->is_json)
        printf("%llu passed, %llu captured in part, %llu warned, %llu failed\n",
               (unsigned long long)m->n[DIGEST_PASS], (unsigned long long)m->n[DIGEST_PART],
               (unsigned long long)m->n[DIGEST_WARN], (unsigned long long)m->n[DIGEST_FAIL]);
    text_fini(&why);
    text_fini(&m->why);
    return !is_good ? CLI_TROUBLE : m->n[DIGEST_FAIL] > 0 ? CLI_UNEXPECTED : CLI_OK;
}

static bool take(struct monitor *m, int o)
{
    uint64_t number;

    switch (o) {
    case 'i':
        m->interface = optarg;
        return true;
    case 'F':
        return m->is_following = true;
    case 'J':
        return m->is_json = true;
    case 'w':
        m->files.prefix = optarg;
        return m->is_kept = true;
    case 's':
        return cli_count(optarg, UINT64_MAX, &m->max_sessions);
    case 'S':
        if (!cli_count(optarg, 1 << 20, &number))
            return false;
        m->files.file_bytes = number << 20;
        return true;
    case 'n':
        if (!cli_count(optarg, 1 << 20, &number))
            return false;
        m->files.keep = (unsigned)number;
        return true;
    default:
        return cli_source_option(&m->source, o, optarg);
    }
}

int cli_capture(int argc, char **argv)
{
    static const struct option options[] = {
        {"interface",        required_argument, NULL, 'i'},
        {"follow",              no_argument, NULL, 'F'},
        {"json",                  no_argument, NULL, 'J'},
        {"sessions",required_argument, NULL, 's'},
        {"write",               required_argument, NULL, 'w'},
        {"size",             required_argument, NULL, 'S'},
        {"files",              required_argument, NULL, 'n'},
        CLI_SOURCE_OPTIONS,
        {"help",                  no_argument, NULL, 'h'},
        {0       }
    };
    struct monitor m = {.files.file_bytes = UINT64_C(100) << 20};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!take(&m, o))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind != argc) {
        fprintf(stderr, "iperfspec capture: '%s' is no option; files are read by `check`\n",
                argv[optind]);
        return CLI_USAGE;
    }
    if (m.interface == NULL) {
        fputs("iperfspec capture: which interface? -i eth0, say, or -i any\n", stderr);
        return CLI_USAGE;
    }
    return monitor(&m);
}
