/* site.h - runs as a folder of HTML that opens from disk: index.html has the matrix of builds,
 * areas and cases, case/ a page per case, clauses.html what the cases go back to.
 *
 * No network, no frameworks; without scripts everything can still be read, but not searched. */
#pragma once
#include "harness/report/model.h"

struct site_request {
    const struct reports *reports; /* the builds, side by side */
    const struct reports *base;    /* what they are compared with; NULL: nothing */
    const char *dir;               /* is made if it is not there; its parent must be */
};

/* Whether the folder is there, or can be made, and can be written to. False: see errno. */
bool site_can(const char *dir);
/* Write all files, index.html last. False: see errno; an index.html of before is then left. */
bool site_write(const struct site_request *request);
