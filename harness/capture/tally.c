#include "harness/capture/tally.h"

#include "impl/wire/account.h"
#include "impl/wire/state.h"

#include <inttypes.h>
#include <stdio.h>

#define CLOCK_SLACK_NS UINT64_C(20000000) /* 20 ms, and 1 %: two clocks, and a busy machine */

struct tally {
    struct track *track;
    struct track_session *s;
    const struct params *params;
    const struct results *results[2];
};

struct side_by_side {
    const struct track_stream *stream;
    enum observer_side sender;
    const struct results_stream *sent, *received; /* NULL: not in the results */
};

static void __attribute__((format(printf, 5, 6)))
blame(const struct tally *t, const char *clause, enum observer_side by, const char *expected,
      const char *found_format, ...)
{
    char found[128];
    va_list args;

    va_start(args, found_format);
    vsnprintf(found, sizeof found, found_format, args);
    va_end(args);
    track_blame(t->track, t->s, clause, by, t->s->results_number[by], t->s->results_ns[by],
                expected, "%s", found);
}

/* As much as two clocks may differ. */
static double slack_s(double seconds)
{
    return seconds * 1.01 + (double)CLOCK_SLACK_NS / 1e9;
}

/* --- TCP -------------------------------------------------------------------------------------- */

/* RES-11 of the sender: what it reports has left it; RES-30: part of a block may be missing. */
static void judge_sender(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    int64_t sent = (int64_t)wire->sent, told = b->sent->bytes;
    char expected[96];

    if (told < sent - t->params->len) {
        snprintf(expected, sizeof expected, "stream %" PRId64 ": %" PRId64 " bytes, as on the wire",
                 b->stream->id, sent);
        blame(t, "RES-11", b->sender, expected, "%" PRId64 " bytes reported as sent", told);
    }
    /* What a sender has written goes out before its FIN does; without one some of it may not. */
    if (wire->fin && !wire->rst && told > sent) {
        snprintf(expected, sizeof expected, "stream %" PRId64 ": at most %" PRId64 " bytes",
                 b->stream->id, sent);
        blame(t, "RES-11", b->sender, expected, "%" PRId64 " bytes reported as sent", told);
    }
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
    blame(t, "RES-11", !b->sender, expected, "%" PRId64 " bytes reported as received",
          b->received->bytes);
}

/* A server that closes a stream without a reset had read all that it had acknowledged; of that a
 * block that was not whole and one read too late need not count (RES-25, RES-26). */
static void judge_receiver_least(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];
    const struct stream_tcp *reader = &b->stream->tcp[!b->sender];
    int64_t least = (int64_t)wire->confirmed_at_fin - 2 * t->params->len;
    char expected[96];

    if (b->sender != OBSERVER_CLIENT || !reader->fin || reader->rst || wire->rst ||
        b->received->bytes >= least)
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": at least %" PRId64 " bytes",
             b->stream->id, least);
    blame(t, "RES-11", !b->sender, expected, "%" PRId64 " bytes reported as received",
          b->received->bytes);
}

/* RES-12. What was surely sent again in the test, the sender's kernel has counted. */
static void judge_retransmits(const struct tally *t, const struct side_by_side *b)
{
    uint64_t resent = stream_tcp_resent(&b->stream->tcp[b->sender], t->s->end_ns);
    char expected[96];

    if (t->s->end_ns == 0 || t->results[b->sender]->sender_has_retransmits != 1 ||
        b->sent->retransmits < 0 || (uint64_t)b->sent->retransmits >= resent)
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": at least %" PRIu64 " retransmits",
             b->stream->id, resent);
    blame(t, "RES-12", b->sender, expected, "%" PRId64 " reported", b->sent->retransmits);
}

static void judge_tcp(const struct tally *t, const struct side_by_side *b)
{
    bool omits = t->params->omit != 0;
    const struct stream_tcp *wire = &b->stream->tcp[b->sender];

    if (!wire->is_exact)
        return;
    if (b->sent != NULL && !omits) {
        judge_sender(t, b);
        judge_retransmits(t, b);
    }
    if (b->received != NULL)
        judge_receiver_most(t, b);
    if (b->received != NULL && !omits)
        judge_receiver_least(t, b);
}

/* --- UDP -------------------------------------------------------------------------------------- */

struct datagrams {
    int64_t seen;    /* different ones on the wire */
    int64_t highest; /* number on the wire */
    int64_t len;
    bool is_whole;    /* none is missing up to the highest */
    bool is_in_order; /* each number once, in order */
};

