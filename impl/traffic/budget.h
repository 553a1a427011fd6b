/* budget.h - how many blocks the senders of a test may still begin, all streams together (END-4).
 *
 * A sender takes a block before it sends it, so that -n and -k end on exactly the right block
 * however many streams there are. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    bool counted; /* false: no limit will ever be set, taking costs nothing; fixed before the start
                   */
    _Atomic uint64_t limit, taken;
};

static inline void budget_init(struct budget *b, bool counted)
{
    b->counted = counted;
    atomic_init(&b->limit, UINT64_MAX);
    atomic_init(&b->taken, 0);
}

/* From now on n more blocks may be taken. Those taken before don't count. */
static inline void budget_set(struct budget *b, uint64_t n)
{
    uint64_t taken = atomic_load(&b->taken);

    atomic_store(&b->limit, n > UINT64_MAX - taken ? UINT64_MAX : taken + n);
}

/* Take up to wanted blocks; returns how many, 0 if there are none left. */
static inline uint64_t budget_take(struct budget *b, uint64_t wanted)
{
    uint64_t taken, limit, n;

    if (!b->counted)
        return wanted;
    taken = atomic_load(&b->taken);
    do {
        limit = atomic_load(&b->limit);
        if (taken >= limit)
            return 0;
        n = limit - taken < wanted ? limit - taken : wanted;
    } while (!atomic_compare_exchange_weak(&b->taken, &taken, taken + n));
    return n;
}

/* Give back n blocks that could not be sent. */
static inline void budget_give(struct budget *b, uint64_t n)
{
    if (b->counted)
        atomic_fetch_sub(&b->taken, n);
}
