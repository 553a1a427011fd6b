#include "harness/session/text.h"

#include "impl/wire/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1u << 30)

#define TEXT_RUN_MIN  24 /* of one byte: shorter when written with `x N` */
#define TEXT_RUNS_MAX 24 /* in one text: the language allows 64 pieces */

void *text_realloc(void *at, size_t size)
{
    void *new = realloc(at, size ? size : 1);

    if (!new) {
        fputs("iperfspec: out of memory\n", stderr);
        exit(3);
    }
    return new;
}

char *text_dup(const char *string)
{
    size_t size = strlen(string) + 1;

    return memcpy(text_realloc(NULL, size), string, size);
}

static void reserve(struct text *t, size_t more)
{
    if (t->cap - t->len > more)
        return;
    size_t cap = MAX(t->cap * 2, t->len + more + 64);
    t->at = text_realloc(t->at, cap);
    t->cap = cap;
}

void text_add(struct text *t, const void *bytes, size_t len)
{
    reserve(t, len);
    if (len > 0)
        memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void text_add_times(struct text *t, const void *bytes, size_t len, size_t times)
{
    size_t start = t->len, end = start + len * times;

    if (end == start)
        return;
    reserve(t, end - start);
    text_add(t, bytes, len);
    while (t->len < end) /* twice as much each time */
        text_add(t, t->at + start, MIN(t->len - start, end - t->len));
}

void text_adds(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_vaddf(struct text *t, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len > 0) {
        reserve(t, (size_t)len);
        vsnprintf(t->at + t->len, (size_t)len + 1, format, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_add_cut(struct text *t, const char *string, size_t max)
{
    size_t len = strlen(string), end = max;

    if (len <= max) {
        text_add(t, string, len);
        return;
    }
    while (end > 0 && string[end] != ' ')
        end--;
    while (end > 0 && string[end - 1] == ' ')
        end--;
    if (end == 0) { /* one long word: between two characters (UTF-8) */
        end = max;
        while (end > 0 && ((unsigned char)string[end] & 0xc0) == 0x80)
            end--;
    }
    text_add(t, string, end);
    text_adds(t, "...");
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vaddf(t, format, args);
    va_end(args);
}

void text_add_number(struct text *t, double number)
{
    char shown[40];
    int digits = 1; /* 17 are enough for every number */

    do
        snprintf(shown, sizeof shown, "%.*g", digits, number);
    while (strtod(shown, NULL) != number && digits++ < 17);
    if (strchr(shown, 'e') && number == trunc(number) && fabs(number) < 1e17)
        snprintf(shown, sizeof shown, "%.0f", number);
    text_adds(t, shown);
}

void text_add_hex(struct text *t, struct bytes bytes, size_t max)
{
    for (size_t i = 0; i < MIN(bytes.len, max); i++)
        text_addf(t, "%s%02x", i ? " " : "", bytes.at[i]);
    if (bytes.len > max)
        text_addf(t, " ... (%zu bytes)", bytes.len);
}

void text_add_quoted(struct text *t, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    text_adds(t, "\"");
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t ch = bytes.at[i];
        const char escape[] = {'\\', 'x', digits[ch >> 4], digits[ch & 15]};
        if (ch == '"' || ch == '\\')
            text_add(t, (const char[]){'\\', (char)ch}, 2);
        else if (ch < ' ' || ch > '~')
            text_add(t, escape, sizeof escape);
        else
            text_add(t, &ch, 1);
    }
    text_adds(t, "\"");
}

/* How many bytes at the start of these are the same. */
static size_t run_of(struct bytes bytes)
{
    size_t n = 1;

    while (n < bytes.len && bytes.at[n] == bytes.at[0])
        n++;
    return n;
}

void text_add_pieces(struct text *t, struct bytes bytes)
{
    size_t plain = 0, runs = 0; /* plain: bytes at the start that are no long run */

    while (plain < bytes.len && runs < TEXT_RUNS_MAX) {
        size_t run = run_of((struct bytes){bytes.at + plain, bytes.len - plain});
        if (run < TEXT_RUN_MIN) {
            plain += run;
            continue;
        }
        if (plain > 0) {
            text_add_quoted(t, (struct bytes){bytes.at, plain});
            text_adds(t, " ");
        }
        text_add_quoted(t, (struct bytes){bytes.at + plain, 1});
        text_addf(t, " x %zu", run);
        bytes = (struct bytes){bytes.at + plain + run, bytes.len - plain - run};
        if (bytes.len == 0)
            return;
        text_adds(t, " ");
        plain = 0;
        runs++;
    }
    text_add_quoted(t, bytes);
}

bool text_is_mover(const char *at, size_t len)
{
    const uint8_t *c = (const uint8_t *)at;

    if (len == 2)
        return c[0] == 0xd8 && c[1] == 0x9c; /* U+061C */
    if (len != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f)) || /* U+200E, U+200F */
           (c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) ||   /* U+2028 to U+202E */
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);     /* U+2066 to U+2069 */
}

/* How many bytes a terminal may see as they are: a character, or 0. */
static size_t plain_length(const uint8_t *at, const uint8_t *end)
{
    size_t len = utf8_length(at, end);
    if ((len == 2 && at[0] == 0xc2 && at[1] < 0xa0) || text_is_mover((const char *)at, len))
        return 0;
    if (len == 1 && (*at < ' ' || *at == 0x7f))
        return *at == '\n' || *at == '\t';
    return len;
}

/* GitHub's runner obeys that, wherever it stands in a line of a log. */
static bool is_command(const uint8_t *at, const uint8_t *end)
{
    static const char head[] = {'#', '#', '['};

    return (size_t)(end - at) >= sizeof head && memcmp(at, head, sizeof head) == 0;
}

void text_make_plain(struct text *t)
{
    struct text plain = {0};
    const uint8_t *at = (const uint8_t *)t->at, *end = at + t->len;

    while (at < end) {
        size_t len = is_command(at, end) ? 0 : plain_length(at, end);
        if (len > 0)
            text_add(&plain, at, len);
        else
            text_addf(&plain, "\\x%02x", *at);
        at += MAX(len, 1);
    }
    text_fini(t);
    *t = plain;
}

void text_add_ms(struct text *t, int64_t ms)
{
    bool is_whole = ms != 0 && ms % 1000 == 0;

    text_addf(t, is_whole ? "%llds" : "%lldms", (long long)(is_whole ? ms / 1000 : ms));
}

void text_add_word(struct text *t, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,+@";

    if (*word && word[strspn(word, plain)] == '\0') {
        text_adds(t, word);
        return;
    }
    text_adds(t, "'");
    for (const char *at = word; *at; at++)
        text_addf(t, *at == '\'' ? "'\\%c'" : "%c", *at);
    text_adds(t, "'");
}

const char *text_behind_mark(const char *file)
{
    return strncmp(file, "\xef\xbb\xbf", 3) == 0 ? file + 3 : file;
}

const char *text_string(const struct text *t)
{
    return t->at ? t->at : "";
}

bool text_read_file(struct text *t, const char *path)
{
    FILE *f = fopen(path, "re");
    char buf[65536];
    size_t got;

    if (!f)
        return false;
    while (t->len < FILE_BYTES_MAX && (got = fread(buf, 1, sizeof buf, f)) > 0)
        text_add(t, buf, got);
    bool ok = !ferror(f);
    fclose(f);
    return ok;
}

bool text_add_json(struct text *t, struct jwrite *w)
{
    struct bytes json;
    bool ok = jwrite_finish(w, &json) == SPEC_OK;

    if (ok)
        text_add(t, json.at, json.len);
    jwrite_fini(w);
    return ok;
}

void text_fini(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}
