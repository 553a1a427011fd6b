/* tcp.c - moves the bytes of a TCP (or SCTP) stream. Every byte counts, on both ends (INT-7). */
#include "impl/traffic/stream.h"
#include "impl/wire/bytes.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define TRUNC_LEN (size_t)(1024 * 1024) /* a read that copies nothing */

static bool is_transient(int os_errno)
{
    return os_errno == EAGAIN || os_errno == EWOULDBLOCK || os_errno == EINTR;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static ssize_t put(struct stream *s, size_t from, size_t len)
{
    const struct payload *p = &s->payload;
    off_t at = p->at + (off_t)from;

    /* sendfile() has no MSG_NOSIGNAL; signals are blocked in workers. */
    if (p->kernel_fd >= 0)
        return sendfile(s->fd, p->kernel_fd, &at, len);
    return send(s->fd, p->buf + from, len, MSG_NOSIGNAL);
}

bool tcp_send_block(struct stream *s, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = put(s, done, len - done);
        if (n > 0) {
            done += (size_t)n;
            s->counts.bytes += (uint64_t)n;
            s->counts.blocks += done == len;
            stream_publish(s);
        } else if (n == 0) { /* a file became shorter while it was sent */
            atomic_store(&s->finished, true);
            return false;
        } else if (!is_transient(errno)) {
            stream_fail(s, errno);
            return false;
        } else {
            stream_wait(s, s->fd, POLLOUT, UINT64_MAX);
        }
        if (done < len && stream_is_stopping(s))
            return false;
    }
    return true;
}

/* --- receiving ---------------------------------------------------------------------------------
 */

enum take { TAKE_SOME, TAKE_NOTHING_YET, TAKE_END };

/* Read once, at most max bytes; n counts them. */
static enum take take(struct stream *s, size_t max, size_t *n)
{
    const struct payload *p = &s->payload;
    ssize_t got = p->buf ? recv(s->fd, p->buf, MIN(max, p->cap), 0)
                         : recv(s->fd, NULL, MIN(max, TRUNC_LEN), MSG_TRUNC);

    if (got < 0 && is_transient(errno))
        return TAKE_NOTHING_YET;
    if (got < 0)
        stream_fail(s, errno);
    if (got <= 0)
        return TAKE_END;
    *n = (size_t)got;
    return TAKE_SOME;
}

/* Write n bytes to the file; false if that failed. */
static bool store(struct stream *s, size_t n)
{
    if (s->payload.file_fd < 0)
        return true;
    for (size_t done = 0; done < n;) {
        ssize_t written = payload_store(&s->payload, done, n - done);
        if (written < 0 && !is_transient(errno)) {
            stream_fail(s, errno);
            return false;
        }
        if (written < 0) {
            stream_wait(s, s->payload.file_fd, POLLOUT, UINT64_MAX);
            if (stream_is_stopping(s))
                return false;
        }
        done += (size_t)MAX(written, 0);
    }
    return true;
}

static enum take take_and_count(struct stream *s, size_t max, size_t *n)
{
    enum take result = take(s, max, n);

    if (result != TAKE_SOME)
        return result;
    stream_note_received(s, *n, 0, loop_now());
    return store(s, *n) ? TAKE_SOME : TAKE_END;
}

/* What lay in the queue when we were told to stop came in time (RES-26). */
static void take_rest(struct stream *s)
{
    size_t left = stream_receive_buffer(s), n = 0;
    int queued;

    /* SCTP tells of the next message only: there the buffer is the bound. */
    if (!s->flow->sctp && ioctl(s->fd, SIOCINQ, &queued) == 0)
        left = (size_t)MAX(queued, 0);
    while (left > 0 && take_and_count(s, left, &n) == TAKE_SOME)
        left -= MIN(left, n);
}

void tcp_receive(struct stream *s)
{
    enum take result = TAKE_SOME;
    size_t n;

    while (result != TAKE_END && !stream_is_stopping(s)) {
        result = take_and_count(s, SIZE_MAX, &n);
        if (result == TAKE_NOTHING_YET)
            stream_wait(s, s->fd, POLLIN, UINT64_MAX);
    }
    if (result != TAKE_END)
        take_rest(s);
}

bool tcp_discard(struct stream *s)
{
    size_t n;

    return take(s, SIZE_MAX, &n) != TAKE_END;
}
