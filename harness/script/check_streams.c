/* check_streams.c - streams that a step speaks of, but that no test of the script's has.
 *
 * Ids are 1, 3, 4, 5 and so on (STR-6). How many there are at most follows from what the script and
 * the subject's options say of it; where that cannot be told, nothing is said. */
#include "harness/script/check.h"

#include "impl/wire/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 1000000 /* who asks for more wants no streams */

/* What the steps say, taken at its most. */
struct streams {
    struct check *check;
    int64_t parallel, count; /* of -P; of `wire streams = N` */
    bool bidirectional, unknown;
    int64_t n_opened, opened_last; /* `stream N open` */
    int64_t last;                  /* id that there can be at most */
};

/* --- what is said ---------------------------------------------------------------------------- */

static void take_params(struct streams *s, const char *text)
{
    json_value *root = NULL;

    if (!text)
        return;
    if (json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &root) != SPEC_OK) {
        s->unknown = true;
        return;
    }
    const json_value *parallel = json_member(root, "parallel"),
                     *bidirectional = json_member(root, "bidirectional");
    if (json_type_of(parallel) == JSON_NUMBER)
        s->parallel = MAX(s->parallel, json_int(parallel));
    s->unknown |= parallel && json_type_of(parallel) != JSON_NUMBER;
    s->bidirectional |= bidirectional != NULL;
    json_free(root);
}

/* -P 2, -P2, -uP 2, --parallel 2: the letter's value is the rest of its word, or the next one. */
static const char *value_of(const char *word, const char *name, char letter)
{
    size_t len = strlen(name);
    const char *at;

    if (strncmp(word, name, len) == 0)
        return word + len;
    at = word[0] == '-' && word[1] != '-' ? strchr(word, letter) : NULL;
    return at ? at + 1 : NULL;
}

static void take_options(struct streams *s, const char *options)
{
    char *copy = text_dup(options), *rest = copy, *word;

    while ((word = strsep(&rest, " \t"))) {
        const char *value = value_of(word, "--parallel", 'P');
        s->bidirectional |= strncmp(word, "--bid", 5) == 0;
        if (!value)
            continue;
        value += *value == '=';
        while (value && !*value)
            value = strsep(&rest, " \t");
        s->unknown |= !value || !isdigit((unsigned char)*value);
        s->parallel = MAX(s->parallel, value ? strtoll(value, NULL, 10) : 0);
    }
    free(copy);
}

static void take_step(struct streams *s, const struct script_step *step)
{
    if (step->verb == SCRIPT_PARAMS)
        take_params(s, step->params);
    if (step->verb == SCRIPT_WIRE && step->wire.kind == SCRIPT_WIRE_COUNT)
        s->count = MAX(s->count, step->wire.number);
    if (step->verb == SCRIPT_WIRE)
        take_params(s, step->wire.meaning);
    if (step->verb == SCRIPT_OPEN && step->stream) {
        s->n_opened++;
        s->opened_last = MAX(s->opened_last, step->stream);
    }
}

/* --- what is asked for ----------------------------------------------------------------------- */

static void check_stream(struct streams *s, const struct script_step *step, int64_t id)
{
    if (id > s->last || (id == 2 && s->n_opened == 0))
        check_wrong_step(s->check, step, "one of the test's streams, or `stream %lld open`: %s%lld",
                         (long long)id, s->last > 1 ? "the last is " : "the only one is ",
                         (long long)s->last);
}

static void check_step(struct streams *s, const struct script_step *step)
{
    const struct script_events *events = step->verb == SCRIPT_EXPECT   ? &step->expect.events
                                         : step->verb == SCRIPT_IGNORE ? &step->ignore
                                                                       : NULL;

    if (step->stream)
        check_stream(s, step, step->stream);
    else if (step->verb == SCRIPT_WIRE && step->wire.stream)
        check_stream(s, step, step->wire.stream);
    for (size_t i = 0; events && i < events->n; i++)
        if (script_event_is_of_stream(&events->at[i]) &&
            events->at[i].kind != SCRIPT_EV_STREAM) /* that one asks whether it is there */
            check_stream(s, step, events->at[i].stream);
}

static void walk(struct streams *s, const struct script_steps *steps,
                 void (*visit)(struct streams *s, const struct script_step *step))
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        visit(s, step);
        if (step->verb == SCRIPT_BACKGROUND)
            visit(s, step->background.step);
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n; k++)
            walk(s, &step->branches.at[k], visit);
    }
}

void check_streams(struct check *check)
{
    const struct script *script = check->script;
    struct streams s = {.check = check, .parallel = 1};

    if (script->plays_server)
        take_options(&s, script->subject);
    take_params(&s, script->params);
    walk(&s, &script->steps, take_step);
    if (s.unknown || s.parallel > STREAMS_MAX)
        return;
    int64_t n = MAX(s.parallel * (s.bidirectional ? 2 : 1), s.count);
    n += s.n_opened;
    s.last = MAX(n > 1 ? n + 1 : 1, s.opened_last + n);
    walk(&s, &script->steps, check_step);
}
