/* dissect_tunnel.c - what carries whole packets or frames inside IP or UDP.
 *
 * IP in IP and GRE say so in the header in front. A tunnel in UDP is known by its port and by a
 * header that no iperf3 datagram begins with: that has the seconds since 1970 there. */
#include "harness/capture/dissect_core.h"

enum {
    IP_GRE = 47,
    ETHER_BRIDGED = 0x6558,
    ETHER_ERSPAN = 0x88be, /* types I and II */
    ETHER_ERSPAN_3 = 0x22eb,
    TUNNELS_MAX = 4, /* one inside the other */
};

static bool enters_too_many(struct cut *c)
{
    return c->n_tunnels++ == TUNNELS_MAX;
}

/* --- GRE -------------------------------------------------------------------------------------- */

/* Frame type 0 is Ethernet, 2 is IP; the last bit tells of a platform's own eight bytes. */
static enum dissect_kind read_erspan_3(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (!cut_skip(&c, 12))
        return DISSECT_CUT;
    unsigned type = at[10] >> 2 & 0x1f;
    if (at[11] & 1 && !cut_skip(&c, 8))
        return DISSECT_CUT;
    return type == 0   ? dissect_ethernet(c, p)
           : type == 2 ? dissect_ip(c, p)
                       : cut_unread("ERSPAN of another frame type", p);
}

/* RFC 2784 and 2890: what is there, the flags tell. */
static enum dissect_kind read_gre(struct cut c, struct dissected *p)
{
    enum { CHECKSUM = 0x80, ROUTING = 0x40, KEY = 0x20, SEQUENCE = 0x10 };
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 4)
        return DISSECT_CUT;
    if (at[0] & ROUTING || (at[1] & 7) != 0)
        return cut_unread("GRE of another version", p);
    size_t header =
        4 + (at[0] & CHECKSUM ? 4u : 0) + (at[0] & KEY ? 4u : 0) + (at[0] & SEQUENCE ? 4u : 0);
    if (!cut_skip(&c, header))
        return DISSECT_CUT;
    switch (cut_be16(at + 2)) {
    case ETHER_BRIDGED:
        return dissect_ethernet(c, p);
    case ETHER_ERSPAN: /* type I has neither a sequence number nor a header */
        return at[0] & SEQUENCE && !cut_skip(&c, 8) ? DISSECT_CUT : dissect_ethernet(c, p);
    case ETHER_ERSPAN_3:
        return read_erspan_3(c, p);
    default:
        return dissect_ether_type(cut_be16(at + 2), c, p);
    }
}

enum dissect_kind dissect_in_ip(uint8_t protocol, struct cut c, struct dissected *p)
{
    if (enters_too_many(&c))
        return cut_unread("a tunnel in many others", p);
    return protocol == IP_GRE ? read_gre(c, p) : dissect_ip(c, p);
}

/* --- UDP -------------------------------------------------------------------------------------- */

/* RFC 7348: the flag that there is a network's number, and nothing but it. */
static bool is_vxlan(const uint8_t *at)
{
    return at[0] == 8 && at[1] == 0 && at[2] == 0 && at[3] == 0 && at[7] == 0;
}

static enum dissect_kind read_vxlan(struct cut c, struct dissected *p)
{
    cut_skip(&c, 8);
    return dissect_ethernet(c, p);
}

/* RFC 8926: version 0, and no control packet. */
static bool is_geneve(const uint8_t *at)
{
    return at[0] >> 6 == 0 && (at[1] & 0xbf) == 0 && at[7] == 0;
}

static enum dissect_kind read_geneve(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;
    unsigned type = cut_be16(at + 2);

    if (!cut_skip(&c, 8 + (size_t)(at[0] & 0x3f) * 4))
        return DISSECT_CUT;
    return type == ETHER_BRIDGED ? dissect_ethernet(c, p) : dissect_ether_type(type, c, p);
}

/* 3GPP TS 29.281: version 1, and a user's packet. */
static bool is_gtp(const uint8_t *at)
{
    return at[0] >> 4 == 3 && at[1] == 0xff;
}

static enum dissect_kind read_gtp(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;
    bool has_more = at[0] & 7;

    cut_skip(&c, 8);
    if (!has_more)
        return dissect_ip(c, p);
    at = c.bytes.at;
    if (!cut_skip(&c, 4))
        return DISSECT_CUT;
    for (uint8_t next = at[3]; next != 0;) { /* extension headers, each with the next one's type */
        at = c.bytes.at;
        size_t len = c.bytes.len > 0 ? at[0] * 4u : 0;
        if (len == 0 || !cut_skip(&c, len))
            return DISSECT_CUT;
        next = at[len - 1];
    }
    return dissect_ip(c, p);
}

#define UDP_TUNNEL_LEN 8 /* of the header of each */

static const struct {
    uint16_t port;
    bool (*is)(const uint8_t *header);
    enum dissect_kind (*read)(struct cut, struct dissected *);
} tunnels[] = {
    {4789, is_vxlan,  read_vxlan },
    {8472, is_vxlan,  read_vxlan }, /* what Linux takes unless told otherwise */
    {6081, is_geneve, read_geneve},
    {2152, is_gtp,    read_gtp   },
};

bool dissect_in_udp(struct cut c, struct dissected *p, enum dissect_kind *kind)
{
    if (c.bytes.len < UDP_TUNNEL_LEN)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(tunnels); i++) {
        if (p->to_port != tunnels[i].port || !tunnels[i].is(c.bytes.at))
            continue;
        *kind =
            enters_too_many(&c) ? cut_unread("a tunnel in many others", p) : tunnels[i].read(c, p);
        return true;
    }
    return false;
}
