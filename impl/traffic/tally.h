/* tally.h - from the counts of a stream at a few instants to intervals and totals.
 *
 * Pure arithmetic: the loop's side of a stream. Counters run on through the whole test; what is
 * reported is the difference to the last instant, and to the end of the omit period (OMIT-1). */
#pragma once
#include "impl/traffic/counters.h"
#include "impl/traffic/interval.h"

#include <stdbool.h>
#include <stdint.h>

/* One look at a stream. */
struct tally_point {
    struct counts counts;
    struct interval_tcp tcp;
};

/* Zeroed, then sender and udp set. */
struct tally {
    bool sender, udp;
    struct tally_point base; /* at the end of the omit period */
    struct tally_point last; /* at the end of the last interval */
    uint64_t max_snd_cwnd, max_snd_wnd;
    uint64_t sum_rtt_us, n_rtt;
    uint32_t max_rtt_us, min_rtt_us;
};

/* Close an interval at this point: what was counted since the last one. Leaves id, socket, omitted
 * and the times to the caller. */
struct interval tally_interval(struct tally *t, const struct tally_point *now);

/* The omit period ends at the last point. */
void tally_omit_end(struct tally *t);

/* Counts up to the last point. Leaves id, socket and end_s of counted to the caller. */
struct interval_total tally_total(const struct tally *t);

/* Bytes and blocks of the counted period at this point. */
uint64_t tally_bytes(const struct tally *t, const struct counts *now);
uint64_t tally_blocks(const struct tally *t, const struct counts *now);
