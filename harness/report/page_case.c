/* page_case.c - the page of one case: what it checks, its script, and how each build did. */
#include "harness/report/page.h"

#include "harness/report/escape.h"
#include "impl/wire/clause.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- head ------------------------------------------------------------------------------------- */

static void add_neighbour(const struct site *site, size_t i, long step, const char *key,
                          const char *words, struct text *out)
{
    size_t to = i + (size_t)step;

    if (to < site->n) /* the one before the first is SIZE_MAX */
        page_addf(out, "<a rel=\"%s\" href=\"%s\" title=\"%s\">%r</a>", key, site->cases[to].file,
                  site->cases[to].id, words);
}

static void add_head(const struct site *site, size_t i, struct text *out)
{
    const struct site_case *c = &site->cases[i];

    page_addf(out,
              "<nav class=\"path\" aria-label=\"Where this is\">"
              "<a href=\"../index.html\">All cases</a> "
              "<a href=\"../index.html#area=%s\">%s</a><span class=\"near\">",
              c->area, c->area);
    add_neighbour(site, i, -1, "prev", "\u2190 before", out);
    add_neighbour(site, i, 1, "next", "next \u2192", out);
    page_addf(out, "</span></nav>\n<h1>%s</h1>\n<p class=\"lead\">%s</p>\n", c->id, c->title);
}

/* All builds in one row, each a way to its section. */
static void add_strip(const struct site *site, const struct site_case *c, struct text *out)
{
    text_adds(out, "<ul class=\"strip\" aria-label=\"Verdicts\">\n");
    for (size_t b = 0; b < site->n_builds; b++) {
        const struct report_result *r = c->results[b];
        char code[] = {page_code(r), '\0'};
        if (r)
            page_addf(out,
                      "<li><a href=\"#b%z\"><span class=\"v %s\" aria-hidden=\"true\">%s</span>"
                      "<b>%s</b> %s</a></li>\n",
                      b + 1, code[0] == '.' ? "none" : code, page_mark(code[0]),
                      site->builds[b].label, report_word(r));
    }
    text_adds(out, "</ul>\n");
}

/* --- what it checks --------------------------------------------------------------------------- */

static bool decides(const struct site_case *c, size_t n_builds, const char *id)
{
    for (size_t b = 0; b < n_builds; b++)
        if (c->results[b] && strcmp(c->results[b]->cause, "ok") != 0 &&
            strcmp(c->results[b]->clause, id) == 0)
            return true;
    return false;
}

/* clause: NULL if the registry has none of that id. */
static void add_clause(const struct site *site, const struct site_case *c, const char *id,
                       const struct clause *clause, struct text *out)
{
    page_addf(out, "<dt><a href=\"../clauses.html#%s\">%s</a>", id, id);
    if (clause)
        page_addf(out, " <span class=\"level\">%s</span>", clause_level_name(clause->level));
    if (decides(c, site->n_builds, id))
        text_adds(out, " <span class=\"decides\">decides here</span>");
    page_addf(out, "</dt><dd>%s</dd>\n", clause ? clause->text : "");
}

/* Of a row of clauses the parts that bind who is judged here. */
static void add_row(const struct site *site, const struct site_case *c, const char *id,
                    struct text *out)
{
    bool is_server = strcmp(c->about->judges, "client") != 0;
    const struct clause *one = clause_find(id);
    bool any = false;

    for (size_t i = 0; one && i < n_clauses; i++)
        if (clause_is_of(&clauses[i], id) && clause_binds(&clauses[i], is_server)) {
            add_clause(site, c, clauses[i].id, &clauses[i], out);
            any = true;
        }
    if (!any)
        add_clause(site, c, one ? one->id : id, one, out);
}

static bool is_told(const struct site_case *c, size_t b, const char *id)
{
    const struct clause *clause = clause_find(id);
    bool is = *id == '\0';

    for (size_t i = 0; i < c->about->n_clauses; i++)
        is |= strcmp(id, c->about->clauses[i]) == 0 ||
              (clause && clause_is_of(clause, c->about->clauses[i]));
    for (size_t k = 0; k < b; k++)
        is |= c->results[k] && strcmp(c->results[k]->clause, id) == 0;
    return is;
}

/* The clauses of the case, and one that decided though the case does not name it. */
static void add_clauses(const struct site *site, const struct site_case *c, struct text *out)
{
    text_adds(out, "<section><h2>What it checks</h2>\n<dl class=\"clauses\">\n");
    for (size_t i = 0; i < c->about->n_clauses; i++)
        add_row(site, c, c->about->clauses[i], out);
    for (size_t b = 0; b < site->n_builds; b++) {
        const char *id = c->results[b] ? c->results[b]->clause : "";
        if (!is_told(c, b, id))
            add_clause(site, c, id, clause_find(id), out);
    }
    text_adds(out, "</dl></section>\n");
}

