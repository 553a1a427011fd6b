/* raw.h - a script as a session: what a script in the raw form does, message by message.
 *
 * The raw form is the part of the language that leaves nothing to an honest run: `open`, `send` of
 * given bytes, stream steps, `split`, `cork`, `pause`, the ends of connections, and expectations of
 * single events or of nothing; `repeat` is unrolled, `ignore` left out. session_write()
 * (harness/session/write.h) writes it. */
#pragma once
#include "harness/script/script.h"
#include "harness/session/session.h"

#define RAW_MESSAGES_MAX 200000
#define RAW_BYTES_MAX    (16u << 20) /* of all bodies together */

/* Read the steps of script into *session, the caller's to session_fini() on every return. Deadlines
 * and clauses of steps are left out, and an expected end may be a FIN or a reset.
 * False and *error (expected, found, and the step's place) at a step that is not of the raw form.
 */
bool script_session(const struct script *script, struct session *session,
                    struct script_error *error);
