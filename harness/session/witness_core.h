/* witness_core.h - the halves of the witness: events, and what came of them. */
#pragma once
#include "harness/session/session.h"
#include "impl/wire/machine.h"

/* FIN, of one half or of both. */
bool witness_is_end(const struct session_message *m);

/* What our message `at` is to the subject that is in `state`, the next one on that connection being
 * `behind` (NULL: none): SEV_* or CEV_*. False: nothing that a single cell is about. */
bool witness_event(const struct session *s, size_t at, enum machine_state state,
                   const struct session_message *behind, unsigned *event);
