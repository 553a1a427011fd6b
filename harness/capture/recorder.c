#include "harness/capture/recorder.h"

#include "harness/capture/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define ACK_EVERY (UINT64_C(1) << 20) /* bytes of one direction; far below the window of 1 GiB */

static enum session_from other(enum session_from from)
{
    return from == SESSION_US ? SESSION_SUBJECT : SESSION_US;
}

/* Numbers begin by the clock (RFC 9293, 3.4.1; one each 64 ns, as Linux has it): ports are used
 * again, on the loopback after a second, and a reader has to tell the connections apart. */
static uint32_t first_seq(const struct tap_flow *f, enum session_from side)
{
    return (uint32_t)(f->opened_ns >> 6) + (side == SESSION_US ? 0 : UINT32_C(1) << 31);
}

/* The next sequence number of a side: its SYN and its FIN count as one each. */
static uint32_t seq_of(const struct tap_flow *f, enum session_from side)
{
    return first_seq(f, side) + f->up + f->ended[side] + (uint32_t)f->sent[side];
}

static void put(struct recorder *r, const struct tap_event *e, const struct packet *packet)
{
    uint8_t head[PACKET_HEADERS_MAX];
    size_t n = packet_headers(packet, head);
    struct bytes body = packet->payload;
    struct pcapng_packet p = {
        .at_ns = e->at_ns + r->epoch_ns,
        .inbound = packet->from == &e->flow->theirs,
        .head = {head, n},
        .len = n + body.len,
        .comment = r->comment
    };

    if (e->flow->stream)
        body.len = MIN(body.len, RECORDER_STREAM_SNAP);
    p.body = body;
    pcapng_write(&r->file, &p);
    r->comment[0] = '\0';
}

/* A packet of that side of the event's flow, as things stand before the event. */
static struct packet packet_of(const struct tap_event *e, enum session_from side, uint8_t flags)
{
    const struct tap_flow *f = e->flow;

    return (struct packet){.from = side == SESSION_US ? &f->ours : &f->theirs,
                           .to = side == SESSION_US ? &f->theirs : &f->ours,
                           .udp = f->udp,
                           .flags = flags,
                           .seq = seq_of(f, side),
                           .ack = flags & PACKET_ACK ? seq_of(f, other(side)) : 0};
}

static void put_plain(struct recorder *r, const struct tap_event *e, enum session_from side,
                      uint8_t flags)
{
    struct packet p = packet_of(e, side, flags);

    put(r, e, &p);
}

static void put_handshake(struct recorder *r, const struct tap_event *e)
{
    struct packet p = packet_of(e, other(e->from), PACKET_SYN | PACKET_ACK);

    p.ack++; /* the SYN */
    put(r, e, &p);
    p = packet_of(e, e->from, PACKET_ACK);
    p.seq++;
    p.ack++;
    put(r, e, &p);
}

static void put_refusal(struct recorder *r, const struct tap_event *e)
{
    struct packet p = packet_of(e, e->from, PACKET_RST | PACKET_ACK);

    p.seq = 0;
    p.ack++;
    put(r, e, &p);
}

static void put_ack(struct recorder *r, const struct tap_event *e)
{
    struct packet p = packet_of(e, other(e->from), PACKET_ACK);

    p.ack += (uint32_t)e->bytes.len;
    put(r, e, &p);
}

static void put_segments(struct recorder *r, const struct tap_event *e)
{
    uint64_t before = e->flow->sent[e->from];
    struct packet p = packet_of(e, e->from, PACKET_ACK);

    for (size_t at = 0, n; at < e->bytes.len; at += n, p.seq += (uint32_t)n) {
        n = MIN(e->bytes.len - at, PACKET_TCP_MAX);
        p.payload = (struct bytes){e->bytes.at + at, n};
        if (at + n == e->bytes.len)
            p.flags |= PACKET_PSH;
        put(r, e, &p);
    }
    if (before / ACK_EVERY != (before + e->bytes.len) / ACK_EVERY)
        put_ack(r, e);
}

static void put_datagram(struct recorder *r, const struct tap_event *e)
{
    struct packet p = packet_of(e, e->from, 0);

    p.payload = e->bytes;
    put(r, e, &p);
}

static void hear(void *context, const struct tap_event *e)
{
    struct recorder *r = context;

    switch (e->kind) {
    case TAP_OPEN:
        if (!e->flow->udp)
            put_plain(r, e, e->from, PACKET_SYN);
        break;
    case TAP_UP:
        put_handshake(r, e);
        break;
    case TAP_BYTES:
        (e->flow->udp ? put_datagram : put_segments)(r, e);
        break;
    case TAP_END:
        put_plain(r, e, e->from, PACKET_FIN | PACKET_ACK);
        break;
    case TAP_RESET:
        if (e->flow->up)
            put_plain(r, e, e->from, PACKET_RST | PACKET_ACK);
        else
            put_refusal(r, e);
        break;
    case TAP_MESSAGE:
        break;
    }
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool recorder_open(struct recorder *r, const char *path, const char *comment)
{
    *r = (struct recorder){
        .tap = {.context = r, .event = hear},
        .epoch_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC),
    };
    return pcapng_open(&r->file, path, "iperfspec", comment);
}

void recorder_note(struct recorder *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->comment, sizeof r->comment, format, args);
    va_end(args);
}

int recorder_close(struct recorder *r)
{
    return pcapng_close(&r->file);
}
