#include "harness/capture/channel.h"

#include "harness/session/text.h"

#include <stdlib.h>
#include <string.h>

#define FARTHEST (1 << 30) /* how far ahead a sequence number can be meant */

struct segment {
    int from;
    uint32_t seq, ack, len; /* len: on the wire */
    uint8_t flags;
    bool is_damaged; /* or so its checksum says */
    struct channel_origin origin;
    uint64_t clock; /* packets of the connection before it */
    struct bytes bytes;
    uint8_t *own; /* the bytes, where it had to wait */
};

struct side {
    bool is_known, is_over;
    uint32_t next;  /* sequence number of the next byte */
    uint32_t acked; /* the other side has said that it has all below */
    bool has_acked;
    uint8_t *kept;   /* the last CHANNEL_KEPT bytes, by their sequence numbers; NULL: none */
    uint32_t n_kept; /* of them in front of next, without a gap */
    uint64_t spoke;  /* when, by the clock below, it last sent anything but a reset */
};

struct channel {
    struct channel_user user;
    struct side sides[2];
    struct segment *waiting; /* in the order of the capture */
    size_t n_waiting, n_bytes;
    uint64_t clock, n_repeated, n_late;
    struct channel_origin last;
};

static int32_t ahead(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

struct channel *channel_new(const struct channel_user *user)
{
    struct channel *c = text_realloc(NULL, sizeof *c);

    memset(c, 0, sizeof *c);
    c->user = *user;
    return c;
}

static void hold(struct channel *c, ptrdiff_t bytes)
{
    c->n_bytes += (size_t)bytes;
    if (c->user.held != NULL)
        *c->user.held += (size_t)bytes;
}

void channel_free(struct channel *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_waiting; i++)
        free(c->waiting[i].own);
    hold(c, -(ptrdiff_t)c->n_bytes);
    free(c->waiting);
    free(c->sides[0].kept);
    free(c->sides[1].kept);
    free(c);
}

/* --- what waits ------------------------------------------------------------------------------- */

static void wait_for(struct channel *c, const struct segment *s)
{
    size_t n = c->n_waiting;

    if ((n & (n - 1)) == 0) /* grows at powers of two */
        c->waiting = text_realloc(c->waiting, MAX(2 * n, 1) * sizeof *c->waiting);
    struct segment *w = &c->waiting[c->n_waiting++];
    *w = *s;
    w->own = text_realloc(NULL, s->bytes.len);
    if (s->bytes.len > 0)
        memcpy(w->own, s->bytes.at, s->bytes.len);
    w->bytes.at = w->own;
    hold(c, (ptrdiff_t)s->bytes.len);
}

static struct segment take_out(struct channel *c, size_t i)
{
    struct segment s = c->waiting[i];

    hold(c, -(ptrdiff_t)s.bytes.len);
    c->n_waiting--;
    memmove(&c->waiting[i], &c->waiting[i + 1], (c->n_waiting - i) * sizeof c->waiting[0]);
    return s;
}

/* Its turn has come: all before it was delivered, and all that its sender had acknowledged. */
static bool is_ready(const struct channel *c, const struct segment *s)
{
    const struct side *own = &c->sides[s->from], *other = &c->sides[!s->from];

    if (s->is_damaged)
        return false;
    if (s->flags & DISSECT_RST) /* of another number is doubtful (RFC 5961): what follows decides */
        return s->seq == own->next;
    if (ahead(s->seq, own->next) > 0)
        return false;
    return !(s->flags & DISSECT_ACK) || !other->is_known || other->is_over ||
           ahead(s->ack, other->next) <= 0;
}

/* --- what was given ------------------------------------------------------------------------------
 */

/* The bytes up to next. */
static void keep(struct side *side, struct bytes bytes)
{
    if (side->kept == NULL)
        side->kept = text_realloc(NULL, CHANNEL_KEPT);
    for (size_t i = 0; i < bytes.len; i++)
        side->kept[(side->next - bytes.len + i) % CHANNEL_KEPT] = bytes.at[i];
    side->n_kept = (uint32_t)MIN(side->n_kept + bytes.len, CHANNEL_KEPT);
}

/* Whether one of its bytes is not what was given in its place. A keep-alive's byte is nobody's. */
static bool has_other_bytes(const struct side *side, const struct segment *s)
{
    bool is_keep_alive = s->len == 1 && side->has_acked && s->seq + 1 == side->acked;

    for (size_t i = 0; i < s->bytes.len && !is_keep_alive; i++) {
        uint32_t at = s->seq + (uint32_t)i;
        int32_t behind = ahead(side->next, at);
        if (behind <= 0)
            return false;
        if ((uint32_t)behind <= side->n_kept && side->kept[at % CHANNEL_KEPT] != s->bytes.at[i])
            return true;
    }
    return false;
}

/* --- delivery --------------------------------------------------------------------------------- */

