/* artefact.c - records of a fuzz target and sessions, both ways. */
#include "harness/fuzz/artefact.h"

#include "harness/fuzz/form.h"
#include "harness/session/edit.h"
#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 32
#define BLOCK       1024        /* bytes of data where the input says none */
#define PAUSE_NS    1500000000u /* "time passes": beyond a test of a second */

bool artefact_target(const char *name, struct artefact_target *out)
{
    static const char library[] = "libiperf_";
    static const char *const roles[] = {"server", "client"};

    out->of_library = strncmp(name, library, strlen(library)) == 0;
    name += out->of_library ? strlen(library) : 0;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (strncmp(name, roles[i], strlen(roles[i])) == 0 &&
            (name[strlen(roles[i])] == '\0' || name[strlen(roles[i])] == '-')) {
            out->we_serve = i == 1;
            return true;
        }
    return false;
}

/* --- flags and options ----------------------------------------------------------------------- */

static const struct option_flag {
    uint8_t flag;
    bool of_library, of_client;
    const char *words;
} option_flags[] = {
    {4,   false, true,  "-R"                 },
    {8,   false, true,  "--bidir"            },
    {16,  false, true,  "-u"                 },
    {32,  false, true,  "-P 4"               },
    {1,   true,  true,  "-O 1"               },
    {2,   true,  true,  "--get-server-output"},
    {64,  true,  false, "-J"                 },
    {128, true,  false, "-V"                 },
};

static bool is_for(const struct option_flag *f, const struct artefact_target *target)
{
    return (!f->of_library || target->of_library) && (!f->of_client || target->we_serve);
}

static void options_of(const struct artefact_target *target, uint8_t flags, struct text *out)
{
    if (target->we_serve)
        text_adds(out, "-t 1 -l 1024");
    for (size_t i = 0; i < ARRAY_LEN(option_flags); i++)
        if ((flags & option_flags[i].flag) && is_for(&option_flags[i], target))
            text_addf(out, "%s%s", out->len > 0 ? " " : "", option_flags[i].words);
}

static uint8_t flags_of(const struct artefact_target *target, const char *options)
{
    unsigned flags = 0;

    for (size_t i = 0; i < ARRAY_LEN(option_flags); i++)
        if (is_for(&option_flags[i], target) && strstr(options, option_flags[i].words))
            flags |= option_flags[i].flag;
    return (uint8_t)flags;
}

/* --- what a correct subject answers ---------------------------------------------------------- */

/* Our messages of a correct session in their order, and the answers to each. */
struct turn {
    enum session_kind kind;
    int8_t state;
    enum session_kind answer; /* SESSION_NOTE: none */
    int8_t states[2];         /* of the answer, or behind it; 0: none */
};

static const struct turn as_client[] = {
    {SESSION_COOKIE, 0,          SESSION_STATE, {PARAM_EXCHANGE}          },
    {SESSION_JSON,   0,          SESSION_STATE, {CREATE_STREAMS}          },
    {SESSION_STREAM, 0,          SESSION_STATE, {TEST_START, TEST_RUNNING}},
    {SESSION_STATE,  TEST_END,   SESSION_STATE, {EXCHANGE_RESULTS}        },
    {SESSION_JSON,   0,          SESSION_JSON,  {DISPLAY_RESULTS}         },
    {SESSION_STATE,  IPERF_DONE, SESSION_NOTE,  {0}                       },
    {SESSION_NOTE,   0,          SESSION_NOTE,  {0}                       },
};
static const struct turn as_server[] = {
    {SESSION_STATE, PARAM_EXCHANGE,   SESSION_JSON,   {0}         },
    {SESSION_STATE, CREATE_STREAMS,   SESSION_STREAM, {0}         },
    {SESSION_STATE, TEST_START,       SESSION_NOTE,   {0}         },
    {SESSION_STATE, TEST_RUNNING,     SESSION_NOTE,   {0}         },
    {SESSION_PAUSE, 0,                SESSION_STATE,  {TEST_END}  },
    {SESSION_STATE, EXCHANGE_RESULTS, SESSION_JSON,   {0}         },
    {SESSION_JSON,  0,                SESSION_NOTE,   {0}         },
    {SESSION_STATE, DISPLAY_RESULTS,  SESSION_STATE,  {IPERF_DONE}},
    {SESSION_NOTE,  0,                SESSION_NOTE,   {0}         },
};

