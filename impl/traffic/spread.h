/* spread.h - how values are spread: counts in buckets of fixed number, and percentiles of them.
 *
 * A bucket is as wide as 1/32 of what lies in it, so that a percentile is off by at most 1.6 %.
 * Adding costs a few instructions and no memory. Plain numbers; one owner. */
#pragma once
#include <stdint.h>

#define SPREAD_FINE    32 /* buckets for each doubling */
#define SPREAD_BITS    40 /* of the largest value that is told apart: 18 minutes in ns */
#define SPREAD_BUCKETS ((SPREAD_BITS - 4) * SPREAD_FINE)

/* Zeroed before use. */
struct spread {
    uint64_t n, sum, min, max;
    uint64_t buckets[SPREAD_BUCKETS];
};

/* The bucket of a value. */
static inline unsigned spread_bucket(uint64_t value)
{
    unsigned top;

    if (value < SPREAD_FINE)
        return (unsigned)value;
    if (value >> SPREAD_BITS)
        return SPREAD_BUCKETS - 1;
    top = 63u - (unsigned)__builtin_clzll(value); /* at least 5 */
    return (top - 4) * SPREAD_FINE + (unsigned)(value >> (top - 5)) % SPREAD_FINE;
}

/* The same value n times. */
static inline void spread_add(struct spread *s, uint64_t value, uint64_t n)
{
    if (s->n == 0 || value < s->min)
        s->min = value;
    if (value > s->max)
        s->max = value;
    s->n += n;
    s->sum += n * value;
    s->buckets[spread_bucket(value)] += n;
}

/* The value that `part` (0 to 1) of them do not exceed: the middle of its bucket, but nothing
 * outside of min and max. 0 where there are none. */
uint64_t spread_at(const struct spread *s, double part);
