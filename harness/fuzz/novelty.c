#include "harness/fuzz/novelty.h"

#include "impl/wire/bytes.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u
#define LINES_MAX 64  /* of what one session printed */
#define LINE_MAX_ 200 /* characters of one */

static uint64_t hash(uint64_t from, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        from = (from ^ (uint8_t)at[i]) * FNV_PRIME;
    return from ? from : 1;
}

/* --- the set --------------------------------------------------------------------------------- */

static bool put(struct novelty *n, uint64_t feature)
{
    size_t at = (size_t)feature & (n->cap - 1);

    while (n->set[at] && n->set[at] != feature)
        at = (at + 1) & (n->cap - 1);
    if (n->set[at])
        return false;
    n->set[at] = feature;
    n->n++;
    return true;
}

static void grow(struct novelty *n)
{
    struct novelty old = *n;

    n->cap = old.cap ? 2 * old.cap : 1024;
    n->n = 0;
    n->set = text_realloc(NULL, n->cap * sizeof *n->set);
    memset(n->set, 0, n->cap * sizeof *n->set);
    for (size_t i = 0; i < old.cap; i++)
        if (old.set[i])
            put(n, old.set[i]);
    free(old.set);
}

/* kind: what people see in the file. */
static bool add(struct novelty *n, char kind, uint64_t feature)
{
    if (2 * n->n >= n->cap)
        grow(n);
    if (!put(n, feature))
        return false;
    n->n_reactions += kind == 'r';
    n->n_states += kind == 's';
    n->n_edges += kind == 'e';
    if (n->file)
        fprintf(n->file, "%c %016" PRIx64 "\n", kind, feature);
    return true;
}

bool novelty_open(struct novelty *n, const char *path)
{
    FILE *file = path ? fopen(path, "a+e") : NULL;
    uint64_t feature;
    char kind;

    *n = (struct novelty){.set = NULL};
    grow(n);
    if (path && !file)
        return false;
    while (file && fscanf(file, " %c %" SCNx64, &kind, &feature) == 2)
        add(n, kind, feature);
    n->file = file;
    return true;
}

void novelty_close(struct novelty *n)
{
    if (n->file)
        fclose(n->file);
    free(n->set);
    *n = (struct novelty){.set = NULL};
}

/* --- features -------------------------------------------------------------------------------- */

static unsigned take_reactions(struct novelty *n, const char *at)
{
    uint64_t last = 0, both[2];
    unsigned fresh = 0;

    while (*at) {
        size_t len = strcspn(at, "\n");
        uint64_t one = hash(FNV_BASIS, at, len);
        add(n, 's', hash(FNV_BASIS, at, strcspn(at, " \n")));
        both[0] = last;
        both[1] = one;
        fresh += add(n, 'r', one);
        fresh += last && add(n, 'p', hash(FNV_BASIS, (const char *)both, sizeof both));
        last = one;
        at += len + (at[len] != '\0');
    }
    return fresh;
}

/* Numbers differ from run to run. */
static unsigned take_words(struct novelty *n, const char *at)
{
    unsigned fresh = 0;

    for (int lines = 0; *at && lines < LINES_MAX; lines++) {
        size_t len = strcspn(at, "\n"), kept = 0;
        char line[LINE_MAX_];
        for (size_t i = 0; i < len && kept < sizeof line; i++)
            if (!isdigit((unsigned char)at[i]))
                line[kept++] = at[i];
        fresh += add(n, 'w', hash(FNV_BASIS, line, kept));
        at += len + (at[len] != '\0');
    }
    return fresh;
}

unsigned novelty_take(struct novelty *n, const struct text *reactions, const struct text *said)
{
    unsigned fresh = take_reactions(n, text_string(reactions)) + take_words(n, text_string(said));

    if (fresh && n->file)
        fflush(n->file);
    return fresh;
}

unsigned novelty_take_edges(struct novelty *n, const struct text *edges)
{
    unsigned fresh = 0;
    uint32_t feature;

    for (size_t at = 0; at + sizeof feature <= edges->len; at += sizeof feature) {
        memcpy(&feature, edges->at + at, sizeof feature);
        uint32_t edge = feature / 8;
        fresh += add(n, 'e', hash(FNV_BASIS + 1, (const char *)&edge, sizeof edge));
        fresh += add(n, 'n', hash(FNV_BASIS + 2, (const char *)&feature, sizeof feature));
    }
    if (fresh && n->file)
        fflush(n->file);
    return fresh;
}