struct reading {
    struct session *s;
    const struct turn *turn; /* that is next; the last row: there is none */
    bool is_astray;          /* we have left the correct session */
    struct session pending;  /* answers: they are only worth waiting for if we go on */
    size_t n_streams, n_others;
    size_t parallel; /* streams of the parameters */
    bool is_udp;
};

static int64_t stream_id(size_t at)
{
    return at == 0 ? 1 : (int64_t)at + 2; /* 1, 3, 4, ... (STR-6) */
}

static void answer(struct reading *r, const struct turn *turn)
{
    struct session_message m = {.kind = turn->answer, .from = SESSION_SUBJECT};

    if (turn->answer == SESSION_JSON)
        session_add(&r->pending, &m);
    for (size_t i = 0; turn->answer == SESSION_STREAM && i < r->parallel; i++) {
        m.stream = stream_id(i);
        session_add(&r->pending, &m);
        r->n_streams++;
    }
    for (size_t i = 0; i < ARRAY_LEN(turn->states) && turn->states[i]; i++)
        session_add(&r->pending, &(struct session_message){.kind = SESSION_STATE,
                                                           .from = SESSION_SUBJECT,
                                                           .state = turn->states[i]});
}

static bool is_turn(const struct turn *turn, const struct session_message *m)
{
    return turn->kind == m->kind && turn->state == m->state &&
           (m->kind != SESSION_COOKIE || m->body.len == COOKIE_LEN) &&
           (m->kind != SESSION_JSON || m->announced == m->body.len);
}

/* One of our messages; before it comes what the one before it is answered with. */
static void say(struct reading *r, const struct session_message *m)
{
    for (size_t i = 0; i < r->pending.n; i++)
        session_add(r->s, &r->pending.messages[i]);
    session_fini(&r->pending);
    r->pending = (struct session){.we_serve = false};
    session_add(r->s, m);
    if (m->who[0] || r->is_astray || m->kind == SESSION_DATA || m->kind == SESSION_DATAGRAM)
        return;
    if (m->kind == SESSION_STREAM && r->n_streams < r->parallel)
        return;
    if (is_turn(r->turn, m))
        answer(r, r->turn++);
    else
        r->is_astray = m->kind != SESSION_PAUSE;
}

/* --- records --------------------------------------------------------------------------------- */

static bool find_number(const struct text *json, const char *key, size_t *n)
{
    struct bytes value;

    if (!edit_find(json, key, &value) || value.len == 0)
        return false;
    *n = strtoul((const char *)value.at, NULL, 10);
    return true;
}

/* As far as we have to behave like it. */
static void agree(struct reading *r, struct bytes params)
{
    struct text json = {0};
    struct bytes value;

    text_add(&json, params.at, params.len);
    r->is_udp = memmem(params.at, params.len, "\"udp\":true", 10) != NULL;
    r->parallel = 1;
    find_number(&json, "parallel", &r->parallel);
    if (edit_find(&json, "bidirectional", &value))
        r->parallel *= 2;
    r->parallel = MIN(MAX(r->parallel, 1), STREAMS_MAX);
    text_fini(&json);
}

static void open_stream(struct reading *r, struct bytes greeting)
{
    if (r->n_streams == STREAMS_MAX || r->s->we_serve)
        return;
    say(r, &(struct session_message){.kind = SESSION_STREAM,
                                     .stream = stream_id(r->n_streams++),
                                     .says_own = greeting.len > 0,
                                     .body = greeting});
}

