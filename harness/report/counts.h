/* counts.h - the member "totals" of a report. */
#pragma once
#include "harness/suite/suite.h"
#include "impl/wire/json.h"

struct jwrite;

/* Write them as the member "totals". */
void counts_put(struct jwrite *w, const struct suite_totals *totals);

/* Add those of a report (its root) to totals, which is zeroed at first. What is missing counts as
 * 0, and at most 2^30 are believed. */
void counts_add(struct suite_totals *totals, const json_value *report);
