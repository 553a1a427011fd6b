/* report.c - iperfspec report: what was kept of runs, in other forms. */
#include "harness/cli/cli.h"

#include "harness/report/formats.h"
#include "harness/report/outfile.h"
#include "harness/report/site.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec report FORMAT [--out FILE] REPORT.json...\n"
    "       iperfspec report html --out DIR [--base OLD.json]... REPORT.json...\n"
    "Tell runs that `iperfspec test --json` kept in another form, several builds side by side, by\n"
    "version.\n"
    "Formats:\n"
    "  tap       Test Anything Protocol, which prove(1) reads\n"
    "  junit     JUnit XML, which GitLab, Jenkins and GitHub's actions read\n"
    "  sarif     SARIF 2.1.0, for GitHub's code scanning\n"
    "  markdown  a summary in Markdown, below 1 MiB\n"
    "  github    annotations of GitHub Actions, ten of a kind\n"
    "  html      a folder of pages that opens from disk: matrix, cases, sessions, clauses\n"
    "            (pages and captures of cases that an earlier one had there go)\n"
    "Reports for later use:\n"
    "  diff      what changed from one run to another\n"
    "  merge     the reports of shards joined into one, or those of several builds\n"
    "  normalise  without what differs from run to run\n"
    "  --out PATH   file to write, or folder with html (default: standard output)\n"
    "  --base FILE  with html: the run to compare with (again for more: each build is compared\n"
    "               with the one of its name, or with the only one)\n"
    "A REPORT of - is the standard input, of diff, merge and normalise too.\n"
    "example: iperfspec report html --out site conformance-3.12.json conformance-3.18.json\n"
    "exit:    0 written   1 diff, merge: something is worse, or unexpected   2 bad usage\n"
    "         3 a file that cannot be read or written\n";

struct request {
    struct reports reports, base;
    const char *out;
};

static bool read_into(struct reports *list, const char *path)
{
    struct text why = {0};
    bool ok = reports_read(list, path, &why);

    if (!ok)
        fprintf(stderr, "iperfspec report: %s\n", text_string(&why));
    text_fini(&why);
    return ok;
}

static bool write_format(const struct request *r, const struct report_format *format)
{
    struct text text = {0};

    format->write(&r->reports, &text);
    bool ok = outfile_write(r->out ? r->out : "-", &text);
    text_fini(&text);
    return ok;
}

static bool write_site(const struct request *r)
{
    const struct site_request site = {
        .reports = &r->reports, .base = r->base.n ? &r->base : NULL, .dir = r->out};

    return site_can(r->out) && site_write(&site);
}

static int convert(struct request *r, const char *word)
{
    const struct report_format *format = report_format_find(word);

    reports_sort(&r->reports);
    bool ok = format ? write_format(r, format) : write_site(r);

    if (!ok)
        fprintf(stderr, "iperfspec report: %s: %s\n", r->out ? r->out : "standard output",
                strerror(errno));
    return ok ? CLI_OK : CLI_TROUBLE;
}

static const struct option options[] = {
    {"out",              required_argument, NULL, 'o'},
    {"base",              required_argument, NULL, 'b'},
    {"help",                  no_argument, NULL, 'h'},
    {0}
};

/* CLI_OK when all was read; *help if that is what was asked. */
static int read_line(struct request *r, int argc, char **argv, bool *help)
{
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        *help = o == 'h';
        if (*help)
            return CLI_OK;
        if (o == 'o')
            r->out = optarg;
        else if (o != 'b')
            return cli_refuse(argv[0], options, o, usage);
        else if (!read_into(&r->base, optarg))
            return CLI_TROUBLE;
    }
    for (int i = optind + 1; i < argc; i++)
        if (!read_into(&r->reports, argv[i]))
            return CLI_TROUBLE;
    return CLI_OK;
}

/* Whether the words go together; word: the format, NULL if there is none. */
static bool is_sensible(const struct request *r, const char *word)
{
    bool is_html = word && strcmp(word, "html") == 0;

    if (!word)
        fputs("iperfspec report: which format? --help lists them\n", stderr);
    else if (!is_html && !report_format_find(word))
        fprintf(stderr, "iperfspec report: there is no format '%s'; --help lists them\n", word);
    else if (is_html && !r->out)
        fputs("iperfspec report: html wants --out DIR\n", stderr);
    else if (!is_html && r->base.n > 0)
        fputs("iperfspec report: --base is for html\n", stderr);
    else if (r->reports.n == 0)
        fputs("iperfspec report: no report to tell\n", stderr);
    else
        return true;
    return false;
}

static struct {
    const char *word;
    char name[20]; /* its argv[0]: with what complaints begin */
    int (*run)(int argc, char **argv);
} others[] = {
    {"diff",      "report diff",      cli_report_diff     },
    {"merge",     "report merge",     cli_report_merge    },
    {"normalise", "report normalise", cli_report_normalise},
};

int cli_report(int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(others) && argc > 1; i++)
        if (strcmp(argv[1], others[i].word) == 0) {
            argv[1] = others[i].name;
            return others[i].run(argc - 1, argv + 1);
        }

    struct request r = {0};
    bool help = false;
    int status = read_line(&r, argc, argv, &help);

    if (help)
        fputs(usage, stdout);
    else if (status == CLI_OK)
        status = is_sensible(&r, optind < argc ? argv[optind] : NULL) ? convert(&r, argv[optind])
                                                                      : CLI_USAGE;
    reports_fini(&r.reports);
    reports_fini(&r.base);
    return status;
}
