#include "harness/report/trace.h"

#include "impl/wire/datagram.h"
#include "impl/wire/frame.h"
#include "impl/wire/remark.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define TIME_WIDTH 9 /* "  0.0012 " */
#define GUTTER     3 /* " | " */
#define LINES_MAX  4 /* of one message in its column */
#define RUNS_MAX   64
#define RUN_NS     UINT64_C(1000000000)
#define SHOWN_HEX  16

/* Data of one flow in one direction. */
struct trace_run {
    unsigned flow;
    enum session_from from;
    bool udp, is_bare /* a third party's datagrams: bytes of any kind */;
    uint64_t first_ns, last_ns, bytes, pieces;
    struct datagram_header first, last; /* udp */
    struct text label, start /* is_bare: of the first one */;
};

/* A control connection: bytes that were recorded as messages and not yet written, and bytes that
 * came and are not yet part of a message. */
struct trace_control {
    char who[24];
    uint64_t unsent, begun_ns, n_bytes;
    unsigned n_writes, n_messages;
    uint64_t unread;
};

/* --- two columns ----------------------------------------------------------------------------- */

static size_t column_width(const struct trace *t)
{
    return (t->columns - TIME_WIDTH - GUTTER) / 2;
}

/* How much of text goes into a line of width: up to the last blank, comma or colon, if there is
 * one. */
static size_t line_len(const char *text, size_t width)
{
    size_t len = strlen(text), at = width;

    if (len <= width)
        return len;
    while (at > width / 2 && !strchr(" ,:", text[at - 1]))
        at--;
    return at > width / 2 ? at : width;
}

static void put_line(const struct trace *t, const char *time, enum session_from from,
                     const char *text, size_t len, const char *more)
{
    int width = (int)column_width(t);

    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (from == SESSION_US)
        fprintf(t->out, "%*s%.*s%-*s |\n", TIME_WIDTH, time, (int)len, text, width - (int)len,
                more);
    else
        fprintf(t->out, "%*s%*s | %.*s%s\n", TIME_WIDTH, time, width, "", (int)len, text, more);
}

static void put(const struct trace *t, uint64_t at_ns, enum session_from from, const char *text)
{
    size_t width = column_width(t), len = 0;
    char time[32];

    snprintf(time, sizeof time, "%8.4f ", (double)(at_ns - MIN(t->start_ns, at_ns)) / 1e9);
    for (int line = 1; line == 1 || (*text && line <= LINES_MAX); line++, text += len) {
        len = line_len(text, width);
        bool is_cut = line == LINES_MAX && text[len] != '\0';
        put_line(t, line == 1 ? time : "", from, text, is_cut ? MIN(len, width - 3) : len,
                 is_cut ? "..." : "");
    }
    fflush(t->out);
}

/* --- data, added up -------------------------------------------------------------------------- */

static void label(const struct tap_flow *f, struct text *out)
{
    if (f->who[0])
        text_addf(out, "[%s] ", f->who);
    if (f->stream)
        text_addf(out, "stream %lld ", (long long)f->stream);
}

static void describe_datagrams(const struct trace_run *r, struct text *out)
{
    const struct datagram_header *first = &r->first, *last = &r->last;

    if (r->pieces == 1)
        text_addf(out, "datagram %llu", (unsigned long long)first->seq);
    else
        text_addf(out, "datagrams %llu..%llu", (unsigned long long)first->seq,
                  (unsigned long long)last->seq);
    text_addf(out, ", %llu bytes, stamped %u.%06u", (unsigned long long)r->bytes, first->sec,
              first->usec);
    if (r->pieces > 1)
        text_addf(out, " to %u.%06u", last->sec, last->usec);
}

static void describe_data(const struct trace_run *r, struct text *out)
{
    text_addf(out, "data, %llu bytes", (unsigned long long)r->bytes);
    if (r->pieces > 1)
        text_addf(out, " in %llu %s, %.4f s", (unsigned long long)r->pieces,
                  r->from == SESSION_US ? "writes" : "reads",
                  (double)(r->last_ns - r->first_ns) / 1e9);
}

