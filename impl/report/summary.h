/* summary.h - the sums that a report shows: of one stretch over streams, and of a whole test over
 * both ends. Plain arithmetic on what was measured and on the peer's results. */
#pragma once
#include "impl/traffic/interval.h"
#include "impl/wire/results.h"

#include <stddef.h>

/* Of one stretch: the streams of one direction together. */
struct summary_stretch {
    double start_s, end_s; /* of the first of them */
    uint64_t bytes;
    int64_t retransmits; /* -1: not one of them counts any */
    int64_t packets, lost;
    double jitter_s; /* mean */
};

/* rows of one direction; n > 0. */
struct summary_stretch summary_stretch(const struct interval *rows, size_t n);

/* What one end of a stream, or of several, saw of the whole test, without the omit period. */
struct summary_end {
    double seconds;
    uint64_t bytes;
    int64_t retransmits; /* sender; -1: not known */
    int64_t packets, lost, out_of_order;
    double jitter_s;
};

struct summary_stream {
    struct summary_end sent, received;
};

/* Both ends of one stream (RES-23).
 *   peer  the peer's results, or NULL: then its end has counted nothing, in our time */
struct summary_stream summary_stream(const struct interval_total *ours, const struct results *peer);

/* Add one stream of n to a sum; start from a zeroed one with index 0. */
void summary_add(struct summary_stream *sum, const struct summary_stream *stream, size_t index,
                 size_t n);

/* 0 where the divisor is. */
double summary_bps(uint64_t bytes, double seconds);
