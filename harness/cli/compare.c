/* compare.c - iperfspec compare: where two builds react otherwise. */
#include "harness/cli/cli.h"
#include "harness/report/quirks.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: iperfspec compare A.json B.json\n"
    "Where two builds were seen to react otherwise: cells of the state x event tables in which "
    "both\n"
    "were met, and what each did. The files are written by `iperfspec test --record FILE`, or by\n"
    "`iperfspec test --json FILE`.\n"
    "  --all              the cells too in which they do the same, or only one was met\n"
    "example: iperfspec test --build build/stock/3.12/iperf3 --record 3.12.json\n"
    "         iperfspec test --build build/stock/3.22/iperf3 --record 3.22.json\n"
    "         iperfspec compare 3.12.json 3.22.json\n"
    "exit:    0 no difference   1 they differ   2 bad usage   3 a file that cannot be read\n";

static bool same_cell(const struct quirk *a, const struct quirk *b)
{
    return strcmp(a->state, b->state) == 0 && strcmp(a->event, b->event) == 0;
}

/* How many rows from `i` on are about the cell of row i. */
static size_t run_of(const struct quirks *q, size_t i)
{
    size_t n = 0;

    while (i + n < q->n && same_cell(&q->at[i], &q->at[i + n]))
        n++;
    return n;
}

static size_t find(const struct quirks *q, const struct quirk *cell)
{
    size_t i = 0;

    while (i < q->n && !same_cell(&q->at[i], cell))
        i++;
    return i;
}

static void describe(const struct quirks *q, size_t i, size_t n, struct text *out)
{
    for (size_t k = i; k < i + n; k++) {
        text_addf(out, "%s%s", k > i ? ", " : "", q->at[k].reaction);
        if (q->at[k].error)
            text_addf(out, " %d", q->at[k].error);
    }
    if (n == 0)
        text_adds(out, "not met");
}

/* One cell in both; whether it differs. */
static bool compare_cell(const struct quirks *a, size_t i, size_t n, const struct quirks *b,
                         size_t k, size_t m, bool all)
{
    const struct quirk *cell = n ? &a->at[i] : &b->at[k];
    struct text left = {0}, right = {0}, where = {0};

    describe(a, i, n, &left);
    describe(b, k, m, &right);
    quirks_cell_text(cell, &where);
    bool differs = n > 0 && m > 0 && strcmp(text_string(&left), text_string(&right)) != 0;
    if (differs || all)
        printf("%s\n  %-24s %s\n  %-24s %s\n  such as                  %s\n", text_string(&where),
               a->banner, text_string(&left), b->banner, text_string(&right), cell->example);
    text_fini(&left);
    text_fini(&right);
    text_fini(&where);
    return differs;
}

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
    unsigned both = 0, differ = 0;

    for (size_t i = 0, n; i < a->n; i += n) {
        n = run_of(a, i);
        size_t k = find(b, &a->at[i]), m = k < b->n ? run_of(b, k) : 0;
        both += m > 0;
        differ += compare_cell(a, i, n, b, k, m, all);
    }
    for (size_t k = 0, m; k < b->n && all; k += m) {
        m = run_of(b, k);
        if (find(a, &b->at[k]) == a->n)
            compare_cell(a, 0, 0, b, k, m, all);
    }
    printf("%u cells met by both, %u with other reactions\n", both, differ);
    return differ ? CLI_UNEXPECTED : CLI_OK;
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
