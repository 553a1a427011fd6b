/* coverage.c - iperfspec coverage: what runs have met and judged, and what they have not. */
#include "harness/report/coverage.h"
#include "harness/cli/cli.h"

#include <stdio.h>

static const char usage[] =
    "usage: iperfspec coverage REPORT.json ... [OPTIONS]\n"
    "What the runs behind reports of `iperfspec test --json` have met and judged: the cells of\n"
    "the state x event tables with the reactions that they allow, and the clauses (MUST and\n"
    "SHOULD, what can be seen from outside). Beside it, what is predicted of the stock builds\n"
    "reported (IS). A clause counts only if a case that names it is known to notice a fault of\n"
    "it, or a stock build reported misses it; a prediction, if some build does otherwise.\n"
    "  --left-out FILE    what is not covered, each with a reason (default: left-out, beside the\n"
    "                     cases): what is missing there, or covered after all, is unexpected;\n"
    "                     its line `at-most N` says how many there may be\n"
    "  --proofs FILE      lines `CLAUSE CASE FAULT`, as scripts/mutants-table writes them\n"
    "                     (default: proofs, beside the cases)\n"
    "  --missing          list what is not covered and not left out, and what is not predicted\n"
    "example: iperfspec coverage build/report/conformance-*.json\n"
    "exit:    0 all of the tables, MUST and SHOULD is covered or left out   1 something is not\n"
    "         2 bad usage   3 a file that cannot be read\n";

int cli_coverage(int argc, char **argv)
{
    static const struct option options[] = {
        {"left-out",         required_argument, NULL, 'l'},
        {"proofs",              required_argument, NULL, 'p'},
        {"missing",                  no_argument, NULL, 'v'},
        {"help",no_argument, NULL, 'h'},
        {0              }
    };
    struct coverage_files files = {0};
    struct text why = {0};
    bool is_whole = true;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        switch (o) {
        case 'h':
            return fputs(usage, stdout), CLI_OK;
        case 'l':
            files.left_out = optarg;
            break;
        case 'p':
            files.proofs = optarg;
            break;
        case 'v':
            files.lists_missing = true;
            break;
        default:
            return cli_refuse(argv[0], options, o, usage);
        }
    }
    if (optind == argc)
        return cli_usage(usage);
    files.reports = (const char *const *)argv + optind;
    files.n_reports = (size_t)(argc - optind);
    bool ok = coverage_print(stdout, &files, &is_whole, &why);
    if (!ok)
        fprintf(stderr, "iperfspec coverage: %s\n", text_string(&why));
    text_fini(&why);
    return !ok ? CLI_TROUBLE : is_whole ? CLI_OK : CLI_UNEXPECTED;
}
