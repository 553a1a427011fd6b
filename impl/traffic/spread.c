/* spread.c - see spread.h. */
#include "impl/traffic/spread.h"

#include "impl/wire/bytes.h"

#include <math.h>

static uint64_t middle_of(unsigned bucket)
{
    unsigned doubling = bucket / SPREAD_FINE;

    if (doubling == 0)
        return bucket;
    uint64_t width = UINT64_C(1) << (doubling - 1);
    return (SPREAD_FINE + bucket % SPREAD_FINE) * width + width / 2;
}

uint64_t spread_at(const struct spread *s, double part)
{
    uint64_t rank = MAX((uint64_t)ceil(part * (double)s->n), 1), below = 0;

    if (s->n == 0)
        return 0;
    for (unsigned i = 0; i < SPREAD_BUCKETS; i++) {
        below += s->buckets[i];
        if (below >= rank)
            return MIN(MAX(middle_of(i), s->min), s->max);
    }
    return s->max;
}
