/* choice.c - what narrows a list of cases: ids, clauses, levels, tags, an earlier report, a shard.
 */
#include "harness/cli/cli.h"
#include "harness/session/arena.h"

#include "harness/report/kept.h"
#include "harness/suite/suite.h"
#include "impl/wire/clause.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_SHARDS 9999

static bool add_word(struct cli_words *words, const char *word)
{
    static struct arena memory; /* of a command line, which is there as long as the process */

    words->at = arena_grow(&memory, words->at, words->n, sizeof *words->at);
    words->at[words->n++] = word;
    return true;
}

static bool take_level(struct cli_choice *choice, const char *word)
{
    for (int level = CLAUSE_MUST; level <= CLAUSE_INFO; level++)
        if (strcasecmp(clause_level_name((enum clause_level)level), word) == 0) {
            choice->levels |= 1u << level;
            return true;
        }
    return false;
}

/* "2/4" */
static bool take_shard(struct cli_choice *choice, const char *text)
{
    const char *slash = strchr(text, '/');
    char first[8] = "";
    uint64_t i, n;

    if (!slash || slash - text >= (ptrdiff_t)sizeof first)
        return false;
    memcpy(first, text, (size_t)(slash - text));
    if (!cli_count(first, MAX_SHARDS, &i) || !cli_count(slash + 1, MAX_SHARDS, &n) || i > n)
        return false;
    choice->shard = (unsigned)i;
    choice->n_shards = (unsigned)n;
    return true;
}

bool cli_choice_option(struct cli_choice *choice, int option, const char *value)
{
    switch (option) {
    case 'c':
        return add_word(&choice->ids, value);
    case 'C':
        return add_word(&choice->clauses, value);
    case 'T':
        return add_word(&choice->tags, value);
    case 'W':
        return add_word(&choice->without, value);
    case 'N':
        return add_word(&choice->needs, value);
    case 'r':
        choice->only_server = strcmp(value, "server") == 0;
        choice->only_client = strcmp(value, "client") == 0;
        return choice->only_server || choice->only_client;
    case 'L':
        return take_level(choice, value);
    case 'F':
        return add_word(&choice->failed_in, value);
    case 'S':
        return take_shard(choice, value);
    case 'd':
        return add_word(&choice->cases, value);
    default:
        return false;
    }
}

/* Whether one of the words stands in the case's header; no word asks for nothing. */
static bool names_one(const struct cli_words *words, const struct script_words *header)
{
    for (size_t i = 0; i < words->n; i++)
        for (size_t k = 0; k < header->n; k++)
            if (strcmp(words->at[i], header->at[k]) == 0)
                return true;
    return words->n == 0;
}

static bool fits_id(const char *id, const struct script *s)
{
    return strcmp(id, s->id) == 0 || (strpbrk(id, "*?[") && fnmatch(id, s->id, 0) == 0);
}

static bool fits_clause(const char *id, const struct script *s)
{
    return names_one(&(struct cli_words){&id, 1}, &s->clauses);
}

static bool fits_tag(const char *tag, const struct script *s)
{
    return names_one(&(struct cli_words){&tag, 1}, &s->tags);
}

static bool fits_need(const char *need, const struct script *s)
{
    return names_one(&(struct cli_words){&need, 1}, &s->needs);
}

static bool fits_one(bool (*fits)(const char *, const struct script *), const char *word,
                     const struct script_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (fits(word, list->at[i]))
            return true;
    return false;
}

/* A misspelt one must not leave the others to look as if it had been played. */
static bool has_dead_word(const struct cli_choice *choice, const struct script_list *list)
{
    const struct {
        const struct cli_words *words;
        bool (*fits)(const char *, const struct script *);
        const char *option, *what;
    } rows[] = {
        {&choice->ids,     fits_id,     "--case",   "has such an id"},
        {&choice->clauses, fits_clause, "--clause", "names it"      },
        {&choice->tags,    fits_tag,    "--tag",    "has it"        },
        {&choice->needs,   fits_need,   "--needs",  "has it"        },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < rows[i].words->n; k++)
            if (!fits_one(rows[i].fits, rows[i].words->at[k], list)) {
                fprintf(stderr, "iperfspec: %s %s: no case %s\n", rows[i].option,
                        rows[i].words->at[k], rows[i].what);
                return true;
            }
    return false;
}

