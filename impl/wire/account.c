#include "impl/wire/account.h"

#include <assert.h>
#include <stdlib.h>

int64_t account_stream_id(unsigned index)
{
    return index == 0 ? 1 : (int64_t)index + 2;
}

int64_t account_stream_index(int64_t id)
{
    if (id == 1)
        return 0;
    return id >= 3 ? id - 2 : -1;
}

/* The number with these low 32 bits that is nearest to packets; never below 0. */
static uint64_t extend(uint64_t packets, uint32_t low)
{
    int64_t ahead = (int32_t)(low - (uint32_t)packets);

    if (ahead < 0 && packets < (uint64_t)-ahead)
        return low;
    return packets + (uint64_t)ahead;
}

/* UDP-7. errors stays below packets, so that neither can overflow. */
static void count(struct account_udp *a, uint64_t seq)
{
    if (seq > a->packets) {
        a->errors += seq - 1 - a->packets;
        a->packets = seq;
        return;
    }
    a->out_of_order++;
    if (a->errors > 0)
        a->errors--;
}

/* UDP-9. Datagrams of one batch have one transit: most of the time there is nothing to divide. */
static void take_transit(struct account_udp *a, int64_t transit_us)
{
    int64_t change_us = a->primed ? llabs(transit_us - a->transit_us) : 0;

    a->primed = true;
    a->transit_us = transit_us;
    a->jitter_s += ((change_us == 0 ? 0 : (double)change_us / 1e6) - a->jitter_s) / 16;
}

uint64_t account_udp_take(struct account_udp *a, const struct datagram_header *header, bool wide,
                          uint64_t arrival_ns)
{
    /* Both lie far below 2^63. */
    int64_t sent_us = header->sec * INT64_C(1000000) + header->usec;
    int64_t arrived_us = (int64_t)(arrival_ns / 1000);

    uint64_t seq = wide ? header->seq : extend(a->packets, (uint32_t)header->seq);

    count(a, seq);
    take_transit(a, llabs(arrived_us - sent_us));
    return seq;
}

void account_udp_omit_end(struct account_udp *a)
{
    a->jitter_s = 0;
    a->primed = false;
}

bool account_end_reached(const struct account_end *end, int64_t counted_ns, uint64_t bytes,
                         uint64_t blocks)
{
    if (counted_ns < 0)
        return false;
    return (end->time_ns > 0 && (uint64_t)counted_ns >= end->time_ns) ||
           (end->bytes > 0 && bytes >= end->bytes) || (end->blocks > 0 && blocks >= end->blocks);
}

uint64_t account_blocks(const struct account_end *end, uint64_t len)
{
    uint64_t blocks = UINT64_MAX;

    assert(len > 0);
    if (end->bytes > 0)
        blocks = end->bytes / len + (end->bytes % len > 0);
    if (end->blocks > 0)
        blocks = MIN(blocks, end->blocks);
    return blocks;
}

#define BIT_NS_PER_BYTE_S (8 * UINT64_C(1000000000))

uint64_t account_pace_ns(uint64_t start_ns, uint64_t rate_bps, uint64_t sent)
{
    /* 2^64 bytes make less than 2^98 bit x ns/s. */
    unsigned __int128 work = (unsigned __int128)sent * BIT_NS_PER_BYTE_S;
    unsigned __int128 at_ns = (work + rate_bps - 1) / rate_bps + start_ns;

    return at_ns > UINT64_MAX ? UINT64_MAX : (uint64_t)at_ns;
}

uint64_t account_paced_bytes(uint64_t start_ns, uint64_t rate_bps, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns > start_ns ? now_ns - start_ns : 0;
    unsigned __int128 bytes = (unsigned __int128)elapsed_ns * rate_bps / BIT_NS_PER_BYTE_S;

    return bytes > UINT64_MAX ? UINT64_MAX : (uint64_t)bytes;
}

double account_lost_percent(int64_t lost, int64_t packets)
{
    return packets > 0 ? 100.0 * (double)lost / (double)packets : 0;
}
