/* mutate_message.c - one message: made anew, or changed by itself. */
#include "harness/fuzz/draw.h"
#include "harness/fuzz/mutate.h"

#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 64 /* of a message without form */

/* The states, and bytes that are none. */
static const int8_t states[] = {
#define X(name, value, ...) value,
    STATES(X)
#undef X
        0,
    3,
    5,
    100,
    127,
    -128,
    -3,
    -4,
};

static const char *const objects[] = {
    "{}",
    "[]",
    "0",
    "null",
    "{\"tcp\":true,\"omit\":0,\"time\":1,\"parallel\":1,\"len\":8192}",
    "{\"udp\":true,\"omit\":0,\"time\":1,\"parallel\":1,\"len\":1000}",
    ("{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,\"sender_has_retransmits\":0,"
     "\"streams\":[{\"id\":1,\"bytes\":0,\"retransmits\":0,\"jitter\":0,\"errors\":0,\"packets\":0}"
     "]}"),
};

static int8_t draw_state(struct mutator *m)
{
    return draw(&m->seed, 8) ? states[draw(&m->seed, ARRAY_LEN(states))]
                             : (int8_t)draw(&m->seed, 256);
}

/* --- anew ------------------------------------------------------------------------------------ */

static void fill(struct mutator *m, struct text *room, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)draw_next(&m->seed);
        text_add(room, &byte, 1);
    }
}

static struct session_message make_of_control(struct mutator *m, struct text *room)
{
    static const enum session_kind kinds[] = {SESSION_STATE, SESSION_STATE,  SESSION_STATE,
                                              SESSION_JSON,  SESSION_BYTES,  SESSION_ERROR,
                                              SESSION_JSON,  SESSION_COOKIE, SESSION_STATE};
    struct session_message made = {.kind = kinds[draw(&m->seed, ARRAY_LEN(kinds))]};

    switch (made.kind) {
    case SESSION_STATE:
        made.state = draw_state(m);
        break;
    case SESSION_ERROR:
        made.n_ints = (int)draw(&m->seed, 3);
        made.ierr = made.n_ints > 0 ? (int32_t)draw(&m->seed, 300) : 0;
        made.os_errno = made.n_ints > 1 ? (int32_t)draw(&m->seed, 130) : 0;
        break;
    case SESSION_JSON:
        text_adds(room, objects[draw(&m->seed, ARRAY_LEN(objects))]);
        break;
    case SESSION_COOKIE:
        for (int i = 0; i < COOKIE_LEN - 1; i++)
            text_adds(room, "b");
        text_add(room, "", 1);
        break;
    default:
        fill(m, room, 1 + draw(&m->seed, BYTES_MAX));
    }
    made.body = (struct bytes){(const uint8_t *)text_string(room), room->len};
    made.announced = (uint32_t)room->len;
    return made;
}

/* Streams and pauses. Streams have the ids 1, 3, 4, ... (STR-6). */
static struct session_message make_of_stream(struct mutator *m)
{
    static const enum session_kind kinds[] = {
        SESSION_STREAM, SESSION_DATA,  SESSION_DATA,  SESSION_DATAGRAM, SESSION_DATAGRAM,
        SESSION_END,    SESSION_RESET, SESSION_CLOSE, SESSION_STALL,    SESSION_PAUSE,
    };
    static const int64_t ids[] = {1, 3, 4, 5, 1, 1};
    struct session_message made = {.kind = kinds[draw(&m->seed, ARRAY_LEN(kinds))],
                                   .stream = ids[draw(&m->seed, ARRAY_LEN(ids))]};

    if (made.kind == SESSION_PAUSE) {
        made.stream = 0;
        made.len = (1 + draw(&m->seed, MUTATE_PAUSE_MS_MAX)) * 1000000u;
    } else if (made.kind == SESSION_DATA) {
        made.len = 1 + draw(&m->seed, draw(&m->seed, 2) ? 64 : MUTATE_DATA_MAX);
    } else if (made.kind == SESSION_DATAGRAM) {
        made.header.seq = draw(&m->seed, 100);
        made.len = draw(&m->seed, 2) ? 0 : 12 + draw(&m->seed, 2000);
    }
    return made;
}

