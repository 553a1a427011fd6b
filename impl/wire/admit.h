/* admit.h - the listener's decision about a new connection: stream of a test, new test, or denied.
 *
 * One TCP port carries control connections and streams; nothing but the first 37 bytes tells them
 * apart (CONN-4, STR-11, STR-12, CLOSE-1, CLOSE-5). Pure: the shell reads the bytes and acts. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/frame.h"

#include <stdbool.h>

/* A peer's address without its port; IPv4 as mapped IPv6. */
struct admit_addr {
    uint8_t ip[16];
    uint32_t scope; /* of a link-local address, else 0 */
};

/* One running test, as far as the decision goes. */
struct admit_test {
    const uint8_t *cookie; /* 37 bytes; NULL while it has not come */
    struct admit_addr peer;
    bool awaits_tcp; /* it is in CREATE_STREAMS of a TCP test and lacks streams */
    bool awaits_udp; /* the same, UDP */
    bool has_all;    /* TEST_START was sent: a connection with its cookie is an extra one */
    uint64_t order;  /* of arrival */
};

/* All running tests, in any order; borrowed. */
struct admit_view {
    const struct admit_test *tests;
    size_t n_tests;
    size_t max_tests; /* at least 1 */
};

enum admit_verdict {
    ADMIT_MORE, /* wait for more bytes */
    ADMIT_NEW, /* a new test; also for a short cookie at its end: the new machine ends it (CTL-6) */
    ADMIT_STREAM, /* a stream of the test *which */
    ADMIT_DENY,   /* send ff and close (CLOSE-1, STR-12) */
};

/* Decide about a TCP connection.
 *   first     what it sent so far, at most 37 bytes looked at
 *   over      no more will come: EOF, or the time for the cookie is up
 *   which     index into view->tests, written on ADMIT_STREAM
 * Of several tests with that cookie, first those of the same peer address, then the oldest (STR-8).
 * A connection with the cookie of a test of the same address that has all its streams is denied,
 * also below the limit (ST-SRV-14.c).
 * A server at its limit denies at once, unread, unless some test awaits TCP streams (CLOSE-2). */
enum admit_verdict admit_tcp(const struct admit_view *view, const struct admit_addr *peer,
                             struct bytes first, bool over, size_t *which);

/* Decide about a datagram on the unconnected UDP socket (UDPC-3, UDPC-10): true, and the oldest
 * test of that address that awaits UDP streams, if the datagram is a connect message; else false:
 * ignore it. */
bool admit_udp(const struct admit_view *view, const struct admit_addr *peer, struct bytes datagram,
               size_t *which);

/* Whether test `which` may announce its UDP streams now: false while another test of the same
 * address, older or younger, awaits UDP streams, because no datagram would tell them apart. */
bool admit_udp_may_start(const struct admit_view *view, size_t which);

/* Whether both are the same host: address and scope. */
bool admit_addr_equal(const struct admit_addr *a, const struct admit_addr *b);
