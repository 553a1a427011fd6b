/* packet.h - IP, TCP and UDP headers for bytes that passed a socket. Pure. */
#pragma once
#include "impl/wire/bytes.h"

#include <stdbool.h>
#include <sys/socket.h>

#define PACKET_HEADERS_MAX 68    /* IPv6, and TCP with the options of a SYN */
#define PACKET_TCP_MAX     65495 /* payload of one segment: 65535 - 20 - 20 */

enum { PACKET_FIN = 1, PACKET_SYN = 2, PACKET_RST = 4, PACKET_PSH = 8, PACKET_ACK = 16 };

struct packet {
    const struct sockaddr_storage *from, *to; /* AF_INET or AF_INET6; ::ffff:a.b.c.d is IPv4 */
    bool udp;
    uint8_t flags;     /* TCP */
    uint32_t seq, ack; /* TCP */
    struct bytes payload;
};

/* Write the headers, with checksums over the whole payload, and return their length. A SYN offers
 * an MSS of PACKET_TCP_MAX and the largest window there is. */
size_t packet_headers(const struct packet *p, uint8_t out[PACKET_HEADERS_MAX]);