/* --- the script ------------------------------------------------------------------------------- */

/* The builds that went another way in this line of the file, "iperf 3.9, iperf 3.12". */
static void builds_at(const struct site *site, const struct site_case *c, unsigned line,
                      struct text *out)
{
    if (line == 0)
        return;
    for (size_t b = 0; b < site->n_builds; b++) {
        const struct report_result *r = c->results[b];
        if (r && r->line == line && strcmp(r->cause, "ok") != 0)
            text_addf(out, "%s%s", out->len ? ", " : "", site->builds[b].label);
    }
}

/* Its first word says what a line does. n: which one, from 0. */
static void add_line(const struct site *site, const struct site_case *c, size_t n, const char *line,
                     struct text *out)
{
    struct text builds = {0};
    unsigned number = n < c->about->n_script_lines ? c->about->script_lines[n] : 0;
    size_t indent = strspn(line, " "), word = strcspn(line + indent, " ");

    builds_at(site, c, number, &builds);
    text_addf(out, "<li%s>", builds.len ? " class=\"here\"" : "");
    if (number > 0)
        text_addf(out, "<span class=\"no\">%u</span>", number);
    text_addf(out, "<code>%*s<b>", (int)indent, "");
    char *first = strndup(line + indent, word);
    page_addf(out, "%s</b>%s</code>", first ? first : "", line + indent + word);
    free(first);
    if (builds.len)
        page_addf(out, "<span class=\"who\">%s</span>", text_string(&builds));
    text_adds(out, "</li>\n");
    text_fini(&builds);
}

static void add_script(const struct site *site, const struct site_case *c, struct text *out)
{
    char *script = text_dup(c->about->script), *rest = script, *line;
    size_t n = 0;

    if (*script) {
        text_adds(out, "<section><h2>The script</h2>\n");
        if (*c->about->file)
            page_addf(out,
                      "<p class=\"quiet\">From <code>%s</code>, names replaced; numbers are its "
                      "lines.</p>\n",
                      c->about->file);
        text_adds(out, "<ul class=\"script\">\n");
        while ((line = strsep(&rest, "\n")))
            if (line[0] || rest)
                add_line(site, c, n++, line, out);
        text_adds(out, "</ul></section>\n");
    }
    free(script);
}

/* --- a build ---------------------------------------------------------------------------------- */

static void add_fact(struct text *out, const char *label, const char *words)
{
    if (*words)
        page_addf(out, "<dt>%s</dt><dd>%s</dd>\n", label, words);
}

static void add_why(const struct report_result *r, struct text *out)
{
    const struct clause *clause = clause_find(r->clause);
    char where[32];

    snprintf(where, sizeof where, "Line %u", r->line);
    text_adds(out, "<dl class=\"facts\">\n");
    if (*r->step)
        page_addf(out, "<dt>%s</dt><dd><code>%s</code></dd>\n", where, r->step);
    if (*r->got)
        page_addf(out, "<dt>Got</dt><dd><b>%s</b></dd>\n", r->got);
    if (clause && strcmp(r->cause, "ok") != 0)
        page_addf(out, "<dt>Rule</dt><dd><a href=\"../clauses.html#%s\">%s</a> %s: %s</dd>\n",
                  clause->id, r->clause, clause_level_name(clause->level), clause->text);
    add_fact(out, "Known", r->known);
    add_fact(out, "Again", r->again);
    add_fact(out, "Skipped", r->skip);
    if (*r->change)
        page_addf(out, "<dt>Beside the base</dt><dd>%s, %s</dd>\n", r->change, r->beside);
    text_adds(out, "</dl>\n");
}

static void add_capture(const struct site *site, size_t b, const struct site_case *c,
                        struct text *out)
{
    struct text path = {0};

    page_capture(site, b, c, &path);
    if (*c->results[b]->capture && access(text_string(&path), F_OK) == 0)
        page_addf(out, "<a class=\"file\" href=\"../capture%s\" download>Packets (pcapng)</a>",
                  strrchr(text_string(&path), '/'));
    text_fini(&path);
}

static void add_again(const struct site *site, size_t b, const struct site_case *c,
                      struct text *out)
{
    struct text line = {0};

    if (*site->builds[b].report->rerun && !c->results[b]->is_carried) {
        text_addf(&line, "%s --case ", site->builds[b].report->rerun);
        text_add_word(&line, c->id);
        page_addf(out, "<div class=\"again\"><code>%s</code></div>\n", text_string(&line));
    }
    text_fini(&line);
}

