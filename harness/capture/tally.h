/* tally.h - what the two ends report against what was on the wire.
 *
 * Only what cannot be true is a violation. A capture may have lost packets, a sender's last bytes
 * may never have left its buffer, a receiver's may never have been read: where the packets leave a
 * doubt, nothing is said against an end, and what was not compared is noted. */
#pragma once
#include "harness/capture/track.h"

/* Compare; violations and notes go through track_blame() and track_note(). */
void tally_judge(struct track *t, struct track_session *s);
