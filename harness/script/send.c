/* send.c - `send WHAT` and `wire WHAT`: reading them. */
#include "harness/script/parse.h"

#include "impl/wire/ierr.h"
#include "impl/wire/params.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool parse_ierr(struct cursor *c, int32_t *ierr)
{
    cursor_at_end(c);
    size_t at = c->at;
    char *word = cursor_need(c, "an error such as IERECVPARAMS, or its number"), *end;

    if (!word)
        return false;
    long value = strtol(word, &end, 0);
    if (*end)
        value = ierr_from_name(word);
    if (*end && value < 0)
        return cursor_fail(c, at, "an error such as IERECVPARAMS, or its number");
    *ierr = (int32_t)value;
    return true;
}

static struct bytes one_byte(struct cursor *c, uint8_t byte)
{
    uint8_t *copy = arena_alloc(c->arena, 1);

    *copy = byte;
    return (struct bytes){copy, 1};
}

static bool send_state(struct cursor *c, struct script_send *send)
{
    int8_t state;

    if (!parse_state(c, &state))
        return false;
    send->bytes = one_byte(c, (uint8_t)state);
    return true;
}

static bool send_byte(struct cursor *c, struct script_send *send)
{
    int64_t value;

    if (!cursor_int(c, "a byte", -128, 255, &value))
        return false;
    send->bytes = one_byte(c, (uint8_t)value);
    return true;
}

static bool send_hex(struct cursor *c, struct script_send *send)
{
    return cursor_hex(c, &send->bytes);
}

static bool send_text(struct cursor *c, struct script_send *send)
{
    return cursor_quoted(c, &send->bytes);
}

static bool send_plain(struct cursor *c, struct script_send *send)
{
    (void)c, (void)send;
    return true;
}

/* `server-error`, `server-error N`, `server-error N errno M`: none, one, two integers. */
static bool send_error(struct cursor *c, struct script_send *send)
{
    char *next = cursor_peek(c);
    int64_t value;

    if (!next || (!isalnum((unsigned char)*next) && *next != '-') || strcmp(next, "within") == 0)
        return true;
    if (!parse_ierr(c, &send->ierr))
        return false;
    send->n_ints = 1;
    if (!cursor_take(c, "errno"))
        return true;
    send->n_ints = 2;
    if (!cursor_int(c, "an errno number", INT32_MIN, INT32_MAX, &value))
        return false;
    send->os_errno = (int32_t)value;
    return true;
}

static bool send_data(struct cursor *c, struct script_send *send)
{
    return cursor_int(c, "a number of bytes", 1, 1 << 30, &send->count);
}

static bool add_seqs(struct cursor *c, struct script_send *send, int64_t from, int64_t to)
{
    for (int64_t seq = from; seq <= to; seq++) {
        if (send->n_seqs == 100000)
            return cursor_fail(c, c->at, "at most 100000 datagrams");
        send->seqs = arena_grow(c->arena, send->seqs, send->n_seqs, sizeof *send->seqs);
        send->seqs[send->n_seqs++] = seq;
    }
    return true;
}

/* 1 2 5..7 x3: numbers, ranges, and a repeat of the last one. */
static bool send_datagrams(struct cursor *c, struct script_send *send)
{
    char *word, *end;

    while ((word = cursor_peek(c)) &&
           (isdigit((unsigned char)*word) || (*word == 'x' && send->n_seqs))) {
        int64_t from = strtoll(word + (*word == 'x'), &end, 0), to = from;
        if (*word == 'x') {
            int64_t again = send->seqs[send->n_seqs - 1];
            for (int64_t i = 1; i < from; i++)
                if (!add_seqs(c, send, again, again))
                    return false;
            to = from - 1;
        } else if (strncmp(end, "..", 2) == 0) {
            to = strtoll(end + 2, &end, 0);
        }
        if (*end || (*word != 'x' && !add_seqs(c, send, from, to)))
            return cursor_fail(c, SIZE_MAX, "a sequence number, a range 1..5, or a repeat x3");
        cursor_word(c);
    }
    return send->n_seqs > 0 || cursor_fail(c, SIZE_MAX, "sequence numbers");
}

static const struct {
    const char *word;
    enum script_send_kind kind;
    bool (*read)(struct cursor *c, struct script_send *send);
    bool on_stream;
} sends[] = {
    {"state",        SCRIPT_SEND_STATE,     send_state,     false},
    {"byte",         SCRIPT_SEND_BYTES,     send_byte,      false},
    {"hex",          SCRIPT_SEND_BYTES,     send_hex,       false},
    {"text",         SCRIPT_SEND_BYTES,     send_text,      false},
    {"cookie",       SCRIPT_SEND_COOKIE,    send_plain,     false},
    {"params",       SCRIPT_SEND_PARAMS,    send_plain,     false},
    {"results",      SCRIPT_SEND_RESULTS,   send_plain,     false},
    {"server-error", SCRIPT_SEND_ERROR,     send_error,     false},
    {"data",         SCRIPT_SEND_DATA,      send_data,      true },
    {"datagrams",    SCRIPT_SEND_DATAGRAMS, send_datagrams, true },
};

