/* knock.h - a client waits for the reply to its connect message (UDPC-3).
 *
 * Data of a reverse server can overtake the reply, so that some more datagrams are looked at before
 * the client gives up (UDPC-5). No socket and no clock: the time limit is the caller's (TMO-11). */
#pragma once
#include "impl/wire/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes that may be looked at in vain, of which a datagram counts for a reply's at most; len: of
 * the test's blocks. */
int64_t knock_budget(bool reverse, int64_t len);

/* A datagram came; it takes its share of the budget if it is no reply (UDPC-4). */
enum knock_answer { KNOCK_ANSWERED, KNOCK_NOT_YET, KNOCK_GIVE_UP };
enum knock_answer knock_take(int64_t *budget, struct bytes datagram);
