/* account.h - the arithmetic of a test: UDP loss, order and jitter; omit; stream ids; end
 * conditions.
 *
 * Pure functions on plain numbers. */
#pragma once
#include "impl/wire/datagram.h"

#include <stdbool.h>
#include <stdint.h>

/* Id of the stream with 0-based creation order index: 1, 3, 4, 5, ... (STR-6), and back (-1 for an
 * id that does not exist, such as 2 or 0). */
int64_t account_stream_id(unsigned index);
int64_t account_stream_index(int64_t id);

/* A UDP receiver's counters by iperf3's rules (UDP-7, UDP-9). Zeroed at the start of the test. */
struct account_udp {
    uint64_t packets;      /* highest sequence number so far */
    uint64_t errors;       /* lost, after late arrivals were taken back */
    uint64_t out_of_order; /* late or duplicate arrivals (not transmitted) */
    double jitter_s;       /* RFC 1889 style, /16 */
    int64_t transit_us;    /* previous transit */
    bool primed;           /* a transit of the counted period was seen */
};

/* Count one datagram: sent at header time, arrived at arrival_ns (any clock).
 * The transit is |arrival - sent| in whole microseconds of both (UDP-9). With a 12-byte header and
 * wide false, numbers past 2^32 - 1 wrap: the number is extended to the nearest value to `packets`,
 * so that a wrap is no loss (ours; UDP-6 tells what stock does). Returns the number so extended. */
uint64_t account_udp_take(struct account_udp *a, const struct datagram_header *header, bool wide,
                          uint64_t arrival_ns);

/* End of the omit period: jitter starts anew, counters go on (OMIT-1). */
void account_udp_omit_end(struct account_udp *a);

/* The client's end conditions (END-1). 0 = no such condition. */
struct account_end {
    uint64_t time_ns; /* counted period */
    uint64_t bytes;   /* num */
    uint64_t blocks;  /* blockcount */
};

/* Whether the test is over: counted_ns since the end of the omit period (or < 0 while it lasts:
 * then never, OMIT-4), bytes and blocks counted since then over all streams that count (END-1:
 * sent, or received in a reverse test; in bidir either). */
bool account_end_reached(const struct account_end *end, int64_t counted_ns, uint64_t bytes,
                         uint64_t blocks);

/* How many blocks of len bytes are sent until num or blockcount is reached, the last block whole
 * (END-4); UINT64_MAX without such a limit. */
uint64_t account_blocks(const struct account_end *end, uint64_t len);

/* A sender's pacing (DATA-4): when the next `blocks` blocks may go. Average rate since start_ns.
 *   rate_bps   bit/s, not 0
 *   sent       bytes sent since start_ns
 * Returns the earliest time in ns at which sending more keeps the average at or below the rate. */
uint64_t account_pace_ns(uint64_t start_ns, uint64_t rate_bps, uint64_t sent);

/* The other way round: how many bytes sent by now_ns keep the average at or below the rate. */
uint64_t account_paced_bytes(uint64_t start_ns, uint64_t rate_bps, uint64_t now_ns);

/* Loss as iperf3 prints it: lost / packets in percent, 0 when packets is 0. */
double account_lost_percent(int64_t lost, int64_t packets);
