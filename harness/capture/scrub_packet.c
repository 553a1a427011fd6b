/* scrub_packet.c - one packet anew: headers of our own, a payload that holds nothing private. */
#include "harness/capture/scrub_core.h"

#include "harness/capture/checksum.h"

#include <string.h>

#define IPV4_LEN 20
#define IPV6_LEN 40
#define IP_TCP   6
#define IP_UDP   17
#define NETS     254 /* hosts of 192.0.2.0/24; then 198.18.0.0/15 (RFC 2544) */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const uint8_t address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

static bool is_loopback(const uint8_t address[16])
{
    static const uint8_t six[16] = {[15] = 1};

    return is_ipv4(address) ? address[12] == 127 : memcmp(address, six, sizeof six) == 0;
}

static size_t place_of(struct scrub_map *map, const uint8_t address[16])
{
    size_t i = 0;

    while (i < map->n && memcmp(map->from[i], address, 16) != 0)
        i++;
    if (i == map->n) {
        if ((i & (i - 1)) == 0)
            map->from = text_realloc(map->from, MAX(2 * i, 1u) * sizeof *map->from);
        memcpy(map->from[map->n++], address, 16);
    }
    return i + 1;
}

void scrub_address(struct scrub_map *map, const uint8_t address[16], uint8_t out[16])
{
    static const uint8_t documentation[16] = {0x20, 0x01, 0x0d, 0xb8};

    memcpy(out, address, 16);
    if (is_loopback(address))
        return;
    uint32_t n = (uint32_t)place_of(map, address);
    if (!is_ipv4(address)) {
        memcpy(out, documentation, 16);
        store_be32(out + 12, n);
    } else if (n <= NETS) {
        store_be32(out + 12, 0xc0000200u + n);
    } else {
        store_be32(out + 12, 0xc6120000u + (n - NETS) % 0x20000);
    }
}

/* --- headers ---------------------------------------------------------------------------------- */

static void store_be16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Hops left: any number, but one and the same for each point of capture, by which it is told who
 * repeated a segment, as it is by the identification. */
static uint8_t hops(const struct dissected *p)
{
    return (uint8_t)(1 + p->place % 255);
}

