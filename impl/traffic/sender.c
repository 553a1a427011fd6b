/* sender.c - which of a sender's blocks may go when. How they go is tcp.c and udp_send.c. */
#include "impl/traffic/stream.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <poll.h>

static bool has_pieces(const struct stream *s)
{
    return s->flow->piece < s->flow->len;
}

/* Take blocks that are due out of the budget: at most a batch. Where there are none, wait: some may
 * be given back. */
static enum step take_blocks(struct stream *s)
{
    uint64_t until_ns = UINT64_MAX, n = s->batch;

    if (s->pacer.rate_bps > 0 && !has_pieces(s))
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
    s->due = has_pieces(s) ? 0 : len;
    return STEP_AGAIN;
}

/* Let those pieces of the load go that are due. */
static enum step take_pieces(struct stream *s)
{
    size_t piece = s->flow->piece, left = s->load - s->done;
    uint64_t until_ns;
    uint64_t n = pacer_take(&s->pacer, loop_now(), s->counts.bytes, piece,
                            (left + piece - 1) / piece, &until_ns);

    if (n == 0)
        return stream_wait(s, -1, 0, until_ns);
    s->due = s->done + MIN((size_t)n * piece, left);
    return STEP_AGAIN;
}

enum step sender_step(struct stream *s)
{
    enum step step = s->taken > 0 ? STEP_AGAIN : take_blocks(s);

    if (step == STEP_AGAIN && !s->flow->udp && s->load == 0)
        step = load_blocks(s);
    if (step == STEP_AGAIN && !s->flow->udp && s->done == s->due)
        step = take_pieces(s);
    if (step != STEP_AGAIN)
        return step;
    return s->flow->udp ? udp_send(s) : tcp_send(s);
}

void sender_finish(struct stream *s)
{
    size_t whole = s->done / s->flow->len;

    budget_give(&s->flow->budget, s->taken - whole);
    s->taken = s->load = s->done = s->due = 0;
}
