#include "harness/capture/checksum.h"

#include <string.h>

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

/* --- the sum ---------------------------------------------------------------------------------- */

/* In the machine's own order of bytes, which gives the same sum with its bytes swapped. */
uint64_t checksum_add(uint64_t so_far, struct bytes bytes)
{
    const uint8_t *at = bytes.at;
    size_t len = bytes.len;
    uint64_t odd = 0, word;

    for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(&word, at, sizeof word);
        so_far += (uint32_t)word;
        odd += word >> 32;
    }
    word = 0;
    if (len > 0)
        memcpy(&word, at, len);
    return so_far + odd + (uint32_t)word + (word >> 32);
}

uint16_t checksum_fold(uint64_t sum)
{
    uint8_t own[2];

    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    uint16_t folded = (uint16_t)sum;
    memcpy(own, &folded, sizeof own);
    return (uint16_t)(own[0] << 8 | own[1]);
}

uint64_t checksum_pseudo(const uint8_t from[16], const uint8_t to[16], uint32_t len, bool is_udp)
{
    uint8_t rest[8] = {[7] = is_udp ? PROTOCOL_UDP : PROTOCOL_TCP};

    store_be32(rest, len);
    uint64_t sum = checksum_add(0, (struct bytes){from, 16});
    sum = checksum_add(sum, (struct bytes){to, 16});
    return checksum_add(sum, (struct bytes){rest, sizeof rest});
}

/* --- what it tells ---------------------------------------------------------------------------- */

size_t checksum_place(bool is_udp)
{
    return is_udp ? 6 : 16;
}

enum checksum checksum_of(const struct dissected *p, bool is_udp)
{
    size_t place = checksum_place(is_udp);

    if (p->segment.len < p->segment_len || p->segment.len < place + 2)
        return CHECKSUM_NONE;
    uint16_t there = (uint16_t)(p->segment.at[place] << 8 | p->segment.at[place + 1]);
    if (there == 0)
        return CHECKSUM_NONE;
    uint64_t pseudo = checksum_pseudo(p->from, p->to, p->segment_len, is_udp);
    /* Offload sums that much; some drivers want it without the length, which is not known yet. */
    if (there == checksum_fold(pseudo) ||
        there == checksum_fold(checksum_pseudo(p->from, p->to, 0, is_udp)))
        return CHECKSUM_UNFILLED;
    return checksum_fold(checksum_add(pseudo, p->segment)) == 0xffff ? CHECKSUM_GOOD : CHECKSUM_BAD;
}

#define UNFILLED_MAX 16 /* to one that is good; segments that a receiver joins are unfilled too */
static bool is_trusted(const struct checksum_trust *t)
{
    return t->n[CHECKSUM_GOOD] > t->n[CHECKSUM_BAD] &&
           t->n[CHECKSUM_GOOD] * UNFILLED_MAX > t->n[CHECKSUM_UNFILLED];
}

bool checksum_tells_damage(struct checksum_trust *own, struct checksum_trust *all,
                           const struct dissected *p, bool is_udp)
{
    enum checksum found = checksum_of(p, is_udp);
    bool is_first = own->n[CHECKSUM_UNFILLED] + own->n[CHECKSUM_GOOD] + own->n[CHECKSUM_BAD] == 0;
    bool is_damaged = found == CHECKSUM_BAD && is_trusted(is_first ? all : own);

    own->n[found]++;
    all->n[found]++;
    return is_damaged;
}
