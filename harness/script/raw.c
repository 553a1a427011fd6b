#include "harness/script/raw_reader.h"

#include "impl/wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct raw_place *raw_place_of(struct raw_reader *r, const char *who, int64_t stream)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->places[i].stream == stream && strcmp(r->places[i].who, who) == 0)
            return &r->places[i];
    r->places = text_realloc(r->places, (r->n + 1) * sizeof *r->places);
    r->places[r->n] = (struct raw_place){.who = who, .stream = stream};
    return &r->places[r->n++];
}

bool raw_fail(struct raw_reader *r, const struct script_step *step, const char *expected)
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

bool raw_add(struct raw_reader *r, const struct script_step *step, struct session_message m)
{
    if (r->session->n == RAW_MESSAGES_MAX)
        return raw_fail(r, step, "at most 200000 messages");
    snprintf(m.who, sizeof m.who, "%s", step->who);
    session_add(r->session, &m);
    return true;
}

/* Room for a body of that many bytes, before it is made. */
bool raw_take_room(struct raw_reader *r, const struct script_step *step, size_t len)
{
    if (len > RAW_BYTES_MAX - r->bytes)
        return raw_fail(r, step, "at most 16 MiB in all messages");
    r->bytes += len;
    return true;
}

bool raw_pause(struct raw_reader *r, const struct script_step *step, int64_t ms)
{
    struct script_step nobody = *step;

    nobody.who = "";
    return ms == 0 ||
           raw_add(r, &nobody,
                   (struct session_message){.kind = SESSION_PAUSE, .len = (uint64_t)ms * 1000000u});
}

/* --- the steps ------------------------------------------------------------------------------- */

static bool read_pause(struct raw_reader *r, const struct script_step *step)
{
    if (step->pause.until.given)
        return raw_fail(r, step, "a pause of so long: no clock runs here");
    return raw_pause(r, step, step->pause.ms);
}

static bool read_send(struct raw_reader *r, const struct script_step *step)
{
    return step->stream ? raw_stream_send(r, step) : raw_send(r, step);
}

static bool read_end(struct raw_reader *r, const struct script_step *step)
{
    static const enum session_kind kinds[] = {
        [SCRIPT_HALF_CLOSE] = SESSION_END, [SCRIPT_CLOSE] = SESSION_CLOSE,
        [SCRIPT_RESET] = SESSION_RESET,    [SCRIPT_HOLD] = SESSION_HOLD,
        [SCRIPT_STALL] = SESSION_STALL,    [SCRIPT_RESUME] = SESSION_RESUME,
    };

    return raw_add(r, step,
                   (struct session_message){.kind = kinds[step->verb], .stream = step->stream});
}

/* What may come at any time is no message of the session. */
static bool read_leave(struct raw_reader *r, const struct script_step *step)
{
    (void)r;
    (void)step;
    return true;
}

static bool read_steps(struct raw_reader *r, const struct script_steps *steps);

static bool read_repeat(struct raw_reader *r, const struct script_step *step)
{
    for (int64_t i = 0; i < step->branches.times; i++)
        if (!read_steps(r, &step->branches.at[0]))
            return false;
    return true;
}

static bool (*const readers[SCRIPT_N_VERBS])(struct raw_reader *, const struct script_step *) = {
    [SCRIPT_OPEN] = raw_open,
    [SCRIPT_SEND] = read_send,
    [SCRIPT_WIRE] = raw_greeting,
    [SCRIPT_EXPECT] = raw_expect,
    [SCRIPT_SPLIT] = raw_split,
    [SCRIPT_CORK] = raw_cork,
    [SCRIPT_UNCORK] = raw_cork,
    [SCRIPT_PAUSE] = read_pause,
    [SCRIPT_HALF_CLOSE] = read_end,
    [SCRIPT_CLOSE] = read_end,
    [SCRIPT_RESET] = read_end,
    [SCRIPT_HOLD] = read_end,
    [SCRIPT_STALL] = read_end,
    [SCRIPT_RESUME] = read_end,
    [SCRIPT_REPEAT] = read_repeat,
    [SCRIPT_IGNORE] = read_leave,
    [SCRIPT_STOP_IGNORING] = read_leave,
};

static bool read_steps(struct raw_reader *r, const struct script_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        const struct script_step *step = &steps->at[i];
        if (!readers[step->verb])
            return raw_fail(r, step,
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
    struct raw_reader r = {.session = session, .error = error, .udp = says_udp(script->params)};

    *session = (struct session){.we_serve = script->plays_server};
    *error = (struct script_error){0};
    bool ok = read_steps(&r, &script->steps);
    free(r.places);
    return ok;
}
