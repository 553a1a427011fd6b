#include "harness/script/script.h"

#include "harness/script/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 20)

static const char *const need_words[] = {
#define X(name, word) word,
    SCRIPT_NEEDS(X)
#undef X
};

bool script_words_have(const struct script_words *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++)
        if (strcmp(words->at[i], word) == 0)
            return true;
    return false;
}

const char *script_need_word(enum script_need need)
{
    return need_words[need];
}

bool script_need_find(const char *word, enum script_need *need)
{
    for (int i = 0; i < SCRIPT_N_NEEDS; i++) {
        if (strcmp(need_words[i], word) != 0)
            continue;
        *need = (enum script_need)i;
        return true;
    }
    return false;
}

bool script_need_is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0 && word[2] != '\0';
}

struct reading {
    struct script_list *list;
    struct script_error *error;
};

static bool read_row(void *context, struct parse_lines *lines)
{
    struct reading *r = context;
    struct script *s = arena_alloc(&r->list->arena, sizeof *s);

    s->arena = &r->list->arena;
    s->file = arena_copy(s->arena, lines->file, strlen(lines->file));
    if (!parse_header(s, lines, r->error) || !parse_steps(s, lines, NULL, &s->steps, r->error))
        return false;
    r->list->at = text_realloc(r->list->at, (r->list->n + 1) * sizeof *r->list->at);
    r->list->at[r->list->n++] = s;
    return true;
}

bool script_read(struct script_list *list, const char *file, const char *text,
                 struct script_error *error)
{
    size_t before = list->n;

    *error = (struct script_error){0};
    struct reading r = {list, error};
    list->arena.is_shared = true; /* workers and keepers are forked from who holds them */
    bool ok = parse_foreach(file, text, error, read_row, &r);
    if (!ok)
        list->n = before;
    if (list->n == 0)
        script_list_fini(list); /* whoever holds nothing has nothing to free */
    return ok;
}

static bool unreadable(struct script_error *error, const char *path, const char *why)
{
    *error = (struct script_error){0};
    snprintf(error->file, sizeof error->file, "%s", path);
    snprintf(error->expected, sizeof error->expected, "a text file of at most 1 MiB");
    snprintf(error->found, sizeof error->found, "%s", why);
    return false;
}

/* Where the byte at stands, and its line up to there. */
static void find_place(struct script_error *error, const char *text, size_t at)
{
    size_t start = 0;
    struct text line = {0};

    error->line = 1;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            error->line++;
            start = i + 1;
        }
    error->column = (unsigned)(at - start) + 1;
    text_add(&line, text + start, at - start);
    script_error_show(error, text_string(&line));
    text_fini(&line);
}

bool script_is_text(const char *file, const char *at, size_t len, struct script_error *error)
{
    const char *nul = memchr(at, '\0', MIN(len, FILE_MAX));

    if (!nul && len <= FILE_MAX)
        return true;
    unreadable(error, file, nul ? "a NUL byte" : "more");
    find_place(error, at, nul ? (size_t)(nul - at) : FILE_MAX);
    return false;
}

bool script_read_file(struct script_list *list, const char *path, struct script_error *error)
{
    FILE *f = fopen(path, "re");
    struct text text = {0};
    char piece[4096];
    size_t len;

    if (!f)
        return unreadable(error, path, strerror(errno));
    while ((len = fread(piece, 1, sizeof piece, f)) > 0 && text.len <= FILE_MAX)
        text_add(&text, piece, len);
    bool ok = ferror(f) ? unreadable(error, path, strerror(errno))
                        : script_is_text(path, text_string(&text), text.len, error) &&
                              script_read(list, path, text_string(&text), error);
    fclose(f);
    text_fini(&text);
    return ok;
}

void script_list_fini(struct script_list *list)
{
    arena_fini(&list->arena);
    free(list->at);
    *list = (struct script_list){0};
}
