/* vector.h - the recorded stock sessions of impl/tests/vectors/, for tests. */
#pragma once
#include "impl/tests/unit.h"

#include <glob.h>

#define VECTOR_RECORDS 64

enum vector_kind { VECTOR_BYTES, VECTOR_EOF, VECTOR_RESET };

struct vector_record {
    char from; /* 'C' or 'S' */
    enum vector_kind kind;
    uint8_t *bytes;
    size_t len;
};

struct vector {
    char name[128];
    char mode[64];
    int client_exit, server_exit;
    struct vector_record records[VECTOR_RECORDS];
    size_t n;
};

static inline unsigned vector_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static inline void vector_take_hex(struct vector_record *r, const char *hex)
{
    r->kind = VECTOR_BYTES;
    r->len = strspn(hex, "0123456789abcdef") / 2;
    r->bytes = malloc(r->len + 1);
    assert_non_null(r->bytes);
    for (size_t i = 0; i < r->len; i++)
        r->bytes[i] = (uint8_t)(vector_digit(hex[2 * i]) << 4 | vector_digit(hex[2 * i + 1]));
}

static inline void vector_take_line(struct vector *v, char *line)
{
    char from, *space = strchr(line, ' ');

    if (sscanf(line, "mode: %63s", v->mode) == 1 ||
        sscanf(line, "client-exit: %d", &v->client_exit) == 1 ||
        sscanf(line, "server-exit: %d", &v->server_exit) == 1 || line[0] == '#')
        return;
    if (space == NULL || sscanf(line, "%*f %c ", &from) != 1 || (from != 'C' && from != 'S') ||
        space[2] != ' ')
        return; /* another header line */
    assert_true(v->n < VECTOR_RECORDS);
    struct vector_record *r = &v->records[v->n++];
    *r = (struct vector_record){.from = from};
    if (strncmp(space + 3, "eof", 3) == 0)
        r->kind = VECTOR_EOF;
    else if (strncmp(space + 3, "reset", 5) == 0)
        r->kind = VECTOR_RESET;
    else
        vector_take_hex(r, space + 3);
}

static inline void vector_load(struct vector *v, const char *path)
{
    const char *base = strrchr(path, '/');
    char *line = NULL;
    size_t cap = 0;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        fail_msg("%s cannot be read", path);
    memset(v, 0, sizeof *v);
    snprintf(v->name, sizeof v->name, "%s", base + 1);
    while (getline(&line, &cap, file) > 0)
        vector_take_line(v, line);
    free(line);
    fclose(file);
}

static inline void vector_fini(struct vector *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->records[i].bytes);
    v->n = 0;
}

/* Call check for each recorded session; the number of them. */
static inline size_t vector_each(void (*check)(const struct vector *v))
{
    static struct vector v;
    glob_t found;

    if (glob("impl/tests/vectors/*.session", 0, NULL, &found) != 0)
        fail_msg("no recorded sessions: run from the root of the tree");
    size_t n = found.gl_pathc;
    for (size_t i = 0; i < n; i++) {
        vector_load(&v, found.gl_pathv[i]);
        check(&v);
        vector_fini(&v);
    }
    globfree(&found);
    return n;
}

/* Written by hand, not by a stock pair: the client's side breaks the rules on purpose. */
static inline bool vector_is_raw(const struct vector *v)
{
    return strncmp(v->mode, "bad-", 4) == 0 || strcmp(v->mode, "params-cut") == 0;
}

static inline bool vector_succeeded(const struct vector *v)
{
    return !vector_is_raw(v) && v->client_exit == 0 && strstr(v->mode, "terminate") == NULL;
}