static bool fits_any_id(const struct cli_words *ids, const struct script *s)
{
    for (size_t i = 0; i < ids->n; i++)
        if (fits_id(ids->at[i], s))
            return true;
    return ids->n == 0;
}

static bool has_level(unsigned levels, const struct script *s)
{
    for (size_t i = 0; i < s->clauses.n && levels; i++) {
        const struct clause *clause = clause_find(s->clauses.at[i]);
        if (clause && (levels >> clause->level & 1))
            return true;
    }
    return levels == 0;
}

static bool is_chosen(const struct cli_choice *choice, const struct script *s)
{
    return fits_any_id(&choice->ids, s) && names_one(&choice->clauses, &s->clauses) &&
           has_level(choice->levels, s) && names_one(&choice->tags, &s->tags) &&
           (choice->without.n == 0 || !names_one(&choice->without, &s->tags)) &&
           names_one(&choice->needs, &s->needs) && !(choice->only_server && s->plays_server) &&
           !(choice->only_client && !s->plays_server);
}

/* As the ids stand on the command line; those of one glob as they stood. */
static void put_in_order(const struct cli_choice *choice, struct script_list *list)
{
    struct script **sorted = text_realloc(NULL, (list->n + 1) * sizeof *sorted);
    size_t n = 0;

    for (size_t k = 0; k < choice->ids.n; k++)
        for (size_t i = 0; i < list->n; i++)
            if (list->at[i] && fits_id(choice->ids.at[k], list->at[i])) {
                sorted[n++] = list->at[i];
                list->at[i] = NULL;
            }
    free(choice->ids.n ? list->at : sorted);
    list->at = choice->ids.n ? sorted : list->at;
}

/* Ids of the cases that count against the build in a report, or in several that were merged. */
struct failed {
    char **ids;
    size_t n;
};

static void note_failed(struct failed *failed, const struct kept_run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        if (run->results[i].standing < SUITE_UNEXPECTED)
            continue;
        failed->ids = text_realloc(failed->ids, (failed->n + 1) * sizeof *failed->ids);
        failed->ids[failed->n++] = text_dup(run->results[i].id);
    }
}

static bool read_failed(struct failed *failed, const char *path)
{
    struct text why = {0};
    struct kept kept = {0};
    bool ok = kept_read(&kept, path, &why);

    if (!ok)
        fprintf(stderr, "iperfspec: --failed-in %s\n", text_string(&why));
    for (size_t i = 0; ok && i < kept.n; i++)
        note_failed(failed, &kept.runs[i]);
    kept_fini(&kept);
    text_fini(&why);
    return ok;
}

static bool has_failed(const struct failed *failed, const struct script *s)
{
    for (size_t i = 0; i < failed->n; i++)
        if (strcmp(failed->ids[i], s->id) == 0)
            return true;
    return false;
}

/* Whether a case stays in the list. */
typedef bool keeps(const void *context, const struct script *s);

static bool is_wanted(const void *context, const struct script *s)
{
    return is_chosen(context, s);
}

static bool is_again(const void *context, const struct script *s)
{
    return has_failed(context, s);
}

/* By its id alone: a case stays in its shard whatever other cases there are (FNV-1a, 64 bit, and
 * the last step of splitmix64, since ids differ in their ends). */
