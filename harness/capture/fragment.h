/* fragment.h - puts IP fragments together, in bounded memory.
 *
 * A few datagrams are held at a time; the oldest makes room for a new one and is then lost, as it
 * would be in a receiver. What a snap length cut is known to be missing: the datagram is whole on
 * the wire, and as many of its first bytes as were captured are given on. */
#pragma once
#include "harness/capture/dissect.h"

#define FRAGMENT_SLOTS 16
#define FRAGMENT_MAX   65536 /* bytes of one datagram */

struct fragment_slot {
    uint8_t from[16], to[16];
    uint32_t id;
    uint8_t protocol;
    bool in_use;
    uint64_t age;      /* when it was begun: for the choice of the oldest */
    uint32_t total;    /* length of the datagram, once its last fragment came; else 0 */
    uint32_t n_have;   /* units of 8 bytes that came */
    uint32_t captured; /* all bytes below this were captured, as far as they came */
    uint8_t have[FRAGMENT_MAX / 8 / 8];
    uint8_t bytes[FRAGMENT_MAX];
};

struct fragments {
    struct fragment_slot *slots; /* FRAGMENT_SLOTS of them, from the first fragment on */
    uint64_t clock;
    uint64_t n_lost; /* datagrams given up */
};

/* Zeroed to start. */
void fragments_fini(struct fragments *f);

/* Take a DISSECT_FRAGMENT. If it completes its datagram, p becomes the TCP or UDP packet that was
 * in it (payload borrowed until the next call) and its kind is returned; else DISSECT_FRAGMENT, or
 * DISSECT_CUT for one that makes no sense. */
enum dissect_kind fragments_take(struct fragments *f, struct dissected *p);
