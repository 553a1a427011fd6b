/* line.h - the line between the harness and a worker (worker.c). */
#pragma once

#include "harness/suite/suite.h"

/* All len bytes; false if the other end is gone. */
bool line_put(int fd, const void *bytes, size_t len);
/* The same; false also at the end of the line. */
bool line_get(int fd, void *bytes, size_t len);

/* What came of a case: its numbers, and the texts that a report is made of, not its record. */
bool line_put_run(int fd, struct suite_run *run);
/* run is initialised in any case, and the caller's to end with suite_run_fini(). */
bool line_get_run(int fd, struct suite_run *run);
