/* diff.h - what changed from one run to another, case by case. */
#pragma once
#include "harness/report/model.h"

struct diff_change {
    const struct report_result *old, *now; /* one of them may be NULL */
    const char *what;                      /* report_change() */
};

/* Two runs of a build, or of two that are compared. */
struct diff {
    const struct report *old, *now;
    struct diff_change *changes; /* the worse first, then by id */
    size_t n, n_both, n_worse;
};

struct diffs {
    struct diff *at;
    size_t n, n_worse; /* n_worse: of all together */
};

/* Compare each run of now with the one of old of its label, or with the only one. False, with one
 * line in why: no run of old can be meant. What is borrowed: both reports. */
bool diffs_make(struct diffs *d, const struct reports *old, const struct reports *now,
                struct text *why);
void diffs_fini(struct diffs *d);

/* For people, and as one JSON object (docs/report-schema.md). */
void diffs_text(const struct diffs *d, struct text *out);
void diffs_json(const struct diffs *d, struct text *out);
/* "pass", "FAIL (crash)", "known (miss)"; "nothing" for NULL. */
void diff_verdict(const struct report_result *r, struct text *out);
