/* worker.c - one worker: makes a session, plays it, and looks into what is suspicious.
 *
 * A server process is kept for many sessions, since starting one costs more than a session. So a
 * suspicion may fall on the wrong one: each is played again against a new process, and only what
 * shows there is a finding. */
#include "harness/fuzz/worker.h"

#include "harness/fuzz/draw.h"
#include "harness/fuzz/mutate.h"
#include "harness/session/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HONEST_SHARE  8   /* one session in so many tells no lie that the one before did not */
#define RENEW_EVERY   400 /* sessions that one process meets */
#define REFRESH_EVERY 256 /* sessions between two looks at what others have found */
#define TROUBLES_MAX  20  /* in a row: the subject cannot be played against any more */
#define MUTE_MAX      3   /* correct sessions: nobody is there who could be fuzzed */
#define WARM_UP       4   /* sessions in which a process may grow */
#define GROWTH_BYTES  (256u << 10) /* of one session: suspicious */

/* --- making sessions ------------------------------------------------------------------------- */

/* The recipe of a run depends on its number, the seed and the corpus alone. */
static struct recipe draw_recipe(const struct worker *w, uint64_t run)
{
    struct recipe r = {.run = run};
    uint64_t seed = w->settings->seed * 0x100000001b3u + run;

    draw_next(&seed);
    r.seed = draw_next(&seed);
    snprintf(r.base, sizeof r.base, "%s", corpus_draw(&w->corpus, &seed)->name);
    snprintf(r.other, sizeof r.other, "%s", corpus_draw(&w->corpus, &seed)->name);
    return r;
}

bool worker_make_case(const struct corpus *corpus, const struct recipe *r, struct fuzz_case *c)
{
    const struct fuzz_case *base = corpus_find(corpus, r->base);
    const struct fuzz_case *other = corpus_find(corpus, r->other);
    struct mutator m = {.seed = r->seed, .has_streams = true};

    if (!base)
        return false;
    fuzz_case_copy(base, c);
    mutate_tidy(&c->session);
    if (r->seed == 0)
        return true;
    if (draw(&m.seed, HONEST_SHARE) == 0) {
        mutate_values(&m, &c->session);
        return true;
    }
    if (other && draw(&m.seed, 16) == 0 && other->session.we_serve == base->session.we_serve) {
        session_fini(&c->session);
        mutate_cross(&m, &base->session, &other->session, &c->session);
    }
    mutate_session(&m, &c->session, other ? &other->session : NULL);
    return true;
}

/* --- suspicion ------------------------------------------------------------------------------- */

/* One of the sessions since the server was last seen to serve, the last one before the others. */
static void look_into_recent(struct worker *w, const char *key, enum sim_cause suspicion)
{
    bool found = false;

    /* A server elsewhere stays gone, whatever is played: what it did not answer came too late. */
    if (w->settings->suite.remote && w->n_answered > 0)
        w->n_recent = w->n_answered;
    for (size_t i = w->n_recent; i-- > 0 && !found && !*w->stop;)
        found = worker_look_into(w, &w->recent[i], suspicion);
    if (!found)
        worker_dismiss(w, key);
    w->n_recent = 0;
    w->n_met = 0;
    player_renew(&w->player);
}

/* --- one session after the other ------------------------------------------------------------- */

static bool has_grown(const struct worker *w, const struct verdict *v)
{
    if (w->n_met < WARM_UP || v->before.memory == 0 || v->after.memory == 0)
        return false;
    return v->after.descriptors > v->before.descriptors || v->after.threads > v->before.threads ||
           v->after.memory > v->before.memory + GROWTH_BYTES;
}

/* The state it got to is what tells leaks apart. */
static void suspect_growth(struct worker *w, const struct recipe *r, const struct verdict *v)
{
    char key[200];
    const char *last = text_string(&v->reactions), *line;

    while ((line = strchr(last, '\n')) && line[1])
        last = line + 1;
    snprintf(key, sizeof key, "growth %.*s", (int)strcspn(last, "\n"), last);
    if (worker_is_settled(w, key))
        return;
    if (!worker_look_into(w, r, SIM_LEAK))
        worker_dismiss(w, key);
    w->n_recent = 0;
    w->n_met = 0;
}

/* What cannot be kept cannot be played again: that is the end of the run. */
static void tell_trouble(struct worker *w, const char *what)
{
    snprintf(w->counts->trouble, sizeof w->counts->trouble, "%s cannot be written: %s", what,
             strerror(errno));
    w->counts->has_trouble = true;
}

/* What tells a session from others of that number. */
static unsigned mark_of(const struct recipe *r)
{
    const char *const names[] = {r->base, r->other};
    uint64_t mark = r->seed;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (const char *at = names[i]; *at; at++)
            mark = (mark ^ (uint8_t)*at) * 0x100000001b3u;
    return (unsigned)(mark >> 32);
}

