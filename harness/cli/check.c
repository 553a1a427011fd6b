/* check.c - iperfspec check: a verdict on each session in capture files. */
#include "harness/cli/cli.h"
#include "harness/cli/tell.h"

#include "harness/capture/digest.h"
#include "harness/capture/timeline.h"
#include "harness/report/captured.h"
#include "impl/wire/jwrite.h"

#include <stdio.h>
#include <stdlib.h>

#define TELL_FORMAT 256 /* options of report_formats[], in its order */

static const char usage[] =
    "usage: iperfspec check [OPTIONS] FILE...\n"
    "Judge every iperf3 session in captures (pcap, pcapng; gzip, zstd, lz4; - is standard input):\n"
    "order, framing and values of the messages, and the reported numbers against the packets.\n"
    "A session is `fail` (a MUST was broken, or a MAY, which says what something has to be if it "
    "is\n"
    "sent), `warn` (a SHOULD), `part` (nothing wrong, but not all of it was captured) or `pass`.\n"
    "Violations name the clause and the packet.\n"
    "Pieces of one capture belong together: `cat PIECE... | iperfspec check -`.\n"
    "  --json       everything as one JSON object\n"
    "  --numbers    what each stream carried, as counted and as both sides report it\n"
    "  --quiet      only sessions with something to say about\n"
    "The same for programs (- is stdout); what was captured in part counts as skipped:\n"
    "  --tap FILE       Test Anything Protocol\n"
    "  --junit FILE     JUnit XML\n"
    "  --sarif FILE     SARIF 2.1.0\n"
    "  --markdown FILE  a summary in Markdown\n"
    "  --html DIR       a folder of pages that opens from disk\n"
    "  --github         annotations for GitHub Actions, and the step summary\n"
    "Which packets:\n" CLI_SOURCE_HELP "example: iperfspec check trace.pcap\n"
    "exit:    0 nothing wrong   1 a session failed, or a file holds none   2 bad usage\n"
    "         3 trouble, such as a damaged file\n";

struct check {
    bool is_json, is_quiet, with_numbers;
    FILE *out; /* for people; stderr if the standard output belongs to a report */
    struct tell tell;
    struct reports reports; /* a run for each file, if anything is told of it */
    struct cli_source source;
    uint64_t n_in_file;
    uint64_t n[DIGEST_N_VERDICTS];
};

static void on_done(void *context, struct track_session *s)
{
    struct check *c = context;
    enum digest_verdict verdict = digest_verdict(s);

    c->n[verdict]++;
    if (tell_wants_formats(&c->tell))
        captured_add(&c->reports, s);
    if (c->is_json) {
        fputs(c->n_in_file > 0 ? ",\n" : "", stdout);
        timeline_print_json(stdout, NULL, s, false);
    } else if (!c->is_quiet || verdict != DIGEST_PASS) {
        timeline_print_summary(c->out, s);
        if (c->with_numbers)
            timeline_print_numbers(c->out, s);
        timeline_print_findings(c->out, s);
    }
    c->n_in_file++;
}

static void print_name(const char *name)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_object(&w, NULL);
    jwrite_string(&w, "file", name);
    char *text = jwrite_take(&w); /* without its closing brace */
    fputs(text != NULL ? text : "{\"file\":\"?\"", stdout);
    free(text);
}

static int check_file(struct check *c, const char *path)
{
    struct track_user user = {NULL, on_done, c};
    bool was_cut;

    c->n_in_file = 0;
    if (c->is_json) {
        print_name(path);
        fputs(",\"sessions\":[", stdout);
    } else if (!c->is_quiet) {
        fprintf(c->out, "%s\n", path);
    }
    int status = cli_read_capture("check", path, &c->source, &user, &was_cut);
    if (c->is_json)
        printf("],\"cut\":%s,\"damaged\":%s}", was_cut ? "true" : "false",
               status == CLI_TROUBLE ? "true" : "false");
    if (status != CLI_OK || c->n_in_file > 0)
        return status;
    fprintf(stderr, "iperfspec check: %s: no iperf3 session found\n", path);
    return CLI_UNEXPECTED;
}

