#include "harness/report/ladder.h"

#include "harness/report/escape.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Everything in CSS pixels. */
#define WIDTH      960
#define LEFT       150
#define RIGHT      810
#define HEAD       74 /* title and names */
#define ROW        30
#define FOOT       24
#define LABEL_MAX  84 /* characters that fit between the lines */
#define WHOLE_MAX  8000
#define QUIET_NS   UINT64_C(100000000) /* longer without a row: said in between */
#define TEXT_START 10

static const char style[] =
    "text{font:13px system-ui,sans-serif;fill:#222}"
    ".title{font-size:15px;font-weight:600}.name{font-weight:600;text-anchor:middle}"
    ".time{font:12px ui-monospace,monospace;fill:#666;text-anchor:end}"
    ".label{text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:4px}"
    ".life{stroke:#999;stroke-width:2}.quiet{fill:#777;font-style:italic;text-anchor:middle}"
    ".pause{stroke:#999;stroke-dasharray:2 5}"
    ".message{stroke:#1f4e9c}.text{stroke:#0b7a63}.error{stroke:#b3261e}.stream{stroke:#7a4fa3}"
    ".data{stroke:#c9a227}.end{stroke:#555}.gap{stroke:#999;stroke-dasharray:5 4}"
    ".arrow{fill:none;stroke-width:1.6}.arrow.thick{stroke-width:5}.fault{fill:#b3261e;font-weight:"
    "600}"
    ".band{fill:#b3261e;opacity:.09}";

static const char *const classes[LADDER_N_KINDS] = {
    [LADDER_MESSAGE] = "message", [LADDER_TEXT] = "text",   [LADDER_ERROR] = "error",
    [LADDER_STREAM] = "stream",   [LADDER_DATA] = "data",   [LADDER_END] = "end",
    [LADDER_GAP] = "gap",         [LADDER_FAULT] = "fault",
};

/* --- rows ------------------------------------------------------------------------------------- */

void ladder_init(struct ladder *l, const char *title, const char *left, const char *right)
{
    *l =
        (struct ladder){.title = text_dup(title), .left = text_dup(left), .right = text_dup(right)};
}

void ladder_fini(struct ladder *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->rows[i].label);
        free(l->rows[i].whole);
    }
    free(l->rows);
    free(l->title);
    free(l->left);
    free(l->right);
    *l = (struct ladder){0};
}

void ladder_add(struct ladder *l, enum ladder_kind kind, uint64_t at_ns, bool from_left,
                const char *label, const char *whole)
{
    if (l->n == LADDER_ROWS_MAX) {
        l->n_lost++;
        return;
    }
    if ((l->n & (l->n - 1)) == 0)
        l->rows = text_realloc(l->rows, MAX(2 * l->n, 1) * sizeof *l->rows);
    l->rows[l->n++] = (struct ladder_row){kind, at_ns, from_left, text_dup(label),
                                          whole != NULL ? text_dup(whole) : NULL};
}

/* --- drawing ---------------------------------------------------------------------------------- */

static unsigned height_of(const struct ladder *l)
{
    unsigned rows = (unsigned)l->n + (l->n_lost > 0);

    for (size_t i = 1; i < l->n; i++)
        rows += l->rows[i].at_ns > l->rows[i - 1].at_ns + QUIET_NS;
    return HEAD + rows * ROW + FOOT;
}

static void add_time(struct text *out, const struct ladder_row *row, unsigned y)
{
    text_addf(out, "<text class=\"time\" x=\"%d\" y=\"%u\">%.6f</text>", LEFT - 14, y + 4,
              (double)row->at_ns / 1e9);
}

/* The head of the arrow is drawn, so that the picture needs no definitions of its own. */
static void add_arrow(struct text *out, const struct ladder_row *row, unsigned y)
{
    int from = row->from_left ? LEFT : RIGHT, to = row->from_left ? RIGHT : LEFT;
    int sign = row->from_left ? -1 : 1, reach = row->kind == LADDER_DATA ? 12 : 8;

    text_addf(out, "<path class=\"arrow %s%s\" d=\"M%d %uH%d\"/>", classes[row->kind],
              row->kind == LADDER_DATA ? " thick" : "", from, y,
              to + sign * (row->kind == LADDER_DATA ? 6 : 1));
    text_addf(out,
              "<path class=\"arrow %s\" style=\"stroke-dasharray:none\" "
              "d=\"M%d %dL%d %uL%d %d\"/>",
              classes[row->kind], to + sign * reach, (int)y - reach / 2, to, y, to + sign * reach,
              (int)y + reach / 2);
}

