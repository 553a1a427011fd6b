/* sender.c - a sender's worker: which block may go when. How it goes is tcp.c and udp_send.c. */
#include "impl/traffic/pacing.h"
#include "impl/traffic/stream.h"

#include <errno.h>
#include <poll.h>

/* Take a block out of the budget; wait where there is none: one may be given back. False if told to
 * stop. */
static bool take_block(struct stream *s)
{
    while (!stream_is_stopping(s)) {
        if (budget_take(&s->flow->budget, 1) > 0)
            return true;
        stream_notify(s);
        stream_wait(s, -1, 0, UINT64_MAX);
    }
    return false;
}

static bool wait_for_pace(struct stream *s, struct pacer *pacer)
{
    uint64_t due_ns;

    while (pacer->rate_bps > 0 && (due_ns = pacer_due(pacer, loop_now(), s->counts.bytes)) > 0) {
        if (stream_is_stopping(s))
            return false;
        stream_wait(s, -1, 0, due_ns);
    }
    return true;
}

/* Length of the next block; 0 at the end of the file, on stop and on failure. */
static size_t load_block(struct stream *s)
{
    size_t len;

    while (payload_next(&s->payload, &len) != SPEC_OK) {
        if (errno != EAGAIN) {
            stream_fail(s, errno);
            return 0;
        }
        if (stream_is_stopping(s))
            return 0;
        stream_wait(s, s->payload.file_fd, POLLIN, UINT64_MAX);
    }
    if (len == 0)
        atomic_store(&s->finished, true);
    return len;
}

/* How many blocks may go together with the one that is due: what fits into a batch, is due at this
 * moment too, and is in the budget. They are taken, not waited for. */
static size_t take_more(struct stream *s, struct pacer *pacer)
{
    uint64_t now_ns = s->batch > 1 ? loop_now() : 0;
    size_t n = 0;

    while (n + 1 < s->batch &&
           pacer_due(pacer, now_ns, s->counts.bytes + (n + 1) * s->flow->len) == 0)
        n++;
    return (size_t)budget_take(&s->flow->budget, n);
}

/* Send a block that was taken, and more where they go in batches. *left: those taken and not sent.
 */
static bool send_next(struct stream *s, struct pacer *pacer, size_t *left)
{
    size_t len;

    if (!wait_for_pace(s, pacer))
        return false;
    len = load_block(s);
    if (len == 0)
        return false;
    if (!s->flow->udp)
        return tcp_send_block(s, len);
    *left += take_more(s, pacer);
    return udp_send_blocks(s, left);
}

void sender_run(struct stream *s)
{
    const struct params *params = s->flow->params;
    struct pacer pacer;

    pacer_init(&pacer, s->flow->start_ns, params->bandwidth, params->burst);
    while (take_block(s)) {
        size_t left = 1;
        if (!send_next(s, &pacer, &left)) {
            budget_give(&s->flow->budget, left);
            return;
        }
    }
}
