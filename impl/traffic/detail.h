/* detail.h - what is kept of a stream for JSON alone, beyond what iperf3 tells.
 *
 * The worker writes its part until it is joined, the loop the other; both are read afterwards. */
#pragma once
#include "impl/traffic/arrivals.h"
#include "impl/traffic/spread.h"

struct detail {
    /* Worker's. */
    struct arrivals arrivals; /* UDP receiver */
    uint64_t stalled_ns;      /* sender: waited for room in the socket's buffer */
    uint64_t stalled_from_ns; /* 0: does not wait now */

    /* Loop's. */
    struct spread rtt_us;     /* TCP sender: TCP_INFO's, sampled */
    struct spread row_rtt_us; /* the same since the last interval */
};
