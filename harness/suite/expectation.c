/* expectation.c - files that name what certain builds are known to get wrong.
 *
 *   builds  +3.12@deb12u2 3.9           (the registry's notation of version sets; or `any`)
 *
 *   CASE-GLOB  VERDICT[:CAUSE][?]  CLAUSE  reason, to the end of the line
 *   CASE-GLOB  carried             CLAUSE  reason
 *
 * Rows speak about the builds of the last `builds` line, about any build if there is none. With ?
 * the build does that at times, and passes at others. `carried` says that the verdict depends on
 * earlier clients of the same process (--persistent). */
#include "harness/suite/suite.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 4096
#define LINES_MAX    100000

struct reading {
    struct suite_expectations *list;
    const struct subject_build *build;
    const char *path;
    struct script_error *error;
    bool applies;
};

bool suite_set_holds(const char *set, const struct subject_build *build)
{
    return strcmp(set, "any") == 0 || strcmp(set, build->name) == 0 ||
           (build->has_version && clause_versions_hold(set, &build->version));
}

/* `any`, a set of versions, or the name of a program, which begins with a letter. */
static bool is_set(const char *set)
{
    return isalpha((unsigned char)*set) || clause_versions_valid(set);
}

/* `builds SET...` */
static bool read_builds(struct reading *r, struct cursor *c)
{
    char *set;

    r->applies = r->build == NULL;
    if (cursor_at_end(c))
        return cursor_fail(c, SIZE_MAX, "version sets, or any");
    while ((set = cursor_word(c))) {
        if (!is_set(set))
            return cursor_fail(c, c->at - strlen(set),
                               "a set of versions such as 3.9, 3.1.4-3.17.1, 3.16+ or "
                               "+3.18@deb13u2; any; or a program's name");
        if (r->build && suite_set_holds(set, r->build))
            r->applies = true;
    }
    return true;
}

static bool read_verdict(struct cursor *c, struct suite_expectation *e)
{
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_need(c, "a verdict such as fail or fail:crash"),
         *cause = word ? strchr(word, ':') : NULL;
    int v = 0, k = 0;

    if (!word)
        return false;
    e->carried = strcmp(word, "carried") == 0;
    if (e->carried)
        return true;
    e->at_times = word[strlen(word) - 1] == '?';
    if (e->at_times)
        word[strlen(word) - 1] = '\0';
    if (cause)
        *cause++ = '\0';
    while (v < SUITE_N_VERDICTS && strcmp(word, suite_verdict_word((enum suite_verdict)v)) != 0)
        v++;
    while (cause && k < SIM_N_CAUSES && strcmp(cause, sim_cause_word((enum sim_cause)k)) != 0)
        k++;
    if (v == SUITE_N_VERDICTS || (cause && k == SIM_N_CAUSES))
        return cursor_fail(c, at, "pass, warn, drift, fail, skip or error, and :CAUSE; or carried");
    e->verdict = (enum suite_verdict)v;
    e->cause = cause ? (enum sim_cause)k : SIM_N_CAUSES;
    return true;
}

static bool read_row(struct reading *r, struct cursor *c)
{
    struct suite_expectation e = {.file = r->path, .line = c->line};

    e.glob = cursor_word(c);
    if (!read_verdict(c, &e))
        return false;
    size_t at = (cursor_at_end(c), c->at);
    e.clause = cursor_need(c, "the clause");
    if (!e.clause)
        return false;
    if (!clause_find(e.clause) && strncmp(e.clause, "DEF-", 4) != 0)
        return cursor_fail(c, at, "a clause of the registry, or a defect DEF-n");
    if (cursor_at_end(c))
        return cursor_fail(c, SIZE_MAX, "the reason");
    e.reason = arena_copy(c->arena, c->text + c->at, strlen(c->text + c->at));
    if (!r->applies)
        return true;
    r->list->at = text_realloc(r->list->at, (r->list->n + 1) * sizeof *r->list->at);
    r->list->at[r->list->n++] = e;
    return true;
}

static bool read_line(struct reading *r, char *line, unsigned number)
{
    struct cursor c = {r->path, number, line, 0, &r->list->arena, r->error};

    cursor_strip(line);
    if (*line == '\0')
        return true;
    return cursor_take(&c, "builds") ? read_builds(r, &c) : read_row(r, &c);
}

/* A file of zeros has a single line, and no end. */
static bool is_bounded(struct reading *r, const char *line, unsigned number, bool is_last)
{
    if (number <= LINES_MAX && (is_last || strchr(line, '\n')))
        return true;
    *r->error = (struct script_error){.line = number};
    snprintf(r->error->file, sizeof r->error->file, "%s", r->path);
    snprintf(r->error->expected, sizeof r->error->expected,
             "at most %d lines of less than %d bytes", LINES_MAX, LINE_MAX_LEN);
    snprintf(r->error->found, sizeof r->error->found, "more");
    return false;
}

bool suite_expectations_read(struct suite_expectations *list, const char *path,
                             const struct subject_build *build, struct script_error *error)
{
    struct reading r = {list, build, arena_copy(&list->arena, path, strlen(path)), error, true};
    FILE *f = fopen(path, "re");
    static char line[LINE_MAX_LEN];
    bool ok = f != NULL;

    *error = (struct script_error){0};
    if (!f) {
        snprintf(error->file, sizeof error->file, "%s", path);
        snprintf(error->expected, sizeof error->expected, "a readable file");
        snprintf(error->found, sizeof error->found, "%s", strerror(errno));
        return false;
    }
    for (unsigned number = 1; ok && fgets(line, sizeof line, f); number++)
        ok = is_bounded(&r, line, number, feof(f)) && read_line(&r, line, number);
    fclose(f);
    return ok;
}

static int is_expect(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && strcmp(dot, ".expect") == 0;
}

bool suite_expectations_for(struct suite_expectations *list, const char *dir,
                            const struct subject_build *build, struct script_error *error)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_expect, alphasort);
    bool ok = true;

    for (int i = 0; i < n; i++) {
        char path[1300];
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        ok = ok && suite_expectations_read(list, path, build, error);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ok;
}

/* How close an entry is to the case: 0 not at all, the id itself above every glob. */
static size_t closeness(const struct suite_expectation *e, const char *id)
{
    if (strcmp(e->glob, id) == 0)
        return SIZE_MAX;
    return fnmatch(e->glob, id, 0) == 0 ? strlen(e->glob) : 0;
}

static struct suite_expectation *closest(const struct suite_expectations *list, const char *id,
                                         bool carried)
{
    struct suite_expectation *best = NULL;
    size_t most = 1;

    for (size_t i = 0; i < list->n; i++) {
        size_t close = closeness(&list->at[i], id);
        if (close < most || list->at[i].carried != carried)
            continue;
        most = close;
        best = &list->at[i];
    }
    return best;
}

struct suite_expectation *suite_expectations_find(const struct suite_expectations *list,
                                                  const char *id)
{
    return closest(list, id, false);
}

struct suite_expectation *suite_expectations_find_carried(const struct suite_expectations *list,
                                                          const char *id)
{
    return closest(list, id, true);
}

void suite_expectations_mark(struct suite_expectations *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++)
        list->at[i].matched += closeness(&list->at[i], id) > 0;
}

void suite_expectations_fini(struct suite_expectations *list)
{
    free(list->at);
    arena_fini(&list->arena);
    *list = (struct suite_expectations){0};
}
