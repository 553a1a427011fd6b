/* expect.c - steps that wait for something and judge what comes. */
#include "harness/sim/peer.h"

#include "impl/wire/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

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
               (want->ierr == -1 || (e->n_ints > 0 && e->ierr == want->ierr));
    default:
        return e->kind == EVENT_JSON;
    }
}

/* --- predicates on texts --------------------------------------------------------------------- */

static bool bytes_of_stream(void *context, bool sent, int64_t id, double *value)
{
    const struct lane *st = lane_find(context, id);

    if (!st)
        return false;
    *value = (double)(sent ? st->sent : st->received);
    return true;
}

/* The first JSON object in a text that may have other lines around it. */
static bool json_holds(struct control *c, const struct query *q, const char *text, size_t len,
                       struct text *why)
{
    const struct query_facts facts = {bytes_of_stream, c};
    const char *brace = len ? memchr(text, '{', len) : NULL;
    json_value *root = NULL;

    if (!brace ||
        json_parse((struct bytes){(const uint8_t *)brace, len - (size_t)(brace - text)}, &root)) {
        text_addf(why, "no JSON in %zu bytes", len);
        return false;
    }
    bool ok = query_holds(q, root, c ? &facts : NULL, why);
    json_free(root);
    return ok;
}

static bool judge_text(struct control *c, const struct script_event *want, const struct text *body)
{
    struct text why = {0};
    bool ok = !want->where || json_holds(c, want->where, text_string(body), body->len, &why);

    if (!ok)
        sim_fail(c->sim, SIM_MISS, "%s", text_string(&why));
    text_fini(&why);
    return ok;
}

/* --- one event ------------------------------------------------------------------------------- */

static const struct script_event *match(const struct script_expect *expect, const struct event *e)
{
    for (size_t i = 0; i < expect->events.n; i++)
        if (expect_event_matches(&expect->events.at[i], e))
            return &expect->events.at[i];
    return NULL;
}

/* The next event that is not ignored or wanted anyway; NULL when the time is up. */
static const struct event *next_event(struct control *c, uint64_t deadline,
                                      const struct script_expect *wanted)
{
    struct sim *s = c->sim;
    const struct event *e;

    for (;;) {
        while ((e = control_head(c)) && !(wanted && match(wanted, e)) && flow_pop_ignored(c, e))
            ;
        if (e || sim_failed(s) || sim_now() >= deadline)
            return e;
        sim_pump(s, deadline);
    }
}

static uint64_t deadline_of(struct sim *s, const struct script_step *step)
{
    return sim_deadline(s, step->within_ms >= 0 ? step->within_ms : WAIT_MS);
}

static bool too_early(struct sim *s, const struct script_step *step, uint64_t since,
                      const struct event *e)
{
    if (step->from_ms < 0 || e->at_ns >= since + (uint64_t)step->from_ms * 1000000)
        return false;
    sim_fail(s, SIM_MISS, "it came after %.3f s, and not before %.3f s were allowed",
             (double)(MAX(e->at_ns, since) - since) / 1e9, (double)step->from_ms / 1000);
    return true;
}

static bool fail_with(struct control *c, const struct event *e, const char *instead)
{
    struct text got = {0};

    event_describe(e, &got);
    bool ended = is_end(e);
    if (!ended || sim_check_process(c->sim, 200))
        sim_fail(c->sim, SIM_MISS, "%s%s", text_string(&got), instead);
    text_fini(&got);
    return false;
}

/* ff was read: the end must follow. */
static bool rest_of_denied(struct control *c, uint64_t deadline)
{
    const struct event *e = next_event(c, deadline, NULL);

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
        ok = judge_text(c, want, kept);
    }
    if (!is_end(e) && !flow_take(c)) /* an end stays: there is nothing behind it */
        control_pop(c);
    return ok && (!ff || rest_of_denied(c, deadline));
}

/* Results and parameters that came before are still to be asked about, unless new ones are due. */
static bool looks_back(struct control *c, const struct script_step *step)
{
    const struct script_event *want = &step->expect.events.at[0];
    const struct event *e = control_head(c);
    const struct text *kept = want->kind == SCRIPT_EV_PARAMS    ? &c->peer_params
                              : want->kind == SCRIPT_EV_RESULTS ? &c->peer_results
                                                                : NULL;

    return kept && kept->len > 0 && c->json_due == 0 && (!e || e->kind != EVENT_JSON);
}

static bool expect_event(struct control *c, const struct script_step *step)
{
    struct sim *s = c->sim;
    uint64_t since = sim_now(), deadline = deadline_of(s, step);

    if (looks_back(c, step))
        return judge_text(c, &step->expect.events.at[0],
                          step->expect.events.at[0].kind == SCRIPT_EV_PARAMS ? &c->peer_params
                                                                             : &c->peer_results);
    const struct event *e = next_event(c, deadline, &step->expect);
    if (sim_failed(s))
        return false;
    if (!e)
        return sim_check_process(s, 0) &&
               sim_fail(s, SIM_TIMEOUT, "nothing in %.1f s", (double)(sim_now() - since) / 1e9);
    const struct script_event *want = match(&step->expect, e);
    if (!want)
        return fail_with(c, e, "");
    return !too_early(s, step, since, e) && take(c, want, e, deadline);
}

