/* edit.h - changes one member of a printed JSON text and leaves every other byte as it was.
 *
 * For peers that say something wrong: the honest text is made first, then a member is put in place
 * of another. The text is our own (compact, well-formed); a path names a member: "len",
 * "streams[0].bytes". */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>

/* Put `value` (any text, also one that is no JSON) at path; a member that is missing is added at
 * the end of its object. NULL removes the member. False if the path leads nowhere. */
bool edit_json(struct text *json, const char *path, const char *value);

/* The text of the value at path, borrowed; false if there is none. */
bool edit_find(const struct text *json, const char *path, struct bytes *value);
