/* tell.h - where a run is told: the files that `test` writes besides what it prints. */
#pragma once
#include "harness/report/formats.h"

struct tell {
    const char *json;                  /* paths, "-" for the standard output; NULL: not wanted */
    const char *files[REPORT_FORMATS]; /* by report_formats[]; that of github is never there */
    const char *html;                  /* folder */
    bool github;                       /* annotations among the output, and the step summary */
    struct text options; /* words of a command line that plays a case again, a NUL behind each */
};

/* Whether the standard output belongs to one of the files. */
bool tell_takes_stdout(const struct tell *tell);
/* Whether each has a place of its own. False after a message: two would write to one file. */
bool tell_is_sensible(const struct tell *tell, const char *program);
/* Said before the run, which takes minutes, not behind it: whether all can be written. False after
 * a message. */
bool tell_can(const struct tell *tell);
/* Whether anything but JSON is wanted. */
bool tell_wants_formats(const struct tell *tell);
/* Write these, of runs that were read or made. False after a message. */
bool tell_formats(const struct tell *tell, const struct reports *reports, FILE *annotations);
/* Write all of it. annotations: where --github prints. False after a message. */
bool tell_all(const struct tell *tell, const struct suite *suite, FILE *annotations);
