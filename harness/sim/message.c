/* message.c - parameters, results and cookie: the honest text, and the script's changes on it. */
#include "harness/sim/peer.h"

#include "harness/session/edit.h"
#include "impl/wire/json.h"
#include "impl/wire/jwrite.h"

#include <stdlib.h>
#include <string.h>

/* --- what the peer means --------------------------------------------------------------------- */

static bool set_flag(struct params *p, enum param_key key, bool value)
{
    switch (key) {
#define PARAM_SET_FLAG(name)                                                                       \
    case PARAM_##name:                                                                             \
        p->name = value;                                                                           \
        break;
#define PARAM_SET_NUMBER(name)
#define PARAM_SET_STRING(name)
#define X(kind, name) PARAM_SET_##kind(name)
        PARAM_KEYS(X)
#undef X
    default:
        return false;
    }
    /* Off is said by leaving the member out (JSON-12). */
    p->present = value ? p->present | UINT64_C(1) << key : p->present & ~(UINT64_C(1) << key);
    return true;
}

static bool set_number(struct params *p, enum param_key key, int64_t value)
{
    switch (key) {
#undef PARAM_SET_FLAG
#undef PARAM_SET_NUMBER
#define PARAM_SET_FLAG(name)
#define PARAM_SET_NUMBER(name)                                                                     \
    case PARAM_##name:                                                                             \
        p->name = value;                                                                           \
        break;
#define X(kind, name) PARAM_SET_##kind(name)
        PARAM_KEYS(X)
#undef X
    default:
        return false;
    }
    params_mark(p, key);
    return true;
}

static bool set_member(struct params *p, const json_value *member, struct text *why)
{
    int key = params_key_find(json_key(member));
    bool ok = false;

    if (key < 0) {
        text_addf(why, "there is no parameter '%s'", json_key(member));
        return false;
    }
    if (json_type_of(member) == JSON_BOOL)
        ok = set_flag(p, (enum param_key)key, json_bool(member));
    else if (json_type_of(member) == JSON_NUMBER)
        ok = set_number(p, (enum param_key)key, json_int(member));
    else if (json_type_of(member) == JSON_STRING &&
             params_row((enum param_key)key)->kind == PARAMS_STRING) {
        ok = params_set_text(p, (enum param_key)key, json_text(member)) == SPEC_OK;
        params_mark(p, (enum param_key)key);
    }
    if (!ok)
        text_addf(
            why, "parameter '%s' has another type; `wire params.%s` says what a peer does not mean",
            json_key(member), json_key(member));
    return ok;
}

bool message_set_params(struct params *p, const char *json, struct text *why)
{
    json_value *root = NULL;
    const json_value *at = NULL;
    bool had_len = params_has(p, PARAM_len) && params_protocol(p) == PARAMS_UDP, ok = true;

    if (json_parse((struct bytes){(const uint8_t *)json, strlen(json)}, &root) != SPEC_OK)
        return false;
    while (ok && (at = json_next(root, at)))
        ok = set_member(p, at, why);
    if (p->udp || p->sctp)
        set_flag(p, PARAM_tcp, false); /* PARAM-29 */
    if (p->udp && !had_len && !json_member(root, "len"))
        p->len = 1000;
    json_free(root);
    return ok;
}

/* --- honest results -------------------------------------------------------------------------- */

static void results_of_stream(const struct control *c, const struct lane *st,
                              struct results_stream *r)
{
    bool tcp_sender = st->we_send && !st->udp;
    uint64_t from_ns = c->counted_from_ns ? c->counted_from_ns : c->running_ns;

    r->id = st->id;
    r->bytes = (int64_t)((st->we_send ? st->sent : st->received) - st->omitted.bytes);
    r->omitted_packets = (int64_t)st->omitted.packets;
    r->omitted_errors = (int64_t)st->omitted.errors;
    r->retransmits = tcp_sender ? 0 : -1;
    r->packets = (int64_t)(st->we_send ? st->datagrams : st->count.packets);
    if (!st->we_send && st->udp) {
        r->jitter = st->count.jitter_s;
        r->errors = (int64_t)st->count.errors;
    }
    r->end_time = from_ns ? (double)(now_ns() - from_ns) / 1e9 : 0; /* RES-28 */
    r->has_omitted = r->has_times = true;
}

