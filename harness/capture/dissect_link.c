/* dissect_link.c - frames of every link type, down to the IP header in them. */
#include "harness/capture/dissect_core.h"

#include <pcap/pcap.h>
#include <string.h>

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88a8,
    ETHER_QINQ_OLD = 0x9100,
    ETHER_PPPOE = 0x8864,
    ETHER_MPLS = 0x8847,
    ETHER_MPLS_UPSTREAM = 0x8848,
    ETHER_TYPE_MIN = 0x0600, /* below: a length, and LLC behind it */
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    PPP_MPLS = 0x0281,
};

static const struct cut_unread unread_types[] = {
    {0x88e5, "MACsec"              },
    {0x88e7, "provider backbone"   },
    {0x894f, "network service"     },
    {0x6558, "Ethernet in Ethernet"},
};

/* Labels, up to the one at the bottom of the stack; what they carry they do not say. */
static enum dissect_kind read_mpls(struct cut c, struct dissected *p)
{
    bool is_bottom = false;

    while (!is_bottom) {
        if (c.bytes.len < 4)
            return DISSECT_CUT;
        is_bottom = c.bytes.at[2] & 1;
        cut_skip(&c, 4);
    }
    if (c.bytes.len < 1)
        return DISSECT_CUT;
    return c.bytes.at[0] >> 4 == 4 || c.bytes.at[0] >> 4 == 6
               ? dissect_ip(c, p)
               : cut_unread("MPLS with something else than IP", p);
}

static enum dissect_kind read_ppp(struct cut c, struct dissected *p)
{
    if (c.bytes.len >= 2 && c.bytes.at[0] == 0xff && c.bytes.at[1] == 0x03)
        cut_skip(&c, 2);
    if (c.bytes.len < 2)
        return DISSECT_CUT;
    /* A protocol below 256 may travel in one byte, which is then odd. */
    size_t n = c.bytes.at[0] & 1 ? 1 : 2;
    unsigned protocol = n == 1 ? c.bytes.at[0] : cut_be16(c.bytes.at);
    cut_skip(&c, n);
    return protocol == PPP_IPV4   ? dissect_ipv4(c, p)
           : protocol == PPP_IPV6 ? dissect_ipv6(c, p)
           : protocol == PPP_MPLS ? read_mpls(c, p)
                                  : DISSECT_OTHER;
}

/* PPPoE's own six bytes, then PPP. */
static enum dissect_kind read_pppoe(struct cut c, struct dissected *p)
{
    return cut_skip(&c, 6) ? read_ppp(c, p) : DISSECT_CUT;
}

/* IEEE 802.2: IP there stands behind SNAP; what has another form is not IP. */
static enum dissect_kind read_llc(struct cut c, struct dissected *p)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 8)
        return DISSECT_OTHER;
    if (memcmp(at, snap, sizeof snap) != 0)
        return DISSECT_OTHER;
    cut_skip(&c, 8);
    return cut_be16(at + 6) < ETHER_TYPE_MIN ? DISSECT_OTHER
                                             : dissect_ether_type(cut_be16(at + 6), c, p);
}

enum dissect_kind dissect_ether_type(unsigned type, struct cut c, struct dissected *p)
{
    while (type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD) {
        if (c.bytes.len < 4)
            return DISSECT_CUT;
        type = cut_be16(c.bytes.at + 2);
        cut_skip(&c, 4);
    }
    switch (type) {
    case ETHER_IPV4:
        return dissect_ipv4(c, p);
    case ETHER_IPV6:
        return dissect_ipv6(c, p);
    case ETHER_PPPOE:
        return read_pppoe(c, p);
    case ETHER_MPLS:
    case ETHER_MPLS_UPSTREAM:
        return read_mpls(c, p);
    default:
        if (type < ETHER_TYPE_MIN)
            return read_llc(c, p);
        return cut_unread_or_other(unread_types, ARRAY_LEN(unread_types), type, p);
    }
}

enum dissect_kind dissect_ethernet(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (!cut_skip(&c, 14))
        return DISSECT_CUT;
    for (unsigned i = 0; i < 12; i += 4) /* both addresses */
        cut_place(p, load_be32(at + i));
    return dissect_ether_type(cut_be16(at + 12), c, p);
}

static enum dissect_kind read_cooked(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (!cut_skip(&c, 16))
        return DISSECT_CUT;
    cut_place(p, cut_be16(at)); /* in or out */
    cut_place(p, load_be32(at + 6));
    cut_place(p, load_be32(at + 10)); /* address */
    return dissect_ether_type(cut_be16(at + 14), c, p);
}

static enum dissect_kind read_cooked2(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (!cut_skip(&c, 20))
        return DISSECT_CUT;
    cut_place(p, load_be32(at + 4)); /* interface */
    cut_place(p, at[10]);            /* in or out */
    return dissect_ether_type(cut_be16(at), c, p);
}

/* Four bytes of address family in some byte order; the IP header tells the same. */
static enum dissect_kind read_null(struct cut c, struct dissected *p)
{
    return cut_skip(&c, 4) ? dissect_ip(c, p) : DISSECT_CUT;
}

static const struct {
    int link;
    enum dissect_kind (*read)(struct cut, struct dissected *);
} links[] = {
    {DLT_EN10MB,     dissect_ethernet},
    {DLT_LINUX_SLL,  read_cooked     },
    {DLT_LINUX_SLL2, read_cooked2    },
    {DLT_NULL,       read_null       },
    {DLT_LOOP,       read_null       },
    {DLT_RAW,        dissect_ip      },
    {DLT_IPV4,       dissect_ip      },
    {DLT_IPV6,       dissect_ip      },
    {DLT_PPP,        read_ppp        },
    {DLT_PPP_SERIAL, read_ppp        },
    {DLT_PPP_ETHER,  read_pppoe      },
};

bool dissect_can_read(int link)
{
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (links[i].link == link)
            return true;
    return false;
}

enum dissect_kind dissect_frame(int link, struct bytes frame, uint32_t len, struct dissected *p)
{
    struct cut c = {.bytes = frame, .len = MAX(len, (uint32_t)frame.len)};

    p->ip_id = 0;
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (links[i].link == link)
            return links[i].read(c, p);
    return cut_unread("another link type", p);
}
