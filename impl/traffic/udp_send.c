/* udp_send.c - sends the datagrams of a UDP stream, as many in one call as are due: in one buffer
 * that the kernel cuts (UDP-14), or where it can't, as so many messages. On the wire it makes no
 * difference. */
#include "impl/traffic/stream.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define NS_PER_SEC UINT64_C(1000000000)
#define RETRY_NS   UINT64_C(1000000) /* after ENOBUFS, which no poll reports the end of */
#define BATCH_OLD  64                /* what kernels before 6.10 cut one buffer into */

size_t udp_send_batch(int fd, size_t wanted)
{
    int size;
    socklen_t len = sizeof size;

    /* A kernel that doesn't know the option would ignore it with a message too, and send the whole
     * buffer as one datagram. */
    if (wanted > 1 && getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &len) == 0)
        return MIN(wanted, UDP_BATCH_MAX);
    return 1;
}

/* Write the header of the i-th datagram from here on, 0 for the next one (UDP-5). */
static void stamp(const struct stream *s, uint8_t *out, uint64_t now_ns, size_t i)
{
    struct datagram_header header = {
        .sec = (uint32_t)(now_ns / NS_PER_SEC),
        .usec = (uint32_t)(now_ns % NS_PER_SEC / 1000),
        .seq = s->counts.packets + 1 + i,
    };

    datagram_encode(out, s->flow->wide, &header);
}

/* One call of the kernel for n datagrams that are ready; how many it took. It takes a buffer with
 * offload whole or not at all. */
static ssize_t send_single(struct stream *s)
{
    return send(s->fd, s->payload.buf, s->flow->len, MSG_NOSIGNAL) < 0 ? -1 : 1;
}

static ssize_t send_segments(struct stream *s, size_t n)
{
    struct iovec piece = {s->payload.buf, n * s->flow->len};
    uint16_t each = (uint16_t)s->flow->len;
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof each)];
    } control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof each),
                 .cmsg_level = IPPROTO_UDP,
                 .cmsg_type = UDP_SEGMENT}
    };
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control.room,
    };

    memcpy(CMSG_DATA(&control.head), &each, sizeof each);
    return sendmsg(s->fd, &message, MSG_NOSIGNAL) < 0 ? -1 : (ssize_t)n;
}

static ssize_t send_messages(struct stream *s, size_t n)
{
    struct mmsghdr messages[UDP_BATCH_MAX];
    struct iovec pieces[UDP_BATCH_MAX];

    for (size_t i = 0; i < n; i++) {
        pieces[i] = (struct iovec){s->payload.buf + i * s->flow->len, s->flow->len};
        messages[i] = (struct mmsghdr){
            .msg_hdr = {.msg_iov = &pieces[i], .msg_iovlen = 1}
        };
    }
    return sendmmsg(s->fd, messages, (unsigned)n, MSG_NOSIGNAL);
}

/* All of them carry the time at which the kernel gets them: UDP-4, a monotonic clock. */
static ssize_t send_datagrams(struct stream *s, size_t n)
{
    uint64_t now_ns = loop_now();

    for (size_t i = 0; i < n; i++)
        stamp(s, s->payload.buf + i * s->flow->len, now_ns, i);
    if (n == 1)
        return send_single(s);
    return s->segments > 1 ? send_segments(s, n) : send_messages(s, n);
}

/* The kernel, the device or the path has no offload for this buffer; single datagrams may do. */
static bool is_refusal(int os_errno)
{
    return os_errno == EINVAL || os_errno == EIO || os_errno == EMSGSIZE ||
           os_errno == ENOPROTOOPT || os_errno == EOPNOTSUPP;
}

static void note_sent(struct stream *s, size_t n)
{
    s->taken -= n;
    s->counts.bytes += n * s->flow->len;
    s->counts.blocks += n;
    s->counts.packets += n;
    stream_publish(s);
}

/* A failed send uses up no number (UDP-5): the next try carries the same. */
enum step udp_send(struct stream *s)
{
    size_t n = MIN(s->taken, s->segments > 1 ? s->segments : s->batch);
    ssize_t sent = send_datagrams(s, n);

    if (sent > 0) {
        note_sent(s, (size_t)sent);
        return STEP_AGAIN;
    }
    if (n > 1 && s->segments > 1 && is_refusal(errno)) {
        s->segments = s->segments > BATCH_OLD ? BATCH_OLD : 1;
        return STEP_AGAIN;
    }
    if (errno == ENOBUFS)
        return stream_wait(s, -1, 0, loop_now() + RETRY_NS);
    if (errno == EAGAIN)
        return stream_wait(s, s->fd, POLLOUT, UINT64_MAX);
    /* ECONNREFUSED: the peer's socket is gone (ST-CLI-22). */
    return errno == EINTR ? STEP_AGAIN : stream_fail(s, errno);
}
