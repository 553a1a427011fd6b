/* ratelimit.h - has a test moved more than its server allows? TMO-10 (b).
 *
 * Bytes are looked at RATELIMIT_PARTS times per averaging interval; the average is taken over the
 * last whole interval. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define RATELIMIT_PARTS 5

struct ratelimit {
    uint64_t limit_bps, part_ns;
    uint64_t next_ns; /* when to look next; UINT64_MAX: there is no limit */
    unsigned n;       /* looks so far */
    uint64_t at_ns[RATELIMIT_PARTS], bytes[RATELIMIT_PARTS];
};

/* limit_bps 0: no limit; interval_s 0: 5 s. */
void ratelimit_init(struct ratelimit *r, uint64_t limit_bps, double interval_s, uint64_t now_ns);

/* Look; bytes is what was moved since ratelimit_init(). True if the limit is exceeded. */
bool ratelimit_is_exceeded(struct ratelimit *r, uint64_t now_ns, uint64_t bytes);