static struct session_message make_end(struct mutator *m)
{
    static const enum session_kind kinds[] = {SESSION_END, SESSION_CLOSE, SESSION_RESET,
                                              SESSION_HOLD};

    return (struct session_message){.kind = kinds[draw(&m->seed, ARRAY_LEN(kinds))]};
}

struct session_message mutate_make(struct mutator *m, bool we_serve, struct text *room)
{
    size_t which = draw(&m->seed, 12);

    if (which == 0)
        return make_end(m);
    if (m->notes && which < 4) {
        text_add(room, &m->notes[draw(&m->seed, strlen(m->notes))], 1);
        return (struct session_message){
            .kind = SESSION_NOTE, .body = {(const uint8_t *)room->at, 1}
        };
    }
    if (m->has_streams && which < 4)
        return make_of_stream(m);
    if (m->has_streams && which == 4 && !we_serve)
        return (struct session_message){.kind = SESSION_OPEN,
                                        .transport =
                                            draw(&m->seed, 3) ? SESSION_CONTROL : SESSION_BARE_TCP};
    return make_of_control(m, room);
}

/* --- changes --------------------------------------------------------------------------------- */

static void put_body(struct session_message *m, const struct text *body)
{
    free((void *)(uintptr_t)m->body.at);
    m->body = (struct bytes){0};
    if (body->len > 0)
        m->body =
            (struct bytes){memcpy(text_realloc(NULL, body->len), body->at, body->len), body->len};
}

/* Our own way with bytes: one changed, a run doubled, cut out or cut short. */
static void havoc(struct mutator *m, struct bytes old, struct text *out)
{
    size_t at = old.len > 0 ? draw(&m->seed, old.len) : 0;
    size_t len = old.len > 0 ? 1 + draw(&m->seed, MIN(old.len - at, 16)) : 0;
    uint8_t byte = (uint8_t)draw_next(&m->seed);

    text_add(out, old.at, at);
    switch (draw(&m->seed, 5)) {
    case 0: /* cut short */
        return;
    case 1: /* out */
        break;
    case 2: /* twice */
        text_add(out, old.at + at, len);
        text_add(out, old.at + at, len);
        break;
    case 3: /* one put in */
        text_add(out, &byte, 1);
        text_add(out, old.at + at, len);
        break;
    default: /* another, or a bit of it */
        if (len > 0 && draw(&m->seed, 2))
            byte = (uint8_t)(old.at[at] ^ 1u << draw(&m->seed, 8));
        text_add(out, &byte, 1);
        text_add(out, old.at + at + (len > 0), len > 0 ? len - 1 : 0);
    }
    text_add(out, old.at + at + len, old.len - at - len);
}

static void change_bytes(struct mutator *m, struct session_message *message)
{
    struct text out = {0};
    size_t cap = message->body.len + BYTES_MAX;

    if (m->bytes) {
        uint8_t *room = text_realloc(NULL, cap);
        if (message->body.len > 0)
            memcpy(room, message->body.at, message->body.len);
        text_add(&out, room, m->bytes(room, message->body.len, cap));
        free(room);
    } else {
        havoc(m, message->body, &out);
    }
    put_body(message, &out);
    text_fini(&out);
}

/* Most often the length still tells the truth. */
static void change_json(struct mutator *m, struct session_message *message)
{
    bool was_true = message->announced == message->body.len;
    struct text out = {0};

    if (draw(&m->seed, 8) == 0) {
        change_bytes(m, message);
    } else {
        mutate_json(m, message->body, &out);
        put_body(message, &out);
        text_fini(&out);
    }
    if (was_true)
        message->announced = (uint32_t)message->body.len;
}

void mutate_message_value(struct mutator *m, struct session_message *message)
{
    bool was_true = message->announced == message->body.len;
    struct text out = {0};

    mutate_json_value(m, message->body, &out);
    put_body(message, &out);
    text_fini(&out);
    if (was_true)
        message->announced = (uint32_t)message->body.len;
}

