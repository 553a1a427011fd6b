#include "harness/capture/loose.h"

#include "impl/wire/state.h"

#define TEXT_MAX (1u << 20) /* a length beyond it is no length */

void loose_init(struct loose *l, enum observer_side from)
{
    *l = (struct loose){.from = from, .where = LOOSE_BETWEEN};
    frame_init(&l->dec);
}

void loose_fini(struct loose *l)
{
    frame_fini(&l->dec);
}

void loose_gap(struct loose *l)
{
    enum observer_side from = l->from;

    frame_fini(&l->dec);
    loose_init(l, from);
}

static struct observer_message message_of(const struct loose *l, enum observer_message_kind kind,
                                          uint64_t at_ns, size_t len)
{
    return (struct observer_message){.from = l->from,
                                     .kind = kind,
                                     .at_ns = at_ns,
                                     .offset = l->item_offset,
                                     .len = (uint32_t)len,
                                     .phase = ""};
}

static bool may_send(const struct loose *l, int8_t byte)
{
    return l->from == OBSERVER_CLIENT ? state_is_sent_by_client(byte)
                                      : state_is_sent_by_server(byte);
}

/* The first byte of a message; takes a state. */
static void begin(struct loose *l, struct bytes *in, struct observer_message *message,
                  uint64_t at_ns)
{
    int8_t byte = (int8_t)in->at[0];

    if (byte == 0) {
        l->where = LOOSE_JSON;
        frame_expect(&l->dec, FRAME_JSON, TEXT_MAX);
        return;
    }
    l->where = may_send(l, byte) ? LOOSE_BETWEEN : LOOSE_LOST;
    if (l->where == LOOSE_LOST)
        return;
    *in = (struct bytes){in->at + 1, in->len - 1};
    if (l->from == OBSERVER_SERVER && byte == SERVER_ERROR) {
        l->where = LOOSE_ERROR;
        frame_expect(&l->dec, FRAME_ERROR, 0);
        return;
    }
    *message = message_of(l, OBSERVER_STATE, at_ns, 1);
    message->state = byte;
}

static void read_on(struct loose *l, struct bytes *in, struct observer_message *message,
                    uint64_t at_ns)
{
    struct bytes body;
    enum spec_err err = frame_feed(&l->dec, in, &body);

    if (err != SPEC_OK) {
        if (err != SPEC_MORE)
            l->where = LOOSE_LOST;
        return;
    }
    if (l->where == LOOSE_JSON) {
        *message = message_of(l, OBSERVER_JSON, at_ns, body.len + 4);
        message->text = body;
        message->announced = (uint32_t)body.len;
    } else {
        *message = message_of(l, OBSERVER_ERROR, at_ns, 9);
        message->state = SERVER_ERROR;
        message->n_ints = 2;
        frame_error_pair(body, &message->ierr, &message->os_errno);
    }
    l->where = LOOSE_BETWEEN;
}

void loose_read(struct loose *l, uint64_t at_ns, uint64_t offset, struct bytes segment,
                void (*take)(void *context, const struct observer_message *message), void *context)
{
    struct bytes in = segment;

    if (l->where == LOOSE_LOST)
        loose_gap(l); /* a new segment, a new chance */
    while (in.len > 0 && l->where != LOOSE_LOST) {
        struct observer_message message = {.kind = OBSERVER_STRAY};
        if (l->where == LOOSE_BETWEEN) {
            l->item_offset = offset + (segment.len - in.len);
            begin(l, &in, &message, at_ns);
        } else {
            read_on(l, &in, &message, at_ns);
        }
        if (message.kind != OBSERVER_STRAY)
            take(context, &message);
    }
}
