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
#define TEXT_MAX      (8u << 20) /* of all rows together, {NAME} replaced */

/* What the reader of the header sees of a foreach. */
static const char mark[] = "foreach";

/* One `foreach A,B in 1,2 3,4`. */
struct dimension {
    char *names[VARIABLES_MAX];
    size_t n_names;
    char **values; /* n rows of n_names */
    size_t n;
};

struct file {
    struct arena arena;
    struct parse_lines lines; /* as they stand, comments gone */
    struct dimension dims[VARIABLES_MAX];
    size_t n_dims;
    size_t text; /* bytes of the rows so far */
    struct script_error *error;
};

/* What an honest client of the simulator's says in every test. */
bool script_param_is_sent(int key)
{
    static const enum param_key sent[] = {PARAM_tcp, PARAM_omit,         PARAM_time,
                                          PARAM_num, PARAM_blockcount,   PARAM_parallel,
                                          PARAM_len, PARAM_pacing_timer, PARAM_client_version};

    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        if ((int)sent[i] == key)
            return true;
    return false;
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

/* 0x00..0xff, 1..5; in quotes it is a word. */
struct range {
    long long from, to;
    size_t width; /* of the word for `from` */
};

static bool is_range(const char *word, struct range *r)
{
    char *end;

    r->from = strtoll(word, &end, 0);
    r->width = (size_t)(end - word);
    return end > word && strncmp(end, "..", 2) == 0;
}

static bool has_end(const char *word, struct range *r)
{
    const char *to = word + r->width + 2;
    char *end;

    r->to = strtoll(to, &end, 0);
    return end > to && *end == '\0';
}

static bool add_range(struct file *f, struct dimension *d, const char *word, struct range *r)
{
    char value[32];

    if (!has_end(word, r) || r->to < r->from ||
        (unsigned long long)r->to - (unsigned long long)r->from >= ROWS_MAX - d->n)
        return false;
    for (long long v = r->from; v <= r->to; v++) {
        if (r->width > 2 && word[1] == 'x')
            snprintf(value, sizeof value, "0x%0*llx", (int)r->width - 2, (unsigned long long)v);
        else
            snprintf(value, sizeof value, "%lld", v);
        add_value(f, d, value);
    }
    return true;
}

static void add_params(struct file *f, struct dimension *d, int kind, bool sent_only)
{
    for (unsigned k = 0; k < PARAM_N_KEYS; k++)
        if ((kind < 0 || (int)params_row((enum param_key)k)->kind == kind) &&
            (!sent_only || script_param_is_sent((int)k)))
            add_value(f, d, params_key_name((enum param_key)k));
}

/* keys(...): false if there are no such. */
static bool add_keys(struct file *f, struct dimension *d, const char *which)
{
    static const struct {
        const char *which;
        int kind; /* enum params_kind, -1: any */
        bool sent_only;
        const char *const *keys; /* instead */
    } lists[] = {
        {"params",          -1,            false, NULL               },
        {"params,sent",     -1,            true,  NULL               },
        {"params,flags",    PARAMS_FLAG,   false, NULL               },
        {"params,numbers",  PARAMS_NUMBER, false, NULL               },
        {"params,strings",  PARAMS_STRING, false, NULL               },
        {"results",         0,             false, results_keys       },
        {"results.streams", 0,             false, results_stream_keys},
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(which, lists[i].which) != 0)
            continue;
        for (const char *const *key = lists[i].keys; key && *key; key++)
            add_value(f, d, *key);
        if (!lists[i].keys)
            add_params(f, d, lists[i].kind, lists[i].sent_only);
        return true;
    }
    return false;
}