static bool honest_results(const struct control *c, struct text *out)
{
    struct results r;
    struct jwrite w;
    bool sends = false, udp = false;

    results_init(&r);
    if (results_set_streams(&r, c->n_streams) != SPEC_OK)
        return false;
    for (size_t i = 0; i < c->n_streams; i++) {
        results_of_stream(c, c->streams[i], &r.streams[i]);
        sends |= c->streams[i]->we_send;
        udp |= c->streams[i]->udp;
    }
    r.sender_has_retransmits = sends ? !udp : -1;
    if (c->is_server && c->params.get_server_output)
        r.server_output_text = text_dup("Server listening\n"); /* RES-7 */
    jwrite_init(&w, JWRITE_COMPACT);
    results_encode(&r, &w);
    bool ok = text_add_json(out, &w);
    results_fini(&r);
    return ok;
}

static bool honest_params(const struct control *c, struct text *out)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    params_encode(&c->params, &w);
    return text_add_json(out, &w);
}

/* --- what the peer only says ----------------------------------------------------------------- */

/* A value of another type than the honest one: text where a number or flag should be, else 7. */
static const char *wrong_type(const struct text *json, const struct script_wire *wire)
{
    struct bytes value;
    int key = strcmp(wire->what, "params") == 0 ? params_key_find(wire->path) : -1;

    if (edit_find(json, wire->path, &value))
        return *value.at == '"' || *value.at == '[' || *value.at == '{' ? "7" : "\"x\"";
    return key >= 0 && params_row((enum param_key)key)->kind == PARAMS_STRING ? "7" : "\"x\"";
}

/* A JSON string of these bytes; those above 7f stand as they are. */
static void add_string(const struct script_text *pieces, struct text *out)
{
    struct text inner = {0};

    script_text_add(pieces, &inner);
    text_adds(out, "\"");
    for (size_t i = 0; i < inner.len; i++) {
        uint8_t ch = (uint8_t)inner.at[i];
        if (ch == '"' || ch == '\\')
            text_addf(out, "\\%c", ch);
        else if (ch < ' ')
            text_addf(out, "\\u%04x", ch);
        else
            text_add(out, &ch, 1);
    }
    text_adds(out, "\"");
    text_fini(&inner);
}

/* A token as a JSON string; `token again` is a replay of the last one (AUTH-15). */
static bool make_token(struct control *c, const struct script_token *token, struct text *value)
{
    struct text *last = &c->sim->last_token;

    if (token->user) {
        text_fini(last);
        if (!token_make(c->sim, token, last, &c->why))
            return false;
    }
    if (last->len == 0) {
        text_adds(&c->why, "`token again`, and no token was made yet");
        return false;
    }
    text_add(value, last->at, last->len);
    return true;
}

/* The new value of a member; false and c->why if there is none to be made. */
static bool make_value(struct control *c, const struct script_wire *wire, const struct text *body,
                       struct text *value)
{
    if (wire->kind == SCRIPT_WIRE_LITERAL)
        script_text_add(&wire->text, value);
    else if (wire->kind == SCRIPT_WIRE_STRING)
        add_string(&wire->text, value);
    else if (wire->kind == SCRIPT_WIRE_WRONG_TYPE)
        text_adds(value, wrong_type(body, wire));
    else if (wire->kind == SCRIPT_WIRE_TOKEN)
        return make_token(c, &wire->token, value);
    else
        text_adds(value, wire->value);
    return true;
}

/* `text` in place of the bytes from..to of body. */
static void put_in(struct text *body, size_t from, size_t to, const struct text *text)
{
    struct text new = {0};

    text_add(&new, body->at, from);
    text_add(&new, text->at, text->len);
    text_add(&new, body->at + to, body->len - to);
    text_fini(body);
    *body = new;
}

