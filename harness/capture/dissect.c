#include "harness/capture/dissect.h"

#include <pcap/pcap.h>
#include <string.h>

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88a8,
    ETHER_QINQ_OLD = 0x9100,
    ETHER_PPPOE = 0x8864,
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    IP_TCP = 6,
    IP_UDP = 17,
};

/* A run of captured bytes with its length on the wire. */
struct cut {
    struct bytes bytes;
    uint32_t len;
};

static uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Step over n bytes; false if they are not all there. */
static bool skip(struct cut *c, size_t n)
{
    if (c->bytes.len < n || c->len < n)
        return false;
    c->bytes.at += n;
    c->bytes.len -= n;
    c->len -= (uint32_t)n;
    return true;
}

/* The header in front says that only so many bytes belong to it: the rest is padding. */
static void limit(struct cut *c, uint32_t len)
{
    c->len = MIN(c->len, len);
    c->bytes.len = MIN(c->bytes.len, c->len);
}

/* --- TCP and UDP ------------------------------------------------------------------------------ */

static uint8_t scale_of(struct bytes options)
{
    while (options.len >= 3) {
        uint8_t kind = options.at[0];
        size_t n = kind <= 1 ? 1 : options.at[1];
        if (kind == 0 || n == 0 || n > options.len)
            break;
        if (kind == 3)
            return MIN(options.at[2], 14);
        options.at += n;
        options.len -= n;
    }
    return DISSECT_NO_SCALE;
}

static enum dissect_kind read_tcp(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 20)
        return DISSECT_CUT;
    size_t header = (size_t)(at[12] >> 4) * 4;
    p->from_port = load_be16(at);
    p->to_port = load_be16(at + 2);
    p->seq = load_be32(at + 4);
    p->ack = load_be32(at + 8);
    p->flags = at[13] & (DISSECT_FIN | DISSECT_SYN | DISSECT_RST | DISSECT_ACK);
    p->window = load_be16(at + 14);
    p->scale = DISSECT_NO_SCALE;
    if (header < 20 || header > c.len)
        return DISSECT_CUT;
    size_t seen = MIN(header, c.bytes.len);
    if (p->flags & DISSECT_SYN)
        p->scale = scale_of((struct bytes){at + 20, seen - 20});
    p->payload = (struct bytes){at + seen, c.bytes.len - seen};
    p->len = c.len - (uint32_t)header;
    return DISSECT_TCP;
}

static enum dissect_kind read_udp(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 8)
        return DISSECT_CUT;
    uint32_t len = load_be16(at + 4);
    p->from_port = load_be16(at);
    p->to_port = load_be16(at + 2);
    if (len >= 8) /* 0: a jumbogram, or offload */
        limit(&c, len);
    p->payload = (struct bytes){at + 8, c.bytes.len - 8};
    p->len = c.len - 8;
    return DISSECT_UDP;
}

enum dissect_kind dissect_transport(uint8_t protocol, struct bytes segment, uint32_t len,
                                    struct dissected *p)
{
    struct cut c = {segment, len};

    return protocol == IP_TCP   ? read_tcp(c, p)
           : protocol == IP_UDP ? read_udp(c, p)
                                : DISSECT_OTHER;
}

/* --- IP --------------------------------------------------------------------------------------- */

static enum dissect_kind read_fragment(struct cut c, struct dissected *p)
{
    p->payload = c.bytes;
    p->len = c.len;
    return DISSECT_FRAGMENT;
}

static void map_ipv4(uint8_t out[16], const uint8_t *address)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

    memcpy(out, prefix, sizeof prefix);
    memcpy(out + 12, address, 4);
}

static enum dissect_kind read_ipv4(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 20 || at[0] >> 4 != 4)
        return DISSECT_CUT;
    size_t header = (size_t)(at[0] & 15) * 4;
    uint32_t total = load_be16(at + 2), place = load_be16(at + 6);
    map_ipv4(p->from, at + 12);
    map_ipv4(p->to, at + 16);
    if (total != 0) /* 0: offload; then the frame's own length counts */
        limit(&c, total);
    if (header < 20 || !skip(&c, header))
        return DISSECT_CUT;
    p->ip_id = load_be16(at + 4);
    if ((place & 0x3fff) == 0)
        return dissect_transport(at[9], c.bytes, c.len, p);
    p->fragment.id = p->ip_id;
    p->ip_id = 0;
    p->fragment.offset = (place & 0x1fff) * 8;
    p->fragment.more = place & 0x2000;
    p->fragment.protocol = at[9];
    return read_fragment(c, p);
}

/* The extension headers that can stand in front of TCP and UDP. */
static bool is_extension(uint8_t header)
{
    return header == 0 || header == 43 || header == 44 || header == 51 || header == 60 ||
           header == 135;
}

