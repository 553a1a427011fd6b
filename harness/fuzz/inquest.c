/* inquest.c - whether it was that session: what is suspicious is played again against a new
 * process, and what shows there is a finding, written down and made small. */
#include "harness/fuzz/finding.h"
#include "harness/fuzz/minimise.h"
#include "harness/fuzz/worker.h"
#include "harness/session/clock.h"

#include <errno.h>
#include <string.h>

#define SHORT_S      1 /* while it is made small; what is left is asked patiently */
#define STRICT_PLAYS 3 /* of a finding's script, to tell whether it shows each time */
#define DISMISSALS   2 /* of one suspicion, then it is looked into no more */

static struct dismissed *find_dismissed(struct worker *w, const char *key)
{
    for (size_t i = 0; i < w->n_dismissed; i++)
        if (strcmp(w->dismissed[i].key, key) == 0)
            return &w->dismissed[i];
    return NULL;
}

void worker_dismiss(struct worker *w, const char *key)
{
    struct dismissed *d = find_dismissed(w, key);

    if (!d && w->n_dismissed < DISMISSED_MAX) {
        d = &w->dismissed[w->n_dismissed++];
        snprintf(d->key, sizeof d->key, "%s", key);
    }
    if (d)
        d->times++;
}

bool worker_is_settled(struct worker *w, const char *key)
{
    const struct dismissed *d = find_dismissed(w, key);

    if (finding_is_known(w->settings->findings, key)) {
        w->counts->repeats++;
        return true;
    }
    return d && d->times >= DISMISSALS;
}

static struct play_how how_to_show(enum sim_cause cause, unsigned within_s)
{
    return (struct play_how){.is_repeated = cause == SIM_LEAK, .alive_s = within_s};
}

static void write_finding(struct worker *w, struct finding *f, const struct fuzz_case *c,
                          const struct session *record)
{
    struct text script = {0};

    finding_script(f, c, record, &script);
    if (!finding_write(w->settings->findings, f, &script)) {
        w->counts->has_trouble = true;
        snprintf(w->counts->trouble, sizeof w->counts->trouble, "a finding cannot be written: %s",
                 strerror(errno));
    }
    text_fini(&script);
}

/* The script as it will be played by others: how often does it show? */
static void play_strictly(struct worker *w, struct finding *f, const struct fuzz_case *c,
                          const struct session *record)
{
    struct text script = {0};

    finding_script(f, c, record, &script);
    for (f->n_played = 0, f->n_shown = 0; f->n_played < STRICT_PLAYS && !*w->stop; f->n_played++) {
        enum sim_cause cause = player_play_script(&w->player, text_string(&script));
        f->n_shown += cause == f->cause;
    }
    text_fini(&script);
}

static struct finding finding_of(const struct verdict *v, uint64_t run)
{
    return (struct finding){.key = v->key,
                            .cause = v->cause,
                            .clause = v->clause,
                            .offset = v->offset,
                            .got = text_string(&v->got),
                            .run = run};
}

/* c shows the verdict: make it small, and write it down again. False if what came of it does not
 * show it. */
static bool make_small(struct worker *w, uint64_t run, struct fuzz_case *c, struct verdict *v,
                       struct play_how how)
{
    struct finding f = finding_of(v, run);
    struct minimise m = {
        .player = &w->player,
        .how = {.is_repeated = how.is_repeated, .alive_s = how.alive_s ? SHORT_S : 0},
        .key = v->key,
        .deadline_ns = now_ns() + (uint64_t)(w->settings->minimise_s * 1e9),
        .stop = w->stop
    };
    struct verdict last;

    minimise_case(&m, c);
    how.alive_s = how.alive_s ? PATIENT_S : 0;
    player_play(&w->player, c, how, &last);
    bool shows = strcmp(last.key, v->key) == 0;
    if (shows) {
        f.offset = last.offset;
        f.is_minimal = now_ns() < m.deadline_ns && !*w->stop;
        play_strictly(w, &f, c, &last.record);
        write_finding(w, &f, c, &last.record);
    }
    verdict_fini(&last);
    return shows;
}