static struct datagrams datagrams_of(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_udp *u = &b->stream->udp[b->sender];

    return (struct datagrams){
        .seen = (int64_t)(u->n - u->repeated),
        .highest = (int64_t)u->account.packets,
        .len = t->params->len,
        .is_whole = u->account.errors == 0 && u->account.out_of_order == 0,
        .is_in_order = u->account.out_of_order == 0,
    };
}

static void judge_udp_sender(const struct tally *t, const struct side_by_side *b,
                             const struct datagrams *d)
{
    const struct results_stream *sent = b->sent;

    if (sent->packets < d->highest - 1)
        blame(t, "RES-16", b->sender, "no less than the highest number on the wire",
              "stream %" PRId64 ": %" PRId64 " packets, number %" PRId64 " was sent", sent->id,
              sent->packets, d->highest);
    if (t->params->omit != 0)
        return;
    if (sent->bytes > sent->packets * d->len)
        blame(t, "RES-11", b->sender, "no more bytes than packets hold",
              "stream %" PRId64 ": %" PRId64 " bytes in %" PRId64 " packets of %" PRId64, sent->id,
              sent->bytes, sent->packets, d->len);
    /* A sender that is stopped may not count what it was just sending (3.18, as RES-30). */
    if (sent->bytes < (d->seen - 1) * d->len)
        blame(t, "RES-11", b->sender, "no less bytes than on the wire",
              "stream %" PRId64 ": %" PRId64 " bytes, %" PRId64 " were sent", sent->id, sent->bytes,
              d->seen * d->len);
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
        blame(t, "RES-14", by, "lost datagrams, no more than packets",
              "stream %" PRId64 ": %" PRId64 " errors of %" PRId64 " packets", got->id, got->errors,
              got->packets);
    if (got->packets > MAX(most, d->highest))
        blame(t, "RES-16", by, "no more than were sent",
              "stream %" PRId64 ": %" PRId64 " packets of %" PRId64, got->id, got->packets, most);
    if (t->params->omit != 0 || t->params->skip_rx_copy != 0)
        return;
    if (got->bytes % d->len != 0) {
        blame(t, "RES-11", by, "a number of whole datagrams",
              "stream %" PRId64 ": %" PRId64 " bytes, datagrams of %" PRId64, got->id, got->bytes,
              d->len);
        return;
    }
    if (d->is_whole && d->highest == most && n > d->seen)
        blame(t, "RES-11", by, "no more bytes than on the wire",
              "stream %" PRId64 ": %" PRId64 " bytes, %" PRId64 " were sent", got->id, got->bytes,
              d->seen * d->len);
    /* Copies count twice, and up to 3.1.7 late ones as lost (UDP-8). */
    else if (n + got->errors < got->packets ||
             (n + got->errors > got->packets && d->is_in_order && got->has_times))
        blame(t, "UDP-7", by, "received and lost make up the highest number",
              "stream %" PRId64 ": %" PRId64 " received, %" PRId64 " lost of %" PRId64, got->id, n,
              got->errors, got->packets);
}

/* UDP-9: no change of transit can be greater than the time in which all was sent and received.
 * What 3.13 and older may have reported is another matter (UDP-10). */
static void judge_jitter(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_udp *u = &b->stream->udp[b->sender];
    uint64_t until_ns = t->s->results_ns[!b->sender];
    double most_s = (double)(until_ns - MIN(until_ns, u->first_ns)) / 1e9 +
                    (double)(u->most_sent_us - u->least_sent_us) / 1e6;
    char expected[96];

    if (!b->received->has_omitted || u->n == 0 || b->received->jitter <= slack_s(most_s))
        return;
    snprintf(expected, sizeof expected, "stream %" PRId64 ": less than the %.3f s it took",
             b->stream->id, most_s);
    blame(t, "UDP-9", !b->sender, expected, "jitter of %.3f s", b->received->jitter);
}

static void judge_udp(const struct tally *t, const struct side_by_side *b)
{
    struct datagrams d = datagrams_of(t, b);

    if (d.len <= 0 || b->stream->udp[b->sender].odd_len > 0)
        return;
    if (b->sent != NULL)
        judge_udp_sender(t, b, &d);
    if (b->received != NULL) {
        judge_udp_receiver(t, b, &d);
        judge_jitter(t, b);
    }
}

/* --- streams ---------------------------------------------------------------------------------- */

/* STR-16, STR-2, STR-3: the receiver of data never writes to the stream. */
static void judge_direction(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *back = &b->stream->tcp[!b->sender];
    bool is_bidir = t->params->bidirectional;

    if (back->sent == 0 || back->first_number == 0 || b->stream->was_denied)
        return;
    track_blame(t->track, t->s,
                !is_bidir                      ? "STR-16"
                : b->sender == OBSERVER_CLIENT ? "STR-3"
                                               : "STR-2",
                !b->sender, back->first_number, back->first_ns,
                "no data against the stream's direction", "stream %" PRId64 ": %" PRIu64 " bytes",
                b->stream->id, back->sent);
}

