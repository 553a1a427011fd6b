/* stream_resent.c - which segments of a TCP stream their sender surely sent twice.
 *
 * Bytes that come again prove nothing: networks make copies, and a capture on several interfaces,
 * of a mirror port, or merged of two, has each packet more than once. But senders count the
 * identifications of their IP packets up, and copies keep theirs. So a segment was sent again if at
 * one and the same point of capture it came after its bytes had, with a newer identification than
 * all before it.
 *
 * A packet of segmentation offload has as many identifications as it will be segments; its pieces,
 * seen behind the place where it was cut, are not newer than it is. */
#include "harness/capture/stream.h"

#define ID_STEP_MAX 512 /* packets that may be missing in between */
#define SETTLED_NS  UINT64_C(100000000)

/* Whether the packet may be a piece, cut at segment boundaries, of the newest one: so many
 * identifications behind its as there are segments in front of it. */
static bool may_be_piece(const struct stream_resent *r, const struct dissected *p, unsigned step)
{
    uint32_t place = p->seq - r->newest.seq;

    return place > 0 && place < r->newest.len && p->len <= r->newest.len - place &&
           place % step == 0;
}

/* Whether the packet was made later than all before it. */
static bool is_newest(struct stream_resent *r, const struct dissected *p)
{
    int16_t step = (int16_t)(p->ip_id - r->newest.id);

    if (p->ip_id == 0)
        return false;
    if (r->newest.id == 0)
        step = 1;
    if (step > ID_STEP_MAX || step < -ID_STEP_MAX)
        r->ids_are_odd = true;
    if (step <= 0 || may_be_piece(r, p, (unsigned)step))
        return false;
    r->newest.id = p->ip_id;
    r->newest.seq = p->seq;
    r->newest.len = p->len;
    return true;
}

static void note(struct stream_resent *r, uint64_t at_ns)
{
    if (at_ns >= r->mark_ns + SETTLED_NS) {
        r->before = r->all;
        r->mark_ns = at_ns;
    }
    r->all.n++;
    r->all.last_ns = at_ns;
}

bool stream_resent_take(struct stream_resent *r, const struct dissected *p, bool is_again)
{
    uint32_t end = p->seq + p->len;

    if (!r->has_place) {
        r->has_place = true;
        r->place = p->place;
        r->end = end;
    }
    if (p->place != r->place)
        return true;
    bool is_new = is_newest(r, p), was_here = (int32_t)(end - r->end) <= 0;
    if (!was_here)
        r->end = end;
    if (is_again && was_here && is_new && p->len > 1) /* one byte may be a probe */
        note(r, p->at_ns);
    return false;
}

uint64_t stream_resent_before(const struct stream_resent *r, uint64_t at_ns)
{
    if (r->ids_are_odd)
        return 0;
    if (at_ns >= r->all.last_ns + SETTLED_NS)
        return r->all.n;
    return at_ns >= r->before.last_ns + SETTLED_NS ? r->before.n : 0;
}