/* The same, and what it adds to the reports. */
static int check_and_tell(struct check *c, const char *path)
{
    uint64_t n_failed = c->n[DIGEST_FAIL];

    if (!tell_wants_formats(&c->tell))
        return check_file(c, path);
    captured_begin(&c->reports, path);
    int status = check_file(c, path);
    captured_end(&c->reports, MAX(status, c->n[DIGEST_FAIL] > n_failed ? CLI_UNEXPECTED : CLI_OK),
                 status == CLI_TROUBLE          ? "the file could not be read to its end"
                 : status == CLI_UNEXPECTED     ? "no iperf3 session found"
                 : c->n[DIGEST_FAIL] > n_failed ? "not as the protocol has it"
                                                : "");
    return status;
}

static int check_files(struct check *c, char **paths, int n)
{
    int worst = CLI_OK;

    if (c->is_json)
        fputs("{\"files\":[", stdout);
    for (int i = 0; i < n; i++) {
        if (c->is_json && i > 0)
            fputs(",\n", stdout);
        int status = check_and_tell(c, paths[i]);
        worst = MAX(worst, status);
    }
    if (c->is_json)
        fputs("]}\n", stdout);
    else
        fprintf(c->out, "%llu passed, %llu captured in part, %llu warned, %llu failed\n",
                (unsigned long long)c->n[DIGEST_PASS], (unsigned long long)c->n[DIGEST_PART],
                (unsigned long long)c->n[DIGEST_WARN], (unsigned long long)c->n[DIGEST_FAIL]);
    if (tell_wants_formats(&c->tell) && !tell_formats(&c->tell, &c->reports, c->out))
        worst = CLI_TROUBLE;
    reports_fini(&c->reports);
    return MAX(worst, c->n[DIGEST_FAIL] > 0 ? CLI_UNEXPECTED : CLI_OK);
}

/* An option that a report is asked for with; false if it is none. */
static bool take_tell(struct tell *tell, int option)
{
    if (option == 'H')
        tell->html = optarg;
    else if (option == 'G')
        tell->github = true;
    else if (option >= TELL_FORMAT && option < TELL_FORMAT + REPORT_FORMATS)
        tell->files[option - TELL_FORMAT] = optarg;
    else
        return false;
    return true;
}

static bool is_sensible(struct check *c)
{
    bool takes_stdout = tell_takes_stdout(&c->tell);

    c->out = takes_stdout ? stderr : stdout;
    if (!takes_stdout || !c->is_json)
        return tell_is_sensible(&c->tell, "check");
    fputs("iperfspec check: --json and a report to `-` cannot both have the standard output\n",
          stderr);
    return false;
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"json",             no_argument, NULL, 'J'},
        {"quiet",              no_argument, NULL, 'q'},
        {"numbers",                  no_argument, NULL, 'n'},
        {"tap",required_argument, NULL, TELL_FORMAT + 0},
        {"junit",               required_argument, NULL, TELL_FORMAT + 1},
        {"sarif",          required_argument, NULL, TELL_FORMAT + 2},
        {"markdown",              required_argument, NULL, TELL_FORMAT + 3},
        {"html",                  required_argument, NULL, 'H'},
        {"github",        no_argument, NULL, 'G'},
        CLI_SOURCE_OPTIONS,
        {"help",   no_argument, NULL, 'h'},
        {0           }
    };
    struct check c = {0};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        else if (o == 'J')
            c.is_json = true;
        else if (o == 'q')
            c.is_quiet = true;
        else if (o == 'n')
            c.with_numbers = true;
        else if (!take_tell(&c.tell, o) && !cli_source_option(&c.source, o, optarg))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind == argc)
        return cli_usage(usage);
    if (!is_sensible(&c))
        return CLI_USAGE;
    if (!tell_can(&c.tell))
        return CLI_TROUBLE;
    return check_files(&c, argv + optind, argc - optind);
}
