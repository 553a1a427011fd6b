#include "harness/capture/packet.h"

#include "harness/capture/checksum.h"

#include <netinet/in.h>
#include <string.h>

enum { IP4_LEN = 20, IP6_LEN = 40, TCP_LEN = 20, UDP_LEN = 8, HOPS = 64, WINDOW_SHIFT = 14 };

static const uint8_t syn_options[] = {
    2, 4, PACKET_TCP_MAX >> 8, PACKET_TCP_MAX & 0xff, /* MSS */
    3, 3, WINDOW_SHIFT,        1,                     /* window scale; no operation */
};

/* An address and port, in network order. */
struct end {
    uint8_t address[16];
    size_t len; /* of the address */
    uint16_t port;
};

static struct end end_of(const struct sockaddr_storage *s)
{
    const struct sockaddr_in *four = (const void *)s;
    const struct sockaddr_in6 *six = (const void *)s;
    struct end e = {.len = 4, .port = four->sin_port}; /* at the same place in both */

    if (s->ss_family != AF_INET6) {
        memcpy(e.address, &four->sin_addr, 4);
    } else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        memcpy(e.address, six->sin6_addr.s6_addr + 12, 4);
    } else {
        e.len = 16;
        memcpy(e.address, &six->sin6_addr, 16);
    }
    return e;
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint16_t inverted(uint64_t sum)
{
    return (uint16_t)~checksum_fold(sum);
}

static size_t put_ip4(uint8_t *out, const struct end *from, const struct end *to, int protocol,
                      size_t len)
{
    memset(out, 0, IP4_LEN);
    out[0] = 0x45;
    put16(out + 2, IP4_LEN + len);
    out[6] = 0x40; /* do not fragment */
    out[8] = HOPS;
    out[9] = (uint8_t)protocol;
    memcpy(out + 12, from->address, 4);
    memcpy(out + 16, to->address, 4);
    put16(out + 10, inverted(checksum_add(0, (struct bytes){out, IP4_LEN})));
    return IP4_LEN;
}

static size_t put_ip6(uint8_t *out, const struct end *from, const struct end *to, int protocol,
                      size_t len)
{
    memset(out, 0, IP6_LEN);
    out[0] = 0x60;
    put16(out + 4, len);
    out[6] = (uint8_t)protocol;
    out[7] = HOPS;
    memcpy(out + 8, from->address, 16);
    memcpy(out + 24, to->address, 16);
    return IP6_LEN;
}

static size_t put_tcp(uint8_t *out, const struct packet *p)
{
    size_t options = p->flags & PACKET_SYN ? sizeof syn_options : 0;

    store_be32(out + 4, p->seq);
    store_be32(out + 8, p->ack);
    out[12] = (uint8_t)((TCP_LEN + options) / 4 << 4);
    out[13] = p->flags;
    put16(out + 14, p->flags & PACKET_RST ? 0 : UINT16_MAX);
    put16(out + 16, 0);
    put16(out + 18, 0);
    memcpy(out + TCP_LEN, syn_options, options);
    return TCP_LEN + options;
}

static size_t put_udp(uint8_t *out, const struct packet *p)
{
    put16(out + 4, UDP_LEN + p->payload.len);
    put16(out + 6, 0);
    return UDP_LEN;
}

static uint16_t checksum(const struct end *from, const struct end *to, bool is_udp,
                         struct bytes header, struct bytes payload)
{
    uint32_t len = (uint32_t)(header.len + payload.len);
    uint64_t sum = checksum_pseudo(from->address, to->address, len, is_udp);

    return inverted(checksum_add(checksum_add(sum, header), payload));
}

size_t packet_headers(const struct packet *p, uint8_t out[PACKET_HEADERS_MAX])
{
    struct end from = end_of(p->from), to = end_of(p->to);
    int protocol = p->udp ? IPPROTO_UDP : IPPROTO_TCP;
    size_t ip = from.len == 4 ? IP4_LEN : IP6_LEN;
    uint8_t *header = out + ip;
    size_t len = p->udp ? put_udp(header, p) : put_tcp(header, p);

    memcpy(header, &from.port, 2);
    memcpy(header + 2, &to.port, 2);
    uint16_t check = checksum(&from, &to, p->udp, (struct bytes){header, len}, p->payload);
    /* 0 is "no checksum" in UDP, which IPv6 forbids. */
    put16(header + (p->udp ? 6 : 16), p->udp && check == 0 ? UINT16_MAX : check);
    (from.len == 4 ? put_ip4 : put_ip6)(out, &from, &to, protocol, len + p->payload.len);
    return ip + len;
}
