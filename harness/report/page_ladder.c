/* page_ladder.c - a session as a ladder that is as wide as its page.
 *
 * Unlike the picture of ladder.c it has no width of its own: places are percentages, words begin at
 * the left and end in an ellipsis where there is no room, colours are the page's. The whole of them
 * is below, and where the pointer rests. */
#include "harness/report/page.h"

#include "harness/report/escape.h"
#include "impl/wire/json.h"

#include <stdlib.h>
#include <string.h>

#define LEFT     "17%%" /* in a format */
#define RIGHT    "97%%"
#define HEAD     34 /* the names; everything in CSS pixels */
#define ROW      34
#define FOOT     14
#define QUIET_S  0.1 /* longer without a message: said in between */
#define ROWS_MAX 400
#define WORDS    160 /* characters of one label */
#define WORDS_UP 12  /* from where they stand to the top of their line */

struct row {
    double at, pause; /* seconds; pause: since the row before, if that is long, else 0 */
    bool from_us;
    const char *kind, *says, *body; /* borrowed from the tree; body may be NULL */
};

struct rows {
    struct row at[ROWS_MAX];
    size_t n;
};

static const char *text_at(const json_value *v)
{
    return json_type_of(v) == JSON_STRING ? json_text(v) : NULL;
}

/* A row as session_rows() writes it; false for others. */
static bool read_row(const json_value *v, struct row *row)
{
    const json_value *at = json_next(v, NULL), *from = at ? json_next(v, at) : NULL,
                     *kind = from ? json_next(v, from) : NULL,
                     *says = kind ? json_next(v, kind) : NULL,
                     *body = says ? json_next(v, says) : NULL;
    const char *who = text_at(from);

    *row = (struct row){.kind = text_at(kind), .says = text_at(says), .body = text_at(body)};
    if (json_type_of(at) != JSON_NUMBER || !who || !row->kind || !row->says)
        return false;
    row->at = json_double(at);
    row->from_us = strcmp(who, "us") == 0;
    return true;
}

static void read_rows(struct rows *rows, const json_value *list)
{
    double before = 0;

    for (const json_value *v = json_next(list, NULL); v && rows->n < ROWS_MAX;
         v = json_next(list, v)) {
        struct row *row = &rows->at[rows->n];
        if (!read_row(v, row))
            continue;
        if (rows->n++ > 0 && row->at > before + QUIET_S)
            row->pause = row->at - before;
        before = row->at;
    }
}

/* The colour of a row; "note" has no arrow. */
static const char *class_of(const struct row *row)
{
    static const struct {
        const char *kind, *name;
    } classes[] = {
        {"open",         "stream" },
        {"stream",       "stream" },
        {"cookie",       "message"},
        {"state",        "message"},
        {"json",         "json"   },
        {"server-error", "error"  },
        {"hex",          "error"  },
        {"data",         "data"   },
        {"datagram",     "data"   },
        {"end",          "end"    },
        {"close",        "end"    },
        {"reset",        "end"    },
    };

    /* SERVER_ERROR, ACCESS_DENIED, and both terminations are states of their own kind. */
    if (strcmp(row->kind, "state") == 0)
        for (const char *const *s = (const char *const[]){"fe ", "ff ", "0b ", "0c ", NULL}; *s;
             s++)
            if (strncmp(row->says, *s, 3) == 0)
                return "error";
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (strcmp(classes[i].kind, row->kind) == 0)
            return classes[i].name;
    return "note";
}

static unsigned height_of(const struct rows *rows, bool has_fault)
{
    size_t n = rows->n + has_fault;

    for (size_t i = 0; i < rows->n; i++)
        n += rows->at[i].pause > 0;
    return HEAD + (unsigned)n * ROW + FOOT;
}

/* --- the lines, and then the words: these are clipped ----------------------------------------- */

static void add_arrow(struct text *out, const struct row *row, unsigned y)
{
    const char *name = class_of(row);

    text_addf(out, "<text class=\"t\" x=\"15.5%%\" y=\"%u\">%.3f</text>", y + 4, row->at);
    if (strcmp(name, "note") == 0)
        return;
    text_addf(out,
              "<line class=\"a %s\" x1=\"%s\" x2=\"%s\" y1=\"%u\" y2=\"%u\" "
              "marker-end=\"url(#m-%s)\"/>\n",
              name, row->from_us ? "17%" : "97%", row->from_us ? "97%" : "17%", y, y, name);
}

