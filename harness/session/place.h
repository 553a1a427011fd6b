/* place.h - which state of the tables the subject is in (table.h), as a session shows it. */
#pragma once
#include "harness/session/session.h"
#include "impl/wire/machine.h"

/* Whether the message belongs to the control connection `who`, and not to one of its streams. */
bool session_is_of(const struct session_message *m, const char *who);

/* The subject's state after the message, if it was `state` before. Our own messages count where the
 * correct run says nothing else: a server that was sent TEST_END is about to exchange results. */
enum machine_state session_moves(const struct session *s, enum machine_state state,
                                 const struct session_message *m);

/* The state on the control connection `who` before message `at`. */
enum machine_state session_place(const struct session *s, const char *who, size_t at);
