/* report_diff.c - iperfspec report diff: what changed from one run to another. */
#include "harness/cli/cli.h"

#include "harness/report/diff.h"
#include "harness/report/outfile.h"
#include "harness/report/site.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec report diff [--format text|json|html] [--out PATH] OLD.json NEW.json\n"
    "What changed from one run to another, the worse first: verdicts, causes, cases that came or\n"
    "went. Of merged reports the runs with the same name are compared.\n"
    "  --format FORM   text (default), json, or html: NEW as a folder of pages in which each\n"
    "                  change is marked\n"
    "  --out PATH      file to write, or folder with html (default: standard output)\n"
    "example: iperfspec report diff yesterday.json today.json\n"
    "exit:    0 nothing is worse   1 something is   2 bad usage\n"
    "         3 a file that cannot be read or written, runs that cannot be compared\n";

static const struct option options[] = {
    {"format",           required_argument, NULL, 'f'},
    {"out",              required_argument, NULL, 'o'},
    {"help",                  no_argument, NULL, 'h'},
    {0}
};

struct request {
    struct reports old, now;
    struct diffs diffs;
    const char *format, *out;
};

static bool write_diff(const struct request *r)
{
    struct text text = {0};

    if (strcmp(r->format, "html") == 0)
        return site_can(r->out) && site_write(&(struct site_request){
                                       .reports = &r->now, .base = &r->old, .dir = r->out});
    (strcmp(r->format, "json") == 0 ? diffs_json : diffs_text)(&r->diffs, &text);
    bool ok = outfile_write(r->out ? r->out : "-", &text);
    text_fini(&text);
    return ok;
}

static int diff(struct request *r, const char *old, const char *now)
{
    struct text why = {0};
    bool ok = reports_read(&r->old, old, &why) && reports_read(&r->now, now, &why) &&
              diffs_make(&r->diffs, &r->old, &r->now, &why);

    if (ok && !write_diff(r)) {
        text_addf(&why, "%s: %s", r->out ? r->out : "standard output", strerror(errno));
        ok = false;
    }
    if (!ok)
        fprintf(stderr, "iperfspec report: %s\n", text_string(&why));
    text_fini(&why);
    return !ok ? CLI_TROUBLE : r->diffs.n_worse ? CLI_UNEXPECTED : CLI_OK;
}

static bool is_format(const char *word)
{
    return strcmp(word, "text") == 0 || strcmp(word, "json") == 0 || strcmp(word, "html") == 0;
}

int cli_report_diff(int argc, char **argv)
{
    struct request r = {.format = "text"};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (o == '?' || (o == 'f' && !is_format(optarg)))
            return cli_refuse("report diff", options, o, usage);
        *(o == 'f' ? &r.format : &r.out) = optarg;
    }
    if (argc - optind != 2)
        return cli_usage(usage);
    if (strcmp(r.format, "html") == 0 && !r.out) {
        fputs("iperfspec report diff: --format html wants --out DIR\n", stderr);
        return CLI_USAGE;
    }
    int status = diff(&r, argv[optind], argv[optind + 1]);
    diffs_fini(&r.diffs);
    reports_fini(&r.old);
    reports_fini(&r.now);
    return status;
}