static void describe_bare(const struct trace_run *r, struct text *out)
{
    if (r->pieces > 1)
        text_addf(out, "%llu datagrams, %llu bytes, the first", (unsigned long long)r->pieces,
                  (unsigned long long)r->bytes);
    else
        text_addf(out, "datagram, %llu bytes", (unsigned long long)r->bytes);
    if (r->start.len > 0)
        text_addf(out, ": %s", text_string(&r->start));
    else if (r->pieces > 1)
        text_adds(out, " empty");
}

static void put_run(struct trace *t, size_t at)
{
    struct trace_run *r = &t->runs[at];

    (r->is_bare ? describe_bare : r->udp ? describe_datagrams : describe_data)(r, &r->label);
    put(t, r->first_ns, r->from, text_string(&r->label));
    text_fini(&r->label);
    text_fini(&r->start);
    memmove(r, r + 1, (--t->n_runs - at) * sizeof *r);
}

/* Before anything else is printed, so that the order stays that of the events. */
static void put_runs(struct trace *t)
{
    while (t->n_runs > 0)
        put_run(t, 0);
}

/* The run that this data belongs to, if there is one; one that has to end first is printed. */
static struct trace_run *find_run(struct trace *t, const struct tap_event *e, uint64_t seq)
{
    for (size_t i = 0; i < t->n_runs; i++) {
        struct trace_run *r = &t->runs[i];
        if (r->flow != e->flow->id || r->from != e->from)
            continue;
        if (e->at_ns < r->first_ns + RUN_NS && (!r->udp || r->is_bare || seq == r->last.seq + 1))
            return r;
        put_run(t, i);
        return NULL;
    }
    return NULL;
}

/* Datagrams of no stream are a third party's. */
static bool is_bare(const struct tap_flow *f)
{
    return f->udp && f->stream == 0;
}

static void add_data(struct trace *t, const struct tap_event *e)
{
    struct datagram_header header = {0}; /* stays so in a datagram too short for one (INT-7) */

    if (e->flow->udp)
        (void)datagram_decode(e->bytes, e->flow->wide, &header);
    struct trace_run *r = find_run(t, e, header.seq);
    if (!r) {
        if (t->n_runs == RUNS_MAX)
            put_runs(t);
        r = &t->runs[t->n_runs++];
        *r = (struct trace_run){.flow = e->flow->id,
                                .from = e->from,
                                .udp = e->flow->udp,
                                .is_bare = is_bare(e->flow),
                                .first_ns = e->at_ns,
                                .first = header};
        label(e->flow, &r->label);
        if (r->is_bare)
            text_add_hex(&r->start, e->bytes, SHOWN_HEX);
    }
    r->last_ns = e->at_ns;
    r->last = header;
    r->bytes += e->bytes.len;
    r->pieces++;
}

/* --- control connections --------------------------------------------------------------------- */

static struct trace_control *control_of(struct trace *t, const char *who)
{
    for (size_t i = 0; i < t->n_controls; i++)
        if (strcmp(t->controls[i].who, who) == 0)
            return &t->controls[i];
    t->controls = text_realloc(t->controls, (t->n_controls + 1) * sizeof *t->controls);
    struct trace_control *c = &t->controls[t->n_controls++];
    *c = (struct trace_control){0};
    snprintf(c->who, sizeof c->who, "%s", who);
    return c;
}

