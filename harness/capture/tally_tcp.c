/* tally_tcp.c - bytes and retransmits of TCP streams against their sequence numbers.
 *
 * A sender's count is what it has sent, to the byte; one that is stopped in the middle of a block
 * may leave that block out (RES-30), and then it has counted whole blocks. So has a receiver that
 * leaves out a block (RES-25) and one that it read too late (RES-26); what it had read a capture
 * shows only where it closed the stream with nothing unread, which is a FIN and no reset. A client
 * reads on behind its TEST_END: there only what was acknowledged before tells, less what a window
 * can hold. */
#include "harness/capture/tally_core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Whether the sender may leave out a block that it did not finish. A server's version is not on
 * the wire. */
static bool may_leave_out(const struct tally *t, enum observer_side sender)
{
    return sender == OBSERVER_SERVER || !tally_client_is_before(t, 3, 16);
}

/* So many bytes less than there were: whole blocks, and no more than n blocks of them missing. */
static bool is_without_blocks(const struct tally *t, int64_t told, int64_t all, int64_t n)
{
    int64_t len = t->params->len;

    return len > 0 && told % len == 0 && all - told <= n * len;
}

static void blame_sender(const struct tally *t, const struct side_by_side *b, const char *how)
{
    char expected[96];

    snprintf(expected, sizeof expected, "stream %" PRId64 ": %s%" PRIu64 " bytes, as on the wire",
             b->stream->id, how, b->stream->tcp[b->sender].sent);
    tally_blame(t, "RES-11", b->sender, expected, "%" PRId64 " bytes reported as sent",
                b->sent->bytes);
}

/* RES-11 of the sender: what it reports has left it. */
static void judge_sender_least(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    int64_t sent = (int64_t)wire->sent, told = b->sent->bytes;

    if (told >= sent || (may_leave_out(t, b->sender) && is_without_blocks(t, told, sent, 1)))
        return;
    blame_sender(t, b, "");
}

/* What a sender has written goes out before its FIN does; without one some of it may not. */
static void judge_sender_most(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];

    if (wire->fin && !wire->rst && b->sent->bytes > (int64_t)wire->sent)
        blame_sender(t, b, "at most ");
}

/* RES-11 of the receiver: no more than was sent. Where the sender's FIN was not seen, what was not
 * captured at the end is at most a window. */
static void judge_receiver_most(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    const struct stream_tcp *reader = &b->stream->tcp[!b->sender];
    uint64_t unseen = wire->fin ? 0 : reader->scale == DISSECT_NO_SCALE ? 1u << 30 : reader->window;
    int64_t most = (int64_t)(wire->sent + unseen);
    char expected[96];

    if (b->received->bytes <= most)
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": at most %" PRIu64 " bytes",
             b->stream->id, wire->sent);
    tally_blame(t, "RES-11", !b->sender, expected, "%" PRId64 " bytes reported as received",
                b->received->bytes);
}

static void blame_receiver(const struct tally *t, const struct side_by_side *b, int64_t least,
                           const char *or_else)
{
    char expected[96];

    snprintf(expected, sizeof expected, "stream %" PRId64 ": at least %" PRId64 " bytes%s",
             b->stream->id, least, or_else);
    tally_blame(t, "RES-11", !b->sender, expected, "%" PRId64 " bytes reported as received",
                b->received->bytes);
}

/* What the reader may have left unread when it closed: a kernel with something unread resets the
 * connection (RFC 2525, 2.17), or else, as BSD's, offers that much less with its FIN. Windows are
 * rounded to their scale. */
static int64_t unread_at_fin(const struct stream_tcp *reader)
{
    uint64_t rounding = reader->scale == DISSECT_NO_SCALE ? 1 : UINT64_C(2) << reader->scale;

    return reader->window_at_fin + rounding >= reader->window
               ? 0
               : (int64_t)(reader->window - reader->window_at_fin);
}

/* A server that closes a stream without a reset had read all that it had acknowledged; of that a
 * block that was not whole and one read too late need not count. */
