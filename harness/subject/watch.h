/* watch.h - what a subject's process tells besides what it says on the wire. */
#pragma once
#include "harness/subject/subject.h"

/* A report of a sanitizer (ASAN, UBSAN, TSAN, MSAN, LSan) or of valgrind on its stderr, from byte
 * `from` on: the line that names what is wrong in *line, and where the whole begins in *at
 * (borrowed from subject->err). False if there is none. */
bool subject_report(const struct subject *subject, size_t from, struct text *line, const char **at);

/* Whether the process comes to rest now that nothing is asked of it: every thread waits, and it has
 * not been busy all the time. Returns at the first look if so. False, with how much was used, once
 * it has used a second of processor time (times the scale) without rest: processor time, not time
 * on the clock, so that a busy machine makes nobody guilty. */
bool subject_rests(struct subject *subject, double scale, struct text *used);

/* What the process holds now; false if it is gone. */
struct subject_sample {
    uint64_t memory; /* bytes of its own (RssAnon) */
    unsigned descriptors, threads;
};
bool subject_sample(const struct subject *subject, struct subject_sample *sample);
