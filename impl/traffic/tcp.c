/* tcp.c - moves the bytes of a TCP (or SCTP) stream. Every byte counts, on both ends (INT-7). */
#include "impl/traffic/stream.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static bool is_transient(int os_errno)
{
    return os_errno == EAGAIN || os_errno == EWOULDBLOCK || os_errno == EINTR;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static ssize_t put(struct stream *s, size_t from, size_t len)
{
    /* splice() has no MSG_NOSIGNAL; signals are blocked in workers. */
    if (s->payload.kernel_fd >= 0)
        return payload_splice(&s->payload, s->fd, from, len);
    return send(s->fd, s->payload.buf + from, len, MSG_NOSIGNAL);
}

/* Blocks of the load that are whole when so much of it is sent. A file's last block may be short.
 */
static size_t whole_blocks(const struct stream *s, size_t sent)
{
    return sent == s->load ? s->taken : sent / s->flow->len;
}

static void note_sent(struct stream *s, size_t n)
{
    size_t before = whole_blocks(s, s->done);

    s->done += n;
    s->counts.bytes += n;
    s->counts.blocks += whole_blocks(s, s->done) - before;
    if (s->done == s->load)
        s->taken = s->load = s->done = s->due = 0;
    stream_publish(s);
}

enum step tcp_send(struct stream *s)
{
    ssize_t n = put(s, s->done, s->due - s->done);

    if (n > 0) {
        note_sent(s, (size_t)n);
        return STEP_AGAIN;
    }
    if (n == 0) { /* a file became shorter while it was sent */
        atomic_store(&s->finished, true);
        return STEP_DONE;
    }
    return is_transient(errno) ? stream_wait(s, s->fd, POLLOUT, UINT64_MAX) : stream_fail(s, errno);
}

/* --- receiving ---------------------------------------------------------------------------------
 */

enum take { TAKE_SOME, TAKE_NOTHING_YET, TAKE_END };

/* Read once, at most max bytes; n counts them. */
static enum take take(struct stream *s, size_t max, size_t *n)
{
    ssize_t got = recv(s->fd, s->room, MIN(max, s->room_len), s->room ? 0 : MSG_TRUNC);

    if (got < 0 && is_transient(errno))
        return TAKE_NOTHING_YET;
    if (got < 0)
        stream_fail(s, errno);
    if (got <= 0)
        return TAKE_END;
    *n = (size_t)got;
    return TAKE_SOME;
}

/* Write to the file what was read and is not there yet. */
static enum step store(struct stream *s)
{
    while (s->unstored > 0) {
        ssize_t n = payload_store(&s->payload, s->read_end - s->unstored, s->unstored);
        if (n < 0 && !is_transient(errno))
            return stream_fail(s, errno);
        if (n < 0)
            return stream_wait(s, s->payload.file_fd, POLLOUT, UINT64_MAX);
        s->unstored -= (size_t)n;
    }
    return STEP_AGAIN;
}

/* --- floods ---
 *
 * Bytes that come fast come in some 64 KiB at a time. A receiver that is woken for each of them
 * finds no more, and costs its sender, who wakes it, as much time as they do; one that happens to
 * be late finds many, and stays late: two ways to run, the latter half as fast again. So in a flood
 * it is woken for FLOOD_LEN, or after a while: nobody tells when the flood is over. Not where
 * several streams keep the processors busy, whose caches would have to hold what waits of all. */

#define FLOOD_NS_PER_BYTE 2 /* or less: 4 Gbit/s */
#define FLOOD_LEN         (size_t)(256 * 1024)
#define FLOOD_LEN_MIN     (size_t)(64 * 1024) /* is what comes at a time anyway */
#define FLOOD_PART        4                   /* of the buffer, at the most */
#define FLOOD_WAIT_NS     UINT64_C(1000000)

/* Where the kernel does not know it (SCTP), the stream is woken for any. */
static void set_low_water(struct stream *s, int len)
{
    int mark = MAX(len, 1);

    if (len == s->low_water)
        return;
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0)
        s->low_water = len;
}

static int flood_len(const struct stream *s)
{
    size_t len = MIN(stream_receive_buffer(s) / FLOOD_PART, FLOOD_LEN);

    if (!s->flow->alone)
        return 0;
    return len >= FLOOD_LEN_MIN ? (int)len : 0;
}

static bool is_power_of_2(unsigned n)
{
    return (n & (n - 1)) == 0;
}

/* The queue is empty. While a flood lasts the kernel enlarges the buffer: look again now and then.
 */
static enum step wait_for_more(struct stream *s)
{
    struct inflow *f = &s->inflow;
    uint64_t now_ns = loop_now();

    if (!inflow_is_flood(f, now_ns, f->bytes * FLOOD_NS_PER_BYTE))
        set_low_water(s, 0);
    else if (s->low_water == 0 || is_power_of_2(f->waits))
        set_low_water(s, flood_len(s));
    return stream_wait(s, s->fd, POLLIN, s->low_water > 0 ? now_ns + FLOOD_WAIT_NS : UINT64_MAX);
}

/* --- reading --- */

/* Read at most max bytes, which lessen it. */
static enum step take_and_count(struct stream *s, size_t *max)
{
    size_t n = 0;
    enum take result = take(s, *max, &n);

    if (result == TAKE_END)
        return STEP_DONE;
    if (result == TAKE_NOTHING_YET)
        return wait_for_more(s);
    *max -= n;
    s->inflow.bytes += n;
    stream_note_received(s, n, 0, loop_now());
    s->read_end = s->unstored = s->payload.file_fd >= 0 ? n : 0;
    return store(s);
}

enum step tcp_receive(struct stream *s)
{
    enum step step = store(s);
    size_t left = s->room_len;

    return step == STEP_AGAIN ? take_and_count(s, &left) : step;
}

/* What lay in the queue when we were told to stop came in time (RES-26). */
void tcp_receive_rest(struct stream *s)
{
    enum step step = store(s);
    size_t left = stream_receive_buffer(s);
    int queued;

    /* SCTP tells of the next message only: there the buffer is the bound. */
    if (!s->flow->sctp && ioctl(s->fd, SIOCINQ, &queued) == 0)
        left = (size_t)MAX(queued, 0);
    while (step == STEP_AGAIN && left > 0)
        step = take_and_count(s, &left);
    set_low_water(s, 0); /* who throws away what comes now is to hear of any */
}

bool tcp_discard(struct stream *s)
{
    size_t n;

    return take(s, SIZE_MAX, &n) != TAKE_END;
}
