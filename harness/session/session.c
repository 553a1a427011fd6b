#include "harness/session/session.h"

#include "impl/wire/frame.h"
#include "impl/wire/ierr.h"
#include "impl/wire/jwrite.h"
#include "impl/wire/remark.h"
#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_HEX  24 /* bytes of a message shown in a timeline */
#define SHOWN_TEXT 96 /* characters of a JSON text shown there */

static void *copy_of(const void *at, size_t len)
{
    return len ? memcpy(text_realloc(NULL, len), at, len) : NULL;
}

void session_add(struct session *s, const struct session_message *message)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->messages = text_realloc(s->messages, s->cap * sizeof *s->messages);
    }
    struct session_message *m = &s->messages[s->n++];
    *m = *message;
    m->body.at = copy_of(message->body.at, message->body.len);
    m->cuts.at = copy_of(message->cuts.at, message->cuts.n * sizeof *m->cuts.at);
}

bool session_is_probe(const struct session_message *m)
{
    return strcmp(m->who, SESSION_PROBE) == 0;
}

void session_insert(struct session *s, size_t at, const struct session_message *message)
{
    session_add(s, message);
    struct session_message last = s->messages[s->n - 1];
    memmove(&s->messages[at + 1], &s->messages[at], (s->n - 1 - at) * sizeof *s->messages);
    s->messages[at] = last;
}

static void free_message(struct session_message *m)
{
    free((void *)(uintptr_t)m->body.at);
    free(m->cuts.at);
}

void session_remove(struct session *s, size_t at)
{
    free_message(&s->messages[at]);
    memmove(&s->messages[at], &s->messages[at + 1], (s->n - at - 1) * sizeof *s->messages);
    s->n--;
}

void session_copy(const struct session *from, struct session *to)
{
    *to = (struct session){.we_serve = from->we_serve};
    for (size_t i = 0; i < from->n; i++)
        session_add(to, &from->messages[i]);
}

size_t session_size(const struct session *s)
{
    size_t size = 0;

    for (size_t i = 0; i < s->n; i++)
        size += s->messages[i].body.len;
    return size;
}

void session_fini(struct session *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_message(&s->messages[i]);
    free(s->messages);
    *s = (struct session){0};
}

bool session_is_said(const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_OPEN:
    case SESSION_HOLD:
    case SESSION_STALL:
    case SESSION_RESUME:
    case SESSION_PAUSE:
    case SESSION_ALIVE:
    case SESSION_NOTE:
        return false;
    default:
        return true;
    }
}

void session_encode(const struct session_message *m, struct text *out)
{
    uint8_t head[9];

    switch (m->kind) {
    case SESSION_STATE:
        text_add(out, &m->state, 1);
        break;
    case SESSION_ERROR:
        text_add(out, head, frame_put_error(head, m->n_ints, m->ierr, m->os_errno));
        break;
    case SESSION_JSON:
        text_add(out, head, frame_put_json_length(head, m->announced));
        text_add(out, m->body.at, m->body.len);
        break;
    case SESSION_COOKIE:
    case SESSION_BYTES:
        text_add(out, m->body.at, m->body.len);
        break;
    default:
        break;
    }
}

const char *session_kind_word(enum session_kind kind)
{
    static const char *const words[] = {
#define X(name, word) word,
        SESSION_KINDS(X)
#undef X
    };
    return words[kind];
}

static void describe_state(int8_t state, struct text *out)
{
    const char *name = state_name(state);

    text_addf(out, "%02x %s", (uint8_t)state, name ? name : "(no state of iperf3's)");
}

static void describe_error(const struct session_message *m, struct text *out)
{
    const char *name = ierr_name(m->ierr);

    text_adds(out, "fe SERVER_ERROR");
    if (m->n_ints >= 1)
        text_addf(out, " %d %s", (int)m->ierr, name ? name : "(unknown number)");
    if (m->n_ints >= 2)
        text_addf(out, ", errno %d", (int)m->os_errno);
    if (m->n_ints < 2)
        text_addf(out, " (%s)", m->n_ints ? "one integer only" : "no integers");
}

static void describe_json(const struct session_message *m, struct text *out)
{
    char shown[SHOWN_TEXT + 8];
    uint8_t length[4];

    store_be32(length, m->announced);
    text_add_hex(out, (struct bytes){length, 4}, 4);
    text_addf(out, " %s", remark_escape(shown, sizeof shown, m->body.at, m->body.len));
    if (m->announced != m->body.len)
        text_addf(out, " (announced %u bytes, %zu came)", m->announced, m->body.len);
}

