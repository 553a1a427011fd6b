/* udp.c - moves the datagrams of a UDP stream. Each stands on its own (INT-7). */
#include "impl/traffic/stream.h"
#include "impl/wire/account.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define NS_PER_SEC   UINT64_C(1000000000)
#define RETRY_NS     UINT64_C(1000000) /* after ENOBUFS, which no poll reports the end of */
#define DATAGRAM_MEM 256               /* what a queued datagram costs at least, however short */

/* --- sending -----------------------------------------------------------------------------------
 */

static void stamp(struct stream *s)
{
    uint64_t now_ns = loop_now(); /* UDP-4: a monotonic clock */
    struct datagram_header header = {
        .sec = (uint32_t)(now_ns / NS_PER_SEC),
        .usec = (uint32_t)(now_ns % NS_PER_SEC / 1000),
        .seq = s->counts.packets + 1,
    };

    datagram_encode(s->payload.buf, s->flow->wide, &header);
}

/* A failed send uses up no number (UDP-5): the next try carries the same. */
bool udp_send_block(struct stream *s, size_t len)
{
    while (!stream_is_stopping(s)) {
        stamp(s);
        ssize_t n = send(s->fd, s->payload.buf, len, MSG_NOSIGNAL);
        if (n >= 0) {
            s->counts.bytes += (uint64_t)n;
            s->counts.blocks++;
            s->counts.packets++;
            stream_publish(s);
            return true;
        }
        if (errno == ENOBUFS) {
            stream_wait(s, -1, 0, loop_now() + RETRY_NS);
        } else if (errno == EAGAIN) {
            stream_wait(s, s->fd, POLLOUT, UINT64_MAX);
        } else if (errno != EINTR) { /* ECONNREFUSED: the peer's socket is gone (ST-CLI-22) */
            stream_fail(s, errno);
            return false;
        }
    }
    return false;
}

/* --- receiving ---------------------------------------------------------------------------------
 */

/* Count one datagram of n bytes, of which the buffer has at least the header. */
static void count(struct stream *s, struct account_udp *account, size_t n, uint64_t now_ns)
{
    struct bytes datagram = {s->payload.buf, MIN(n, s->payload.cap)};
    struct datagram_header header;

    if (atomic_load_explicit(&s->omit_over, memory_order_relaxed) &&
        atomic_exchange(&s->omit_over, false))
        account_udp_omit_end(account);
    if (datagram_decode(datagram, s->flow->wide, &header) == SPEC_OK)
        account_udp_take(account, &header, s->flow->wide, now_ns);
    s->counts.packets = account->packets;
    s->counts.errors = account->errors;
    s->counts.out_of_order = account->out_of_order;
    s->counts.jitter_s = account->jitter_s;
    stream_note_received(s, MIN(n, s->flow->len), 1, now_ns); /* UDP-12 */
}

/* Returns false when no datagram is waiting or the stream has failed. */
static bool take(struct stream *s, struct account_udp *account, size_t *n)
{
    /* MSG_TRUNC: the length of the datagram, also of what the buffer is too short for. */
    ssize_t got = recv(s->fd, s->payload.buf, s->payload.cap, MSG_TRUNC);

    if (got >= 0) {
        *n = (size_t)got;
        count(s, account, *n, loop_now());
        return true;
    }
    /* A receiver sends nothing, so an old ICMP message is about nothing that still matters. */
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNREFUSED)
        stream_fail(s, errno);
    return false;
}

static void take_rest(struct stream *s, struct account_udp *account)
{
    size_t n = 0;

    for (size_t left = stream_receive_buffer(s); left > 0; left -= MIN(left, n + DATAGRAM_MEM))
        if (!take(s, account, &n))
            return;
}

void udp_receive(struct stream *s)
{
    struct account_udp account = {0};
    size_t n;

    while (!stream_is_stopping(s) && atomic_load(&s->failure) == 0)
        if (!take(s, &account, &n))
            stream_wait(s, s->fd, POLLIN, UINT64_MAX);
    take_rest(s, &account);
}