static void judge_server_least(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    const struct stream_tcp *reader = &b->stream->tcp[!b->sender];
    int64_t all = (int64_t)wire->confirmed_at_fin, told = b->received->bytes;
    int64_t unread = unread_at_fin(reader);

    if (!reader->fin || reader->rst || wire->rst || told >= all ||
        is_without_blocks(t, told, all, 2) || told >= all - 2 * unread)
        return;
    blame_receiver(t, b, all - 2 * unread, ", less whole blocks");
}

/* What a client had acknowledged before its TEST_END it had read, or its kernel held. Buffers grow
 * with the test: four times the largest window is more than any held. */
static void judge_client_least(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *reader = &b->stream->tcp[OBSERVER_CLIENT];
    int64_t held = 4 * (int64_t)reader->window + 2 * t->params->len;
    int64_t least = (int64_t)b->stream->confirmed_at_end - held;

    if (reader->scale != DISSECT_NO_SCALE && reader->window > 0 && b->received->bytes < least)
        blame_receiver(t, b, least, "");
}

/* RES-12. What was surely sent again in the test, the sender's kernel has counted. */
static void judge_retransmits(const struct tally *t, const struct side_by_side *b)
{
    uint64_t resent = stream_resent_before(&b->stream->tcp[b->sender].resent, t->s->end_ns);
    char expected[96];

    if (t->s->end_ns == 0 || t->results[b->sender]->sender_has_retransmits != 1 ||
        b->sent->retransmits < 0 || (uint64_t)b->sent->retransmits >= resent)
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": at least %" PRIu64 " retransmit%s",
             b->stream->id, resent, text_plural(resent));
    tally_blame(t, "RES-12", b->sender, expected, "%" PRId64 " reported", b->sent->retransmits);
}

/* Each segment that a network lost in front of the point of capture was sent once more for it, of
 * at least so many bytes. Only what is far beyond that is blamed. */
#define SEGMENT_MIN 88
#define LOST_MAX    10000
static void judge_retransmits_most(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    uint64_t most = 16 * (wire->sent / SEGMENT_MIN + wire->repeated) + LOST_MAX;
    char expected[96];

    if (b->sent->retransmits < 0 || (uint64_t)b->sent->retransmits <= most)
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": no more than could be", b->stream->id);
    tally_blame(t, "RES-12", b->sender, expected, "%" PRId64 " retransmits of %" PRIu64 " bytes",
                b->sent->retransmits, wire->sent);
}

/* One of a stream that was captured without a gap was either captured too, as bytes that came
 * again (in a packet of offload, many at once), or lost in front of the point of capture. */
#define SEGMENTS_MAX (UINT16_MAX / SEGMENT_MIN)
static void tell_retransmits(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    uint64_t again = wire->repeated + wire->copies;

    if (b->sent->retransmits <= 0 || wire->had_holes ||
        (uint64_t)b->sent->retransmits <= again * SEGMENTS_MAX)
        return;
    track_note(t->track, t->s,
               "stream %" PRId64 ": %" PRId64 " retransmit%s reported, %" PRIu64
               " segment%s captured again: lost in front of the point of capture?",
               b->stream->id, b->sent->retransmits, text_plural((uint64_t)b->sent->retransmits),
               again, text_plural(again));
}

void tally_tcp(const struct tally *t, const struct side_by_side *b)
{
    bool omits = t->params->omit != 0; /* how much that was is nobody's to see */

    if (!b->stream->tcp[b->sender].is_exact)
        return;
    if (b->sent != NULL) {
        judge_sender_most(t, b);
        judge_retransmits_most(t, b);
        tell_retransmits(t, b);
    }
    if (b->sent != NULL && !omits) {
        judge_sender_least(t, b);
        judge_retransmits(t, b);
    }
    if (b->received != NULL)
        judge_receiver_most(t, b);
    if (b->received != NULL && !omits)
        (b->sender == OBSERVER_CLIENT ? judge_server_least : judge_client_least)(t, b);
}
