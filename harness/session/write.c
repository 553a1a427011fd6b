#include "harness/session/write.h"

#include "impl/wire/ierr.h"
#include "impl/wire/params.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEX_MAX  32 /* bytes that are written in hex; more are a text */
#define RUNS_MAX 32 /* runs of datagrams in one line */

/* What was written of one connection, or of one stream, so far. */
struct place {
    const char *who;
    int64_t stream;
    const struct session_cuts *cuts; /* the setting; NULL: whole messages */
    bool corked;
    unsigned texts; /* JSON texts of the subject's */
    uint64_t came;  /* bytes on the stream */
};

struct writer {
    const struct session *session;
    struct text *out;
    struct place *places;
    size_t n;
    bool udp;
};

static struct place *place_of(struct writer *w, const struct session_message *m)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->places[i].stream == m->stream && strcmp(w->places[i].who, m->who) == 0)
            return &w->places[i];
    w->places = text_realloc(w->places, (w->n + 1) * sizeof *w->places);
    w->places[w->n] = (struct place){.who = m->who, .stream = m->stream};
    return &w->places[w->n++];
}

/* "b stream 3 ": in front of the verb. */
static void add_who(struct writer *w, const struct session_message *m)
{
    if (m->who[0])
        text_addf(w->out, "%s ", m->who);
    if (m->stream)
        text_addf(w->out, "stream %" PRId64 " ", m->stream);
}

static void __attribute__((format(printf, 3, 4)))
line(struct writer *w, const struct session_message *m, const char *format, ...)
{
    va_list args;

    add_who(w, m);
    va_start(args, format);
    text_vaddf(w->out, format, args);
    va_end(args);
    text_adds(w->out, "\n");
}

/* An expectation names the stream behind its verb. */
static void __attribute__((format(printf, 3, 4)))
expect_of_stream(struct writer *w, const struct session_message *m, const char *format, ...)
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

/* --- the header ------------------------------------------------------------------------------ */

static const struct session_message *params_of(const struct session *s)
{
    enum session_from client = s->we_serve ? SESSION_SUBJECT : SESSION_US;

    for (size_t i = 0; i < s->n; i++)
        if (s->messages[i].kind == SESSION_JSON && s->messages[i].from == client)
            return &s->messages[i];
    return NULL;
}

static bool has_datagram(const struct session *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->messages[i].kind == SESSION_DATAGRAM && s->messages[i].stream)
            return true;
    return false;
}

/* What the client's parameters mean; nothing is present if there are none that can be read. */
static void read_params(const struct session *s, struct params *p)
{
    const struct session_message *m = params_of(s);

    if (!m || params_decode(m->body, p, NULL) != SPEC_OK)
        params_init(p);
}

bool session_is_udp(const struct session *s)
{
    struct params p;

    read_params(s, &p);
    bool udp = params_protocol(&p) == PARAMS_UDP || has_datagram(s);
    params_fini(&p);
    return udp;
}

/* What the simulator must know to play the streams: it does not look into a text that it sends. */
static void write_meaning(struct writer *w)
{
    struct text members = {0};
    struct params p;

    read_params(w->session, &p);
    const struct {
        enum param_key key;
        int64_t value;
    } numbers[] = {
        {PARAM_parallel,           p.parallel          },
        {PARAM_len,                p.len               },
        {PARAM_udp_counters_64bit, p.udp_counters_64bit},
    };
    if (w->udp)
        text_adds(&members, ", \"udp\": true");
    if (p.reverse)
        text_adds(&members, ", \"reverse\": true");
    if (p.bidirectional)
        text_adds(&members, ", \"bidirectional\": true");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (params_has(&p, numbers[i].key) && numbers[i].value > 0)
            text_addf(&members, ", \"%s\": %" PRId64, params_key_name(numbers[i].key),
                      numbers[i].value);
    if (members.len > 0)
        text_addf(w->out, "params   {%s }\n", members.at + 1);
    params_fini(&p);
    text_fini(&members);
}

static void write_word(struct writer *w, const char *word, const char *value)
{
    if (value && value[0])
        text_addf(w->out, "%-8s %s\n", word, value);
}

