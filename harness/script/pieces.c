/* pieces.c - texts made of pieces, each of them repeated: '[' x 500 ']' x 500.
 *
 * They stay short until they are sent, so that no script costs more memory than it has letters. */
#include "harness/script/parse.h"

#include <string.h>

#define PIECES_MAX 64 /* in one text */

void script_text_add(const struct script_text *pieces, struct text *out)
{
    for (size_t i = 0; i < pieces->n; i++) {
        const struct script_piece *p = &pieces->at[i];
        text_add_times(out, p->once.at, p->once.len, (size_t)p->times);
    }
}

struct script_text parse_plain(struct arena *arena, struct bytes bytes)
{
    struct script_text text = {.n = 1, .len = bytes.len};

    text.at = arena_alloc(arena, sizeof *text.at);
    text.at[0] = (struct script_piece){bytes, 1};
    return text;
}

/* `x N` behind a piece; the whole must not become too long. */
static bool repeat(struct cursor *c, struct script_text *out, struct bytes once)
{
    size_t at = (cursor_at_end(c), c->at);
    int64_t times = 1;

    if (cursor_take(c, "x") && !cursor_int(c, "how often", 0, SCRIPT_TEXT_MAX, &times))
        return false;
    if (out->n == PIECES_MAX)
        return cursor_fail(c, at, "at most %d pieces", PIECES_MAX);
    if (once.len * (size_t)times > SCRIPT_TEXT_MAX - out->len)
        return cursor_fail(c, at, "at most %u bytes", SCRIPT_TEXT_MAX);
    out->at = arena_grow(c->arena, out->at, out->n, sizeof *out->at);
    out->at[out->n++] = (struct script_piece){once, times};
    out->len += once.len * (size_t)times;
    return true;
}

static bool is_quote(const struct cursor *c)
{
    return c->text[c->at] == '"' || c->text[c->at] == '\'';
}

bool parse_at_text(struct cursor *c)
{
    cursor_at_end(c);
    return is_quote(c) || strncmp(c->text + c->at, "hex ", 4) == 0;
}

static bool read_pieces(struct cursor *c, struct script_text *out, bool hex)
{
    for (;;) {
        struct bytes once;
        if (!(hex ? cursor_hex(c, &once) : cursor_quoted(c, &once)) || !repeat(c, out, once))
            return false;
        hex = cursor_take(c, "hex");
        if (!hex && !is_quote(c))
            return true;
    }
}

bool parse_hex_text(struct cursor *c, struct script_text *out)
{
    return read_pieces(c, out, true);
}

bool parse_text(struct cursor *c, struct script_text *out)
{
    return read_pieces(c, out, cursor_take(c, "hex"));
}

void print_text(const struct script_text *text, struct text *out)
{
    for (size_t i = 0; i < text->n; i++) {
        text_adds(out, i ? " " : "");
        text_add_quoted(out, text->at[i].once);
        if (text->at[i].times != 1)
            text_addf(out, " x %lld", (long long)text->at[i].times);
    }
}
