/* detail.h - what -J tells beside iperf3's keys: all of it below a key of our own, "iperfref".
 *
 * The keys are described in docs/iperfref.1. */
#pragma once
#include "impl/report/report.h"
#include "impl/wire/jwrite.h"

/* The member "iperfref" of what is open in w: of an interval's row, of a stream at the end, of the
 * end itself. Nothing where there is nothing to tell. */
void detail_row(struct jwrite *w, const struct interval *row);
void detail_stream(struct jwrite *w, const struct interval_total *total, bool udp);
void detail_end(struct jwrite *w, const struct report_end *end);
