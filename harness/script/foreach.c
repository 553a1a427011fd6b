/* foreach.c - makes the lines of each row of a file: comments gone, {NAME} replaced. */
#include "harness/script/parse.h"

#include "impl/wire/params.h"
#include "impl/wire/results.h"
#include "impl/wire/state.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 8
#define ROWS_MAX      100000

/* One `foreach A,B in 1,2 3,4`. */
struct dimension {
    char *names[VARIABLES_MAX];
    size_t n_names;
    char **values; /* n rows of n_names */
    size_t n;
};

struct file {
    struct arena arena;
    const char *name;
    struct parse_lines lines; /* as they stand, comments gone */
    struct dimension dims[VARIABLES_MAX];
    size_t n_dims;
    struct script_error *error;
};

/* Lines that hold only a comment, and blank ones at the top, are left out. */
static void split_lines(struct file *f, const char *text)
{
    struct parse_lines *l = &f->lines;
    size_t len;

    for (unsigned number = 1; *text; number++, text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        char *line = arena_copy(&f->arena, text, len);
        bool blank = line[strspn(line, " \t\r")] == '\0';
        cursor_strip(line);
        if (line[0] == '\0' && (!blank || l->n == 0))
            continue;
        l->at = arena_grow(&f->arena, l->at, l->n, sizeof *l->at);
        l->number = arena_grow(&f->arena, l->number, l->n, sizeof *l->number);
        l->at[l->n] = line;
        l->number[l->n++] = number;
    }
}

static void add_value(struct file *f, struct dimension *d, const char *value)
{
    char *copy = arena_copy(&f->arena, value, strlen(value));

    for (size_t i = 0; i < d->n_names; i++) {
        char *comma = i + 1 < d->n_names ? strchr(copy, ',') : NULL;
        if (comma)
            *comma = '\0';
        d->values = arena_grow(&f->arena, d->values, d->n * d->n_names + i, sizeof *d->values);
        d->values[d->n * d->n_names + i] = copy;
        copy = comma ? comma + 1 : copy + strlen(copy);
    }
    d->n++;
}

/* 0x00..0xff, 1..5; false if word is no range. */
static bool add_range(struct file *f, struct dimension *d, const char *word)
{
    char *end, *last, value[32];
    long long from = strtoll(word, &end, 0), to;
    size_t width = (size_t)(end - word);

    if (end == word || strncmp(end, "..", 2) != 0)
        return false;
    to = strtoll(end + 2, &last, 0);
    if (*last || last == end + 2 || to < from || to - from > ROWS_MAX)
        return false;
    for (long long v = from; v <= to; v++) {
        if (width > 2 && word[1] == 'x')
            snprintf(value, sizeof value, "0x%0*llx", (int)width - 2, (unsigned long long)v);
        else
            snprintf(value, sizeof value, "%lld", v);
        add_value(f, d, value);
    }
    return true;
}

static bool add_list(struct file *f, struct dimension *d, const char *word)
{
    const char *const *keys = strcmp(word, "keys(results)") == 0           ? results_keys
                              : strcmp(word, "keys(results.streams)") == 0 ? results_stream_keys
                                                                           : NULL;

    for (; keys && *keys; keys++)
        add_value(f, d, *keys);
    if (strcmp(word, "keys(params)") == 0)
        for (unsigned k = 0; k < PARAM_N_KEYS; k++)
            add_value(f, d, params_key_name((enum param_key)k));
    return strncmp(word, "keys(", 5) == 0;
}

static bool add_names(struct cursor *c, struct dimension *d)
{
    size_t at = c->at;
    char *names = cursor_need(c, "the name of a variable");

    for (char *name = names ? strtok(names, ",") : NULL; name; name = strtok(NULL, ",")) {
        if (d->n_names == VARIABLES_MAX || !isalpha((unsigned char)*name))
            return cursor_fail(c, at, "at most %d names, divided by commas", VARIABLES_MAX);
        d->names[d->n_names++] = name;
    }
    return names != NULL;
}

/* One value: up to a blank; '...' holds blanks together. */
static char *value_word(struct cursor *c)
{
    struct text word = {0};
    bool quoted = false;

    for (; c->text[c->at] && (quoted || !strchr(" \t", c->text[c->at])); c->at++) {
        if (c->text[c->at] == '\'')
            quoted = !quoted;
        else
            text_add(&word, c->text + c->at, 1);
    }
    if (quoted)
        cursor_fail(c, c->at, "a closing '");
    char *copy = arena_copy(c->arena, text_string(&word), word.len);
    text_fini(&word);
    return copy;
}

