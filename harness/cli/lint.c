/* lint.c - iperfspec lint: what is wrong with case files, without playing them. */
#include "harness/cli/cli.h"

#include "harness/suite/suite.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec lint [PATH...]\n"
    "Check case files or folders (the program's own without PATH): syntax, unknown\n"
    "clauses and needs, overlapping branches of either and steps of any order, steps that\n"
    "can never run, ends of what was never begun, connections that nothing uses,\n"
    "deviations of what is never sent, streams that nobody opens, names that no foreach\n"
    "has, cases that cannot fail, ids that are not unique or begin with the other role.\n"
    "One problem has its place (FILE:LINE:COLUMN), what was expected and found there,\n"
    "and the line with a caret. Exit 1 if something was found.\n";

/* The rows of a foreach make the same mistakes: each place's is told once. */
struct problems {
    struct text told; /* the places and what was expected there, a line each */
    unsigned n;
};

static bool was_told(const struct problems *problems, const struct text *line)
{
    const char *at = strstr(text_string(&problems->told), text_string(line));

    return at && (at == problems->told.at || at[-1] == '\n');
}

static void report(void *context, const struct script_error *problem)
{
    struct problems *problems = context;
    struct text text = {0}, place = {0};

    text_addf(&place, "%s:%u:%u:%s\n", problem->file, problem->line, problem->column,
              problem->expected);
    if (!was_told(problems, &place)) {
        script_error_format(problem, &text);
        fputs(text_string(&text), stdout);
        text_add(&problems->told, place.at, place.len);
        problems->n++;
    }
    text_fini(&place);
    text_fini(&text);
}

int cli_lint(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {0 }
    };
    struct script_list list = {0};
    struct text why = {0};
    char own[1200];
    struct problems problems = {0};
    int o;

    while ((o = cli_option(argc, argv, options)) != -1)
        return o == 'h' ? fputs(usage, stdout), CLI_OK : cli_refuse(argv[0], options, o, usage);
    if (optind == argc && !suite_default_cases(own, sizeof own))
        return fputs("iperfspec: no folder of cases beside this program\n", stderr), CLI_TROUBLE;
    const char *const *paths =
        optind < argc ? (const char *const *)argv + optind : (const char *[]){own};
    problems.n = suite_find(&list, paths, (size_t)MAX(argc - optind, 1), &why);
    fputs(text_string(&why), stdout);
    for (size_t i = 0; i < list.n; i++)
        script_check(list.at[i], report, &problems);
    printf("%zu case%s, %u problem%s\n", list.n, text_plural(list.n), problems.n,
           text_plural(problems.n));
    text_fini(&problems.told);
    text_fini(&why);
    script_list_fini(&list);
    return problems.n == 0 ? CLI_OK : CLI_UNEXPECTED;
}
