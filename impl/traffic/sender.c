/* sender.c - which of a sender's blocks may go when. How they go is tcp.c and udp_send.c. */
#include "impl/traffic/stream.h"

#include <errno.h>
#include <poll.h>

/* Take blocks that are due out of the budget: at most a batch. Where there are none, wait: some may
 * be given back. */
static enum step take_blocks(struct stream *s)
{
    uint64_t until_ns = UINT64_MAX, n = s->batch;

    if (s->pacer.rate_bps > 0)
        n = pacer_take(&s->pacer, loop_now(), s->counts.bytes, s->flow->len, n, &until_ns);
    if (n == 0)
        return stream_wait(s, -1, 0, until_ns);
    s->taken = (size_t)budget_take(&s->flow->budget, n);
    if (s->taken > 0)
        return STEP_AGAIN;
    stream_notify(s);
    return stream_wait(s, -1, 0, UINT64_MAX);
}

/* Make the bytes of a TCP stream's next load ready. */
static enum step load_blocks(struct stream *s)
{
    size_t len;

    if (payload_next(&s->payload, s->taken, &len) != SPEC_OK)
        return errno == EAGAIN ? stream_wait(s, s->payload.file_fd, POLLIN, UINT64_MAX)
                               : stream_fail(s, errno);
    if (len == 0) {
        atomic_store(&s->finished, true);
        return STEP_DONE;
    }
    s->load = len;
    s->done = 0;
    return STEP_AGAIN;
}

enum step sender_step(struct stream *s)
{
    enum step step = s->taken > 0 ? STEP_AGAIN : take_blocks(s);

    if (step == STEP_AGAIN && !s->flow->udp && s->load == 0)
        step = load_blocks(s);
    if (step != STEP_AGAIN)
        return step;
    return s->flow->udp ? udp_send(s) : tcp_send(s);
}

void sender_finish(struct stream *s)
{
    size_t whole = s->done / s->flow->len;

    budget_give(&s->flow->budget, s->taken - whole);
    s->taken = s->load = s->done = 0;
}
