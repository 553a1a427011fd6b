/* header.c - the lines before the first blank one. */
#include "harness/script/parse.h"

#include <string.h>

static bool words(struct cursor *c, struct script_words *out)
{
    if (cursor_at_end(c))
        return cursor_fail(c, SIZE_MAX, "at least one word");
    while (!cursor_at_end(c)) {
        out->at = arena_grow(c->arena, out->at, out->n, sizeof *out->at);
        out->at[out->n++] = cursor_word(c);
    }
    return true;
}

static const char *rest(struct cursor *c)
{
    cursor_at_end(c); /* moves past the blanks */
    const char *text = arena_copy(c->arena, c->text + c->at, strlen(c->text + c->at));
    c->at += strlen(text);
    return text;
}

static bool read_case(struct cursor *c, struct script *s)
{
    s->line = c->line;
    s->id = cursor_need(c, "the id of the case");
    return s->id != NULL;
}

static bool read_title(struct cursor *c, struct script *s)
{
    s->title = rest(c);
    return *s->title || cursor_fail(c, SIZE_MAX, "a title");
}

static bool read_clause(struct cursor *c, struct script *s)
{
    return words(c, &s->clauses);
}

static bool read_needs(struct cursor *c, struct script *s)
{
    return words(c, &s->needs);
}

static bool read_tag(struct cursor *c, struct script *s)
{
    return words(c, &s->tags);
}

static bool read_plays(struct cursor *c, struct script *s)
{
    if (cursor_take(c, "client"))
        return true;
    s->plays_server = true;
    return cursor_take(c, "server") || cursor_fail(c, SIZE_MAX, "'client' or 'server'");
}

/* Options, as subject_argv() divides them: '...' and "..." hold blanks together. */
static bool read_subject(struct cursor *c, struct script *s)
{
    char quote = '\0';

    s->subject = rest(c);
    for (const char *at = s->subject; *at; at++)
        if (quote ? *at == quote : *at == '\'' || *at == '"')
            quote = quote ? '\0' : *at;
    return !quote || cursor_fail(c, SIZE_MAX, "a closing %c", quote);
}

/* Every case has a process of its own, and all connections of a case meet the same one. */
static bool read_process(struct cursor *c, struct script *s)
{
    (void)s;
    return cursor_need_word(c, "one");
}

static bool read_address(struct cursor *c, struct script *s)
{
    return parse_address(c, &s->address, NULL);
}

static bool read_params(struct cursor *c, struct script *s)
{
    return parse_meaning(c, &s->params);
}

static bool read_foreach_again(struct cursor *c, struct script *s)
{
    (void)c, (void)s;
    return true; /* foreach.c has read it */
}

static const struct {
    const char *word;
    bool (*read)(struct cursor *c, struct script *s);
    bool again; /* what a second line says is added */
} lines_of_header[] = {
    {"case",    read_case,          false},
    {"title",   read_title,         false},
    {"clause",  read_clause,        true },
    {"plays",   read_plays,         false},
    {"needs",   read_needs,         true },
    {"subject", read_subject,       false},
    {"address", read_address,       false},
    {"process", read_process,       false},
    {"tag",     read_tag,           true },
    {"params",  read_params,        false},
    {"foreach", read_foreach_again, true },
};

/* seen: the line of the file that each kind stood in, or 0. */
static bool read_line(struct cursor *c, struct script *s, unsigned seen[])
{
    for (size_t i = 0; i < ARRAY_LEN(lines_of_header); i++) {
        if (!cursor_take(c, lines_of_header[i].word))
            continue;
        if (seen[i] && !lines_of_header[i].again)
            return cursor_fail(c, 0, "one line '%s': line %u is the first", lines_of_header[i].word,
                               seen[i]);
        seen[i] = c->line;
        return lines_of_header[i].read(c, s) && cursor_end(c);
    }
    return cursor_fail(c, 0,
                       "one of case title clause plays needs subject address process tag foreach "
                       "params, or a blank line");
}

bool parse_header(struct script *s, struct parse_lines *lines, struct script_error *error)
{
    unsigned seen[ARRAY_LEN(lines_of_header)] = {0};

    size_t first = lines->next, at_case = first;

    s->subject = s->title = "";
    for (; lines->next < lines->n && lines->at[lines->next][0] != '\0'; lines->next++) {
        struct cursor c = parse_cursor(s, lines, lines->next, error);
        s->header = arena_grow(s->arena, s->header, s->n_header, sizeof *s->header);
        s->header[s->n_header++] =
            (struct script_header){c.line, arena_copy(s->arena, c.text, strlen(c.text))};
        if (!s->id)
            at_case = lines->next;
        if (!read_line(&c, s, seen))
            return false;
    }
    /* What is not there has no place: it is told of the case, or of the first line. */
    struct cursor c = parse_cursor(s, lines, s->id ? at_case : first, error);
    if (lines->n == 0)
        return cursor_fail_behind(&c, "file", "a header with a line 'case ID'");
    if (!s->id)
        return cursor_fail(&c, 0, "a header with a line 'case ID'");
    if (s->clauses.n == 0)
        return cursor_fail(&c, 0, "a header with a line 'clause ID ...'");
    return true;
}
