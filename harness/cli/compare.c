/* compare.c - iperfspec compare: where two builds react otherwise. */
#include "harness/cli/cli.h"
#include "harness/report/contrast.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec compare [--all] A.json B.json\n"
    "Where two builds do otherwise, as an implementer reads it: the state, what the build meets\n"
    "there, what each of them does, how many cases show it, and the simplest of these, for\n"
    "`iperfspec show` and `iperfspec test --case`. Behind that, by clause, what one build does as\n"
    "it should and the other does not, though both react alike. The files are written by\n"
    "`iperfspec test --record FILE`, or by `iperfspec test --json FILE`.\n"
    "What both builds do at times on the same event, or where each case may end in more than one\n"
    "way, is no difference; how many cases differ so is told.\n"
    "  --all              those too, and where they do the same, or only one was met\n"
    "example: iperfspec test --build build/stock/3.12/iperf3 --record 3.12.json\n"
    "         iperfspec test --build build/stock/3.22/iperf3 --record 3.22.json\n"
    "         iperfspec compare 3.12.json 3.22.json\n"
    "exit:    0 no difference   1 they differ   2 bad usage   3 a file that cannot be read\n";

/* Two builds of one version are told apart by their files. */
static void name_apart(struct quirks *a, const char *a_path, struct quirks *b, const char *b_path)
{
    if (strcmp(a->banner, b->banner) != 0)
        return;
    snprintf(a->banner, sizeof a->banner, "%s", a_path);
    snprintf(b->banner, sizeof b->banner, "%s", b_path);
}

static int compare(const struct quirks *a, const struct quirks *b, bool all)
{
    struct contrast c = contrast_print(stdout, a, b, all);

    printf("%u states and events met by both: %u differences in what they do there, and %u that no "
           "reaction tells\n",
           c.both, c.differ, c.misses);
    if (c.chance > 0)
        printf("%u case%s differ%s within what both do at times%s\n", c.chance,
               text_plural(c.chance), c.chance == 1 ? "s" : "", all ? "" : "; --all shows them");
    return c.differ > 0 || c.misses > 0 ? CLI_UNEXPECTED : CLI_OK;
}

int cli_compare(int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {0    }
    };
    struct quirks a = {0}, b = {0};
    struct text why = {0};
    bool all = false;
    int o, status = CLI_TROUBLE;

    while ((o = cli_option(argc, argv, options)) != -1) {
        if (o == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (o != 'a')
            return cli_refuse(argv[0], options, o, usage);
        all = true;
    }
    if (argc - optind != 2)
        return cli_usage(usage);
    if (quirks_read(&a, argv[optind], &why) && quirks_read(&b, argv[optind + 1], &why)) {
        name_apart(&a, argv[optind], &b, argv[optind + 1]);
        status = compare(&a, &b, all);
    } else {
        fprintf(stderr, "iperfspec compare: %s\n", text_string(&why));
    }
    text_fini(&why);
    quirks_fini(&a);
    quirks_fini(&b);
    return status;
}
