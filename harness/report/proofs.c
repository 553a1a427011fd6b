#include "harness/report/proofs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proof {
    const char *clause, *id;
};

static int compare(const void *left, const void *right)
{
    const struct proof *a = left, *b = right;
    int order = strcmp(a->clause, b->clause);

    return order ? order : strcmp(a->id, b->id);
}

static bool read_text(struct text *text, const char *path, struct text *why)
{
    FILE *f = fopen(path, "re");
    char bytes[4096];
    size_t n;

    if (!f) {
        text_addf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        text_add(text, bytes, n);
    if (ferror(f))
        text_addf(why, "%s: %s", path, strerror(errno));
    fclose(f);
    return why->len == 0;
}

bool proofs_read(struct proofs *proofs, const char *path, struct text *why)
{
    char *line, *rest, *word;
    unsigned n = 0;

    if (!read_text(&proofs->text, path, why))
        return false;
    rest = (char *)text_string(&proofs->text);
    while ((line = strsep(&rest, "\n"))) {
        n++;
        if (*line == '#' || *line == '\0')
            continue;
        struct proof proof = {.clause = strtok_r(line, " ", &word),
                              .id = strtok_r(NULL, " ", &word)};
        if (!proof.id || !strtok_r(NULL, " ", &word) || strtok_r(NULL, " ", &word)) {
            text_addf(why, "%s:%u: expected a clause, a case and a fault", path, n);
            return false;
        }
        proofs->at = text_realloc(proofs->at, (proofs->n + 1) * sizeof *proofs->at);
        proofs->at[proofs->n++] = proof;
    }
    if (proofs->n > 0)
        qsort(proofs->at, proofs->n, sizeof *proofs->at, compare);
    return true;
}

void proofs_fini(struct proofs *proofs)
{
    free(proofs->at);
    text_fini(&proofs->text);
    *proofs = (struct proofs){0};
}

bool proofs_have(const struct proofs *proofs, const char *clause, const char *id)
{
    struct proof wanted = {clause, id};

    return proofs->n > 0 &&
           bsearch(&wanted, proofs->at, proofs->n, sizeof *proofs->at, compare) != NULL;
}
