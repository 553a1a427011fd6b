/* stream_tcp.c - the bytes of a TCP stream, by their sequence numbers. */
#include "harness/capture/stream.h"

#include <string.h>

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

/* Whether all of them had been seen. */
static bool take_bytes(struct stream_tcp *t, const struct dissected *p)
{
    uint32_t end = p->seq + p->len;
    int32_t place = ahead(p->seq, t->next);

    if (place > 1 << 30 || place < -(1 << 30))
        return false;
    if (place > 0) {
        open_hole(t, t->next, p->seq);
        advance(t, p->seq);
    }
    bool is_news = place >= 0 || fill_holes(t, p->seq, earlier(end, t->next)) > 0;
    if (ahead(end, t->next) <= 0)
        return !is_news;
    advance(t, end);
    return false;
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
    bool has_bytes = p->len > 0 && !(p->flags & DISSECT_RST);
    bool is_again = has_bytes && take_bytes(own, p);
    if (stream_resent_take(&own->resent, p, is_again))
        own->copies += is_again;
    else
        own->repeated += is_again;
    if (has_bytes && !is_again && own->first_number == 0) {
        own->first_ns = p->at_ns;
        own->first_number = p->number;
    }
    if (has_bytes)
        own->last_ns = p->at_ns;
    if (p->flags & DISSECT_FIN && p->seq + p->len == own->next)
        own->fin = true;
    if (p->flags & DISSECT_RST)
        own->rst |= is_believed(own, other, p->seq);
    else if (p->flags & DISSECT_ACK)
        take_ack(own, other, p);
}