/* `keys(params, sent)`, blanks left out. */
static bool read_keys(struct file *f, struct cursor *c, struct dimension *d)
{
    size_t at = c->at;
    struct text which = {0};

    for (c->at += strlen("keys("); c->text[c->at] && c->text[c->at] != ')'; c->at++)
        if (c->text[c->at] != ' ')
            text_add(&which, c->text + c->at, 1);
    bool closed = c->text[c->at] == ')';
    c->at += closed;
    bool ok = closed && add_keys(f, d, text_string(&which));
    text_fini(&which);
    return ok || cursor_fail(c, at,
                             "keys(params), keys(params, sent | flags | numbers | strings), "
                             "keys(results) or keys(results.streams)");
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

/* One value of each name: as many as there are names. */
static bool wrong_number(struct cursor *c, size_t at, const struct dimension *d)
{
    return cursor_fail(c, at,
                       d->n_names > 1 ? "%zu values, divided by commas ('...' holds others)"
                                      : "%zu value ('...' holds commas)",
                       d->n_names);
}

/* A row's values: up to a blank; '...' holds blanks together. A comma that divides nothing stands
 * in '...' or in JSON's brackets, at the end. NULL and the error. */
static char *value_word(struct cursor *c, const struct dimension *d)
{
    struct text word = {0};
    size_t begin = c->at, commas = 0;
    int depth = 0;
    bool quoted = false, more = false;

    for (; c->text[c->at] && (quoted || !strchr(" \t", c->text[c->at])); c->at++) {
        char ch = c->text[c->at];
        if (ch == '\'') {
            quoted = !quoted;
            continue;
        }
        text_add(&word, &ch, 1);
        commas += ch == ',';
        more = more || (ch == ',' && commas >= d->n_names && !quoted && depth == 0);
        depth += !quoted && (ch == '{' || ch == '[');
        depth -= !quoted && depth > 0 && (ch == '}' || ch == ']');
    }
    bool ok = quoted                            ? cursor_fail(c, c->at, "a closing '")
              : more || commas + 1 < d->n_names ? wrong_number(c, begin, d)
                                                : true;
    char *copy = ok ? arena_copy(c->arena, text_string(&word), word.len) : NULL;
    text_fini(&word);
    return copy;
}

static bool read_values(struct file *f, struct cursor *c, struct dimension *d)
{
    while (!cursor_at_end(c)) {
        size_t at = c->at;
        if (strncmp(c->text + at, "keys(", 5) == 0) {
            if (d->n_names > 1 ? !wrong_number(c, at, d) : !read_keys(f, c, d))
                return false;
            continue;
        }
        char *word = value_word(c, d);
        if (!word)
            return false;
        struct range range;
        if (d->n_names > 1 || c->text[at] == '\'' || !is_range(word, &range))
            add_value(f, d, word);
        else if (!add_range(f, d, word, &range))
            return cursor_fail(c, at, "FIRST..LAST, upwards, of at most %d values", ROWS_MAX);
        if (d->n >= ROWS_MAX)
            return cursor_fail(c, at, "at most %d values", ROWS_MAX);
    }
    return true;
}

static struct cursor cursor_of(struct file *f, size_t i, size_t at)
{
    return (struct cursor){f->lines.where[i], f->lines.number[i], f->lines.at[i], at, &f->arena,
                           f->error};
}

/* `foreach A,B in VALUE...`, and the values on lines further in below it. These lines are then
 * nothing more to the reader of the header. */
static bool read_foreach(struct file *f, size_t i)
{
    struct cursor c = cursor_of(f, i, strlen("foreach"));
    struct dimension *d = &f->dims[f->n_dims];

    if (f->n_dims == VARIABLES_MAX)
        return cursor_fail(&c, 0, "at most %d foreach lines", VARIABLES_MAX);
    if (!add_names(&c, d) || !cursor_need_word(&c, "in") || !read_values(f, &c, d))
        return false;
    for (i++; i < f->lines.n && (f->lines.at[i][0] == ' ' || f->lines.at[i][0] == '\t'); i++) {
        struct cursor more = cursor_of(f, i, 0);
        if (!read_values(f, &more, d))
            return false;
        f->lines.at[i] = (char *)mark;
    }
    if (d->n == 0)
        return cursor_fail(&c, SIZE_MAX, "values");
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

/* A line with its variables replaced; in the row's arena. NULL: it grows too long. */
static char *replace(struct file *f, struct arena *arena, size_t row, const char *line)
{
    struct text out = {0};
    bool in_id = strncmp(line, "case ", 5) == 0;

    while (*line && f->text + out.len <= TEXT_MAX) {
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
    char *copy = *line ? NULL : arena_copy(arena, text_string(&out), out.len);
    if (copy)
        cursor_strip(copy); /* a value may end in blanks, or be nothing behind some */
    f->text += out.len + 1;
    text_fini(&out);
    return copy;
}

static bool is_foreach(const char *line)
{
    return strncmp(line, "foreach", 7) == 0 && (line[7] == ' ' || line[7] == '\t' || !line[7]);
}

static bool too_much(struct file *f, size_t i, unsigned limit, const char *of_what)
{
    struct cursor c = cursor_of(f, i, 0);

    return cursor_fail(&c, 0, "at most %u %s", limit, of_what);
}

static bool run_row(struct file *f, size_t row, bool (*take)(void *, struct parse_lines *),
                    void *context)
{
    struct arena arena = {0};
    struct parse_lines lines = f->lines;
    bool ok = true;

    lines.at = arena_alloc(&arena, (lines.n + 1) * sizeof *lines.at);
    for (size_t i = 0; i < lines.n && ok; i++) {
        char *line = f->lines.at[i];
        lines.at[i] = is_foreach(line) ? (char *)mark : replace(f, &arena, row, line);
        ok = lines.at[i] || too_much(f, i, TEXT_MAX, "bytes in all cases of a file");
    }
    ok = ok && take(context, &lines);
    arena_fini(&arena);
    return ok;
}

static bool run_rows(struct file *f, bool (*take)(void *, struct parse_lines *), void *context)
{
    size_t rows = 1;
    bool ok = true;

    for (size_t i = 0; i < f->n_dims && ok; i++) {
        rows *= f->dims[i].n;
        ok = rows <= ROWS_MAX || too_much(f, 0, ROWS_MAX, "cases in a file");
    }
    for (size_t r = 0; r < rows && ok; r++)
        ok = run_row(f, r, take, context);
    return ok;
}

bool parse_foreach(const char *file, const char *text, struct script_error *error,
                   bool (*row)(void *context, struct parse_lines *lines), void *context)
{
    struct file f = {.error = error, .lines.file = file};
    bool ok = parse_include(&f.arena, file, text, &f.lines, error);

    for (size_t i = 0; ok && i < f.lines.n && f.lines.at[i][0] != '\0'; i++)
        if (is_foreach(f.lines.at[i]) && f.lines.at[i] != mark)
            ok = read_foreach(&f, i);
    ok = ok && run_rows(&f, row, context);
    arena_fini(&f.arena);
    return ok;
}
