/* shape.h - whether what is read as a report of `iperfspec test --json` has the shape of one
 * (docs/report-schema.md). What it does not know is let pass: later versions add members. */
#pragma once
#include "harness/session/text.h"
#include "harness/suite/suite.h"
#include "impl/wire/json.h"

/* What the results of a run add up to, for its totals to agree with. Zero it to start. */
struct shape_counts {
    size_t n;
    unsigned verdicts[SUITE_N_VERDICTS], standings[SUITE_N_STANDINGS];
};

/* False, with one line in why, which names the member: one that is missing, is of another type, or
 * is a word that there is not.
 *   shape_is_result  the next one of the results; counted if it is good
 *   shape_is_schema  a head whose schema is ours
 *   shape_is_run     all members of a run but its results, which are the counted ones
 *   shape_is_record  what `test --record` writes */
bool shape_is_result(const json_value *value, struct shape_counts *counts, struct text *why);
bool shape_is_schema(const json_value *head, struct text *why);
bool shape_is_run(const json_value *head, const struct shape_counts *counts, struct text *why);
bool shape_is_record(const json_value *head, struct text *why);

/* The words of a report, back into what they stand for. False: a word that there is not. */
bool shape_find_verdict(const char *word, enum suite_verdict *out);
bool shape_find_standing(const char *word, enum suite_standing *out);
