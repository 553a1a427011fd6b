#include "harness/capture/timeline.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 4096

/* A message that misses something is told behind what it misses: it began before that. */
static void put_in_order(struct timeline *t)
{
    for (size_t i = t->n - 1; i > 0 && t->entries[i].event.has_hole; i--) {
        struct timeline_entry *e = &t->entries[i], last = *e;
        if (e[-1].event.kind != TRACK_GAP || e[-1].event.from != e->event.from)
            return;
        *e = e[-1];
        e[-1] = last;
    }
}

void timeline_add(struct timeline *t, const struct track_event *event)
{
    if (event->kind == TRACK_SPAN)
        return; /* the session has them all */
    if (t->n == ENTRIES_MAX) {
        t->n_lost++;
        return;
    }
    if ((t->n & (t->n - 1)) == 0)
        t->entries = text_realloc(t->entries, MAX(2 * t->n, 1) * sizeof *t->entries);
    struct timeline_entry *e = &t->entries[t->n++];
    *e = (struct timeline_entry){.event = *event};
    if (event->message == NULL)
        return;
    e->message = *event->message;
    if (e->message.text.len > 0) {
        e->text = text_realloc(NULL, e->message.text.len + 1);
        memcpy(e->text, e->message.text.at, e->message.text.len);
        e->text[e->message.text.len] = '\0';
        e->message.text.at = (const uint8_t *)e->text;
    }
    e->event.message = NULL; /* the array moves: set when it is read */
    put_in_order(t);
}

void timeline_fini(struct timeline *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->entries[i].text);
    free(t->entries);
    *t = (struct timeline){0};
}

struct track_event timeline_event(const struct timeline_entry *e)
{
    struct track_event event = e->event;

    if (event.kind == TRACK_MESSAGE)
        event.message = &e->message;
    return event;
}

struct timeline *timeline_of(struct track_session *s)
{
    if (s->user == NULL)
        s->user = memset(text_realloc(NULL, sizeof(struct timeline)), 0, sizeof(struct timeline));
    return s->user;
}

void timeline_collect(struct track_session *s, const struct track_event *event)
{
    timeline_add(timeline_of(s), event);
}

void timeline_discard(struct track_session *s)
{
    if (s->user != NULL)
        timeline_fini(s->user);
    free(s->user);
    s->user = NULL;
}

const char *timeline_side(enum observer_side side)
{
    return side == OBSERVER_CLIENT ? "client" : "server";
}
