/* report_join.c - iperfspec report merge and normalise: reports joined, and made comparable. */
#include "harness/cli/cli.h"

#include "harness/report/merge.h"
#include "harness/report/report.h"
#include "impl/wire/jwrite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char merge_usage[] =
    "usage: iperfspec report merge [--partial] [--out FILE] REPORT.json...\n"
    "Join reports of `iperfspec test --json`: the shards of one build into the report of the "
    "whole,\n"
    "with its cases by id; several builds into one file, as elements of \"runs\". A shard that is\n"
    "missing is trouble.\n"
    "  --partial          join what there is, whatever shards are missing\n"
    "  --out FILE         write it there (default: -, the standard output)\n"
    "example: iperfspec report merge --out all.json shard-*.json\n"
    "exit:    as the one run would have ended: 0 as expected, 1 something unexpected\n"
    "         2 bad usage, a case that two of them have   3 harness trouble in a run, a shard "
    "that\n"
    "         is missing, a file that cannot be read or written, or that is no report\n";

static const char normalise_usage[] =
    "usage: iperfspec report normalise [--out FILE] REPORT.json\n"
    "Take out what differs from run to run: times, ports, timelines, folders, measured counts, "
    "and\n"
    "the order that shows a finding of --persistent. Two runs of a build with the same verdicts "
    "and\n"
    "findings are the same file then, whether in shards or not (what only cases of another shard\n"
    "carry over is found by none).\n"
    "  --out FILE         write it there (default: -, the standard output)\n"
    "example: iperfspec report normalise run.json >run.txt\n"
    "exit:    0 written   2 bad usage\n"
    "         3 a file that cannot be read or written, or that is no report\n";

struct request {
    const char *out;
    bool is_partial;
    struct kept *reports;
    size_t n;
};

static bool read_all(struct request *r, char **paths)
{
    struct text why = {0};

    for (; *paths; paths++) {
        r->reports = text_realloc(r->reports, (r->n + 1) * sizeof *r->reports);
        r->reports[r->n] = (struct kept){0};
        if (!kept_read(&r->reports[r->n++], *paths, &why)) {
            fprintf(stderr, "iperfspec report: %s\n", text_string(&why));
            text_fini(&why);
            return false;
        }
    }
    return true;
}

static int write_out(const struct request *r, struct jwrite *w, int status)
{
    if (report_put_file(r->out, w))
        return status;
    fprintf(stderr, "iperfspec report: %s: %s\n", r->out, strerror(errno));
    return CLI_TROUBLE;
}

static int merge(const struct request *r)
{
    struct text why = {0};
    struct jwrite w;
    int status;

    jwrite_init(&w, JWRITE_PRETTY);
    if (!merge_put(&w, r->reports, r->n, r->is_partial, &status, &why)) {
        fprintf(stderr, "iperfspec report merge: %s\n", text_string(&why));
    } else {
        status = write_out(r, &w, status);
    }
    jwrite_fini(&w);
    text_fini(&why);
    return status;
}

static int normalise(const struct request *r)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_PRETTY);
    merge_put_normal(&w, &r->reports[0]);
    int status = write_out(r, &w, CLI_OK);
    jwrite_fini(&w);
    return status;
}

/* Options and files of a subcommand that reads reports and writes one. */
static int convert(int argc, char **argv, const char *usage, size_t most,
                   int (*make)(const struct request *))
{
    static const struct option all[] = {
        {"partial",          no_argument, NULL, 'p'}, /* of merge, which takes more than one */
        {"out",              required_argument, NULL, 'o'},
        {"help",                  no_argument, NULL, 'h'},
        {0}
    };
    const struct option *options = most == 1 ? all + 1 : all;
    struct request r = {.out = "-"};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (o != 'o' && o != 'p')
            return cli_refuse(argv[0], options, o, usage);
        r.is_partial |= o == 'p';
        r.out = o == 'o' ? optarg : r.out;
    }
    if (optind == argc || (size_t)(argc - optind) > most)
        return cli_usage(usage);
    int status = read_all(&r, argv + optind) ? make(&r) : CLI_TROUBLE;
    for (size_t i = 0; i < r.n; i++)
        kept_fini(&r.reports[i]);
    free(r.reports);
    return status;
}

int cli_report_merge(int argc, char **argv)
{
    return convert(argc, argv, merge_usage, SIZE_MAX, merge);
}

int cli_report_normalise(int argc, char **argv)
{
    return convert(argc, argv, normalise_usage, 1, normalise);
}
