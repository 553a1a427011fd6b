/* steps.c - the steps: `[who] verb what [within T] [(CLAUSE)]`, one a line, and blocks. */
#include "harness/script/parse.h"

#include "impl/wire/clause.h"
#include "impl/wire/state.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTORS_MAX 1000000

static const char *const verb_words[] = {
#define X(name, word) word,
    SCRIPT_VERBS(X)
#undef X
};

const char *script_verb_word(enum script_verb verb)
{
    return verb_words[verb];
}

struct cursor parse_cursor(struct script *s, const struct parse_lines *lines, size_t i,
                           struct script_error *error)
{
    static const char none[] = "";

    return (struct cursor){.file = lines->n ? lines->where[MIN(i, lines->n - 1)] : lines->file,
                           .line = lines->n ? lines->number[MIN(i, lines->n - 1)] : 1,
                           .text = i < lines->n ? lines->at[i] : none,
                           .arena = s->arena,
                           .error = error};
}

struct cursor parse_cursor_before(struct script *s, const struct parse_lines *lines, size_t i,
                                  struct script_error *error)
{
    while (i > 0 && lines->at[i - 1][0] == '\0')
        i--;
    return parse_cursor(s, lines, i > 0 ? i - 1 : 0, error);
}

bool parse_state(struct cursor *c, int8_t *state)
{
    cursor_at_end(c);
    size_t at = c->at;
    char *word = cursor_need(c, "a state such as TEST_RUNNING"), *end;

    if (!word)
        return false;
    if (state_from_name(word, state))
        return true;
    long value = strtol(word, &end, 0);
    if (!isdigit((unsigned char)*word) || *end || value > 255)
        return cursor_fail(c, at, "a state such as TEST_RUNNING, or a byte such as 0x11");
    *state = (int8_t)value;
    return true;
}

bool parse_until(struct cursor *c, struct script_until *until)
{
    until->given = cursor_duration(c, &until->ms) && cursor_need_word(c, "after") &&
                   parse_state(c, &until->state);
    return until->given;
}

static int verb_of(const char *word)
{
    for (int v = 0; word && v < SCRIPT_N_VERBS; v++)
        if (strcmp(word, verb_words[v]) == 0)
            return v;
    return -1;
}

static bool is_name(const char *word)
{
    if (!isalpha((unsigned char)*word) || strlen(word) > 20)
        return false;
    for (; *word; word++)
        if (!isalnum((unsigned char)*word) && *word != '-' && *word != '_')
            return false;
    return true;
}

/* What can be done to one stream. */
static bool is_of_stream(int verb)
{
    static const enum script_verb verbs[] = {SCRIPT_OPEN,  SCRIPT_SEND,   SCRIPT_WIRE,
                                             SCRIPT_STALL, SCRIPT_RESUME, SCRIPT_LOSE,
                                             SCRIPT_CLOSE, SCRIPT_RESET,  SCRIPT_HALF_CLOSE};

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (verb == (int)verbs[i])
            return true;
    return false;
}

/* What is said of no connection: it names the one it makes, or is about the whole. */
static bool is_outside(enum script_verb verb)
{
    static const enum script_verb verbs[] = {SCRIPT_OPEN,    SCRIPT_PAUSE,      SCRIPT_DEAF,
                                             SCRIPT_SUBJECT, SCRIPT_BACKGROUND, SCRIPT_STOP,
                                             SCRIPT_EITHER,  SCRIPT_ANY_ORDER,  SCRIPT_REPEAT};

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (verb == verbs[i])
            return true;
    return false;
}

