/* areas.c - the table that ends a run: each area with its counts, and what the build can do. */
#include "harness/report/model.h"
#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>

struct area {
    const char *id; /* of its first case */
    size_t len;
    unsigned cases, passed, known, unexpected, skipped;
};

static struct area *find_area(struct area *areas, size_t *n, const char *id)
{
    size_t len = report_area(id);

    for (size_t i = *n; i-- > 0;) /* the cases of one are neighbours */
        if (areas[i].len == len && strncmp(areas[i].id, id, len) == 0)
            return &areas[i];
    areas[*n] = (struct area){.id = id, .len = len};
    return &areas[(*n)++];
}

static void count(struct area *a, const struct suite_result *r)
{
    a->cases++;
    if (r->standing >= SUITE_UNEXPECTED)
        a->unexpected++;
    else if (r->standing == SUITE_KNOWN)
        a->known++;
    else if (r->judgement.verdict == SUITE_SKIP)
        a->skipped++;
    else
        a->passed++;
}

static void print_count(FILE *out, unsigned n)
{
    if (n > 0)
        fprintf(out, " %10u", n);
    else
        fprintf(out, " %10s", ".");
}

static void print_area(FILE *out, const char *name, size_t len, int width, const struct area *a)
{
    fprintf(out, "%-*.*s", width, (int)len, name);
    print_count(out, a->cases);
    print_count(out, a->passed);
    print_count(out, a->known);
    print_count(out, a->unexpected);
    print_count(out, a->skipped);
    fputs("\n", out);
}

static void print_table(FILE *out, const struct area *areas, size_t n)
{
    struct area all = {0};
    int width = 4;

    for (size_t i = 0; i < n; i++)
        width = MAX(width, (int)MIN(areas[i].len, 40));
    fprintf(out, "%-*s %10s %10s %10s %10s %10s\n", width, "area", "cases", "passed", "known",
            "unexpected", "skipped");
    for (size_t i = 0; i < n; i++) {
        print_area(out, areas[i].id, areas[i].len, width, &areas[i]);
        all.cases += areas[i].cases;
        all.passed += areas[i].passed;
        all.known += areas[i].known;
        all.unexpected += areas[i].unexpected;
        all.skipped += areas[i].skipped;
    }
    if (n > 1)
        print_area(out, "all", 3, width, &all);
}

enum state { THERE, NOT_HERE, UNKNOWN };

static enum state state_of(const struct suite_need *need)
{
    return need->there ? THERE : need->unknown ? UNKNOWN : NOT_HERE;
}

static void print_needs(FILE *out, const struct suite *suite, enum state state)
{
    static const char *const heads[] = {
        [THERE] = "there   ", [NOT_HERE] = "not here", [UNKNOWN] = "unknown "};
    bool any = false;

    for (int i = 0; i < SCRIPT_N_NEEDS; i++)
        if (state_of(&suite->settings.needs[i]) == state) {
            fprintf(out, "%s %s", any ? "" : heads[state], script_need_word((enum script_need)i));
            any = true;
        }
    fputs(any ? "\n" : "", out);
}

void report_areas(FILE *out, const struct suite *suite)
{
    struct area *areas = text_realloc(NULL, (suite->cases.n + 1) * sizeof *areas);
    size_t n = 0;

    for (size_t i = 0; i < suite->cases.n; i++)
        count(find_area(areas, &n, suite->cases.at[i]->id), &suite->results[i]);
    fputs("\n", out);
    print_table(out, areas, n);
    fputs("\n", out);
    for (int state = THERE; state <= UNKNOWN; state++)
        print_needs(out, suite, (enum state)state);
    free(areas);
}
