/* page_clauses.c - the clauses of the protocol text, and the cases that go back to each. */
#include "harness/report/page.h"

#include "impl/wire/clause.h"

#include <stdlib.h>
#include <string.h>

/* Which cases name a clause: (clause, case), sorted. */
struct link {
    const char *id;
    const struct site_case *c;
};

struct links {
    struct link *at;
    size_t n;
};

static int by_clause(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    int d = strcmp(x->id, y->id);

    return d ? d : x->c < y->c ? -1 : x->c > y->c;
}

static void collect(const struct site *site, struct links *links)
{
    size_t n = 0;

    for (size_t i = 0; i < site->n; i++)
        n += site->cases[i].about->n_clauses;
    links->at = text_realloc(NULL, (n + 1) * sizeof *links->at);
    for (size_t i = 0; i < site->n; i++)
        for (size_t k = 0; k < site->cases[i].about->n_clauses; k++) {
            const char *id = site->cases[i].about->clauses[k];
            const struct clause *clause = clause_find(id); /* the first of a row of several */
            links->at[links->n++] = (struct link){clause ? clause->id : id, &site->cases[i]};
        }
    qsort(links->at, links->n, sizeof *links->at, by_clause);
}

static size_t find_first(const struct links *links, const char *id)
{
    size_t low = 0, high = links->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(links->at[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The worst of a build's verdicts on these cases. */
static char worst_of(const struct link *links, size_t n, size_t b)
{
    size_t worst = strlen(PAGE_CODES) - 1;

    for (size_t i = 0; i < n; i++) {
        size_t place = (size_t)(strchr(PAGE_CODES, page_code(links[i].c->results[b])) - PAGE_CODES);
        worst = MIN(worst, place);
    }
    return PAGE_CODES[worst];
}

/* passes  whether a mark is worth its place if all is well */
static void add_marks(const struct site *site, const struct link *links, size_t n, bool passes,
                      struct text *out)
{
    bool any = false;

    for (size_t b = 0; b < site->n_builds; b++) {
        char code[] = {worst_of(links, n, b), '\0'};
        if (code[0] == '.' || (code[0] == 'p' && !passes))
            continue;
        text_adds(out, any ? "" : " <span class=\"marks\">");
        any = true;
        page_addf(out,
                  "<span class=\"v %s\" role=\"img\" aria-label=\"%s: %s\" title=\"%s: %s\">"
                  "%s</span>",
                  code, site->builds[b].label, page_code_word(code[0]), site->builds[b].label,
                  page_code_word(code[0]), page_mark(code[0]));
    }
    text_adds(out, any ? "</span>" : "");
}

static bool is_all_well(const struct site *site, const struct site_case *c)
{
    bool well = true;

    for (size_t b = 0; b < site->n_builds; b++)
        well &= strchr("ps.", page_code(c->results[b])) != NULL;
    return well;
}

static void add_cases(const struct site *site, const struct link *links, size_t n, struct text *out)
{
    page_addf(out, "<details><summary>%z %s", n, n == 1 ? "case" : "cases");
    add_marks(site, links, n, true, out);
    text_adds(out, "</summary><ul>\n");
    for (int rest = 0; rest < 2; rest++) /* those that are not all well stand first */
        for (size_t i = 0; i < n; i++)
            if (is_all_well(site, links[i].c) == rest) {
                page_addf(out, "<li><a href=\"case/%s\">%s</a>", links[i].c->file, links[i].c->id);
                add_marks(site, &links[i], 1, false, out);
                text_adds(out, "</li>\n");
            }
    text_adds(out, "</ul></details>\n");
}

static void add_clause(const struct site *site, const struct links *links,
                       const struct clause *clause, struct text *out)
{
    size_t from = find_first(links, clause->id), to = from;

    while (to < links->n && strcmp(links->at[to].id, clause->id) == 0)
        to++;
    bool is_new = strcmp(clause->versions, "new") == 0;
    bool is_all = strcmp(clause->versions, "all") == 0;
    page_addf(out,
              "<article id=\"%s\"><h2>%s <span class=\"level\">%s</span> "
              "<span class=\"quiet\">%s</span></h2><p>%s</p>\n",
              clause->id, clause->id, clause_level_name(clause->level),
              is_new   ? "asked of new implementations"
              : is_all ? ""
                       : clause->versions,
              clause->text);
    if (to > from)
        add_cases(site, links->at + from, to - from, out);
    text_adds(out, "</article>\n");
}

void page_clauses(const struct site *site, struct text *out)
{
    struct links links = {0};

    collect(site, &links);
    page_begin(out, "Clauses: iperf3 conformance", "");
    page_addf(out,
              "<h1>Clauses</h1>\n<p class=\"lead\">%z rules of the protocol, and the cases that "
              "check them. The marks are the worst verdict of each build.</p>\n"
              "<form class=\"tools\" id=\"clause-tools\" role=\"search\" hidden><label>Search "
              "<input type=\"search\" id=\"q\" autocomplete=\"off\" placeholder=\"id or words\" "
              "aria-keyshortcuts=\"/\"></label></form>\n<p id=\"found\" class=\"quiet\" "
              "role=\"status\"></p>\n<div class=\"clause-list\">\n",
              n_clauses);
    for (size_t i = 0; i < n_clauses; i++)
        add_clause(site, &links, &clauses[i], out);
    text_adds(out, "</div>\n");
    page_end(out);
    free(links.at);
}