/* `[who] [stream N] verb`; `open NAME` names the connection behind the verb. */
static bool read_verb(struct cursor *c, struct script_step *step)
{
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_word(c);

    if (verb_of(word) < 0 && strcmp(word, "stream") != 0) {
        char *next = cursor_peek(c);
        if (!is_name(word) || !next || (verb_of(next) < 0 && strcmp(next, "stream") != 0))
            return cursor_fail(
                c, at, "a verb such as send or expect, or the name of a connection and a verb");
        step->who = word;
        word = cursor_word(c);
    }
    if (strcmp(word, "stream") == 0) {
        if (!cursor_int(c, "the id of a stream", 1, 100000, &step->stream))
            return false;
        word = cursor_peek(c);
        if (!is_of_stream(verb_of(word)))
            return cursor_fail(c, SIZE_MAX,
                               "open, send, wire, stall, resume, lose, half-close, close or reset");
        word = cursor_word(c);
    }
    step->verb = (enum script_verb)verb_of(word);
    if (!*step->who || step->stream || !is_outside(step->verb))
        return true;
    struct cursor look = *c;
    return (step->verb == SCRIPT_STOP && cursor_take(&look, "ignoring")) ||
           cursor_fail(c, at, "'%s' without a name in front", word);
}

/* `open [NAME] [tcp|udp] [from A] [to A] [with cookie of B]`, `stream N open`. */
static bool read_open(struct cursor *c, struct script_step *step)
{
    static const char *const reserved[] = {"tcp", "udp", "from", "to", "with", "within"};
    size_t at = (cursor_at_end(c), c->at);
    char *name = step->stream ? NULL : cursor_peek(c);

    if (step->stream)
        return true;
    for (size_t i = 0; name && i < ARRAY_LEN(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            name = NULL;
    if (name && *name != '(') {
        if (!is_name(name))
            return cursor_fail(c, at, "the name of a connection");
        step->who = cursor_word(c);
    }
    return parse_open(c, &step->open);
}

static bool read_advance(struct cursor *c, struct script_step *step)
{
    size_t at = (cursor_at_end(c), c->at);

    if (!parse_state(c, &step->state))
        return false;
    const char *name = state_name(step->state);
    return (name && script_moment_find(name)) || cursor_fail(c, at, "a state of a correct run");
}

/* `params { ... }` or `params K = V`. */
static bool read_params(struct cursor *c, struct script_step *step)
{
    cursor_at_end(c);
    return (c->text[c->at] == '{' ? parse_meaning : parse_member_meant)(c, &step->params);
}

static bool read_ignore(struct cursor *c, struct script_step *step)
{
    return parse_events(c, &step->ignore);
}

/* `stop ignoring [EVENTS]`; without events all of them. */
static bool read_stop_ignoring(struct cursor *c, struct script_step *step)
{
    step->verb = SCRIPT_STOP_IGNORING;
    return parse_at_tail(c) || parse_events(c, &step->ignore);
}

static bool read_any(struct cursor *c, struct script_step *step)
{
    (void)step;
    return cursor_need_word(c, "order");
}

static bool read_repeat(struct cursor *c, struct script_step *step)
{
    return cursor_int(c, "how often", 1, SCRIPT_STEPS_MAX, &step->branches.times);
}

static bool read_split(struct cursor *c, struct script_step *step)
{
    return parse_split(c, &step->split);
}

/* `pause 100ms`, `pause until 3s after TEST_RUNNING`. */
static bool read_pause(struct cursor *c, struct script_step *step)
{
    return cursor_take(c, "until") ? parse_until(c, &step->pause.until)
                                   : cursor_duration(c, &step->pause.ms);
}

static bool read_lose(struct cursor *c, struct script_step *step)
{
    return (step->stream || cursor_fail(c, SIZE_MAX, "`stream N` in front of `lose`")) &&
           cursor_duration(c, &step->pause.ms);
}

static bool read_name(struct cursor *c, struct script_step *step)
{
    size_t at = (cursor_at_end(c), c->at);
    char *name = cursor_need(c, "the name of an action in the background");

    step->background.name = name;
    return name && (is_name(name) || cursor_fail(c, at, "the name of an action in the background"));
}

static bool read_stop(struct cursor *c, struct script_step *step)
{
    return cursor_take(c, "ignoring") ? read_stop_ignoring(c, step) : read_name(c, step);
}

/* `background NAME every T [who] [stream N] send ...`. */
static bool read_background(struct cursor *c, struct script_step *step)
{
    struct script_step *inner = arena_alloc(c->arena, sizeof *inner);

    if (!read_name(c, step) || !cursor_need_word(c, "every"))
        return false;
    size_t time_at = (cursor_at_end(c), c->at);
    if (!cursor_duration(c, &step->background.every_ms))
        return false;
    if (step->background.every_ms < 1)
        return cursor_fail(c, time_at, "a time of at least 1ms");
    *inner = (struct script_step){
        .file = step->file, .line = step->line, .who = "", .from_ms = -1, .within_ms = -1};
    step->background.step = inner;
    size_t at = (cursor_at_end(c), c->at);
    if (cursor_at_end(c) || !read_verb(c, inner) || inner->verb != SCRIPT_SEND)
        return cursor_fail(c, at, "send and what");
    if (!parse_send(c, inner))
        return false;
    /* It must not wait. */
    const struct script_send *send = &inner->send;
    if (send->kind == SCRIPT_SEND_DATA && send->count == 0)
        return cursor_fail(c, at, "a number of bytes");
    bool waits = send->kind == SCRIPT_SEND_DATAGRAMS && (send->every_ms > 0 || send->until.given);
    return !waits || cursor_fail(c, at, "datagrams that go at once");
}

bool parse_signal(struct cursor *c, int *signo)
{
    static const struct {
        const char *word;
        int signo;
    } signals[] = {
        {"INT",  SIGINT },
        {"TERM", SIGTERM},
        {"HUP",  SIGHUP },
        {"KILL", SIGKILL},
        {"STOP", SIGSTOP},
        {"CONT", SIGCONT},
    };

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        if (cursor_take(c, signals[i].word)) {
            *signo = signals[i].signo;
            return true;
        }
    }
    return cursor_fail(c, SIZE_MAX, "INT, TERM, HUP, KILL, STOP or CONT");
}

static bool read_subject(struct cursor *c, struct script_step *step)
{
    if (cursor_take(c, "signal"))
        return parse_signal(c, &step->subject.signo);
    if (!cursor_take(c, "descriptors"))
        return cursor_fail(c, SIZE_MAX, "signal NAME, or descriptors N");
    return cursor_take(c, "all") ||
           cursor_int(c, "how many, or all", 1, DESCRIPTORS_MAX, &step->subject.descriptors);
}

static bool read_nothing(struct cursor *c, struct script_step *step)
{
    (void)c, (void)step;
    return true;
}

static bool (*const readers[])(struct cursor *c, struct script_step *step) = {
    [SCRIPT_OPEN] = read_open,          [SCRIPT_ADVANCE] = read_advance,
    [SCRIPT_FINISH] = read_nothing,     [SCRIPT_SEND] = parse_send,
    [SCRIPT_WIRE] = parse_wire,         [SCRIPT_PARAMS] = read_params,
    [SCRIPT_EXPECT] = parse_expect,     [SCRIPT_EITHER] = read_nothing,
    [SCRIPT_IGNORE] = read_ignore,      [SCRIPT_HOLD] = read_nothing,
    [SCRIPT_SPLIT] = read_split,        [SCRIPT_CLOSE] = read_nothing,
    [SCRIPT_HALF_CLOSE] = read_nothing, [SCRIPT_RESET] = read_nothing,
    [SCRIPT_SUBJECT] = read_subject,    [SCRIPT_CORK] = read_nothing,
    [SCRIPT_UNCORK] = read_nothing,     [SCRIPT_PAUSE] = read_pause,
    [SCRIPT_STALL] = read_nothing,      [SCRIPT_RESUME] = read_nothing,
    [SCRIPT_LOSE] = read_lose,          [SCRIPT_BACKGROUND] = read_background,
    [SCRIPT_STOP] = read_stop,          [SCRIPT_ANY_ORDER] = read_any,
    [SCRIPT_REPEAT] = read_repeat,      [SCRIPT_STOP_IGNORING] = read_stop_ignoring,
    [SCRIPT_DRAINED] = read_nothing,    [SCRIPT_DEAF] = read_nothing,
};

bool parse_at_tail(struct cursor *c)
{
    struct cursor look = *c;

    return cursor_at_end(c) || c->text[c->at] == '(' || cursor_take(&look, "within");
}

/* `within T` or `within T1..T2`, and `(CLAUSE)`. */
static bool read_tail(struct cursor *c, struct script_step *step)
{
    if (cursor_take(c, "within") && !cursor_durations(c, &step->from_ms, &step->within_ms))
        return false;
    cursor_at_end(c);
    if (c->text[c->at] == '(') {
        size_t at = c->at, len = strcspn(c->text + at + 1, ") ");
        step->clause = arena_copy(c->arena, c->text + at + 1, len);
        if (c->text[at + 1 + len] != ')' || !clause_find(step->clause))
            return cursor_fail(c, at, "the id of a clause in brackets, such as (CTL-8)");
        c->at = at + len + 2;
    }
    return cursor_end(c);
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void add_branch(struct script *s, struct script_step *step, struct script_steps branch)
{
    step->branches.at =
        arena_grow(s->arena, step->branches.at, step->branches.n, sizeof *step->branches.at);
    step->branches.at[step->branches.n++] = branch;
}

/* One branch, and the word that ends it. */
static bool read_branch(struct script *s, struct parse_lines *lines, struct script_step *step,
                        struct cursor *end, struct script_error *error)
{
    static const char *const until[] = {"or", "end", NULL};
    struct script_steps branch = {0};

    if (!parse_steps(s, lines, until, &branch, error))
        return false;
    if (lines->next == lines->n) {
        *end = parse_cursor_before(s, lines, lines->n, error);
        return cursor_fail_behind(end, "file", "'end' of the %s in line %u",
                                  script_verb_word(step->verb), step->line);
    }
    *end = parse_cursor(s, lines, lines->next++, error);
    add_branch(s, step, branch);
    return true;
}

static bool is_event(const struct script_step *step)
{
    return step->verb == SCRIPT_EXPECT && step->expect.kind == SCRIPT_EXPECT_EVENT;
}

/* At a step that was read before; c is anywhere behind it. */
static bool fail_at(const struct cursor *c, const struct script_step *step, const char *expected)
{
    struct cursor at = {step->file, step->line, step->text, 0, c->arena, c->error};

    return cursor_fail(&at, SIZE_MAX, "%s", expected);
}

/* either, branches divided by `or`, end. */
static bool read_either(struct script *s, struct parse_lines *lines, struct script_step *step,
                        struct script_error *error)
{
    struct cursor c;

    for (;;) {
        if (!read_branch(s, lines, step, &c, error))
            return false;
        const struct script_steps *branch = &step->branches.at[step->branches.n - 1];
        if (branch->n == 0)
            return cursor_fail(&c, 0, "a branch that starts with expect and an event");
        if (!is_event(&branch->at[0]))
            return fail_at(&c, &branch->at[0], "a branch that starts with expect and an event");
        if (cursor_take(&c, "end"))
            return cursor_end(&c);
        if (!cursor_take(&c, "or") || !cursor_end(&c))
            return false;
    }
}

static bool read_block(struct script *s, struct parse_lines *lines, struct script_step *step,
                       struct script_error *error)
{
    struct cursor c;

    if (!read_branch(s, lines, step, &c, error) || !cursor_need_word(&c, "end") || !cursor_end(&c))
        return false;
    const struct script_steps *block = &step->branches.at[0];
    if (block->n == 0)
        return cursor_fail(&c, 0, "a step before it");
    for (size_t i = 0; step->verb == SCRIPT_ANY_ORDER && i < block->n; i++) {
        if (!is_event(&block->at[i]))
            return fail_at(&c, &block->at[i], "expect and an event, as any order has");
    }
    return true;
}

bool script_is_block(enum script_verb verb)
{
    return verb == SCRIPT_EITHER || verb == SCRIPT_ANY_ORDER || verb == SCRIPT_REPEAT;
}

static bool read_inside(struct script *s, struct parse_lines *lines, struct script_step *step,
                        struct script_error *error)
{
    bool ok;

    if (lines->depth == SCRIPT_DEPTH_MAX) {
        struct cursor c = parse_cursor(s, lines, lines->next - 1, error);
        return cursor_fail(&c, SIZE_MAX, "at most %d blocks inside each other", SCRIPT_DEPTH_MAX);
    }
    lines->depth++;
    ok = (step->verb == SCRIPT_EITHER ? read_either : read_block)(s, lines, step, error);
    lines->depth--;
    return ok;
}

/* How many steps are run at most. */
static int64_t weight(const struct script_step *step)
{
    int64_t sum = 1;

    for (size_t i = 0; script_is_block(step->verb) && i < step->branches.n; i++)
        for (size_t k = 0; k < step->branches.at[i].n && sum <= SCRIPT_STEPS_MAX; k++)
            sum += weight(&step->branches.at[i].at[k]);
    return step->verb == SCRIPT_REPEAT ? sum * step->branches.times : sum;
}

/* The script's own file, or a copy of an included one's name. */
static const char *file_of(struct script *s, const char *file)
{
    return strcmp(file, s->file) == 0 ? s->file : arena_copy(s->arena, file, strlen(file));
}

/* What only a client can do. */
static bool connects(const struct script_step *step)
{
    return step->verb == SCRIPT_OPEN && (step->stream || step->open.transport != SCRIPT_CONTROL ||
                                         step->open.from || step->open.to || step->open.cookie_of);
}

static bool read_step(struct script *s, struct parse_lines *lines, struct script_step *step,
                      struct script_error *error)
{
    struct cursor c = parse_cursor(s, lines, lines->next++, error);

    *step = (struct script_step){
        .file = file_of(s, c.file), .line = c.line, .who = "", .from_ms = -1, .within_ms = -1};
    step->text = arena_copy(s->arena, c.text, strlen(c.text));
    step->column = (unsigned)strspn(c.text, " \t") + 1;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): read_verb() found it in the table */
    if (!read_verb(&c, step) || !readers[step->verb](&c, step) || !read_tail(&c, step))
        return false;
    if (script_is_block(step->verb) && !read_inside(s, lines, step, error))
        return false;
    if (s->plays_server && connects(step)) {
        c.at = 0;
        return cursor_fail(&c, SIZE_MAX, "`plays client`: a server does not connect");
    }
    if (weight(step) <= SCRIPT_STEPS_MAX)
        return true;
    c.at = 0;
    return cursor_fail(&c, SIZE_MAX, "at most %d steps, repetitions counted", SCRIPT_STEPS_MAX);
}

static bool stops(const char *line, const char *const *until)
{
    line += strspn(line, " \t");
    for (; until && *until; until++)
        if (strcmp(line, *until) == 0)
            return true;
    return false;
}

bool parse_steps(struct script *s, struct parse_lines *lines, const char *const *until,
                 struct script_steps *steps, struct script_error *error)
{
    while (lines->next < lines->n) {
        if (lines->at[lines->next][0] == '\0') {
            lines->next++;
            continue;
        }
        if (stops(lines->at[lines->next], until))
            return true;
        steps->at = arena_grow(s->arena, steps->at, steps->n, sizeof *steps->at);
        if (!read_step(s, lines, &steps->at[steps->n], error))
            return false;
        steps->n++;
    }
    return true;
}
