/* track_text.c - what the texts of all sessions may cost.
 *
 * A text is held until it is whole, then read into a tree, and what it says is kept until its
 * session is over. Short ones always may be; long ones share a budget, whatever the file is made
 * of: what goes beyond it is passed over like bytes that were not captured. */
#include "harness/capture/track_core.h"

#define TEXT_SHORT (16u << 10)  /* bytes; all that most sessions ever say */
#define TEXTS_MAX  (6u << 20)   /* of the long ones together */
#define ITEMS_MAX  (200u << 10) /* values in one text: each takes some 100 bytes of a tree */

/* Of a message of that side's that is not whole, bytes that are held. */
static size_t unfinished(const struct track_session *s, enum observer_side side)
{
    return observer_is_blind(s->observer, side) ? frame_partial(&s->loose[side].dec)
                                                : observer_partial(s->observer, side);
}

/* So many values may begin in these bytes. */
static size_t items_in(struct bytes bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes.len; i++)
        n += bytes.at[i] == ',' || bytes.at[i] == '[' || bytes.at[i] == '{';
    return n;
}

bool track_text_fits(const struct track *t, struct track_session *s, enum observer_side side,
                     struct bytes bytes)
{
    struct track_text *text = &s->texts[side];
    size_t len = unfinished(s, side) + bytes.len;

    text->items = (len == bytes.len ? 0 : text->items) + items_in(bytes);
    return len <= TEXT_SHORT ||
           (text->items <= ITEMS_MAX && t->texts + len - text->held <= TEXTS_MAX);
}

void track_text_count(struct track *t, struct track_session *s, enum observer_side side, size_t len)
{
    struct track_text *text = &s->texts[side];
    size_t now = unfinished(s, side), all = text->held + len;

    t->texts -= text->held;
    if (now < all && all > TEXT_SHORT) { /* what is whole is known until the end */
        text->kept += all - now;
        t->texts += all - now;
    }
    text->held = now > TEXT_SHORT ? now : 0;
    t->texts += text->held;
}

void track_text_forget(struct track *t, const struct track_session *s)
{
    for (int side = 0; side < 2; side++)
        t->texts -= s->texts[side].held + s->texts[side].kept;
}
