/* split.h - the members of a JSON object, or the elements of an array, one after the other.
 *
 * A report of many thousand cases is read piece by piece: each piece is a whole JSON text for
 * json_parse(), which then judges what is in it. No allocation; nothing is copied. */
#pragma once
#include "impl/wire/bytes.h"

#include <stdbool.h>

struct split {
    const uint8_t *at, *end;
    bool is_object, is_broken;
};

/* False if text holds neither an object nor an array. text: borrowed until the last split_next().
 */
bool split_begin(struct split *s, struct bytes text);
/* The next piece; key is that of a member without its quotes, as it is written. False at the end;
 * s->is_broken tells if that was no good one. */
bool split_next(struct split *s, struct bytes *key, struct bytes *value);
/* Whether a key is this word. */
bool split_is(struct bytes key, const char *word);
