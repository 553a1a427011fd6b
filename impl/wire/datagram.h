/* datagram.h - what UDP streams put into datagrams: the connect message, its reply, the data
 * header. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

#define DATAGRAM_CONNECT_LEN  4
#define DATAGRAM_HEADER_LEN   12 /* UDP-1 */
#define DATAGRAM_HEADER64_LEN 16 /* UDP-2, with udp_counters_64bit */
#define DATAGRAM_LEN_MIN      16 /* UDP-3 */
#define DATAGRAM_LEN_MAX      65507

/* X(name, four bytes, generation)  The values of UDPC-2 (connect) and UDPC-3 (reply). We send the
 * first of each (INT-8). */
#define DATAGRAM_CONNECTS(X)                                                                       \
    X(DATAGRAM_CONNECT, "\x39\x38\x37\x36", "3.12+, little-endian host; 3.17+")                    \
    X(DATAGRAM_CONNECT_LEGACY, "\x15\xcd\x5b\x07", "3.0.1-3.11, little-endian host")               \
    X(DATAGRAM_CONNECT_BE, "\x36\x37\x38\x39", "3.12-3.16, big-endian host")                       \
    X(DATAGRAM_CONNECT_LEGACY_BE, "\x07\x5b\xcd\x15", "3.0.1-3.11, big-endian host")
#define DATAGRAM_REPLIES(X)                                                                        \
    X(DATAGRAM_REPLY, "\x36\x37\x38\x39", "3.12+, little-endian host; 3.17+")                      \
    X(DATAGRAM_REPLY_LEGACY, "\xb1\x68\xde\x3a", "3.0.1-3.11, little-endian host")                 \
    X(DATAGRAM_REPLY_BE, "\x39\x38\x37\x36", "3.12-3.16, big-endian host")                         \
    X(DATAGRAM_REPLY_LEGACY_BE, "\x3a\xde\x68\xb1", "3.0.1-3.11, big-endian host")

enum datagram_connect {
#define X(name, value, generation) name,
    DATAGRAM_CONNECTS(X)
#undef X
        DATAGRAM_N_CONNECTS,
    DATAGRAM_NOT_CONNECT = DATAGRAM_N_CONNECTS
};
enum datagram_reply {
#define X(name, value, generation) name,
    DATAGRAM_REPLIES(X)
#undef X
        DATAGRAM_N_REPLIES,
    DATAGRAM_NOT_REPLY = DATAGRAM_N_REPLIES
};

/* The four bytes to send. Static. */
const uint8_t *datagram_connect_bytes(enum datagram_connect kind);
const uint8_t *datagram_reply_bytes(enum datagram_reply kind);

/* What a datagram is. A connect message has exactly 4 bytes (UDPC-10); a reply is known by its
 * first four (UDPC-4). DATAGRAM_NOT_CONNECT / DATAGRAM_NOT_REPLY for all else. */
enum datagram_connect datagram_connect_kind(struct bytes datagram);
enum datagram_reply datagram_reply_kind(struct bytes datagram);

/* The header of a data datagram (UDP-1, UDP-2, UDP-4): when it was sent, by a clock of the sender's
 * own that starts anywhere, and its number, 1 for the first (UDP-5). */
struct datagram_header {
    uint32_t sec, usec;
    uint64_t seq; /* with the 12-byte header only the low 32 bits travel */
};

/* Write the header into out (12 or 16 bytes; 16 if wide) and return its length. */
size_t datagram_encode(uint8_t *out, bool wide, const struct datagram_header *header);

/* Read it. Returns SPEC_OK, or SPEC_E_SHORT if the datagram cannot hold it (INT-7: such a datagram
 * has bytes but no number). */
enum spec_err datagram_decode(struct bytes datagram, bool wide, struct datagram_header *header);