/* What is kept is the session as it went, without what was proposed in vain. */
static void keep(struct worker *w, const struct recipe *r, const struct fuzz_case *c,
                 const struct verdict *v)
{
    struct fuzz_case kept;
    char name[64];

    fuzz_case_of_record(c, &v->record, v->record.n, &kept);
    mutate_tidy(&kept.session);
    /* A folder may be that of many runs, whose journals name what is in it. */
    snprintf(name, sizeof name, "s%08" PRIu64 "-%08x", r->run, mark_of(r));
    if (!corpus_add(&w->corpus, name, &kept))
        tell_trouble(w, "the corpus");
    fuzz_case_fini(&kept);
}

static void learn(struct worker *w, const struct recipe *r, const struct fuzz_case *c,
                  const struct verdict *v)
{
    unsigned fresh = novelty_take(&w->novelty, &v->reactions, &v->said) +
                     novelty_take_edges(&w->novelty, &v->edges);

    if (fresh > 0)
        w->counts->last_new_ns = now_ns();
    if (fresh > 0 && r->run >= w->n_first && !w->settings->is_blind)
        keep(w, r, c, v);
    w->counts->corpus = w->corpus.n;
    w->counts->states = w->novelty.n_states;
    w->counts->reactions = w->novelty.n_reactions;
    w->counts->edges = w->novelty.n_edges;
    w->counts->features = w->novelty.n;
}

/* Where a command is not what starts a client, nothing would ever be found. */
static void look_for_life(struct worker *w, const struct recipe *r, const struct fuzz_case *c,
                          const struct verdict *v)
{
    bool is_client = c->session.we_serve;
    struct text words = {0};

    w->is_alive[is_client] |= v->reactions.len > 0 || v->cause != SIM_OK;
    if (w->is_alive[is_client] || r->run >= w->corpus.n_seeds || ++w->n_mute[is_client] < MUTE_MAX)
        return;
    text_add(&words, text_string(&v->said), strcspn(text_string(&v->said), "\n"));
    text_make_plain(&words);
    snprintf(w->counts->trouble, sizeof w->counts->trouble,
             "as %s it does nothing in a correct session%s%.200s", is_client ? "client" : "server",
             words.len > 0 ? ", and prints: " : "", text_string(&words));
    w->counts->has_trouble = true;
    text_fini(&words);
}

static void judge(struct worker *w, const struct recipe *r, const struct fuzz_case *c,
                  const struct verdict *v)
{
    bool is_server = !c->session.we_serve;

    if (v->cause == SIM_TROUBLE) {
        snprintf(w->counts->trouble, sizeof w->counts->trouble, "run %" PRIu64 ": %s", r->run,
                 text_string(&v->got));
        w->counts->has_trouble = ++w->n_troubles == TROUBLES_MAX;
        w->n_recent = 0;
        return;
    }
    w->n_troubles = 0;
    if (v->cause != SIM_OK) {
        if (!worker_is_settled(w, v->key))
            look_into_recent(w, v->key, v->cause);
        w->n_recent = 0;
        w->n_met = 0;
    } else if (is_server && has_grown(w, v)) {
        suspect_growth(w, r, v);
    } else if (is_server && (v->was_silent || w->n_recent >= CHECK_EVERY)) {
        if (!player_serves(&w->player, QUICK_S))
            look_into_recent(w, "no service", SIM_NO_SERVICE);
        w->n_recent = 0;
    }
}

/* Nothing is played that could not be played again. */
static bool is_noted(struct worker *w, const struct recipe *r)
{
    bool ok = journal_play(&w->journal, r);

    if (!ok)
        tell_trouble(w, "the journal");
    return ok;
}

static void play_one(struct worker *w, uint64_t run)
{
    struct recipe r = draw_recipe(w, run);
    struct fuzz_case c;
    struct verdict v;

    if (run < w->n_first) {
        snprintf(r.base, sizeof r.base, "%s", w->corpus.at[run].name);
        r.seed = 0;
    }
    if (!is_noted(w, &r) || !worker_make_case(&w->corpus, &r, &c))
        return;
    w->counts->runs++;
    player_play(&w->player, &c, (struct play_how){.is_kept = !c.session.we_serve}, &v);
    w->n_answered = w->n_recent == 0 ? 0 : w->n_answered;
    w->recent[w->n_recent++] = r;
    if (v.reactions.len > 0)
        w->n_answered = w->n_recent;
    w->n_met = w->player.serve.subject.running ? w->n_met + 1 : 0;
    learn(w, &r, &c, &v);
    look_for_life(w, &r, &c, &v);
    judge(w, &r, &c, &v);
    if (w->n_recent > CHECK_EVERY || c.session.we_serve)
        w->n_recent = 0;
    if (w->n_met >= RENEW_EVERY) {
        player_renew(&w->player);
        w->n_met = 0;
    }
    verdict_fini(&v);
    fuzz_case_fini(&c);
}

/* --- the whole ------------------------------------------------------------------------------- */

static const char *corpus_dir(const struct fuzz_settings *s, char *room, size_t cap)
{
    if (s->corpus)
        return s->corpus;
    snprintf(room, cap, "%s/corpus", s->findings);
    return room;
}

