/* tally_udp.c - datagrams, losses and jitter against what was on the wire. */
#include "harness/capture/tally_core.h"

#include "impl/wire/account.h"

#include <inttypes.h>
#include <stdio.h>

struct datagrams {
    int64_t seen;    /* on the wire */
    int64_t known;   /* of them: different ones for sure */
    int64_t highest; /* number on the wire */
    int64_t len;
    bool is_whole;    /* none is missing up to the highest */
    bool is_in_order; /* each number once, in order */
};

static struct datagrams datagrams_of(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_udp *u = &b->stream->udp[b->sender];
    bool is_in_order = u->account.out_of_order + u->copies + u->stragglers == 0;

    return (struct datagrams){
        .seen = (int64_t)u->n,
        .known = (int64_t)(u->n - u->headless),
        .highest = (int64_t)u->account.packets,
        .len = t->params->len,
        .is_whole = u->account.errors == 0 && is_in_order,
        .is_in_order = is_in_order,
    };
}

/* UDP-5: from 3.15 on a datagram that could not be sent takes no number. With gso a whole buffer
 * does. */
static bool gives_each_number_once(const struct tally *t)
{
    return t->params->gso == 0 && tally_client_is(t, 3, 15);
}

static void judge_udp_sender(const struct tally *t, const struct side_by_side *b,
                             const struct datagrams *d)
{
    const struct results_stream *sent = b->sent;

    if (sent->packets < d->highest - 1)
        tally_blame(t, "RES-16", b->sender, "no less than the highest number on the wire",
                    "stream %" PRId64 ": %" PRId64 " packets, number %" PRId64 " was sent",
                    sent->id, sent->packets, d->highest);
    if (sent->bytes % d->len != 0)
        tally_blame(t, "RES-11", b->sender, "a number of whole datagrams",
                    "stream %" PRId64 ": %" PRId64 " bytes, datagrams of %" PRId64, sent->id,
                    sent->bytes, d->len);
    if (sent->bytes > sent->packets * d->len)
        tally_blame(t, "RES-11", b->sender, "no more bytes than packets hold",
                    "stream %" PRId64 ": %" PRId64 " bytes in %" PRId64 " packets of %" PRId64,
                    sent->id, sent->bytes, sent->packets, d->len);
    if (t->params->omit != 0)
        return;
    if (b->sender == OBSERVER_CLIENT && gives_each_number_once(t) &&
        sent->bytes < (sent->packets - 2) * d->len)
        tally_blame(t, "RES-16", b->sender, "no more packets than bytes fill",
                    "stream %" PRId64 ": %" PRId64 " packets of %" PRId64 ", %" PRId64 " bytes",
                    sent->id, sent->packets, d->len, sent->bytes);
    /* A sender that is stopped may not count what it was just sending (3.18, as RES-30). */
    if (sent->bytes < (d->known - 1) * d->len)
        tally_blame(t, "RES-11", b->sender, "no less bytes than on the wire",
                    "stream %" PRId64 ": %" PRId64 " bytes, %" PRId64 " were sent", sent->id,
                    sent->bytes, d->known * d->len);
}

/* More than were sent: what a network doubles behind the point of capture counts twice, and up to
 * 3.1.7 what is late there counts as lost too (UDP-8). Only what no network does is blamed. */
#define COPIES_MAX 16
static void judge_copies(const struct tally *t, const struct side_by_side *b,
                         const struct datagrams *d, int64_t n, int64_t sent)
{
    const struct results_stream *got = b->received;
    const struct stream_udp *u = &b->stream->udp[b->sender];
    int64_t copies = (int64_t)(u->copies + u->stragglers);
    int64_t beyond_sent = d->is_whole && d->highest == sent ? n - d->seen : 0;
    int64_t beyond_told = d->is_in_order && got->has_times ? n + got->errors - got->packets : 0;
    int64_t more = MAX(beyond_sent, beyond_told);

    if (n / COPIES_MAX > MAX(got->packets, d->highest) + copies)
        tally_blame(t, "RES-11", !b->sender, "no more bytes than on the wire",
                    "stream %" PRId64 ": %" PRId64 " bytes, %" PRId64 " were sent", got->id,
                    got->bytes, d->seen * d->len);
    else if (more > 0)
        track_note(t->track, t->s,
                   "stream %" PRId64 ": %" PRId64 " datagram%s more received or lost than sent: "
                   "copies behind the point of capture?",
                   got->id, more, text_plural((uint64_t)more));
}