static void add_foot(const struct report_result *r, struct text *out)
{
    text_adds(out, "<p class=\"quiet\">");
    if (r->seconds > 0)
        text_addf(out, "%.3f s. ", r->seconds);
    if (*r->command)
        page_addf(out, "Subject: <code>%s</code>. ", r->command);
    if (*r->branches)
        page_addf(out, "Ways taken: <code>%s</code>. ", r->branches);
    if (*r->identity)
        page_addf(out, "Identity <code>%s</code>.", r->identity);
    text_adds(out, "</p>\n");
}

static bool went_well(const struct report_result *r)
{
    return page_code(r) == 'p';
}

static void add_build(const struct site *site, size_t b, const struct site_case *c,
                      bool shows_session, struct text *out)
{
    const struct report_result *r = c->results[b];
    char code[] = {page_code(r), '\0'};
    const char *change = page_has_base(site) ? page_change(site, c, b) : "";

    page_addf(out,
              "<section class=\"build c-%s\" id=\"b%z\"><h2><span class=\"v %s\" "
              "aria-hidden=\"true\">%s</span> %s <span class=\"word\">%s</span>",
              code, b + 1, code, page_mark(code[0]), site->builds[b].label, report_word(r));
    if (*change)
        page_addf(out, " <span class=\"change %s\">%s%s</span>", change, change,
                  strcmp(change, "new") == 0 ? "" : " than the base");
    text_adds(out, "</h2>\n");
    if (!went_well(r))
        add_why(r, out);
    else if (*r->change)
        page_addf(out, "<p>Beside the base: %s, %s</p>\n", r->change, r->beside);
    if (shows_session && *r->session) {
        if (went_well(r))
            text_adds(out, "<details class=\"session\"><summary>The session, as it should "
                           "be</summary>\n");
        page_add_ladder(out, r, site->builds[b].label);
        text_adds(out, went_well(r) ? "</details>\n" : "");
    }
    if (*r->said)
        page_addf(out,
                  "<h3>What it printed to stderr</h3>"
                  "<pre class=\"long\" tabindex=\"0\">%s</pre>\n",
                  r->said);
    if (r->verdict != SUITE_SKIP) {
        add_again(site, b, c, out);
        add_capture(site, b, c, out);
    }
    add_foot(r, out);
    text_adds(out, "</section>\n");
}

/* Sessions that went well are alike: one of them, of the newest build, is shown. */
static void add_builds(const struct site *site, const struct site_case *c, struct text *out)
{
    size_t model = site->n_builds;

    for (size_t b = 0; b < site->n_builds; b++)
        if (c->results[b] && went_well(c->results[b]) && *c->results[b]->session)
            model = b;
    for (const char *code = PAGE_CODES; *code; code++)
        for (size_t b = 0; b < site->n_builds; b++)
            if (c->results[b] && page_code(c->results[b]) == *code)
                add_build(site, b, c, b == model || !went_well(c->results[b]), out);
}

/* The heads of the arrows, in each colour. */
static void add_markers(struct text *out)
{
    static const char *const names[] = {"message", "json", "error", "stream", "data", "end"};

    text_adds(out, "<svg width=\"0\" height=\"0\" aria-hidden=\"true\" class=\"defs\"><defs>");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        page_addf(out,
                  "<marker id=\"m-%s\" viewBox=\"0 0 9 8\" refX=\"9\" refY=\"4\" "
                  "markerWidth=\"9\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" "
                  "orient=\"auto\"><path class=\"f %s\" d=\"M0 0L9 4L0 8z\"/></marker>",
                  names[i], names[i]);
    text_adds(out, "</defs></svg>\n");
}

static bool is_gone(const struct site *site, const struct site_case *c)
{
    for (size_t b = 0; b < site->n_builds; b++)
        if (c->results[b])
            return false;
    return true;
}

void page_case(const struct site *site, size_t i, struct text *out)
{
    const struct site_case *c = &site->cases[i];

    page_begin(out, c->id, "../");
    add_markers(out);
    add_head(site, i, out);
    add_strip(site, c, out);
    text_adds(out, "<div class=\"two\"><div>\n");
    add_builds(site, c, out);
    if (is_gone(site, c))
        text_adds(out, "<p>The base has this case, and no build of this report.</p>\n");
    text_adds(out, "</div><div>\n");
    add_clauses(site, c, out);
    add_script(site, c, out);
    text_adds(out, "</div></div>\n");
    page_end(out);
}
