#include "harness/script/raw.h"

#include "impl/wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was read of one connection, or of one stream, so far. */
struct place {
    const char *who;
    int64_t stream;
    const struct script_split *split; /* NULL: whole messages */
    bool corked;
    const struct script_wire *greeting; /* what the stream says when it is opened, or NULL */
    uint64_t came;                      /* bytes on the stream */
    struct session_header last;         /* of the datagram before */
};

struct reader {
    struct session *session;
    struct script_error *error;
    struct place *places;
    size_t n;
    size_t bytes; /* of all bodies */
    bool udp;
};

static struct place *place_of(struct reader *r, const char *who, int64_t stream)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->places[i].stream == stream && strcmp(r->places[i].who, who) == 0)
            return &r->places[i];
    r->places = text_realloc(r->places, (r->n + 1) * sizeof *r->places);
    r->places[r->n] = (struct place){.who = who, .stream = stream};
    return &r->places[r->n++];
}

static bool fail(struct reader *r, const struct script_step *step, const char *expected)
{
    struct script_error *e = r->error;
    struct text found = {0};

    *e = (struct script_error){.line = step->line, .column = step->column};
    script_print_step(step, &found);
    snprintf(e->file, sizeof e->file, "%s", step->file);
    snprintf(e->expected, sizeof e->expected, "%s", expected);
    snprintf(e->found, sizeof e->found, "'%.70s'", text_string(&found));
    snprintf(e->text, sizeof e->text, "%s", step->text ? step->text : "");
    text_fini(&found);
    return false;
}

static bool add(struct reader *r, const struct script_step *step, struct session_message m)
{
    if (r->session->n == RAW_MESSAGES_MAX)
        return fail(r, step, "at most 200000 messages");
    snprintf(m.who, sizeof m.who, "%s", step->who);
    session_add(r->session, &m);
    return true;
}

/* Room for a body of that many bytes, before it is made. */
static bool take_room(struct reader *r, const struct script_step *step, size_t len)
{
    if (len > RAW_BYTES_MAX - r->bytes)
        return fail(r, step, "at most 16 MiB in all messages");
    r->bytes += len;
    return true;
}

/* --- what we send on a control connection ---------------------------------------------------- */

static int64_t wire_len(const struct session_message *m)
{
    struct text bytes = {0};

    session_encode(m, &bytes);
    int64_t len = (int64_t)bytes.len;
    text_fini(&bytes);
    return len;
}

/* Where its writes end, as the setting has it. The caller frees cuts.at. */
static void cut(struct session_message *m, const struct script_split *split)
{
    int64_t len = wire_len(m);

    if (!split || len == 0)
        return;
    size_t n = split->every ? (size_t)MIN((len - 1) / split->every, SESSION_CUTS_MAX) : split->n;
    m->cuts.at = text_realloc(NULL, n * sizeof *m->cuts.at);
    for (size_t i = 0; i < n; i++) {
        int64_t at = split->every ? (int64_t)(i + 1) * split->every : split->at[i];
        if (at < len)
            m->cuts.at[m->cuts.n++] = at;
    }
    m->cuts.delay_ms = m->cuts.n ? split->delay_ms : 0;
}

/* The first bytes of a message are no message. */
static void shorten(struct session_message *m, int64_t first, struct text *bytes)
{
    struct text whole = {0};

    session_encode(m, &whole);
    text_add(bytes, whole.at, MIN(whole.len, (size_t)first));
    text_fini(&whole);
    *m = (struct session_message){
        .kind = SESSION_BYTES, .body = {(const uint8_t *)text_string(bytes), bytes->len}
    };
}

static bool read_sent(struct reader *r, const struct script_step *step)
{
    static const int kinds[] = {
        [SCRIPT_SEND_STATE] = SESSION_STATE,
        [SCRIPT_SEND_BYTES] = SESSION_BYTES,
        [SCRIPT_SEND_COOKIE] = SESSION_COOKIE,
        [SCRIPT_SEND_ERROR] = SESSION_ERROR,
        [SCRIPT_SEND_JSON] = SESSION_JSON,
        [SCRIPT_SEND_PARAMS] = -1,
        [SCRIPT_SEND_RESULTS] = -1,
    };
    const struct script_send *send = &step->send;
    struct place *place = place_of(r, step->who, 0);
    struct text body = {0}, part = {0};

    if (kinds[send->kind] < 0 || (send->kind == SCRIPT_SEND_COOKIE && send->text.n == 0))
        return fail(r, step, "the bytes themselves: send cookie TEXT, send json TEXT");
    if (place->corked && place->split && place->split->every)
        return fail(r, step, "split at OFFSETS, as a message is kept by cork");
    if (!take_room(r, step, send->text.len))
        return false;
    script_text_add(&send->text, &body);
    struct session_message m = {
        .kind = (enum session_kind)kinds[send->kind],
        .n_ints = send->n_ints,
        .ierr = send->ierr,
        .os_errno = send->os_errno,
        .body = {(const uint8_t *)text_string(&body), body.len},
    };
    if (m.kind == SESSION_JSON)
        m.announced = send->announced < 0 ? (uint32_t)body.len : (uint32_t)send->announced;
    if (m.kind == SESSION_STATE) {
        m.state = (int8_t)body.at[0];
        m.body.len = 0;
    }
    if (send->first >= 0)
        shorten(&m, send->first, &part);
    m.joined = place->corked;
    cut(&m, place->split);
    bool ok = add(r, step, m);
    free(m.cuts.at);
    text_fini(&body);
    text_fini(&part);
    return ok;
}

