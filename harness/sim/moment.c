/* moment.c - plays the moments of an honest run as the script wants them: left out, doubled, late,
 * at another time, or with other bytes. */
#include "harness/sim/peer.h"

#include <string.h>

static bool is_about(const struct script_wire *wire, const char *name, int64_t stream)
{
    return strcmp(wire->what, name) == 0 && wire->path[0] == '\0' &&
           (wire->stream == 0 || wire->stream == stream);
}

const struct script_wire *moment_wire(const struct control *c, const char *name, int64_t stream,
                                      enum script_wire_kind kind)
{
    for (size_t i = c->n_wires; i-- > 0;)
        if (c->wires[i]->kind == kind && is_about(c->wires[i], name, stream))
            return c->wires[i];
    return NULL;
}

bool moment_is_never(const struct control *c, const char *name)
{
    return moment_wire(c, name, 0, SCRIPT_WIRE_NEVER) != NULL;
}

int64_t moment_n_streams(const struct control *c)
{
    const struct script_wire *count = moment_wire(c, "streams", 0, SCRIPT_WIRE_COUNT);

    return moment_is_never(c, "streams") ? 0 : count ? count->number : params_n_streams(&c->params);
}

/* The cookie of a stream is its own affair: what is said of the control connection's does not touch
 * it. */
unsigned moment_greeting(const struct control *c, const char *name, int64_t stream,
                         struct bytes honest, struct text *out)
{
    const struct script_wire *raw = NULL;
    unsigned times = 1;

    for (size_t i = 0; i < c->n_wires; i++) {
        const struct script_wire *wire = c->wires[i];
        if (!is_about(wire, name, stream) || (wire->stream == 0 && strcmp(name, "cookie") == 0))
            continue;
        if (wire->kind == SCRIPT_WIRE_RAW)
            raw = wire;
        times = wire->kind == SCRIPT_WIRE_NEVER ? 0 : wire->kind == SCRIPT_WIRE_TWICE ? 2 : times;
    }
    if (raw)
        script_text_add(&raw->text, out);
    else
        text_add(out, honest.at, honest.len);
    return times;
}

void moment_send_state(struct control *c, int8_t state)
{
    const char *name = state_name(state);
    const struct script_wire *raw = moment_wire(c, name, 0, SCRIPT_WIRE_RAW);
    const struct script_wire *other = moment_wire(c, name, 0, SCRIPT_WIRE_STATE);
    struct text bytes = {0};

    if (!raw) {
        control_send_state(c, other ? (int8_t)other->number : state);
        return;
    }
    script_text_add(&raw->text, &bytes);
    control_send(c, SESSION_BYTES, NULL, (struct bytes){(uint8_t *)bytes.at, bytes.len});
    text_fini(&bytes);
}

/* --- rows ------------------------------------------------------------------------------------ */

static bool is_whole(enum script_wire_kind kind)
{
    return kind == SCRIPT_WIRE_NEVER || kind == SCRIPT_WIRE_TWICE || kind == SCRIPT_WIRE_BEFORE ||
           kind == SCRIPT_WIRE_AFTER;
}

/* How often a row is run at its own place. What is said last counts. */
static unsigned times_of(const struct control *c, const struct flow *row)
{
    if (!script_moment_find(row->name) || strcmp(row->name, "data") == 0 ||
        (c->is_server && strcmp(row->name, "cookie") == 0))
        return 1;
    for (size_t i = c->n_wires; i-- > 0;)
        if (is_whole(c->wires[i]->kind) && c->wires[i]->stream == 0 &&
            is_about(c->wires[i], row->name, 0))
            return c->wires[i]->kind == SCRIPT_WIRE_TWICE ? 2 : 0;
    return 1;
}

static const struct flow *row_of(const struct control *c, const char *name)
{
    const struct flow *row = c->is_server ? server_flow : client_flow;

    while (row->run && strcmp(row->name, name) != 0)
        row++;
    return row->run ? row : NULL;
}

static void be_late(struct control *c, const struct flow *row)
{
    const struct script_wire *late = moment_wire(c, row->name, 0, SCRIPT_WIRE_LATE);

    if (late)
        sim_pause(c->sim, late->number);
}

static enum flow_result run_once(struct control *c, const struct flow *row, int64_t ms)
{
    be_late(c, row);
    return sim_failed(c->sim) ? FLOW_FAILED : flow_run_row(c, row, sim_deadline(c->sim, ms));
}

/* The rows that the script has moved to this one. */
static enum flow_result run_moved(struct control *c, const struct flow *anchor,
                                  enum script_wire_kind kind, int64_t ms)
{
    enum flow_result result = FLOW_DONE;

    for (size_t i = 0; i < c->n_wires && result == FLOW_DONE; i++) {
        const struct script_wire *wire = c->wires[i];
        const struct flow *row = wire->kind == kind && strcmp(wire->anchor, anchor->name) == 0
                                     ? row_of(c, wire->what)
                                     : NULL;
        if (row)
            result = run_once(c, row, ms);
    }
    return result;
}

enum flow_result moment_run(struct control *c, const struct flow *row, int64_t ms)
{
    size_t position = c->position;
    enum flow_result result = run_moved(c, row, SCRIPT_WIRE_BEFORE, ms);

    for (unsigned n = times_of(c, row); n > 0 && result == FLOW_DONE && c->position == position;
         n--)
        result = run_once(c, row, ms);
    return result == FLOW_DONE && c->position == position ? run_moved(c, row, SCRIPT_WIRE_AFTER, ms)
                                                          : result;
}
