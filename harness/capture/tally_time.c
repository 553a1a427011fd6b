/* tally_time.c - the times of a session, and those in its results, by the clock of the capture.
 *
 * Between 02 and 04 at any point of the way no more time can pass than between the server's sending
 * the one and receiving the other: its results cannot tell of less. The client receives the one
 * and sends the other, so that for it the same is an upper bound; it is known by what it was asked
 * for. Where packets were lost, a byte may have been seen long after its first copy: then only half
 * of the time, less seconds, is asked of either. */
#include "harness/capture/tally_core.h"
#include "harness/capture/track_core.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* So many seconds, less what two clocks may differ. */
static double tight_s(double seconds)
{
    return seconds * 0.99 - (double)CLOCK_SLACK_NS / 1e9;
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

/* OMIT-4: no TEST_END in the omit period. Only too short a time can be told: whatever delays a
 * packet makes it longer. */
static void judge_omit(const struct tally *t)
{
    const struct track_session *s = t->s;

    if (t->params->omit <= 0 || s->end_ns < s->start_ns)
        return;
    double lasted_s = seconds_between(s->start_ns, s->end_ns);
    if (lasted_s >= tight_s((double)t->params->omit))
        return;
    track_blame(t->track, t->s, "OMIT-4", OBSERVER_CLIENT, s->end_number, s->end_ns,
                "04 not before the omit period is over", "04 %.3f s after 01, omit %" PRId64 " s",
                lasted_s, t->params->omit);
}

/* What is left of it behind the omit period. A timer that was late there has made it shorter. */
static double counted_s(const struct tally *t, double lasted_s)
{
    double omit_s = (double)MAX(t->params->omit, 0);

    return omit_s > 0 ? (lasted_s - omit_s) / 2 : lasted_s;
}

#define LATE_S 3.0
/* Never less than nothing: no capture makes an end come before its beginning. */
static double roughly_s(double seconds)
{
    return MAX(seconds / 2 - LATE_S, 0);
}

static bool has_lost(const struct track_stream *stream)
{
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        const struct stream_tcp *tcp = &stream->tcp[side];
        const struct stream_udp *udp = &stream->udp[side];
        uint64_t late =
            udp->account.out_of_order + udp->copies + udp->stragglers + stream->n_damaged[side];
        if (stream->is_udp ? udp->account.errors + late != 0
                           : tcp->had_holes || tcp->repeated + tcp->copies != 0)
            return true;
    }
    return false;
}

/* Nothing was sent twice, came late, or is missing: each byte is where its first copy was. */
static bool is_clean(const struct track_session *s)
{
    bool clean = s->n_repeated == 0 && s->n_late == 0;

    for (size_t i = 0; i < s->n_streams; i++)
        clean = clean && !has_lost(s->streams[i]);
    return clean;
}

static double server_least_s(const struct tally *t)
{
    double lasted_s = counted_s(t, seconds_between(t->s->running_ns, t->s->end_ns));

    return is_clean(t->s) ? tight_s(lasted_s) : roughly_s(lasted_s);
}

/* A client that was to run for a time has done so if that time has passed. One that ended otherwise
 * (bytes, blocks, a file) may have done so before its TEST_END was seen. */
static double client_least_s(const struct tally *t)
{
    const struct params *p = t->params;
    double lasted_s = seconds_between(t->s->start_ns, t->s->end_ns);
    double full_s = (double)(params_time_limit(p) + MAX(p->omit, 0));
    bool has_time = p->num <= 0 && p->blockcount <= 0 && params_time_limit(p) > 0;

    if (has_time && lasted_s >= full_s)
        return tight_s(counted_s(t, full_s));
    return roughly_s(counted_s(t, lasted_s));
}

/* Nobody has counted for longer than from the last stream's opening, which came before the start,
 * to its own results. */
static double most_s(const struct tally *t, enum observer_side side)
{
    const struct track_session *s = t->s;

    if (!s->order_is_sure || s->n_streams == 0 ||
        (int64_t)s->n_streams != params_n_streams(t->params))
        return HUGE_VAL;
    double lasted_s = seconds_between(s->streams[s->n_streams - 1]->at_ns, s->results_ns[side]);
    return is_clean(s) ? tally_slack_s(lasted_s) : 2 * lasted_s + LATE_S;
}

/* Whether the other end tells of less time, or more, as well: then it is the capture's clock that
 * has gone forward, or is slow, not both of theirs that are wrong. */
static bool agrees(const struct tally *t, enum observer_side other, int64_t id, double least,
                   double most)
{
    const struct results_stream *told =
        t->results[other] != NULL ? results_find(t->results[other], id) : NULL;
    double seconds = told != NULL && told->has_times ? told->end_time - told->start_time : least;

    return seconds < least || seconds > most;
}

/* RES-28. False: the capture's clock is in doubt. */
static bool judge_stream(const struct tally *t, enum observer_side side,
                         const struct results_stream *told)
{
    double least = side == OBSERVER_CLIENT ? client_least_s(t) : server_least_s(t);
    double most = most_s(t, side), seconds = told->end_time - told->start_time;
    char expected[96];

    if (!told->has_times || (seconds >= least && seconds <= most))
        return true;
    if (seconds < least ? agrees(t, !side, told->id, least, HUGE_VAL)
                        : agrees(t, !side, told->id, 0, most))
        return false;
    snprintf(expected, sizeof expected,
             "stream %" PRId64 ": no %s than %.3f s, by the capture's clock", told->id,
             seconds > most ? "longer" : "shorter", seconds > most ? most : least);
    tally_blame(t, "RES-28", side, expected, "%.3f s", seconds);
    return true;
}

static bool judge_side(const struct tally *t, enum observer_side side)
{
    const struct results *results = t->results[side];
    bool has_clock = true;

    if (results == NULL || t->s->n_results[0] > 1 || t->s->n_results[1] > 1)
        return true;
    for (size_t i = 0; i < results->n_streams; i++)
        has_clock = judge_stream(t, side, &results->streams[i]) && has_clock;
    return has_clock;
}

void tally_times(const struct tally *t)
{
    struct track_session *s = t->s;

    if (t->params == NULL || s->n_gaps > 0)
        return;
    if (s->odd_clock_number != 0 && (t->results[0] != NULL || t->results[1] != NULL))
        track_note(t->track, s,
                   "the times were not judged: packet %" PRIu64
                   " has none, or an earlier one than the packet in front of it",
                   s->odd_clock_number);
    if (s->odd_clock_number != 0 || s->start_ns == 0 || s->running_ns == 0 || s->end_ns == 0)
        return;
    if (!t->track->has_fractions) {
        track_note(t->track, s, "the times were not judged: the capture's are whole seconds");
        return;
    }
    judge_omit(t);
    bool has_clock = judge_side(t, OBSERVER_CLIENT);
    if (!judge_side(t, OBSERVER_SERVER) || !has_clock)
        track_note(t->track, s,
                   "the times were not judged: by the capture's clock more time passed, or less, "
                   "than either end tells of");
}