void session_describe(const struct session_message *m, struct text *out)
{
    if (m->kind != SESSION_NOTE)
        text_adds(out, m->from == SESSION_US ? "> " : "< ");
    if (m->who[0])
        text_addf(out, "[%s] ", m->who);
    if (m->stream)
        text_addf(out, "stream %lld ", (long long)m->stream);
    switch (m->kind) {
    case SESSION_OPEN:
        text_adds(out, "connection");
        break;
    case SESSION_COOKIE:
        text_addf(out, "cookie");
        if (m->body.len != COOKIE_LEN)
            text_addf(out, " (%zu bytes)", m->body.len);
        break;
    case SESSION_STATE:
        describe_state(m->state, out);
        break;
    case SESSION_ERROR:
        describe_error(m, out);
        break;
    case SESSION_JSON:
        describe_json(m, out);
        break;
    case SESSION_BYTES:
        text_add_hex(out, m->body, SHOWN_HEX);
        break;
    case SESSION_STREAM:
        text_adds(out, "opened");
        break;
    case SESSION_DATA:
        text_addf(out, "data, %llu bytes", (unsigned long long)m->len);
        break;
    case SESSION_DATAGRAM:
        text_addf(out, "datagram, %llu bytes", (unsigned long long)m->len);
        break;
    case SESSION_END:
    case SESSION_CLOSE:
    case SESSION_RESET:
    case SESSION_HOLD:
    case SESSION_STALL:
    case SESSION_RESUME:
    case SESSION_ALIVE:
        text_adds(out, session_kind_word(m->kind));
        break;
    case SESSION_PAUSE:
        text_addf(out, "pause of %.3f s", (double)m->len / 1e9);
        break;
    case SESSION_NOTE:
        text_add(out, m->body.at, m->body.len);
        break;
    }
}

/* How many messages from i on are data of one stream in one direction. */
static size_t run_of_data(const struct session *s, size_t i)
{
    const struct session_message *first = &s->messages[i];
    size_t n = 1;

    if (first->kind != SESSION_DATA && first->kind != SESSION_DATAGRAM)
        return 1;
    for (; i + n < s->n; n++) {
        const struct session_message *m = &s->messages[i + n];
        if (m->kind != first->kind || m->from != first->from || m->stream != first->stream ||
            strcmp(m->who, first->who) != 0)
            break;
    }
    return n;
}

/* Message i, or all of the run of data that begins with it as one; returns how many it stands for.
 */
static size_t add_up(const struct session *s, size_t i, struct session_message *m)
{
    size_t run = run_of_data(s, i);

    *m = s->messages[i];
    for (size_t k = 1; k < run; k++)
        m->len += s->messages[i + k].len;
    return run;
}

static size_t count_lines(const struct session *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i += run_of_data(s, i))
        n++;
    return n;
}

void session_timeline(const struct session *s, const char *indent, size_t max, struct text *out)
{
    size_t lines = count_lines(s), at = 0;

    if (lines > max)
        text_addf(out, "%s... %zu lines before\n", indent, lines - max);
    for (size_t i = 0, run; i < s->n; i += run, at++) {
        struct session_message m;
        run = add_up(s, i, &m);
        if (at + max < lines)
            continue;
        text_addf(out, "%s%7.3f ", indent, (double)m.at_ns / 1e9);
        session_describe(&m, out);
        if (run > 1)
            text_addf(out, " in %zu pieces", run);
        text_adds(out, "\n");
    }
}

/* [0.012, "us", "state", "04 TEST_END"], and the text of a JSON message as a fifth. */
static void put_row(struct jwrite *w, const struct session_message *m, size_t run, size_t max_body)
{
    struct text says = {0}, body = {0};
    uint64_t us = m->at_ns / 1000; /* no more digits than that */

    session_describe(m, &says);
    if (run > 1)
        text_addf(&says, " in %zu pieces", run);
    text_make_plain(&says);
    jwrite_array(w, NULL);
    jwrite_double(w, NULL, (double)us / 1e6);
    jwrite_string(w, NULL, m->from == SESSION_US ? "us" : "subject");
    jwrite_string(w, NULL, session_kind_word(m->kind));
    jwrite_string(w, NULL, text_string(&says) + (m->kind == SESSION_NOTE ? 0 : 2)); /* "> " */
    if (m->kind == SESSION_JSON && max_body > 0) {
        text_add(&body, m->body.at, MIN(m->body.len, max_body));
        text_make_plain(&body);
        jwrite_string(w, NULL, text_string(&body));
    }
    jwrite_end(w);
    text_fini(&says);
    text_fini(&body);
}

void session_rows(const struct session *s, size_t max, size_t max_body, struct text *out)
{
    size_t lines = count_lines(s), at = 0;
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    jwrite_array(&w, NULL);
    for (size_t i = 0, run; i < s->n; i += run, at++) {
        struct session_message m;
        run = add_up(s, i, &m);
        if (at + max >= lines)
            put_row(&w, &m, run, max_body);
    }
    jwrite_end(&w);
    text_add_json(out, &w);
}
