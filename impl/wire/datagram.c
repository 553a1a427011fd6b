#include "impl/wire/datagram.h"

#include <string.h>

/* One more byte for the literal's NUL, which some compilers want room for. */
static const uint8_t connects[][DATAGRAM_CONNECT_LEN + 1] = {
#define X(name, value, generation) [name] = value,
    DATAGRAM_CONNECTS(X)
#undef X
};

static const uint8_t replies[][DATAGRAM_CONNECT_LEN + 1] = {
#define X(name, value, generation) [name] = value,
    DATAGRAM_REPLIES(X)
#undef X
};

const uint8_t *datagram_connect_bytes(enum datagram_connect kind)
{
    return connects[kind];
}

const uint8_t *datagram_reply_bytes(enum datagram_reply kind)
{
    return replies[kind];
}

/* Index of the value that the first four bytes at at are, n if it is none of them. */
static size_t find(const uint8_t values[][DATAGRAM_CONNECT_LEN + 1], size_t n, const uint8_t *at)
{
    size_t i = 0;

    while (i < n && memcmp(values[i], at, DATAGRAM_CONNECT_LEN) != 0)
        i++;
    return i;
}

enum datagram_connect datagram_connect_kind(struct bytes datagram)
{
    if (datagram.len != DATAGRAM_CONNECT_LEN)
        return DATAGRAM_NOT_CONNECT;
    return (enum datagram_connect)find(connects, ARRAY_LEN(connects), datagram.at);
}

enum datagram_reply datagram_reply_kind(struct bytes datagram)
{
    if (datagram.len < DATAGRAM_CONNECT_LEN)
        return DATAGRAM_NOT_REPLY;
    return (enum datagram_reply)find(replies, ARRAY_LEN(replies), datagram.at);
}

size_t datagram_encode(uint8_t *out, bool wide, const struct datagram_header *header)
{
    store_be32(out, header->sec);
    store_be32(out + 4, header->usec);
    if (wide)
        store_be64(out + 8, header->seq);
    else
        store_be32(out + 8, (uint32_t)header->seq);
    return wide ? DATAGRAM_HEADER64_LEN : DATAGRAM_HEADER_LEN;
}

enum spec_err datagram_decode(struct bytes datagram, bool wide, struct datagram_header *header)
{
    if (datagram.len < (wide ? DATAGRAM_HEADER64_LEN : DATAGRAM_HEADER_LEN))
        return SPEC_E_SHORT;
    header->sec = load_be32(datagram.at);
    header->usec = load_be32(datagram.at + 4);
    header->seq = wide ? load_be64(datagram.at + 8) : load_be32(datagram.at + 8);
    return SPEC_OK;
}
