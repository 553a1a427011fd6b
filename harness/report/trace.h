/* trace.h - a tap that prints what it hears as two columns: ours to the left, the subject's to the
 * right, with the time in front.
 *
 * Control messages are shown by what they mean, as the session records them; connections, ends,
 * data and datagrams as they pass the sockets. A message of ours that took several writes is
 * followed by their number, and what was never written, or makes no message, is said at the end.
 * Data that follows data of the same stream is added up for at most a second. */
#pragma once
#include "harness/session/text.h"
#include "harness/sim/tap.h"

#include <stdio.h>

#define TRACE_COLUMNS_MIN 60
#define TRACE_COLUMNS_MAX 400

struct trace {
    struct sim_tap tap; /* give its address to sim_config.tap; set tap.next to chain another */
    FILE *out;          /* the caller's; flushed after each message */
    unsigned columns;
    uint64_t start_ns;
    struct trace_run *runs; /* data that is still being added up */
    size_t n_runs;
    struct trace_control *controls; /* bytes that are under way, by connection */
    size_t n_controls;
};

/* columns: of the output, brought within the limits above. now_ns: CLOCK_MONOTONIC, the trace's
 * zero. */
void trace_init(struct trace *t, FILE *out, unsigned columns, uint64_t now_ns);
/* The heads of both columns. */
void trace_head(struct trace *t, const char *ours, const char *subject);
/* All that is still to be said. */
void trace_fini(struct trace *t, uint64_t now_ns);
