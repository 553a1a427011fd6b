/* check.c - what is wrong with a script that can be read: found without playing it. */
#include "harness/script/script.h"

#include "impl/wire/clause.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <string.h>

struct check {
    const struct script *script;
    script_report *report;
    void *context;
    unsigned found;
};

static void __attribute__((format(printf, 3, 4)))
problem(struct check *check, unsigned line, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    check->found++;
    check->report(check->context, check->script, line, text);
}

static void check_header(struct check *check)
{
    const struct script *s = check->script;
    enum script_need need;

    for (size_t i = 0; i < s->clauses.n; i++)
        if (!clause_find(s->clauses.at[i]))
            problem(check, s->line, "unknown clause %s", s->clauses.at[i]);
    for (size_t i = 0; i < s->needs.n; i++)
        if (!script_need_find(s->needs.at[i], &need))
            problem(check, s->line, "unknown need '%s'", s->needs.at[i]);
    if (s->steps.n == 0)
        problem(check, s->line, "the case has no steps");
}

/* Which ends of a connection an event stands for. */
enum { FIN = 1, RST = 2 };
static unsigned ends(const struct script_event *e)
{
    switch (e->kind) {
    case SCRIPT_EV_END:
        return FIN | RST;
    case SCRIPT_EV_CLOSE:
        return FIN;
    case SCRIPT_EV_RESET:
    case SCRIPT_EV_DENIED:
        return RST;
    default:
        return 0;
    }
}

/* Whether one thing could happen that is both. Denied is ff as well, an error is fe as well. */
static bool overlap(const struct script_event *a, const struct script_event *b)
{
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
        return a->ierr == b->ierr || a->ierr == -1 || b->ierr == -1;
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
                problem(check, either->branches.at[k].at[0].line,
                        "overlaps with the branch in line %u: one event would be both",
                        either->branches.at[i].at[0].line);
}

/* Which connections can still do something. */
struct names {
    struct {
        const char *name;
        bool over;
    } at[32];
    size_t n;
};

static bool *over_of(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i].name, name) == 0)
            return &names->at[i].over;
    if (names->n == ARRAY_LEN(names->at))
        return &names->at[0].over;
    names->at[names->n].name = name;
    names->at[names->n].over = false;
    return &names->at[names->n++].over;
}

static bool is_about_a_connection(const struct script_step *step)
{
    return step->verb != SCRIPT_SUBJECT &&
           (step->verb != SCRIPT_EXPECT || step->expect.kind == SCRIPT_EXPECT_EVENT ||
            step->expect.kind == SCRIPT_EXPECT_NOTHING);
}

/* Results may be asked about when the connection is over. */
static bool looks_back(const struct script_step *step)
{
    return step->verb == SCRIPT_EXPECT && step->expect.kind == SCRIPT_EXPECT_EVENT &&
           step->expect.events.n > 0 &&
           (step->expect.events.at[0].kind == SCRIPT_EV_RESULTS ||
            step->expect.events.at[0].kind == SCRIPT_EV_PARAMS);
}

static void check_role(struct check *check, const struct script_step *step)
{
    const char *why = step->verb == SCRIPT_WIRE
                          ? script_wire_problem(&step->wire, check->script->plays_server)
                          : NULL;

    if (why)
        problem(check, step->line, "%s", why);
    if (step->verb != SCRIPT_EXPECT)
        return;
    if (step->expect.kind == SCRIPT_EXPECT_ALIVE && check->script->plays_server)
        problem(check, step->line, "'expect alive' asks for a server, but a client is judged");
    if ((step->expect.kind == SCRIPT_EXPECT_OUTPUT || step->expect.kind == SCRIPT_EXPECT_FAILURE) &&
        !check->script->plays_server)
        problem(check, step->line, "this asks for a client, but a server is judged");
}

static void check_steps(struct check *check, const struct script_steps *steps, struct names *names)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        check_role(check, step);
        if (is_about_a_connection(step)) {
            bool *over = over_of(names, step->who);
            if (*over && !looks_back(step) && step->verb != SCRIPT_OPEN)
                problem(check, step->line, "can never run: this connection is over before it");
            if (step->verb == SCRIPT_OPEN)
                *over = false;
            if (step->verb == SCRIPT_RESET || step->verb == SCRIPT_CLOSE)
                *over = *over || step->stream == 0;
        }
        if (step->verb == SCRIPT_EXPECT && step->expect.kind == SCRIPT_EXPECT_ALIVE &&
            !step->expect.meanwhile)
            for (size_t k = 0; k < names->n; k++)
                names->at[k].over = true;
        if (step->verb == SCRIPT_EITHER) {
            check_either(check, step);
            for (size_t k = 0; k < step->branches.n; k++) {
                struct names copy = *names;
                check_steps(check, &step->branches.at[k], &copy);
            }
        }
    }
}

unsigned script_check(const struct script *script, script_report *report, void *context)
{
    struct check check = {script, report, context, 0};
    struct names names = {0};

    check_header(&check);
    check_steps(&check, &script->steps, &names);
    return check.found;
}
