/* scrub_core.h - what scrub.c and scrub_packet.c share; private to them. */
#pragma once
#include "harness/capture/scrub_text.h"
#include "harness/capture/track.h"

/* Bytes of a control channel, as they shall be. */
struct scrub_piece {
    uint64_t offset;
    uint8_t *bytes; /* ours */
    size_t len;
};

/* One connection, or UDP flow, of a session. */
struct scrub_flow {
    struct track_end client, server;
    uint8_t as[2][16]; /* addresses in place of theirs, by side */
    bool is_udp, is_control;
    uint64_t first_number; /* of the packet; ports may be used again */
    /* TCP, by side: the sequence number of offset 0, and what is known from there on, in order. */
    bool has_base[2];
    uint32_t base[2];
    struct scrub_piece *pieces[2];
    size_t n[2];
    /* UDP: bytes of the header that each datagram keeps, and the datagrams' length. */
    size_t header;
    uint32_t datagram;
};

struct scrub_map {
    uint8_t (*from)[16]; /* addresses in the order in which they came up */
    size_t n;
};

/* The address that stands for this one. */
void scrub_address(struct scrub_map *map, const uint8_t address[16], uint8_t out[16]);

/* Write the packet p of the flow, sent by side, as raw IP: headers and payload to out. Returns its
 * length on the wire. */
uint32_t scrub_packet(const struct scrub_flow *flow, const struct dissected *p,
                      enum observer_side side, struct text *out);
