/* doctor.h - changes to the packets of a captured session, as a peer that misbehaves would have
 * made them: later sequence numbers and acknowledgements follow, and checksums, but those that
 * offload leaves unfilled. */
#pragma once
#include "harness/capture/checksum.h"
#include "harness/tests/capfile.h"
#include "impl/tests/unit.h"

struct doctor {
    struct capfile *f;
    uint16_t client_port, server_port; /* of the connection in question */
};

/* Where the IP header stands in a frame: Ethernet, or raw IP. */
static inline size_t doctor_ip(const struct capfile *f)
{
    return f->link == DLT_EN10MB ? 14 : 0;
}

/* What the frame holds; payload points into it. */
static inline enum dissect_kind doctor_look(const struct capfile *f, size_t i, struct dissected *d)
{
    const struct capfile_packet *p = &f->packets[i];

    *d = (struct dissected){.number = i + 1};
    return dissect_frame(f->link, (struct bytes){p->bytes, p->len}, p->wire_len, d);
}

/* The nth (from 0) TCP connection of the capture. */
static inline struct doctor doctor_connection(struct capfile *f, unsigned nth)
{
    for (size_t i = 0; i < f->n; i++) {
        struct dissected d;
        if (doctor_look(f, i, &d) == DISSECT_TCP &&
            (d.flags & (DISSECT_SYN | DISSECT_ACK)) == DISSECT_SYN && nth-- == 0)
            return (struct doctor){f, d.from_port, d.to_port};
    }
    fail_msg("no such connection");
    return (struct doctor){0};
}

static inline bool doctor_is(const struct doctor *doc, const struct dissected *d,
                             enum observer_side side)
{
    uint16_t from = side == OBSERVER_CLIENT ? doc->client_port : doc->server_port;
    uint16_t to = side == OBSERVER_CLIENT ? doc->server_port : doc->client_port;

    return d->from_port == from && d->to_port == to;
}

/* The nth packet of that side's with payload (or, is_empty, without). */
static inline size_t doctor_packet(const struct doctor *doc, enum observer_side side, unsigned nth,
                                   bool is_empty)
{
    for (size_t i = 0; i < doc->f->n; i++) {
        struct dissected d;
        if (doctor_look(doc->f, i, &d) == DISSECT_TCP && doctor_is(doc, &d, side) &&
            (d.len == 0) == is_empty && !(d.flags & DISSECT_SYN) && nth-- == 0)
            return i;
    }
    fail_msg("no such packet");
    return 0;
}

/* The packet of that side's that holds the bytes; *at is where in its payload. nth counts. */
static inline size_t doctor_find(const struct doctor *doc, enum observer_side side,
                                 struct bytes what, unsigned nth, size_t *at)
{
    for (size_t i = 0; i < doc->f->n; i++) {
        struct dissected d;
        if (doctor_look(doc->f, i, &d) != DISSECT_TCP || !doctor_is(doc, &d, side))
            continue;
        const uint8_t *found =
            d.payload.len ? memmem(d.payload.at, d.payload.len, what.at, what.len) : NULL;
        if (found != NULL && nth-- == 0) {
            *at = (size_t)(found - d.payload.at);
            return i;
        }
    }
    fail_msg("'%.*s' is not there", (int)what.len, (const char *)what.at);
    return 0;
}

static inline void doctor_add_be32(uint8_t *at, uint32_t delta)
{
    store_be32(at, load_be32(at) + delta);
}

/* Numbers behind the change move by delta. */
static inline void doctor_shift(const struct doctor *doc, enum observer_side side, size_t first,
                                uint32_t from_seq, uint32_t delta)
{
    for (size_t i = 0; i < doc->f->n; i++) {
        struct dissected d;
        if (doctor_look(doc->f, i, &d) != DISSECT_TCP)
            continue;
        /* payload.at - len of the header is where the ports stand; options make it vary */
        uint8_t *bytes = doc->f->packets[i].bytes;
        size_t ip = doctor_ip(doc->f),
               header = bytes[ip] >> 4 == 4 ? (size_t)(bytes[ip] & 15) * 4 : 40;
        uint8_t *tcp = bytes + ip + header;
        if (doctor_is(doc, &d, side) && i > first && (int32_t)(d.seq - from_seq) >= 0)
            doctor_add_be32(tcp + 4, delta);
        else if (doctor_is(doc, &d, !side) && d.flags & DISSECT_ACK &&
                 (int32_t)(d.ack - from_seq) >= ((int32_t)delta < 0 ? 0 : 1))
            doctor_add_be32(tcp + 8, delta);
    }
}

/* Checksums that are wrong by now become right: what was edited is what its sender has said. */
static inline void doctor_seal(const struct capfile *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct dissected d;
        enum dissect_kind kind = doctor_look(f, i, &d);
        bool is_udp = kind == DISSECT_UDP;
        if ((!is_udp && kind != DISSECT_TCP) || checksum_of(&d, is_udp) != CHECKSUM_BAD)
            continue;
        uint8_t *at = (uint8_t *)(uintptr_t)d.segment.at + checksum_place(is_udp);
        memset(at, 0, 2);
        uint16_t sum = (uint16_t)~checksum_fold(
            checksum_add(checksum_pseudo(d.from, d.to, d.segment_len, is_udp), d.segment));
        at[0] = (uint8_t)(sum >> 8);
        at[1] = (uint8_t)sum;
    }
}

/* In packet i, n_out bytes at `at` of the payload give way to others. */
static inline void doctor_splice(const struct doctor *doc, enum observer_side side, size_t i,
                                 size_t at, size_t n_out, struct bytes in)
{
    struct capfile_packet *p = &doc->f->packets[i];
    struct dissected d;

    doctor_look(doc->f, i, &d);
    size_t head = (size_t)(d.payload.at - p->bytes) + at, tail = p->len - head - n_out;
    uint8_t *bytes = text_realloc(NULL, p->len + in.len);
    memcpy(bytes, p->bytes, head);
    memcpy(bytes + head, in.at, in.len);
    memcpy(bytes + head + in.len, p->bytes + head + n_out, tail);
    free(p->bytes);
    p->bytes = bytes;
    p->len = p->wire_len = (uint32_t)(head + in.len + tail);
    size_t ip = doctor_ip(doc->f);
    uint8_t *length = bytes + ip + (bytes[ip] >> 4 == 4 ? 2 : 4); /* of the IP header */
    uint32_t total = p->len - (uint32_t)ip - (bytes[ip] >> 4 == 4 ? 0 : 40);
    length[0] = (uint8_t)(total >> 8);
    length[1] = (uint8_t)total;
    uint32_t delta = (uint32_t)(in.len - n_out);
    if (delta != 0)
        doctor_shift(doc, side, i, d.seq + (uint32_t)(at + n_out), delta);
    doctor_seal(doc->f);
}

/* The JSON text that begins behind the length which ends in front of packet i: new length. */
static inline void doctor_fix_length(const struct doctor *doc, enum observer_side side, size_t i,
                                     int32_t delta)
{
    struct dissected body, d;

    doctor_look(doc->f, i, &body);
    for (size_t k = i; k-- > 0;) {
        if (doctor_look(doc->f, k, &d) == DISSECT_TCP && doctor_is(doc, &d, side) && d.len == 4 &&
            d.seq + 4 == body.seq) {
            doctor_add_be32((uint8_t *)(uintptr_t)d.payload.at, (uint32_t)delta);
            doctor_seal(doc->f);
            return;
        }
    }
    fail_msg("no length in front of packet %zu", i + 1);
}