static void add_lines(struct text *out, const struct rows *rows, unsigned height)
{
    unsigned y = HEAD + ROW - 8;

    text_addf(out,
              "<line class=\"life\" x1=\"" LEFT "\" x2=\"" LEFT "\" y1=\"%d\" y2=\"%u\"/>"
              "<line class=\"life\" x1=\"" RIGHT "\" x2=\"" RIGHT "\" y1=\"%d\" y2=\"%u\"/>\n",
              HEAD - 8, height, HEAD - 8, height);
    for (size_t i = 0; i < rows->n; i++, y += ROW) {
        if (rows->at[i].pause > 0) {
            text_addf(out,
                      "<line class=\"pause\" x1=\"" LEFT "\" x2=\"" RIGHT
                      "\" y1=\"%u\" y2=\"%u\"/>\n",
                      y, y);
            y += ROW;
        }
        add_arrow(out, &rows->at[i], y);
    }
}

/* HTML within SVG, whose own texts end in the midst of a word. */
static void add_line(struct text *out, const char *name, unsigned y, const char *words)
{
    text_addf(out,
              "<foreignObject x=\"18.5%%\" width=\"77.5%%\" y=\"%u\" height=\"18\">"
              "<div class=\"says %s\" title=\"",
              y - WORDS_UP, name);
    escape_xml(out, words, WORDS);
    text_adds(out, "\">");
    escape_xml(out, words, WORDS);
    text_adds(out, "</div></foreignObject>\n");
}

static void add_words(struct text *out, const struct rows *rows)
{
    unsigned y = HEAD + ROW - 14;

    for (size_t i = 0; i < rows->n; i++, y += ROW) {
        const struct row *row = &rows->at[i];
        if (rows->at[i].pause > 0) {
            text_addf(out, "<text class=\"q\" x=\"18.5%%\" y=\"%u\">%.3f s later</text>", y,
                      row->pause);
            y += ROW;
        }
        add_line(out, class_of(row), y, row->says);
    }
}

/* Where it went otherwise. */
static void add_fault(struct text *out, const struct report_result *r, unsigned height)
{
    unsigned y = height - FOOT - ROW + 2;

    text_addf(out,
              "<rect class=\"fault\" x=\"0\" width=\"100%%\" y=\"%u\" height=\"%d\" rx=\"5\"/>"
              "<text class=\"fault t\" x=\"15.5%%\" y=\"%u\">",
              y, ROW - 4, y + 20);
    if (r->line)
        text_addf(out, "line %u", r->line);
    text_adds(out, "</text>");
    add_line(out, "fault", y + 20, r->step[0] ? r->step : r->got);
}

/* What JSON said, to be read. */
static void add_bodies(struct text *out, const struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->at[i];
        if (!row->body)
            continue;
        text_addf(out, "<details class=\"json\"><summary>JSON at %.3f s, from %s</summary><pre>",
                  row->at, row->from_us ? "iperfspec" : "the subject");
        page_add_json(out, row->body);
        text_adds(out, "</pre></details>\n");
    }
}

void page_add_ladder(struct text *out, const struct report_result *r, const char *build)
{
    static struct rows rows; /* large, and of one ladder at a time */
    json_value *root = NULL;
    bool has_fault = strcmp(r->cause, "ok") != 0 && r->verdict != SUITE_SKIP;

    rows.n = 0;
    if (json_parse((struct bytes){(const uint8_t *)r->session, strlen(r->session)}, &root) ==
        SPEC_OK)
        read_rows(&rows, root);
    if (rows.n > 0) {
        unsigned height = height_of(&rows, has_fault);
        page_addf(out,
                  "<svg class=\"ladder\" width=\"100%%\" height=\"%u\" role=\"img\" "
                  "aria-label=\"The session between iperfspec and %s as a ladder diagram, %z "
                  "messages\">\n"
                  "<text class=\"n\" x=\"" LEFT "\" y=\"18\">iperfspec</text>"
                  "<text class=\"n e\" x=\"99%%\" y=\"18\">%s</text>\n",
                  height, build, rows.n, build);
        add_lines(out, &rows, height);
        add_words(out, &rows);
        if (has_fault)
            add_fault(out, r, height);
        text_adds(out, "</svg>\n");
        add_bodies(out, &rows);
    }
    json_free(root);
}
