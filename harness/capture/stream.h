/* stream.h - what went over one data stream: counted, never stored. */
#pragma once
#include "harness/capture/dissect.h"
#include "impl/wire/account.h"

#define STREAM_HOLES  64 /* gaps in the sequence numbers that are remembered */
#define STREAM_RECENT 64 /* datagrams whose sending times are remembered */

struct stream_hole {
    uint32_t from, to;
};

/* One direction of a TCP stream, by its sequence numbers, which tell more than the packets that
 * were captured. */
struct stream_tcp {
    bool is_known;             /* next is */
    bool is_exact;             /* counted from its very first byte on */
    bool fin, rst;             /* seen from this end */
    uint8_t scale;             /* of its windows */
    uint32_t next;             /* behind the highest byte seen */
    uint32_t acked;            /* the other end has all below */
    uint64_t sent;             /* bytes from the first to the highest seen, or acknowledged */
    uint64_t confirmed;        /* bytes that the other end acknowledged */
    uint64_t confirmed_at_fin; /* the same when the other end sent its FIN */
    uint64_t missing;          /* bytes of them that were not seen */
    bool had_holes;            /* or came late */
    uint64_t repeated;         /* segments whose bytes had been seen */
    /* Of them those that the sender, not the network, has sent twice: they carry a newer IP
     * identification than anything before. */
    struct resent {
        uint64_t n, last_ns;
    } resent, resent_before;                  /* all; and those before a time near its end */
    uint64_t resent_mark_ns;                  /* that time */
    uint16_t ip_id;                           /* newest seen; 0: none */
    bool ids_are_odd;                         /* they do not count packets up, and tell nothing */
    uint64_t window;                          /* largest that it offered, bytes; 0: unknown scale */
    uint64_t window_at_fin;                   /* with its FIN */
    uint64_t first_ns, last_ns, first_number; /* packets with new bytes; 0: none */
    struct stream_hole holes[STREAM_HOLES];
    unsigned n_holes;
};

/* The datagrams of one direction of a UDP stream. */
struct stream_udp {
    struct account_udp account; /* as a receiver at the point of capture would have counted */
    uint64_t n, bytes;          /* seen */
    uint64_t copies;            /* of one that was seen not long before; not counted above */
    uint64_t odd_len;           /* not of the test's length */
    uint64_t first_ns, last_ns, first_number;
    uint64_t least_sent_us, most_sent_us; /* by the headers */
    struct {
        uint64_t seq, sent_us;
    } recent[STREAM_RECENT];
};

/* One packet of the direction, and of the other one's acknowledgements. Where a FIN was not seen,
 * the last number that was acknowledged counts as its, and as no byte. */
void stream_tcp_take(struct stream_tcp *own, struct stream_tcp *other, const struct dissected *p);
/* Bytes that were not captured, for the other end has them; the network may have lost others. */
uint64_t stream_tcp_unseen(const struct stream_tcp *t);
/* Segments that the sender surely had sent again some time before at_ns. */
uint64_t stream_tcp_resent(const struct stream_tcp *t, uint64_t at_ns);
/* Begin to count at that sequence number. */
void stream_tcp_begin(struct stream_tcp *t, uint32_t seq, uint8_t scale);

/* What is wrong with a datagram. */
struct stream_fault {
    const char *clause; /* NULL: nothing */
    char expected[96], found[96];
};

/* One datagram, or several in one buffer of segmentation offload.
 *   wide  16-byte headers
 *   len   the test's datagram length, 0: unknown
 * Returns the bytes that are news. */
uint64_t stream_udp_take(struct stream_udp *u, const struct dissected *p, bool wide, uint32_t len,
                         struct stream_fault *fault);
