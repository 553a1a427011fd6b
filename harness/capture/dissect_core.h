/* dissect_core.h - what dissect.c (IP and what it carries), dissect_link.c (what carries IP) and
 * dissect_tunnel.c (what carries either inside IP) share; private to them. */
#pragma once
#include "harness/capture/dissect.h"

/* A run of captured bytes with its length on the wire. */
struct cut {
    struct bytes bytes;
    uint32_t len;
    unsigned n_tunnels; /* it is inside of */
};

/* What may have a session inside, and is not looked into. */
struct cut_unread {
    unsigned type;
    const char *name;
};

static inline uint16_t cut_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline enum dissect_kind cut_unread(const char *name, struct dissected *p)
{
    p->unread = name;
    return DISSECT_UNREAD;
}

static inline enum dissect_kind cut_unread_or_other(const struct cut_unread *table, size_t n,
                                                    unsigned type, struct dissected *p)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].type == type)
            return cut_unread(table[i].name, p);
    return DISSECT_OTHER;
}

/* What tells points of capture apart: 32 bits more of it. */
static inline void cut_place(struct dissected *p, uint32_t value)
{
    p->place = (p->place ^ value) * 0x9e3779b1u;
    p->place ^= p->place >> 15;
}

/* Step over n bytes; false if they are not all there. */
static inline bool cut_skip(struct cut *c, size_t n)
{
    if (c->bytes.len < n || c->len < n)
        return false;
    c->bytes.at += n;
    c->bytes.len -= n;
    c->len -= (uint32_t)n;
    return true;
}

/* dissect.c: from an IP header on; of any version, by its first bits. */
enum dissect_kind dissect_ipv4(struct cut c, struct dissected *p);
enum dissect_kind dissect_ipv6(struct cut c, struct dissected *p);
enum dissect_kind dissect_ip(struct cut c, struct dissected *p);
/* dissect_link.c: an Ethernet frame; and what is behind an Ethernet type. */
enum dissect_kind dissect_ethernet(struct cut c, struct dissected *p);
enum dissect_kind dissect_ether_type(unsigned type, struct cut c, struct dissected *p);
/* dissect_tunnel.c: behind an IP header of that protocol (IP or GRE); and behind the header of a
 * UDP datagram, if it is a tunnel's (p->to_port is set), else false. */
enum dissect_kind dissect_in_ip(uint8_t protocol, struct cut c, struct dissected *p);
bool dissect_in_udp(struct cut c, struct dissected *p, enum dissect_kind *kind);
