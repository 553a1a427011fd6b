/* merge.h - reports of shards joined into one, and reports without what differs from run to run. */
#pragma once
#include "harness/session/text.h"
#include "impl/wire/json.h"

struct jwrite;

/* Several reports (roots) as one: those of one subject become a run, with its cases by id; with
 * more than one subject they are the elements of "runs". status  the exit status of all of it: 3
 * before 1 before 0 False, with one line in why, if one of them is no report, or a case is in two
 * of one subject. */
bool merge_put(struct jwrite *w, const json_value *const *reports, size_t n, int *status,
               struct text *why);

/* A report, merged or not, without what differs from run to run: times, ports, counts of what
 * was measured, timelines, folders; its cases by id. False, with one line in why, if it is none. */
bool merge_put_normal(struct jwrite *w, const json_value *report, struct text *why);
