/* check.c - what is wrong with a script that can be read: found without playing it. */
#include "harness/script/script.h"

#include "impl/wire/clause.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 64

struct check {
    const struct script *script;
    script_report *report;
    void *context;
    unsigned found;
};

static void __attribute__((format(printf, 3, 0)))
tell(struct check *check, struct script_error *e, const char *format, va_list args)
{
    vsnprintf(e->expected, sizeof e->expected, format, args);
    if (!e->file[0])
        snprintf(e->file, sizeof e->file, "%s", check->script->file);
    check->found++;
    check->report(check->context, e);
}

/* A step that is wrong; the format says what would be right. */
static void __attribute__((format(printf, 3, 4)))
wrong_step(struct check *check, const struct script_step *step, const char *format, ...)
{
    struct script_error e = {.line = step->line, .column = step->column};
    struct text printed = {0};
    va_list args;

    script_print_step(step, &printed);
    snprintf(e.file, sizeof e.file, "%s", step->file);
    snprintf(e.found, sizeof e.found, "'%.70s'", text_string(&printed));
    snprintf(e.text, sizeof e.text, "%s", step->text ? step->text : "");
    va_start(args, format);
    tell(check, &e, format, args);
    va_end(args);
    text_fini(&printed);
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
        snprintf(e->text, sizeof e->text, "%s", line);
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

static void check_clauses(struct check *check)
{
    const struct script_words *words = &check->script->clauses;
    char found[80];

    for (size_t i = 0; i < words->n; i++) {
        if (clause_find(words->at[i]))
            continue;
        snprintf(found, sizeof found, "'%.70s'", words->at[i]);
        wrong_word(check, words->at[i], found, "a clause of docs/clauses.tsv");
    }
}

/* --- branches that overlap ------------------------------------------------------------------- */

/* Which ends of a connection, or of a stream, an event stands for. */
enum { FIN = 1, RST = 2 };
static unsigned ends(const struct script_event *e)
{
    switch (e->kind) {
    case SCRIPT_EV_END:
    case SCRIPT_EV_STREAM_END:
        return FIN | RST;
    case SCRIPT_EV_CLOSE:
    case SCRIPT_EV_STREAM_CLOSE:
        return FIN;
    case SCRIPT_EV_RESET:
    case SCRIPT_EV_DENIED:
    case SCRIPT_EV_STREAM_RESET:
        return RST;
    default:
        return 0;
    }
}

/* Whether one thing could happen that is both. Denied is ff as well, an error is fe as well. */
static bool overlap(const struct script_event *a, const struct script_event *b)
{
    if (a->stream != b->stream)
        return false;
    if (ends(a) & ends(b))
        return true;
    if (a->kind == SCRIPT_EV_STATE && b->kind == SCRIPT_EV_DENIED)
        return a->state == ACCESS_DENIED;
    if (a->kind == SCRIPT_EV_STATE && b->kind == SCRIPT_EV_ERROR)
        return a->state == SERVER_ERROR;
    if (a->kind != b->kind)
        return (b->kind == SCRIPT_EV_STATE && a->kind != SCRIPT_EV_STATE) ? overlap(b, a) : false;
    if (a->kind == SCRIPT_EV_STATE)
        return a->state == b->state;
    if (a->kind == SCRIPT_EV_ERROR)
        return (a->ierr == b->ierr || a->ierr == -1 || b->ierr == -1) &&
               (a->ints == b->ints || a->ints == -1 || b->ints == -1);
    return true;
}

static bool any_overlap(const struct script_step *a, const struct script_step *b)
{
    if (strcmp(a->who, b->who) != 0)
        return false;
    for (size_t i = 0; i < a->expect.events.n; i++)
        for (size_t k = 0; k < b->expect.events.n; k++)
            if (overlap(&a->expect.events.at[i], &b->expect.events.at[k]))
                return true;
    return false;
}

static void check_either(struct check *check, const struct script_step *either)
{
    for (size_t i = 0; i < either->branches.n; i++)
        for (size_t k = i + 1; k < either->branches.n; k++)
            if (any_overlap(&either->branches.at[i].at[0], &either->branches.at[k].at[0]))
                wrong_step(check, &either->branches.at[k].at[0],
                           "a branch that does not overlap with that of line %u",
                           either->branches.at[i].at[0].line);
}

/* --- what can still run ---------------------------------------------------------------------- */

/* What the steps so far leave of the connections. */
struct names {
    struct name {
        const char *name;
        const struct script_step *first; /* that spoke of it */
        unsigned over;  /* line since which nothing more can happen on it; 0: none */
        size_t over_in; /* so many branches of the `either` at hand */
        bool hold, used;
    } at[NAMES_MAX];
    size_t n;
};

/* NULL if there are too many to follow. */
static struct name *name_of(struct names *names, const struct script_step *step)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i].name, step->who) == 0)
            return &names->at[i];
    if (names->n == NAMES_MAX)
        return NULL;
    names->at[names->n] = (struct name){.name = step->who, .first = step};
    return &names->at[names->n++];
}

static bool is_about_a_connection(const struct script_step *step)
{
    switch (step->verb) {
    case SCRIPT_SUBJECT:
    case SCRIPT_IGNORE:
    case SCRIPT_STOP_IGNORING:
    case SCRIPT_PAUSE:
    case SCRIPT_BACKGROUND:
    case SCRIPT_STOP:
    case SCRIPT_EITHER:
    case SCRIPT_ANY_ORDER:
    case SCRIPT_REPEAT:
        return false;
    case SCRIPT_EXPECT:
        return step->expect.kind == SCRIPT_EXPECT_EVENT ||
               step->expect.kind == SCRIPT_EXPECT_NOTHING ||
               step->expect.kind == SCRIPT_EXPECT_REACTION;
    default:
        return true;
    }
}