/* The last message that was kept is joined with none. */
static bool read_cork(struct reader *r, const struct script_step *step)
{
    struct place *place = place_of(r, step->who, 0);

    place->corked = step->verb == SCRIPT_CORK;
    for (size_t i = r->session->n; i-- > 0 && !place->corked;) {
        struct session_message *m = &r->session->messages[i];
        if (!m->joined || strcmp(m->who, step->who) != 0)
            continue;
        m->joined = false;
        break;
    }
    return true;
}

static bool read_split(struct reader *r, const struct script_step *step)
{
    const struct script_split *split = &step->split;

    place_of(r, step->who, 0)->split = split->every || split->n ? split : NULL;
    return true;
}

/* --- what we send on a stream ---------------------------------------------------------------- */

static bool read_stream_bytes(struct reader *r, const struct script_step *step)
{
    struct text body = {0};

    if (!take_room(r, step, step->send.text.len))
        return false;
    script_text_add(&step->send.text, &body);
    bool ok = add(r, step,
                  (struct session_message){
                      .kind = r->udp ? SESSION_DATAGRAM : SESSION_DATA,
                      .stream = step->stream,
                      .len = body.len,
                      .body = {(const uint8_t *)text_string(&body), body.len}
    });
    text_fini(&body);
    return ok;
}

static bool change(const struct script_field *field, uint64_t before, uint64_t *value)
{
    if (field->given)
        *value = field->relative ? before + (uint64_t)field->value : (uint64_t)field->value;
    return field->given;
}

/* The header that a datagram gets (as harness/sim/datagrams.c makes it). False: its times depend on
 * when it is sent. */
static bool make_header(const struct script_fields *fields, const struct session_header *last,
                        struct session_header *header)
{
    uint64_t sec = last->sec, usec = last->usec;
    bool has_sec = change(&fields->sec, sec, &sec), has_usec = change(&fields->usec, usec, &usec);
    bool is_absolute = has_sec && has_usec && !fields->sec.relative && !fields->usec.relative;

    *header = (struct session_header){.seq = last->seq + 1};
    change(&fields->seq, last->seq, &header->seq);
    if (!has_sec && !has_usec)
        return true;
    header->has_times = true;
    header->sec = (uint32_t)sec;
    header->usec = (uint32_t)usec;
    return is_absolute || last->has_times;
}

static bool read_pause_of(struct reader *r, const struct script_step *step, int64_t ms)
{
    struct script_step nobody = *step;

    nobody.who = "";
    return ms == 0 ||
           add(r, &nobody,
               (struct session_message){.kind = SESSION_PAUSE, .len = (uint64_t)ms * 1000000u});
}

static bool read_datagram(struct reader *r, const struct script_step *step,
                          const struct script_datagrams *run, int64_t seq)
{
    struct place *place = place_of(r, step->who, step->stream);
    struct session_message m = {.kind = SESSION_DATAGRAM, .stream = step->stream};

    if (!run->has_fields)
        m.header.seq = (uint64_t)seq;
    else if (!make_header(&run->fields, &place->last, &m.header))
        return fail(r, step, "sec and usec as plain numbers, or neither");
    if (run->fields.len.relative)
        return fail(r, step, "len as a plain number");
    m.len = (uint64_t)run->fields.len.value;
    place->last = m.header;
    return add(r, step, m) && read_pause_of(r, step, step->send.every_ms);
}

static bool read_datagrams(struct reader *r, const struct script_step *step)
{
    for (size_t i = 0; i < step->send.n_datagrams; i++) {
        const struct script_datagrams *run = &step->send.datagrams[i];
        for (int64_t n = 0; n < run->times; n++)
            for (int64_t seq = run->from; seq <= run->to; seq++)
                if (!read_datagram(r, step, run, seq))
                    return false;
    }
    return true;
}

