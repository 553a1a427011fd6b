/* scrub.c - iperfspec scrub: a capture that can be shared. */
#include "harness/cli/cli.h"

#include "harness/capture/scrub.h"
#include "harness/capture/source.h"
#include "harness/report/outfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char usage[] =
    "usage: iperfspec scrub [--port P]... IN OUT\n"
    "Copy the iperf3 sessions of a capture without what is private, for others to see: tokens, "
    "user\n"
    "names, host names in cookies, titles and server output become other words of the same shape,\n"
    "the same one the same wherever it stands; addresses become those of documentation, data is\n"
    "blanked. Packets that belong to no session are left out. Lengths, times, ports and sequence\n"
    "numbers stay, so that OUT (pcap, raw IP; - is standard output) decodes and is judged as IN.\n"
    "  --port P  as of `iperfspec decode`\n"
    "example: iperfspec scrub trace.pcapng shared.pcap\n"
    "exit:    0 written   2 bad usage   3 trouble: OUT is as it was, or, where IN is damaged, has\n"
    "         what came before that\n";

static bool is_same_file(const char *in, const char *out)
{
    struct stat a, b;

    return strcmp(in, "-") != 0 && stat(in, &a) == 0 && stat(out, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Asked before OUT, which may be a link or a device, is opened. */
static bool can_read(const struct scrub_from *from, struct text *why)
{
    struct source source;
    bool is_good = source_open_as(&source, from->path, from->name, why);

    if (is_good)
        source_close(&source);
    return is_good;
}

/* What came before damage is worth having, as it is to `check`: it is kept, and the rest said. */
static enum scrub_result scrub_to(const struct scrub_from *from, const char *path, struct text *why)
{
    struct outfile f;

    if (!can_read(from, why))
        return SCRUB_FAILED;
    if (!outfile_begin(&f, path)) {
        text_addf(why, "%s: %s", path, strerror(errno));
        return SCRUB_FAILED;
    }
    enum scrub_result result = scrub_file(from, f.out, why);
    if (result == SCRUB_FAILED) {
        outfile_drop(&f);
    } else if (!outfile_end(&f)) {
        text_addf(why, "%s%s: %s", why->len > 0 ? "; " : "", path, strerror(errno));
        result = SCRUB_FAILED;
    }
    return result;
}

static int scrub(const struct cli_source *source, const char *in, const char *path)
{
    struct text why = {0};
    FILE *spool = NULL;
    char own[4096];
    struct scrub_from from = {own, strcmp(in, "-") == 0 ? "stdin" : in, source->ports,
                              source->n_ports};
    enum scrub_result result = SCRUB_FAILED;

    if (is_same_file(in, path)) {
        fprintf(stderr, "iperfspec scrub: %s: IN and OUT are the same file\n", path);
        return CLI_USAGE;
    }
    if (cli_spool(in, &spool, own, sizeof own))
        result = scrub_to(&from, path, &why);
    else
        text_addf(&why, "%s: %s", from.name, strerror(errno));
    if (spool != NULL)
        fclose(spool);
    if (result == SCRUB_CUT)
        text_addf(&why, "%s: the last packet is cut short", from.name);
    if (result == SCRUB_DAMAGED)
        text_addf(&why, "; %s has what is before that", path);
    if (result != SCRUB_WHOLE)
        fprintf(stderr, "iperfspec scrub: %s\n", text_string(&why));
    text_fini(&why);
    return result == SCRUB_WHOLE || result == SCRUB_CUT ? CLI_OK : CLI_TROUBLE;
}

int cli_scrub(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"help",  no_argument, NULL, 'h'},
        {0     }
    };
    struct cli_source from = {0};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!cli_source_option(&from, o, optarg))
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind + 2 != argc)
        return cli_usage(usage);
    return scrub(&from, argv[optind], argv[optind + 1]);
}
