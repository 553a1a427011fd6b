/* list.c - iperfspec list: the cases, and how many of each role. */
#include "harness/cli/cli.h"

#include <stdio.h>

static const char usage[] = "usage: iperfspec list [OPTIONS]\n"
                            "One line per case: id, clauses, title.\n" CLI_CHOICE_HELP
                            "  --count            only how many\n"
                            "example: iperfspec list --clause CLOSE-10\n";

static void print_case(const struct script *s)
{
    printf("%s  (", s->id);
    for (size_t i = 0; i < s->clauses.n; i++)
        printf("%s%s", i ? " " : "", s->clauses.at[i]);
    printf(")  %s\n", s->title);
}

int cli_list(int argc, char **argv)
{
    static const struct option options[] = {
        CLI_CHOICE_OPTIONS,
        {"count", no_argument, NULL, 'n'},
        {"help",   no_argument, NULL, 'h'},
        {0      }
    };
    struct cli_choice choice = {0};
    struct script_list list = {0};
    bool count = false, is_whole;
    size_t servers = 0;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (o == 'n')
            count = true;
        else if (!cli_choice_option(&choice, o, optarg))
            return cli_usage(usage);
    }
    int status = optind < argc ? cli_usage(usage) : cli_find(&choice, &list, &is_whole);
    for (size_t i = 0; i < list.n && status == CLI_OK; i++) {
        servers += !list.at[i]->plays_server;
        if (!count)
            print_case(list.at[i]);
    }
    if (status == CLI_OK)
        printf("%zu cases: %zu judge a server, %zu a client\n", list.n, servers, list.n - servers);
    script_list_fini(&list);
    return status;
}