/* Only settings: they matter if something else follows. */
static bool is_passive(const struct script_step *step)
{
    return step->verb == SCRIPT_PARAMS || step->verb == SCRIPT_WIRE || step->verb == SCRIPT_HOLD ||
           step->verb == SCRIPT_SPLIT;
}

/* Results may be asked about when the connection is over, and what its streams got. */
static bool looks_back(const struct script_step *step)
{
    if (step->verb != SCRIPT_EXPECT || step->expect.kind != SCRIPT_EXPECT_EVENT ||
        step->expect.events.n == 0)
        return false;
    const struct script_event *first = &step->expect.events.at[0];
    return first->kind == SCRIPT_EV_RESULTS || first->kind == SCRIPT_EV_PARAMS ||
           script_event_is_of_stream(first);
}

/* Behind `expect end` there is nothing, unless we hold our half. */
static bool is_last(const struct script_step *step)
{
    if (step->verb == SCRIPT_RESET || step->verb == SCRIPT_CLOSE)
        return step->stream == 0;
    if (step->verb == SCRIPT_FINISH)
        return true;
    if (step->verb != SCRIPT_EXPECT)
        return false;
    if (step->expect.kind == SCRIPT_EXPECT_NOTHING)
        return step->expect.for_ms < 0;
    for (size_t i = 0; i < step->expect.events.n; i++)
        if (!ends(&step->expect.events.at[i]) || step->expect.events.at[i].stream)
            return false;
    return step->expect.kind == SCRIPT_EXPECT_EVENT;
}

static void check_connection(struct check *check, const struct script_step *step,
                             struct names *names)
{
    struct name *name = name_of(names, step);

    if (!name)
        return;
    if (name->over && !looks_back(step) && step->verb != SCRIPT_OPEN)
        wrong_step(check, step, "nothing more on this connection, which is over since line %u",
                   name->over);
    name->used |= !is_passive(step);
    name->hold |= step->verb == SCRIPT_HOLD;
    if (step->verb == SCRIPT_OPEN)
        name->over = 0;
    else if (is_last(step) && !name->over && !(name->hold && step->verb == SCRIPT_EXPECT))
        name->over = step->line;
}

static void check_role(struct check *check, const struct script_step *step)
{
    const char *why = step->verb == SCRIPT_WIRE
                          ? script_wire_problem(&step->wire, check->script->plays_server)
                          : NULL;

    bool judges_client = check->script->plays_server;

    if (why)
        wrong_step(check, step, "another deviation: %s", why);
    if (step->verb != SCRIPT_EXPECT)
        return;
    if (step->expect.kind == SCRIPT_EXPECT_ALIVE && judges_client)
        wrong_step(check, step, "`plays client`: this asks for a server, but a client is judged");
    if (step->expect.kind == SCRIPT_EXPECT_FAILURE && !judges_client)
        wrong_step(check, step, "`plays server`: this asks for a client, but a server is judged");
}

static void check_steps(struct check *check, const struct script_steps *steps, struct names *names);

/* What a branch did to the connections. */
static void merge(struct names *all, const struct names *branch)
{
    for (size_t i = 0; i < branch->n; i++) {
        const struct name *from = &branch->at[i];
        struct name *to = name_of(all, from->first);
        if (!to)
            continue;
        to->used |= from->used;
        to->hold |= from->hold;
        to->over_in += from->over != 0;
        to->over = from->over;
    }
}

/* A connection is over behind `either` if it is in every branch. */
static void check_branches(struct check *check, const struct script_step *step, struct names *names)
{
    struct names before = *names;

    check_either(check, step);
    for (size_t i = 0; i < names->n; i++)
        names->at[i].over_in = 0;
    for (size_t k = 0; k < step->branches.n; k++) {
        struct names branch = before;
        check_steps(check, &step->branches.at[k], &branch);
        merge(names, &branch);
    }
    for (size_t i = 0; i < names->n; i++)
        if (names->at[i].over_in < step->branches.n)
            names->at[i].over = 0;
}

static void check_steps(struct check *check, const struct script_steps *steps, struct names *names)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        check_role(check, step);
        if (is_about_a_connection(step))
            check_connection(check, step, names);
        if (step->verb == SCRIPT_EXPECT && step->expect.kind == SCRIPT_EXPECT_ALIVE &&
            !step->expect.meanwhile)
            for (size_t k = 0; k < names->n; k++)
                names->at[k].over = names->at[k].over ? names->at[k].over : step->line;
        if (step->verb == SCRIPT_EITHER)
            check_branches(check, step, names);
        else if (script_is_block(step->verb))
            check_steps(check, &step->branches.at[0], names);
    }
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
    struct check check = {script, report, context, 0};
    struct names names = {0};

    check_clauses(&check);
    check_needs(&check);
    check_steps(&check, &script->steps, &names);
    for (size_t i = 0; i < names.n; i++)
        if (!names.at[i].used)
            wrong_step(&check, names.at[i].first, "a step that uses the connection");
    if (!can_fail(&script->steps))
        wrong_word(&check, script->id, script->steps.n ? "steps that cannot fail" : "no steps",
                   "an expect, advance or finish in the case");
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
        struct check check = {sorted[i], report, context, 0};
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
