/* write_stream.c - streams: how they are opened, what is sent on them, what came. */
#include "harness/session/writer.h"

#include <inttypes.h>
#include <string.h>

#define RUNS_MAX 32 /* runs of datagrams in one line */

void write_stream(struct writer *w, const struct session_message *m)
{
    if (m->says_own) {
        write_who(w, m);
        text_addf(w->out, "wire %s %s", w->udp ? "connect" : "cookie",
                  m->body.len ? "raw " : "never");
        if (m->body.len)
            text_add_pieces(w->out, m->body);
        text_adds(w->out, "\n");
    }
    write_line(w, m, "open");
    if (w->udp && !m->says_own) /* the reply to the connect datagram */
        write_expect_of(w, m, "%s", "");
}

static bool follows(const struct session_message *m, const struct session_message *next)
{
    return next->kind == SESSION_DATAGRAM && next->from == m->from && next->stream == m->stream &&
           next->body.len == 0 && strcmp(next->who, m->who) == 0;
}

/* How many datagrams from i on are one step. */
size_t write_run(const struct session *s, size_t i)
{
    size_t n = 1;

    while (i + n < s->n && follows(&s->messages[i], &s->messages[i + n]))
        n++;
    return n;
}

/* m and those behind it that differ from it by their numbers alone, which grow by one. */
static size_t run_of_numbers(const struct session_message *m, size_t max)
{
    size_t n = 1;

    while (n < max && !m->header.has_times && !m[n].header.has_times && m[n].len == m->len &&
           m[n].header.seq == m->header.seq + n)
        n++;
    return n;
}

static void add_fields(struct text *out, const struct session_message *m)
{
    text_addf(out, " { seq %" PRId64, (int64_t)m->header.seq);
    if (m->header.has_times)
        text_addf(out, " sec %" PRIu32 " usec %" PRIu32, m->header.sec, m->header.usec);
    if (m->len)
        text_addf(out, " len %" PRIu64, m->len);
    text_adds(out, " }");
}

/* n datagrams whose numbers grow by one. */
static void add_numbers(struct text *out, const struct session_message *m, size_t n)
{
    if (m->len == 0 && !m->header.has_times && m->header.seq + n <= INT64_MAX) {
        text_addf(out, n > 1 ? " %" PRIu64 "..%" PRIu64 : " %" PRIu64, m->header.seq,
                  m->header.seq + n - 1);
        return;
    }
    add_fields(out, m);
    if (n > 1 && m->len)
        text_addf(out, " { seq +1 len %" PRIu64 " }", m->len);
    else if (n > 1)
        text_adds(out, " { seq +1 }");
    if (n > 2)
        text_addf(out, " x%zu", n - 1);
}

void write_datagrams(struct writer *w, const struct session_message *m, size_t n)
{
    size_t runs = 0;

    for (size_t i = 0, run; i < n; i += run) {
        run = run_of_numbers(&m[i], n - i);
        if (runs++ % RUNS_MAX == 0) {
            text_adds(w->out, i ? "\n" : "");
            write_who(w, m);
            text_adds(w->out, "send datagrams");
        }
        add_numbers(w->out, &m[i], run);
    }
    text_adds(w->out, "\n");
}

void write_data(struct writer *w, const struct session_message *m)
{
    if (m->body.len > 0)
        write_bytes(w, m);
    else if (m->len > 0)
        write_line(w, m, "send data %" PRIu64, m->len);
}

/* --- what the subject sent -------------------------------------------------------------------- */

void write_expected_json(struct writer *w, const struct session_message *m)
{
    bool is_first = write_place_of(w, m)->texts++ == 0;

    write_line(w, m, w->session->we_serve && is_first ? "expect params" : "expect results");
}

/* Amounts are counted from the start of the stream. */
void write_expected_data(struct writer *w, const struct session_message *m)
{
    struct write_place *place = write_place_of(w, m);

    place->came += m->len;
    if (m->len > 0)
        write_expect_of(w, m, " data at least %" PRIu64 " bytes", place->came);
}

void write_expected_datagrams(struct writer *w, const struct session_message *m, size_t n)
{
    if (m->who[0])
        text_addf(w->out, "%s ", m->who);
    text_adds(w->out, "expect datagrams");
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && m[i + run].header.seq == m[i].header.seq + run;)
            run++;
        text_addf(w->out, run > 1 ? " %" PRIu64 "..%" PRIu64 : " %" PRIu64, m[i].header.seq,
                  m[i].header.seq + run - 1);
    }
    text_addf(w->out, " on stream %" PRId64 "\n", m->stream);
}
