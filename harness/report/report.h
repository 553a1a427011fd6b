/* report.h - what people and programs read of a run. */
#pragma once
#include "harness/suite/gate.h"
#include "harness/suite/suite.h"
#include "impl/wire/json.h"

#include <stdio.h>

/* --- gate.c --- */
/* What is not the same as with the base build; `again` as below. */
void report_gate(FILE *out, const struct gate *gate, const char *again);

/* --- terminal.c --- */
/* Name, version and package of a build. */
void report_name(const struct subject_build *build, FILE *out);
void report_head(FILE *out, const struct suite *suite);
/* One line per case; for what was not expected what was got, and with_details everything that
 * helps. `again` is the command line without the choice of cases. */
void report_case(FILE *out, const struct suite *suite, const struct suite_result *result,
                 const char *again, bool with_details);
/* " --case ID", behind such a command line. */
void report_choice(FILE *out, const struct script *script);
/* The line that tells persistent mode from what was before. */
void report_persistent(FILE *out, const struct suite *suite);
/* A verdict that earlier cases change, and the fewest of them that do. */
void report_finding(FILE *out, const struct suite *suite, const struct suite_finding *finding,
                    const char *again);
/* Skips by reason, what contradicts the expectations, the counts, and why the exit status is not 0.
 */
void report_summary(FILE *out, const struct suite *suite);

/* --- areas.c --- */
/* A table of all areas, and what of the things that cases need is there. */
void report_areas(FILE *out, const struct suite *suite);

/* --- json.c --- */
/* The whole run as one JSON object. options: words of a command line that plays a case of it again,
 * a NUL behind each. */
void report_json(const struct suite *suite, struct bytes options, struct text *out);
/* The member "subject": what was judged. */
struct jwrite;
void report_put_subject(struct jwrite *w, const struct suite *suite);
/* What w holds, to a file, or to stdout for "-". False: see errno. */
bool report_put_file(const char *path, struct jwrite *w);

/* --- kept.c --- */
/* A string member, "" if there is none; borrowed from the tree. */
const char *report_text_of(const json_value *object, const char *key);
