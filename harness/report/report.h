/* report.h - what people and programs read of a run. */
#pragma once
#include "harness/suite/suite.h"

#include <stdio.h>

/* --- terminal.c --- */
void report_head(FILE *out, const struct suite *suite);
/* One line per case, and for what was not expected everything that helps; `again` is the command
 * line that plays it again. */
void report_case(FILE *out, const struct suite *suite, const struct suite_result *result,
                 const char *program);
/* Skips, known failures that changed, and the closing line. */
void report_summary(FILE *out, const struct suite *suite);

/* --- json.c --- */
/* The whole run as one JSON object. False: see errno. */
bool report_json(const char *path, const struct suite *suite);
