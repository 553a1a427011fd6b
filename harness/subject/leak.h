/* leak.h - whether a series of measurements grows: a slope with its confidence.
 *
 * Memory comes in pages and in steps, so that neighbouring samples are not independent. The series
 * is cut into blocks, each stands for itself with its smallest value, and the growth from block to
 * block is taken as the sample: its mean with Student's interval. One step, or a warm-up at the
 * start, widens the interval; steady growth does not. Numbers only: no process, no clock. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define LEAK_BLOCKS 8  /* the first is warm-up */
#define LEAK_MIN_N  24 /* samples below which no slope is told */
#define LEAK_STEADY 8  /* steps, all of them up, that need no slope */

struct leak_slope {
    double per_session, low, high; /* of the quantity; low and high at 99 % */
};
/* Fit n samples, one per session. False if there are too few. */
bool leak_fit(const double *samples, size_t n, struct leak_slope *slope);
/* The same without the block that grew most: for long series, in which an allocator's one step is
 * sure to come and would hide what grows steadily beside it. */
bool leak_fit_steady(const double *samples, size_t n, struct leak_slope *slope);
/* Whether there are at least LEAK_STEADY steps from sample to sample, and all go up: of what comes
 * one by one, such as descriptors, that is proof enough, and a slow machine gets that far too. */
bool leak_is_steady(const double *samples, size_t n);
/* Whether it grows for certain, and by at least `least` per session. */
bool leak_is_growing(const struct leak_slope *slope, double least);