/* RES-28: nobody has counted for longer than from the last stream's opening, which came before the
 * start, to its own results. That it was shorter is no proof: packets may be late. */
static void judge_duration(const struct tally *t, const struct track_stream *stream)
{
    const struct track_session *s = t->s;
    uint64_t from_ns = s->streams[s->n_streams - 1]->at_ns;
    char expected[96];

    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        const struct results_stream *told =
            t->results[side] != NULL ? results_find(t->results[side], stream->id) : NULL;
        double most_s = (double)(s->results_ns[side] - MIN(s->results_ns[side], from_ns)) / 1e9;
        if (told == NULL || !told->has_times ||
            told->end_time - told->start_time <= slack_s(most_s))
            continue;
        snprintf(expected, sizeof expected,
                 "stream %" PRId64 ": no longer than %.3f s, by the capture's clock", stream->id,
                 most_s);
        blame(t, "RES-28", (enum observer_side)side, expected, "%.3f s",
              told->end_time - told->start_time);
    }
}

static void judge_stream(const struct tally *t, unsigned index)
{
    const struct track_stream *stream = t->s->streams[index];
    struct side_by_side b = {.stream = stream,
                             .sender = params_client_sends(t->params, index) ? OBSERVER_CLIENT
                                                                             : OBSERVER_SERVER};

    if (t->results[b.sender] != NULL)
        b.sent = results_find(t->results[b.sender], stream->id);
    if (t->results[!b.sender] != NULL)
        b.received = results_find(t->results[!b.sender], stream->id);
    if (t->s->n_gaps == 0 && !t->s->has_odd_clock)
        judge_duration(t, stream);
    if (stream->is_udp) {
        judge_udp(t, &b);
        return;
    }
    judge_direction(t, &b);
    judge_tcp(t, &b);
}

/* OMIT-4: no TEST_END in the omit period. Only too short a time can be told: whatever delays a
 * packet makes it longer. */
static void judge_omit(const struct tally *t)
{
    const struct track_session *s = t->s;

    if (t->params->omit <= 0 || s->start_ns == 0 || s->end_ns < s->start_ns || s->has_odd_clock)
        return;
    uint64_t lasted_ns = s->end_ns - s->start_ns;
    uint64_t omit_ns = (uint64_t)t->params->omit * UINT64_C(1000000000);
    if (lasted_ns + omit_ns / 100 + CLOCK_SLACK_NS >= omit_ns)
        return;
    track_blame(t->track, t->s, "OMIT-4", OBSERVER_CLIENT, s->end_number, s->end_ns,
                "04 not before the omit period is over", "04 %.3f s after 01, omit %" PRId64 " s",
                (double)lasted_ns / 1e9, t->params->omit);
}

/* Why the numbers of the streams say nothing; NULL if they do. */
static const char *cannot_compare(const struct tally *t)
{
    const struct track_session *s = t->s;

    if (t->params == NULL)
        return s->n_gaps > 0 ? "the parameters were not captured whole" : "";
    if (t->results[0] == NULL && t->results[1] == NULL)
        return s->last_state[OBSERVER_SERVER] >= EXCHANGE_RESULTS || s->n_gaps > 0
                   ? "no results were captured whole"
                   : "";
    if (s->n_results[0] > 1 || s->n_results[1] > 1)
        return "results were exchanged more than once";
    if (params_protocol(t->params) == PARAMS_SCTP)
        return "SCTP is not looked into";
    if (t->params->mptcp)
        return "MPTCP may spread a stream over several connections";
    if (!s->order_is_sure || (int64_t)s->n_streams != params_n_streams(t->params))
        return "not all streams were captured from their start";
    return NULL;
}

void tally_judge(struct track *track, struct track_session *s)
{
    struct tally t = {
        track, s, observer_params(s->observer), {NULL, NULL}
    };

    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++)
        t.results[side] = observer_results(s->observer, (enum observer_side)side);
    if (s->n_gaps > 0)
        track_note(track, s, "%" PRIu64 " bytes of the control connection were not captured",
                   s->gap_bytes);
    if (t.params != NULL && s->n_gaps == 0)
        judge_omit(&t);
    const char *why = cannot_compare(&t);
    if (why != NULL && why[0] != '\0')
        track_note(track, s, "the streams were not compared: %s", why);
    for (unsigned i = 0; why == NULL && i < s->n_streams; i++)
        judge_stream(&t, i);
}