static void change_length(struct mutator *m, struct session_message *message)
{
    static const uint32_t odd[] = {0,     1,          2,          0x1fff,     0x2000,    0x2001,
                                   65536, 0x00ffffff, 0x7fffffff, 0x80000000, 0xffffffff};
    uint32_t len = (uint32_t)message->body.len;

    message->announced = draw(&m->seed, 2) ? odd[draw(&m->seed, ARRAY_LEN(odd))]
                                           : len - 4 + (uint32_t)draw(&m->seed, 9);
}

static void change_end(struct mutator *m, struct session_message *message)
{
    static const enum session_kind kinds[] = {SESSION_END, SESSION_CLOSE, SESSION_RESET};

    message->kind = kinds[draw(&m->seed, ARRAY_LEN(kinds))];
}

static void change_datagram(struct mutator *m, struct session_message *message)
{
    static const uint64_t seqs[] = {0,          1,          2,           0x7fffffff,
                                    0x80000000, 0xffffffff, 0x100000000, INT64_MAX};

    switch (draw(&m->seed, 4)) {
    case 0:
        message->header.seq = seqs[draw(&m->seed, ARRAY_LEN(seqs))];
        break;
    case 1:
        message->header.seq += draw(&m->seed, 5);
        break;
    case 2:
        message->len = draw(&m->seed, 2) ? draw(&m->seed, 64) : draw(&m->seed, 65508);
        break;
    default:
        message->header.has_times = true;
        message->header.sec = draw(&m->seed, 2) ? UINT32_MAX : (uint32_t)draw_next(&m->seed);
        message->header.usec = draw(&m->seed, 2) ? 999999 : (uint32_t)draw_next(&m->seed);
    }
}

/* What a stream says of itself in place of the cookie, or of the connect datagram. */
static void change_greeting(struct mutator *m, struct session_message *message)
{
    message->says_own = true;
    change_bytes(m, message);
}

static void change_amount(struct mutator *m, struct session_message *message)
{
    if (message->body.len > 0)
        change_bytes(m, message);
    else
        message->len = 1 + draw(&m->seed, draw(&m->seed, 2) ? 256 : MUTATE_DATA_MAX);
}

static void change_pause(struct mutator *m, struct session_message *message)
{
    message->len = (1 + draw(&m->seed, MUTATE_PAUSE_MS_MAX)) * 1000000u;
}

static void change_state(struct mutator *m, struct session_message *message)
{
    message->state = draw_state(m);
}

static void change_error(struct mutator *m, struct session_message *message)
{
    message->n_ints = (int)draw(&m->seed, 3);
    message->ierr = message->n_ints > 0 ? (int32_t)draw_next(&m->seed) : 0;
    message->os_errno = message->n_ints > 1 ? (int32_t)draw_next(&m->seed) : 0;
}

bool mutate_message(struct mutator *m, struct session *s, size_t at)
{
    static void (*const changes[])(struct mutator *, struct session_message *) = {
        [SESSION_COOKIE] = change_bytes, [SESSION_STATE] = change_state,
        [SESSION_ERROR] = change_error,  [SESSION_JSON] = change_json,
        [SESSION_BYTES] = change_bytes,  [SESSION_STREAM] = change_greeting,
        [SESSION_DATA] = change_amount,  [SESSION_DATAGRAM] = change_datagram,
        [SESSION_END] = change_end,      [SESSION_CLOSE] = change_end,
        [SESSION_RESET] = change_end,    [SESSION_PAUSE] = change_pause,
        [SESSION_NOTE] = change_bytes,
    };
    struct session_message *message = &s->messages[at];

    if (message->from == SESSION_SUBJECT || message->kind >= ARRAY_LEN(changes) ||
        !changes[message->kind])
        return false;
    if (message->kind == SESSION_JSON && draw(&m->seed, 10) == 0)
        change_length(m, message);
    else
        changes[message->kind](m, message);
    return true;
}
