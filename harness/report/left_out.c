#include "harness/report/left_out.h"

#include "impl/wire/bytes.h"
#include "impl/wire/clause.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* needs: what the registry must say that the clause needs; "": anything may be out of sight. */
static const struct {
    const char *word, *needs;
} reasons[] = {
    {"no-sctp", "sctp"},
    {"slow",    "slow"},
    {"unseen",  ""    }
};

static bool is_reason_for(const char *word, const char *name)
{
    const struct clause *clause = clause_find(name);

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (strcmp(reasons[i].word, word) == 0)
            return !*reasons[i].needs || (clause && strstr(clause->needs, reasons[i].needs));
    return false;
}

bool left_out_has(const struct left_out *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}

static void take_line(struct left_out *list, const char *line, unsigned *at_most, struct text *why)
{
    char name[LEFT_OUT_NAME_LEN], reason[32];
    bool has_limit = *at_most != UINT_MAX;

    if (sscanf(line, "at-most %u", at_most) == 1) {
        if (has_limit)
            text_adds(why, "a second `at-most`");
    } else if (sscanf(line, "%95s %31s", name, reason) != 2 || !is_reason_for(reason, name)) {
        text_adds(why, "expected a clause or cell, and unseen, or no-sctp or slow of a clause that "
                       "needs SCTP or is slow");
    } else if (left_out_has(list, name)) {
        text_addf(why, "%s is left out already", name);
    } else {
        list->names = text_realloc(list->names, (list->n + 1) * sizeof *list->names);
        strcpy(list->names[list->n++], name);
    }
}

bool left_out_read(struct left_out *list, const char *path, struct text *why)
{
    FILE *f = fopen(path, "re");
    unsigned n = 0, at_most = UINT_MAX;
    struct text wrong = {0};
    char line[512];

    if (!f) {
        text_addf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    while (wrong.len == 0 && fgets(line, sizeof line, f)) {
        n++;
        if (line[0] != '#' && line[0] != '\n')
            take_line(list, line, &at_most, &wrong);
    }
    fclose(f);
    if (wrong.len > 0)
        text_addf(why, "%s:%u: %s", path, n, text_string(&wrong));
    else if (at_most == UINT_MAX)
        text_addf(why, "%s: no line `at-most N`", path);
    else if (list->n > at_most)
        text_addf(why, "%s: %zu are left out, and `at-most` says %u: may only fall", path, list->n,
                  at_most);
    text_fini(&wrong);
    return why->len == 0;
}

void left_out_fini(struct left_out *list)
{
    free(list->names);
    *list = (struct left_out){0};
}
