/* pacing.c - see pacing.h. The arithmetic is account_pace_ns(). */
#include "impl/traffic/pacing.h"

#include "impl/wire/account.h"

void pacer_init(struct pacer *p, uint64_t start_ns, int64_t rate_bps, int64_t burst)
{
    *p = (struct pacer){
        .start_ns = start_ns,
        .rate_bps = rate_bps > 0 ? (uint64_t)rate_bps : 0,
        .burst = burst > 1 ? (uint64_t)burst : 1,
    };
}

uint64_t pacer_due(struct pacer *p, uint64_t now_ns, uint64_t sent)
{
    uint64_t due_ns;

    if (p->rate_bps == 0)
        return 0;
    if (p->left == 0) {
        due_ns = account_pace_ns(p->start_ns, p->rate_bps, sent);
        if (due_ns > now_ns)
            return due_ns;
        p->left = p->burst;
    }
    p->left--;
    return 0;
}
