/* wire.c - `wire WHAT HOW`: one deviation from the honest run.
 *
 * WHAT is a moment of that run by its name, or a member of one of its messages; HOW is what becomes
 * of it. Which moment takes what stands in one table. */
#include "harness/script/parse.h"

#include "impl/wire/state.h"

#include <ctype.h>
#include <string.h>

#define ROW   (SCRIPT_CAN_NEVER | SCRIPT_CAN_TWICE | SCRIPT_CAN_MOVE)
#define JSON  (SCRIPT_CAN_MEMBERS | SCRIPT_CAN_TEXT | ROW)
#define STATE (SCRIPT_CAN_STATE | SCRIPT_CAN_TEXT | ROW)
#define FIRST (SCRIPT_CAN_TEXT | SCRIPT_CAN_NEVER | SCRIPT_CAN_TWICE | SCRIPT_CAN_STREAM)

static const struct script_moment moments[] = {
  /* name             client server */
    {"cookie",           true,  false, SCRIPT_CAN_TEXT | ROW | SCRIPT_CAN_STREAM            },
    {"PARAM_EXCHANGE",   false, true,  STATE                                                },
    {"params",           true,  false, JSON                                                 },
    {"CREATE_STREAMS",   false, true,  STATE                                                },
    {"streams",          true,  true,  SCRIPT_CAN_COUNT | SCRIPT_CAN_NEVER | SCRIPT_CAN_MOVE},
    {"connect",          true,  false, FIRST                                                },
    {"reply",            false, true,  FIRST                                                },
    {"TEST_START",       false, true,  STATE                                                },
    {"TEST_RUNNING",     false, true,  STATE                                                },
    {"data",             true,  true,  SCRIPT_CAN_NEVER                                     },
    {"datagram",         true,  true,  SCRIPT_CAN_FIELDS | SCRIPT_CAN_STREAM                },
    {"TEST_END",         true,  false, STATE                                                },
    {"EXCHANGE_RESULTS", false, true,  STATE                                                },
    {"results",          true,  true,  JSON                                                 },
    {"DISPLAY_RESULTS",  false, true,  STATE                                                },
    {"IPERF_DONE",       true,  false, STATE                                                },
    {"close",            true,  true,  SCRIPT_CAN_NEVER | SCRIPT_CAN_MOVE                   },
};
#define MOMENTS                                                                                    \
    "a moment of the run: cookie params streams connect reply data datagram results close, or a "  \
    "state"

const struct script_moment *script_moment_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(moments); i++)
        if (strcmp(moments[i].name, name) == 0)
            return &moments[i];
    return NULL;
}

const char *script_wire_problem(const struct script_wire *wire, bool plays_server)
{
    const struct script_moment *moment = script_moment_find(wire->what);

    if (plays_server ? moment->of_server : moment->of_client)
        return NULL;
    return plays_server ? "the peer is a server, and this is a client's"
                        : "the peer is a client, and this is a server's";
}

/* --- a member -------------------------------------------------------------------------------- */

/* `raw 1e999`: the word; `raw "..." x N`: a text. */
static bool read_literal(struct cursor *c, struct script_wire *wire)
{
    wire->kind = SCRIPT_WIRE_LITERAL;
    if (parse_at_text(c))
        return parse_text(c, &wire->text);
    char *word = cursor_need(c, "a value as it shall stand there");
    if (word)
        wire->text = parse_plain(c->arena, (struct bytes){(uint8_t *)word, strlen(word)});
    return word != NULL;
}

static bool read_value(struct cursor *c, struct script_wire *wire)
{
    if (cursor_take(c, "raw"))
        return read_literal(c, wire);
    if (cursor_take(c, "text")) {
        wire->kind = SCRIPT_WIRE_STRING;
        return parse_text(c, &wire->text);
    }
    if (cursor_take(c, "token")) {
        wire->kind = SCRIPT_WIRE_TOKEN;
        return cursor_take(c, "again") || parse_token(c, &wire->token);
    }
    wire->kind = cursor_take(c, "absent")       ? SCRIPT_WIRE_ABSENT
                 : cursor_take(c, "wrong-type") ? SCRIPT_WIRE_WRONG_TYPE
                                                : SCRIPT_WIRE_SET;
    if (wire->kind != SCRIPT_WIRE_SET)
        return true;
    wire->value = cursor_json(c);
    return wire->value != NULL;
}

/* An absolute length, or +1, -4: away from the true one. */
static bool read_length(struct cursor *c, struct script_wire *wire)
{
    cursor_at_end(c);
    wire->kind = SCRIPT_WIRE_LENGTH;
    wire->relative = c->text[c->at] == '+' || c->text[c->at] == '-';
    return cursor_int(c, "a length, or +N or -N", wire->relative ? -(int64_t)UINT32_MAX : 0,
                      UINT32_MAX, &wire->number);
}