static void give_gap(struct channel *c, int from, struct channel_origin origin, uint32_t len)
{
    c->sides[from].next += len;
    c->sides[from].n_kept = 0;
    if (!c->sides[from].is_over)
        c->user.gap(c->user.context, from, origin, len);
}

static void give_end(struct channel *c, const struct segment *s)
{
    struct side *side = &c->sides[s->from];

    if (side->is_over || !(s->flags & (DISSECT_FIN | DISSECT_RST)))
        return;
    side->next += s->flags & DISSECT_FIN ? 1 : 0;
    side->is_over = true;
    c->user.end(c->user.context, s->from, s->origin, s->flags & DISSECT_RST);
}

/* Deliver a segment that is ready, without what was delivered before. */
static void give(struct channel *c, const struct segment *s)
{
    struct side *side = &c->sides[s->from];
    uint32_t old = side->next - s->seq; /* bytes that are no news */

    c->last = s->origin;
    if (s->len > 0 && old >= s->len)
        c->n_repeated++;
    if (c->user.other != NULL && (s->is_damaged || has_other_bytes(side, s)))
        c->user.other(c->user.context, s->from, s->origin, s->is_damaged);
    if (old < s->len && !side->is_over) {
        struct bytes news = {NULL, 0};
        if (old < s->bytes.len)
            news = (struct bytes){s->bytes.at + old, s->bytes.len - old};
        side->next += (uint32_t)news.len;
        keep(side, news);
        if (news.len > 0)
            c->user.bytes(c->user.context, s->from, s->origin, news);
        if (s->seq + s->len != side->next)
            give_gap(c, s->from, s->origin, s->seq + s->len - side->next); /* snap length */
    }
    if (old <= s->len || s->flags & DISSECT_RST)
        give_end(c, s);
}

static void give_waiting(struct channel *c)
{
    for (size_t i = 0; i < c->n_waiting;) {
        if (!is_ready(c, &c->waiting[i])) {
            i++;
            continue;
        }
        struct segment s = take_out(c, i);
        give(c, &s);
        free(s.own);
        i = 0; /* others may wait for just this */
    }
}

/* --- gaps ------------------------------------------------------------------------------------- */

/* Where the bytes of that direction go on: the first that waits behind next, but not beyond
 * limit. */
static uint32_t resume_at(const struct channel *c, int from, uint32_t limit)
{
    const struct side *side = &c->sides[from];
    uint32_t best = limit;

    for (size_t i = 0; i < c->n_waiting; i++) {
        const struct segment *s = &c->waiting[i];
        if (s->from == from && !s->is_damaged && ahead(s->seq, side->next) > 0 &&
            ahead(s->seq, best) < 0)
            best = s->seq;
    }
    return best;
}

/* A reset by a side that went on as if nothing had been: its receiver has not believed it. */
static bool is_refuted(const struct channel *c, const struct segment *s)
{
    return s->flags & DISSECT_RST && c->sides[s->from].spoke > s->clock;
}

/* A damaged segment was sent again, unless the capture lacks that; or it was damaged by whoever
 * captured it. Where nothing else came in its place, and the other end says that it has those
 * bytes, they are the best that is known. */
static bool is_missed(const struct channel *c, const struct segment *s)
{
    const struct side *side = &c->sides[s->from];

    return s->seq == side->next && side->has_acked && ahead(side->acked, s->seq + s->len) >= 0;
}

static void settle_damaged(struct channel *c)
{
    struct segment s = take_out(c, 0);

    if (is_missed(c, &s))
        give(c, &s);
    free(s.own);
    give_waiting(c);
}

/* What the first segment waits for will not come: step over it. */
static void give_up(struct channel *c)
{
    const struct segment *s = &c->waiting[0];
    int missing = s->from;
    uint32_t limit = s->seq;

    if (s->is_damaged) {
        settle_damaged(c);
        return;
    }

    if (s->flags & DISSECT_RST && (is_refuted(c, s) || ahead(s->seq, c->sides[missing].next) < 0)) {
        struct segment reset = take_out(c, 0);
        if (!is_refuted(c, &reset))
            give(c, &reset);
        free(reset.own);
        return;
    }
    if (ahead(s->seq, c->sides[s->from].next) <= 0) {
        missing = !s->from;
        limit = s->ack;
    }
    uint32_t to = resume_at(c, missing, limit);
    if (to != c->sides[missing].next)
        give_gap(c, missing, s->origin, to - c->sides[missing].next);
    give_waiting(c);
}

static bool waits_too_long(const struct channel *c, const struct dissected *p)
{
    const struct segment *first = c->waiting; /* NULL until one waits */

    return c->n_waiting > 0 &&
           (c->n_waiting == CHANNEL_WAITING_MAX || c->n_bytes > CHANNEL_BYTES_MAX ||
            (c->user.held != NULL && *c->user.held > CHANNEL_HELD_MAX) ||
            c->clock - first->clock > CHANNEL_PATIENCE ||
            (p->at_ns > first->origin.at_ns &&
             p->at_ns - first->origin.at_ns > CHANNEL_PATIENCE_NS));
}

