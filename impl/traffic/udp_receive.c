/* udp_receive.c - receives the datagrams of a UDP stream. Each stands on its own (INT-7), also
 * where the kernel hands over several at once (UDP-14). */
#include "impl/traffic/stream.h"
#include "impl/wire/account.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#include <errno.h>
#include <limits.h>
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

/* What one buffer holds: len bytes, in datagrams of each bytes, the last of which can be shorter.
 * Only the first cap bytes are there. */
struct load {
    const uint8_t *at;
    size_t len, each, cap;
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

/* Read what is there into at most n buffers; how many were filled, or -1.
 * MSG_TRUNC: the length of the datagram, also of what the buffer is too short for. */
static int read_loads(struct stream *s, struct load *loads, unsigned n)
{
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } control[UDP_READS];
    struct mmsghdr messages[UDP_READS];
    struct iovec pieces[UDP_READS];
    size_t cap = s->room_len / UDP_READS;

    for (unsigned i = 0; i < n; i++) {
        pieces[i] = (struct iovec){s->room + i * cap, cap};
        messages[i] = (struct mmsghdr){
            .msg_hdr = {.msg_iov = &pieces[i],
                        .msg_iovlen = 1,
                        .msg_control = s->gro ? &control[i] : NULL,
                        .msg_controllen = s->gro ? sizeof control[i].room : 0}
        };
    }
    int got = recvmmsg(s->fd, messages, n, MSG_TRUNC, NULL);
    for (int i = 0; i < got; i++)
        loads[i] = (struct load){.at = s->room + (size_t)i * cap,
                                 .len = messages[i].msg_len,
                                 .each = segment_size(&messages[i].msg_hdr),
                                 .cap = cap};
    return got;
}

/* Account for one datagram, of which the buffer has at least the header. */
static void account_one(struct stream *s, struct bytes datagram, uint64_t now_ns)
{
    struct datagram_header header;

    if (datagram_decode(datagram, s->flow->wide, &header) != SPEC_OK)
        return;
    uint64_t seq = account_udp_take(&s->account, &header, s->flow->wide, now_ns);
    if (s->detail)
        arrivals_take(&s->detail->arrivals, seq);
}

struct taken {
    uint64_t bytes, n; /* as they count, and datagrams */
};

static void account_load(struct stream *s, const struct load *load, uint64_t now_ns,
                         struct taken *taken)
{
    size_t at = 0;

    do { /* an empty datagram is one too */
        size_t rest = load->len - at, len = load->each > 0 ? MIN(load->each, rest) : rest;
        size_t from = MIN(at, load->cap);

        account_one(s, (struct bytes){load->at + from, MIN(len, load->cap - from)}, now_ns);
        taken->bytes += MIN(len, s->flow->len); /* UDP-12 */
        taken->n++;
        at += len;
    } while (at < load->len);
}

static void begin_counting(struct stream *s)
{
    account_udp_omit_end(&s->account);
    if (s->detail)
        arrivals_omit_end(&s->detail->arrivals);
}

/* All that came with one call came now. */
static void count(struct stream *s, const struct load *loads, size_t n)
{
    uint64_t now_ns = loop_now();
    struct taken taken = {0};

    if (atomic_load_explicit(&s->omit_over, memory_order_relaxed) &&
        atomic_exchange(&s->omit_over, false))
        begin_counting(s);
    for (size_t i = 0; i < n; i++)
        account_load(s, &loads[i], now_ns, &taken);
    s->counts.packets = s->account.packets;
    s->counts.errors = s->account.errors;
    s->counts.out_of_order = s->account.out_of_order;
    s->counts.jitter_s = s->account.jitter_s;
    if (s->detail)
        arrivals_note_time(&s->detail->arrivals, now_ns, taken.n);
    stream_note_received(s, taken.bytes, taken.n, now_ns);
}

/* A buffer of many datagrams fills the processor's caches: then one at a time is best. Where
 * datagrams come one by one, the calls are what costs. */
static unsigned next_reads(const struct load *loads, int got)
{
    return loads[got - 1].each > 0 ? 1 : UDP_READS;
}

/* --- floods -------------------------------------------------------------------------------------
 *
 * To be woken for each datagram costs receiver and sender more than the datagram itself. Where they
 * come one by one and close together the receiver looks after them every few microseconds instead:
 * no longer than its buffer holds, and not at rates at which anybody would measure jitter. */

#define FLOOD_GAP_NS UINT64_C(5000) /* closer together */
#define PAUSE_MIN_NS UINT64_C(5000)
#define PAUSE_MAX_NS UINT64_C(50000)
#define PAUSE_PART   4    /* of the buffer, which may be filled meanwhile */
#define FLOOD_MEM    1024 /* what a queued datagram costs beside its bytes, about */

/* As large a buffer as anybody may have, unless -w says how large: what is lost for want of room
 * was lost by us and not on the way. */
static size_t enlarge_buffer(struct stream *s)
{
    int most = INT_MAX / 2;

    if (s->flow->params->window <= 0)
        (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof most);
    return stream_receive_buffer(s);
}

/* How long the buffer may be left alone, by what came in the time that passed. */
static uint64_t pause_ns(struct stream *s, uint64_t passed_ns, uint64_t bytes)
{
    struct inflow *f = &s->inflow;

    if (f->buffer == 0)
        f->buffer = enlarge_buffer(s);
    return MIN(passed_ns * (f->buffer / PAUSE_PART) / MAX(bytes, 1), PAUSE_MAX_NS);
}

/* The queue is empty. */
static enum step wait_for_more(struct stream *s)
{
    struct inflow *f = &s->inflow;
    uint64_t now_ns = loop_now(), passed_ns = now_ns - f->since_ns, bytes = f->bytes, pause = 0;

    if (inflow_is_flood(f, now_ns, f->n * FLOOD_GAP_NS))
        pause = pause_ns(s, passed_ns, bytes);
    return pause >= PAUSE_MIN_NS ? stream_wait(s, -1, 0, now_ns + pause)
                                 : stream_wait(s, s->fd, POLLIN, UINT64_MAX);
}

static void note_flood(struct stream *s, const struct load *loads, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        s->inflow.n += loads[i].each == 0; /* those that came together are no trouble */
        s->inflow.bytes += loads[i].len + FLOOD_MEM;
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* Returns how many bytes of memory were read off the queue; 0 where nothing is there, or the stream
 * has failed. *emptied: it had less than was asked for. */
static size_t take(struct stream *s, bool *emptied)
{
    struct load loads[UDP_READS];
    int got = read_loads(s, loads, s->n_reads);
    size_t len = 0;

    *emptied = got < (int)s->n_reads;

    if (got > 0) {
        count(s, loads, (size_t)got);
        note_flood(s, loads, (unsigned)got);
        s->n_reads = next_reads(loads, got);
        for (int i = 0; i < got; i++)
            len += loads[i].len + DATAGRAM_MEM;
        return len;
    }
    /* A receiver sends nothing, so an old ICMP message is about nothing that still matters. */
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNREFUSED)
        stream_fail(s, errno);
    return 0;
}

enum step udp_receive(struct stream *s)
{
    bool emptied;

    if (take(s, &emptied) > 0 && !emptied)
        return STEP_AGAIN;
    return atomic_load(&s->failure) != 0 ? STEP_DONE : wait_for_more(s);
}

/* What lay in the queue when we were told to stop came in time (RES-26). */
void udp_receive_rest(struct stream *s)
{
    size_t left = stream_receive_buffer(s), len;
    bool emptied;

    for (; left > 0 && (len = take(s, &emptied)) > 0; left -= MIN(left, len))
        ;
}