static bool read_send(struct reader *r, const struct script_step *step)
{
    const struct script_send *send = &step->send;

    if (!step->stream)
        return read_sent(r, step);
    if (send->kind == SCRIPT_SEND_BYTES)
        return read_stream_bytes(r, step);
    if (send->kind == SCRIPT_SEND_DATAGRAMS)
        return read_datagrams(r, step);
    if (send->count == 0)
        return fail(r, step, "send data and a number of bytes");
    return add(r, step,
               (struct session_message){
                   .kind = SESSION_DATA, .stream = step->stream, .len = (uint64_t)send->count});
}

static bool read_greeting(struct reader *r, const struct script_step *step)
{
    const struct script_wire *wire = &step->wire;
    bool is_greeting = strcmp(wire->what, "cookie") == 0 || strcmp(wire->what, "connect") == 0;

    if (!wire->stream || !is_greeting ||
        (wire->kind != SCRIPT_WIRE_RAW && wire->kind != SCRIPT_WIRE_NEVER))
        return fail(r, step, "of `wire` no more than stream N wire cookie or connect");
    place_of(r, step->who, wire->stream)->greeting = wire;
    return true;
}

static bool read_open(struct reader *r, const struct script_step *step)
{
    static const enum session_transport transports[] = {[SCRIPT_CONTROL] = SESSION_CONTROL,
                                                        [SCRIPT_BARE_TCP] = SESSION_BARE_TCP,
                                                        [SCRIPT_BARE_UDP] = SESSION_BARE_UDP};
    struct session_message m = {.kind = SESSION_OPEN,
                                .from = r->session->we_serve ? SESSION_SUBJECT : SESSION_US};
    struct text body = {0};

    if (step->stream) {
        const struct script_wire *greeting = place_of(r, step->who, step->stream)->greeting;
        m = (struct session_message){
            .kind = SESSION_STREAM, .stream = step->stream, .says_own = greeting != NULL};
        if (greeting && !take_room(r, step, greeting->text.len))
            return false;
        if (greeting && greeting->kind == SCRIPT_WIRE_RAW)
            script_text_add(&greeting->text, &body);
        m.body = (struct bytes){(const uint8_t *)text_string(&body), body.len};
    } else if (step->open.from || step->open.to || step->open.cookie_of) {
        return fail(r, step, "open, its name, and tcp or udp at most");
    } else {
        m.transport = transports[step->open.transport];
    }
    bool ok = add(r, step, m);
    text_fini(&body);
    return ok;
}

/* --- what the subject did -------------------------------------------------------------------- */

static bool read_error_event(struct reader *r, const struct script_step *step,
                             const struct script_event *event)
{
    if (event->ints >= 0 || (event->has_errno && event->ierr == -1))
        return fail(r, step, "server-error, its number, and the errno at most");
    return add(r, step,
               (struct session_message){.kind = SESSION_ERROR,
                                        .from = SESSION_SUBJECT,
                                        .n_ints = event->has_errno ? 2 : event->ierr != -1,
                                        .ierr = event->ierr == -1 ? 0 : event->ierr,
                                        .os_errno = event->os_errno});
}

/* Amounts are counted from the start of the stream. */
static bool read_data_event(struct reader *r, const struct script_step *step,
                            const struct script_event *event)
{
    struct place *place = place_of(r, step->who, event->stream);

    if (!event->at_least || event->count <= place->came)
        return fail(r, step, "at least so many bytes, more than before");
    struct session_message m = {.kind = SESSION_DATA,
                                .from = SESSION_SUBJECT,
                                .stream = event->stream,
                                .len = event->count - place->came};
    place->came = event->count;
    return add(r, step, m);
}

static bool read_datagrams_event(struct reader *r, const struct script_step *step,
                                 const struct script_event *event)
{
    for (size_t i = 0; i < event->n_seqs; i++)
        if (!add(r, step,
                 (struct session_message){.kind = SESSION_DATAGRAM,
                                          .from = SESSION_SUBJECT,
                                          .stream = event->stream,
                                          .header.seq = (uint64_t)event->seqs[i]}))
            return false;
    return true;
}

/* A stream is the client's to open; to a client of ours `expect stream N` is the reply of UDP. */
static bool read_stream_event(struct reader *r, const struct script_step *step,
                              const struct script_event *event)
{
    if (event->port || event->any_cookie)
        return fail(r, step, "stream N, and nothing about its port or cookie");
    return !r->session->we_serve ||
           add(r, step,
               (struct session_message){
                   .kind = SESSION_STREAM, .from = SESSION_SUBJECT, .stream = event->stream});
}

