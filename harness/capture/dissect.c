#include "harness/capture/dissect_core.h"

#include <string.h>

enum {
    IP_IPV4 = 4,
    IP_TCP = 6,
    IP_UDP = 17,
    IP_IPV6 = 41,
    IP_GRE = 47,
};

static const struct cut_unread unread_protocols[] = {
    {50,  "ESP"       },
    {51,  "AH"        },
    {97,  "EtherIP"   },
    {115, "L2TP"      },
    {132, "SCTP"      },
    {137, "MPLS in IP"},
};

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
    p->from_port = cut_be16(at);
    p->to_port = cut_be16(at + 2);
    p->seq = load_be32(at + 4);
    p->ack = load_be32(at + 8);
    p->flags = at[13] & (DISSECT_FIN | DISSECT_SYN | DISSECT_RST | DISSECT_ACK);
    p->window = cut_be16(at + 14);
    p->scale = DISSECT_NO_SCALE;
    if (header < 20 || header > c.len)
        return DISSECT_CUT;
    size_t seen = MIN(header, c.bytes.len);
    if (p->flags & DISSECT_SYN)
        p->scale = scale_of((struct bytes){at + 20, seen - 20});
    p->payload = (struct bytes){at + seen, c.bytes.len - seen};
    p->len = c.len - (uint32_t)header;
    p->segment = c.bytes;
    p->segment_len = c.len;
    return DISSECT_TCP;
}

static enum dissect_kind read_udp(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 8)
        return DISSECT_CUT;
    uint32_t len = cut_be16(at + 4);
    p->from_port = cut_be16(at);
    p->to_port = cut_be16(at + 2);
    if (len >= 8) /* 0: a jumbogram, or offload */
        limit(&c, len);
    struct cut whole = c;
    cut_skip(&c, 8);
    enum dissect_kind kind;
    if (dissect_in_udp(c, p, &kind))
        return kind;
    p->payload = c.bytes;
    p->len = c.len;
    p->segment = whole.bytes;
    p->segment_len = whole.len;
    return DISSECT_UDP;
}

static enum dissect_kind read_transport(uint8_t protocol, struct cut c, struct dissected *p)
{
    switch (protocol) {
    case IP_TCP:
        return read_tcp(c, p);
    case IP_UDP:
        return read_udp(c, p);
    case IP_IPV4:
    case IP_IPV6:
    case IP_GRE:
        return dissect_in_ip(protocol, c, p);
    default:
        return cut_unread_or_other(unread_protocols, ARRAY_LEN(unread_protocols), protocol, p);
    }
}

enum dissect_kind dissect_transport(uint8_t protocol, struct bytes segment, uint32_t len,
                                    struct dissected *p)
{
    return read_transport(protocol, (struct cut){.bytes = segment, .len = len}, p);
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

enum dissect_kind dissect_ipv4(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 20 || at[0] >> 4 != 4)
        return DISSECT_CUT;
    size_t header = (size_t)(at[0] & 15) * 4;
    uint32_t total = cut_be16(at + 2), place = cut_be16(at + 6);
    map_ipv4(p->from, at + 12);
    map_ipv4(p->to, at + 16);
    if (total != 0) /* 0: offload; then the frame's own length counts */
        limit(&c, total);
    if (header < 20 || !cut_skip(&c, header))
        return DISSECT_CUT;
    p->ip_id = cut_be16(at + 4);
    cut_place(p, at[8]);
    if ((place & 0x3fff) == 0)
        return read_transport(at[9], c, p);
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

enum dissect_kind dissect_ipv6(struct cut c, struct dissected *p)
{
    const uint8_t *at = c.bytes.at;

    if (c.bytes.len < 40 || at[0] >> 4 != 6)
        return DISSECT_CUT;
    uint32_t len = cut_be16(at + 4);
    uint8_t next = at[6];
    memcpy(p->from, at + 8, 16);
    memcpy(p->to, at + 24, 16);
    cut_place(p, at[7]);
    cut_skip(&c, 40);
    if (len != 0) /* 0: a jumbogram, or offload */
        limit(&c, len);
    while (is_extension(next)) {
        if (c.bytes.len < 8)
            return DISSECT_CUT;
        const uint8_t *e = c.bytes.at;
        size_t n = next == 44 ? 8 : next == 51 ? ((size_t)e[1] + 2) * 4 : ((size_t)e[1] + 1) * 8;
        bool is_part = next == 44 && (cut_be16(e + 2) & 0xfff9) != 0;
        next = e[0];
        if (!cut_skip(&c, n))
            return DISSECT_CUT;
        if (is_part) {
            p->fragment.id = load_be32(e + 4);
            p->fragment.offset = cut_be16(e + 2) & 0xfff8u;
            p->fragment.more = e[3] & 1;
            p->fragment.protocol = next;
            return read_fragment(c, p);
        }
    }
    return read_transport(next, c, p);
}

enum dissect_kind dissect_ip(struct cut c, struct dissected *p)
{
    if (c.bytes.len < 1)
        return DISSECT_CUT;
    return c.bytes.at[0] >> 4 == 4   ? dissect_ipv4(c, p)
           : c.bytes.at[0] >> 4 == 6 ? dissect_ipv6(c, p)
                                     : DISSECT_OTHER;
}
