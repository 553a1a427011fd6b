/* tally_gap.c - what of the data was surely not captured.
 *
 * A byte that the other end has acknowledged, or a datagram that it counts, was there; what it has
 * not may have been lost on the way, and then nothing is missing from the capture. */
#include "harness/capture/tally_core.h"

#include <inttypes.h>

static uint64_t unseen_bytes(const struct track_session *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n_streams; i++)
        for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER && !s->streams[i]->is_udp; side++)
            sum += stream_tcp_unseen(&s->streams[i]->tcp[side]);
    return sum;
}

/* Those that one side counts more than were seen, of those that were missing at the point of
 * capture; more than these were not sent. */
static uint64_t unseen_datagrams(const struct tally *t, const struct track_stream *stream)
{
    uint64_t sum = 0;

    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        const struct stream_udp *u = &stream->udp[side];
        const struct results_stream *told =
            t->results[!side] != NULL ? results_find(t->results[!side], stream->id) : NULL;
        int64_t seen = (int64_t)(u->n + u->copies + u->stragglers);
        int64_t more = told != NULL ? told->bytes / t->params->len - seen : 0;
        if (more > 0 && u->n > 0)
            sum += MIN((uint64_t)more, u->account.errors);
    }
    return sum;
}

/* They are counted nowhere. */
static void tell_stragglers(const struct tally *t, const struct track_stream *stream)
{
    uint64_t n = stream->udp[OBSERVER_CLIENT].stragglers + stream->udp[OBSERVER_SERVER].stragglers;

    if (n > 0)
        track_note(t->track, t->s,
                   "stream %" PRId64 ": %" PRIu64
                   " datagram%s came too late to be told from copies",
                   stream->id, n, text_plural(n));
}

void tally_gaps(const struct tally *t)
{
    uint64_t bytes = unseen_bytes(t->s), datagrams = 0;

    for (size_t i = 0; i < t->s->n_streams; i++)
        if (t->s->streams[i]->is_udp)
            tell_stragglers(t, t->s->streams[i]);
    for (size_t i = 0; i < t->s->n_streams && t->params != NULL && t->params->len > 0; i++)
        if (t->s->streams[i]->is_udp)
            datagrams += unseen_datagrams(t, t->s->streams[i]);
    if (bytes > 0)
        track_note(t->track, t->s, "%" PRIu64 " byte%s of the streams %s not captured", bytes,
                   text_plural(bytes), bytes == 1 ? "was" : "were");
    if (datagrams > 0)
        track_note(t->track, t->s, "%" PRIu64 " datagram%s that came %s not captured", datagrams,
                   text_plural(datagrams), datagrams == 1 ? "was" : "were");
}
