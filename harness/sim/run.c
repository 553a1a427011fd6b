/* run.c - plays the steps of a script, one after the other, and judges the end of the case. */
#include "harness/sim/peer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sim_blame(struct sim *s, const struct script_step *step)
{
    if (s->out->line != 0) /* the innermost step of a block is named */
        return;
    s->out->line = step->line;
    s->out->clause = s->out->clause ? s->out->clause : step->clause;
    script_print_step(step, &s->out->step);
    if (strcmp(step->file, s->config->script->file) != 0)
        text_addf(&s->out->step, "  # in %s", step->file);
}

/* A step that did not go as written, where that does not matter. */
static bool leave_out(struct sim *s)
{
    enum sim_cause cause = s->out->cause;

    bool is_harmless = cause == SIM_MISS || cause == SIM_TIMEOUT || cause == SIM_TROUBLE;

    if (!s->config->is_lenient || !is_harmless)
        return false;
    s->was_lenient = true;
    s->out->cause = SIM_OK;
    s->out->line = 0;
    s->out->clause = NULL;
    text_fini(&s->out->got);
    text_fini(&s->out->step);
    return true;
}

/* When the step's wait begins: a block around it began it earlier. */
static uint64_t wait_begins(struct sim *s)
{
    uint64_t since = s->waiting_since ? s->waiting_since : now_ns();

    s->waiting_since = s->came_ns = 0;
    return since;
}

/* `within T1..T2`, whatever the step waited for: it must not be over before T1, nor behind T2,
 * which a block around it may not have heeded. */
static bool took_its_time(struct sim *s, const struct script_step *step, uint64_t since)
{
    uint64_t end = s->came_ns ? s->came_ns : now_ns();
    double took_s = (double)(MAX(end, since) - since) / 1e9;

    if (step->from_ms >= 0 && end < since + (uint64_t)step->from_ms * 1000000)
        return sim_fail(s, SIM_MISS, "over after %.3f s, and not before %.3f s were allowed",
                        took_s, (double)step->from_ms / 1000);
    if (s->until_ns && end > s->until_ns)
        return sim_fail(s, SIM_TIMEOUT, "over after %.3f s, and no more than %.3f s were allowed",
                        took_s, (double)(s->until_ns - since) / 1e9);
    return true;
}

static bool play_step(struct sim *s, const struct script_step *step)
{
    uint64_t since = wait_begins(s);

    s->until_ns = step->within_ms >= 0 ? since + sim_scaled_ns(s, step->within_ms) : 0;
    if (step_run(s, step) && !sim_failed(s) && took_its_time(s, step, since)) {
        s->done_line = step->line;
        s->done_ns = now_ns();
        return true;
    }
    if (leave_out(s))
        return true;
    sim_blame(s, step);
    return sim_fail(s, SIM_TROUBLE, "the step gave no reason");
}

bool sim_step(struct sim *s, const struct script_step *step)
{
    uint64_t outer = s->until_ns;
    bool ok = play_step(s, step);

    s->until_ns = outer;
    return ok;
}

bool sim_steps(struct sim *s, const struct script_steps *steps)
{
    struct place here = {.steps = steps, .outer = s->place};
    bool ok = true;

    s->place = &here;
    for (; here.at < steps->n && ok; here.at++)
        ok = sim_step(s, &steps->at[here.at]);
    s->place = here.outer;
    return ok;
}

/* --- the whole case -------------------------------------------------------------------------- */

static void close_case(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++) {
        lanes_close(s->controls[i]);
        control_close(s->controls[i], false);
    }
}

/* A client must come to an end once its server is gone, and whoever was told to end; else a server
 * must still be there. */
static void judge_rest(struct sim *s)
{
    const struct sim_process *p = s->config->process;
    int64_t hang_ms = s->config->hang_ms ? s->config->hang_ms : 2 * WAIT_MS;
    uint64_t deadline = sim_deadline(s, hang_ms);
    int status;

    if (sim_failed(s))
        return;
    if (!p || !s->end_is_wanted) {
        sim_check_process(s, 0);
        return;
    }
    while (!p->ended(p->context, &status) && !sim_failed(s)) {
        if (now_ns() >= deadline)
            sim_fail(s, SIM_HANG,
                     "the process is still running %lld s after the last connection was closed",
                     (long long)hang_ms / 1000);
        sim_pump(s, MIN(deadline, now_ns() + 50000000));
    }
    sim_check_process(s, 0);
}

void sim_drift(struct sim *s, const struct script_step *step, const char *clause,
               const char *format, ...)
{
    va_list args;

    if (s->drift_step)
        return;
    s->drift_step = step;
    s->drift_clause = clause;
    va_start(args, format);
    text_vaddf(&s->drift, format, args);
    va_end(args);
}

/* It counts if nothing worse came after it. */
static void tell_drift(struct sim *s)
{
    if (!s->drift_step || sim_failed(s))
        return;
    sim_fail(s, SIM_DRIFT, "%s", text_string(&s->drift));
    s->out->clause = s->drift_clause;
    sim_blame(s, s->drift_step);
}

/* What was tried again and then came up. Where it did not, the server may have been gone for good;
 * and a service check waits out the re-opening of the listener: its attempts do not count. */
static void count_retries(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++) {
        const struct control *c = s->controls[i];
        bool counts = c->retries > 0 && c->position > 0 && !c->is_probe;
        s->out->retries += counts;
        s->out->first_retried |= counts && i == 0;
    }
}

static void free_all(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++)
        control_free(s->controls[i]);
    for (size_t i = 0; i < s->n_pending; i++) {
        tap_close(&s->pending[i].tap, s->pending[i].fd, false);
        close(s->pending[i].fd);
    }
    free(s->controls);
    free(s->pending);
    free(s->ignored.at);
    free(s->backgrounds);
    text_fini(&s->drift);
    text_fini(&s->last_token);
}

void sim_run(const struct sim_config *config, struct sim_outcome *outcome)
{
    struct sim s = {.config = config,
                    .out = outcome,
                    .start_ns = now_ns(),
                    .segment_state = config->segment_seed};

    *outcome = (struct sim_outcome){.record.we_serve = config->script->plays_server};
    s.end_is_wanted = config->script->plays_server;
    sim_take_first(&s);
    bool is_played = sim_steps(&s, &config->script->steps);
    if (s.is_limited) /* what comes behind the case is no part of it */
        (void)config->process->limit(config->process->context, 0);
    if (is_played) {
        close_case(&s);
        judge_rest(&s);
        surplus_check_end(&s);
    }
    outcome->met_reopening = client_flow_met_reopening(&s);
    tell_drift(&s);
    close_case(&s);
    count_retries(&s);
    outcome->end_is_wanted = s.end_is_wanted;
    if (s.is_deaf) /* for the next session */
        step_hear_again(config->listener);
    free_all(&s);
}

void sim_outcome_fini(struct sim_outcome *o)
{
    text_fini(&o->step);
    text_fini(&o->got);
    text_fini(&o->branches);
    session_fini(&o->record);
}