static void say(struct trace *t, uint64_t at_ns, enum session_from from, const char *who,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
static void say(struct trace *t, uint64_t at_ns, enum session_from from, const char *who,
                const char *format, ...)
{
    struct text line = {0};
    va_list args;

    put_runs(t);
    if (who[0])
        text_addf(&line, "[%s] ", who);
    va_start(args, format);
    text_vaddf(&line, format, args);
    va_end(args);
    put(t, at_ns, from, text_string(&line));
    text_fini(&line);
}

static void count_write(struct trace *t, const struct tap_event *e)
{
    struct trace_control *c = control_of(t, e->flow->who);

    c->n_writes++;
    c->n_bytes += e->bytes.len;
    c->unsent -= MIN(c->unsent, e->bytes.len);
    if (c->unsent > 0)
        return;
    if (c->n_writes > c->n_messages)
        say(t, e->at_ns, SESSION_US, c->who, "(%llu bytes in %u writes, %.4f s)",
            (unsigned long long)c->n_bytes, c->n_writes, (double)(e->at_ns - c->begun_ns) / 1e9);
    c->n_writes = c->n_messages = 0;
    c->n_bytes = 0;
}

static void count_message(struct trace *t, const struct tap_event *e)
{
    struct trace_control *c = control_of(t, e->message->who);
    struct text bytes = {0};

    session_encode(e->message, &bytes);
    if (e->from == SESSION_SUBJECT) {
        c->unread -= MIN(c->unread, bytes.len);
    } else if (bytes.len > 0) {
        if (c->unsent == 0)
            c->begun_ns = e->at_ns;
        c->unsent += bytes.len;
        c->n_messages++;
    }
    text_fini(&bytes);
}

static void put_rest(struct trace *t, uint64_t now_ns)
{
    for (size_t i = 0; i < t->n_controls; i++) {
        const struct trace_control *c = &t->controls[i];
        if (c->unsent > 0)
            say(t, now_ns, SESSION_US, c->who, "(%llu bytes were never written)",
                (unsigned long long)c->unsent);
        if (c->unread > 0)
            say(t, now_ns, SESSION_SUBJECT, c->who, "(%llu more bytes came, and are no message)",
                (unsigned long long)c->unread);
    }
}

/* --- messages -------------------------------------------------------------------------------- */

/* As the record describes it, with the bytes of an error and the characters of a cookie. */
static void describe_message(const struct session_message *m, struct text *out)
{
    struct text words = {0}, bytes = {0};
    char shown[COOKIE_LEN * 4 + 8];

    session_describe(m, &words);
    const char *at = text_string(&words) + (m->kind == SESSION_NOTE ? 0 : 2); /* "> " */
    if (m->kind == SESSION_ERROR && strncmp(at, "fe ", 3) == 0) {
        session_encode(m, &bytes);
        text_add_hex(out, (struct bytes){(uint8_t *)bytes.at, bytes.len}, SHOWN_HEX);
        at += 2;
    }
    text_adds(out, at);
    if (m->kind == SESSION_COOKIE)
        text_addf(out, " %s",
                  remark_escape(shown, sizeof shown, m->body.at, MIN(m->body.len, COOKIE_LEN - 1)));
    text_fini(&bytes);
    text_fini(&words);
}

/* Those that the sockets' own events do not show better. A client's cookie is shown as it comes,
 * before it is known what for. */
static bool is_shown(const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_STATE:
    case SESSION_ERROR:
    case SESSION_JSON:
    case SESSION_BYTES:
    case SESSION_PAUSE:
    case SESSION_NOTE:
        return true;
    case SESSION_COOKIE:
        return m->from == SESSION_US;
    default:
        return false;
    }
}

