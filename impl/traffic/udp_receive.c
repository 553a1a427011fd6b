/* udp_receive.c - receives the datagrams of a UDP stream. Each stands on its own (INT-7), also
 * where the kernel hands over several at once (UDP-14). */
#include "impl/traffic/stream.h"
#include "impl/wire/account.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define DATAGRAM_MEM 256 /* what a queued datagram costs at least, however short */

bool udp_receive_offload(int fd)
{
    int on = 1;

    return setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0;
}

/* What one read brought: len bytes, in datagrams of each bytes, the last of which can be shorter.
 */
struct load {
    size_t len, each;
};

/* The kernel's word on the size of the datagrams in one buffer; 0: there is only one. */
static size_t segment_size(struct msghdr *message)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    int size = 0;

    if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO &&
        c->cmsg_len >= CMSG_LEN(sizeof size))
        memcpy(&size, CMSG_DATA(c), sizeof size);
    return (size_t)MAX(size, 0);
}

/* MSG_TRUNC: the length of the datagram, also of what the buffer is too short for. */
static bool read_many(struct stream *s, struct load *load)
{
    struct iovec piece = {s->payload.buf, s->payload.cap};
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control.room,
    };
    ssize_t got = recvmsg(s->fd, &message, MSG_TRUNC);

    if (got < 0)
        return false;
    load->len = (size_t)got;
    load->each = segment_size(&message);
    return true;
}

static bool read_one(struct stream *s, struct load *load)
{
    ssize_t got = recv(s->fd, s->payload.buf, s->payload.cap, MSG_TRUNC);

    if (got < 0)
        return false;
    *load = (struct load){.len = (size_t)got};
    return true;
}

/* Account for one datagram, of which the buffer has at least the header. */
static void account_one(struct stream *s, struct account_udp *account, struct bytes datagram,
                        uint64_t now_ns)
{
    struct datagram_header header;

    if (datagram_decode(datagram, s->flow->wide, &header) == SPEC_OK)
        account_udp_take(account, &header, s->flow->wide, now_ns);
}

static void count(struct stream *s, struct account_udp *account, const struct load *load)
{
    const struct payload *p = &s->payload;
    uint64_t now_ns = loop_now(), n = 0, bytes = 0;
    size_t at = 0;

    if (atomic_load_explicit(&s->omit_over, memory_order_relaxed) &&
        atomic_exchange(&s->omit_over, false))
        account_udp_omit_end(account);
    do { /* an empty datagram is one too */
        size_t rest = load->len - at, len = load->each > 0 ? MIN(load->each, rest) : rest;
        size_t from = MIN(at, p->cap);
        struct bytes datagram = {p->buf + from, MIN(len, p->cap - from)};

        account_one(s, account, datagram, now_ns);
        bytes += MIN(len, s->flow->len); /* UDP-12 */
        n++;
        at += len;
    } while (at < load->len);
    s->counts.packets = account->packets;
    s->counts.errors = account->errors;
    s->counts.out_of_order = account->out_of_order;
    s->counts.jitter_s = account->jitter_s;
    stream_note_received(s, bytes, n, now_ns);
}

/* Returns false when no datagram is waiting or the stream has failed. */
static bool take(struct stream *s, struct account_udp *account, size_t *len)
{
    struct load load;

    if (s->gro ? read_many(s, &load) : read_one(s, &load)) {
        count(s, account, &load);
        *len = load.len;
        return true;
    }
    /* A receiver sends nothing, so an old ICMP message is about nothing that still matters. */
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNREFUSED)
        stream_fail(s, errno);
    return false;
}

static void take_rest(struct stream *s, struct account_udp *account)
{
    size_t len = 0;

    for (size_t left = stream_receive_buffer(s); left > 0; left -= MIN(left, len + DATAGRAM_MEM))
        if (!take(s, account, &len))
            return;
}

void udp_receive(struct stream *s)
{
    struct account_udp account = {0};
    size_t len;

    while (!stream_is_stopping(s) && atomic_load(&s->failure) == 0)
        if (!take(s, &account, &len))
            stream_wait(s, s->fd, POLLIN, UINT64_MAX);
    take_rest(s, &account);
}
