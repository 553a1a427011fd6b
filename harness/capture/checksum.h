/* checksum.h - the Internet checksum (RFC 1071), and what that of a captured packet tells. Pure. */
#pragma once
#include "harness/capture/dissect.h"

/* The ones' complement sum of the bytes, added to so_far: start with 0. Only the last run may be of
 * odd length. */
uint64_t checksum_add(uint64_t so_far, struct bytes bytes);
/* As it stands in a header, before it is inverted: 1-65535, where anything was summed but 0. */
uint16_t checksum_fold(uint64_t sum);
/* What TCP and UDP sum beside their own bytes: both addresses, of 16 bytes (::ffff:a.b.c.d gives
 * what a.b.c.d does), the length, the protocol (RFC 9293, 3.1; RFC 8200, 8.1). */
uint64_t checksum_pseudo(const uint8_t from[16], const uint8_t to[16], uint32_t len, bool is_udp);

enum checksum {
    CHECKSUM_NONE,     /* none is there, or not all that it covers was captured */
    CHECKSUM_UNFILLED, /* left to the hardware, which has not seen the packet yet; or summed by it
                        */
    CHECKSUM_GOOD,
    CHECKSUM_BAD,
};

/* Where it stands in the header. */
size_t checksum_place(bool is_udp);
/* What stands in a packet of TCP or UDP. */
enum checksum checksum_of(const struct dissected *p, bool is_udp);

/* How many were seen of each kind among the packets of a direction, say. Where most are bad they
 * tell nothing: whoever captured the packets, or changed them since, has not filled them in. Nor
 * where nearly all are unfilled: those packets have not been on a wire. */
struct checksum_trust {
    uint64_t n[CHECKSUM_BAD + 1];
};

/* Whether the packet was damaged on its way, so that its receiver has thrown it away.
 *   own  of its direction; counted
 *   all  of the capture; counted. It decides where own knows of no other packet */
bool checksum_tells_damage(struct checksum_trust *own, struct checksum_trust *all,
                           const struct dissected *p, bool is_udp);
