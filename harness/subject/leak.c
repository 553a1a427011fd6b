#include "harness/subject/leak.h"

#include <math.h>

/* Student's t, two-sided 99 %, for LEAK_BLOCKS - 2 increments: 5 degrees of freedom. */
#define T_99 4.032

static double least_of(const double *samples, size_t n)
{
    double least = samples[0];

    for (size_t i = 1; i < n; i++)
        least = samples[i] < least ? samples[i] : least;
    return least;
}

bool leak_fit(const double *samples, size_t n, struct leak_slope *slope)
{
    enum { N = LEAK_BLOCKS - 2 }; /* increments between the blocks behind the warm-up */
    size_t len = n / LEAK_BLOCKS, skip = n - len * (LEAK_BLOCKS - 1);
    double steps[N], mean = 0, square = 0;

    if (n < LEAK_MIN_N)
        return false;
    for (size_t i = 0; i < N; i++) {
        const double *at = samples + skip + i * len;
        steps[i] = (least_of(at + len, len) - least_of(at, len)) / (double)len;
        mean += steps[i] / N;
    }
    for (size_t i = 0; i < N; i++)
        square += (steps[i] - mean) * (steps[i] - mean);
    double margin = T_99 * sqrt(square / (N - 1) / N);
    *slope = (struct leak_slope){mean, mean - margin, mean + margin};
    return true;
}

bool leak_is_growing(const struct leak_slope *slope, double least)
{
    return slope->low > 0 && slope->per_session >= least;
}