static void add_ipv4(const uint8_t from[16], const uint8_t to[16], uint8_t protocol, uint32_t len,
                     const struct dissected *p, struct text *out)
{
    uint8_t h[IPV4_LEN] = {0x45, [6] = 0x40, [8] = hops(p), [9] = protocol};
    uint32_t total = IPV4_LEN + len, sum = 0;

    store_be16(h + 2, total > UINT16_MAX ? 0 : total); /* as offload leaves it */
    store_be16(h + 4, p->ip_id);
    memcpy(h + 12, from + 12, 4);
    memcpy(h + 16, to + 12, 4);
    for (size_t i = 0; i < sizeof h; i += 2)
        sum += (uint32_t)(h[i] << 8 | h[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(h + 10, ~(sum + (sum >> 16)));
    text_add(out, h, sizeof h);
}

static void add_ipv6(const uint8_t from[16], const uint8_t to[16], uint8_t protocol, uint32_t len,
                     const struct dissected *p, struct text *out)
{
    uint8_t h[IPV6_LEN] = {0x60, [6] = protocol, [7] = hops(p)};

    store_be16(h + 4, len > UINT16_MAX ? 0 : len);
    memcpy(h + 8, from, 16);
    memcpy(h + 24, to, 16);
    text_add(out, h, sizeof h);
}

static void add_tcp(const struct dissected *p, struct text *out)
{
    uint8_t h[24] = {0};
    bool has_scale = p->flags & DISSECT_SYN && p->scale != DISSECT_NO_SCALE;

    store_be16(h, p->from_port);
    store_be16(h + 2, p->to_port);
    store_be32(h + 4, p->seq);
    store_be32(h + 8, p->ack);
    h[12] = has_scale ? 0x60 : 0x50;
    h[13] = p->flags;
    store_be16(h + 14, p->window);
    memcpy(h + 20, (uint8_t[]){1, 3, 3, p->scale}, 4);
    text_add(out, h, has_scale ? 24 : 20);
}

static void add_udp(const struct dissected *p, struct text *out)
{
    uint8_t h[8] = {0};

    store_be16(h, p->from_port);
    store_be16(h + 2, p->to_port);
    store_be16(h + 4, 8 + p->len > UINT16_MAX ? 0 : 8 + p->len);
    text_add(out, h, sizeof h);
}

/* --- payload ---------------------------------------------------------------------------------- */

static void blank(struct text *out, size_t len)
{
    static const uint8_t zeroes[4096];

    for (; len > 0; len -= MIN(len, sizeof zeroes))
        text_add(out, zeroes, MIN(len, sizeof zeroes));
}

/* What is known of the channel, and blanks elsewhere. */
static void add_known(const struct scrub_flow *flow, const struct dissected *p,
                      enum observer_side side, struct text *out)
{
    size_t start = out->len;
    uint32_t from = p->seq - flow->base[side];

    blank(out, p->payload.len);
    /* CLOSE-2: the answer to a stream that is not wanted. */
    if (!flow->is_control && side == OBSERVER_SERVER && p->payload.len == 1 && p->len == 1 &&
        p->payload.at[0] == 0xff)
        out->at[start] = (char)0xff;
    for (size_t i = 0; flow->has_base[side] && i < flow->n[side]; i++) {
        const struct scrub_piece *piece = &flow->pieces[side][i];
        /* Where it begins, seen from the packet: sequence numbers wrap. */
        int64_t at = (int32_t)((uint32_t)piece->offset - from);
        int64_t skip = at < 0 ? -at : 0;
        if (skip >= (int64_t)piece->len || at >= (int64_t)p->payload.len)
            continue;
        size_t n = MIN(piece->len - (size_t)skip, p->payload.len - (size_t)(at + skip));
        memcpy(out->at + start + at + skip, piece->bytes + skip, n);
    }
}

/* Connect messages and replies are four bytes; else each datagram keeps its header. */
static void add_datagrams(const struct scrub_flow *flow, const struct dissected *p,
                          struct text *out)
{
    size_t len = p->payload.len, start = out->len;
    uint32_t step = flow->datagram > 0 ? flow->datagram : UINT32_MAX;

    blank(out, len);
    for (size_t at = 0; at < len; at += step)
        memcpy(out->at + start + at, p->payload.at + at, MIN(flow->header, len - at));
}

/* As it was in p: right, unfilled, wrong (it was damaged), or none, for it cannot be known.
 *   segment  from the header of TCP or UDP on, without a checksum yet */
static void fill_checksum(const struct scrub_flow *flow, enum observer_side side,
                          const struct dissected *p, uint8_t *segment, uint32_t len)
{
    uint64_t sum = checksum_pseudo(flow->as[side], flow->as[!side], len, flow->is_udp);
    uint8_t *at = segment + checksum_place(flow->is_udp);
    enum checksum was = checksum_of(p, flow->is_udp);

    if (was == CHECKSUM_UNFILLED)
        store_be16(at, checksum_fold(sum));
    if (was != CHECKSUM_GOOD && was != CHECKSUM_BAD)
        return;
    uint16_t right = (uint16_t)~checksum_fold(checksum_add(sum, (struct bytes){segment, len}));
    /* 0 is none. */
    store_be16(at, (right == 0 ? UINT16_MAX : right) ^ (was == CHECKSUM_BAD ? 0x5555u : 0));
}

uint32_t scrub_packet(const struct scrub_flow *flow, const struct dissected *p,
                      enum observer_side side, struct text *out)
{
    const uint8_t *from = flow->as[side], *to = flow->as[!side];
    bool has_scale = p->flags & DISSECT_SYN && p->scale != DISSECT_NO_SCALE;
    uint32_t len = p->len + (flow->is_udp ? 8 : has_scale ? 24 : 20);

    if (is_ipv4(p->from))
        add_ipv4(from, to, flow->is_udp ? IP_UDP : IP_TCP, len, p, out);
    else
        add_ipv6(from, to, flow->is_udp ? IP_UDP : IP_TCP, len, p, out);
    size_t start = out->len;
    if (flow->is_udp) {
        add_udp(p, out);
        add_datagrams(flow, p, out);
    } else {
        add_tcp(p, out);
        add_known(flow, p, side, out);
    }
    fill_checksum(flow, side, p, (uint8_t *)out->at + start, len);
    return len + (is_ipv4(p->from) ? IPV4_LEN : IPV6_LEN);
}
