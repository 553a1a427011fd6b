/* interop.c - iperfspec interop: iperfref and stock builds, every mode, both ways. */
#include "harness/interop/interop.h"

#include "harness/cli/cli.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_JOBS 6 /* a cell mostly waits */
#define BUILDS_MAX   32

static const char usage[] =
    "usage: iperfspec interop --build PATH [--build PATH]... [--quick] [--capture]\n"
    "                         [--mode GLOB] [--json FILE] [--jobs N]\n"
    "Run every mode between iperfref and each build, as client and as server, and three modes\n"
    "between the builds themselves as control group; print a matrix with the reason for each\n"
    "red cell. One that is red only for bytes still on their way is played once more, alone.\n"
    "iperfref is one of the builds, or stands beside this program.\n"
    "  --build PATH   an iperf3 (again for more)\n"
    "  --quick        only the modes that matter most, in less than a minute\n"
    "  --mode GLOB    only modes whose name matches\n"
    "  --capture      judge each cell from its packets too\n"
    "  --json FILE    keep the matrix\n"
    "  --jobs N       so many cells at a time (6)\n"
    "example:  iperfspec interop --build build/stock/3.22/iperf3 --mode 'udp*'\n"
    "exit:     0 all green   1 red cells   2 bad usage   3 harness trouble\n";

static bool some_mode_matches(const char *glob)
{
    for (size_t i = 0; i < interop_n_modes; i++)
        if (fnmatch(glob, interop_modes[i].name, 0) == 0)
            return true;
    fprintf(stderr, "iperfspec interop: no mode matches '%s'; there are\n", glob);
    for (size_t i = 0; i < interop_n_modes; i++)
        fprintf(stderr, "  %s\n", interop_modes[i].name);
    return false;
}

int cli_interop(int argc, char **argv)
{
    static const struct option options[] = {
        {"build",      required_argument, NULL, 'b'},
        {"capture",        no_argument, NULL, 'C'},
        {"quick",            no_argument, NULL, 'q'},
        {"mode",required_argument, NULL, 'm'},
        {"json",         required_argument, NULL, 'j'},
        {"jobs",      required_argument, NULL, 'J'},
        {"help",        no_argument, NULL, 'h'},
        {0           },
    };
    const char *builds[BUILDS_MAX];
    struct interop_settings s = {.builds = builds, .n_jobs = DEFAULT_JOBS, .progress = isatty(2)};
    uint64_t jobs;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'b' && s.n_builds < BUILDS_MAX)
            builds[s.n_builds++] = optarg;
        else if (o == 'q')
            s.quick = true;
        else if (o == 'C')
            s.capture = true;
        else if (o == 'm')
            s.mode = optarg;
        else if (o == 'j')
            s.json = optarg;
        else if (o == 'J' && cli_count(optarg, 64, &jobs))
            s.n_jobs = (unsigned)jobs;
        else
            return o == 'h' ? fputs(usage, stdout), CLI_OK : cli_refuse(argv[0], options, o, usage);
    }
    if (s.mode && !some_mode_matches(s.mode))
        return CLI_USAGE;
    return optind < argc || s.n_builds == 0 ? cli_usage(usage) : interop_run(&s, stdout);
}
