/* write.h - a session as a .peer script that plays our side of it again, message by message.
 *
 * Every step is one message: nothing is left to an honest run, so what goes over the wire is what
 * the session holds, with the same ends of writes. The subject's messages become expectations, in
 * their place: of a JSON text only that it comes, of stream data at least as much. Notes are left
 * out. script_session() (harness/script/raw.h) reads such a script back. */
#pragma once
#include "harness/session/session.h"

/* The header of the script; id and clauses are needed, the rest may be NULL. */
struct session_about {
    const char *id, *title;
    const char *clauses; /* their ids, divided by blanks */
    const char *needs, *tags, *subject;
    const char *params; /* header `params`, for where the session's own messages do not tell */
    bool ignores_stale; /* `ignore server-error` behind a client's IPERF_DONE (ERR-7) */
};

/* Append the script to out. Names of connections must be words: a letter, then letters, digits, '-'
 * and '_', at most 20. */
void session_write(const struct session *s, const struct session_about *about, struct text *out);

/* Whether the streams are of UDP: the first parameters that the client sent say so, or one of the
 * messages is a datagram on a stream. */
bool session_is_udp(const struct session *s);
