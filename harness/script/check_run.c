/* check_run.c - what a script leaves of its connections: steps that can never run, or do nothing.
 */
#include "harness/script/check.h"

#include "impl/wire/state.h"

#include <string.h>

#define NAMES_MAX 64

/* What the steps so far leave of the connections. */
struct names {
    struct name {
        const char *name;
        const struct script_step *first; /* that spoke of it */
        unsigned over;           /* line since which nothing more can happen on it; 0: none */
        size_t over_in, shut_in; /* so many branches of the `either` at hand */
        int reached;             /* how far `advance` came: a place in the run; 0: nowhere */
        unsigned shut;           /* line since which our half is closed; 0: it is not */
        bool hold, used;
        bool bare;      /* a third party */
        unsigned fresh; /* line of an `open` behind which nothing was done on it; 0: none */
    } at[NAMES_MAX];
    size_t n;
    unsigned gone; /* line in which the subject's process has ended; 0: it has not */
};

/* The states that `advance` can come to, in their order. */
static int place_of(int8_t state)
{
    static const int8_t run[] = {PARAM_EXCHANGE, CREATE_STREAMS,   TEST_START,      TEST_RUNNING,
                                 TEST_END,       EXCHANGE_RESULTS, DISPLAY_RESULTS, IPERF_DONE};

    for (size_t i = 0; i < ARRAY_LEN(run); i++)
        if (run[i] == state)
            return (int)i + 1;
    return 0;
}

static struct name *find_name(struct names *names, const char *who)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i].name, who) == 0)
            return &names->at[i];
    return NULL;
}

/* NULL if there are too many to follow. */
static struct name *name_of(struct names *names, const struct script_step *step)
{
    struct name *name = find_name(names, step->who);

    if (name || names->n == NAMES_MAX)
        return name;
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
    case SCRIPT_DEAF:
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

/* Being connected is all that a third party may want. */
static bool is_use(const struct script_step *step)
{
    return !is_passive(step) &&
           (step->verb != SCRIPT_OPEN || step->stream || step->open.transport != SCRIPT_CONTROL);
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
        if (!check_ends(&step->expect.events.at[i]) || step->expect.events.at[i].stream)
            return false;
    return step->expect.kind == SCRIPT_EXPECT_EVENT;
}

/* It plays on from where the connection is, never back. */
static void check_advance(struct check *check, const struct script_step *step, struct name *name)
{
    int place = place_of(step->state);

    if (place && place <= name->reached)
        check_wrong_step(check, step, "a state that is still to come");
    name->reached = MAX(place, name->reached);
}

static bool is_open(const struct script_step *step)
{
    return step->verb == SCRIPT_OPEN && !step->stream;
}

/* `open`: of what is not open yet, with the cookie of one that has one. */
static void check_open(struct check *check, const struct script_step *step, struct name *name,
                       struct names *names)
{
    const char *of = step->open.cookie_of;
    struct name *other = of ? find_name(names, of) : NULL;

    if (of && !other && strcmp(of, "first") == 0 && names->n > 1)
        other = &names->at[0];
    if (of && (!other || other == name))
        check_wrong_step(check, step, "the cookie of another connection, which was there before");
    if (other)
        other->used = true;
    if (name->fresh)
        check_wrong_step(check, step, "another name: that of line %u is open", name->fresh);
    name->used |= check->script->plays_server; /* it awaits one */
    name->bare = step->open.transport != SCRIPT_CONTROL;
    name->over = name->shut = 0;
    name->reached = 0;
}

/* A third party only says what the script says. */
static bool plays(const struct script_step *step)
{
    return step->verb == SCRIPT_ADVANCE || step->verb == SCRIPT_FINISH;
}

static void check_connection(struct check *check, const struct script_step *step,
                             struct names *names)
{
    struct name *name = name_of(names, step);