/* UDP-7: datagrams received and lost make up the highest number. What reads bytes without their
 * headers (skip_rx_copy, UDP-13) counts otherwise. */
static void judge_udp_receiver(const struct tally *t, const struct side_by_side *b,
                               const struct datagrams *d)
{
    const struct results_stream *got = b->received;
    enum observer_side by = !b->sender;
    int64_t n = got->bytes / d->len;
    int64_t most = b->sent != NULL ? b->sent->packets : got->packets;

    if (got->errors < 0 || got->errors > got->packets)
        tally_blame(t, "RES-14", by, "lost datagrams, no more than packets",
                    "stream %" PRId64 ": %" PRId64 " errors of %" PRId64 " packets", got->id,
                    got->errors, got->packets);
    if (got->packets > MAX(most, d->highest))
        tally_blame(t, "RES-16", by, "no more than were sent",
                    "stream %" PRId64 ": %" PRId64 " packets of %" PRId64 "%s", got->id,
                    got->packets, most,
                    b->stream->n_connects > 1 ? ", the connect message came twice (UDPC-7)" : "");
    if (t->params->omit != 0 || t->params->skip_rx_copy != 0)
        return;
    if (got->bytes % d->len != 0) {
        tally_blame(t, "RES-11", by, "a number of whole datagrams",
                    "stream %" PRId64 ": %" PRId64 " bytes, datagrams of %" PRId64, got->id,
                    got->bytes, d->len);
        return;
    }
    if (n + got->errors < got->packets)
        tally_blame(t, "UDP-7", by, "received and lost make up the highest number",
                    "stream %" PRId64 ": %" PRId64 " received, %" PRId64 " lost of %" PRId64,
                    got->id, n, got->errors, got->packets);
    judge_copies(t, b, d, n, most);
}

/* UDP-9: no change of transit can be greater than the time in which all was sent and received.
 * Where every datagram was seen, jitter is at most that at the point of capture and what delays
 * behind it add. In order, a delay grows no faster than time passes, and shrinks no further than it
 * grew: the changes sum up to twice the time at most, and a sixteenth of each counts. What is
 * doubled or re-ordered there makes it more: twice that. What 3.13 and older may have reported
 * is another matter (UDP-10). */
static void judge_jitter(const struct tally *t, const struct side_by_side *b,
                         const struct datagrams *d)
{
    const struct stream_udp *u = &b->stream->udp[b->sender];
    uint64_t until_ns = t->s->results_ns[!b->sender];
    double most_s = (double)(until_ns - MIN(until_ns, u->first_ns)) / 1e9 +
                    (double)(u->most_sent_us - u->least_sent_us) / 1e6;
    char expected[96];

    if (d->is_whole && d->is_in_order && t->params->omit == 0 && t->s->odd_clock_number == 0)
        most_s = u->account.jitter_s + 2 * 2 * most_s / 16;

    if (!b->received->has_omitted || u->n == 0 || b->received->jitter <= tally_slack_s(most_s))
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": no more than %.3f s", b->stream->id,
             most_s);
    tally_blame(t, "UDP-9", !b->sender, expected, "jitter of %.3f s", b->received->jitter);
}

void tally_udp(const struct tally *t, const struct side_by_side *b)
{
    struct datagrams d = datagrams_of(t, b);

    if (d.len <= 0 || b->stream->udp[b->sender].odd_len > 0)
        return;
    if (b->sent != NULL)
        judge_udp_sender(t, b, &d);
    if (b->received != NULL) {
        judge_udp_receiver(t, b, &d);
        judge_jitter(t, b, &d);
    }
}
