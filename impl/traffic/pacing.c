/* pacing.c - see pacing.h. */
#include "impl/traffic/pacing.h"

#include "impl/wire/account.h"
#include "impl/wire/bytes.h"

#define BIT_NS_PER_BYTE_S (8 * UINT64_C(1000000000))

void pacer_init(struct pacer *p, uint64_t start_ns, int64_t rate_bps, int64_t burst)
{
    *p = (struct pacer){
        .start_ns = start_ns,
        .rate_bps = rate_bps > 0 ? (uint64_t)rate_bps : 0,
        .burst = burst > 1 ? (uint64_t)burst : 1,
    };
}

/* The bytes that the average allows until now_ns. */
static uint64_t allowed(const struct pacer *p, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns > p->start_ns ? now_ns - p->start_ns : 0;
    unsigned __int128 bytes = (unsigned __int128)elapsed_ns * p->rate_bps / BIT_NS_PER_BYTE_S;

    return bytes > UINT64_MAX ? UINT64_MAX : (uint64_t)bytes;
}

uint64_t pacer_take(struct pacer *p, uint64_t now_ns, uint64_t sent, uint64_t len, uint64_t wanted,
                    uint64_t *until_ns)
{
    uint64_t limit, n = 0, due_ns;

    if (p->rate_bps == 0)
        return wanted;
    limit = allowed(p, now_ns);
    while (n < wanted) {
        if (p->left == 0 && sent + n * len > limit)
            break;
        if (p->left == 0)
            p->left = p->burst;
        uint64_t some = MIN(p->left, wanted - n);
        p->left -= some;
        n += some;
    }
    if (n == 0) {
        due_ns = account_pace_ns(p->start_ns, p->rate_bps, sent);
        *until_ns = MAX(due_ns, now_ns + PACER_SLEEP_NS);
    }
    return n;
}