static bool is_in_shard(const void *context, const struct script *s)
{
    const struct cli_choice *choice = context;
    uint64_t hash = 0xcbf29ce484222325u;

    for (const char *at = s->id; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    hash ^= hash >> 31;
    return choice->n_shards == 0 || hash % choice->n_shards == choice->shard - 1;
}

/* What does not stay goes to rest, or away if that is NULL. */
static void narrow(struct script_list *list, keeps *stays, const void *context,
                   struct script_list *rest)
{
    struct script_list others = {0}, kept = {0};

    others.at = text_realloc(NULL, (list->n + 1) * sizeof *others.at);
    kept.at = text_realloc(NULL, (list->n + 1) * sizeof *kept.at);
    for (size_t i = 0; i < list->n; i++) {
        struct script_list *to = stays(context, list->at[i]) ? &kept : &others;
        to->at[to->n++] = list->at[i];
    }
    free(list->at);
    kept.arena = list->arena; /* the others' scripts live there, too */
    *list = kept;
    if (rest)
        *rest = others;
    else
        script_list_fini(&others);
}

/* Whether each case that failed in one of the reports is in the list of all there are: one that is
 * not cannot be repeated, and must not look as if it had been. */
static int find_failed(const struct cli_choice *choice, const struct script_list *list,
                       struct failed *failed)
{
    const char *first = NULL;
    struct text id = {0}; /* as a report of somebody's has it */
    size_t n_unknown = 0;

    for (size_t i = 0; i < choice->failed_in.n; i++)
        if (!read_failed(failed, choice->failed_in.at[i]))
            return CLI_TROUBLE;
    for (size_t i = 0; i < failed->n; i++) {
        size_t k = 0;
        while (k < list->n && strcmp(failed->ids[i], list->at[k]->id) != 0)
            k++;
        if (k < list->n)
            continue;
        first = first ? first : failed->ids[i];
        n_unknown++;
    }
    if (n_unknown == 0)
        return CLI_OK;
    text_adds(&id, first);
    text_make_plain(&id);
    fprintf(stderr, "iperfspec: --failed-in: no case has the id %s, which failed there",
            text_string(&id));
    text_fini(&id);
    if (n_unknown > 1)
        fprintf(stderr, ", nor those of %zu more", n_unknown - 1);
    fputs(choice->cases.n ? "\n" : "; the cases of a file or folder want --cases\n", stderr);
    return CLI_USAGE;
}

/* Only those. */
static void narrow_to_failed(const struct cli_choice *choice, const struct failed *failed,
                             struct script_list *list)
{
    bool any = list->n > 0;

    if (choice->failed_in.n == 0)
        return;
    narrow(list, is_again, failed, NULL);
    if (any && list->n == 0) /* which keeps a pipeline green, and is told */
        fputs("iperfspec: --failed-in: none of these cases failed there, nothing to repeat\n",
              stderr);
}

static void failed_fini(struct failed *failed)
{
    for (size_t i = 0; i < failed->n; i++)
        free(failed->ids[i]);
    free(failed->ids);
}

static bool has_file(const struct cli_words *paths)
{
    struct stat st;

    for (size_t i = 0; i < paths->n; i++)
        if (stat(paths->at[i], &st) == 0 && S_ISREG(st.st_mode))
            return true;
    return false;
}

int cli_find(const struct cli_choice *choice, struct script_list *list,
             struct script_list *elsewhere, bool *is_whole)
{
    char own[1200];
    const char *alone = own;
    struct cli_words paths = choice->cases.n ? choice->cases : (struct cli_words){&alone, 1};
    struct text why = {0};

    if (choice->cases.n == 0 && !suite_default_cases(own, sizeof own)) {
        fputs("iperfspec: no folder of cases beside this program; name one with --cases\n", stderr);
        return CLI_TROUBLE;
    }
    if (suite_find(list, paths.at, paths.n, &why) > 0) {
        fprintf(stderr, "%s", text_string(&why));
        text_fini(&why);
        return CLI_USAGE;
    }
    size_t all = list->n;
    if (has_dead_word(choice, list))
        return CLI_USAGE;
    struct failed failed = {0};
    int status = find_failed(choice, list, &failed);
    narrow(list, is_wanted, choice, NULL);
    bool any = list->n > 0;
    if (status == CLI_OK)
        narrow_to_failed(choice, &failed, list);
    failed_fini(&failed);
    if (status != CLI_OK)
        return status;
    if (choice->in_order)
        put_in_order(choice, list);
    *is_whole = list->n == all && !has_file(&choice->cases);
    narrow(list, is_in_shard, choice, elsewhere);
    if (any) /* nothing failed in a report, or falls to this shard: that is no mistake */
        return CLI_OK;
    fputs("iperfspec: no case fits the choice\n", stderr);
    return CLI_USAGE;
}
