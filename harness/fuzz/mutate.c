/* mutate.c - changes of a session as a list of messages. */
#include "harness/fuzz/mutate.h"

#include "harness/fuzz/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES_MAX  4  /* in one go; half of the time it is one */
#define RUN_MAX      6  /* messages that are dropped or spliced together */
#define REPEATS_MAX  40 /* of one message; most often it is 1 */
#define ATTEMPTS     16 /* until a change fits the session */
#define SEQ_MAX      INT64_MAX
#define DATAGRAM_MAX 65507

/* --- the changes: false if there is nothing that they could change --------------------------- */

static size_t somewhere(struct mutator *m, const struct session *s)
{
    size_t from = MIN(m->from, s->n - 1);

    return from + draw(&m->seed, s->n - from);
}

static size_t some_run(struct mutator *m, const struct session *s, size_t at)
{
    return 1 + draw(&m->seed, MIN(s->n - at, RUN_MAX));
}

/* On the connection of its neighbour; a new connection has a name of its own. */
static bool insert(struct mutator *m, struct session *s, const struct session *other)
{
    struct text room = {0};
    size_t at = somewhere(m, s) + draw(&m->seed, 2);
    struct session_message made = mutate_make(m, s->we_serve, &room);

    (void)other;
    if (made.kind == SESSION_OPEN)
        snprintf(made.who, sizeof made.who, "%c", (char)('b' + draw(&m->seed, 3)));
    else if (at > 0)
        memcpy(made.who, s->messages[at - 1].who, sizeof made.who);
    session_insert(s, at, &made);
    text_fini(&room);
    return true;
}

static bool drop(struct mutator *m, struct session *s, const struct session *other)
{
    size_t at = somewhere(m, s), n = some_run(m, s, at);

    (void)other;
    if (n >= s->n)
        return false;
    while (n-- > 0)
        session_remove(s, at);
    return true;
}

static bool repeat(struct mutator *m, struct session *s, const struct session *other)
{
    size_t at = somewhere(m, s), n = draw(&m->seed, 4) ? 1 : 1 + draw(&m->seed, REPEATS_MAX);
    struct session_message message = s->messages[at];

    (void)other;
    if (message.from == SESSION_SUBJECT)
        return false;
    while (n-- > 0 && s->n < MUTATE_MESSAGES_MAX)
        session_insert(s, at, &message);
    return true;
}

static bool swap(struct mutator *m, struct session *s, const struct session *other)
{
    size_t a = somewhere(m, s), b = draw(&m->seed, 2) ? a + 1 : somewhere(m, s);

    (void)other;
    if (a == b || b >= s->n)
        return false;
    struct session_message kept = s->messages[a];
    s->messages[a] = s->messages[b];
    s->messages[b] = kept;
    return true;
}

/* A run of the other session's messages, put in or in place of our own. */
static bool splice(struct mutator *m, struct session *s, const struct session *other)
{
    struct session from;

    if (!other || other->n == 0 || other->we_serve != s->we_serve)
        return false;
    session_copy(other, &from); /* it may be s itself */
    size_t at = somewhere(m, s), source = draw(&m->seed, from.n), n = some_run(m, &from, source);
    for (size_t i = draw(&m->seed, 2) ? n : 0; i > 0 && at < s->n && s->n > 1; i--)
        session_remove(s, at);
    for (size_t i = 0; i < n && s->n < MUTATE_MESSAGES_MAX; i++)
        session_insert(s, MIN(at + i, s->n), &from.messages[source + i]);
    session_fini(&from);
    return true;
}

static bool change_one(struct mutator *m, struct session *s, const struct session *other)
{
    (void)other;
    return mutate_message(m, s, somewhere(m, s));
}

static bool is_text_of_ours(const struct session_message *m)
{
    return m->kind == SESSION_JSON && m->from == SESSION_US;
}

/* One of our texts from that place on, each as often as any other; s->n if there is none. */
static size_t some_text(struct mutator *m, const struct session *s, size_t from)
{
    size_t n = 0, at = s->n;

    for (size_t i = from; i < s->n; i++)
        if (is_text_of_ours(&s->messages[i]) && draw(&m->seed, ++n) == 0)
            at = i;
    return at;
}

