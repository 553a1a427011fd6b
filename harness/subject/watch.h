/* watch.h - what a subject's process tells besides what it says on the wire. */
#pragma once
#include "harness/subject/subject.h"

/* A report of a sanitizer (ASAN, UBSAN, TSAN, MSAN, LSan) or of valgrind on its stderr: the line
 * that names what is wrong in *line, and where the whole begins in *at (borrowed from
 * subject->err). False if there is none. */
bool subject_report(const struct subject *subject, struct text *line, const char **at);

/* What the process and all that it started hold now; false if the process is gone. */
struct subject_sample {
    uint64_t memory; /* bytes of their own (RssAnon) */
    unsigned processes, descriptors, threads;
    bool has_shadow; /* a sanitizer's terabytes of address space: it keeps records of its own */
    uint64_t used_ns, at_ns; /* processor time, and when that was (CLOCK_MONOTONIC) */
};
bool subject_sample(const struct subject *subject, struct subject_sample *sample);

/* Samples in a row: one after each session, or each look. */
#define SUBJECT_SAMPLES_MAX 64
#define SUBJECT_QUANTITIES  4
struct subject_growth {
    double samples[SUBJECT_QUANTITIES][SUBJECT_SAMPLES_MAX];
    bool has_shadow;
    size_t n;
};
/* Add one; false if the process is gone, or there is no room. */
bool subject_growth_note(struct subject_growth *growth, const struct subject *subject);
/* Whether something grows for certain (leak.h), and what. each: what lies between two samples. */
bool subject_growth_shows(const struct subject_growth *growth, const char *each, struct text *what);

/* Whether processes, descriptors or threads have grown at each of so many steps that no more are
 * needed. */
bool subject_growth_is_steady(const struct subject_growth *growth);
/* Whether what has grown is still there after 5 s (times the scale): some close late. Returns at
 * once when most of it is gone. */
bool subject_growth_stays(const struct subject_growth *growth, struct subject *subject,
                          double scale);

/* Whether the subject comes to rest now that nothing is asked of it. Returns at the first look if
 * every thread waits, and it was not busy for most of its life, nor since that sample (NULL: there
 * is none); else once it was quiet for 50 ms together (it used less than a fifth of them). False,
 * with how much was used, once it has used a second of processor time (times the scale) before
 * that: processor time, not time on the clock, so that a busy machine makes nobody guilty. */
bool subject_rests(struct subject *subject, const struct subject_sample *since, double scale,
                   struct text *used);
/* Wait, and take in meanwhile what it prints; ends early if the process does. */
void subject_pass_time(struct subject *subject, unsigned ms);

/* The subject's sim_process.rests: subject_rests(), and a quarter of a second of looks for growth,
 * a tenth of which it may use; else it spins as above. */
enum sim_cause subject_judge_rest(void *subject, double scale, struct text *why);
