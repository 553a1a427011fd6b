/* scrub.c - iperfspec scrub: a capture that can be shared. */
#include "harness/cli/cli.h"

#include "harness/capture/scrub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: iperfspec scrub [--port P]... IN OUT\n"
    "Copy the iperf3 sessions of a capture without what is private, for others to see: tokens, "
    "user\n"
    "names, host names in cookies, titles and server output become other words of the same shape,\n"
    "the same one the same wherever it stands; addresses become those of documentation, data is\n"
    "blanked. Packets that belong to no session are left out. Lengths, times, ports and sequence\n"
    "numbers stay, so that OUT (pcap, raw IP) decodes and is judged as IN.\n"
    "  --port P  as of `iperfspec decode`\n"
    "example: iperfspec scrub trace.pcapng shared.pcap\n"
    "exit:    0 written   2 bad usage   3 trouble\n";

static bool is_same_file(const char *in, const char *out)
{
    struct stat a, b;

    return strcmp(in, "-") != 0 && stat(in, &a) == 0 && stat(out, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int scrub(const struct cli_source *from, const char *in, const char *path)
{
    struct text why = {0};
    char own[4096];
    if (is_same_file(in, path)) {
        fprintf(stderr, "iperfspec scrub: %s: IN and OUT are the same file\n", path);
        return CLI_USAGE;
    }
    FILE *spool = NULL, *out = fopen(path, "wbe");
    bool is_good = out != NULL && cli_spool(in, &spool, own, sizeof own);

    if (!is_good)
        text_addf(&why, "%s: %s", out == NULL ? path : in, strerror(errno));
    is_good = is_good && scrub_file(own, from->ports, from->n_ports, out, &why);
    if (out != NULL && fclose(out) != 0 && is_good) {
        text_addf(&why, "%s: %s", path, strerror(errno));
        is_good = false;
    }
    if (spool != NULL)
        fclose(spool);
    if (!is_good)
        fprintf(stderr, "iperfspec scrub: %s\n", text_string(&why));
    if (!is_good && out != NULL)
        unlink(path); /* half of one would be taken for a whole one */
    text_fini(&why);
    return is_good ? CLI_OK : CLI_TROUBLE;
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