/* Texts hold most of what a peer can say. */
static bool change_text(struct mutator *m, struct session *s, const struct session *other)
{
    size_t at = some_text(m, s, m->from);

    (void)other;
    return at < s->n && mutate_message(m, s, at);
}

/* Whether its bytes go over a control connection in writes of ours. */
static bool is_written(const struct session_message *m)
{
    return m->from == SESSION_US && m->stream == 0 &&
           (m->kind == SESSION_COOKIE || m->kind == SESSION_STATE || m->kind == SESSION_ERROR ||
            m->kind == SESSION_JSON || m->kind == SESSION_BYTES);
}

static int64_t wire_len(const struct session_message *m)
{
    struct text bytes = {0};

    session_encode(m, &bytes);
    int64_t len = (int64_t)bytes.len;
    text_fini(&bytes);
    return len;
}

/* One or two more ends of writes, or none; or it leaves together with the next message. */
static bool cut(struct mutator *m, struct session *s, const struct session *other)
{
    struct session_message *message = &s->messages[somewhere(m, s)];
    int64_t len = wire_len(message);

    (void)other;
    if (!is_written(message))
        return false;
    if (draw(&m->seed, 2)) {
        message->joined = !message->joined;
        return true;
    }
    if (len < 2)
        return false;
    message->cuts.at = text_realloc(message->cuts.at, 2 * sizeof *message->cuts.at);
    message->cuts.at[0] = 1 + (int64_t)draw(&m->seed, (size_t)len - 1);
    message->cuts.at[1] = message->cuts.at[0] + 1 + (int64_t)draw(&m->seed, (size_t)len);
    message->cuts.n = 1 + draw(&m->seed, 2);
    message->cuts.delay_ms = (int64_t)draw(&m->seed, 3);
    return true;
}

/* Everything behind some place is gone, and the connection ends there. */
static bool end_early(struct mutator *m, struct session *s, const struct session *other)
{
    static const enum session_kind kinds[] = {SESSION_END, SESSION_CLOSE, SESSION_RESET};
    size_t at = 1 + somewhere(m, s);

    (void)other;
    while (s->n > at)
        session_remove(s, s->n - 1);
    session_add(s, &(struct session_message){.kind = kinds[draw(&m->seed, ARRAY_LEN(kinds))]});
    return true;
}

/* Waiting less for the subject: our messages cross with its own. */
static bool hurry(struct mutator *m, struct session *s, const struct session *other)
{
    size_t at = somewhere(m, s);

    (void)other;
    if (s->n < 2 || s->messages[at].from != SESSION_SUBJECT)
        return false;
    session_remove(s, at);
    return true;
}

static const struct {
    bool (*run)(struct mutator *m, struct session *s, const struct session *other);
    unsigned weight;
} ops[] = {
    {insert,      6},
    {drop,        4},
    {repeat,      2},
    {swap,        2},
    {splice,      3},
    {change_one,  8},
    {change_text, 8},
    {cut,         2},
    {end_early,   2},
    {hurry,       1},
};

/* --- what every session keeps ---------------------------------------------------------------- */

/* The next message of ours on that connection, or NULL. */
static const struct session_message *next_ours(const struct session *s, size_t at)
{
    for (size_t i = at + 1; i < s->n; i++) {
        const struct session_message *m = &s->messages[i];
        if (m->from == SESSION_US && m->stream == 0 && m->kind != SESSION_PAUSE &&
            strcmp(m->who, s->messages[at].who) == 0)
            return m;
    }
    return NULL;
}

/* Growing, and inside of the message. */
static void tidy_cuts(struct session_message *m)
{
    int64_t len = m->cuts.n > 0 ? wire_len(m) : 0, last = 0;
    size_t n = 0;

    for (size_t i = 0; i < m->cuts.n && is_written(m); i++)
        if (m->cuts.at[i] > last && m->cuts.at[i] < len)
            last = m->cuts.at[n++] = m->cuts.at[i];
    m->cuts.n = n;
    m->cuts.delay_ms = n > 0 ? m->cuts.delay_ms : 0;
}

