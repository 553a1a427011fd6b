/* alive.c - `expect alive`: does the server serve a complete correct session now?
 *
 * Stock servers open their listener anew after each test (CONN-5), and some are busy with the last
 * one for up to 20 s; so what fails before the server's first byte is tried again until the
 * deadline. */
#include "harness/sim/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MIN_MS  1
#define PAUSE_MAX_MS  12000 /* more than the timers of 10 s that each attempt can start anew */
#define LAST_WORDS_MS 2000  /* for a process that dies of a session to be gone */
#define SLOW_NS       1000000000u /* a service that took so long is worth a word */

static void close_one(struct control *c)
{
    lanes_close(c);
    control_close(c, false);
}

static void close_all(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++)
        close_one(s->controls[i]);
}

/* What a subject said and nobody asked for. */
static bool nothing_left(struct sim *s)
{
    for (size_t i = 0; i < s->n_controls; i++) {
        struct control *c = s->controls[i];
        const struct event *e;
        while ((e = control_head(c)) && e->kind != EVENT_END && e->kind != EVENT_RESET) {
            struct text got = {0};
            if (flow_pop_ignored(c, e))
                continue;
            event_describe(e, &got);
            sim_fail(s, SIM_MISS, "%s, which nothing in the script expects", text_string(&got));
            text_fini(&got);
            return false;
        }
    }
    return true;
}

/* Refused, reset, ended or denied before 09: not yet. */
static bool is_not_yet(const struct control *c)
{
    return !c->got_byte || (c->n_events > 0 && control_head(c)->kind == EVENT_STATE &&
                            control_head(c)->state == ACCESS_DENIED);
}

/* A server that wants a token gets one; others ignore it (AUTH-1). */
static void authenticate(struct control *c)
{
    static const struct script_token token = {
        .user = "mario", .password = "rossi", .is_relative = true};
    struct text value = {0}, why = {0};

    if (c->sim->config->keys && token_make(c->sim, &token, &value, &why)) {
        value.at[value.len - 1] = '\0'; /* quotes */
        if (params_set_text(&c->params, PARAM_authtoken, value.at + 1) == SPEC_OK)
            params_mark(&c->params, PARAM_authtoken);
    }
    text_fini(&value);
    text_fini(&why);
}

/* How long to wait before the next attempt: as told, but never beyond half of what is left, so that
 * the last attempts lie close to the deadline. 0: there is no time left for one. */
static int64_t pause_before_next(int64_t pause_ms, uint64_t deadline)
{
    uint64_t now = now_ns();

    return deadline > now ? MIN(pause_ms, (int64_t)((deadline - now) / 2000000)) : 0;
}

static struct control *attempt(struct sim *s, uint64_t deadline, bool *ok)
{
    struct control *c = control_new(s, SESSION_PROBE);
    uint64_t now = now_ns();
    int64_t left = deadline > now ? (int64_t)((deadline - now) / 1000000) : 0;

    c->is_probe = true;
    params_fini(&c->params); /* a plain session, whatever the header says */
    params_init(&c->params);
    message_set_params(&c->params,
                       "{\"tcp\":true,\"omit\":0,\"time\":1,\"num\":0,\"blockcount\":0,"
                       "\"parallel\":1,\"len\":8192,"
                       "\"pacing_timer\":1000,\"client_version\":\"3.18\"}",
                       &c->why);
    authenticate(c);
    *ok = flow_advance(c, 0, left);
    return c;
}

static void forget(struct sim *s)
{
    control_free(s->controls[--s->n_controls]);
}

static void note_time(struct sim *s, uint64_t took_ns)
{
    if (took_ns >= SLOW_NS)
        text_addf(&s->out->branches, "%sserved after %.1f s", s->out->branches.len ? "; " : "",
                  (double)took_ns / 1e9);
}

static bool run(struct sim *s, const struct script_step *step)
{
    uint64_t since = now_ns();
    int64_t usual_ms = s->config->alive_ms > 0 ? s->config->alive_ms : ALIVE_MS;
    uint64_t deadline = sim_deadline(s, step->within_ms >= 0 ? step->within_ms : usual_ms);
    int64_t pause_ms = PAUSE_MIN_MS;
    unsigned attempts = 0;

    if (!s->config->is_lenient && !nothing_left(s))
        return false;
    if (!step->expect.meanwhile)
        close_all(s);
    for (;;) {
        struct text last = {0};
        bool ok;
        if (!sim_check_process(s, 0))
            return false;
        struct control *c = attempt(s, deadline, &ok);
        attempts++;
        if (ok) {
            s->out->served_ns = now_ns() - since;
            note_time(s, s->out->served_ns);
            close_one(c);
            return true;
        }
        bool retry = is_not_yet(c) && (s->out->cause == SIM_MISS || s->out->cause == SIM_TIMEOUT);
        text_adds(&last, text_string(&s->out->got));
        if (retry || s->out->cause == SIM_MISS || s->out->cause == SIM_TIMEOUT) {
            s->out->cause = SIM_OK;
            text_fini(&s->out->got);
            sim_check_process(s, retry ? 0 : LAST_WORDS_MS);
        }
        int64_t wait_ms = pause_before_next(pause_ms, deadline);
        if (!sim_failed(s) && (!retry || wait_ms == 0))
            sim_fail(s, SIM_NO_SERVICE, "no complete session in %.1f s, %u attempt%s; the last: %s",
                     (double)(now_ns() - since) / 1e9, attempts, attempts == 1 ? "" : "s",
                     text_string(&last));
        text_fini(&last);
        forget(s);
        if (sim_failed(s))
            return false;
        sim_pause(s, wait_ms);
        pause_ms = MIN(pause_ms * 2, PAUSE_MAX_MS);
    }
}

bool alive_run(struct sim *s, const struct script_step *step)
{
    s->is_probing = true;
    bool ok = run(s, step);
    s->is_probing = false;
    return ok;
}
