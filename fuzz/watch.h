/* watch.h - an observer beside a machine under test: it remembers what it reported, and aborts on a
 * report that no observer may make. */
#pragma once
#include "fuzz/fuzz.h"

#include "impl/wire/clause.h"
#include "impl/wire/observer.h"

struct watch {
    struct observer *o;
    struct fuzz_log log; /* messages and violations, in order */
    unsigned n_messages;
    size_t n_missing;         /* bytes in gaps; the target's to count */
    unsigned n_violations[2]; /* by enum observer_side */
    struct observer_violation first[2];
    uint64_t offset[2]; /* of the last message */
    bool is_over[2];
};

/* All that a message says, but for when. */
static inline void watch_note(struct fuzz_log *log, const struct observer_message *m)
{
    const uint64_t facts[] = {m->from,
                              (uint64_t)m->kind,
                              m->offset,
                              m->len,
                              (uint64_t)m->state,
                              (uint64_t)m->n_ints,
                              (uint32_t)m->ierr,
                              (uint32_t)m->os_errno,
                              m->announced};

    fuzz_note(log, facts, sizeof facts);
    fuzz_note(log, m->text.at, m->text.len);
}

static inline void watch_message(void *context, const struct observer_message *m)
{
    struct watch *w = context;

    FUZZ_CHECK(!w->is_over[m->from], "a message behind the end of side %d", m->from);
    FUZZ_CHECK(m->offset >= w->offset[m->from], "offset %llu", (unsigned long long)m->offset);
    FUZZ_CHECK(m->phase != NULL, "no phase");
    w->n_messages++;
    w->offset[m->from] = m->offset;
    w->is_over[m->from] = m->kind == OBSERVER_END || m->kind == OBSERVER_RESET;
    if (m->kind == OBSERVER_STRAY) /* told in the pieces in which it came */
        return;
    fuzz_note_u64(&w->log, m->at_ns);
    watch_note(&w->log, m);
}

static inline void watch_violation(void *context, const struct observer_violation *v)
{
    struct watch *w = context;
    const struct clause *clause = clause_find(v->clause);

    FUZZ_CHECK(clause != NULL && clause->level <= CLAUSE_SHOULD_NOT, "%s is no clause to judge by",
               v->clause);
    FUZZ_CHECK(v->expected[0] != '\0' && v->found[0] != '\0', "%s without words", v->clause);
    if (w->n_violations[v->by]++ == 0)
        w->first[v->by] = *v;
    fuzz_note(&w->log, v->clause, strlen(v->clause) + 1);
    fuzz_note(&w->log, v->found, strlen(v->found) + 1);
    fuzz_note_u64(&w->log, v->offset);
}

static inline void watch_init(struct watch *w, bool judge_new, bool judge_client, bool judge_server)
{
    struct observer_config config = {
        .vantage = OBSERVER_BETWEEN,
        .message = watch_message,
        .violation = watch_violation,
        .context = w,
        .judge_client = judge_client,
        .judge_server = judge_server,
        .judge_new = judge_new,
    };

    *w = (struct watch){0};
    w->o = observer_new(&config);
    if (w->o == NULL)
        abort();
}

static inline void watch_fini(struct watch *w)
{
    observer_free(w->o);
    fuzz_log_fini(&w->log);
}

static inline void watch_bytes(struct watch *w, enum observer_side from, uint64_t at_ns,
                               struct bytes bytes)
{
    enum spec_err err = observer_bytes(w->o, from, at_ns, bytes);

    FUZZ_CHECK(err == SPEC_OK, "%d", err);
}

/* What side did wrong first, in words; static. */
static inline const char *watch_words(const struct watch *w, enum observer_side side)
{
    static char words[400];
    const struct observer_violation *v = &w->first[side];

    if (w->n_violations[side] == 0)
        return "nothing";
    snprintf(words, sizeof words, "%s: expected %s, found %s", v->clause, v->expected, v->found);
    return words;
}
