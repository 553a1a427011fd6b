/* raw_stream.c - reading how connections and streams are opened, and what we send on streams. */
#include "harness/script/raw_reader.h"

#include <string.h>

static bool read_stream_bytes(struct raw_reader *r, const struct script_step *step)
{
    struct text body = {0};

    if (!raw_take_room(r, step, step->send.text.len))
        return false;
    script_text_add(&step->send.text, &body);
    bool ok = raw_add(r, step,
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

static bool read_datagram(struct raw_reader *r, const struct script_step *step,
                          const struct script_datagrams *run, int64_t seq)
{
    struct raw_place *place = raw_place_of(r, step->who, step->stream);
    struct session_message m = {.kind = SESSION_DATAGRAM, .stream = step->stream};

    if (!run->has_fields)
        m.header.seq = (uint64_t)seq;
    else if (!make_header(&run->fields, &place->last, &m.header))
        return raw_fail(r, step, "sec and usec as plain numbers, or neither");
    if (run->fields.len.relative)
        return raw_fail(r, step, "len as a plain number");
    m.len = (uint64_t)run->fields.len.value;
    place->last = m.header;
    return raw_add(r, step, m) && raw_pause(r, step, step->send.every_ms);
}

static bool read_datagrams(struct raw_reader *r, const struct script_step *step)
{
    if (step->send.until.given)
        return raw_fail(r, step, "datagrams at once, or every so long: no clock runs here");
    for (size_t i = 0; i < step->send.n_datagrams; i++) {
        const struct script_datagrams *run = &step->send.datagrams[i];
        for (int64_t n = 0; n < run->times; n++)
            for (int64_t seq = run->from; seq <= run->to; seq++)
                if (!read_datagram(r, step, run, seq))
                    return false;
    }
    return true;
}

bool raw_stream_send(struct raw_reader *r, const struct script_step *step)
{
    const struct script_send *send = &step->send;

    if (send->kind == SCRIPT_SEND_BYTES)
        return read_stream_bytes(r, step);
    if (send->kind == SCRIPT_SEND_DATAGRAMS)
        return read_datagrams(r, step);
    if (send->count == 0)
        return raw_fail(r, step, "send data and a number of bytes");
    return raw_add(r, step,
                   (struct session_message){
                       .kind = SESSION_DATA, .stream = step->stream, .len = (uint64_t)send->count});
}

bool raw_greeting(struct raw_reader *r, const struct script_step *step)
{
    const struct script_wire *wire = &step->wire;
    bool is_greeting = strcmp(wire->what, "cookie") == 0 || strcmp(wire->what, "connect") == 0;

    if (!wire->stream || !is_greeting ||
        (wire->kind != SCRIPT_WIRE_RAW && wire->kind != SCRIPT_WIRE_NEVER))
        return raw_fail(r, step, "of `wire` no more than stream N wire cookie or connect");
    raw_place_of(r, step->who, wire->stream)->greeting = wire;
    return true;
}

bool raw_open(struct raw_reader *r, const struct script_step *step)
{
    static const enum session_transport transports[] = {[SCRIPT_CONTROL] = SESSION_CONTROL,
                                                        [SCRIPT_BARE_TCP] = SESSION_BARE_TCP,
                                                        [SCRIPT_BARE_UDP] = SESSION_BARE_UDP};
    struct session_message m = {.kind = SESSION_OPEN,
                                .from = r->session->we_serve ? SESSION_SUBJECT : SESSION_US};
    struct text body = {0};

    if (step->stream) {
        const struct script_wire *greeting = raw_place_of(r, step->who, step->stream)->greeting;
        m = (struct session_message){
            .kind = SESSION_STREAM, .stream = step->stream, .says_own = greeting != NULL};
        if (greeting && !raw_take_room(r, step, greeting->text.len))
            return false;
        if (greeting && greeting->kind == SCRIPT_WIRE_RAW)
            script_text_add(&greeting->text, &body);
        m.body = (struct bytes){(const uint8_t *)text_string(&body), body.len};
    } else if (step->open.from || step->open.to || step->open.cookie_of) {
        return raw_fail(r, step, "open, its name, and tcp or udp at most");
    } else {
        m.transport = transports[step->open.transport];
    }
    bool ok = raw_add(r, step, m);
    text_fini(&body);
    return ok;
}
