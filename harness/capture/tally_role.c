/* tally_role.c - counts that only one end of a stream has, or only those of another protocol: the
 * other says 0, or -1 retransmits.
 *
 * Of a stream on which a server sends it tells what it was told (RES-29). */
#include "harness/capture/tally_core.h"

#include <inttypes.h>
#include <math.h>

struct role {
    const struct side_by_side *b;
    enum observer_side by;
    const struct results_stream *told, *echoed; /* echoed: NULL, nothing is */
    bool is_sender;
};

/* RES-12 */
static void judge_retransmits(const struct tally *t, const struct role *r)
{
    bool has_counts =
        r->is_sender && !r->b->stream->is_udp && t->results[r->by]->sender_has_retransmits == 1;

    if (!has_counts && r->told->retransmits != -1)
        tally_blame(t, "RES-12", r->by, "-1 retransmits by who has no counts of them",
                    "stream %" PRId64 ": %" PRId64, r->told->id, r->told->retransmits);
}

/* RES-13; what is echoed may have fewer digits. */
static void judge_jitter(const struct tally *t, const struct role *r)
{
    double jitter = r->told->jitter;
    bool is_echo = r->echoed != NULL && fabs(jitter - r->echoed->jitter) <= 1e-6;

    if ((jitter < 0 || jitter > 0) && !is_echo)
        tally_blame(t, "RES-13", r->by,
                    r->echoed != NULL ? "0 jitter, or what it was told, by who sends"
                                      : "0 jitter by who receives no datagrams",
                    "stream %" PRId64 ": %g s", r->told->id, jitter);
}

/* RES-14 */
static void judge_errors(const struct tally *t, const struct role *r)
{
    int64_t errors = r->told->errors;

    if (errors != 0 && (r->echoed == NULL || errors != r->echoed->errors))
        tally_blame(t, "RES-14", r->by,
                    r->echoed != NULL ? "0 errors, or what it was told, by who sends"
                                      : "0 errors by who receives no datagrams",
                    "stream %" PRId64 ": %" PRId64 " errors", r->told->id, errors);
}

/* RES-16 */
static void judge_packets(const struct tally *t, const struct role *r)
{
    int64_t packets = r->told->packets;

    if (packets != 0 && (r->echoed == NULL || packets != r->echoed->packets))
        tally_blame(t, "RES-16", r->by, "0 packets of TCP",
                    "stream %" PRId64 ": %" PRId64 " packets", r->told->id, packets);
}

static void judge_side(const struct tally *t, const struct side_by_side *b, bool is_sender)
{
    enum observer_side by = is_sender ? b->sender : !b->sender;
    bool echoes = is_sender && by == OBSERVER_SERVER;
    struct role r = {b, by, is_sender ? b->sent : b->received, echoes ? b->received : NULL,
                     is_sender};

    if (r.told == NULL)
        return;
    judge_retransmits(t, &r);
    bool knows_echo = !echoes || r.echoed != NULL;
    if (knows_echo && (is_sender || !b->stream->is_udp)) {
        judge_jitter(t, &r);
        judge_errors(t, &r);
    }
    if (knows_echo && !b->stream->is_udp)
        judge_packets(t, &r);
}

void tally_role(const struct tally *t, const struct side_by_side *b)
{
    judge_side(t, b, true);
    judge_side(t, b, false);
}