/* Another key for the member at path, or a second member of that key behind it. */
static bool change_key(const struct script_wire *wire, struct text *body)
{
    const char *dot = strrchr(wire->path, '.'), *key = dot ? dot + 1 : wire->path;
    bool in_array = wire->path[strlen(wire->path) - 1] == ']';
    struct bytes value;
    struct text new = {0};

    if (!edit_find(body, wire->path, &value))
        return false;
    size_t begin = (size_t)((const char *)value.at - body->at), end = begin + value.len;
    if (wire->kind == SCRIPT_WIRE_AS) {
        text_addf(&new, "\"%s\":", wire->value);
        put_in(body, begin - strlen(key) - 3, begin, &new); /* "key": */
    } else {
        text_adds(&new, ",");
        if (!in_array)
            text_addf(&new, "\"%s\":", key);
        if (wire->value)
            text_adds(&new, wire->value);
        else
            text_add(&new, value.at, value.len);
        put_in(body, end, end, &new);
    }
    text_fini(&new);
    return true;
}

struct draft {
    struct text body;
    int64_t announced; /* what the prefix says; relative: beyond the true length */
    bool said, relative;
};

static bool change_member(struct control *c, const struct script_wire *wire, struct draft *draft)
{
    struct text value = {0};
    bool removes = wire->kind == SCRIPT_WIRE_ABSENT, ok;

    if (wire->kind == SCRIPT_WIRE_AS || wire->kind == SCRIPT_WIRE_AGAIN)
        return change_key(wire, &draft->body);
    ok = removes || make_value(c, wire, &draft->body, &value);
    ok = ok && edit_json(&draft->body, wire->path, removes ? NULL : text_string(&value));
    text_fini(&value);
    return ok;
}

static bool apply(struct control *c, const struct script_wire *wire, struct draft *draft)
{
    if (wire->kind == SCRIPT_WIRE_LENGTH) {
        draft->announced = wire->number;
        draft->relative = wire->relative;
        draft->said = true;
        return true;
    }
    if (wire->path[0]) {
        text_fini(&c->why);
        if (change_member(c, wire, draft))
            return true;
        if (c->why.len == 0)
            text_addf(&c->why, "the honest message has nothing at %s", wire->path);
        return false;
    }
    if (wire->kind == SCRIPT_WIRE_RAW)
        text_fini(&draft->body);
    if (wire->kind == SCRIPT_WIRE_RAW || wire->kind == SCRIPT_WIRE_TRAILING)
        script_text_add(&wire->text, &draft->body);
    return true; /* the rest is about the moment: moment.c */
}

bool message_build(struct control *c, enum script_message message, struct text *bytes,
                   struct session_message *described)
{
    static const char *const names[] = {"params", "results", "cookie"};
    struct draft draft = {0};
    uint8_t prefix[4];
    uint32_t announced = 0;
    bool ok = true;

    if (message == SCRIPT_MSG_COOKIE)
        text_add(&draft.body, c->cookie, COOKIE_LEN);
    else
        ok = message == SCRIPT_MSG_PARAMS ? honest_params(c, &draft.body)
                                          : honest_results(c, &draft.body);
    for (size_t i = 0; i < c->n_wires && ok; i++)
        if (strcmp(c->wires[i]->what, names[message]) == 0 && c->wires[i]->stream == 0)
            ok = apply(c, c->wires[i], &draft);
    if (message != SCRIPT_MSG_COOKIE) {
        int64_t len = (int64_t)draft.body.len;
        announced = (uint32_t)(!draft.said      ? len
                               : draft.relative ? len + draft.announced
                                                : draft.announced);
        frame_put_json_length(prefix, announced);
        text_add(bytes, prefix, sizeof prefix);
    }
    *described = (struct session_message){.kind = message == SCRIPT_MSG_COOKIE ? SESSION_COOKIE
                                                                               : SESSION_JSON,
                                          .announced = announced};
    text_add(bytes, draft.body.at, draft.body.len);
    text_fini(&draft.body);
    return ok;
}