static void hear_message(struct trace *t, const struct tap_event *e)
{
    struct text line = {0};

    count_message(t, e);
    if (!is_shown(e->message))
        return;
    put_runs(t);
    describe_message(e->message, &line);
    put(t, e->at_ns, e->from, text_string(&line));
    text_fini(&line);
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* The first bytes on a connection, from whoever asked for it, are a cookie. Ours on a control
 * connection is a message of the record. */
static bool is_cookie(const struct tap_event *e)
{
    const struct tap_flow *f = e->flow;

    return !f->udp && e->from == f->by && f->sent[f->by] < COOKIE_LEN &&
           (f->by == SESSION_SUBJECT || f->stream);
}

static void describe_cookie(const struct tap_event *e, struct text *out)
{
    size_t len = MIN(e->bytes.len, COOKIE_LEN - 1);
    char shown[COOKIE_LEN * 4 + 8];

    text_addf(out, "cookie, %zu bytes", e->bytes.len);
    if (e->from == SESSION_SUBJECT)
        text_addf(out, " %s", remark_escape(shown, sizeof shown, e->bytes.at, len));
}

/* The two messages that open a UDP stream (UDPC-2, UDPC-3). */
static bool is_hello(const struct tap_event *e)
{
    if (!e->flow->udp || e->flow->sent[e->from] > 0)
        return false;
    return e->from == e->flow->by ? datagram_connect_kind(e->bytes) != DATAGRAM_NOT_CONNECT
                                  : datagram_reply_kind(e->bytes) != DATAGRAM_NOT_REPLY;
}

static void hear_opening(struct trace *t, const struct tap_event *e)
{
    struct text line = {0};

    put_runs(t);
    label(e->flow, &line);
    if (e->flow->udp) {
        text_adds(&line, e->from == e->flow->by ? "connect message " : "reply ");
        text_add_hex(&line, e->bytes, 4);
    } else {
        describe_cookie(e, &line);
    }
    put(t, e->at_ns, e->from, text_string(&line));
    text_fini(&line);
}

static void hear_bytes(struct trace *t, const struct tap_event *e)
{
    if (is_cookie(e) || is_hello(e))
        hear_opening(t, e);
    else if (e->flow->stream || is_bare(e->flow))
        add_data(t, e);
    else if (e->from == SESSION_US)
        count_write(t, e);
    else
        control_of(t, e->flow->who)->unread += e->bytes.len;
}

/* --- connections ----------------------------------------------------------------------------- */

static void describe_address(const struct sockaddr_storage *a, struct text *out)
{
    const struct sockaddr_in *four = (const void *)a;
    const struct sockaddr_in6 *six = (const void *)a;
    bool is_six = a->ss_family == AF_INET6;
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(a->ss_family, is_six ? (const void *)&six->sin6_addr : (const void *)&four->sin_addr,
              text, sizeof text);
    text_addf(out, is_six ? "[%s]:%u" : "%s:%u", text,
              ntohs(is_six ? six->sin6_port : four->sin_port));
}

static void describe_connection(const struct tap_event *e, struct text *out)
{
    const struct tap_flow *f = e->flow;

    label(f, out);
    switch (e->kind) {
    case TAP_OPEN:
        text_adds(out, f->udp ? "UDP from " : "connects from ");
        describe_address(e->from == SESSION_US ? &f->ours : &f->theirs, out);
        break;
    case TAP_UP:
        text_adds(out, "accepts");
        break;
    case TAP_END:
        text_adds(out, "FIN");
        break;
    default:
        text_adds(out, f->up ? "RST" : "refuses the connection (RST)");
    }
}

static void hear_connection(struct trace *t, const struct tap_event *e)
{
    enum session_from from = e->from;
    struct text line = {0};

    if (e->kind == TAP_UP) /* told of the one who asked */
        from = from == SESSION_US ? SESSION_SUBJECT : SESSION_US;
    if (e->kind == TAP_OPEN && from == SESSION_US && !e->flow->udp && !e->flow->stream) {
        struct trace_control *c = control_of(t, e->flow->who);
        c->unsent = c->unread = c->n_bytes = 0;
        c->n_writes = c->n_messages = 0;
    }
    put_runs(t);
    describe_connection(e, &line);
    put(t, e->at_ns, from, text_string(&line));
    text_fini(&line);
}

static void hear(void *context, const struct tap_event *e)
{
    struct trace *t = context;

    if (e->kind == TAP_MESSAGE)
        hear_message(t, e);
    else if (e->kind == TAP_BYTES)
        hear_bytes(t, e);
    else if (!e->flow->udp || (is_bare(e->flow) && e->from == SESSION_US))
        hear_connection(t, e);
}

void trace_init(struct trace *t, FILE *out, unsigned columns, uint64_t now_ns)
{
    *t = (struct trace){
        .tap = {.context = t, .event = hear},
        .out = out,
        .columns = MIN(MAX(columns, TRACE_COLUMNS_MIN), TRACE_COLUMNS_MAX),
        .start_ns = now_ns,
        .runs = text_realloc(NULL, RUNS_MAX * sizeof *t->runs),
    };
}

void trace_head(struct trace *t, const char *ours, const char *subject)
{
    int width = (int)column_width(t);

    fprintf(t->out, "%*s%-*.*s | %.*s\n", TIME_WIDTH, "seconds ", width, width, ours, width,
            subject);
    fflush(t->out);
}

void trace_fini(struct trace *t, uint64_t now_ns)
{
    put_runs(t);
    put_rest(t, now_ns);
    free(t->controls);
    free(t->runs);
    *t = (struct trace){0};
}
