/* include.c - a file's text as lines, with the lines of other files in place of `include FILE`. */
#include "harness/script/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8
#define BYTES_MAX (1u << 20) /* of all files together, each counted as often as it is included */

/* A file that is being read, and who includes it. */
struct reading {
    const struct reading *outer;
    const char *name;
    unsigned depth;
};

struct including {
    struct arena *arena;
    struct parse_lines *lines;
    struct script_error *error;
    size_t bytes;
};

static bool add_text(struct including *in, const struct reading *file, const char *text);

static struct cursor cursor_of(const struct including *in, const char *name, unsigned number,
                               const char *line)
{
    return (struct cursor){name, number, line, 0, in->arena, in->error};
}

/* Regular files only: a pipe would be waited for. NULL and errno, or in the arena, of *len bytes.
 */
static char *read_file(struct including *in, const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    char *text = NULL;
    size_t have = 0;
    ssize_t got;

    if (fd < 0)
        return NULL;
    errno = EFBIG;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= BYTES_MAX) {
        text = arena_alloc(in->arena, (size_t)st.st_size + 1);
        while ((got = read(fd, text + have, (size_t)st.st_size - have)) > 0)
            have += (size_t)got;
    }
    close(fd);
    *len = have;
    return text;
}

/* Beside the file that includes it; never an absolute path, and only scripts. */
static char *path_of(struct including *in, const char *outer, const char *name)
{
    const char *slash = strrchr(outer, '/');
    struct text path = {0};

    text_add(&path, outer, slash ? (size_t)(slash - outer) + 1 : 0);
    text_adds(&path, name);
    char *copy = arena_copy(in->arena, path.at, path.len);
    text_fini(&path);
    return copy;
}

static bool is_script_name(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '/' && len > 5 && strcmp(name + len - 5, ".peer") == 0;
}

static bool include(struct including *in, const struct reading *outer, struct cursor *c)
{
    size_t at = (cursor_at_end(c), c->at);
    char *name = cursor_need(c, "the name of a file");

    if (!name || !cursor_end(c))
        return false;
    if (!is_script_name(name))
        return cursor_fail(c, at, "a file *.peer, its path relative to this file");
    struct reading file = {outer, path_of(in, outer->name, name), outer->depth + 1};
    for (const struct reading *r = outer; r; r = r->outer)
        if (strcmp(r->name, file.name) == 0)
            return cursor_fail(c, at, "a file that does not include this one");
    if (file.depth > DEPTH_MAX) /* also what a cycle under two names comes to */
        return cursor_fail(c, at, "at most %d files that include each other", DEPTH_MAX);
    size_t len = 0;
    char *text = read_file(in, file.name, &len);
    if (!text)
        return cursor_fail(c, at, "a readable file of at most 1 MiB (%s: %s)", file.name,
                           strerror(errno));
    return script_is_text(file.name, text, len, in->error) && add_text(in, &file, text);
}

static void add_line(struct including *in, const struct reading *file, char *line, unsigned number)
{
    struct parse_lines *l = in->lines;

    l->at = arena_grow(in->arena, l->at, l->n, sizeof *l->at);
    l->where = arena_grow(in->arena, l->where, l->n, sizeof *l->where);
    l->number = arena_grow(in->arena, l->number, l->n, sizeof *l->number);
    l->at[l->n] = line;
    l->where[l->n] = file->name;
    l->number[l->n++] = number;
}

static bool add_text(struct including *in, const struct reading *file, const char *text)
{
    bool at_top = true;
    size_t len;

    text = text_behind_mark(text);
    for (unsigned number = 1; *text; number++, text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        char *line = arena_copy(in->arena, text, len);
        bool blank = line[strspn(line, " \t\r")] == '\0';
        struct cursor c = cursor_of(in, file->name, number, line);
        cursor_strip(line);
        if ((in->bytes += len + 1) > BYTES_MAX)
            return cursor_fail(&c, 0, "at most 1 MiB in all files together");
        if (line[0] == '\0' && (!blank || at_top))
            continue;
        at_top = false;
        if (!cursor_take(&c, "include"))
            add_line(in, file, line, number);
        else if (!include(in, file, &c))
            return false;
    }
    return true;
}

bool parse_include(struct arena *arena, const char *file, const char *text,
                   struct parse_lines *lines, struct script_error *error)
{
    struct including in = {arena, lines, error, 0};
    struct reading top = {NULL, arena_copy(arena, file, strlen(file)), 1};

    return add_text(&in, &top, text);
}
