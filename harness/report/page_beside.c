/* page_beside.c - on the first page, what is another than with the base: counts, and the cases, the
 * worse first. */
#include "harness/report/page.h"

#include "harness/report/diff.h"

#include <string.h>

#define CHANGES_MAX 60 /* of a build, told at once; the rest is a click away */

static const struct kind {
    const char *word, *mark;
} kinds[] = {
    {"worse",  "\u25bc"},
    {"better", "\u25b2"},
    {"other",  "\u2022"},
    {"new",    "+"     },
    {"gone",   "-"     },
};

static size_t count(const struct site *site, size_t b, const char *word)
{
    size_t n = 0;

    for (size_t i = 0; i < site->n; i++)
        n += strcmp(page_change(site, &site->cases[i], b), word) == 0;
    return n;
}

/* "iperf 3.22", of another run or of `test --base`; NULL if there is none for this build. */
static const char *label_of_base(const struct site *site, size_t b)
{
    const struct report *r = site->builds[b].report;
    const struct report *base = report_base(site->request->base, r);

    if (site->request->base)
        return base ? base->label : NULL;
    return *r->base ? r->base : NULL;
}

/* "pass -> FAIL (crash)" */
static void add_both(const struct site *site, const struct site_case *c, size_t b, struct text *out)
{
    if (!site->request->base) {
        text_adds(out, c->results[b]->beside);
        return;
    }
    diff_verdict(c->before[b], out);
    text_adds(out, " -> ");
    diff_verdict(c->results[b], out);
}

static void add_case(const struct site *site, const struct site_case *c, size_t b,
                     const struct kind *kind, struct text *out)
{
    struct text both = {0}, reason = {0};

    add_both(site, c, b, &both);
    page_addf(out,
              "<li><span class=\"change %s\"><span aria-hidden=\"true\">%s</span> %s</span> "
              "<a class=\"id\" href=\"case/%s",
              kind->word, kind->mark, kind->word, c->file);
    if (c->results[b])
        page_addf(out, "#b%z", b + 1);
    page_addf(out, "\">%s</a> <span>%s</span>", c->id, text_string(&both));
    if (c->results[b] && strcmp(kind->word, "worse") == 0) {
        report_reason(c->results[b], &reason);
        page_addf(out, "<div class=\"quiet\">%s</div>", text_string(&reason));
    }
    text_adds(out, "</li>\n");
    text_fini(&both);
    text_fini(&reason);
}

static void add_counts(const struct site *site, size_t b, const char *base, struct text *out)
{
    const char *comma = ": ";

    page_addf(out, "<h3>%s beside %s", site->builds[b].label, base);
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        size_t n = count(site, b, kinds[k].word);
        if (n > 0)
            page_addf(out, "%s%z %s", comma, n, kinds[k].word);
        comma = n > 0 ? ", " : comma;
    }
    text_adds(out, *comma == ':' ? ": all the same</h3>\n" : "</h3>\n");
}

static void add_build(const struct site *site, size_t b, struct text *out)
{
    const char *base = label_of_base(site, b);
    size_t n = 0;

    if (!base) {
        page_addf(out, "<h3>%s: no run to compare it with</h3>\n", site->builds[b].label);
        return;
    }
    add_counts(site, b, base, out);
    text_adds(out, "<ul class=\"moves\">\n");
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t i = 0; i < site->n; i++)
            if (strcmp(page_change(site, &site->cases[i], b), kinds[k].word) == 0 &&
                n++ < CHANGES_MAX)
                add_case(site, &site->cases[i], b, &kinds[k], out);
    text_adds(out, "</ul>\n");
    if (n > CHANGES_MAX)
        page_addf(out, "<p><a href=\"#only=changed&amp;build=%z\">All %z changes</a></p>\n", b + 1,
                  n);
}

void page_beside(const struct site *site, struct text *out)
{
    if (!page_has_base(site))
        return;
    text_adds(out, "<section id=\"beside\"><h2>Beside the base</h2>\n");
    for (size_t b = 0; b < site->n_builds; b++)
        add_build(site, b, out);
    text_adds(out, "</section>\n");
}
