/* check.c - what is wrong with a script that can be read: found without playing it. */
#include "harness/script/check.h"

#include "impl/wire/clause.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((format(printf, 3, 0)))
tell(struct check *check, struct script_error *e, const char *format, va_list args)
{
    vsnprintf(e->expected, sizeof e->expected, format, args);
    if (!e->file[0])
        snprintf(e->file, sizeof e->file, "%s", check->script->file);
    check->found++;
    check->report(check->context, e);
}

static int by_address(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static bool was_told(struct check *check, const struct script_step *step)
{
    if (tfind(step, &check->wrong, by_address))
        return true;
    tsearch(step, &check->wrong, by_address);
    return false;
}

static void keep(void *step)
{
    (void)step; /* the script's */
}

/* As it stands; the step of a `background` has no line of its own. */
static void add_found(const struct script_step *step, struct script_error *e)
{
    struct text printed = {0};

    script_print_step(step, &printed);
    snprintf(e->found, sizeof e->found, "'%.70s'",
             step->text ? step->text + step->column - 1 : text_string(&printed));
    script_error_show(e, step->text ? step->text : "");
    text_fini(&printed);
}

void check_wrong_step(struct check *check, const struct script_step *step, const char *format, ...)
{
    struct script_error e = {.line = step->line, .column = step->column};
    va_list args;

    if (was_told(check, step))
        return;
    add_found(step, &e);
    snprintf(e.file, sizeof e.file, "%s", step->file);
    va_start(args, format);
    tell(check, &e, format, args);
    va_end(args);
}

void check_wrong(struct check *check, struct script_error *e, const char *expected)
{
    snprintf(e->expected, sizeof e->expected, "%s", expected);
    check->found++;
    check->report(check->context, e);
}

/* Where a word stands in the header; column 0 if it does not. */
static void place(const struct script *s, const char *word, struct script_error *e)
{
    size_t len = strlen(word);

    e->line = s->line;
    for (size_t i = 0; i < s->n_header; i++) {
        const char *line = s->header[i].text, *at = line;
        while ((at = strstr(at, word)) && (at == line || at[-1] != ' ' || !strchr(" \t", at[len])))
            at++;
        if (!at)
            continue;
        e->line = s->header[i].line;
        e->column = (unsigned)(at - line) + 1;
        script_error_show(e, line);
        return;
    }
}

static void __attribute__((format(printf, 4, 5)))
wrong_word(struct check *check, const char *word, const char *found, const char *format, ...)
{
    struct script_error e = {0};
    va_list args;

    place(check->script, word, &e);
    snprintf(e.found, sizeof e.found, "%.79s", found);
    va_start(args, format);
    tell(check, &e, format, args);
    va_end(args);
}

/* --- the header ------------------------------------------------------------------------------ */

static void check_needs(struct check *check)
{
    const struct script_words *words = &check->script->needs;
    struct text all = {0};
    enum script_need need;
    char found[80];

    for (int i = 0; i < SCRIPT_N_NEEDS; i++)
        text_addf(&all, " %s", script_need_word((enum script_need)i));
    for (size_t i = 0; i < words->n; i++) {
        if (script_need_find(words->at[i], &need) || script_need_is_option(words->at[i]))
            continue;
        snprintf(found, sizeof found, "'%.70s'", words->at[i]);
        wrong_word(check, words->at[i], found, "one of%s, or an option such as --dscp",
                   text_string(&all));
    }
    text_fini(&all);
}

static bool binds_the_judged(const struct check *check, const char *id)
{
    for (size_t k = 0; k < n_clauses; k++)
        if (clause_is_of(&clauses[k], id) &&
            (clause_binds(&clauses[k], !check->script->plays_server) ||
             strcmp(clauses[k].binds, "-") == 0)) /* a known defect, such as DEF-9 */
            return true;
    return false;
}

static void check_known(struct check *check)
{
    const struct script_words *words = &check->script->clauses;
    char found[80];

    for (size_t i = 0; i < words->n; i++) {
        snprintf(found, sizeof found, "'%.70s'", words->at[i]);
        if (!clause_find(words->at[i]))
            wrong_word(check, words->at[i], found, "a clause of docs/clauses.tsv");
    }
}

/* One at least says what is judged: the others may be about our side. */
static void check_judged(struct check *check)
{
    const struct script_words *words = &check->script->clauses;
    const char *other = NULL;
    bool is_judged = false;
    char found[80];

    for (size_t i = 0; i < words->n; i++) {
        if (binds_the_judged(check, words->at[i]))
            is_judged = true;
        else if (!other && clause_find(words->at[i]))
            other = words->at[i];
    }
    if (is_judged || !other)
        return;
    snprintf(found, sizeof found, "'%.70s'", other);
    wrong_word(check, other, found, "a clause that binds %s, whom the case judges",
               check->script->plays_server ? "clients" : "servers");
}

/* An id that begins with a role names the one that is judged. */
static void check_id(struct check *check)
{
    const char *id = check->script->id;
    const char *other = check->script->plays_server ? "server/" : "client/";
    char found[80];

    if (strncmp(id, other, strlen(other)) != 0)
        return;
    snprintf(found, sizeof found, "'%.70s'", id);
    wrong_word(check, id, found, "an id that begins with %s, whom the case judges",
               check->script->plays_server ? "client/" : "server/");
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool can_fail(const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        if (step->verb == SCRIPT_EXPECT || step->verb == SCRIPT_ADVANCE ||
            step->verb == SCRIPT_FINISH || step->verb == SCRIPT_DRAINED)
            return true;
        if (script_is_block(step->verb) && can_fail(&step->branches.at[0]))
            return true;
    }
    return false;
}

unsigned script_check(const struct script *script, script_report *report, void *context)
{
    struct check check = {.script = script, .report = report, .context = context};

    check_id(&check);
    check_known(&check);
    check_judged(&check);
    check_needs(&check);
    check_names(&check);
    check_run(&check);
    check_pairs(&check);
    check_effect(&check);
    check_streams(&check);
    check_time(&check);
    if (!can_fail(&script->steps))
        wrong_word(&check, script->id, script->steps.n ? "steps that cannot fail" : "no steps",
                   "an expect, advance or finish in the case");
    tdestroy(check.wrong, keep);
    return check.found;
}

unsigned script_check_clauses(const struct script *script, script_report *report, void *context)
{
    struct check check = {.script = script, .report = report, .context = context};

    check_known(&check);
    return check.found;
}

static int by_id(const void *a, const void *b)
{
    const struct script *const *x = a, *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

unsigned script_check_ids(const struct script_list *list, script_report *report, void *context)
{
    struct script **sorted = text_realloc(NULL, (list->n + 1) * sizeof *sorted);
    unsigned found = 0;
    char word[80];

    if (list->n > 0)
        memcpy(sorted, list->at, list->n * sizeof *sorted);
    qsort(sorted, list->n, sizeof *sorted, by_id);
    for (size_t i = 1; i < list->n; i++) {
        struct check check = {.script = sorted[i], .report = report, .context = context};
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) != 0)
            continue;
        snprintf(word, sizeof word, "'%.70s'", sorted[i]->id);
        wrong_word(&check, sorted[i]->id, word, "an id that %s:%u does not have",
                   sorted[i - 1]->file, sorted[i - 1]->line);
        found += check.found;
    }
    free(sorted);
    return found;
}
