/* arrivals.c - see arrivals.h. */
#include "impl/traffic/arrivals.h"

#include "impl/wire/bytes.h"

#include <stdbool.h>
#include <string.h>

static uint64_t run(const struct arrivals *a)
{
    uint64_t from = MAX(a->run_from, 1);

    return a->highest >= from ? a->highest - from + 1 : 0;
}

uint64_t arrivals_longest_run(const struct arrivals *a)
{
    return MAX(a->longest_run, run(a));
}

static uint64_t *word_of(struct arrivals *a, uint64_t seq)
{
    return &a->missing[seq % ARRIVALS_WINDOW / 64];
}

/* The numbers from..to-1 have not come: a word at a time, whatever a peer jumps. */
static void miss(struct arrivals *a, uint64_t from, uint64_t to)
{
    if (to - from >= ARRIVALS_WINDOW) {
        memset(a->missing, 0xff, sizeof a->missing);
        return;
    }
    while (from < to) {
        uint64_t n = MIN(64 - from % 64, to - from);
        uint64_t ones = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
        *word_of(a, from) |= ones << from % 64;
        from += n;
    }
}

/* Whether it was missing; from now on it is not. */
static bool fill(struct arrivals *a, uint64_t seq)
{
    uint64_t *word = word_of(a, seq), bit = UINT64_C(1) << seq % 64;
    bool was_missing = *word & bit;

    *word &= ~bit;
    return was_missing;
}

static void leap(struct arrivals *a, uint64_t seq)
{
    a->longest_run = arrivals_longest_run(a);
    a->run_from = seq;
    miss(a, a->highest + 1, seq);
    a->highest = seq;
    (void)fill(a, seq);
}

void arrivals_take_odd(struct arrivals *a, uint64_t seq)
{
    uint64_t distance = a->highest - seq;

    if (seq > a->highest) {
        leap(a, seq);
    } else if (distance >= ARRIVALS_WINDOW) {
        a->too_late++;
    } else if (seq > 0 && fill(a, seq)) {
        a->late++;
        a->distance[63 - __builtin_clzll(distance)]++;
    } else {
        a->duplicates++;
    }
}

void arrivals_omit_end(struct arrivals *a)
{
    a->duplicates = a->late = a->too_late = a->longest_run = 0;
    a->run_from = a->highest + 1;
    memset(a->distance, 0, sizeof a->distance);
    memset(&a->gaps, 0, sizeof a->gaps);
}
