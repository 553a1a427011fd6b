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

static void script_free(struct script *s)
{
    arena_fini(&s->arena);
    free(s);
}

static bool read_row(void *context, struct parse_lines *lines)
{
    struct reading *r = context;
    struct script *s = text_realloc(NULL, sizeof *s);

    *s = (struct script){0};
    s->file = arena_copy(&s->arena, lines->file, strlen(lines->file));
    if (!parse_header(s, lines, r->error) || !parse_steps(s, lines, NULL, &s->steps, r->error)) {
        script_free(s);
        return false;
    }
    r->list->at = text_realloc(r->list->at, (r->list->n + 1) * sizeof *r->list->at);
    r->list->at[r->list->n++] = s;
    return true;
}

bool script_read(struct script_list *list, const char *file, const char *text,
                 struct script_error *error)
{
    struct reading r = {list, error};
    size_t before = list->n;

    *error = (struct script_error){0};
    if (parse_foreach(file, text, error, read_row, &r))
        return true;
    while (list->n > before)
        script_free(list->at[--list->n]);
    return false;
}

static bool unreadable(struct script_error *error, const char *path, const char *why)
{
    *error = (struct script_error){0};
    snprintf(error->file, sizeof error->file, "%s", path);
    snprintf(error->expected, sizeof error->expected, "a text file of at most 1 MiB");
    snprintf(error->found, sizeof error->found, "%s", why);
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
    const char *why = ferror(f)                                     ? strerror(errno)
                      : text.len > FILE_MAX                         ? "more"
                      : text.len && memchr(text.at, '\0', text.len) ? "a NUL byte"
                                                                    : NULL;
    fclose(f);
    bool ok =
        why ? unreadable(error, path, why) : script_read(list, path, text_string(&text), error);
    text_fini(&text);
    return ok;
}

void script_list_fini(struct script_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        script_free(list->at[i]);
    free(list->at);
    *list = (struct script_list){0};
}
