/* dissect.h - finds TCP segments and UDP datagrams in captured frames, in place.
 *
 * Ethernet (VLAN, QinQ, PPPoE, MPLS, LLC/SNAP), Linux cooked v1 and v2, null and loop, raw IP and
 * PPP; IPv4 and IPv6 with extension headers, also inside IP, GRE, VXLAN, Geneve and GTP. Lengths
 * come from the IP header, or, where offload left 0 there, from the frame. Checksums are not looked
 * at here: checksum.h. */
#pragma once
#include "impl/wire/bytes.h"

#include <stdbool.h>

enum dissect_kind {
    DISSECT_TCP,
    DISSECT_UDP,
    DISSECT_FRAGMENT, /* part of an IP datagram: fragment.h */
    DISSECT_OTHER,    /* another protocol */
    DISSECT_UNREAD,   /* something may be inside that is not looked into: p->unread */
    DISSECT_CUT,      /* the headers are not in the capture, or make no sense */
};

/* The TCP flags that matter here. */
enum { DISSECT_FIN = 1, DISSECT_SYN = 2, DISSECT_RST = 4, DISSECT_ACK = 16 };

#define DISSECT_NO_SCALE 255

struct dissected {
    uint64_t at_ns;  /* by the clock of the capture, since 1970 */
    uint64_t number; /* in the file, from 1 */
    /* IPv4 addresses in the form ::ffff:a.b.c.d. */
    uint8_t from[16], to[16];
    uint16_t from_port, to_port;
    uint8_t flags;   /* TCP */
    uint8_t scale;   /* TCP with SYN: window scale, or DISSECT_NO_SCALE */
    uint16_t window; /* TCP: as it stands there, not scaled */
    uint32_t seq, ack;
    uint16_t ip_id; /* IPv4's identification; 0: none */
    /* The point of capture, as far as headers tell: interface, link addresses, hops left. The same
     * for all packets from one end that were captured there. */
    uint32_t place;
    /* What it carries: payload.len bytes were captured of len on the wire. Borrowed. */
    struct bytes payload;
    uint32_t len;
    struct bytes segment; /* the same from the header of TCP or UDP on */
    uint32_t segment_len;
    bool is_damaged;    /* on its way (checksum.h); the reader's */
    const char *unread; /* DISSECT_UNREAD: what it is; static */
    struct {            /* DISSECT_FRAGMENT */
        uint32_t id;
        uint32_t offset; /* bytes */
        uint8_t protocol;
        bool more; /* others follow */
    } fragment;
};

/* Whether frames of that link type (DLT_*) are understood. */
bool dissect_can_read(int link);

/* Take one frame apart.
 *   frame     the captured bytes, len of them on the wire (at least as many)
 *   p         number and at_ns are the caller's, and so is place, which may hold the interface's
 *             number: more is mixed in; all else is written; payload points into frame */
enum dissect_kind dissect_frame(int link, struct bytes frame, uint32_t len, struct dissected *p);

/* The same for what an IP header was in front of; used again when fragments were put together.
 *   segment   captured bytes from the TCP or UDP header on, of len on the wire */
enum dissect_kind dissect_transport(uint8_t protocol, struct bytes segment, uint32_t len,
                                    struct dissected *p);
