#include "harness/session/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct write_place *write_place_of(struct writer *w, const struct session_message *m)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->places[i].stream == m->stream && strcmp(w->places[i].who, m->who) == 0)
            return &w->places[i];
    w->places = text_realloc(w->places, (w->n + 1) * sizeof *w->places);
    w->places[w->n] = (struct write_place){.who = m->who, .stream = m->stream};
    return &w->places[w->n++];
}

/* "b stream 3 ": in front of the verb. */
void write_who(struct writer *w, const struct session_message *m)
{
    if (m->who[0])
        text_addf(w->out, "%s ", m->who);
    if (m->stream)
        text_addf(w->out, "stream %" PRId64 " ", m->stream);
}

void write_line(struct writer *w, const struct session_message *m, const char *format, ...)
{
    va_list args;

    write_who(w, m);
    va_start(args, format);
    text_vaddf(w->out, format, args);
    va_end(args);
    text_adds(w->out, "\n");
}

/* An expectation names the stream behind its verb. */
void write_expect_of(struct writer *w, const struct session_message *m, const char *format, ...)
{
    va_list args;

    if (m->who[0])
        text_addf(w->out, "%s ", m->who);
    text_adds(w->out, "expect");
    if (m->stream)
        text_addf(w->out, " stream %" PRId64, m->stream);
    va_start(args, format);
    text_vaddf(w->out, format, args);
    va_end(args);
    text_adds(w->out, "\n");
}

/* --- the messages ---------------------------------------------------------------------------- */

static void write_open(struct writer *w, const struct session_message *m)
{
    static const char *const transports[] = {"", " tcp", " udp"};

    text_addf(w->out, "open%s%s%s\n", m->who[0] ? " " : "", m->who, transports[m->transport]);
}

static void write_ours(struct writer *w, const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_STREAM:
        write_stream(w, m);
        break;
    case SESSION_DATA:
        write_data(w, m);
        break;
    case SESSION_END:
    case SESSION_CLOSE:
    case SESSION_RESET:
        write_uncork(w, m, write_place_of(w, m));
        write_line(w, m, "%s", m->kind == SESSION_END ? "half-close" : session_kind_word(m->kind));
        break;
    case SESSION_HOLD:
    case SESSION_STALL:
    case SESSION_RESUME:
        write_line(w, m, "%s", session_kind_word(m->kind));
        break;
    case SESSION_DATAGRAM: /* without a stream it is a third party's */
        write_bytes(w, m);
        break;
    default:
        write_sent(w, m);
    }
}

static void write_theirs(struct writer *w, const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_STATE:
        write_state(w, m);
        break;
    case SESSION_ERROR:
        write_error(w, m);
        break;
    case SESSION_JSON:
        write_expected_json(w, m);
        break;
    case SESSION_STREAM:
        write_expect_of(w, m, "%s", "");
        break;
    case SESSION_DATA:
        write_expected_data(w, m);
        break;
    case SESSION_END:
    case SESSION_CLOSE:
        write_expect_of(w, m, " end");
        break;
    case SESSION_RESET:
        write_expect_of(w, m, " reset");
        break;
    case SESSION_ALIVE:
        write_line(w, m, "expect alive");
        break;
    default: /* a cookie belongs to `open`; other bytes are no event of the language */
        break;
    }
}

/* The message at i, or the run of datagrams that begins there; returns how many they are. */
static size_t write_next(struct writer *w, size_t i)
{
    const struct session_message *m = &w->session->messages[i];
    bool is_ours = m->from == SESSION_US;

    if (m->kind == SESSION_DATAGRAM && m->stream && m->body.len == 0) {
        size_t n = write_run(w->session, i);
        (is_ours ? write_datagrams : write_expected_datagrams)(w, m, n);
        return n;
    }
    if (m->kind == SESSION_OPEN)
        write_open(w, m);
    else if (m->kind == SESSION_PAUSE && m->len >= 1000000)
        text_addf(w->out, "pause %" PRIu64 "ms\n", m->len / 1000000);
    else if (m->kind != SESSION_PAUSE && m->kind != SESSION_NOTE)
        (is_ours ? write_ours : write_theirs)(w, m);
    return 1;
}

void session_write(const struct session *s, const struct session_about *about, struct text *out)
{
    struct writer w = {
        .session = s, .out = out, .udp = session_is_udp(s), .ignores_stale = about->ignores_stale};

    write_header(&w, about);
    for (size_t i = 0; i < s->n;)
        i += write_next(&w, i);
    free(w.places);
}
