/* peer.h - the other end of a session with libiperf, played from the records of fuzz/script.h over
 * sockets, in the library's own thread: a record whenever the library waits.
 *
 *   B C J L E X  as there: bytes, cookie, text, text with another length, end, reset
 *   U u          open all streams, one of them; u with a payload says that instead of the cookie
 *   P            data on all streams: the payload, or a block (a datagram) of the length agreed on
 *   K F          a stream (payload: which) ends, is reset
 *   N            another client connects and says the payload, or a cookie of its own
 *   T O          time passes up to the next deadline, beyond the end of the test
 * Behind the last record both halves of every connection end, one step after the other. */
#pragma once
#include "impl/wire/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct peer_address {
    struct sockaddr_un at;
    socklen_t len;
};

/* Begin; the records are borrowed until peer_stop(). cuts: in which pieces the control connection's
 * bytes are sent (fuzz.h). */
void peer_start(bool serves, uint8_t cuts, struct bytes records);
/* Close what is open. */
void peer_stop(void);

/* Where the library listens now, for connections (SOCK_STREAM) or datagrams. */
void peer_heard(int type, const struct peer_address *where);
/* Where the peer that serves does. */
const struct peer_address *peer_listens(int type);

enum peer_did {
    PEER_ACTED,
    PEER_WAITED,    /* until the next deadline of the library's */
    PEER_OUTWAITED, /* longer than the test */
    PEER_IS_DONE    /* nothing is left to be done, and everything is closed */
};
enum peer_did peer_step(void);

/* Take what the library has sent. */
void peer_drain(void);
/* Whether a connection that has ended was reset; once for each. */
bool peer_took_reset(void);

/* What the library sent on the control connection. */
struct peer_seen {
    bool states[256]; /* by their byte */
    unsigned n_texts; /* parameters, results */
};
const struct peer_seen *peer_saw(void);
