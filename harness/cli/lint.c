/* lint.c - iperfspec lint: what is wrong with case files, without playing them. */
#include "harness/cli/cli.h"

#include "harness/suite/suite.h"

#include <stdio.h>

static const char usage[] =
    "usage: iperfspec lint [PATH...]\n"
    "Check case files or folders (the program's own without PATH): syntax, unknown\n"
    "clauses and needs, overlapping branches of either, steps that can never run, ends\n"
    "of what was never begun, connections that nothing uses, cases that cannot fail,\n"
    "ids that are not unique.\n"
    "One problem has its place (FILE:LINE:COLUMN), what was expected and found there,\n"
    "and the line with a caret. Exit 1 if something was found.\n";

static void report(void *context, const struct script_error *problem)
{
    struct text text = {0};
    unsigned *found = context;

    script_error_format(problem, &text);
    fputs(text_string(&text), stdout);
    text_fini(&text);
    ++*found;
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
    unsigned found = 0;
    bool ok = true;
    int o;

    while ((o = cli_option(argc, argv, options)) != -1)
        return o == 'h' ? fputs(usage, stdout), CLI_OK : cli_usage(usage);
    if (optind == argc && !suite_default_cases(own, sizeof own))
        return fputs("iperfspec: no folder of cases beside this program\n", stderr), CLI_TROUBLE;
    if (optind == argc)
        ok = suite_find(&list, own, &why);
    for (; optind < argc && ok; optind++)
        ok = suite_find(&list, argv[optind], &why);
    if (!ok)
        printf("%s", text_string(&why));
    for (size_t i = 0; i < list.n; i++)
        script_check(list.at[i], report, &found);
    printf("%zu cases, %u problems\n", list.n, found + !ok);
    text_fini(&why);
    script_list_fini(&list);
    return ok && found == 0 ? CLI_OK : CLI_UNEXPECTED;
}
