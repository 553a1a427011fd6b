/* send.c - `send WHAT`: reading and printing it. */
#include "harness/script/parse.h"

#include "impl/wire/ierr.h"
#include "impl/wire/params.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DATA_MAX (INT64_C(1) << 40) /* bytes in one step */

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

static struct script_text one_byte(struct cursor *c, uint8_t byte)
{
    uint8_t *copy = arena_alloc(c->arena, 1);

    *copy = byte;
    return parse_plain(c->arena, (struct bytes){copy, 1});
}

static bool send_state(struct cursor *c, struct script_send *send)
{
    int8_t state;

    if (!parse_state(c, &state))
        return false;
    send->text = one_byte(c, (uint8_t)state);
    return true;
}

static bool send_byte(struct cursor *c, struct script_send *send)
{
    int64_t value;

    if (!cursor_int(c, "a byte", -128, 255, &value))
        return false;
    send->text = one_byte(c, (uint8_t)value);
    return true;
}

static bool send_hex(struct cursor *c, struct script_send *send)
{
    return parse_hex_text(c, &send->text);
}

static bool send_text(struct cursor *c, struct script_send *send)
{
    return parse_text(c, &send->text);
}

static bool send_plain(struct cursor *c, struct script_send *send)
{
    (void)c, (void)send;
    return true;
}

static bool send_cookie(struct cursor *c, struct script_send *send)
{
    return !parse_at_text(c) || parse_text(c, &send->text);
}

/* `json TEXT`, `json length N TEXT`. */
static bool send_json(struct cursor *c, struct script_send *send)
{
    if (cursor_take(c, "length") && !cursor_int(c, "a length", 0, UINT32_MAX, &send->announced))
        return false;
    return parse_text(c, &send->text);
}

/* first N bytes | first N of M parts */
static bool read_first(struct cursor *c, struct script_send *send)
{
    if (!cursor_int(c, "a number of bytes", 0, 1 << 30, &send->first))
        return false;
    if (!cursor_take(c, "of"))
        return cursor_take(c, "bytes") || cursor_need_word(c, "byte");
    return cursor_int(c, "a greater number of parts", send->first + 1, INT64_C(1) << 31,
                      &send->parts) &&
           cursor_need_word(c, "parts");
}

/* `server-error`, `server-error N`, `server-error N errno M`: none, one, two integers. */
static bool send_error(struct cursor *c, struct script_send *send)
{
    char *next = cursor_peek(c);
    int64_t value;

    if (parse_at_tail(c) || strcmp(next, "first") == 0)
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

static bool read_every(struct cursor *c, struct script_send *send)
{
    return !cursor_take(c, "every") || cursor_duration(c, &send->every_ms);
}

/* `data 8192`, `data until blocked`, `data for 2s [every 10ms]`. */
static bool send_data(struct cursor *c, struct script_send *send)
{
    if (cursor_take(c, "until")) {
        send->until_blocked = true;
        return cursor_need_word(c, "blocked");
    }
    if (cursor_take(c, "for")) {
        size_t at = (cursor_at_end(c), c->at);
        return cursor_duration(c, &send->for_ms) &&
               (send->for_ms > 0 || cursor_fail(c, at, "a time above 0")) && read_every(c, send);
    }
    return cursor_int(c, "a number of bytes, 'until blocked' or 'for TIME'", 1, DATA_MAX,
                      &send->count);
}

static bool send_datagrams(struct cursor *c, struct script_send *send)
{
    if (!parse_datagrams(c, send))
        return false;
    return cursor_take(c, "until") ? parse_until(c, &send->until) : read_every(c, send);
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
    {"cookie",       SCRIPT_SEND_COOKIE,    send_cookie,    false},
    {"params",       SCRIPT_SEND_PARAMS,    send_plain,     false},
    {"results",      SCRIPT_SEND_RESULTS,   send_plain,     false},
    {"json",         SCRIPT_SEND_JSON,      send_json,      false},
    {"server-error", SCRIPT_SEND_ERROR,     send_error,     false},
    {"data",         SCRIPT_SEND_DATA,      send_data,      true },
    {"datagrams",    SCRIPT_SEND_DATAGRAMS, send_datagrams, true },
};

bool parse_send(struct cursor *c, struct script_step *step)
{
    cursor_at_end(c);
    size_t at = c->at;
    char *word = cursor_word(c);

    step->send.first = step->send.announced = -1;
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
        return read_first(c, &step->send);
    }
    return cursor_fail(
        c, at, "one of state byte hex text cookie params results json server-error data datagrams");
}

static void print_bytes(const struct script_text *text, struct text *out)
{
    if (text->n != 1 || text->at[0].times != 1) {
        text_adds(out, "text ");
        print_text(text, out);
        return;
    }
    text_adds(out, "hex ");
    if (text->len == 0)
        text_adds(out, "\"\"");
    else
        text_add_hex(out, text->at[0].once, SIZE_MAX);
}

static void print_data(const struct script_send *send, struct text *out)
{
    if (send->until_blocked)
        text_adds(out, "data until blocked");
    else if (send->for_ms) {
        text_adds(out, "data for ");
        text_add_ms(out, send->for_ms);
    } else
        text_addf(out, "data %lld", (long long)send->count);
}

static void print_cookie(const struct script_text *text, struct text *out)
{
    text_adds(out, text->n ? "cookie " : "cookie");
    print_text(text, out);
}

static void print_json(const struct script_send *send, struct text *out)
{
    text_adds(out, "json ");
    if (send->announced >= 0)
        text_addf(out, "length %lld ", (long long)send->announced);
    print_text(&send->text, out);
}

void print_send(const struct script_send *send, struct text *out)
{
    static const char *const plain[] = {
        [SCRIPT_SEND_PARAMS] = "params", [SCRIPT_SEND_RESULTS] = "results"};

    switch (send->kind) {
    case SCRIPT_SEND_STATE:
        text_adds(out, "state ");
        print_state((int8_t)send->text.at[0].once.at[0], out);
        break;
    case SCRIPT_SEND_BYTES:
        print_bytes(&send->text, out);
        break;
    case SCRIPT_SEND_COOKIE:
        print_cookie(&send->text, out);
        break;
    case SCRIPT_SEND_JSON:
        print_json(send, out);
        break;
    case SCRIPT_SEND_ERROR:
        text_adds(out, "server-error");
        if (send->n_ints >= 1) {
            text_adds(out, " ");
            print_ierr(send->ierr, out);
        }
        if (send->n_ints >= 2)
            text_addf(out, " errno %d", (int)send->os_errno);
        break;
    case SCRIPT_SEND_DATA:
        print_data(send, out);
        break;
    case SCRIPT_SEND_DATAGRAMS:
        text_adds(out, "datagrams");
        print_datagrams(send, out);
        break;
    default:
        text_adds(out, plain[send->kind]);
    }
    if (send->every_ms) {
        text_adds(out, " every ");
        text_add_ms(out, send->every_ms);
    }
    if (send->until.given) {
        text_adds(out, " ");
        print_until(&send->until, out);
    }
    if (send->parts)
        text_addf(out, " first %lld of %lld parts", (long long)send->first, (long long)send->parts);
    else if (send->first >= 0)
        text_addf(out, " first %lld bytes", (long long)send->first);
}