static void add_row(struct text *out, const struct ladder_row *row, unsigned y)
{
    text_adds(out, "<g>");
    if (row->whole != NULL) {
        text_adds(out, "<title>");
        escape_xml(out, row->whole, WHOLE_MAX);
        text_adds(out, "</title>");
    }
    add_time(out, row, y);
    if (row->kind == LADDER_FAULT) {
        text_addf(out, "<rect class=\"band\" x=\"%d\" y=\"%u\" width=\"%d\" height=\"%d\"/>",
                  TEXT_START, y - ROW / 2 + 2, WIDTH - 2 * TEXT_START, ROW - 4);
        text_addf(out, "<text class=\"fault\" x=\"%d\" y=\"%u\">", LEFT + 8, y + 4);
    } else {
        add_arrow(out, row, y);
        text_addf(out, "<text class=\"label\" x=\"%d\" y=\"%u\">", (LEFT + RIGHT) / 2, y - 7);
    }
    escape_xml(out, row->label, LABEL_MAX);
    text_adds(out, "</text></g>\n");
}

static void add_quiet(struct text *out, uint64_t ns, unsigned y)
{
    text_addf(out,
              "<path class=\"pause\" d=\"M%d %uH%d\"/>"
              "<text class=\"quiet\" x=\"%d\" y=\"%u\">%.3f s later</text>\n",
              LEFT, y, RIGHT, (LEFT + RIGHT) / 2, y - 5, (double)ns / 1e9);
}

static void add_head(struct text *out, const struct ladder *l, unsigned height)
{
    text_addf(out, "<text class=\"title\" x=\"%d\" y=\"22\">", TEXT_START);
    escape_xml(out, l->title, 120);
    text_addf(out, "</text><text class=\"name\" x=\"%d\" y=\"48\">", LEFT);
    escape_xml(out, l->left, 40);
    text_addf(out, "</text><text class=\"name\" x=\"%d\" y=\"48\">", RIGHT);
    escape_xml(out, l->right, 40);
    text_addf(out,
              "</text><path class=\"life\" d=\"M%d 56V%u\"/>"
              "<path class=\"life\" d=\"M%d 56V%u\"/>\n",
              LEFT, height - 10, RIGHT, height - 10);
}

/* One ladder, as an element that can stand alone or inside of another, y down. */
static void add_ladder(struct text *out, const struct ladder *l, unsigned y)
{
    unsigned height = height_of(l), at = HEAD + ROW / 2;

    text_addf(out,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" y=\"%u\" width=\"%d\" height=\"%u\" "
              "viewBox=\"0 0 %d %u\">\n<rect width=\"%d\" height=\"%u\" fill=\"#fff\"/>\n",
              y, WIDTH, height, WIDTH, height, WIDTH, height);
    add_head(out, l, height);
    for (size_t i = 0; i < l->n; i++, at += ROW) {
        const struct ladder_row *row = &l->rows[i];
        if (i > 0 && row->at_ns > row[-1].at_ns + QUIET_NS) {
            add_quiet(out, row->at_ns - row[-1].at_ns, at);
            at += ROW;
        }
        add_row(out, row, at);
    }
    if (l->n_lost > 0)
        text_addf(out, "<text class=\"quiet\" x=\"%d\" y=\"%u\">and %zu more</text>\n",
                  (LEFT + RIGHT) / 2, at, l->n_lost);
    text_adds(out, "</svg>\n");
}

void ladder_svg(const struct ladder *ladders, size_t n, struct text *out)
{
    unsigned height = 0, y = 0;

    for (size_t i = 0; i < n; i++)
        height += height_of(&ladders[i]);
    text_addf(out,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
              "viewBox=\"0 0 %d %u\">\n<style>%s</style>\n",
              WIDTH, height, WIDTH, height, style);
    for (size_t i = 0; i < n; i++) {
        add_ladder(out, &ladders[i], y);
        y += height_of(&ladders[i]);
    }
    text_adds(out, "</svg>\n");
}

void ladder_html(const struct ladder *ladders, size_t n, const char *title, struct text *out)
{
    text_adds(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    escape_xml(out, title, 200);
    text_addf(out,
              "</title>\n<style>body{margin:1em;background:#fff}svg{display:block;max-width:100%%}"
              "%s</style></head><body>\n",
              style);
    for (size_t i = 0; i < n; i++)
        add_ladder(out, &ladders[i], 0);
    text_adds(out, "</body></html>\n");
}
