/* expect.c - steps that wait for something and judge what comes. */
#include "harness/sim/peer.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_NS 1000000u /* between two looks at a subject that may rest */

static bool is_end(const struct event *e)
{
    return e->kind == EVENT_END || e->kind == EVENT_RESET;
}

bool expect_event_matches(const struct script_event *want, const struct event *e)
{
    switch (want->kind) {
    case SCRIPT_EV_STATE:
        return e->kind == EVENT_STATE && e->state == want->state;
    case SCRIPT_EV_END:
        return is_end(e);
    case SCRIPT_EV_CLOSE:
        return e->kind == EVENT_END;
    case SCRIPT_EV_RESET:
        return e->kind == EVENT_RESET;
    case SCRIPT_EV_DENIED:
        return e->kind == EVENT_RESET || (e->kind == EVENT_STATE && e->state == ACCESS_DENIED);
    case SCRIPT_EV_ERROR:
        return e->kind == EVENT_ERROR && (want->ints < 0 || want->ints == e->n_ints) &&
               (want->ierr == -1 || (e->n_ints > 0 && e->ierr == want->ierr)) &&
               (!want->has_errno || (e->n_ints > 1 && e->os_errno == want->os_errno));
    case SCRIPT_EV_PARAMS:
    case SCRIPT_EV_RESULTS:
        return e->kind == EVENT_JSON;
    default:
        return false;
    }
}

/* --- predicates on texts --------------------------------------------------------------------- */

static bool judge_text(struct control *c, const struct script_event *want, const struct text *body)
{
    struct text why = {0};
    bool ok = !want->where || ask_text(c, want->where, text_string(body), body->len, &why);

    if (ok && want->token)
        ok = token_says(c->sim, want->token,
                        (struct bytes){(const uint8_t *)text_string(body), body->len}, &why);
    if (!ok)
        sim_fail(c->sim, SIM_MISS, "%s", text_string(&why));
    text_fini(&why);
    return ok;
}

static bool is_read(struct control *c, const struct script_event *want, const struct event *e)
{
    struct text why = {0};
    bool ok = event_is_read(e, want->kind == SCRIPT_EV_PARAMS ? "parameters" : "results", &why);

    if (!ok)
        sim_fail(c->sim, SIM_MISS, "%s", text_string(&why));
    text_fini(&why);
    return ok;
}

/* --- deadlines ------------------------------------------------------------------------------- */

/* What a clause of the script says about time, with room for a slow machine: the limits of TMO-1
 * to TMO-3 are 10 s for each of two pieces, that of TMO-11 is 30 s, those of TMO-4 and -5 120 s by
 * default, that of TMO-8 is 40 s behind the end of a test, that of CLOSE-16 is 10 s. */
static const struct {
    const char *clause;
    int64_t ms;
} deadlines[] = {
    {"TMO-1",    45000 },
    {"TMO-2",    45000 },
    {"TMO-3",    45000 },
    {"TMO-4",    180000},
    {"TMO-5",    180000},
    {"TMO-8",    75000 },
    {"TMO-11",   60000 },
    {"CLOSE-16", 25000 },
};

/* The clause itself, or one of its parts: "TMO-2.v5". */
static bool is_part_of(const char *id, const char *clause)
{
    size_t len = strlen(clause);

    return strncmp(id, clause, len) == 0 && (id[len] == '\0' || id[len] == '.');
}

static int64_t default_ms(const struct sim *s, const struct script_step *step)
{
    const struct script_words *all = &s->config->script->clauses;
    int64_t ms = WAIT_MS;

    for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
        if (step->clause && is_part_of(step->clause, deadlines[i].clause))
            return deadlines[i].ms;
        for (size_t k = 0; k < all->n; k++)
            if (is_part_of(all->at[k], deadlines[i].clause))
                ms = MAX(ms, deadlines[i].ms);
    }
    return ms;
}

