/* judge.h - an observer that remembers what it was told and what it reported, for tests. */
#pragma once
#include "impl/tests/vector.h"
#include "impl/wire/clause.h"
#include "impl/wire/observer.h"
#include "impl/wire/state.h"

struct judge {
    struct observer *o;
    unsigned n_violations, n_messages, n_against[2], n_never_right[2];
    struct observer_violation first;
    uint64_t last_ns; /* of the last message */
    char seen[512];   /* messages: C or S and what, "C=cookie" */
};

static inline void note_message(void *context, const struct observer_message *m)
{
    struct judge *j = context;
    size_t n = strlen(j->seen);
    char what[32];

    j->n_messages++;
    j->last_ns = m->at_ns;
    assert_non_null(m->phase);
    switch (m->kind) {
    case OBSERVER_STATE:
        snprintf(what, sizeof what, "%02x", (unsigned)(uint8_t)m->state);
        break;
    case OBSERVER_ERROR:
        snprintf(what, sizeof what, "fe%d:%d:%d", m->n_ints, m->ierr, m->os_errno);
        break;
    default:
        snprintf(what, sizeof what, "%s",
                 (const char *[]){"cookie", "", "", "json", "end", "reset", "stray"}[m->kind]);
    }
    snprintf(j->seen + n, sizeof j->seen - n, "%s%c%s", n > 0 ? " " : "",
             m->from == OBSERVER_CLIENT ? 'C' : 'S', what);
}

static inline void note_violation(void *context, const struct observer_violation *v)
{
    struct judge *j = context;

    if (j->n_violations++ == 0)
        j->first = *v;
    j->n_against[v->by]++;
    j->n_never_right[v->by] += v->is_never_right;
    const struct clause *clause = clause_find(v->clause);
    if (clause == NULL || clause->level > CLAUSE_SHOULD_NOT)
        fail_msg("%s is no clause to judge by", v->clause);
    assert_true(v->expected[0] != '\0' && v->found[0] != '\0');
}

static inline void judge_init_new(struct judge *j, bool judge_new)
{
    struct observer_config config = {
        .vantage = OBSERVER_BETWEEN,
        .message = note_message,
        .violation = note_violation,
        .context = j,
        .judge_client = true,
        .judge_server = true,
        .judge_new = judge_new,
    };

    memset(j, 0, sizeof *j);
    j->o = observer_new(&config);
    assert_non_null(j->o);
}

static inline void judge_init(struct judge *j)
{
    judge_init_new(j, false);
}

static inline void judge_fini(struct judge *j)
{
    observer_free(j->o);
}

static inline enum observer_side side_of(char from)
{
    return from == 'C' ? OBSERVER_CLIENT : OBSERVER_SERVER;
}

static inline void see(struct judge *j, char from, struct bytes bytes, size_t step)
{
    for (size_t at = 0; at < bytes.len;) {
        size_t n = step == 0 ? bytes.len : MIN(step, bytes.len - at);
        assert_int_equal(observer_bytes(j->o, side_of(from), 1, (struct bytes){bytes.at + at, n}),
                         SPEC_OK);
        at += n;
    }
}

static inline void see_record(struct judge *j, const struct vector_record *r, size_t step)
{
    if (r->kind == VECTOR_BYTES)
        see(j, r->from, (struct bytes){r->bytes, r->len}, step);
    else
        observer_end(j->o, side_of(r->from), 1, r->kind == VECTOR_RESET);
}