static void tidy_message(struct session *s, struct session_message *m, size_t *room)
{
    if (m->body.len > *room) {
        m->body.len = *room;
        m->announced = (uint32_t)m->body.len;
    }
    *room -= m->body.len;
    if (m->kind == SESSION_COOKIE && m->body.len == 0)
        m->kind = SESSION_BYTES;
    if (s->we_serve && (m->kind == SESSION_OPEN || m->kind == SESSION_STREAM)) {
        m->from = SESSION_SUBJECT; /* it is the client who connects */
        m->says_own = false;
    }
    if (m->kind == SESSION_DATA)
        m->len = m->body.len > 0 ? m->body.len : MIN(MAX(m->len, 1), MUTATE_DATA_MAX);
    if (m->kind == SESSION_DATAGRAM) {
        m->len = m->body.len > 0 ? m->body.len : MIN(m->len, DATAGRAM_MAX);
        m->header.seq = MIN(m->header.seq, SEQ_MAX);
    }
    if (m->kind == SESSION_PAUSE)
        m->len = MIN(MAX(m->len / 1000000, 1), MUTATE_PAUSE_MS_MAX) * 1000000u;
    tidy_cuts(m);
}

/* Whether that stream was opened before: a script can do so but once. */
static bool is_open_already(const struct session *s, size_t at)
{
    const struct session_message *m = &s->messages[at];

    for (size_t i = 0; i < at && m->kind == SESSION_STREAM && m->from == SESSION_US; i++)
        if (s->messages[i].kind == SESSION_STREAM && s->messages[i].stream == m->stream &&
            strcmp(s->messages[i].who, m->who) == 0)
            return true;
    return false;
}

/* A server that never takes the client's connection leaves it waiting: that proves nothing. */
static void open_first(struct session *s)
{
    static const struct session_message open = {.kind = SESSION_OPEN, .from = SESSION_SUBJECT};

    if (s->we_serve && (s->n == 0 || s->messages[0].kind != SESSION_OPEN))
        session_insert(s, 0, &open);
}

void mutate_tidy(struct session *s)
{
    size_t room = MUTATE_BYTES_MAX;

    open_first(s);

    for (size_t i = s->n; i-- > 0;)
        if (is_open_already(s, i))
            session_remove(s, i);
    if (s->n == 0)
        session_add(s, &(struct session_message){.kind = SESSION_END});
    while (s->n > MUTATE_MESSAGES_MAX)
        session_remove(s, s->n - 1);
    for (size_t i = 0; i < s->n; i++)
        tidy_message(s, &s->messages[i], &room);
    for (size_t i = 0; i < s->n; i++) {
        const struct session_message *next = next_ours(s, i);
        s->messages[i].joined &= is_written(&s->messages[i]) && next && is_written(next);
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

static size_t draw_op(struct mutator *m)
{
    size_t sum = 0, at = 0;

    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        sum += ops[i].weight;
    for (size_t left = draw(&m->seed, sum); left >= ops[at].weight; at++)
        left -= ops[at].weight;
    return at;
}

void mutate_session(struct mutator *m, struct session *s, const struct session *other)
{
    size_t n = draw(&m->seed, 2) ? 1 : 1 + draw(&m->seed, CHANGES_MAX);

    mutate_tidy(s);
    m->from = draw(&m->seed, 2) ? 0 : draw(&m->seed, s->n); /* what is behind a state, perhaps */
    while (n-- > 0)
        for (int i = 0; i < ATTEMPTS && !ops[draw_op(m)].run(m, s, other); i++)
            ;
    mutate_tidy(s);
}

void mutate_values(struct mutator *m, struct session *s)
{
    for (size_t n = 1 + draw(&m->seed, 2); n > 0; n--) {
        size_t at = some_text(m, s, 0);
        if (at < s->n)
            mutate_message_value(m, &s->messages[at]);
    }
    mutate_tidy(s);
}

void mutate_cross(struct mutator *m, const struct session *a, const struct session *b,
                  struct session *out)
{
    size_t head = draw(&m->seed, a->n + 1), tail = draw(&m->seed, b->n + 1);

    *out = (struct session){.we_serve = a->we_serve};
    for (size_t i = 0; i < head; i++)
        session_add(out, &a->messages[i]);
    for (size_t i = tail; i < b->n; i++)
        session_add(out, &b->messages[i]);
    mutate_tidy(out);
}
