/* shards.h - which parts of a run a report holds: its member "shards", {"of": N, "parts": [I,
 * ...]}, which a run that is whole does not have. */
#pragma once
#include "harness/session/text.h"
#include "impl/wire/json.h"

#include <stdbool.h>
#include <stddef.h>

#define SHARDS_MAX 10000 /* parts of a run */

struct jwrite;

/* Parts of one run, put together. Zero it to start. */
struct shards {
    unsigned of;              /* 0: no report said that it is a part */
    bool has[SHARDS_MAX + 1]; /* by number, from 1 */
};

/* The member of a run that is the i-th part of n; nothing if n is 0. */
void shards_put_one(struct jwrite *w, unsigned i, unsigned n);
/* Take what a report says. False, with one line in why: it is no part, or of another number. */
bool shards_add(struct shards *s, const json_value *head, struct text *why);
/* Whether none is missing; else why names those that are: "shards 2 and 3 of 4 are missing". */
bool shards_are_whole(const struct shards *s, struct text *why);
/* The member of what was put together; nothing if it is whole. */
void shards_put(struct jwrite *w, const struct shards *s);