static bool read_event(struct reader *r, const struct script_step *step,
                       const struct script_event *event)
{
    static const int kinds[] = {
        [SCRIPT_EV_STATE] = SESSION_STATE,        [SCRIPT_EV_PARAMS] = SESSION_JSON,
        [SCRIPT_EV_RESULTS] = SESSION_JSON,       [SCRIPT_EV_END] = SESSION_END,
        [SCRIPT_EV_CLOSE] = SESSION_END,          [SCRIPT_EV_RESET] = SESSION_RESET,
        [SCRIPT_EV_STREAM_END] = SESSION_END,     [SCRIPT_EV_STREAM_CLOSE] = SESSION_END,
        [SCRIPT_EV_STREAM_RESET] = SESSION_RESET,
    };

    switch (event->kind) {
    case SCRIPT_EV_ERROR:
        return read_error_event(r, step, event);
    case SCRIPT_EV_STREAM:
        return read_stream_event(r, step, event);
    case SCRIPT_EV_STREAM_DATA:
        return read_data_event(r, step, event);
    case SCRIPT_EV_STREAM_DATAGRAMS:
        return read_datagrams_event(r, step, event);
    case SCRIPT_EV_DENIED:
    case SCRIPT_EV_STREAM_DATAGRAM:
        return fail(r, step, "one message: a state, an end, a number of bytes");
    default:
        break;
    }
    if (event->where || event->token)
        return fail(r, step, "params or results without a query");
    return add(r, step,
               (struct session_message){.kind = (enum session_kind)kinds[event->kind],
                                        .from = SESSION_SUBJECT,
                                        .stream = event->stream,
                                        .state = event->state});
}

static bool read_expect(struct reader *r, const struct script_step *step)
{
    const struct script_expect *expect = &step->expect;

    if (expect->kind == SCRIPT_EXPECT_ALIVE && !expect->meanwhile)
        return add(r, step,
                   (struct session_message){.kind = SESSION_ALIVE, .from = SESSION_SUBJECT});
    if (expect->kind != SCRIPT_EXPECT_EVENT || expect->events.n != 1)
        return fail(r, step, "one event, or alive");
    return read_event(r, step, &expect->events.at[0]);
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool read_pause(struct reader *r, const struct script_step *step)
{
    return read_pause_of(r, step, step->pause_ms);
}

static bool read_end(struct reader *r, const struct script_step *step)
{
    static const enum session_kind kinds[] = {
        [SCRIPT_HALF_CLOSE] = SESSION_END, [SCRIPT_CLOSE] = SESSION_CLOSE,
        [SCRIPT_RESET] = SESSION_RESET,    [SCRIPT_HOLD] = SESSION_HOLD,
        [SCRIPT_STALL] = SESSION_STALL,    [SCRIPT_RESUME] = SESSION_RESUME,
    };

    return add(r, step,
               (struct session_message){.kind = kinds[step->verb], .stream = step->stream});
}

static bool read_steps(struct reader *r, const struct script_steps *steps);

static bool read_repeat(struct reader *r, const struct script_step *step)
{
    for (int64_t i = 0; i < step->branches.times; i++)
        if (!read_steps(r, &step->branches.at[0]))
            return false;
    return true;
}

static bool (*const readers[SCRIPT_N_VERBS])(struct reader *, const struct script_step *) = {
    [SCRIPT_OPEN] = read_open,     [SCRIPT_SEND] = read_send,   [SCRIPT_WIRE] = read_greeting,
    [SCRIPT_EXPECT] = read_expect, [SCRIPT_SPLIT] = read_split, [SCRIPT_CORK] = read_cork,
    [SCRIPT_UNCORK] = read_cork,   [SCRIPT_PAUSE] = read_pause, [SCRIPT_HALF_CLOSE] = read_end,
    [SCRIPT_CLOSE] = read_end,     [SCRIPT_RESET] = read_end,   [SCRIPT_HOLD] = read_end,
    [SCRIPT_STALL] = read_end,     [SCRIPT_RESUME] = read_end,  [SCRIPT_REPEAT] = read_repeat,
};

static bool read_steps(struct reader *r, const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        if (!readers[step->verb])
            return fail(r, step,
                        "a step that is one message: open, send, expect, split, close ...");
        if (!readers[step->verb](r, step))
            return false;
    }
    return true;
}

/* By the header: what a text says that we send is not looked into. */
static bool says_udp(const char *params)
{
    json_value *root;

    if (!params || json_parse((struct bytes){(const uint8_t *)params, strlen(params)}, &root))
        return false;
    const json_value *udp = json_member(root, "udp");
    bool is = udp && json_type_of(udp) == JSON_BOOL && json_bool(udp);
    json_free(root);
    return is;
}

bool script_session(const struct script *script, struct session *session,
                    struct script_error *error)
{
    struct reader r = {.session = session, .error = error, .udp = says_udp(script->params)};

    *session = (struct session){.we_serve = script->plays_server};
    *error = (struct script_error){0};
    bool ok = read_steps(&r, &script->steps);
    free(r.places);
    return ok;
}