static bool has_key(const struct script_wire *wire)
{
    return wire->path[strlen(wire->path) - 1] != ']';
}

static bool read_member(struct cursor *c, struct script_wire *wire)
{
    struct bytes key;

    if (cursor_take(c, "="))
        return strcmp(wire->path, "length") == 0 ? read_length(c, wire) : read_value(c, wire);
    if (has_key(wire) && cursor_take(c, "as")) {
        wire->kind = SCRIPT_WIRE_AS;
        if (!cursor_quoted(c, &key))
            return false;
        wire->value = (const char *)key.at;
        return true;
    }
    if (cursor_take(c, "twice")) {
        wire->kind = SCRIPT_WIRE_AGAIN;
        if (parse_at_tail(c))
            return true;
        wire->value = cursor_json(c);
        return wire->value != NULL;
    }
    return cursor_fail(c, SIZE_MAX, "'= VALUE', 'as \"KEY\"' or 'twice VALUE'");
}

/* --- a moment -------------------------------------------------------------------------------- */

static bool read_raw(struct cursor *c, struct script_wire *wire)
{
    wire->kind = SCRIPT_WIRE_RAW;
    if (!parse_text(c, &wire->text))
        return false;
    return strcmp(wire->what, "params") != 0 || !cursor_take(c, "meaning") ||
           parse_meaning(c, &wire->meaning);
}

static bool read_trailing(struct cursor *c, struct script_wire *wire)
{
    wire->kind = SCRIPT_WIRE_TRAILING;
    return parse_text(c, &wire->text);
}

static bool read_never(struct cursor *c, struct script_wire *wire)
{
    (void)c;
    wire->kind = SCRIPT_WIRE_NEVER;
    return true;
}

static bool read_twice(struct cursor *c, struct script_wire *wire)
{
    (void)c;
    wire->kind = SCRIPT_WIRE_TWICE;
    return true;
}

static bool read_anchor(struct cursor *c, struct script_wire *wire, enum script_wire_kind kind)
{
    size_t at = (cursor_at_end(c), c->at);
    const struct script_moment *moment;
    char *word = cursor_need(c, MOMENTS);

    wire->kind = kind;
    if (!word)
        return false;
    moment = script_moment_find(word);
    if (!moment || moment->can & SCRIPT_CAN_FIELDS || strcmp(word, wire->what) == 0)
        return cursor_fail(c, at, "another moment of the run, or a time such as 2s");
    wire->anchor = moment->name;
    return true;
}

static bool read_before(struct cursor *c, struct script_wire *wire)
{
    return read_anchor(c, wire, SCRIPT_WIRE_BEFORE);
}

static bool read_after(struct cursor *c, struct script_wire *wire)
{
    cursor_at_end(c);
    if (!isdigit((unsigned char)c->text[c->at]))
        return read_anchor(c, wire, SCRIPT_WIRE_AFTER);
    wire->kind = SCRIPT_WIRE_LATE;
    return cursor_duration(c, &wire->number);
}

static bool read_state(struct cursor *c, struct script_wire *wire)
{
    int8_t state;

    wire->kind = SCRIPT_WIRE_STATE;
    if (!parse_state(c, &state))
        return false;
    wire->number = (uint8_t)state;
    return true;
}

static bool read_count(struct cursor *c, struct script_wire *wire)
{
    wire->kind = SCRIPT_WIRE_COUNT;
    return cursor_int(c, "a number of streams", 0, 1000, &wire->number);
}

static bool read_fields(struct cursor *c, struct script_wire *wire)
{
    wire->kind = SCRIPT_WIRE_FIELDS;
    return parse_fields(c, &wire->fields);
}

static const struct {
    const char *word;
    unsigned can; /* all of them */
    bool (*read)(struct cursor *c, struct script_wire *wire);
} hows[] = {
    {"raw",      SCRIPT_CAN_TEXT,    read_raw     },
    {"trailing", SCRIPT_CAN_MEMBERS, read_trailing},
    {"never",    SCRIPT_CAN_NEVER,   read_never   },
    {"twice",    SCRIPT_CAN_TWICE,   read_twice   },
    {"before",   SCRIPT_CAN_MOVE,    read_before  },
    {"after",    SCRIPT_CAN_MOVE,    read_after   },
    {"=",        SCRIPT_CAN_STATE,   read_state   },
    {"=",        SCRIPT_CAN_COUNT,   read_count   },
    {"{",        SCRIPT_CAN_FIELDS,  read_fields  },
};