    if (!name)
        return;
    if (name->over && !looks_back(step) && step->verb != SCRIPT_OPEN)
        check_wrong_step(check, step,
                         "nothing more on this connection, which is over since line %u%s",
                         name->over, name->over >= step->line ? " of the turn before" : "");
    if (name->shut && !name->over && step->verb == SCRIPT_SEND && !step->stream)
        check_wrong_step(check, step, "nothing more to be sent: our half is closed since line %u",
                         name->shut);
    name->used |= is_use(step);
    name->hold |= step->verb == SCRIPT_HOLD;
    if (step->verb == SCRIPT_ADVANCE)
        check_advance(check, step, name);
    if (name->bare && plays(step))
        check_wrong_step(check, step, "send or expect: a third party plays no test");
    if (is_open(step))
        check_open(check, step, name, names);
    else if (is_last(step) && !name->over && !(name->hold && step->verb == SCRIPT_EXPECT))
        name->over = step->line;
    if (step->verb == SCRIPT_HALF_CLOSE && !step->stream)
        name->shut = step->line;
    name->fresh = is_open(step) ? step->line : is_use(step) ? 0 : name->fresh;
}

static bool asks_for_params(const struct script_events *events)
{
    for (size_t i = 0; i < events->n; i++)
        if (events->at[i].kind == SCRIPT_EV_PARAMS)
            return true;
    return false;
}

static void check_role(struct check *check, const struct script_step *step)
{
    const char *why = step->verb == SCRIPT_WIRE
                          ? script_wire_problem(&step->wire, check->script->plays_server)
                          : NULL;

    bool judges_client = check->script->plays_server;

    if (why)
        check_wrong_step(check, step, "another deviation: %s", why);
    if (step->verb == SCRIPT_DEAF && !judges_client)
        check_wrong_step(check, step, "`plays server`: a client has no port to be deaf on");
    if (step->verb != SCRIPT_EXPECT)
        return;
    if (step->expect.kind == SCRIPT_EXPECT_ALIVE && judges_client)
        check_wrong_step(check, step,
                         "`plays client`: this asks for a server, but a client is judged");
    if (step->expect.kind == SCRIPT_EXPECT_FAILURE && !judges_client)
        check_wrong_step(check, step,
                         "`plays server`: this asks for a client, but a server is judged");
    if (step->expect.kind == SCRIPT_EXPECT_EVENT && asks_for_params(&step->expect.events) &&
        !judges_client)
        check_wrong_step(check, step, "`plays server`: a server sends no parameters");
}

/* Behind the end of the process there is its output, and what was read before. */
static void check_gone(struct check *check, const struct script_step *step, struct names *names)
{
    bool asks_it = step->verb == SCRIPT_EXPECT && (step->expect.kind == SCRIPT_EXPECT_ALIVE ||
                                                   step->expect.kind == SCRIPT_EXPECT_REST);
    bool is_end = step->verb == SCRIPT_EXPECT && (step->expect.kind == SCRIPT_EXPECT_EXIT ||
                                                  step->expect.kind == SCRIPT_EXPECT_SIGNAL);

    if (names->gone && (asks_it || (is_about_a_connection(step) && !looks_back(step) &&
                                    step->verb != SCRIPT_EXPECT)))
        check_wrong_step(check, step,
                         "nothing more of a subject whose process has ended in line %u",
                         names->gone);
    if (is_end && !names->gone)
        names->gone = step->line;
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
        to->bare |= from->bare;
        to->fresh = 0;
        to->reached = 0; /* it may be anywhere */
        to->over_in += from->over != 0;
        to->over = from->over;
        to->shut_in += from->shut != 0;
        to->shut = from->shut;
    }
}

/* A connection, or our half of it, is over behind `either` if it is in every branch. */
static void check_branches(struct check *check, const struct script_step *step, struct names *names)
{
    struct names before = *names;

    check_either(check, step);
    for (size_t i = 0; i < names->n; i++)
        names->at[i].over_in = names->at[i].shut_in = 0;
    for (size_t k = 0; k < step->branches.n; k++) {
        struct names branch = before;
        check_steps(check, &step->branches.at[k], &branch);
        merge(names, &branch);
    }
    for (size_t i = 0; i < names->n; i++) {
        if (names->at[i].over_in < step->branches.n)
            names->at[i].over = 0;
        if (names->at[i].shut_in < step->branches.n)
            names->at[i].shut = 0;
    }
}

/* `expect alive` closes what is open. */
static void end_all(struct names *names, unsigned line)
{
    for (size_t i = 0; i < names->n; i++) {
        struct name *name = &names->at[i];
        name->over = name->over ? name->over : line;
        name->fresh = 0;
    }
}

/* A block that is repeated is gone through twice: the second turn finds what the first left. */
static void check_steps(struct check *check, const struct script_steps *steps, struct names *names)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        check_role(check, step);
        check_gone(check, step, names);
        if (is_about_a_connection(step))
            check_connection(check, step, names);
        if (step->verb == SCRIPT_BACKGROUND)
            check_connection(check, step->background.step, names);
        if (step->verb == SCRIPT_EXPECT && step->expect.kind == SCRIPT_EXPECT_ALIVE &&
            !step->expect.meanwhile)
            end_all(names, step->line);
        if (step->verb == SCRIPT_ANY_ORDER)
            check_any_order(check, &step->branches.at[0]);
        if (step->verb == SCRIPT_EITHER)
            check_branches(check, step, names);
        else if (script_is_block(step->verb))
            check_steps(check, &step->branches.at[0], names);
        if (step->verb == SCRIPT_REPEAT && step->branches.times > 1)
            check_steps(check, &step->branches.at[0], names);
    }
}

/* Who says `first` of a connection that was not opened under that name, and has one without a name
 * as well, may mean the latter. */
static void check_first(struct check *check, struct names *names)
{
    const struct name *unnamed = find_name(names, ""), *first = find_name(names, "first");

    if (unnamed && unnamed->used && first && !is_open(first->first))
        check_wrong_step(check, first->first,
                         "`open first`, as it is another connection than that without a name");
}

void check_run(struct check *check)
{
    struct names names = {0};

    check_steps(check, &check->script->steps, &names);
    check_first(check, &names);
    for (size_t i = 0; i < names.n; i++)
        if (!names.at[i].used)
            check_wrong_step(check, names.at[i].first, "a step that uses the connection%s",
                             is_open(names.at[i].first) ? ", or `open NAME tcp`: to be there" : "");
}
