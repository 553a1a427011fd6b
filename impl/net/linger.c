/* linger.c - longer by the double for each wait that was short, gone with one that was long. */
#include "impl/net/linger.h"

#include "impl/wire/bytes.h"

#include <sched.h>

#define FIRST_NS UINT64_C(10000)

void linger_init(struct linger *linger)
{
    cpu_set_t mine;

    *linger = (struct linger){.is_alone = sched_getaffinity(0, sizeof mine, &mine) == 0 &&
                                          CPU_COUNT(&mine) == 1};
}

void linger_learn(struct linger *linger, uint64_t waited_ns)
{
    if (waited_ns > LINGER_MAX_NS || linger->is_alone)
        linger->ns = 0;
    else if (waited_ns > linger->ns)
        linger->ns = MIN(MAX(2 * linger->ns, FIRST_NS), LINGER_MAX_NS);
}
