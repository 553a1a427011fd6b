/* page_index.c - the first page: the builds, what is not expected, and the matrix of areas, below
 * which scripts list the cases that are asked for (cases.js). */
#include "harness/report/page.h"

#include "harness/report/escape.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

#define WORST_MAX    60  /* cases told at once; the rest is a click away */
#define UNFOLDED_MAX 5   /* of them; a phone has room for no more in front of the matrix */
#define SEARCHED_MAX 200 /* bytes of one text about a case, to be searched for */

static unsigned unexpected_of(const struct report *r)
{
    unsigned n = 0;

    for (int s = SUITE_UNEXPECTED; s < SUITE_N_STANDINGS; s++)
        n += r->standings[s];
    return n;
}

/* --- the builds ------------------------------------------------------------------------------- */

/* How many of a build's cases have each code, by the place of the code in PAGE_CODES. */
static void count_codes(const struct site *site, size_t b, size_t n[sizeof PAGE_CODES])
{
    memset(n, 0, sizeof PAGE_CODES * sizeof *n);
    for (size_t i = 0; i < site->n; i++)
        n[strchr(PAGE_CODES, page_code(site->cases[i].results[b])) - PAGE_CODES]++;
}

static void add_bar(struct text *out, const size_t n[sizeof PAGE_CODES])
{
    text_adds(out, "<svg class=\"bar\" width=\"100%\" height=\"8\" viewBox=\"0 0 1000 8\" "
                   "preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    size_t all = 0, at = 0;
    for (size_t i = 0; PAGE_CODES[i] != '.'; i++)
        all += n[i];
    for (size_t i = 0; PAGE_CODES[i] != '.' && all > 0; i++) {
        if (n[i] == 0)
            continue;
        size_t width = MAX(n[i] * 1000 / all, 6);
        text_addf(out, "<rect class=\"f c-%c\" x=\"%zu\" width=\"%zu\" height=\"8\"/>",
                  PAGE_CODES[i], at, MIN(width, 1000 - at));
        at = MIN(at + width, 1000);
    }
    text_adds(out, "</svg>\n");
}

static void add_card(const struct site *site, size_t b, struct text *out)
{
    const struct report *r = site->builds[b].report;
    size_t n[sizeof PAGE_CODES];
    char number[24];

    count_codes(site, b, n);
    page_addf(out, "<li class=\"card\"><h3>%s</h3><p class=\"state %s\">", site->builds[b].label,
              r->exit == 0 ? "good" : "bad");
    if (r->exit == 0)
        text_adds(out, "As expected");
    else
        page_addf(out, "%s", *r->exit_reason ? r->exit_reason : "not as expected");
    text_adds(out, "</p>\n");
    add_bar(out, n);
    text_adds(out, "<ul class=\"counts\">");
    for (size_t i = 0; PAGE_CODES[i] != '.'; i++)
        if (n[i] > 0)
            page_addf(out,
                      "<li><a href=\"#only=%s&amp;build=%z\"><span class=\"v %s\" "
                      "aria-hidden=\"true\">%s</span>%z %s</a></li>",
                      (const char[]){PAGE_CODES[i], '\0'}, b + 1,
                      (const char[]){PAGE_CODES[i], '\0'}, page_mark(PAGE_CODES[i]), n[i],
                      page_code_word(PAGE_CODES[i]));
    snprintf(number, sizeof number, "%.0f", r->seconds);
    text_adds(out, "</ul>");
    const char *name = *r->package ? r->package : r->banner; /* none: a capture */
    page_addf(out, "<p class=\"quiet\">%s%s%s%s s</p></li>\n", *r->package ? "package " : "", name,
              *name == '\0' ? ""
              : *r->profile ? ", "
                            : ", of no known profile, ",
              number);
}

/* --- what is not expected --------------------------------------------------------------------- */

struct bad {
    const struct site_case *c;
    int worst; /* place in PAGE_CODES */
};

static int by_badness(const void *a, const void *b)
{
    const struct bad *x = a, *y = b;

    if (x->worst != y->worst)
        return x->worst - y->worst;
    return x->c < y->c ? -1 : 1;
}

static size_t collect_bad(const struct site *site, struct bad *list)
{
    size_t n = 0;

    for (size_t i = 0; i < site->n; i++) {
        struct bad bad = {&site->cases[i], 99};
        for (size_t b = 0; b < site->n_builds; b++) {
            const struct report_result *r = bad.c->results[b];
            int place = (int)(strchr(PAGE_CODES, page_code(r)) - PAGE_CODES);
            if (r && report_is_unexpected(r))
                bad.worst = MIN(bad.worst, place);
        }
        if (bad.worst < 99)
            list[n++] = bad;
    }
    qsort(list, n, sizeof *list, by_badness);
    return n;
}

static void add_bad(const struct site *site, const struct site_case *c, struct text *out)
{
    page_addf(out, "<li><a class=\"id\" href=\"case/%s\">%s</a><ul>\n", c->file, c->id);
    for (size_t b = 0; b < site->n_builds; b++) {
        const struct report_result *r = c->results[b];
        struct text reason = {0};
        char code[] = {page_code(r), '\0'};
        if (!r || !report_is_unexpected(r))
            continue;
        report_reason(r, &reason);
        page_addf(out,
                  "<li><a href=\"case/%s#b%z\"><span class=\"v %s\" aria-hidden=\"true\">%s</span>"
                  "<b>%s</b> %s</a> <span>%s</span></li>\n",
                  c->file, b + 1, code, page_mark(code[0]), site->builds[b].label, report_word(r),
                  text_string(&reason));
        text_fini(&reason);
    }
    text_adds(out, "</ul></li>\n");
}

static void add_unexpected(const struct site *site, struct text *out)
{
    struct bad *list = text_realloc(NULL, (site->n + 1) * sizeof *list);
    size_t n = collect_bad(site, list);

    page_addf(out, "<section id=\"unexpected\"><h2>Not expected</h2>\n");
    if (n == 0)
        text_adds(out, "<p class=\"fine\">Nothing: every verdict is a good one, or one that the "
                       "build is known for.</p>\n");
    else
        text_adds(out, "<ul class=\"bad\">\n");
    for (size_t i = 0; i < n && i < WORST_MAX; i++) {
        if (i == UNFOLDED_MAX)
            page_addf(out, "</ul><details><summary>%z more</summary><ul class=\"bad\">\n",
                      MIN(n, (size_t)WORST_MAX) - i);
        add_bad(site, list[i].c, out);
    }
    text_adds(out, n > 0 ? "</ul>\n" : "");
    text_adds(out, n > UNFOLDED_MAX ? "</details>\n" : "");
    if (n > WORST_MAX)
        page_addf(out, "<p><a href=\"#only=u\">All %z cases</a></p>\n", n);
    for (size_t b = 0; b < site->n_builds; b++) {
        const char *trouble = report_run_trouble(site->builds[b].report);
        if (*trouble)
            page_addf(out, "<p class=\"trouble\"><b>%s</b>, the run as a whole: %s</p>\n",
                      site->builds[b].label, trouble);
    }
    text_adds(out, "</section>\n");
    free(list);
}

/* --- the matrix ------------------------------------------------------------------------------- */

static void add_option(struct text *out, const char *value, const char *words)
{
    page_addf(out, "<option value=\"%s\">%s</option>", value, words);
}

static void add_tools(const struct site *site, struct text *out)
{
    text_adds(out, "<form class=\"tools\" id=\"tools\" role=\"search\" hidden>"
                   "<label>Search <input type=\"search\" id=\"q\" autocomplete=\"off\" "
                   "placeholder=\"case, clause or cause\" aria-keyshortcuts=\"/\"></label>"
                   "<label>Verdict <select id=\"only\">");
    add_option(out, "", "any");
    add_option(out, "!", "all but pass and skip");
    for (const char *code = PAGE_CODES; *code != '.'; code++)
        add_option(out, (const char[]){*code, '\0'}, page_code_word(*code));
    if (site->n_builds > 1)
        add_option(out, "~", "builds differ");
    if (page_has_base(site)) {
        add_option(out, "worse", "worse than the base");
        add_option(out, "better", "better than the base");
        add_option(out, "changed", "another than in the base");
    }
    text_adds(out, "</select></label><label>Build <select id=\"build\">");
    add_option(out, "", "any");
    for (size_t b = 0; b < site->n_builds; b++)
        page_addf(out, "<option value=\"%z\">%s</option>", b + 1, site->builds[b].label);
    text_adds(out, "</select></label><button type=\"reset\">Clear</button></form>\n"
                   "<p id=\"found\" class=\"quiet\" role=\"status\"></p>\n");
}

static void add_area_cell(const struct site *site, size_t from, size_t to, size_t b,
                          struct text *out)
{
    size_t n[sizeof PAGE_CODES] = {0};
    char worst = '.';

    for (size_t i = from; i < to; i++)
        n[strchr(PAGE_CODES, page_code(site->cases[i].results[b])) - PAGE_CODES]++;
    for (size_t i = 0; PAGE_CODES[i] != '.' && worst == '.'; i++)
        if (n[i] > 0 && !(PAGE_CODES[i] == 's' && n[i + 1] > 0)) /* some skips among passes */
            worst = PAGE_CODES[i];
    if (worst == '.') {
        text_adds(out, "<td></td>");
        return;
    }
    size_t count = n[strchr(PAGE_CODES, worst) - PAGE_CODES];
    const char *only = worst == 'p' ? "" : (const char[]){worst, '\0'};
    page_addf(out,
              "<td><a class=\"v %s\" href=\"#area=%s&amp;only=%s&amp;build=%z\" "
              "aria-label=\"%s: %z %s\">%s",
              (const char[]){worst, '\0'}, site->cases[from].area, only, b + 1,
              site->builds[b].label, count, page_code_word(worst), page_mark(worst));
    if (worst != 'p')
        page_addf(out, "<small>%z</small>", count);
    text_adds(out, "</a></td>");
}

static void add_areas(const struct site *site, struct text *out)
{
    for (size_t i = 0, to; i < site->n; i = to) {
        for (to = i; to < site->n && strcmp(site->cases[to].area, site->cases[i].area) == 0;)
            to++;
        page_addf(out,
                  "<tbody data-area=\"%s\"><tr class=\"area\"><th scope=\"rowgroup\">"
                  "<a href=\"#area=%s\">%s</a> <small>%z</small></th>",
                  site->cases[i].area, site->cases[i].area, site->cases[i].area, to - i);
        for (size_t b = 0; b < site->n_builds; b++)
            add_area_cell(site, i, to, b, out);
        text_adds(out, "</tr></tbody>\n");
    }
}

static void add_matrix(const struct site *site, struct text *out)
{
    text_adds(out, "<section id=\"matrix\"><h2>Cases</h2>\n");
    add_tools(site, out);
    text_adds(out, "<noscript><p>Searching wants scripts. Without them the cases are listed by "
                   "<a href=\"clauses.html\">clause</a>.</p></noscript>\n");
    page_addf(out,
              "<div class=\"%s\"><table class=\"matrix\" id=\"table\">\n<thead><tr>"
              "<th scope=\"col\">Area</th>",
              site->n_builds > 6 ? "wide" : "fits");
    for (size_t b = 0; b < site->n_builds; b++)
        page_addf(out, "<th scope=\"col\"><abbr title=\"%s\">%s</abbr></th>", site->builds[b].label,
                  site->builds[b].shorter);
    text_adds(out, "</tr></thead>\n");
    add_areas(site, out);
    text_adds(out, "</table></div>\n<ul class=\"legend\" aria-label=\"What the marks say\">");
    for (const char *code = PAGE_CODES; *code != '.'; code++)
        page_addf(out, "<li><span class=\"v %s\" aria-hidden=\"true\">%s</span>%s</li>",
                  (const char[]){*code, '\0'}, page_mark(*code), page_code_word(*code));
    if (page_has_base(site))
        text_adds(out, "<li>Beside the base: \u25bc worse, \u25b2 better, \u2022 another, "
                       "+ new</li>");
    text_adds(out, "</ul>\n</section>\n");
}

/* Cases of the runs; the base may have had more. */
static size_t count_cases(const struct site *site)
{
    size_t n = 0;

    for (size_t i = 0; i < site->n; i++) {
        bool is_there = false;
        for (size_t b = 0; b < site->n_builds; b++)
            is_there |= site->cases[i].results[b] != NULL;
        n += is_there;
    }
    return n;
}

static bool is_of_captures(const struct site *site)
{
    for (size_t b = 0; b < site->n_builds; b++)
        if (!site->builds[b].report->is_capture)
            return false;
    return true;
}

void page_index(const struct site *site, struct text *out)
{
    const char *what = is_of_captures(site) ? "capture" : "build";
    unsigned bad = 0;
    size_t verdicts = 0;

    for (size_t b = 0; b < site->n_builds; b++) {
        bad += unexpected_of(site->builds[b].report);
        verdicts += site->builds[b].report->n;
    }
    page_begin(out, bad ? "Not as expected: iperf3 conformance" : "iperf3 conformance", "");
    page_addf(out,
              "<h1>iperf3 conformance</h1>\n<p class=\"lead\">%z %s%s, %z cases, %z verdicts; "
              "%u not expected.</p>\n<section><h2>%s</h2><ul class=\"cards\">\n",
              site->n_builds, what, text_plural(site->n_builds), count_cases(site), verdicts, bad,
              *what == 'c' ? "Captures" : "Builds");
    for (size_t b = 0; b < site->n_builds; b++)
        add_card(site, b, out);
    text_adds(out, "</ul></section>\n");
    page_beside(site, out);
    add_unexpected(site, out);
    add_matrix(site, out);
    text_adds(out, "<script src=\"cases.js\" defer></script>\n");
    page_end(out);
}

/* --- cases.js --------------------------------------------------------------------------------- */

/* "w" worse, "b" better, "o" another, "n" new, "." the same, one for each build. */
static void put_changes(struct jwrite *w, const struct site *site, const struct site_case *c)
{
    struct text changes = {0};

    for (size_t b = 0; b < site->n_builds; b++) {
        const char *change = page_change(site, c, b);
        text_add(&changes, *change ? change : ".", 1);
    }
    jwrite_string(w, NULL, text_string(&changes));
    text_fini(&changes);
}

/* Once, and no more of it than somebody would search for. */
static void add_words(struct text *words, const char *more)
{
    if (*more && !strstr(text_string(words), more)) {
        text_adds(words, " ");
        text_add_cut(words, more, SEARCHED_MAX);
    }
}

/* ["server/close/half/RUN", "title", "file", "ppkp", "CLOSE-1 CLOSE-2 crash killed by SIGSEGV",
 * changes]: clauses, and what is said of what did not go well. */
static void put_case(struct jwrite *w, const struct site *site, const struct site_case *c)
{
    struct text codes = {0}, words = {0};

    for (size_t b = 0; b < site->n_builds; b++)
        text_add(&codes, (const char[]){page_code(c->results[b])}, 1);
    for (size_t i = 0; i < c->about->n_clauses; i++)
        text_addf(&words, "%s%s", i ? " " : "", c->about->clauses[i]);
    for (size_t b = 0; b < site->n_builds; b++) {
        const struct report_result *r = c->results[b];
        if (!r || strcmp(r->cause, "ok") == 0)
            continue;
        add_words(&words, r->cause);
        add_words(&words, r->clause);
        add_words(&words, r->got);
        add_words(&words, r->known);
    }
    jwrite_array(w, NULL);
    escape_json(w, NULL, c->id, ESCAPE_ALL);
    escape_json(w, NULL, c->title, ESCAPE_ALL);
    jwrite_string(w, NULL, c->file);
    jwrite_string(w, NULL, text_string(&codes));
    escape_json(w, NULL, text_string(&words), ESCAPE_ALL);
    if (page_has_base(site))
        put_changes(w, site, c);
    jwrite_end(w);
    text_fini(&codes);
    text_fini(&words);
}

void page_cases(const struct site *site, struct text *out)
{
    struct jwrite w;
    struct bytes text;

    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_object(&w, NULL);
    jwrite_array(&w, "builds");
    for (size_t b = 0; b < site->n_builds; b++)
        escape_json(&w, NULL, site->builds[b].label, ESCAPE_ALL);
    jwrite_end(&w);
    jwrite_object(&w, "codes");
    for (const char *code = PAGE_CODES; *code; code++) {
        jwrite_array(&w, (const char[]){*code, '\0'});
        jwrite_string(&w, NULL, page_mark(*code));
        jwrite_string(&w, NULL, page_code_word(*code));
        jwrite_end(&w);
    }
    jwrite_end(&w);
    jwrite_array(&w, "cases");
    for (size_t i = 0; i < site->n; i++)
        put_case(&w, site, &site->cases[i]);
    jwrite_end(&w);
    jwrite_end(&w);
    text_adds(out, "iperfspec.show(");
    if (jwrite_finish(&w, &text) == SPEC_OK)
        text_add(out, text.at, text.len);
    text_adds(out, ");\n");
    jwrite_fini(&w);
}
