/* show.c - iperfspec show: cases in canonical form, with the text of their clauses. */
#include "harness/cli/cli.h"

#include "impl/wire/clause.h"

#include <stdio.h>

static const char usage[] =
    "usage: iperfspec show ID... [--cases PATH]\n"
    "Print cases (globs) in canonical form, {NAME} replaced, clauses in words.\n"
    "example: iperfspec show 'server/close/*'\n";

static void show(const struct script *s)
{
    struct text text = {0};

    printf("# %s:%u\n", s->file, s->line);
    for (size_t i = 0; i < s->clauses.n; i++) {
        const struct clause *c = clause_find(s->clauses.at[i]);
        if (c)
            printf("# %s %s (%s) %s\n", c->id, clause_level_name(c->level), c->versions, c->text);
    }
    script_print(s, &text);
    printf("%s\n", text_string(&text));
    text_fini(&text);
}

int cli_show(int argc, char **argv)
{
    static const struct option options[] = {
        {"cases", required_argument, NULL, 'd'},
        {"help",   no_argument, NULL, 'h'},
        {0      }
    };
    struct cli_choice choice = {0};
    struct script_list list = {0};
    bool is_whole;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (!cli_choice_option(&choice, o, optarg))
            return cli_usage(usage);
    }
    if (optind == argc)
        return cli_usage(usage);
    for (; optind < argc; optind++)
        cli_choice_option(&choice, 'c', argv[optind]);
    int status = cli_find(&choice, &list, &is_whole);
    for (size_t i = 0; i < list.n && status == CLI_OK; i++)
        show(list.at[i]);
    script_list_fini(&list);
    return status;
}