static void write_header(struct writer *w, const struct session_about *about)
{
    write_word(w, "case", about->id);
    write_word(w, "title", about->title);
    write_word(w, "clause", about->clauses);
    write_word(w, "plays", w->session->we_serve ? "server" : "client");
    write_word(w, "needs", about->needs);
    write_word(w, "tag", about->tags);
    write_word(w, "subject", about->subject);
    write_meaning(w);
    text_adds(w->out, "\n");
}

/* --- what we send on a control connection ---------------------------------------------------- */

static void write_bytes(struct writer *w, const struct session_message *m)
{
    add_who(w, m);
    if (m->body.len > HEX_MAX) {
        text_adds(w->out, "send text ");
        text_add_pieces(w->out, m->body);
    } else {
        text_adds(w->out, m->body.len ? "send hex " : "send hex \"\"");
        text_add_hex(w->out, m->body, SIZE_MAX);
    }
    text_adds(w->out, "\n");
}

static void write_cookie(struct writer *w, const struct session_message *m)
{
    add_who(w, m);
    text_adds(w->out, "send cookie ");
    text_add_pieces(w->out, m->body);
    text_adds(w->out, "\n");
}

static void write_json(struct writer *w, const struct session_message *m)
{
    add_who(w, m);
    text_adds(w->out, "send json ");
    if (m->announced != m->body.len)
        text_addf(w->out, "length %" PRIu32 " ", m->announced);
    text_add_pieces(w->out, m->body);
    text_adds(w->out, "\n");
}

static void add_state(struct text *out, int8_t state)
{
    const char *name = state_name(state);

    if (name)
        text_adds(out, name);
    else
        text_addf(out, "0x%02x", (uint8_t)state);
}

static void write_state(struct writer *w, const struct session_message *m)
{
    add_who(w, m);
    text_adds(w->out, m->from == SESSION_US ? "send state " : "expect state ");
    add_state(w->out, m->state);
    text_adds(w->out, "\n");
}

static void write_error(struct writer *w, const struct session_message *m)
{
    const char *name = ierr_name(m->ierr);

    add_who(w, m);
    text_adds(w->out, m->from == SESSION_US ? "send server-error" : "expect server-error");
    if (m->n_ints >= 1 && name)
        text_addf(w->out, " %s", name);
    else if (m->n_ints >= 1)
        text_addf(w->out, " %" PRId32, m->ierr);
    if (m->n_ints >= 2)
        text_addf(w->out, " errno %" PRId32, m->os_errno);
    text_adds(w->out, "\n");
}

static void write_of_control(struct writer *w, const struct session_message *m)
{
    static void (*const writers[])(struct writer *, const struct session_message *) = {
        [SESSION_COOKIE] = write_cookie, [SESSION_STATE] = write_state,
        [SESSION_ERROR] = write_error,   [SESSION_JSON] = write_json,
        [SESSION_BYTES] = write_bytes,
    };

    writers[m->kind](w, m);
}

static bool same_cuts(const struct session_cuts *a, const struct session_cuts *b)
{
    return a->n == b->n && a->delay_ms == b->delay_ms &&
           (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof *a->at) == 0);
}

/* The setting holds from here on: only a change of it is a line. */
static void write_cuts(struct writer *w, const struct session_message *m, struct place *place)
{
    static const struct session_cuts whole;
    const struct session_cuts *now = place->cuts ? place->cuts : &whole, *want = &m->cuts;

    if (same_cuts(now, want))
        return;
    place->cuts = want;
    add_who(w, m);
    text_adds(w->out, want->n ? "split at" : "split 0");
    for (size_t i = 0; i < want->n; i++)
        text_addf(w->out, " %" PRId64, want->at[i]);
    if (want->n && want->delay_ms)
        text_addf(w->out, " delay %" PRId64 "ms", want->delay_ms);
    text_adds(w->out, "\n");
}

static void uncork(struct writer *w, const struct session_message *m, struct place *place)
{
    if (place->corked)
        line(w, m, "uncork");
    place->corked = false;
}

static void write_sent(struct writer *w, const struct session_message *m)
{
    struct place *place = place_of(w, m);

    if (m->joined && !place->corked)
        line(w, m, "cork");
    place->corked |= m->joined;
    write_cuts(w, m, place);
    write_of_control(w, m);
    if (!m->joined)
        uncork(w, m, place);
}

