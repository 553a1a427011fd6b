/* tally_core.h - what the tally*.c files share; private to them. */
#pragma once
#include "harness/capture/tally.h"

/* 20 ms, and 1 %: two clocks, and a busy machine. */
#define CLOCK_SLACK_NS UINT64_C(20000000)

struct tally {
    struct track *track;
    struct track_session *s;
    const struct params *params;
    const struct results *results[2]; /* by side; NULL: none that can be read */
};

/* One direction of a stream, and what both ends say of it. */
struct side_by_side {
    const struct track_stream *stream;
    enum observer_side sender;
    const struct results_stream *sent, *received; /* NULL: not in the results */
};

/* A violation in the results of that side. */
void tally_blame(const struct tally *t, const char *clause, enum observer_side by,
                 const char *expected, const char *found_format, ...)
    __attribute__((format(printf, 5, 6)));
/* So many seconds, and as much more as two clocks may differ. */
double tally_slack_s(double seconds);

/* Whether the client says that it is of that version or a later one; or of an earlier one. Neither
 * where it does not say. */
bool tally_client_is(const struct tally *t, unsigned major, unsigned minor);
bool tally_client_is_before(const struct tally *t, unsigned major, unsigned minor);

/* Counts that an end cannot have. */
void tally_role(const struct tally *t, const struct side_by_side *b);
void tally_tcp(const struct tally *t, const struct side_by_side *b);
void tally_udp(const struct tally *t, const struct side_by_side *b);
/* A last word that the server has not said (FLOW-9). */
void tally_end(const struct tally *t);
/* Data that was not captured is said. */
void tally_gaps(const struct tally *t);
/* Times of the session (OMIT-4) and in its results (RES-28). */
void tally_times(const struct tally *t);
