/* page.c - what the pages of a site share. */
#include "harness/report/page.h"

#include "harness/report/escape.h"
#include "impl/wire/json.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

void page_addf(struct text *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (const char *at = format; *at; at++) {
        size_t plain = strcspn(at, "%");
        text_add(out, at, plain);
        at += plain;
        if (!*at++)
            break;
        if (*at == 's')
            escape_xml(out, va_arg(args, const char *), ESCAPE_ALL);
        else if (*at == 'r')
            text_adds(out, va_arg(args, const char *));
        else if (*at == 'u')
            text_addf(out, "%u", va_arg(args, unsigned));
        else if (*at == 'z')
            text_addf(out, "%zu", va_arg(args, size_t));
        else
            text_adds(out, "%");
    }
    va_end(args);
}

/* Even if something got past page_addf(), no script but ours may run, and nothing is fetched. */
static const char policy[] =
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data:; "
    "base-uri 'none'; form-action 'none'";

void page_begin(struct text *out, const char *title, const char *to_top)
{
    page_addf(out,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n"
              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
              "<meta name=\"color-scheme\" content=\"light dark\">\n"
              "<title>%s</title>\n<link rel=\"icon\" href=\"data:,\">\n"
              "<link rel=\"stylesheet\" href=\"%rsite.css\">\n"
              "<script src=\"%rsite.js\" defer></script>\n</head>\n<body>\n"
              "<a class=\"skip\" href=\"#main\">To the content</a>\n"
              "<header class=\"top\"><a class=\"home\" href=\"%rindex.html\">iperfspec</a>"
              "<nav aria-label=\"Site\"><a href=\"%rindex.html\">Report</a>"
              "<a href=\"%rclauses.html\">Clauses</a></nav></header>\n<main id=\"main\">\n",
              policy, title, to_top, to_top, to_top, to_top, to_top);
}

void page_end(struct text *out)
{
    text_adds(out, "</main>\n</body>\n</html>\n");
}

const char *page_rest(const struct site_case *c)
{
    size_t len = strlen(c->area);

    return c->id[len] == '/' ? c->id + len + 1 : c->id;
}

/* --- verdicts --------------------------------------------------------------------------------- */

char page_code(const struct report_result *r)
{
    if (!r)
        return '.';
    switch (r->standing) {
    case SUITE_UNEXPECTED:
        return 'u';
    case SUITE_FLAKY:
        return 'f';
    case SUITE_XPASS:
        return 'x';
    case SUITE_KNOWN:
        return 'k';
    default:
        return r->verdict == SUITE_PASS ? 'p' : r->verdict == SUITE_SKIP ? 's' : 'd';
    }
}

static const struct code {
    char code;
    const char *mark, *word;
} codes[] = {
    {'u', "\u2715", "unexpected"             }, /* a cross */
    {'f', "\u2248", "flaky"                  },
    {'x', "\u25b2", "passing unexpectedly"   },
    {'k', "\u25c6", "known"                  },
    {'d', "\u223c", "otherwise, as it may be"},
    {'s', "\u2013", "skipped"                },
    {'p', "\u2713", "passed"                 },
    {'.', "",       "not played"             },
};

static const struct code *find_code(char code)
{
    const struct code *c = codes;

    while (c->code != code && c->code != '.')
        c++;
    return c;
}

const char *page_mark(char code)
{
    return find_code(code)->mark;
}

const char *page_code_word(char code)
{
    return find_code(code)->word;
}

/* --- a base ----------------------------------------------------------------------------------- */

bool page_has_base(const struct site *site)
{
    bool has_one = site->request->base != NULL;

    for (size_t b = 0; b < site->n_builds; b++)
        has_one |= *site->builds[b].report->base != '\0';
    return has_one;
}

const char *page_change(const struct site *site, const struct site_case *c, size_t build)
{
    if (!site->request->base)
        return report_change_beside(c->results[build]);
    return report_change(c->before[build], c->results[build]);
}

/* --- texts ------------------------------------------------------------------------------------ */

static void put_json(struct jwrite *w, const char *key, const json_value *v, unsigned depth)
{
    enum json_type type = json_type_of(v);

    if ((type == JSON_OBJECT || type == JSON_ARRAY) && depth + 1 < JWRITE_DEPTH) {
        type == JSON_OBJECT ? jwrite_object(w, key) : jwrite_array(w, key);
        for (const json_value *m = json_next(v, NULL); m; m = json_next(v, m))
            put_json(w, type == JSON_OBJECT ? json_key(m) : NULL, m, depth + 1);
        jwrite_end(w);
        return;
    }
    char *text = json_print(v);
    jwrite_raw(w, key, text ? text : "null");
    free(text);
}

void page_add_json(struct text *out, const char *json)
{
    json_value *root;
    struct jwrite w;
    struct bytes text;

    if (json_parse((struct bytes){(const uint8_t *)json, strlen(json)}, &root) != SPEC_OK) {
        page_addf(out, "%s", json);
        return;
    }
    jwrite_init(&w, JWRITE_PRETTY);
    put_json(&w, NULL, root, 0);
    if (jwrite_finish(&w, &text) == SPEC_OK)
        page_addf(out, "%s", (const char *)text.at);
    jwrite_fini(&w);
    json_free(root);
}
