#include "impl/wire/jwrite.h"

#include "impl/wire/plain.h"
#include "impl/wire/point.h"
#include "impl/wire/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 256

void jwrite_init(struct jwrite *w, enum jwrite_layout layout)
{
    *w = (struct jwrite){.layout = layout, .err = SPEC_OK};
}

void jwrite_fini(struct jwrite *w)
{
    free(w->buf);
    jwrite_init(w, w->layout);
}

/* --- the buffer --------------------------------------------------------------------------------
 */

/* Where len bytes may be written, with the NUL behind them already there; NULL once memory ran out.
 */
static char *extend(struct jwrite *w, size_t len)
{
    size_t want = w->len + len + 1;

    if (w->err != SPEC_OK)
        return NULL;
    if (want > w->cap) {
        size_t cap = MAX(want, MAX(2 * w->cap, FIRST_CAP));
        char *buf = realloc(w->buf, cap);
        if (buf == NULL) {
            w->err = SPEC_E_NOMEM;
            return NULL;
        }
        w->buf = buf;
        w->cap = cap;
    }
    char *at = w->buf + w->len;
    at[len] = '\0';
    w->len += len;
    return at;
}

static void put(struct jwrite *w, const void *bytes, size_t len)
{
    char *at = extend(w, len);

    if (at != NULL)
        memcpy(at, bytes, len);
}

static void put_text(struct jwrite *w, const char *text)
{
    put(w, text, strlen(text));
}

static void put_tabs(struct jwrite *w, unsigned n)
{
    char *at = extend(w, n);

    if (at != NULL)
        memset(at, '\t', n);
}

/* The two-character escape of a byte of a string, or 0. */
static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

/* A byte that can't stand as it is. */
static void put_special(struct jwrite *w, uint8_t byte)
{
    char escape[8] = {'\\', short_escape(byte)};

    if (byte >= 0x80)
        put_text(w, "\xef\xbf\xbd"); /* U+FFFD */
    else {
        if (escape[1] == '\0')
            snprintf(escape, sizeof escape, "\\u%04x", byte);
        put_text(w, escape);
    }
}

/* Bytes of the character that can stand as it is; 0: it can't. */
static size_t plain_length(const uint8_t *at, const uint8_t *end)
{
    if (*at < 0x20 || short_escape(*at) != '\0')
        return 0;
    return *at < 0x80 ? 1 : utf8_length(at, end);
}

/* A text; as_it_is gives the length of a character that can stand so, or 0. */
static void put_clean(struct jwrite *w, const char *text,
                      size_t (*as_it_is)(const uint8_t *at, const uint8_t *end))
{
    const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text), *plain = at;

    while (at < end) {
        size_t len = is_plain[*at] ? 1 : as_it_is(at, end);
        if (len > 0) {
            at += len;
            continue;
        }
        put(w, plain, (size_t)(at - plain));
        put_special(w, *at++);
        plain = at;
    }
    put(w, plain, (size_t)(at - plain));
}

static void put_quoted(struct jwrite *w, const char *text)
{
    put_text(w, "\"");
    put_clean(w, text, plain_length);
    put_text(w, "\"");
}

/* --- structure ---------------------------------------------------------------------------------
 */

/* All that stands between the value before and this one. */
static void begin_value(struct jwrite *w, const char *key)
{
    bool pretty = w->layout == JWRITE_PRETTY;

    if (w->depth > 0) {
        bool in_array = w->level[w->depth - 1].is_array;
        assert((key == NULL) == in_array);
        if (w->level[w->depth - 1].has_items)
            put_text(w, !pretty ? "," : in_array ? ", " : ",\n");
        w->level[w->depth - 1].has_items = true;
    }
    if (key == NULL)
        return;
    if (pretty)
        put_tabs(w, w->depth);
    put_quoted(w, key);
    put_text(w, pretty ? ":\t" : ":");
}

static void begin_container(struct jwrite *w, const char *key, bool is_array)
{
    assert(w->depth < JWRITE_DEPTH);
    begin_value(w, key);
    if (is_array)
        put_text(w, "[");
    else
        put_text(w, w->layout == JWRITE_PRETTY ? "{\n" : "{");
    w->level[w->depth].is_array = is_array;
    w->level[w->depth].has_items = false;
    w->depth++;
}

void jwrite_object(struct jwrite *w, const char *key)
{
    begin_container(w, key, false);
}

void jwrite_array(struct jwrite *w, const char *key)
{
    begin_container(w, key, true);
}

void jwrite_end(struct jwrite *w)
{
    assert(w->depth > 0);
    w->depth--;
    if (w->level[w->depth].is_array) {
        put_text(w, "]");
        return;
    }
    if (w->layout == JWRITE_PRETTY) {
        if (w->level[w->depth].has_items)
            put_text(w, "\n");
        put_tabs(w, w->depth);
    }
    put_text(w, "}");
}

/* --- values ------------------------------------------------------------------------------------
 */

/* A value in its final form. */
static void put_value(struct jwrite *w, const char *key, const char *text)
{
    begin_value(w, key);
    put_text(w, text);
}

void jwrite_raw(struct jwrite *w, const char *key, const char *json)
{
    begin_value(w, key);
    put_clean(w, json, utf8_length);
}

static void put_number(struct jwrite *w, const char *key, uint64_t value, bool is_negative)
{
    char text[24], *at = text + sizeof text;

    *--at = '\0';
    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    if (is_negative)
        *--at = '-';
    put_value(w, key, at);
}

void jwrite_int(struct jwrite *w, const char *key, int64_t value)
{
    put_number(w, key, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void jwrite_uint(struct jwrite *w, const char *key, uint64_t value)
{
    put_number(w, key, value, false);
}

/* A whole number, but -0, that every digit of stands in 15: written as an integer is. */
static bool is_short_integer(double value)
{
    return value == trunc(value) && fabs(value) < 1e15 && !(value == 0 && signbit(value));
}

void jwrite_double(struct jwrite *w, const char *key, double value)
{
    char text[40];
    int digits =
        15; /* every double has a decimal form of 17 that reads back, most have a shorter */

    if (!isfinite(value))
        value = 0;
    if (is_short_integer(value)) {
        jwrite_int(w, key, (int64_t)value);
        return;
    }
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && strtod(text, NULL) != value);
    point_restore(text);
    put_value(w, key, text);
}

void jwrite_bool(struct jwrite *w, const char *key, bool value)
{
    put_value(w, key, value ? "true" : "false");
}

void jwrite_string(struct jwrite *w, const char *key, const char *value)
{
    begin_value(w, key);
    put_quoted(w, value);
}

void jwrite_null(struct jwrite *w, const char *key)
{
    put_value(w, key, "null");
}

enum spec_err jwrite_finish(struct jwrite *w, struct bytes *text)
{
    assert(w->depth == 0);
    if (w->err != SPEC_OK)
        return w->err;
    *text = (struct bytes){(const uint8_t *)w->buf, w->len};
    return SPEC_OK;
}

char *jwrite_take(struct jwrite *w)
{
    char *text = w->err == SPEC_OK ? w->buf : NULL;

    if (text != NULL)
        w->buf = NULL;
    jwrite_fini(w);
    return text;
}
