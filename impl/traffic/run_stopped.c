/* run_stopped.c - a sender that has stopped before its receiver could count what was asked for.
 *
 * An unpaced stock server stops once it has sent `num` or `blockcount`, by its own count; from 3.10
 * on in the omit period as well, and once more behind it (END-8). Lost datagrams, and what comes
 * between the ends of the two omit periods (OMIT-3), are missing in our count for good. A stock
 * client waits for them, or has counted the omit period too (END-7). Ours ends the test when
 * nothing has come for a while of a sender that has been through all that it was asked for. */
#include "impl/traffic/run_state.h"
#include "impl/wire/bytes.h"

#define LOOK_NS     UINT64_C(1000000000) /* nothing new between two looks is silence */
#define LOST_AT_END 16 /* one part of so many: of the last datagrams nobody tells */

/* What a sender that stops has sent by then. */
static uint64_t asked_bytes(const struct run *run)
{
    uint64_t len = run->flow.len, blocks = account_blocks(&run->end, len);
    uint64_t rounds = run->config.params->omit > 0 ? 2 : 1;

    return blocks > UINT64_MAX / len / rounds ? UINT64_MAX : blocks * len * rounds;
}

/* By the numbers of its datagrams, lost ones included; *heard: what has come of it. */
static uint64_t sent_to_us(const struct run *run, uint64_t *heard)
{
    uint64_t sent = 0;

    *heard = 0;
    for (size_t i = 0; i < run->n_streams; i++) {
        struct stream *s = run->streams[i];
        struct counts now = counters_read(&s->counters);
        if (s->sends)
            continue;
        sent += run->flow.udp ? now.packets * run->flow.len : now.bytes;
        *heard += now.bytes;
    }
    return sent;
}

void run_listen_for_silence(struct run *run, uint64_t now_ns)
{
    bool has_limit = run->end.bytes > 0 || run->end.blocks > 0;
    bool may_stop = run->config.role == MACHINE_CLIENT && run->end.time_ns == 0 && has_limit &&
                    run->config.params->bandwidth == 0;

    run->listen_at_ns = may_stop ? now_ns + LOOK_NS : UINT64_MAX;
}

bool run_sender_stopped(struct run *run, uint64_t now_ns)
{
    uint64_t before = run->heard, sent, asked = asked_bytes(run);

    if (now_ns < run->listen_at_ns)
        return false;
    run->listen_at_ns = now_ns + LOOK_NS;
    sent = sent_to_us(run, &run->heard);
    return run->counted_from_ns > 0 && run->heard > 0 && run->heard == before &&
           sent >= asked - (run->flow.udp ? asked / LOST_AT_END : 0);
}
