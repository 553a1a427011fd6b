#include "harness/subject/leak.h"

#include <math.h>

enum { INCREMENTS = LEAK_BLOCKS - 2 }; /* between the blocks behind the warm-up */

/* Student's t, two-sided 99 %, for so many increments. */
static const double t_99[INCREMENTS + 1] = {
    [INCREMENTS - 1] = 4.604, /* 4 degrees of freedom */
    [INCREMENTS] = 4.032,     /* 5 */
};

static double least_of(const double *samples, size_t n)
{
    double least = samples[0];

    for (size_t i = 1; i < n; i++)
        least = samples[i] < least ? samples[i] : least;
    return least;
}

static bool find_increments(const double *samples, size_t n, double increments[INCREMENTS])
{
    size_t len = n / LEAK_BLOCKS, skip = n - len * (LEAK_BLOCKS - 1);

    if (n < LEAK_MIN_N)
        return false;
    for (size_t i = 0; i < INCREMENTS; i++) {
        const double *at = samples + skip + i * len;
        increments[i] = (least_of(at + len, len) - least_of(at, len)) / (double)len;
    }
    return true;
}

static struct leak_slope slope_of(const double *increments, size_t n)
{
    double mean = 0, square = 0;

    for (size_t i = 0; i < n; i++)
        mean += increments[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (increments[i] - mean) * (increments[i] - mean);
    double margin = t_99[n] * sqrt(square / (double)(n - 1) / (double)n);
    return (struct leak_slope){mean, mean - margin, mean + margin};
}

bool leak_fit(const double *samples, size_t n, struct leak_slope *slope)
{
    double increments[INCREMENTS];

    if (!find_increments(samples, n, increments))
        return false;
    *slope = slope_of(increments, INCREMENTS);
    return true;
}

bool leak_fit_steady(const double *samples, size_t n, struct leak_slope *slope)
{
    double increments[INCREMENTS];
    size_t most = 0;

    if (!find_increments(samples, n, increments))
        return false;
    for (size_t i = 1; i < INCREMENTS; i++)
        most = increments[i] > increments[most] ? i : most;
    increments[most] = increments[INCREMENTS - 1];
    *slope = slope_of(increments, INCREMENTS - 1);
    return true;
}

bool leak_is_steady(const double *samples, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (samples[i] <= samples[i - 1])
            return false;
    return n > LEAK_STEADY;
}

bool leak_is_growing(const struct leak_slope *slope, double least)
{
    return slope->low > 0 && slope->per_session >= least;
}
