/* stream_udp.c - the datagrams of a UDP stream, by their numbers. */
#include "harness/capture/stream.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
static bool was_recent(const struct stream_udp *u, const struct datagram_header *h)
{
    return h->seq != 0 && u->recent[h->seq % STREAM_RECENT].seq == h->seq;
}

/* --- which numbers were seen ------------------------------------------------------------------ */

/* How far the number is behind the highest; less than 0: so far ahead. */
static int64_t behind(const struct stream_udp *u, const struct datagram_header *h, bool wide)
{
    return wide ? (int64_t)(u->highest - h->seq)
                : (int32_t)((uint32_t)u->highest - (uint32_t)h->seq);
}

static uint64_t *word_of(struct stream_udp *u, uint64_t seq)
{
    return &u->was_seen[seq % STREAM_WINDOW / 64];
}

static void see(struct stream_udp *u, uint64_t seq)
{
    *word_of(u, seq) |= UINT64_C(1) << seq % 64;
}

/* The window moves on: nothing that is new in it was seen. */
static void raise_highest(struct stream_udp *u, uint64_t seq, uint64_t steps)
{
    if (steps >= STREAM_WINDOW)
        memset(u->was_seen, 0, sizeof u->was_seen);
    for (uint64_t i = 0; i < steps && i < STREAM_WINDOW; i++)
        *word_of(u, seq - i) &= ~(UINT64_C(1) << (seq - i) % 64);
    u->highest = seq;
}

enum newness { NEW, COPY, STRAGGLER };

/* A number that was sent before, at another time, was given twice; a copy made by the network, or
 * by a capture at several points, carries the same time. Of what is further back the time is not
 * known, then not even the number: it is no news, and held against nobody. */
static enum newness newness_of(struct stream_udp *u, const struct datagram_header *h, bool wide)
{
    if (h->seq == 0)
        return NEW;
    if (u->highest == 0) /* the first, wherever the capture begins */
        u->highest = h->seq;
    int64_t late = behind(u, h, wide);
    if (was_recent(u, h))
        return u->recent[h->seq % STREAM_RECENT].sent_us == sent_us_of(h) ? COPY : NEW;
    if (late >= STREAM_WINDOW)
        return STRAGGLER;
    if (late >= 0 && *word_of(u, h->seq) >> h->seq % 64 & 1)
        return COPY;
    if (late < 0)
        raise_highest(u, h->seq, -(uint64_t)late);
    see(u, h->seq);
    return NEW;
}

static void judge_number(struct stream_udp *u, const struct datagram_header *h,
                         struct stream_fault *fault)
{
    unsigned slot = (unsigned)(h->seq % STREAM_RECENT);
    uint64_t sent_us = sent_us_of(h);

    if (h->seq == 0)
        blame(fault, "UDP-5", "numbers from 1 on", "number %" PRIu64, h->seq);
    if (was_recent(u, h))
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

    enum newness newness = is_known ? newness_of(u, &header, wide) : NEW;
    if (newness != NEW) {
        *(newness == COPY ? &u->copies : &u->stragglers) += 1;
        return;
    }
    u->n++;
    u->bytes += wire_len;
    if (!is_known) {
        u->headless++;
        return;
    }
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
        if (u->odd_len++ == 0)
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
