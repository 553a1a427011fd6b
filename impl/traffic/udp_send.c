/* udp_send.c - sends the datagrams of a UDP stream, one by one or many in one call (UDP-14). */
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

/* The header of the i-th datagram from here on, 0 for the next one (UDP-5). */
static void stamp(const struct stream *s, uint8_t *out, uint64_t now_ns, size_t i)
{
    struct datagram_header header = {
        .sec = (uint32_t)(now_ns / NS_PER_SEC),
        .usec = (uint32_t)(now_ns % NS_PER_SEC / 1000),
        .seq = s->counts.packets + 1 + i,
    };

    datagram_encode(out, s->flow->wide, &header);
}

static ssize_t send_one(struct stream *s)
{
    stamp(s, s->payload.buf, loop_now(), 0); /* UDP-4: a monotonic clock */
    return send(s->fd, s->payload.buf, s->flow->len, MSG_NOSIGNAL);
}

/* One call for n datagrams, which differ in their headers only. The kernel takes all or none. */
static ssize_t send_many(struct stream *s, size_t n)
{
    size_t header_len = s->flow->wide ? DATAGRAM_HEADER64_LEN : DATAGRAM_HEADER_LEN;
    uint8_t headers[UDP_BATCH_MAX][DATAGRAM_HEADER64_LEN];
    struct iovec pieces[2 * UDP_BATCH_MAX];
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
        .msg_iov = pieces,
        .msg_iovlen = 2 * n,
        .msg_control = &control,
        .msg_controllen = sizeof control.room,
    };
    uint64_t now_ns = loop_now();

    memcpy(CMSG_DATA(&control.head), &each, sizeof each);
    for (size_t i = 0; i < n; i++) {
        stamp(s, headers[i], now_ns, i);
        pieces[2 * i] = (struct iovec){headers[i], header_len};
        pieces[2 * i + 1] = (struct iovec){s->payload.buf + header_len, s->flow->len - header_len};
    }
    return sendmsg(s->fd, &message, MSG_NOSIGNAL);
}

/* The kernel, the device or the path has no offload for this buffer; single datagrams may do. */
static bool is_refusal(int os_errno)
{
    return os_errno == EINVAL || os_errno == EIO || os_errno == EMSGSIZE ||
           os_errno == ENOPROTOOPT || os_errno == EOPNOTSUPP;
}

static void note_sent(struct stream *s, size_t bytes, size_t n)
{
    s->counts.bytes += bytes;
    s->counts.blocks += n;
    s->counts.packets += n;
    stream_publish(s);
}

/* A failed send uses up no number (UDP-5): the next try carries the same. */
bool udp_send_blocks(struct stream *s, size_t *left)
{
    while (*left > 0 && !stream_is_stopping(s)) {
        size_t n = MIN(*left, s->batch);
        ssize_t sent = n > 1 ? send_many(s, n) : send_one(s);
        if (sent >= 0) {
            note_sent(s, (size_t)sent, n);
            *left -= n;
        } else if (n > 1 && is_refusal(errno)) {
            s->batch = s->batch > BATCH_OLD ? BATCH_OLD : 1;
        } else if (errno == ENOBUFS) {
            stream_wait(s, -1, 0, loop_now() + RETRY_NS);
        } else if (errno == EAGAIN) {
            stream_wait(s, s->fd, POLLOUT, UINT64_MAX);
        } else if (errno != EINTR) { /* ECONNREFUSED: the peer's socket is gone (ST-CLI-22) */
            stream_fail(s, errno);
            return false;
        }
    }
    return *left == 0;
}