uint64_t expect_deadline(const struct sim *s, const struct script_step *step)
{
    return sim_patience(s, step->within_ms >= 0 ? step->within_ms : default_ms(s, step));
}

/* --- one event ------------------------------------------------------------------------------- */

static const struct script_event *match(const struct script_expect *expect, const struct event *e)
{
    for (size_t i = 0; i < expect->events.n; i++)
        if (expect_event_matches(&expect->events.at[i], e))
            return &expect->events.at[i];
    return NULL;
}

/* Something of a stream that holds by now, or NULL. *over: what has come is none of those that are
 * asked for, c->why says what. */
static const struct script_event *match_stream(struct control *c,
                                               const struct script_expect *expect, bool *over)
{
    bool can_hold = false, is_wrong = false;

    *over = false;
    for (size_t i = 0; i < expect->events.n && !sim_failed(c->sim); i++) {
        const struct script_event *want = &expect->events.at[i];
        if (!script_event_is_of_stream(want))
            continue;
        enum stream_result result = stream_check(c, want);
        if (result == STREAM_HOLDS)
            return want;
        can_hold |= result == STREAM_NOT_YET;
        is_wrong |= result == STREAM_FAILED;
    }
    *over = is_wrong && !can_hold;
    return NULL;
}

static bool asks_for_streams_alone(const struct script_expect *expect)
{
    for (size_t i = 0; i < expect->events.n; i++)
        if (!script_event_is_of_stream(&expect->events.at[i]))
            return false;
    return true;
}

/* Whether there is no point in waiting: nobody insists, and the subject has nothing more to say. */
static bool is_over(struct control *c, uint64_t since)
{
    struct sim *s = c->sim;
    uint64_t patience_ns = s->was_lenient ? 0 : (uint64_t)s->config->patience_ms * 1000000;

    if (!s->config->is_lenient || now_ns() < since + patience_ns || !drained_is_quiet(c))
        return false;
    sim_pump(s, now_ns() + LOOK_NS);
    return !control_head(c) && drained_is_quiet(c);
}

/* The next event that is not ignored or wanted anyway; NULL when the time is up, or when something
 * of a stream came first (*of_stream). */
static const struct event *next_event(struct control *c, uint64_t deadline,
                                      const struct script_expect *wanted,
                                      const struct script_event **of_stream)
{
    struct sim *s = c->sim;
    const struct event *e;
    uint64_t since = now_ns();
    bool over;

    for (;;) {
        while ((e = control_head(c)) && !(wanted && match(wanted, e)) && flow_pop_ignored(c, e))
            ;
        if (wanted && (*of_stream = match_stream(c, wanted, &over)))
            return NULL;
        if (wanted && over)
            sim_fail(s, SIM_MISS, "%s", text_string(&c->why));
        /* Of two connections nobody knows what comes first; streams may outlive theirs, too. */
        if (e && wanted && asks_for_streams_alone(wanted) && now_ns() < deadline)
            e = NULL;
        if (e || sim_failed(s) || (!wanted && !surplus_check(s, now_ns() < deadline)) ||
            now_ns() >= deadline)
            return e;
        if (is_over(c, since))
            return NULL;
        sim_pump(s, s->config->is_lenient ? MIN(deadline, now_ns() + LOOK_NS) : deadline);
    }
}

static bool fail_with(struct control *c, const struct event *e, const char *instead)
{
    struct text got = {0};

    event_describe(e, &got);
    bool ended = is_end(e) && !c->sim->config->is_lenient;
    if (!ended || sim_check_process(c->sim, 200))
        sim_fail(c->sim, SIM_MISS, "%s%s", text_string(&got), instead);
    text_fini(&got);
    return false;
}

/* ff was read: the end must follow. */
static bool rest_of_denied(struct control *c, uint64_t deadline)
{
    const struct event *e = next_event(c, deadline, NULL, NULL);

    if (!e)
        return sim_failed(c->sim)
                   ? false
                   : sim_fail(c->sim, SIM_TIMEOUT, "ff, but the connection stays open");
    return is_end(e) || fail_with(c, e, " behind ff");
}

