#include "harness/capture/tally_core.h"

#include "impl/wire/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void tally_blame(const struct tally *t, const char *clause, enum observer_side by,
                 const char *expected, const char *found_format, ...)
{
    char found[128];
    va_list args;

    va_start(args, found_format);
    vsnprintf(found, sizeof found, found_format, args);
    va_end(args);
    track_blame(t->track, t->s, clause, by, t->s->results_number[by], t->s->results_ns[by],
                expected, "%s", found);
}

double tally_slack_s(double seconds)
{
    return seconds * 1.01 + (double)CLOCK_SLACK_NS / 1e9;
}

/* Below 0, 0, above 0: its version is earlier, that one, later; false: unknown. */
static bool compare_version(const struct tally *t, unsigned major, unsigned minor, int *order)
{
    struct clause_version wanted = {.major = major, .minor = minor}, version;
    const char *said = t->params->client_version;

    if (said == NULL || !clause_version_parse(said, NULL, &version))
        return false;
    *order = clause_version_compare(&version, &wanted);
    return true;
}

bool tally_client_is(const struct tally *t, unsigned major, unsigned minor)
{
    int order;

    return compare_version(t, major, minor, &order) && order >= 0;
}

bool tally_client_is_before(const struct tally *t, unsigned major, unsigned minor)
{
    int order;

    return compare_version(t, major, minor, &order) && order < 0;
}

/* STR-16, STR-2, STR-3: the receiver of data never writes to the stream. */
static void judge_direction(const struct tally *t, const struct side_by_side *b)
{
    const struct stream_tcp *tcp = &b->stream->tcp[!b->sender];
    const struct stream_udp *udp = &b->stream->udp[!b->sender];
    bool is_udp = b->stream->is_udp, is_bidir = t->params->bidirectional;
    /* What was acknowledged may be a FIN. */
    uint64_t seen = is_udp ? udp->bytes : tcp->sent - tcp->missing;
    uint64_t number = is_udp ? udp->first_number : tcp->first_number;

    if (seen == 0 || number == 0 || b->stream->was_denied)
        return;
    track_blame(t->track, t->s,
                !is_bidir                      ? "STR-16"
                : b->sender == OBSERVER_CLIENT ? "STR-3"
                                               : "STR-2",
                !b->sender, number, is_udp ? udp->first_ns : tcp->first_ns,
                "no data against the stream's direction", "stream %" PRId64 ": %" PRIu64 " byte%s",
                b->stream->id, seen, text_plural(seen));
}

/* RES-18: without an omit period nothing is omitted. A server tells of a stream on which it sends
 * what it was told (RES-29), and makes something up where it was told nothing. */
static void judge_omitted(const struct tally *t, const struct results_stream *told,
                          enum observer_side by, const struct side_by_side *b)
{
    const struct results_stream *other = told == b->sent ? b->received : b->sent;
    bool is_own = by == OBSERVER_CLIENT || by != b->sender;

    if (told == NULL || !told->has_omitted ||
        (by == OBSERVER_SERVER && (other == NULL || !other->has_omitted)))
        return;
    if (told->omitted_packets != 0 || (is_own && told->omitted_errors != 0))
        tally_blame(t, "RES-18", by, "0 and 0 omitted, without an omit period",
                    "stream %" PRId64 ": %" PRId64 " errors, %" PRId64 " packets omitted", told->id,
                    told->omitted_errors, told->omitted_packets);
}

/* UDPC-2: streams are of the protocol that was agreed on. Which TCP connections are streams their
 * cookie tells. */
static void judge_protocol(const struct tally *t)
{
    for (size_t i = 0; i < t->s->n_streams; i++) {
        const struct track_stream *stream = t->s->streams[i];
        if (stream->is_udp || !stream->has_open || params_protocol(t->params) != PARAMS_UDP)
            continue;
        track_blame(t->track, t->s, "UDPC-2", OBSERVER_CLIENT, stream->number, stream->at_ns,
                    "a UDP socket for each stream", "a TCP connection with the session's cookie");
        return;
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
    judge_direction(t, &b);
    tally_role(t, &b);
    if (t->params->omit == 0 && params_has(t->params, PARAM_omit)) {
        judge_omitted(t, b.sent, b.sender, &b);
        judge_omitted(t, b.received, !b.sender, &b);
    }
    (stream->is_udp ? tally_udp : tally_tcp)(t, &b);
}

/* Which streams are its own is not known: one may be another session's, or one is missing. */
static bool has_doubts(const struct tally *t)
{
    bool doubtful = (int64_t)t->s->n_streams != params_n_streams(t->params);

    for (size_t i = 0; i < t->s->n_streams; i++)
        doubtful = doubtful || t->s->streams[i]->is_doubtful;
    return t->s->is_mixed && doubtful;
}

/* A client opens a stream when the one before it is open (STR-1): it has sent its cookie, or had
 * its reply. What else was seen was re-ordered, and perhaps the openings were; those of UDP are so
 * short that they may have changed places whole. */
static bool is_reordered(const struct track_session *s)
{
    for (size_t i = 1; i < s->n_streams; i++) {
        const struct track_stream *last = s->streams[i - 1], *next = s->streams[i];
        if ((last->is_udp ? last->reply_number : last->number) > next->first_number ||
            (last->is_udp && s->n_late > 0))
            return true;
    }
    return false;
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
    if (has_doubts(t))
        return "another session opened streams between the same ends at the same time, and "
               "datagrams do not say whose they are";
    if (!s->order_is_sure || (int64_t)s->n_streams != params_n_streams(t->params))
        return "not all streams were captured from their start";
    if (is_reordered(s))
        return "packets came in another order than they were sent in, and perhaps the streams did";
    return NULL;
}

void tally_judge(struct track *track, struct track_session *s)
{
    struct tally t = {
        track, s, observer_params(s->observer), {NULL, NULL}
    };

    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++)
        t.results[side] = observer_results(s->observer, (enum observer_side)side);
    if (s->gap_bytes > s->unkept_bytes)
        track_note(track, s, "%" PRIu64 " byte%s of the control connection %s not captured",
                   s->gap_bytes - s->unkept_bytes, text_plural(s->gap_bytes - s->unkept_bytes),
                   s->gap_bytes - s->unkept_bytes == 1 ? "was" : "were");
    if (s->unkept_bytes > 0)
        track_note(track, s, "%" PRIu64 " bytes of texts were passed over: too much to be held",
                   s->unkept_bytes);
    tally_gaps(&t);
    tally_times(&t);
    tally_end(&t);
    if (t.params != NULL)
        judge_protocol(&t);
    const char *why = cannot_compare(&t);
    if (why != NULL && why[0] != '\0')
        track_note(track, s, "the streams were not compared: %s", why);
    for (unsigned i = 0; why == NULL && i < s->n_streams; i++)
        judge_stream(&t, i);
}
