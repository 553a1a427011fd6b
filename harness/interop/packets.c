#include "harness/interop/packets.h"

#include "harness/capture/capture.h"
#include "harness/capture/digest.h"

#include <poll.h>
#include <stdlib.h>

#define SILENCE_MS 250 /* longer than packets wait in the kernel (source.c) */

struct packets {
    struct source source;
    struct capture_live *live;
    struct track *track;
    unsigned n_sessions, n_in_part;
    struct text fault; /* the first */
};

static void on_done(void *context, struct track_session *s)
{
    struct packets *w = context;
    const struct track_violation *v = &s->violations[0];

    w->n_sessions++;
    w->n_in_part += digest_verdict(s) == DIGEST_PART;
    if (digest_verdict(s) == DIGEST_FAIL && w->fault.len == 0)
        text_addf(&w->fault, "packets: %s by the %s: expected %s, found %s (packet %llu)",
                  v->clause ? v->clause->id : "?", v->by == OBSERVER_CLIENT ? "client" : "server",
                  v->expected, v->found, (unsigned long long)v->number);
}

struct packets *packets_new(struct text *why)
{
    struct packets *w = text_realloc(NULL, sizeof *w);

    *w = (struct packets){0};
    if (!source_open_live(&w->source, "lo", NULL, why)) {
        free(w);
        return NULL;
    }
    w->track = track_new(&(struct track_user){NULL, on_done, w}, NULL, 0);
    w->live = capture_live_new(&w->source, w->track, why);
    if (w->live == NULL) {
        packets_free(w);
        return NULL;
    }
    return w;
}

void packets_free(struct packets *w)
{
    if (w == NULL)
        return;
    capture_live_free(w->live);
    track_free(w->track);
    source_close(&w->source);
    text_fini(&w->fault);
    free(w);
}

int packets_fd(const struct packets *w)
{
    return capture_live_fd(w->live);
}

void packets_turn(struct packets *w)
{
    struct text why = {0};

    capture_live_turn(w->live, &why); /* what it cannot read is missing, and then said */
    text_fini(&why);
}

/* The kernel hands on what it has when a block is full, or after some time. */
static void read_rest(struct packets *w)
{
    struct pollfd fd = {.fd = packets_fd(w), .events = POLLIN};

    do
        packets_turn(w);
    while (poll(&fd, 1, SILENCE_MS) > 0);
}

bool packets_judge(struct packets *w, bool *in_part, struct text *why)
{
    read_rest(w);
    track_finish(w->track);
    *in_part = w->n_in_part > 0;
    if (w->fault.len > 0)
        text_adds(why, text_string(&w->fault));
    else if (w->n_sessions == 0)
        text_adds(why, "packets: no session was seen");
    return why->len == 0;
}