/* --- taking ----------------------------------------------------------------------------------- */

/* What a packet tells about where the directions begin. One with nothing in it may have overtaken
 * what was sent before; one in front of which something is missing may have been sent in answer to
 * what the other side has said. */
static void learn(struct channel *c, int from, const struct dissected *p)
{
    struct side *own = &c->sides[from], *other = &c->sides[!from];

    if (!own->is_known && (p->len > 0 || p->flags & (DISSECT_SYN | DISSECT_FIN | DISSECT_RST))) {
        own->is_known = true;
        own->next = p->seq + (p->flags & DISSECT_SYN ? 1 : 0);
    }
    bool is_next = own->is_known && ahead(p->seq, own->next) <= 0;
    if (!other->is_known && is_next && p->flags & DISSECT_ACK && !(p->flags & DISSECT_RST)) {
        other->is_known = true;
        other->next = p->ack;
    }
}

void channel_start(struct channel *c, int from, uint32_t seq)
{
    c->sides[from].is_known = true;
    c->sides[from].next = seq;
}

static bool is_sane(const struct channel *c, int from, const struct dissected *p)
{
    const struct side *own = &c->sides[from], *other = &c->sides[!from];
    int32_t place = own->is_known ? ahead(p->seq, own->next) : 0;

    if (place > FARTHEST || place < -FARTHEST)
        return false;
    if (p->flags & DISSECT_RST) /* which carries whatever acknowledgement */
        return !own->has_acked || ahead(p->seq, own->acked) >= 0;
    return !(p->flags & DISSECT_ACK) || !other->is_known ||
           (ahead(p->ack, other->next) < FARTHEST && ahead(p->ack, other->next) > -FARTHEST);
}

static void note_ack(struct channel *c, int from, const struct dissected *p)
{
    struct side *other = &c->sides[!from];

    if (!(p->flags & DISSECT_ACK) || p->flags & DISSECT_RST)
        return;
    if (!other->has_acked || ahead(p->ack, other->acked) > 0)
        other->acked = p->ack;
    other->has_acked = true;
}

/* Nothing in it is sure: it tells of its bytes alone, and waits to be needed. */
static void take_damaged(struct channel *c, int from, const struct dissected *p)
{
    const struct side *own = &c->sides[from];
    struct segment s = {
        .from = from,
        .seq = p->seq,
        .len = p->len,
        .is_damaged = true,
        .origin = {p->at_ns, p->number, p->len},
        .clock = c->clock,
        .bytes = p->payload,
    };

    c->n_late++; /* what it was will be */
    if (own->is_known && p->len > 0 && !(p->flags & DISSECT_RST) && ahead(p->seq, own->next) >= 0 &&
        c->n_waiting < CHANNEL_WAITING_MAX)
        wait_for(c, &s);
}

void channel_take(struct channel *c, int from, const struct dissected *p)
{
    c->clock++;
    if (p->is_damaged) {
        take_damaged(c, from, p);
        return;
    }
    learn(c, from, p);
    if (!is_sane(c, from, p))
        return;
    note_ack(c, from, p);
    if (!(p->flags & DISSECT_RST))
        c->sides[from].spoke = c->clock;
    struct segment s = {
        .from = from,
        .seq = p->seq + (p->flags & DISSECT_SYN ? 1 : 0),
        .ack = p->ack,
        .flags = p->flags & DISSECT_RST ? DISSECT_RST : p->flags,
        .origin = {p->at_ns, p->number, p->len},
        .clock = c->clock,
    };
    if (!(p->flags & DISSECT_RST)) { /* what a reset carries is no data (RFC 9293, 3.5.2) */
        s.len = p->len;
        s.bytes = p->payload;
    }
    while (waits_too_long(c, p))
        give_up(c);
    if (is_ready(c, &s)) {
        give(c, &s);
        give_waiting(c);
    } else if (s.len > 0 || s.flags & (DISSECT_FIN | DISSECT_RST)) {
        c->n_late++;
        wait_for(c, &s);
    }
}

void channel_flush(struct channel *c)
{
    while (c->n_waiting > 0)
        give_up(c);
}

void channel_tick(struct channel *c, uint64_t now_ns)
{
    while (c->n_waiting > 0 && now_ns > c->waiting[0].origin.at_ns + CHANNEL_PATIENCE_NS)
        give_up(c);
}

void channel_finish(struct channel *c)
{
    channel_flush(c);
    for (int from = 0; from < 2; from++) {
        struct side *side = &c->sides[from];
        if (side->is_known && side->has_acked && !side->is_over &&
            ahead(side->acked, side->next) > 0)
            give_gap(c, from, c->last, side->acked - side->next);
    }
}

bool channel_next(const struct channel *c, int from, uint32_t *seq)
{
    *seq = c->sides[from].next;
    return c->sides[from].is_known;
}

uint64_t channel_n_repeated(const struct channel *c)
{
    return c->n_repeated;
}

uint64_t channel_n_late(const struct channel *c)
{
    return c->n_late;
}
