/* ratelimit.c - see ratelimit.h. */
#include "impl/traffic/ratelimit.h"

#define INTERVAL_DEFAULT_S 5.0
#define NS_PER_SEC         1e9

void ratelimit_init(struct ratelimit *r, uint64_t limit_bps, double interval_s, uint64_t now_ns)
{
    double part_ns =
        (interval_s > 0 ? interval_s : INTERVAL_DEFAULT_S) / RATELIMIT_PARTS * NS_PER_SEC;

    *r = (struct ratelimit){.limit_bps = limit_bps, .n = 1, .next_ns = UINT64_MAX};
    r->part_ns = part_ns < 1 ? 1 : (uint64_t)part_ns;
    r->at_ns[0] = now_ns;
    if (limit_bps > 0)
        r->next_ns = now_ns + r->part_ns;
}

bool ratelimit_is_exceeded(struct ratelimit *r, uint64_t now_ns, uint64_t bytes)
{
    unsigned slot = r->n % RATELIMIT_PARTS; /* holds the look of one interval ago */
    bool full = r->n >= RATELIMIT_PARTS;
    double bits = 8.0 * (double)(bytes - r->bytes[slot]);
    double seconds = (double)(now_ns - r->at_ns[slot]) / NS_PER_SEC;

    r->at_ns[slot] = now_ns;
    r->bytes[slot] = bytes;
    r->n++;
    r->next_ns = now_ns + r->part_ns;
    return full && bits > seconds * (double)r->limit_bps;
}
