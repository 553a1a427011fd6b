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
    bool has_shadow; /* a sanitizer's terabytes of address space: it keeps records of its own */
};
bool subject_sample(const struct subject *subject, struct subject_sample *sample);

/* Samples in a row: one after each session, or each look. */
#define SUBJECT_SAMPLES_MAX 64
struct subject_growth {
    double memory[SUBJECT_SAMPLES_MAX], descriptors[SUBJECT_SAMPLES_MAX],
        threads[SUBJECT_SAMPLES_MAX];
    bool has_shadow;
    size_t n;
};
/* Add one; false if the process is gone, or there is no room. */
bool subject_growth_note(struct subject_growth *growth, const struct subject *subject);
/* Whether something grows for certain (leak.h), and what. each: what lies between two samples. */
bool subject_growth_shows(const struct subject_growth *growth, const char *each, struct text *what);

/* Whether descriptors or threads have grown at each of so many steps that no more are needed. */
bool subject_growth_is_steady(const struct subject_growth *growth);

/* The subject's sim_process.rests: subject_rests(), and a quarter of a second of looks for growth.
 */
enum sim_cause subject_judge_rest(void *subject, double scale, struct text *why);
