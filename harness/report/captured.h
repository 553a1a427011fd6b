/* captured.h - the sessions of a capture as a run, so that every format can tell them.
 *
 * A violation is a result of its own, under its clause; so is a session without any: it passes, or,
 * where not all of it was captured, is skipped with what is missing. */
#pragma once
#include "harness/capture/track.h"
#include "harness/report/model.h"

/* Begin the run of one file. */
void captured_begin(struct reports *list, const char *path);
/* Add a session that is over, to the last run. */
void captured_add(struct reports *list, const struct track_session *s);
/* The file is over: the exit status that it gives, and why, if there is anything to say. */
void captured_end(struct reports *list, int exit, const char *reason);
