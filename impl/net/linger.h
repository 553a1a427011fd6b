/* linger.h - how long a loop looks on for events before it sleeps.
 *
 * The messages of a test's set-up and end follow each other within microseconds; to put a processor
 * to sleep and to wake it again takes longer than that, at each of them. So a loop whose waits were
 * short looks on for the next event, and one that found none in time sleeps at once from then on.
 * No clocks here: the loop says how long it waited. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The longest that looking on pays: two sleeps and two wake-ups, on a machine where they are slow.
 */
#define LINGER_MAX_NS UINT64_C(100000)

struct linger {
    uint64_t ns;   /* look on for so long; 0: sleep at once */
    bool is_alone; /* on the one processor that there is, where the peer waits as long as we look */
};

/* At first a loop sleeps. is_alone: the calling thread may run on one processor only. */
void linger_init(struct linger *linger);

/* A wait, looking on included, took so many ns until an event or a timer ended it. */
void linger_learn(struct linger *linger, uint64_t waited_ns);
