#include "harness/script/cursor.h"

#include "harness/script/jsonplace.h"
#include "impl/wire/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AROUND        150 /* characters of a long line in front of what is wrong with it */
#define TIME_EXPECTED "a time such as 5s or 200ms"

void cursor_blanks(struct cursor *c)
{
    while (c->text[c->at] == ' ' || c->text[c->at] == '\t')
        c->at++;
}

void cursor_strip(char *line)
{
    char quote = 0;
    size_t at;

    for (at = 0; line[at]; at++) {
        if (quote && line[at] == '\\' && quote == '"' && line[at + 1])
            at++;
        else if (quote)
            quote = line[at] == quote ? 0 : quote;
        else if (line[at] == '"' || (line[at] == '\'' && (at == 0 || line[at - 1] == ' ')))
            quote = line[at];
        else if (line[at] == '#' && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t'))
            break;
    }
    while (at > 0 && isspace((unsigned char)line[at - 1]))
        at--;
    line[at] = '\0';
}

void script_error_show(struct script_error *e, const char *line)
{
    size_t at = e->column ? e->column - 1 : 0;

    e->skipped = at < sizeof e->text - AROUND ? 0 : (unsigned)(at - AROUND);
    snprintf(e->text, sizeof e->text, "%s", line + e->skipped);
}

/* behind: what ends where the line does. */
static bool __attribute__((format(printf, 4, 0)))
fail(struct cursor *c, size_t at, const char *behind, const char *expected, va_list args)
{
    struct script_error *e = c->error;

    if (e->line)
        return false;
    at += strspn(c->text + at, " \t");
    snprintf(e->file, sizeof e->file, "%s", c->file);
    e->line = c->line;
    e->column = (unsigned)at + 1;
    script_error_show(e, c->text);
    size_t len = strcspn(c->text + at, " \t");
    if (len == 0)
        snprintf(e->found, sizeof e->found, "the end of the %s", behind);
    else
        snprintf(e->found, sizeof e->found, "'%.*s'", (int)MIN(len, 60), c->text + at);
    vsnprintf(e->expected, sizeof e->expected, expected, args);
    return false;
}

bool cursor_fail(struct cursor *c, size_t at, const char *expected, ...)
{
    va_list args;

    cursor_blanks(c);
    va_start(args, expected);
    fail(c, at == SIZE_MAX ? c->at : at, "line", expected, args);
    va_end(args);
    return false;
}

bool cursor_fail_behind(struct cursor *c, const char *what, const char *expected, ...)
{
    va_list args;

    va_start(args, expected);
    fail(c, strlen(c->text), what, expected, args);
    va_end(args);
    return false;
}

/* As it stands, but for what a terminal would obey. */
static void add_shown(struct text *out, const char *string)
{
    for (; *string; string++)
        text_add(out, iscntrl((unsigned char)*string) && *string != '\t' ? "?" : string, 1);
}

static void add_line(struct text *out, const struct script_error *e)
{
    text_adds(out, e->skipped ? "    ..." : "    ");
    add_shown(out, e->text);
    text_adds(out, e->skipped ? "\n       " : "\n    ");
    for (size_t i = 0; i + e->skipped + 1 < e->column && e->text[i]; i++)
        text_adds(out, e->text[i] == '\t' ? "\t" : " ");
    text_adds(out, e->column ? "^\n" : "\n");
}

void script_error_format(const struct script_error *e, struct text *out)
{
    add_shown(out, e->file);
    if (e->line) /* 0: the file as a whole */
        text_addf(out, ":%u", e->line);
    if (e->column)
        text_addf(out, ":%u", e->column);
    text_addf(out, ": expected %s, found ", e->expected);
    add_shown(out, e->found);
    text_adds(out, "\n");
    if (e->text[0])
        add_line(out, e);
}

bool cursor_at_end(struct cursor *c)
{
    cursor_blanks(c);
    return c->text[c->at] == '\0';
}

bool cursor_end(struct cursor *c)
{
    return cursor_at_end(c) || cursor_fail(c, SIZE_MAX, "the end of the line");
}

char *cursor_peek(struct cursor *c)
{
    cursor_blanks(c);
    size_t len = strcspn(c->text + c->at, " \t");
    return len ? arena_copy(c->arena, c->text + c->at, len) : NULL;
}

char *cursor_word(struct cursor *c)
{
    char *word = cursor_peek(c);

    if (word)
        c->at += strlen(word);
    return word;
}

bool cursor_take(struct cursor *c, const char *word)
{
    size_t len = strlen(word);

    cursor_blanks(c);
    if (strncmp(c->text + c->at, word, len) != 0)
        return false;
    if (c->text[c->at + len] && !strchr(" \t", c->text[c->at + len]))
        return false;
    c->at += len;
    return true;
}

char *cursor_need(struct cursor *c, const char *expected)
{
    char *word = cursor_word(c);

    if (!word)
        cursor_fail(c, SIZE_MAX, "%s", expected);
    return word;
}

bool cursor_need_word(struct cursor *c, const char *word)
{
    return cursor_take(c, word) || cursor_fail(c, SIZE_MAX, "'%s'", word);
}

bool cursor_int(struct cursor *c, const char *expected, int64_t min, int64_t max, int64_t *out)
{
    cursor_blanks(c);
    size_t begin = c->at;
    char *word = cursor_need(c, expected), *end;
    if (!word)
        return false;
    long long value = strtoll(word, &end, 0);
    if (end == word || *end || value < min || value > max)
        return cursor_fail(c, begin, "%s (%lld to %lld)", expected, (long long)min, (long long)max);
    *out = value;
    return true;
}

static bool duration_of(const char *word, int64_t *ms)
{
    char *end;
    double value = strtod(word, &end);
    bool is_ms = strcmp(end, "ms") == 0;

    if (end == word || (!is_ms && strcmp(end, "s") != 0) || !(value >= 0 && value < 1e6))
        return false;
    *ms = (int64_t)(is_ms ? value : value * 1000);
    return true;
}

bool cursor_duration(struct cursor *c, int64_t *ms)
{
    size_t begin = (cursor_blanks(c), c->at);
    char *word = cursor_need(c, TIME_EXPECTED);

    return word && (duration_of(word, ms) || cursor_fail(c, begin, TIME_EXPECTED));
}

bool cursor_durations(struct cursor *c, int64_t *from, int64_t *to)
{
    size_t begin = (cursor_blanks(c), c->at);
    char *word = cursor_need(c, TIME_EXPECTED), *dots = word ? strstr(word, "..") : NULL;

    if (dots) {
        *dots = '\0';
        if (!duration_of(word, from))
            return cursor_fail(c, begin, TIME_EXPECTED);
        begin += (size_t)(dots - word) + 2;
        word = dots + 2;
    }
    if (!word || !duration_of(word, to))
        return cursor_fail(c, begin, TIME_EXPECTED);
    return !dots || *from <= *to || cursor_fail(c, begin, "a later end than the beginning");
}

static bool escape(const char **s, char *out)
{
    static const char letters[] = "\"\\nrt0", meant[] = "\"\\\n\r\t";
    const char *letter = **s ? strchr(letters, **s) : NULL;

    if (letter) {
        *out = meant[letter - letters];
    } else if (**s == 'x' && isxdigit((unsigned char)(*s)[1]) && isxdigit((unsigned char)(*s)[2])) {
        *out = (char)strtol((char[]){(*s)[1], (*s)[2], 0}, NULL, 16);
        *s += 2;
    } else {
        return false;
    }
    ++*s;
    return true;
}

bool cursor_quoted(struct cursor *c, struct bytes *out)
{
    cursor_blanks(c);
    char quote = c->text[c->at];
    size_t len = 0;
    if (quote != '"' && quote != '\'')
        return cursor_fail(c, SIZE_MAX, "a text in quotes");
    const char *s = c->text + c->at + 1;
    /* As long as the text, not as the line: a line may have many. */
    size_t cap = 0;
    while (s[cap] && s[cap] != quote)
        cap += s[cap] == '\\' && quote == '"' && s[cap + 1] ? 2 : 1;
    char *copy = arena_alloc(c->arena, cap + 1);
    while (*s && *s != quote) {
        if (quote == '"' && *s == '\\') {
            s++;
            if (!escape(&s, &copy[len++]))
                return cursor_fail(c, (size_t)(s - c->text),
                                   "one of \\\" \\\\ \\n \\r \\t \\0 \\xNN");
        } else {
            copy[len++] = *s++;
        }
    }
    if (!*s)
        return cursor_fail(c, (size_t)(s - c->text), "a closing %c", quote);
    c->at = (size_t)(s - c->text) + 1;
    *out = (struct bytes){(const uint8_t *)copy, len};
    return true;
}

/* Where the JSON value at the start of s ends. */
static size_t json_extent(const char *s)
{
    size_t at = 0;
    int depth = 0;

    do {
        if (s[at] == '"') {
            for (at++; s[at] && s[at] != '"'; at++)
                at += s[at] == '\\' && s[at + 1];
            at += s[at] != '\0';
        } else if (strchr("{[", s[at]) && s[at]) {
            depth++;
            at++;
        } else if (strchr("}]", s[at]) && s[at]) {
            depth--;
            at++;
        } else {
            size_t len = strcspn(s + at, depth ? "{}[]\"" : "{}[]\" \t");
            if (len == 0)
                break;
            at += len;
        }
    } while (s[at] && depth > 0);
    return at;
}

char *cursor_json(struct cursor *c)
{
    const char *expected = "a JSON value";
    json_value *root;
    size_t at = 0;

    cursor_blanks(c);
    size_t begin = c->at, len = json_extent(c->text + begin);
    char *text = arena_copy(c->arena, c->text + begin, len);
    if (!jsonplace_is_value(text, &at, &expected)) {
        cursor_fail(c, begin + at, "%s", expected);
        return NULL;
    }
    if (json_parse((struct bytes){(const uint8_t *)text, len}, &root) != SPEC_OK) {
        cursor_fail(c, begin, "a JSON value");
        return NULL;
    }
    json_free(root);
    c->at = begin + len;
    return text;
}

static int nibble(char ch)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, tolower((unsigned char)ch));

    return ch && at ? (int)(at - digits) : -1;
}

bool cursor_hex(struct cursor *c, struct bytes *out)
{
    uint8_t *bytes = arena_alloc(c->arena, strlen(c->text) + 1);
    size_t len = 0;

    if (cursor_take(c, "\"\"")) {
        *out = (struct bytes){bytes, 0};
        return true;
    }
    for (;;) {
        cursor_blanks(c);
        size_t word = strcspn(c->text + c->at, " \t"), i = 0;
        for (; i + 1 < word; i += 2) {
            int high = nibble(c->text[c->at + i]), low = nibble(c->text[c->at + i + 1]);
            if (high < 0 || low < 0)
                break;
            bytes[len++] = (uint8_t)(high << 4 | low);
        }
        if (word == 0 || i == 0)
            break;
        if (i != word)
            return cursor_fail(c, c->at, "pairs of hex digits");
        c->at += word;
    }
    if (len == 0)
        return cursor_fail(c, SIZE_MAX, "bytes in hex, such as fe 00 00 (or \"\" for none)");
    *out = (struct bytes){bytes, len};
    return true;
}