/* What takes 64 sessions, or a deadline, to show. */
static bool is_slow(enum sim_cause cause)
{
    return cause == SIM_LEAK || cause == SIM_NO_SERVICE || cause == SIM_HANG;
}

static bool is_put_off(const struct worker *w, enum sim_cause cause)
{
    return is_slow(cause) && w->n_later < LATER_MAX && !w->settings->stops_at_first;
}

/* What was broken off is owed still. */
static void pay(struct worker *w, uint64_t run)
{
    if (!*w->stop)
        journal_pay(&w->journal, run);
}

/* c shows the verdict against a new process: write it down as it is, and make it small. */
static void report(struct worker *w, const struct recipe *r, struct fuzz_case *c, struct verdict *v,
                   struct play_how how)
{
    bool is_remote = w->settings->suite.remote != NULL;

    if (is_remote) { /* which is gone: what was played last is not what brought that about */
        session_fini(&v->record);
        session_copy(&c->session, &v->record);
        verdict_make_key(v);
    }
    struct finding f = finding_of(v, r->run);
    if (!is_remote)
        journal_owe(&w->journal, r->run, sim_cause_word(v->cause));
    write_finding(w, &f, c, &v->record);
    w->counts->findings++;
    if (is_remote) { /* each smaller one would show the same: it is gone already */
        w->is_gone = !player_serves(&w->player, PATIENT_S);
    } else if (!is_put_off(w, v->cause)) {
        if (make_small(w, r->run, c, v, how))
            pay(w, r->run);
    } else {
        w->later[w->n_later++] = (struct later){*r, how};
    }
}

bool worker_look_into(struct worker *w, const struct recipe *r, enum sim_cause suspicion)
{
    struct play_how how = how_to_show(suspicion, QUICK_S);
    struct fuzz_case c;
    struct verdict v;
    bool found = false;

    if (!worker_make_case(&w->corpus, r, &c))
        return false;
    journal_suspect(&w->journal, r->run, sim_cause_word(suspicion));
    player_play(&w->player, &c, how, &v);
    if ((v.cause == SIM_NO_SERVICE || v.cause == SIM_HANG) && !worker_is_settled(w, v.key)) {
        /* It may be slow: builds wait for up to 30 s in places. */
        struct verdict patient;
        how.alive_s = PATIENT_S;
        player_play(&w->player, &c, how, &patient);
        how.alive_s = QUICK_S;
        if (patient.cause != v.cause)
            worker_dismiss(w, v.key);
        else
            found = true;
        verdict_fini(&patient);
    } else if (v.cause != SIM_OK && v.cause != SIM_TROUBLE && !worker_is_settled(w, v.key)) {
        found = true;
    }
    if (found)
        report(w, r, &c, &v, how);
    journal_settle(&w->journal, r->run);
    verdict_fini(&v);
    fuzz_case_fini(&c);
    return found;
}

static void make_later_small(struct worker *w, struct later *l)
{
    struct fuzz_case c;
    struct verdict v;

    if (!worker_make_case(&w->corpus, &l->recipe, &c))
        return;
    l->how.alive_s = PATIENT_S; /* it was confirmed: what is slow today is no other finding */
    player_play(&w->player, &c, l->how, &v);
    bool is_other = v.cause != SIM_OK && !finding_is_known(w->settings->findings, v.key);
    if (is_other || (v.cause != SIM_OK && make_small(w, l->recipe.run, &c, &v, l->how)))
        pay(w, l->recipe.run); /* what did not show this time may do so when it is resumed */
    verdict_fini(&v);
    fuzz_case_fini(&c);
}

void worker_take_debt(struct worker *w, const struct recipe *r, enum sim_cause cause)
{
    struct later l = {*r, how_to_show(cause, QUICK_S)};

    if (is_put_off(w, cause))
        w->later[w->n_later++] = l;
    else
        make_later_small(w, &l);
}

void worker_make_small(struct worker *w)
{
    for (size_t i = 0; i < w->n_later && !*w->stop; i++)
        make_later_small(w, &w->later[i]);
}
