#include "harness/capture/fragment.h"

#include "harness/session/text.h"

#include <stdlib.h>
#include <string.h>

void fragments_fini(struct fragments *f)
{
    free(f->slots);
    *f = (struct fragments){0};
}

static bool is_of(const struct fragment_slot *s, const struct dissected *p)
{
    return s->in_use && s->id == p->fragment.id && s->protocol == p->fragment.protocol &&
           memcmp(s->from, p->from, 16) == 0 && memcmp(s->to, p->to, 16) == 0;
}

static void begin(struct fragment_slot *s, const struct dissected *p, uint64_t age)
{
    s->in_use = true;
    s->id = p->fragment.id;
    s->protocol = p->fragment.protocol;
    memcpy(s->from, p->from, 16);
    memcpy(s->to, p->to, 16);
    s->age = age;
    s->total = s->n_have = 0;
    s->captured = FRAGMENT_MAX;
    memset(s->have, 0, sizeof s->have);
}

/* The datagram's slot; a new one in place of the oldest. */
static struct fragment_slot *slot_of(struct fragments *f, const struct dissected *p)
{
    struct fragment_slot *best;

    if (f->slots == NULL)
        f->slots = memset(text_realloc(NULL, FRAGMENT_SLOTS * sizeof *f->slots), 0,
                          FRAGMENT_SLOTS * sizeof *f->slots);
    best = &f->slots[0];
    for (struct fragment_slot *s = f->slots; s < f->slots + FRAGMENT_SLOTS; s++) {
        if (is_of(s, p))
            return s;
        if (!s->in_use ? best->in_use : best->in_use && s->age < best->age)
            best = s;
    }
    f->n_lost += best->in_use;
    begin(best, p, f->clock);
    return best;
}

static void mark(struct fragment_slot *s, uint32_t first, uint32_t end)
{
    for (uint32_t unit = first; unit < end; unit++) {
        uint8_t bit = (uint8_t)(1u << unit % 8);
        s->n_have += !(s->have[unit / 8] & bit);
        s->have[unit / 8] |= bit;
    }
}

enum dissect_kind fragments_take(struct fragments *f, struct dissected *p)
{
    uint32_t offset = p->fragment.offset, end = offset + p->len;

    if (end > FRAGMENT_MAX || p->len == 0 || (p->fragment.more && p->len % 8 != 0))
        return DISSECT_CUT;
    f->clock++;
    struct fragment_slot *s = slot_of(f, p);
    memcpy(s->bytes + offset, p->payload.at, p->payload.len);
    if (p->payload.len < p->len)
        s->captured = MIN(s->captured, offset + (uint32_t)p->payload.len);
    mark(s, offset / 8, (end + 7) / 8);
    if (!p->fragment.more)
        s->total = end;
    if (s->total == 0 || s->n_have < (s->total + 7) / 8)
        return DISSECT_FRAGMENT;
    s->in_use = false;
    struct bytes whole = {s->bytes, MIN(s->captured, s->total)};
    return dissect_transport(s->protocol, whole, s->total, p);
}