static void send_data(struct reading *r, struct bytes payload)
{
    for (size_t i = 0; i < r->n_streams; i++)
        say(r, &(struct session_message){.kind = r->is_udp ? SESSION_DATAGRAM : SESSION_DATA,
                                         .stream = stream_id(i),
                                         .len = payload.len > 0 ? payload.len : BLOCK,
                                         .header = {.seq = 1},
                                         .body = payload});
}

static void end_stream(struct reading *r, struct bytes which, enum session_kind kind)
{
    if (r->n_streams > 0)
        say(r,
            &(struct session_message){
                .kind = kind, .stream = stream_id(which.len > 0 ? which.at[0] % r->n_streams : 0)});
}

static void meet_another(struct reading *r, struct bytes says)
{
    static const char cookie[COOKIE_LEN] = "another0cookie0than0that0of0the0test";
    struct session_message m = {.kind = SESSION_OPEN};

    if (r->s->we_serve || r->n_others == 8)
        return;
    snprintf(m.who, sizeof m.who, "n%zu", ++r->n_others);
    say(r, &m);
    m.body = says.len > 0 ? says : (struct bytes){(const uint8_t *)cookie, sizeof cookie};
    m.kind = m.body.len == COOKIE_LEN ? SESSION_COOKIE : SESSION_BYTES;
    say(r, &m);
}

/* What happens besides messages on the control connection. */
static void do_note(struct reading *r, struct bytes note)
{
    struct bytes rest = {note.at + 1, note.len - 1};

    switch (note.len > 0 ? note.at[0] : 0) {
    case 'U':
        while (r->n_streams < r->parallel && !r->s->we_serve)
            open_stream(r, (struct bytes){0});
        break;
    case 'u':
        open_stream(r, rest);
        break;
    case 'P':
        send_data(r, rest);
        break;
    case 'K':
        end_stream(r, rest, SESSION_END);
        break;
    case 'F':
        end_stream(r, rest, SESSION_RESET);
        break;
    case 'N':
        meet_another(r, rest);
        break;
    case 'T':
    case 'O':
        say(r, &(struct session_message){.kind = SESSION_PAUSE, .len = PAUSE_NS});
        break;
    default:
        break;
    }
}

/* A cookie of a record is filled up, as the targets do it. */
static void say_cookie(struct reading *r, struct bytes text)
{
    char cookie[COOKIE_LEN];

    memset(cookie, 'a', COOKIE_LEN - 1);
    cookie[COOKIE_LEN - 1] = '\0';
    if (text.len > 0)
        memcpy(cookie, text.at, MIN(text.len, COOKIE_LEN - 1));
    say(r, &(struct session_message){
               .kind = SESSION_COOKIE, .body = {(const uint8_t *)cookie, sizeof cookie}
    });
}

static void do_message(struct reading *r, const struct session_message *m)
{
    if (m->kind == SESSION_NOTE) {
        do_note(r, m->body);
    } else if (m->kind == SESSION_COOKIE) {
        say_cookie(r, m->body);
    } else {
        if (m->kind == SESSION_JSON && r->turn == &as_client[1])
            agree(r, m->body);
        say(r, m);
    }
}

void artefact_read(const struct artefact_target *target, struct bytes input, struct fuzz_case *c)
{
    struct text head = {0}, options = {0};
    struct session records;
    struct reading r = {
        .s = &c->session, .turn = target->we_serve ? as_server : as_client, .parallel = 1};

    *c = (struct fuzz_case){.session = {.we_serve = target->we_serve}};
    form_read(FORM_RECORDS, input, &head, &records);
    uint8_t flags = (uint8_t)head.at[1];
    if (target->we_serve) {
        r.parallel = (flags & 32 ? 4u : 1u) * (flags & 8 ? 2u : 1u);
        r.is_udp = flags & 16;
    }
    options_of(target, flags, &options);
    snprintf(c->subject, sizeof c->subject, "%s", text_string(&options));
    session_add(&c->session,
                &(struct session_message){.kind = SESSION_OPEN,
                                          .from = target->we_serve ? SESSION_SUBJECT : SESSION_US});
    for (size_t i = 0; i < records.n; i++)
        do_message(&r, &records.messages[i]);
    if (r.is_udp)
        snprintf(c->params, sizeof c->params, "{ \"udp\": true }");
    session_fini(&r.pending);
    session_fini(&records);
    text_fini(&head);
    text_fini(&options);
}

