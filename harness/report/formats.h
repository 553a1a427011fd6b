/* formats.h - the formats that a run is told in. Each is a function over what was read of the
 * reports, so that `test --FORMAT` and `report FORMAT` make the same bytes. */
#pragma once
#include "harness/report/model.h"

struct report_format {
    const char *name; /* of the option, and of the subcommand */
    void (*write)(const struct reports *reports, struct text *out);
    const char *help; /* one line */
};
extern const struct report_format report_formats[];
#define REPORT_FORMATS 5

/* NULL if there is none. */
const struct report_format *report_format_find(const char *name);

void report_tap(const struct reports *reports, struct text *out);
void report_junit(const struct reports *reports, struct text *out);
void report_sarif(const struct reports *reports, struct text *out);
void report_markdown(const struct reports *reports, struct text *out);
void report_github(const struct reports *reports, struct text *out);

/* Append report_markdown() to the file that GITHUB_STEP_SUMMARY names, if there is one; it is cut
 * before the size at which all of it would be dropped. False: see errno. */
bool report_step_summary(const struct reports *reports);