static bool read_moment(struct cursor *c, struct script_wire *wire, unsigned can)
{
    struct text expected = {0};

    for (size_t i = 0; i < ARRAY_LEN(hows); i++)
        if (can & hows[i].can && cursor_take(c, hows[i].word))
            return hows[i].read(c, wire);
    text_addf(&expected, "what becomes of %s:", wire->what);
    for (size_t i = 0; i < ARRAY_LEN(hows); i++)
        if (can & hows[i].can)
            text_addf(&expected, " %s", hows[i].word);
    cursor_fail(c, SIZE_MAX, "%s", text_string(&expected));
    text_fini(&expected);
    return false;
}

bool parse_wire(struct cursor *c, struct script_step *step)
{
    struct script_wire *wire = &step->wire;
    size_t at = (cursor_at_end(c), c->at);
    char *word = cursor_need(c, MOMENTS);

    if (!word)
        return false;
    size_t len = strcspn(word, ".");
    wire->path = word[len] ? word + len + 1 : "";
    word[len] = '\0';
    const struct script_moment *moment = script_moment_find(word);
    if (!moment || (word + len + 1 == wire->path && !*wire->path))
        return cursor_fail(c, at, MOMENTS);
    wire->what = moment->name;
    wire->stream = step->stream;
    if (step->stream && !(moment->can & SCRIPT_CAN_STREAM))
        return cursor_fail(c, at, "cookie, connect, reply or datagram of a stream");
    if (*wire->path && !(moment->can & SCRIPT_CAN_MEMBERS))
        return cursor_fail(c, at, "params.KEY or results.KEY");
    return *wire->path
               ? read_member(c, wire)
               : read_moment(c, wire,
                             step->stream ? moment->can & ~(unsigned)SCRIPT_CAN_MOVE : moment->can);
}

/* --- printing -------------------------------------------------------------------------------- */

static void print_how(const struct script_wire *wire, struct text *out)
{
    switch (wire->kind) {
    case SCRIPT_WIRE_SET:
        text_addf(out, "= %s", wire->value);
        break;
    case SCRIPT_WIRE_ABSENT:
        text_adds(out, "= absent");
        break;
    case SCRIPT_WIRE_WRONG_TYPE:
        text_adds(out, "= wrong-type");
        break;
    case SCRIPT_WIRE_LITERAL:
        text_adds(out, "= raw ");
        print_text(&wire->text, out);
        break;
    case SCRIPT_WIRE_STRING:
        text_adds(out, "= text ");
        print_text(&wire->text, out);
        break;
    case SCRIPT_WIRE_TOKEN:
        text_adds(out, "= ");
        print_token(&wire->token, out);
        break;
    case SCRIPT_WIRE_AS:
        text_adds(out, "as ");
        text_add_quoted(out, (struct bytes){(const uint8_t *)wire->value, strlen(wire->value)});
        break;
    case SCRIPT_WIRE_AGAIN:
        text_addf(out, wire->value ? "twice %s" : "twice", wire->value);
        break;
    case SCRIPT_WIRE_LENGTH:
        text_addf(out, wire->relative ? "= %+lld" : "= %lld", (long long)wire->number);
        break;
    case SCRIPT_WIRE_RAW:
        text_adds(out, "raw ");
        print_text(&wire->text, out);
        if (wire->meaning)
            text_addf(out, " meaning %s", wire->meaning);
        break;
    case SCRIPT_WIRE_TRAILING:
        text_adds(out, "trailing ");
        print_text(&wire->text, out);
        break;
    case SCRIPT_WIRE_NEVER:
        text_adds(out, "never");
        break;
    case SCRIPT_WIRE_TWICE:
        text_adds(out, "twice");
        break;
    case SCRIPT_WIRE_LATE:
        text_adds(out, "after ");
        text_add_ms(out, wire->number);
        break;
    case SCRIPT_WIRE_BEFORE:
        text_addf(out, "before %s", wire->anchor);
        break;
    case SCRIPT_WIRE_AFTER:
        text_addf(out, "after %s", wire->anchor);
        break;
    case SCRIPT_WIRE_STATE:
        text_adds(out, "= ");
        print_state((int8_t)wire->number, out);
        break;
    case SCRIPT_WIRE_COUNT:
        text_addf(out, "= %lld", (long long)wire->number);
        break;
    case SCRIPT_WIRE_FIELDS:
        print_fields(&wire->fields, out);
        break;
    }
}

void print_wire(const struct script_wire *wire, struct text *out)
{
    text_adds(out, wire->what);
    if (*wire->path)
        text_addf(out, ".%s", wire->path);
    text_adds(out, " ");
    print_how(wire, out);
}
