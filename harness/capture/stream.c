#include "harness/capture/stream.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ID_STEP_MAX 512 /* packets that may be missing in between */
#define SETTLED_NS  UINT64_C(100000000)

/* --- TCP -------------------------------------------------------------------------------------- */

static int32_t ahead(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

void stream_tcp_begin(struct stream_tcp *t, uint32_t seq, uint8_t scale)
{
    t->is_known = t->is_exact = true;
    t->next = t->acked = seq;
    t->scale = scale;
}

static uint32_t later(uint32_t a, uint32_t b)
{
    return ahead(a, b) > 0 ? a : b;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
    return ahead(a, b) < 0 ? a : b;
}

static void forget_hole(struct stream_tcp *t, unsigned i)
{
    t->n_holes--;
    memmove(&t->holes[i], &t->holes[i + 1], (t->n_holes - i) * sizeof t->holes[0]);
}

static void open_hole(struct stream_tcp *t, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    t->missing += to - from;
    t->had_holes = true;
    if (t->n_holes == STREAM_HOLES)
        forget_hole(t, 0); /* the oldest will not be filled any more */
    t->holes[t->n_holes++] = (struct stream_hole){from, to};
}

/* Bytes that come late: those of holes are news. Returns how many. */
static uint64_t fill_holes(struct stream_tcp *t, uint32_t from, uint32_t to)
{
    uint64_t filled = 0;

    for (unsigned i = t->n_holes; i-- > 0;) {
        struct stream_hole *hole = &t->holes[i], rest = {to, hole->to};
        uint32_t start = later(from, hole->from), end = earlier(to, hole->to);
        if (ahead(end, start) <= 0)
            continue;
        filled += end - start;
        hole->to = start;
        if (hole->from == hole->to)
            forget_hole(t, i);
        if (ahead(rest.to, rest.from) > 0 && t->n_holes < STREAM_HOLES)
            t->holes[t->n_holes++] = rest;
    }
    t->missing -= filled;
    return filled;
}

uint64_t stream_tcp_unseen(const struct stream_tcp *t)
{
    uint64_t doubtful = 0;

    for (unsigned i = 0; i < t->n_holes; i++) {
        uint32_t from = later(t->holes[i].from, t->acked);
        if (ahead(t->holes[i].to, from) > 0)
            doubtful += t->holes[i].to - from;
    }
    return t->missing - doubtful;
}

static void advance(struct stream_tcp *t, uint32_t to)
{
    t->sent += to - t->next;
    t->next = to;
}

/* The end that sends p has read the other's bytes up to p->ack. */
static void take_ack(struct stream_tcp *own, struct stream_tcp *other, const struct dissected *p)
{
    uint64_t window = (uint64_t)p->window << (own->scale == DISSECT_NO_SCALE ? 0 : own->scale);

    own->window = MAX(own->window, window);
    if (!other->is_known)
        return;
    int32_t news = ahead(p->ack, other->acked);
    if (news > 0 && ahead(p->ack, other->next) <= 1 << 30) {
        other->confirmed += (uint32_t)news;
        other->acked = p->ack;
        uint32_t end = p->ack - 1; /* its last may be the FIN, and no byte */
        if (ahead(end, other->next) > 0) {
            open_hole(other, other->next, end);
            advance(other, end);
        }
    }
    if (p->flags & DISSECT_FIN) {
        other->confirmed_at_fin = MIN(other->confirmed, other->sent);
        own->window_at_fin = window;
    }
}

static void take_bytes(struct stream_tcp *t, const struct dissected *p)
{
    uint32_t end = p->seq + p->len;
    int32_t place = ahead(p->seq, t->next);

    if (place > 1 << 30 || place < -(1 << 30))
        return;
    if (place > 0) {
        open_hole(t, t->next, p->seq);
        advance(t, p->seq);
    }
    bool is_news = place >= 0 || fill_holes(t, p->seq, earlier(end, t->next)) > 0;
    if (ahead(end, t->next) > 0)
        advance(t, end);
    else if (!is_news)
        t->repeated++;
}

/* Whether the packet was made later than all before it, by the identification that senders count
 * up; copies that the network makes keep theirs. */
static bool is_newest(struct stream_tcp *t, const struct dissected *p)
{
    int16_t step = (int16_t)(p->ip_id - t->ip_id);

    if (p->ip_id == 0)
        return false;
    if (t->ip_id == 0)
        step = 1;
    if (step > ID_STEP_MAX || step < -ID_STEP_MAX)
        t->ids_are_odd = true;
    if (step > 0)
        t->ip_id = p->ip_id;
    return step > 0;
}

static void note_resent(struct stream_tcp *t, uint64_t at_ns)
{
    if (at_ns >= t->resent_mark_ns + SETTLED_NS) {
        t->resent_before = t->resent;
        t->resent_mark_ns = at_ns;
    }
    t->resent.n++;
    t->resent.last_ns = at_ns;
}

uint64_t stream_tcp_resent(const struct stream_tcp *t, uint64_t at_ns)
{
    if (t->ids_are_odd)
        return 0;
    if (at_ns >= t->resent.last_ns + SETTLED_NS)
        return t->resent.n;
    return at_ns >= t->resent_before.last_ns + SETTLED_NS ? t->resent_before.n : 0;
}

/* Whether the other end may take a reset of that number for one: not below what it has, nor beyond
 * the window that it offered. */
static bool is_believed(const struct stream_tcp *own, const struct stream_tcp *other, uint32_t seq)
{
    uint64_t window = other->scale == DISSECT_NO_SCALE ? 1u << 30 : other->window;
    int32_t place = ahead(seq, own->acked);

    return place >= 0 && (uint64_t)place <= MAX(window, UINT16_MAX);
}

void stream_tcp_take(struct stream_tcp *own, struct stream_tcp *other, const struct dissected *p)
{
    if (!own->is_known) { /* began before the capture */
        stream_tcp_begin(own, p->seq, DISSECT_NO_SCALE);
        own->is_exact = false;
    }
    bool is_new = is_newest(own, p);
    if (p->len > 0 && !(p->flags & DISSECT_RST)) {
        uint64_t repeated = own->repeated;
        take_bytes(own, p);
        if (own->repeated > repeated && is_new && p->len > 1) /* one byte may be a probe */
            note_resent(own, p->at_ns);
        if (own->repeated == repeated && own->first_number == 0) {
            own->first_ns = p->at_ns;
            own->first_number = p->number;
        }
        own->last_ns = p->at_ns;
    }
    if (p->flags & DISSECT_FIN && p->seq + p->len == own->next)
        own->fin = true;
    if (p->flags & DISSECT_RST)
        own->rst |= is_believed(own, other, p->seq);
    else if (p->flags & DISSECT_ACK)
        take_ack(own, other, p);
}

/* --- UDP -------------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 4, 5)))
blame(struct stream_fault *fault, const char *clause, const char *expected,
      const char *found_format, ...)
{
    va_list args;

    if (fault->clause != NULL)
        return;
    fault->clause = clause;
    snprintf(fault->expected, sizeof fault->expected, "%s", expected);
    va_start(args, found_format);
    vsnprintf(fault->found, sizeof fault->found, found_format, args);
    va_end(args);
}

static uint64_t sent_us_of(const struct datagram_header *h)
{
    return h->sec * UINT64_C(1000000) + h->usec;
}

/* Whether the number was there not long ago. */
static bool was_there(const struct stream_udp *u, const struct datagram_header *h)
{
    return h->seq != 0 && u->recent[h->seq % STREAM_RECENT].seq == h->seq;
}

/* A number that was sent before, at another time, was given twice; a copy made by the network, or
 * by a capture of several interfaces, carries the same time. */
static bool is_copy(const struct stream_udp *u, const struct datagram_header *h)
{
    return was_there(u, h) && u->recent[h->seq % STREAM_RECENT].sent_us == sent_us_of(h);
}

static void judge_number(struct stream_udp *u, const struct datagram_header *h,
                         struct stream_fault *fault)
{
    unsigned slot = (unsigned)(h->seq % STREAM_RECENT);
    uint64_t sent_us = sent_us_of(h);

    if (h->seq == 0)
        blame(fault, "UDP-5", "numbers from 1 on", "number %" PRIu64, h->seq);
    if (was_there(u, h))
        blame(fault, "UDP-5", "each number once", "number %" PRIu64 " again, with another time",
              h->seq);
    u->least_sent_us = u->most_sent_us == 0 ? sent_us : MIN(u->least_sent_us, sent_us);
    u->most_sent_us = MAX(u->most_sent_us, sent_us);
    u->recent[slot].seq = h->seq;
    u->recent[slot].sent_us = sent_us;
}

static void take_one(struct stream_udp *u, struct bytes datagram, uint32_t wire_len, bool wide,
                     uint64_t at_ns, struct stream_fault *fault)
{
    struct datagram_header header;
    /* it is not if cut by the snap length, or too short */
    bool is_known = datagram_decode(datagram, wide, &header) == SPEC_OK;

    if (is_known && is_copy(u, &header)) {
        u->copies++;
        return;
    }
    u->n++;
    u->bytes += wire_len;
    if (!is_known)
        return;
    if (header.usec > 999999)
        blame(fault, "UDP-1", "microseconds of 0-999999", "%" PRIu32, header.usec);
    judge_number(u, &header, fault);
    account_udp_take(&u->account, &header, wide, at_ns);
}

uint64_t stream_udp_take(struct stream_udp *u, const struct dissected *p, bool wide, uint32_t len,
                         struct stream_fault *fault)
{
    uint64_t before = u->bytes;
    uint32_t left = p->len;
    struct bytes rest = p->payload;

    fault->clause = NULL;
    if (u->n == 0) {
        u->first_ns = p->at_ns;
        u->first_number = p->number;
    }
    u->last_ns = p->at_ns;
    if (len > 0 && (left < len || left % len != 0)) {
        u->odd_len++;
        blame(fault, "UDP-3", "datagrams of the length announced", "one of %" PRIu32 " bytes",
              left);
    }
    /* Where the kernel cuts (or joins) datagrams behind the point of capture, one packet holds
     * several, each with its header. */
    while (len > 0 && left > len && left % len == 0) {
        size_t seen = MIN(rest.len, len);
        take_one(u, (struct bytes){rest.at, seen}, len, wide, p->at_ns, fault);
        rest = (struct bytes){rest.at + seen, rest.len - seen};
        left -= len;
    }
    take_one(u, rest, left, wide, p->at_ns, fault);
    return u->bytes - before;
}
