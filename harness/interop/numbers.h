/* numbers.h - whether the numbers of a test's two ends can both be true.
 *
 * Pure arithmetic on the results that went over the control connection, which are exact. */
#pragma once
#include "harness/session/text.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdbool.h>
#include <stdint.h>

struct numbers_test {
    const struct params *params;
    const struct results *client, *server;
    /* Bytes that socket buffers can hold: sent, and not read when the test ended. */
    uint64_t in_flight;
    bool omits; /* the two ends count from different moments (OMIT-3): the same bound either way */
    /* That end as sender can be stopped inside a block, whose part it then does not count although
     * it was sent (observed on 3.18). */
    bool client_cuts, server_cuts;
    /* That end as receiver counts every byte (INT-7), which shows where the sender sent exactly
     * `whole` bytes and was idle from then on. */
    bool client_counts_all, server_counts_all;
    int64_t whole; /* 0: no such test */
    bool may_idle; /* so short a test that it can be over before a stream has brought anything */
};

/* Per stream: TCP (INT-14): receiver <= sender, and sender - receiver <= in_flight + one block
 * (RES-25, RES-26) or a quarter of what was sent. UDP (UDP-7, RES-16): received + lost = highest
 * sequence number <= sent. Every stream of the test stands in both results (RES-22), and data came
 * on it unless it may_idle. False and the first contradiction in why. */
bool numbers_agree(const struct numbers_test *test, struct text *why);

/* The same for one TCP stream: what may be missing, or a quarter of sent, and what the receiver may
 * have in excess. */
bool numbers_stream_agrees(int64_t sent, int64_t received, uint64_t missing, uint64_t excess,
                           struct text *why);
