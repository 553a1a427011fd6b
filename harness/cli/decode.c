/* decode.c - iperfspec decode: what happened in the sessions of a capture. */
#include "harness/cli/cli.h"

#include "harness/capture/timeline.h"
#include "harness/report/ladder.h"
#include "harness/report/outfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec decode [--pretty | --json | --summary | --follow] [--session N] [--port "
    "P]...\n"
    "                        FILE\n"
    "Show the iperf3 sessions in a capture (pcap, pcapng; gzip, zstd, lz4; - is standard input).\n"
    "Times are seconds since the start of the session, > is the client, < the server.\n"
    "  --pretty     JSON texts over several lines\n"
    "  --json       everything as one JSON object\n"
    "  --bytes      with --json: each message as it went over the wire too, in hex\n"
    "  --summary    one line per session\n"
    "  --follow     each event as it is read, for `tcpdump -U -w - ... | iperfspec decode --follow "
    "-`\n"
    "  --ladder F   draw the sessions (at most 100) as ladders too: FILE.svg or FILE.html\n"
    "  --session N  only the N-th session\n" CLI_SOURCE_HELP
    "example: iperfspec decode --pretty trace.pcapng.zst\n"
    "exit:    0 decoded   1 no session there   2 bad usage   3 trouble, such as a damaged file\n";

#define LADDERS_MAX 100

enum form { FORM_TIMELINE, FORM_JSON, FORM_SUMMARY, FORM_FOLLOW };

struct decode {
    enum form form;
    bool is_pretty, with_bytes;
    uint64_t only; /* session; 0: all */
    struct cli_source source;
    uint64_t n_shown;
    const char *ladder_path; /* NULL: none */
    struct ladder *ladders;  /* of the sessions so far */
    size_t n_ladders;
};

static bool is_wanted(const struct decode *d, const struct track_session *s)
{
    return d->only == 0 || d->only == s->number;
}

/* NULL: it is over. */
static void follow(const struct decode *d, struct track_session *s, const struct track_event *event)
{
    char prefix[32];

    snprintf(prefix, sizeof prefix, "[%llu] ", (unsigned long long)s->number);
    timeline_follow(stdout, s, event, prefix, &(struct timeline_style){d->is_pretty, s->first_ns});
    fflush(stdout);
}

static void on_event(void *context, struct track_session *s, const struct track_event *event)
{
    struct decode *d = context;

    if (!is_wanted(d, s) || (d->form == FORM_SUMMARY && d->ladder_path == NULL))
        return;
    if (d->form == FORM_FOLLOW) {
        follow(d, s, event);
        if (d->ladder_path == NULL)
            return;
    }
    timeline_collect(s, event);
}

static void add_ladder(struct decode *d, const struct track_session *s)
{
    if (s->user == NULL || d->n_ladders == LADDERS_MAX)
        return;
    d->ladders = text_realloc(d->ladders, (d->n_ladders + 1) * sizeof *d->ladders);
    ladder_of_capture(&d->ladders[d->n_ladders++], s->user, s);
}

static bool is_html(const char *path)
{
    const char *ending = strrchr(path, '.');

    return ending != NULL && strcmp(ending, ".html") == 0;
}

static bool take_ladder(struct decode *d, const char *path)
{
    const char *ending = strrchr(path, '.');

    d->ladder_path = path;
    return is_html(path) || (ending != NULL && strcmp(ending, ".svg") == 0);
}

static int write_ladders(struct decode *d, const char *name)
{
    struct text text = {0};

    if (is_html(d->ladder_path))
        ladder_html(d->ladders, d->n_ladders, name, &text);
    else
        ladder_svg(d->ladders, d->n_ladders, &text);
    bool is_good = outfile_write(d->ladder_path, &text);
    if (!is_good)
        fprintf(stderr, "iperfspec decode: --ladder %s: %s\n", d->ladder_path, strerror(errno));
    for (size_t i = 0; i < d->n_ladders; i++)
        ladder_fini(&d->ladders[i]);
    free(d->ladders);
    text_fini(&text);
    return is_good ? CLI_OK : CLI_TROUBLE;
}

static void on_done(void *context, struct track_session *s)
{
    struct decode *d = context;

    if (is_wanted(d, s)) {
        if (d->form == FORM_TIMELINE) {
            timeline_print(stdout, s->user, s, d->is_pretty);
        } else if (d->form == FORM_JSON) {
            fputs(d->n_shown > 0 ? ",\n" : "", stdout);
            timeline_print_json(stdout, s->user, s, d->with_bytes);
        } else {
            if (d->form == FORM_FOLLOW)
                follow(d, s, NULL);
            timeline_print_summary(stdout, s);
        }
        fflush(stdout);
        d->n_shown++;
        if (d->ladder_path != NULL)
            add_ladder(d, s);
    }
    timeline_discard(s);
}

static int decode(struct decode *d, const char *path)
{
    struct track_user user = {on_event, on_done, d};
    bool was_cut;

    if (d->form == FORM_JSON)
        fputs("{\"sessions\":[", stdout);
    int status = cli_read_capture("decode", path, &d->source, &user, &was_cut);
    if (d->form == FORM_JSON)
        printf("],\"cut\":%s}\n", was_cut ? "true" : "false");
    if (d->n_ladders > 0 && write_ladders(d, path) != CLI_OK)
        status = CLI_TROUBLE;
    if (status != CLI_OK || d->n_shown > 0)
        return status;
    fprintf(stderr, "iperfspec decode: %s: no %s\n", path,
            d->only ? "such session" : "iperf3 session found");
    return CLI_UNEXPECTED;
}

static bool is_form(int option)
{
    return option == 'J' || option == 'S' || option == 'F';
}

/* False: another one was asked for before. */
static bool take_form(struct decode *d, int option)
{
    enum form form = option == 'J' ? FORM_JSON : option == 'S' ? FORM_SUMMARY : FORM_FOLLOW;
    bool is_first = d->form == FORM_TIMELINE || d->form == form;

    d->form = form;
    return is_first;
}

int cli_decode(int argc, char **argv)
{
    static const struct option options[] = {
        {"pretty",           no_argument, NULL, 'P'},
        {"json",              no_argument, NULL, 'J'},
        {"bytes",                  no_argument, NULL, 'B'},
        {"ladder",required_argument, NULL, 'L'},
        {"summary",               no_argument, NULL, 'S'},
        {"follow",            no_argument, NULL, 'F'},
        {"session",              required_argument, NULL, 's'},
        CLI_SOURCE_OPTIONS,
        {"help",                  no_argument, NULL, 'h'},
        {0       }
    };
    struct decode d = {.form = FORM_TIMELINE};
    bool is_clear = true;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        else if (o == 'P')
            d.is_pretty = true;
        else if (o == 'B')
            d.with_bytes = true;
        else if (is_form(o))
            is_clear = take_form(&d, o) && is_clear;
        else if (o == 's'   ? !cli_count(optarg, UINT64_MAX, &d.only)
                 : o == 'L' ? !take_ladder(&d, optarg)
                            : !cli_source_option(&d.source, o, optarg))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (!cli_is_single(argc, argv))
        return CLI_USAGE;
    if (optind == argc)
        return cli_usage(usage);
    if (!is_clear) {
        fputs("iperfspec decode: one of --json, --summary and --follow, please\n", stderr);
        return CLI_USAGE;
    }
    return decode(&d, argv[optind]);
}