static bool take(struct control *c, const struct script_event *want, const struct event *e,
                 uint64_t deadline)
{
    bool ok = true, ff = want->kind == SCRIPT_EV_DENIED && e->kind == EVENT_STATE;

    if (e->kind == EVENT_JSON) {
        struct text *kept = want->kind == SCRIPT_EV_PARAMS ? &c->peer_params : &c->peer_results;
        text_fini(kept);
        text_add(kept, e->body.at, e->body.len);
        ok = is_read(c, want, e) && judge_text(c, want, kept);
    }
    if (!is_end(e) && !flow_take(c)) /* an end stays: there is nothing behind it */
        control_pop(c);
    return ok && (!ff || rest_of_denied(c, deadline));
}

/* Results and parameters that came before are still to be asked about, unless new ones are due. */
static bool looks_back(struct control *c, const struct script_step *step)
{
    const struct script_event *want = step->expect.events.at;

    if (!want) /* a step that waits for something else */
        return false;
    const struct event *e = control_head(c);
    const struct text *kept = want->kind == SCRIPT_EV_PARAMS    ? &c->peer_params
                              : want->kind == SCRIPT_EV_RESULTS ? &c->peer_results
                                                                : NULL;

    return kept && kept->len > 0 && c->json_due == 0 && (!e || e->kind != EVENT_JSON);
}

static bool expect_event(struct control *c, const struct script_step *step)
{
    struct sim *s = c->sim;
    uint64_t since = now_ns(), deadline = expect_deadline(s, step);
    const struct script_event *of_stream = NULL;

    if (looks_back(c, step))
        return judge_text(c, &step->expect.events.at[0],
                          step->expect.events.at[0].kind == SCRIPT_EV_PARAMS ? &c->peer_params
                                                                             : &c->peer_results);
    const struct event *e = next_event(c, deadline, &step->expect, &of_stream);
    while (e && !match(&step->expect, e) && client_flow_begin_anew(c) && !sim_failed(s))
        e = next_event(c, deadline, &step->expect, &of_stream);
    if (sim_failed(s))
        return false;
    if (of_stream)
        return true;
    if (!e)
        return sim_check_process(s, 0) &&
               sim_fail(s, SIM_TIMEOUT, "nothing in %.1f s", (double)(now_ns() - since) / 1e9);
    const struct script_event *want = match(&step->expect, e);
    if (!want)
        return fail_with(c, e, "");
    s->came_ns = e->at_ns;
    return take(c, want, e, deadline);
}

static bool expect_nothing(struct control *c, const struct script_step *step)
{
    struct sim *s = c->sim;
    bool until_end = step->expect.for_ms < 0;
    uint64_t deadline =
        until_end ? expect_deadline(s, step) : now_ns() + (uint64_t)step->expect.for_ms * 1000000;
    const struct event *e = next_event(c, deadline, NULL, NULL);

    if (sim_failed(s))
        return false;
    if (!e)
        return !until_end || sim_fail(s, SIM_TIMEOUT, "the connection stays open");
    return (until_end && is_end(e)) || fail_with(c, e, "");
}

bool expect_run(struct sim *s, const struct script_step *step)
{
    switch (step->expect.kind) {
    case SCRIPT_EXPECT_EVENT:
        return expect_event(control_get(s, step->who), step);
    case SCRIPT_EXPECT_NOTHING:
        return expect_nothing(control_get(s, step->who), step);
    case SCRIPT_EXPECT_REACTION:
        return reaction_run(control_get(s, step->who), step);
    case SCRIPT_EXPECT_ALIVE:
        return alive_run(s, step);
    default:
        return process_expect(s, step);
    }
}

/* --- one of several, several in any order ---------------------------------------------------- */