bool parse_send(struct cursor *c, struct script_step *step)
{
    cursor_at_end(c);
    size_t at = c->at;
    char *word = cursor_word(c);

    step->send.first = -1;
    for (size_t i = 0; i < ARRAY_LEN(sends); i++) {
        if (!word || strcmp(word, sends[i].word) != 0)
            continue;
        if (sends[i].on_stream != (step->stream != 0) && sends[i].kind != SCRIPT_SEND_BYTES)
            return cursor_fail(c, at,
                               sends[i].on_stream ? "'stream N' in front of send data"
                                                  : "data, datagrams or hex for a stream");
        step->send.kind = sends[i].kind;
        if (!sends[i].read(c, &step->send))
            return false;
        if (!cursor_take(c, "first"))
            return true;
        return cursor_int(c, "a number of bytes", 0, 1 << 30, &step->send.first) &&
               (cursor_take(c, "bytes") || cursor_need_word(c, "byte"));
    }
    return cursor_fail(
        c, at, "one of state byte hex text cookie params results server-error data datagrams");
}

/* --- wire ------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    enum script_message message;
} messages[] = {
    {"params",  SCRIPT_MSG_PARAMS },
    {"results", SCRIPT_MSG_RESULTS},
    {"cookie",  SCRIPT_MSG_COOKIE },
};

/* `'...'`, and `x N` to repeat it. */
static bool wire_raw(struct cursor *c, struct script_wire *wire)
{
    struct bytes once;
    struct text all = {0};
    int64_t times = 1;

    wire->kind = SCRIPT_WIRE_RAW;
    if (!cursor_quoted(c, &once))
        return false;
    if (cursor_take(c, "x") && !cursor_int(c, "how often", 0, 10000000, &times))
        return false;
    if (once.len * (size_t)times > 64u << 20)
        return cursor_fail(c, c->at, "at most 64 MiB");
    for (int64_t i = 0; i < times; i++)
        text_add(&all, once.at, once.len);
    wire->raw = (struct bytes){(uint8_t *)arena_copy(c->arena, all.at, all.len), all.len};
    text_fini(&all);
    return true;
}

/* A JSON value, or `text "a" x 8000`. */
static bool wire_value(struct cursor *c, struct script_wire *wire)
{
    struct script_wire raw = {0};

    if (cursor_take(c, "absent")) {
        wire->kind = SCRIPT_WIRE_ABSENT;
        return true;
    }
    if (cursor_take(c, "wrong-type")) {
        wire->kind = SCRIPT_WIRE_WRONG_TYPE;
        return true;
    }
    wire->kind = SCRIPT_WIRE_SET;
    if (cursor_take(c, "text")) {
        struct text quoted = {0};
        if (!wire_raw(c, &raw))
            return false;
        text_addf(&quoted, "\"%.*s\"", (int)raw.raw.len, (const char *)raw.raw.at);
        wire->value = arena_copy(c->arena, quoted.at, quoted.len);
        text_fini(&quoted);
        return true;
    }
    wire->value = cursor_json(c);
    return wire->value != NULL;
}

static bool is_length(const char *path)
{
    return strcmp(path, "length") == 0;
}

/* wire params.K = V; wire params raw '...'; wire params.length = N; wire cookie raw "..." */
bool parse_wire(struct cursor *c, struct script_step *step)
{
    struct script_wire *wire = &step->wire;
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_need(c, "params, results or cookie");

    if (!word)
        return false;
    size_t len = strcspn(word, "."), i = 0;
    while (i < ARRAY_LEN(messages) &&
           (strlen(messages[i].word) != len || memcmp(messages[i].word, word, len) != 0))
        i++;
    if (i == ARRAY_LEN(messages))
        return cursor_fail(c, at, "params, results or cookie");
    wire->message = messages[i].message;
    wire->path = word[len] ? word + len + 1 : "";
    if (!*wire->path)
        return cursor_need_word(c, "raw") && wire_raw(c, wire);
    if (!cursor_need_word(c, "="))
        return false;
    if (!is_length(wire->path))
        return wire_value(c, wire);
    wire->kind = SCRIPT_WIRE_LENGTH;
    return cursor_int(c, "a length", 0, UINT32_MAX, &wire->number);
}