static enum dissect_kind read_ipv6(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 40 || at[0] >> 4 != 6)
        return DISSECT_CUT;
    uint32_t len = load_be16(at + 4);
    uint8_t next = at[6];
    memcpy(p->from, at + 8, 16);
    memcpy(p->to, at + 24, 16);
    skip(&c, 40);
    if (len != 0) /* 0: a jumbogram, or offload */
        limit(&c, len);
    while (is_extension(next)) {
        if (c.bytes.len < 8)
            return DISSECT_CUT;
        const uint8_t *e = c.bytes.at;
        size_t n = next == 44 ? 8 : next == 51 ? ((size_t)e[1] + 2) * 4 : ((size_t)e[1] + 1) * 8;
        bool is_part = next == 44 && (load_be16(e + 2) & 0xfff9) != 0;
        next = e[0];
        if (!skip(&c, n))
            return DISSECT_CUT;
        if (is_part) {
            p->fragment.id = load_be32(e + 4);
            p->fragment.offset = load_be16(e + 2) & 0xfff8u;
            p->fragment.more = e[3] & 1;
            p->fragment.protocol = next;
            return read_fragment(c, p);
        }
    }
    return dissect_transport(next, c.bytes, c.len, p);
}

static enum dissect_kind read_ip(struct cut c, struct dissected *p)
{
    if (c.bytes.len < 1)
        return DISSECT_CUT;
    return c.bytes.at[0] >> 4 == 4   ? read_ipv4(c, p)
           : c.bytes.at[0] >> 4 == 6 ? read_ipv6(c, p)
                                     : DISSECT_OTHER;
}

/* --- links ------------------------------------------------------------------------------------ */

static enum dissect_kind read_ppp(struct cut c, struct dissected *p)
{
    if (c.bytes.len >= 2 && c.bytes.at[0] == 0xff && c.bytes.at[1] == 0x03)
        skip(&c, 2);
    if (c.bytes.len < 2)
        return DISSECT_CUT;
    /* A protocol below 256 may travel in one byte, which is then odd. */
    size_t n = c.bytes.at[0] & 1 ? 1 : 2;
    unsigned protocol = n == 1 ? c.bytes.at[0] : load_be16(c.bytes.at);
    skip(&c, n);
    return protocol == PPP_IPV4   ? read_ipv4(c, p)
           : protocol == PPP_IPV6 ? read_ipv6(c, p)
                                  : DISSECT_OTHER;
}

/* PPPoE's own six bytes, then PPP. */
static enum dissect_kind read_pppoe(struct cut c, struct dissected *p)
{
    return skip(&c, 6) ? read_ppp(c, p) : DISSECT_CUT;
}

static enum dissect_kind read_ether_type(unsigned type, struct cut c, struct dissected *p)
{
    while (type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD) {
        if (c.bytes.len < 4)
            return DISSECT_CUT;
        type = load_be16(c.bytes.at + 2);
        skip(&c, 4);
    }
    return type == ETHER_IPV4    ? read_ipv4(c, p)
           : type == ETHER_IPV6  ? read_ipv6(c, p)
           : type == ETHER_PPPOE ? read_pppoe(c, p)
                                 : DISSECT_OTHER;
}

static enum dissect_kind read_ethernet(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    return skip(&c, 14) ? read_ether_type(load_be16(at + 12), c, p) : DISSECT_CUT;
}

static enum dissect_kind read_cooked(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    return skip(&c, 16) ? read_ether_type(load_be16(at + 14), c, p) : DISSECT_CUT;
}

static enum dissect_kind read_cooked2(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    return skip(&c, 20) ? read_ether_type(load_be16(at), c, p) : DISSECT_CUT;
}

/* Four bytes of address family in some byte order; the IP header tells the same. */
static enum dissect_kind read_null(struct cut c, struct dissected *p)
{
    return skip(&c, 4) ? read_ip(c, p) : DISSECT_CUT;
}

static const struct {
    int link;
    enum dissect_kind (*read)(struct cut, struct dissected *);
} links[] = {
    {DLT_EN10MB,     read_ethernet},
    {DLT_LINUX_SLL,  read_cooked  },
    {DLT_LINUX_SLL2, read_cooked2 },
    {DLT_NULL,       read_null    },
    {DLT_LOOP,       read_null    },
    {DLT_RAW,        read_ip      },
    {DLT_IPV4,       read_ip      },
    {DLT_IPV6,       read_ip      },
    {DLT_PPP,        read_ppp     },
    {DLT_PPP_SERIAL, read_ppp     },
    {DLT_PPP_ETHER,  read_pppoe   },
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
    struct cut c = {frame, MAX(len, (uint32_t)frame.len)};

    p->ip_id = 0;
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (links[i].link == link)
            return links[i].read(c, p);
    return DISSECT_OTHER;
}
