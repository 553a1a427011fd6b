/* merge.h - reports of shards joined into one, and reports without what differs from run to run. */
#pragma once
#include "harness/report/kept.h"

struct jwrite;

/* Several reports as one: those of one subject become a run, with its cases by id; with more than
 * one subject they are the elements of "runs". status  the exit status of all of it: 3 before 1
 * before 0. False, with one line in why, if a case is in two of one subject, or a shard is in none
 * and is_partial does not let it pass; status is 2 or 3 then. */
bool merge_put(struct jwrite *w, const struct kept *reports, size_t n, bool is_partial, int *status,
               struct text *why);

/* A report, merged or not, without what differs from run to run: times, ports, counts of what
 * was measured, timelines, folders; its cases by id. */
void merge_put_normal(struct jwrite *w, const struct kept *report);
