/* stream.h - what went over one data stream: counted, never stored. */
#pragma once
#include "harness/capture/dissect.h"
#include "impl/wire/account.h"

#define STREAM_HOLES  64   /* gaps in the sequence numbers that are remembered */
#define STREAM_RECENT 64   /* datagrams whose sending times are remembered */
#define STREAM_WINDOW 4096 /* numbers up to the highest: whether each was seen is known */

struct stream_hole {
    uint32_t from, to;
};

/* Segments that the sender, not the network or the capture, has sent twice: stream_resent.c. */
struct stream_resent {
    bool has_place;
    bool ids_are_odd; /* they do not count packets up, and tell nothing */
    uint32_t place;   /* where packets are looked at: that of the first */
    uint32_t end;     /* behind the highest byte seen there */
    struct {
        uint16_t id; /* 0: none */
        uint32_t seq, len;
    } newest; /* packet there, by its IP identification */
    struct {
        uint64_t n, last_ns;
    } all, before; /* and those before a time near its end: */
    uint64_t mark_ns;
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
    uint64_t copies;           /* the same, captured at another point than those */
    struct stream_resent resent;
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
    uint64_t copies;            /* of one that was seen before; not counted above */
    uint64_t stragglers;        /* so late that they may be copies: nor are they */
    uint64_t headless;          /* of those counted, without a header in the capture: or copies */
    uint64_t odd_len;           /* not of the test's length: the first is blamed */
    uint64_t first_ns, last_ns, first_number;
    uint64_t least_sent_us, most_sent_us; /* by the headers */
    struct {
        uint64_t seq, sent_us;
    } recent[STREAM_RECENT];
    uint64_t highest;                      /* number, as it stands in the header */
    uint64_t was_seen[STREAM_WINDOW / 64]; /* a bit for each number of the window */
};

/* One packet of the direction, and of the other one's acknowledgements. Where a FIN was not seen,
 * the last number that was acknowledged counts as its, and as no byte. */
void stream_tcp_take(struct stream_tcp *own, struct stream_tcp *other, const struct dissected *p);
/* Bytes that were not captured, for the other end has them; the network may have lost others. */
uint64_t stream_tcp_unseen(const struct stream_tcp *t);
/* One packet of the sender's.
 *   is_again  it has bytes, and all of them had been seen, at whatever point of capture
 * Returns whether it was captured at another point than the first. */
bool stream_resent_take(struct stream_resent *r, const struct dissected *p, bool is_again);
/* Segments that the sender surely had sent again some time before at_ns. */
uint64_t stream_resent_before(const struct stream_resent *r, uint64_t at_ns);
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
