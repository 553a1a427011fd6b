/* packets.h - watches the packets of a cell, and judges it by them alone.
 *
 * In the cell's own network there is nothing else to see. Packets that the kernel had no room for
 * make sessions that were captured in part: nothing is held against anybody for them. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>

struct packets;

/* NULL, with the reason in why, if loopback cannot be watched. */
struct packets *packets_new(struct text *why);
void packets_free(struct packets *w); /* NULL is allowed */

/* Readable when there is something for packets_turn(), which reads what has come. */
int packets_fd(const struct packets *w);
void packets_turn(struct packets *w);

/* All is over. False, with the first violation in why, or that there was no session.
 *   in_part  whether not all was captured */
bool packets_judge(struct packets *w, bool *in_part, struct text *why);