/* Whether what the step waits for is there; *over: on its streams it can come no more. */
static bool is_there(struct sim *s, const struct script_step *step, bool *over)
{
    struct control *c = control_get(s, step->who);
    const struct event *e = control_head(c);

    *over = false;
    return (e && match(&step->expect, e)) || match_stream(c, &step->expect, over) ||
           looks_back(c, step);
}

/* Pass over what none of the steps waits for and an `ignore` names. False: there is none. */
static bool pass_over(struct sim *s, const struct script_step *const *steps, size_t n)
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        struct control *c = control_get(s, steps[i]->who);
        const struct event *e = control_head(c);
        any |= e && flow_pop_ignored(c, e);
    }
    return any;
}

/* Fail on an event that none of the steps waits for. */
static bool refuse_others(struct sim *s, const struct script_step *const *steps, size_t n,
                          const char *instead)
{
    for (size_t i = 0; i < n; i++) {
        struct control *c = control_get(s, steps[i]->who);
        const struct event *e = control_head(c);
        if (e && !asks_for_streams_alone(&steps[i]->expect) && !client_flow_begin_anew(c))
            return fail_with(c, e, instead);
    }
    return !sim_failed(s);
}

/* Wait until what one of the steps waits for is there: its index, or n and the case has failed. */
static size_t await_one(struct sim *s, const struct script_step *const *steps, size_t n,
                        uint64_t since, uint64_t deadline, const char *instead)
{
    for (;;) {
        size_t n_over = 0;
        bool over;
        for (size_t i = 0; i < n && !sim_failed(s); i++) {
            if (is_there(s, steps[i], &over)) {
                s->waiting_since = since;
                return i;
            }
            n_over += over;
        }
        if (n > 0 && n_over == n)
            sim_fail(s, SIM_MISS, "%s%s", text_string(&control_get(s, steps[0]->who)->why),
                     instead);
        if (!sim_failed(s) && pass_over(s, steps, n))
            continue; /* what lies behind it may be what a step waits for */
        if (sim_failed(s) || !refuse_others(s, steps, n, instead))
            return n;
        if (now_ns() >= deadline) {
            if (sim_check_process(s, 0))
                sim_fail(s, SIM_TIMEOUT, "nothing in %.1f s", (double)(now_ns() - since) / 1e9);
            return n;
        }
        sim_pump(s, deadline);
    }
}

/* The latest of their deadlines holds for all. */
static uint64_t latest(const struct sim *s, const struct script_step *const *steps, size_t n)
{
    uint64_t deadline = 0;

    for (size_t i = 0; i < n; i++)
        deadline = MAX(deadline, expect_deadline(s, steps[i]));
    return deadline;
}

/* The branch whose first step wants what comes first; it commits. */
bool expect_either(struct sim *s, const struct script_step *step, size_t *branch)
{
    size_t n = step->branches.n;
    const struct script_step **first = text_realloc(NULL, n * sizeof *first);

    for (size_t k = 0; k < n; k++)
        first[k] = &step->branches.at[k].at[0];
    *branch = await_one(s, first, n, now_ns(), latest(s, first, n), ", which no branch expects");
    free(first);
    return *branch < n;
}

bool expect_any_order(struct sim *s, const struct script_step *step)
{
    const struct script_steps *block = &step->branches.at[0];
    const struct script_step **left = text_realloc(NULL, block->n * sizeof *left);
    uint64_t since = now_ns();
    bool ok = true;

    for (size_t i = 0; i < block->n; i++)
        left[i] = &block->at[i];
    for (size_t n = block->n; n > 0 && ok; n--) {
        size_t i = await_one(s, left, n, since, latest(s, left, n), ", which is not among them");
        ok = i < n && sim_step(s, left[i]);
        if (ok)
            memmove(left + i, left + i + 1, (n - i - 1) * sizeof *left);
        else if (i == n)
            sim_blame(s, left[0]);
    }
    free(left);
    return ok;
}
