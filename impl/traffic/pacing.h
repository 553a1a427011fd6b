/* pacing.h - how many of a sender's blocks are due (DATA-4), or of the pieces it cuts them into.
 *
 * What was sent is kept as near to rate times time since the start of the test as blocks allow: the
 * first block goes at once, every other one when half of it is overdue. A sender that was held up
 * catches up. With a burst of b, b blocks go per decision. The sleep between decisions is as long
 * as the rate asks for, but not below PACER_SLEEP_NS: blocks that follow each other faster go
 * together, so that a high rate costs no more wake-ups than stock's does, whose sleeps the kernel
 * stretches by as much. Like iperf3 3.18+ it takes no notice of pacing_timer (PARAM-22). */
#pragma once
#include <stdint.h>

#define PACER_SLEEP_NS UINT64_C(50000)

struct pacer {
    uint64_t start_ns; /* of the average; the end of the omit period does not move it */
    uint64_t rate_bps; /* 0: no pacing */
    uint64_t burst;    /* blocks per decision, at least 1 */
    uint64_t left;     /* blocks that the last decision still allows */
};

/* rate_bps and burst as in the parameters; 0 or less: none. */
void pacer_init(struct pacer *p, uint64_t start_ns, int64_t rate_bps, int64_t burst);

/* How many of the wanted blocks of len bytes may go at now_ns, after sent bytes since the start.
 * They count as gone. If none may, *until_ns is when to ask again. */
uint64_t pacer_take(struct pacer *p, uint64_t now_ns, uint64_t sent, uint64_t len, uint64_t wanted,
                    uint64_t *until_ns);