static bool open_all(struct worker *w)
{
    const struct fuzz_settings *s = w->settings;
    char seen[1200];

    snprintf(seen, sizeof seen, "%s/seen-%u", s->findings, w->number);
    const char *dir = corpus_dir(s, w->corpus_dir, sizeof w->corpus_dir);
    bool has_corpus = corpus_open(&w->corpus, dir, s->servers, s->clients);
    bool ok = has_corpus && novelty_open(&w->novelty, seen) &&
              journal_open(&w->journal, s->findings, w->number);
    /* A user's sessions are wanted as they are; those of an earlier run were played. */
    bool has_users = s->corpus && !s->resumes;
    w->n_first = has_users ? w->corpus.n : w->corpus.n_seeds;
    if (!ok)
        snprintf(w->counts->trouble, sizeof w->counts->trouble, "%s: %s",
                 has_corpus ? s->findings : dir, strerror(errno));
    w->counts->has_trouble = !ok;
    return ok;
}

/* What was being looked into when an earlier run ended, which may have had other workers. */
static void take_up(struct worker *w)
{
    const struct fuzz_settings *s = w->settings;

    for (unsigned i = w->number; i < s->n_journals && !*w->stop; i += s->jobs) {
        struct journal asks;
        struct recipe r;
        struct debt question;
        if (!journal_open_question(s->findings, i, &question) ||
            !journal_find(s->findings, question.run, &r))
            continue;
        worker_look_into(w, &r, sim_cause_of_word(question.cause));
        if (journal_open(&asks, s->findings, i))
            journal_settle(&asks, question.run);
        journal_close(&asks);
    }
}

/* What was found then, and not made small. */
static void take_debts(struct worker *w)
{
    const struct fuzz_settings *s = w->settings;
    struct recipe r;

    for (size_t i = w->number; i < s->n_debts && !*w->stop; i += s->jobs)
        if (journal_find(s->findings, s->debts[i].run, &r))
            worker_take_debt(w, &r, sim_cause_of_word(s->debts[i].cause));
}

static bool is_over(const struct worker *w)
{
    const struct fuzz_settings *s = w->settings;

    return *w->stop || w->is_gone || w->counts->has_trouble ||
           (s->seconds > 0 && (double)(now_ns() - w->began_ns) > s->seconds * 1e9) ||
           (s->stops_at_first && w->counts->findings > 0);
}

void fuzz_work(const struct fuzz_settings *settings, unsigned number, bool own_network,
               struct fuzz_counts *counts, const volatile bool *stop)
{
    struct worker *w = text_realloc(NULL, sizeof *w);

    *w = (struct worker){.settings = settings,
                         .counts = counts,
                         .stop = stop,
                         .number = number,
                         .began_ns = now_ns()};
    player_init(&w->player, &settings->suite, own_network);
    if (open_all(w)) {
        uint64_t run = number;
        while (run < settings->first)
            run += settings->jobs;
        take_up(w);
        take_debts(w);
        for (; run < settings->runs && !is_over(w); run += settings->jobs) {
            play_one(w, run);
            if (counts->runs % REFRESH_EVERY == 0 && settings->jobs > 1 && !settings->is_blind)
                corpus_refresh(&w->corpus);
        }
        worker_make_small(w);
    }
    journal_close(&w->journal);
    novelty_close(&w->novelty);
    corpus_close(&w->corpus);
    player_fini(&w->player);
    free(w);
}

int fuzz_rerun(const struct fuzz_settings *settings, uint64_t n)
{
    struct corpus corpus;
    struct recipe r;
    struct player *player = text_realloc(NULL, sizeof *player);
    struct fuzz_case c = {.subject = ""};
    struct text script = {0};
    struct verdict v = {.cause = SIM_TROUBLE};
    char dir[1100];

    corpus_open(&corpus, corpus_dir(settings, dir, sizeof dir), true, true);
    bool is_found = journal_find(settings->findings, n, &r);
    bool ok = is_found && worker_make_case(&corpus, &r, &c);
    if (ok) {
        fuzz_case_write(&c, "rerun", NULL, "INT-3", NULL, &script);
        fputs(text_string(&script), stdout);
        player_init(player, &settings->suite, subject_enter_own_network());
        player_play(player, &c, (struct play_how){.alive_s = PATIENT_S}, &v);
        printf("\n%s%s%s\n%s", sim_cause_word(v.cause), v.got.len ? ": " : "", text_string(&v.got),
               text_string(&v.reactions));
        player_fini(player);
    } else if (is_found) {
        fprintf(stderr,
                "iperfspec fuzz: %s: run %" PRIu64 " was made from %s, which is not in it "
                "(--corpus)\n",
                corpus.dir, n, r.base);
    } else {
        fprintf(stderr, "iperfspec fuzz: %s: there is no run %" PRIu64 "\n", settings->findings, n);
    }
    verdict_fini(&v);
    text_fini(&script);
    fuzz_case_fini(&c);
    corpus_close(&corpus);
    free(player);
    return !ok || v.cause == SIM_TROUBLE ? 3 : v.cause != SIM_OK;
}