static bool read_foreach(struct file *f, size_t i)
{
    struct cursor c = {f->name, f->lines.number[i], f->lines.at[i], 7, &f->arena, f->error};
    struct dimension *d = &f->dims[f->n_dims];

    if (f->n_dims == VARIABLES_MAX)
        return cursor_fail(&c, 0, "at most %d foreach lines", VARIABLES_MAX);
    if (!add_names(&c, d) || !cursor_need_word(&c, "in"))
        return false;
    if (cursor_at_end(&c))
        return cursor_fail(&c, SIZE_MAX, "values");
    while (!cursor_at_end(&c)) {
        size_t at = c.at;
        char *word = value_word(&c);
        if (f->error->line)
            return false;
        if (strncmp(word, "keys(", 5) == 0 && !strstr(word, "keys(params)") &&
            !strstr(word, "keys(results)") && !strstr(word, "keys(results.streams)"))
            return cursor_fail(&c, at, "keys(params), keys(results) or keys(results.streams)");
        if (!add_list(f, d, word) && !add_range(f, d, word))
            add_value(f, d, word);
    }
    f->n_dims++;
    return true;
}

/* The value of {NAME} in row `row`; NULL if there is no such name. */
static const char *variable(const struct file *f, size_t row, const char *name, size_t len)
{
    for (size_t i = f->n_dims; i-- > 0;) {
        const struct dimension *d = &f->dims[i];
        size_t at = row % d->n;
        row /= d->n;
        for (size_t k = 0; k < d->n_names; k++)
            if (strlen(d->names[k]) == len && memcmp(d->names[k], name, len) == 0)
                return d->values[at * d->n_names + k];
    }
    return NULL;
}

/* In ids a byte carries its name: 0x04-TEST_END. */
static void add_variable(struct text *out, const char *value, bool in_id)
{
    char *end;
    long byte = strtol(value, &end, 16);

    text_adds(out, value);
    if (in_id && strncmp(value, "0x", 2) == 0 && !*end && state_name((int8_t)byte))
        text_addf(out, "-%s", state_name((int8_t)byte));
}

static char *replace(struct file *f, size_t row, const char *line)
{
    struct text out = {0};
    bool in_id = strncmp(line, "case ", 5) == 0;

    while (*line) {
        size_t len = 0;
        while (*line == '{' && (isalnum((unsigned char)line[1 + len]) || line[1 + len] == '_'))
            len++;
        const char *value =
            len > 0 && line[1 + len] == '}' ? variable(f, row, line + 1, len) : NULL;
        if (value) {
            add_variable(&out, value, in_id);
            line += len + 2;
        } else {
            text_add(&out, line++, 1);
        }
    }
    char *copy = arena_copy(&f->arena, text_string(&out), out.len);
    text_fini(&out);
    return copy;
}

static bool is_foreach(const char *line)
{
    return strncmp(line, "foreach", 7) == 0 && (line[7] == ' ' || line[7] == '\t' || !line[7]);
}

static bool run_rows(struct file *f, bool (*row)(void *, struct parse_lines *), void *context)
{
    size_t rows = 1;
    bool ok = true;

    for (size_t i = 0; i < f->n_dims; i++)
        rows = rows > ROWS_MAX ? rows : rows * f->dims[i].n;
    for (size_t r = 0; r < MIN(rows, ROWS_MAX) && ok; r++) {
        struct parse_lines lines = f->lines;
        lines.at = arena_alloc(&f->arena, (lines.n + 1) * sizeof *lines.at);
        for (size_t i = 0; i < lines.n; i++) {
            char *line = f->lines.at[i];
            lines.at[i] = is_foreach(line) ? (char *)"foreach" : replace(f, r, line);
        }
        ok = row(context, &lines);
    }
    return ok;
}

bool parse_foreach(const char *file, const char *text, struct script_error *error,
                   bool (*row)(void *context, struct parse_lines *lines), void *context)
{
    struct file f = {.name = file, .error = error, .lines.file = file};
    bool ok = true;

    split_lines(&f, text);
    for (size_t i = 0; i < f.lines.n && f.lines.at[i][0] != '\0' && ok; i++)
        if (is_foreach(f.lines.at[i]))
            ok = read_foreach(&f, i);
    ok = ok && run_rows(&f, row, context);
    arena_fini(&f.arena);
    return ok;
}
