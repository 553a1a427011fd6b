/* pacing.c - see pacing.h. */
#include "impl/traffic/pacing.h"

#include "impl/wire/account.h"
#include "impl/wire/bytes.h"

#define BURST_MAX UINT64_C(1000000) /* a peer's number can't be trusted */

void pacer_init(struct pacer *p, uint64_t start_ns, int64_t rate_bps, int64_t burst)
{
    *p = (struct pacer){
        .start_ns = start_ns,
        .rate_bps = rate_bps > 0 ? (uint64_t)rate_bps : 0,
        .burst = burst > 1 ? MIN((uint64_t)burst, BURST_MAX) : 1,
    };
}

/* The average that must be allowed before a burst goes: it is sent when half of it would be late,
 * and is never off by more than that. The first one goes at once. */
static uint64_t wanted_average(const struct pacer *p, uint64_t sent, uint64_t len)
{
    return sent == 0 ? 0 : sent + p->burst * len / 2;
}

uint64_t pacer_take(struct pacer *p, uint64_t now_ns, uint64_t sent, uint64_t len, uint64_t wanted,
                    uint64_t *until_ns)
{
    uint64_t limit, n = 0, due_ns;

    if (p->rate_bps == 0)
        return wanted;
    limit = account_paced_bytes(p->start_ns, p->rate_bps, now_ns);
    while (n < wanted) {
        if (p->left == 0 && wanted_average(p, sent + n * len, len) > limit)
            break;
        if (p->left == 0)
            p->left = p->burst;
        uint64_t some = MIN(p->left, wanted - n);
        p->left -= some;
        n += some;
    }
    if (n == 0) {
        due_ns = account_pace_ns(p->start_ns, p->rate_bps, wanted_average(p, sent, len));
        *until_ns = MAX(due_ns, now_ns + PACER_SLEEP_NS);
    }
    return n;
}
