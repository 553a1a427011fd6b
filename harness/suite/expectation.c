/* expectation.c - files that name what certain builds are known to get wrong.
 *
 *   builds  +3.12@deb12u2 3.9           (the registry's notation of version sets; or `any`)
 *
 *   CASE-GLOB  VERDICT[:CAUSE][?]  CLAUSE  reason, to the end of the line
 *   CASE-GLOB  carried             CLAUSE  reason
 *
 * Rows speak about the builds of the last `builds` line, about any build if there is none. With ?
 * the build does that at times, and passes at others. `carried` says that the verdict depends on
 * earlier clients of the same process (--persistent). A line `builds` that names the build alone
 * goes before those that name others too; otherwise no two rows may say something of one glob. */
#include "harness/suite/suite.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_LEN 4096
#define LINES_MAX    100000
#define LIMITS       "at most 100000 lines of less than 4096 bytes"

struct reading {
    struct suite_expectations *list;
    const struct subject_build *build;
    const char *path;
    struct script_error *error;
    bool applies, is_own; /* the rows of this `builds` line: to the build; and to no other */
};

bool suite_set_holds(const char *set, const struct subject_build *build)
{
    return strcmp(set, "any") == 0 || strcmp(set, build->name) == 0 ||
           (build->has_version && clause_versions_hold(set, &build->version));
}

void suite_own_set(const struct subject_build *build, char *out, size_t cap)
{
    const struct clause_version *v = &build->version;
    char number[40];

    snprintf(number, sizeof number, v->patch ? "%u.%u.%u" : "%u.%u", v->major, v->minor, v->patch);
    if (!build->has_version)
        snprintf(out, cap, "%s", build->name[0] ? build->name : "any");
    else if (v->vendor[0])
        snprintf(out, cap, "+%s@%s", number, v->vendor);
    else
        snprintf(out, cap, "%s%s", number, v->dev ? "-dev" : "");
}

/* `any`, a set of versions, or the name of a program, which begins with a letter. */
static bool is_set(const char *set)
{
    return isalpha((unsigned char)*set) || clause_versions_valid(set);
}

/* `builds SET...` */
static bool read_builds(struct reading *r, struct cursor *c)
{
    char *set, own[80] = "";
    unsigned n = 0;

    r->applies = r->build == NULL;
    r->is_own = false;
    if (r->build)
        suite_own_set(r->build, own, sizeof own);
    if (cursor_at_end(c))
        return cursor_fail(c, SIZE_MAX, "version sets, or any");
    while ((set = cursor_word(c))) {
        if (!is_set(set))
            return cursor_fail(c, c->at - strlen(set),
                               "a set of versions such as 3.9, 3.1.4-3.17.1, 3.16+ or "
                               "+3.18@deb13u2; any; or a program's name");
        if (r->build && suite_set_holds(set, r->build))
            r->applies = true;
        r->is_own = n++ == 0 && strcmp(set, own) == 0;
    }
    return true;
}

/* The `]` of what stands behind a `[`, or NULL. */
static const char *class_end(const char *at)
{
    at += *at == '!' || *at == '^';
    at += *at == ']';
    for (; *at && *at != ']'; at++) {
        const char close[] = {at[1], ']', '\0'}, *end = NULL;
        if (*at == '[' && at[1] && strchr(":.=", at[1]))
            end = strstr(at + 2, close);
        if (end)
            at = end + 1;
        else if (*at == '\\' && at[1])
            at++;
    }
    return *at ? at : NULL;
}

/* fnmatch() takes any text, and one that ends too early for what it looks like. */
static bool read_glob(struct cursor *c, struct suite_expectation *e)
{
    size_t start = (cursor_at_end(c), c->at);

    e->glob = cursor_word(c);
    for (const char *at = e->glob; *at; at++) {
        const char *end = *at == '[' ? class_end(at + 1) : at + (*at == '\\');
        if (!end)
            return cursor_fail(c, start, "a glob in which each [ has its ]");
        if (!*end)
            return cursor_fail(c, start, "a glob that does not end with \\");
        at = end;
    }
    return true;
}

static bool read_verdict(struct cursor *c, struct suite_expectation *e)
{
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_need(c, "a verdict such as fail or fail:crash"),
         *cause = word ? strchr(word, ':') : NULL;
    int v = 0;

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
    e->cause = cause ? sim_cause_of_word(cause) : SIM_N_CAUSES;
    if (v == SUITE_N_VERDICTS || (cause && e->cause == SIM_N_CAUSES))
        return cursor_fail(c, at, "pass, warn, drift, fail, skip or error, and :CAUSE; or carried");
    e->verdict = (enum suite_verdict)v;
    return true;
}

