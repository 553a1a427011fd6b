/* show.c - iperfspec show: cases in canonical form, with the text of their clauses. */
#include "harness/cli/cli.h"

#include "impl/wire/clause.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 96

static const char usage[] =
    "usage: iperfspec show ID... [--cases PATH]\n"
    "Print cases (globs) in canonical form, {NAME} replaced, clauses in words.\n"
    "example: iperfspec show 'server/close/*'\n"
    "exit:    0 shown   2 bad usage, or no case fits   3 no cases found\n";

/* A comment of at most WIDTH columns a line; what does not fit goes on below, indented. */
static void comment(const char *text)
{
    int column = 0;

    for (const char *at = text; *at;) {
        int len = (int)strcspn(at, " ");
        if (column > 0 && column + 1 + len > WIDTH) {
            fputs("\n", stdout);
            column = 0;
        }
        column += printf("%s%.*s", column ? " " : at == text ? "# " : "#     ", len, at);
        at += len;
        at += strspn(at, " ");
    }
    fputs("\n", stdout);
}

static void show(const struct script *s)
{
    struct text text = {0};

    printf("# %s:%u\n", s->file, s->line);
    for (size_t i = 0; i < s->clauses.n; i++) {
        const struct clause *c = clause_find(s->clauses.at[i]);
        if (!c)
            continue;
        struct text words = {0};
        text_addf(&words, "%s %s (%s): %s", c->id, clause_level_name(c->level), c->versions,
                  c->text);
        comment(text_string(&words));
        text_fini(&words);
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
            return cli_refuse(argv[0], options, o, usage);
    }
    if (optind == argc)
        return cli_usage(usage);
    for (; optind < argc; optind++)
        cli_choice_option(&choice, 'c', argv[optind]);
    int status = cli_find(&choice, &list, NULL, &is_whole);
    for (size_t i = 0; i < list.n && status == CLI_OK; i++)
        show(list.at[i]);
    script_list_fini(&list);
    return status;
}
