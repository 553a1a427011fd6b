/* arrivals.h - what a UDP receiver can tell beyond iperf3's counts: what came twice, how far behind
 * its place it came, the longest run without a gap, and the times between arrivals.
 *
 * Plain arithmetic on numbers and times, in fixed memory: numbers are remembered for a window
 * behind the highest one. Nothing here changes what is reported as lost or out of order (UDP-7). */
#pragma once
#include "impl/traffic/spread.h"

#include <stdint.h>

#define ARRIVALS_WINDOW    8192u /* numbers; a power of 2 */
#define ARRIVALS_DISTANCES 13    /* 1, 2-3, 4-7, ... 4096-8191 */

/* Zeroed before the first datagram. */
struct arrivals {
    uint64_t highest, marked; /* numbers: the highest; up to which one missing is right */
    uint64_t duplicates;      /* came again */
    uint64_t late;            /* came once, behind one with a higher number */
    uint64_t too_late;        /* came so far behind that nobody knows which of the two */
    uint64_t distance[ARRIVALS_DISTANCES]; /* of the late ones, in numbers below the highest */
    uint64_t run_from, longest_run;        /* the run of numbers that goes on; the longest before */
    struct spread gaps;                    /* ns from one arrival to the next */
    uint64_t last_ns;                      /* 0: none yet */
    uint64_t
        missing[ARRIVALS_WINDOW / 64]; /* a bit for each number up to marked that did not come */
};

/* A number that is not the next one (below). */
void arrivals_take_odd(struct arrivals *a, uint64_t seq);

/* A datagram with that number, 1 for the first; any number is harmless. */
static inline void arrivals_take(struct arrivals *a, uint64_t seq)
{
    if (seq == a->highest + 1)
        a->highest = seq;
    else
        arrivals_take_odd(a, seq);
}

/* n datagrams, at least 1, came together at now_ns (never 0). */
static inline void arrivals_note_time(struct arrivals *a, uint64_t now_ns, uint64_t n)
{
    if (a->last_ns != 0)
        spread_add(&a->gaps, now_ns - a->last_ns, 1);
    if (n > 1)
        spread_add(&a->gaps, 0, n - 1);
    a->last_ns = now_ns;
}

/* The omit period is over: what came before does not count, but is remembered. */
void arrivals_omit_end(struct arrivals *a);

/* The longest run of numbers without a gap, the one that goes on included. One that is filled late
 * stays a gap. */
uint64_t arrivals_longest_run(const struct arrivals *a);