static bool read_row(struct reading *r, struct cursor *c)
{
    struct suite_expectation e = {.file = r->path, .line = c->line, .is_own = r->is_own};

    if (!read_glob(c, &e) || !read_verdict(c, &e))
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

/* A mistake that is no word of a line. */
static bool fail(struct script_error *error, const char *path, unsigned line, const char *expected,
                 const char *found)
{
    *error = (struct script_error){.line = line};
    snprintf(error->file, sizeof error->file, "%s", path);
    snprintf(error->expected, sizeof error->expected, "%s", expected);
    snprintf(error->found, sizeof error->found, "%s", found);
    return false;
}

/* A file of zeros has a single line, and no end. */
static bool is_bounded(struct reading *r, const char *line, unsigned number, bool is_last)
{
    return (number <= LINES_MAX && (is_last || strchr(line, '\n'))) ||
           fail(r->error, r->path, number, LIMITS, "more");
}

static bool read_file(struct suite_expectations *list, const char *path,
                      const struct subject_build *build, struct script_error *error)
{
    struct reading r = {.list = list, .build = build, .error = error, .applies = true};
    FILE *f = fopen(path, "re");
    static char line[LINE_MAX_LEN];
    bool ok = true;

    if (!f)
        return fail(error, path, 0, "a readable file", strerror(errno));
    r.path = arena_copy(&list->arena, path, strlen(path));
    for (unsigned number = 1; ok && fgets(line, sizeof line, f); number++)
        ok = is_bounded(&r, line, number, feof(f)) &&
             read_line(&r, number == 1 ? (char *)text_behind_mark(line) : line, number);
    if (ok && ferror(f))
        ok = fail(error, path, 0, "a readable file", strerror(errno));
    fclose(f);
    return ok;
}

static int is_expect(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && strcmp(dot, ".expect") == 0;
}

static bool read_folder(struct suite_expectations *list, const char *dir,
                        const struct subject_build *build, struct script_error *error)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_expect, alphasort);
    bool ok = n > 0 ||
              fail(error, dir, 0, "a folder of *.expect files", n == 0 ? "none" : strerror(errno));

    for (int i = 0; i < n; i++) {
        struct text path = {0};
        text_addf(&path, "%s/%s", dir, entries[i]->d_name);
        ok = ok && read_file(list, text_string(&path), build, error);
        text_fini(&path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ok;
}

/* --- which row counts ------------------------------------------------------------------------ */

/* Rows of the same kind, the first one read first. */
static int by_kind(const void *a, const void *b)
{
    const struct suite_expectation *x = *(struct suite_expectation *const *)a,
                                   *y = *(struct suite_expectation *const *)b;
    int order = strcmp(x->glob, y->glob);

    order = order ? order : x->carried - y->carried;
    order = order ? order : x->is_own - y->is_own;
    return order ? order : (x > y) - (x < y);
}

static bool are_alike(const struct suite_expectation *a, const struct suite_expectation *b)
{
    return strcmp(a->glob, b->glob) == 0 && a->carried == b->carried && a->is_own == b->is_own;
}

/* No two rows that would be as close to a case. */
static bool have_no_twins(const struct suite_expectations *list, struct script_error *error)
{
    struct suite_expectation **rows = text_realloc(NULL, (list->n + 1) * sizeof *rows);
    const struct suite_expectation *first = NULL, *second = NULL;

    for (size_t i = 0; i < list->n; i++)
        rows[i] = &list->at[i];
    qsort(rows, list->n, sizeof *rows, by_kind);
    for (size_t i = 1; i < list->n; i++)
        if (are_alike(rows[i - 1], rows[i]) && (!second || rows[i] < second)) {
            first = rows[i - 1];
            second = rows[i];
        }
    free(rows);
    if (!second)
        return true;
    char expected[200], found[80];
    snprintf(expected, sizeof expected, "one row about a case or glob (%s:%u has it too)",
             first->file, first->line);
    snprintf(found, sizeof found, "'%.60s'", second->glob);
    return fail(error, second->file, second->line, expected, found);
}

bool suite_expectations_read(struct suite_expectations *list, const char *path,
                             const struct subject_build *build, struct script_error *error)
{
    struct stat is;
    bool is_folder = stat(path, &is) == 0 && S_ISDIR(is.st_mode);

    *error = (struct script_error){0};
    return (is_folder ? read_folder : read_file)(list, path, build, error) &&
           (!build || have_no_twins(list, error));
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
        struct suite_expectation *e = &list->at[i];
        size_t close = closeness(e, id);
        bool is_closer = close > most || (close == most && (!best || e->is_own >= best->is_own));
        if (e->carried != carried || !is_closer)
            continue;
        most = close;
        best = e;
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