static bool expect_nothing(struct control *c, const struct script_step *step)
{
    struct sim *s = c->sim;
    bool until_end = step->expect.for_ms < 0;
    uint64_t deadline =
        until_end ? deadline_of(s, step) : sim_now() + (uint64_t)step->expect.for_ms * 1000000;
    const struct event *e = next_event(c, deadline, NULL);

    if (sim_failed(s))
        return false;
    if (!e)
        return !until_end || sim_fail(s, SIM_TIMEOUT, "the connection stays open");
    return (until_end && is_end(e)) || fail_with(c, e, "");
}

/* --- the process ----------------------------------------------------------------------------- */

static bool await_exit(struct sim *s, const struct script_step *step, int *status)
{
    const struct sim_process *p = s->config->process;
    uint64_t deadline = deadline_of(s, step);

    s->end_is_wanted = true;
    while (!p->ended(p->context, status)) {
        if (sim_failed(s))
            return false;
        if (sim_now() >= deadline)
            return sim_fail(s, SIM_HANG, "the subject's process is still running");
        sim_pump(s, MIN(deadline, sim_now() + 20000000));
    }
    p->turn(p->context); /* the last of its output */
    return !sim_failed(s);
}

static bool expect_exit(struct sim *s, const struct script_step *step)
{
    int status;

    if (!await_exit(s, step, &status))
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == step->expect.status)
        return true;
    if (WIFSIGNALED(status))
        return sim_fail(s, SIM_CRASH, "the subject was killed by SIG%s",
                        sigabbrev_np(WTERMSIG(status)));
    return sim_fail(s, SIM_MISS, "exit status %d", WEXITSTATUS(status));
}

static bool expect_output(struct sim *s, const struct script_step *step)
{
    const struct sim_process *p = s->config->process;
    struct text why = {0};
    int status;

    if (!await_exit(s, step, &status))
        return false;
    const struct text *output = p->output(p->context);
    bool ok = step->expect.contains
                  ? strstr(text_string(output), step->expect.contains) != NULL
                  : json_holds(NULL, step->expect.where, text_string(output), output->len, &why);
    if (!ok)
        sim_fail(s, SIM_MISS, "output: %s", why.len ? text_string(&why) : "the text is not in it");
    text_fini(&why);
    return ok;
}

/* Judged by .error as well: 3.12 with -J exits 0 after an error. */
static bool expect_failure(struct sim *s, const struct script_step *step)
{
    const struct sim_process *p = s->config->process;
    json_value *root = NULL;
    int status;

    if (!await_exit(s, step, &status))
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return true;
    if (WIFSIGNALED(status))
        return sim_fail(s, SIM_CRASH, "the subject was killed by SIG%s",
                        sigabbrev_np(WTERMSIG(status)));
    const struct text *output = p->output(p->context);
    const char *brace = strchr(text_string(output), '{');
    bool said =
        brace &&
        json_parse((struct bytes){(const uint8_t *)brace, strlen(brace)}, &root) == SPEC_OK &&
        json_member(root, "error");
    json_free(root);
    return said || sim_fail(s, SIM_MISS, "exit status 0, and no .error in its output");
}

bool expect_run(struct sim *s, const struct script_step *step)
{
    bool of_process = step->expect.kind >= SCRIPT_EXPECT_EXIT;

    if (of_process && !s->config->process)
        return sim_fail(s, SIM_TROUBLE, "the subject's process is out of reach");
    switch (step->expect.kind) {
    case SCRIPT_EXPECT_EVENT:
        return expect_event(control_get(s, step->who), step);
    case SCRIPT_EXPECT_NOTHING:
        return expect_nothing(control_get(s, step->who), step);
    case SCRIPT_EXPECT_ALIVE:
        return alive_run(s, step);
    case SCRIPT_EXPECT_EXIT:
        return expect_exit(s, step);
    case SCRIPT_EXPECT_FAILURE:
        return expect_failure(s, step);
    default:
        return expect_output(s, step);
    }
}

/* The branch whose first step wants what comes first; it commits. */
bool expect_either(struct sim *s, const struct script_step *step, size_t *branch)
{
    uint64_t deadline = deadline_of(s, step), since = sim_now();

    for (size_t k = 0; k < step->branches.n;
         k++) /* a longer deadline of one branch holds for all */
        deadline = MAX(deadline, deadline_of(s, &step->branches.at[k].at[0]));
    for (;;) {
        const struct event *e = NULL;
        struct control *c = NULL;
        for (size_t k = 0; k < step->branches.n; k++) {
            const struct script_step *first = &step->branches.at[k].at[0];
            c = control_get(s, first->who);
            if ((e = control_head(c)) && match(&first->expect, e)) {
                *branch = k;
                return true;
            }
        }
        if (sim_failed(s))
            return false;
        if (e && !flow_pop_ignored(c, e))
            return fail_with(c, e, ", which no branch expects");
        if (!e && sim_now() >= deadline)
            return sim_check_process(s, 0) &&
                   sim_fail(s, SIM_TIMEOUT, "nothing in %.1f s", (double)(sim_now() - since) / 1e9);
        if (!e)
            sim_pump(s, deadline);
    }
}