/* --- what we send on a stream ---------------------------------------------------------------- */

static void write_open_stream(struct writer *w, const struct session_message *m)
{
    if (m->says_own) {
        add_who(w, m);
        text_addf(w->out, "wire %s %s", w->udp ? "connect" : "cookie",
                  m->body.len ? "raw " : "never");
        if (m->body.len)
            text_add_pieces(w->out, m->body);
        text_adds(w->out, "\n");
    }
    line(w, m, "open");
    if (w->udp && !m->says_own) /* the reply to the connect datagram */
        expect_of_stream(w, m, "%s", "");
}

static bool follows(const struct session_message *m, const struct session_message *next)
{
    return next->kind == SESSION_DATAGRAM && next->from == m->from && next->stream == m->stream &&
           next->body.len == 0 && strcmp(next->who, m->who) == 0;
}

/* How many datagrams from i on are one step. */
static size_t run_of_datagrams(const struct session *s, size_t i)
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

static void write_datagrams(struct writer *w, const struct session_message *m, size_t n)
{
    size_t runs = 0;

    for (size_t i = 0, run; i < n; i += run) {
        run = run_of_numbers(&m[i], n - i);
        if (runs++ % RUNS_MAX == 0) {
            text_adds(w->out, i ? "\n" : "");
            add_who(w, m);
            text_adds(w->out, "send datagrams");
        }
        add_numbers(w->out, &m[i], run);
    }
    text_adds(w->out, "\n");
}

static void write_data(struct writer *w, const struct session_message *m)
{
    if (m->body.len > 0)
        write_bytes(w, m);
    else if (m->len > 0)
        line(w, m, "send data %" PRIu64, m->len);
}

/* --- what the subject did --------------------------------------------------------------------- */

static void expect_json(struct writer *w, const struct session_message *m)
{
    bool is_first = place_of(w, m)->texts++ == 0;

    line(w, m, w->session->we_serve && is_first ? "expect params" : "expect results");
}

/* Amounts are counted from the start of the stream. */
static void expect_data(struct writer *w, const struct session_message *m)
{
    struct place *place = place_of(w, m);

    place->came += m->len;
    if (m->len > 0)
        expect_of_stream(w, m, " data at least %" PRIu64 " bytes", place->came);
}

static void expect_datagrams(struct writer *w, const struct session_message *m, size_t n)
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

/* --- the whole ------------------------------------------------------------------------------- */

static void write_open(struct writer *w, const struct session_message *m)
{
    static const char *const transports[] = {"", " tcp", " udp"};

    text_addf(w->out, "open%s%s%s\n", m->who[0] ? " " : "", m->who, transports[m->transport]);
}

static void write_ours(struct writer *w, const struct session_message *m)
{
    switch (m->kind) {
    case SESSION_STREAM:
        write_open_stream(w, m);
        break;
    case SESSION_DATA:
        write_data(w, m);
        break;
    case SESSION_END:
    case SESSION_CLOSE:
    case SESSION_RESET:
        uncork(w, m, place_of(w, m));
        line(w, m, "%s", m->kind == SESSION_END ? "half-close" : session_kind_word(m->kind));
        break;
    case SESSION_HOLD:
    case SESSION_STALL:
    case SESSION_RESUME:
        line(w, m, "%s", session_kind_word(m->kind));
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
        expect_json(w, m);
        break;
    case SESSION_STREAM:
        expect_of_stream(w, m, "%s", "");
        break;
    case SESSION_DATA:
        expect_data(w, m);
        break;
    case SESSION_END:
    case SESSION_CLOSE:
        expect_of_stream(w, m, " end");
        break;
    case SESSION_RESET:
        expect_of_stream(w, m, " reset");
        break;
    case SESSION_ALIVE:
        line(w, m, "expect alive");
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
        size_t n = run_of_datagrams(w->session, i);
        (is_ours ? write_datagrams : expect_datagrams)(w, m, n);
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
    struct writer w = {.session = s, .out = out, .udp = session_is_udp(s)};

    write_header(&w, about);
    for (size_t i = 0; i < s->n;)
        i += write_next(&w, i);
    free(w.places);
}
