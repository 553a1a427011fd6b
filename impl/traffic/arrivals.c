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

/* Note of the numbers from..to-1 whether they are missing: a word at a time, whatever a peer jumps.
 */
static void mark(struct arrivals *a, uint64_t from, uint64_t to, bool missing)
{
    if (to - from >= ARRIVALS_WINDOW) {
        memset(a->missing, missing ? 0xff : 0, sizeof a->missing);
        return;
    }
    while (from < to) {
        uint64_t n = MIN(64 - from % 64, to - from);
        uint64_t ones = (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << from % 64;
        *word_of(a, from) = missing ? *word_of(a, from) | ones : *word_of(a, from) & ~ones;
        from += n;
    }
}

/* What came in order left no mark. */
static void catch_up(struct arrivals *a)
{
    mark(a, a->marked + 1, a->highest + 1, false);
    a->marked = a->highest;
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
    mark(a, a->highest + 1, seq, true);
    a->highest = a->marked = seq;
    (void)fill(a, seq);
}

void arrivals_take_odd(struct arrivals *a, uint64_t seq)
{
    uint64_t distance = a->highest - seq;

    catch_up(a);
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
