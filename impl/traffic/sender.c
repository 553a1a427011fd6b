/* sender.c - a sender's worker: which block may go when. How a block goes is tcp.c and udp.c. */
#include "impl/traffic/pacing.h"
#include "impl/traffic/stream.h"

#include <errno.h>
#include <poll.h>

/* Take a block out of the budget; wait where there is none: one may be given back. False if told to
 * stop. */
static bool take_block(struct stream *s)
{
    while (!stream_is_stopping(s)) {
        if (budget_take(&s->flow->budget))
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

static bool send_next(struct stream *s, struct pacer *pacer)
{
    size_t len;

    if (!wait_for_pace(s, pacer))
        return false;
    len = load_block(s);
    return len > 0 && (s->flow->udp ? udp_send_block(s, len) : tcp_send_block(s, len));
}

void sender_run(struct stream *s)
{
    const struct params *params = s->flow->params;
    struct pacer pacer;

    pacer_init(&pacer, s->flow->start_ns, params->bandwidth, params->burst);
    while (take_block(s))
        if (!send_next(s, &pacer)) {
            budget_give(&s->flow->budget);
            return;
        }
}
