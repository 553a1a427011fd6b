/* pacing.h - when a sender's next block is due (DATA-4).
 *
 * The average since the start of the test is kept at or below the rate: a sender that was held up
 * catches up. With a burst of b, b blocks go per decision. The sleep between decisions is as long
 * as the rate asks for; like iperf3 3.18+ it takes no notice of pacing_timer (PARAM-22). */
#pragma once
#include <stdint.h>

struct pacer {
    uint64_t start_ns; /* of the average; the end of the omit period does not move it */
    uint64_t rate_bps; /* 0: no pacing */
    uint64_t burst;    /* blocks per decision, at least 1 */
    uint64_t left;     /* blocks that the last decision still allows */
};

/* rate_bps and burst as in the parameters; 0 or less: none. */
void pacer_init(struct pacer *p, uint64_t start_ns, int64_t rate_bps, int64_t burst);

/* Whether a block may go at now_ns, after sent bytes since the start: 0 yes (and it is counted as
 * gone), else the time in ns to ask again. */
uint64_t pacer_due(struct pacer *p, uint64_t now_ns, uint64_t sent);