/* --- back ------------------------------------------------------------------------------------ */

/* Streams are named by the order in which they were opened. */
static uint8_t place_of(int64_t id)
{
    return (uint8_t)(id <= 1 ? 0 : id - 2);
}

static void add_note(struct session *to, char what, struct bytes payload)
{
    struct text note = {0};

    text_add(&note, &what, 1);
    text_add(&note, payload.at, payload.len);
    session_add(to, &(struct session_message){
                        .kind = SESSION_NOTE, .body = {(const uint8_t *)note.at, note.len}
    });
    text_fini(&note);
}

static bool is_data(const struct session_message *m)
{
    return m->kind == SESSION_DATA || m->kind == SESSION_DATAGRAM;
}

/* One record sends on all streams: what goes on with that of the stream before is no other. */
static bool goes_on(const struct session_message *last, const struct session_message *m)
{
    return last && last->from == SESSION_US && is_data(last) && last->stream < m->stream &&
           last->body.len == m->body.len &&
           (m->body.len == 0 || memcmp(last->body.at, m->body.at, m->body.len) == 0);
}

static void add_of_stream(struct session *to, const struct session_message *last,
                          const struct session_message *m)
{
    const uint8_t place = place_of(m->stream);
    const struct bytes which = {&place, 1}, none = {0};

    if (m->kind == SESSION_STREAM)
        add_note(to, 'u', m->says_own ? m->body : none);
    else if (is_data(m) && !goes_on(last, m))
        add_note(to, 'P', m->body);
    else if (m->kind == SESSION_END || m->kind == SESSION_CLOSE)
        add_note(to, 'K', which);
    else if (m->kind == SESSION_RESET)
        add_note(to, 'F', which);
}

/* last: the message before it, or NULL. */
static void add_back(struct session *to, const struct session_message *last,
                     const struct session_message *m)
{
    if (m->from == SESSION_SUBJECT || m->kind == SESSION_ALIVE)
        return;
    if (m->stream != 0)
        add_of_stream(to, last, m);
    else if (m->who[0] && (m->kind == SESSION_COOKIE || m->kind == SESSION_BYTES))
        add_note(to, 'N', m->body);
    else if (m->who[0] || m->kind == SESSION_OPEN)
        return;
    else if (m->kind == SESSION_PAUSE)
        add_note(to, m->len >= PAUSE_NS ? 'O' : 'T', (struct bytes){0});
    else if (m->kind == SESSION_COOKIE && m->body.len == COOKIE_LEN)
        session_add(to, &(struct session_message){
                            .kind = SESSION_COOKIE, .body = {m->body.at, COOKIE_LEN - 1}
        });
    else
        session_add(to, m);
}

void artefact_write(const struct artefact_target *target, const struct fuzz_case *c,
                    struct text *out)
{
    const char head[] = {0, (char)flags_of(target, c->subject)};
    struct session records = {.we_serve = target->we_serve};
    struct text set_up = {0};

    for (size_t i = 0; i < c->session.n; i++)
        add_back(&records, i > 0 ? &c->session.messages[i - 1] : NULL, &c->session.messages[i]);
    text_add(&set_up, head, sizeof head);
    size_t room = sizeof head + session_size(&records) + 16 * records.n;
    uint8_t *bytes = text_realloc(NULL, room);
    text_add(out, bytes, form_write(FORM_RECORDS, &set_up, &records, bytes, room));
    free(bytes);
    text_fini(&set_up);
    session_fini(&records);
}
