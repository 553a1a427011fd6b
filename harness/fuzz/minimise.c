#include "harness/fuzz/minimise.h"

#include "harness/fuzz/mutate.h"
#include "harness/suite/shrink.h"
#include "impl/wire/frame.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_over(const struct minimise *m)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return *m->stop || (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec >= m->deadline_ns;
}

static bool shows(struct minimise *m, const struct fuzz_case *c)
{
    struct verdict v;

    if (is_over(m))
        return false;
    m->trials++;
    player_play(m->player, c, m->how, &v);
    bool same = v.cause != SIM_OK && strcmp(v.key, m->key) == 0;
    verdict_fini(&v);
    return same;
}

/* --- messages -------------------------------------------------------------------------------- */

struct work {
    struct minimise *m;
    struct fuzz_case *c;
    size_t at;     /* of the message whose bytes are tried */
    size_t *parts; /* where its parts begin, and behind the last the end */
};

/* Those of ours, and all of the subject's: they stand for waiting, and without that a script would
 * depend on who is quicker. */
static void keep_messages(struct fuzz_case *c, const size_t *items, size_t n)
{
    struct session kept = {.we_serve = c->session.we_serve};
    size_t next = 0;

    for (size_t i = 0; i < c->session.n; i++) {
        bool is_ours = c->session.messages[i].from == SESSION_US;
        bool is_item = next < n && items[next] == i;
        if (!is_ours || is_item)
            session_add(&kept, &c->session.messages[i]);
        next += is_item;
    }
    session_fini(&c->session);
    mutate_tidy(&kept);
    c->session = kept;
}

static bool try_messages(void *context, const size_t *items, size_t n)
{
    struct work *w = context;
    struct fuzz_case c;

    fuzz_case_copy(w->c, &c);
    keep_messages(&c, items, n);
    bool same = n > 0 && shows(w->m, &c);
    fuzz_case_fini(&c);
    return same;
}

static size_t *indexes(size_t n)
{
    size_t *items = text_realloc(NULL, (n + 1) * sizeof *items);

    for (size_t i = 0; i < n; i++)
        items[i] = i;
    return items;
}

static void fewer_messages(struct work *w)
{
    size_t n = 0, *items = indexes(w->c->session.n);
    unsigned trials = UINT_MAX;

    for (size_t i = 0; i < w->c->session.n; i++)
        if (w->c->session.messages[i].from == SESSION_US)
            items[n++] = i;

    shrink(items, &n, &trials, try_messages, w);
    keep_messages(w->c, items, n);
    free(items);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void keep_bytes(struct session_message *m, const size_t *items, size_t n)
{
    uint8_t *body = text_realloc(NULL, n + 1);
    bool was_true = m->announced == m->body.len;

    for (size_t i = 0; i < n; i++)
        body[i] = m->body.at[items[i]];
    free((void *)(uintptr_t)m->body.at);
    m->body = (struct bytes){body, n};
    if (was_true)
        m->announced = (uint32_t)n;
}

static bool try_bytes(void *context, const size_t *items, size_t n)
{
    struct work *w = context;
    struct fuzz_case c;

    fuzz_case_copy(w->c, &c);
    keep_bytes(&c.session.messages[w->at], items, n);
    mutate_tidy(&c.session);
    bool same = c.session.n == w->c->session.n && shows(w->m, &c);
    fuzz_case_fini(&c);
    return same;
}

/* --- parts of a text: what stands between commas ---------------------------------------------- */

/* Indexes of the bytes in those parts. */
static size_t bytes_of(const struct work *w, const size_t *items, size_t n, size_t *bytes)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t at = w->parts[items[i]]; at < w->parts[items[i] + 1]; at++)
            bytes[len++] = at;
    return len;
}

static bool try_parts(void *context, const size_t *items, size_t n)
{
    struct work *w = context;
    size_t *bytes = indexes(w->c->session.messages[w->at].body.len);
    bool same = try_bytes(w, bytes, bytes_of(w, items, n, bytes));

    free(bytes);
    return same;
}

/* Cut the text before or behind each comma, and at its brackets; how many parts there are. */
static size_t divide(struct work *w, struct bytes text, bool is_before)
{
    size_t n = 0;

    w->parts = indexes(text.len + 1);
    for (size_t at = 1; at < text.len; at++) {
        uint8_t ch = text.at[at], last = text.at[at - 1];
        if ((is_before ? ch == ',' : last == ',') || strchr("{}[]", last) || strchr("}]", ch))
            w->parts[++n] = at;
    }
    w->parts[++n] = text.len;
    return n;
}

static void fewer_parts(struct work *w, bool is_before)
{
    struct session_message *m = &w->c->session.messages[w->at];
    size_t n = divide(w, m->body, is_before), *items = indexes(n);
    size_t *bytes = indexes(m->body.len);
    unsigned trials = UINT_MAX;

    shrink(items, &n, &trials, try_parts, w);
    keep_bytes(m, bytes, bytes_of(w, items, n, bytes));
    free(w->parts);
    free(items);
    free(bytes);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* A whole cookie is as small as one can be. */
static bool has_bytes(const struct session_message *m)
{
    return m->from == SESSION_US && m->body.len > 0 &&
           (m->kind == SESSION_JSON || m->kind == SESSION_BYTES || m->kind == SESSION_DATAGRAM ||
            m->kind == SESSION_STREAM || (m->kind == SESSION_COOKIE && m->body.len != COOKIE_LEN));
}

static void fewer_bytes(struct work *w)
{
    for (w->at = 0; w->at < w->c->session.n; w->at++) {
        struct session_message *m = &w->c->session.messages[w->at];
        unsigned trials = UINT_MAX;
        if (!has_bytes(m))
            continue;
        fewer_parts(w, false);
        fewer_parts(w, true);
        size_t n = m->body.len, *items = indexes(n);
        shrink(items, &n, &trials, try_bytes, w);
        keep_bytes(m, items, n);
        free(items);
    }
    mutate_tidy(&w->c->session);
}

/* Written in one piece, and with nothing behind it. */
static void plain_writes(struct work *w)
{
    for (size_t i = 0; i < w->c->session.n; i++) {
        struct fuzz_case c;
        fuzz_case_copy(w->c, &c);
        struct session_message *m = &c.session.messages[i];
        bool is_plain = m->cuts.n == 0 && !m->joined;
        m->cuts.n = 0;
        m->cuts.delay_ms = 0;
        m->joined = false;
        if (!is_plain && shows(w->m, &c)) {
            fuzz_case_fini(w->c);
            fuzz_case_copy(&c, w->c);
        }
        fuzz_case_fini(&c);
    }
}

void minimise_case(struct minimise *m, struct fuzz_case *c)
{
    struct work w = {.m = m, .c = c};

    fewer_messages(&w);
    plain_writes(&w);
    fewer_bytes(&w);
}
