/* kept.h - the sessions that came to a good end: what the mutator goes back to.
 *
 * A session that broke off early can be news to the fuzzer, and is changed again then; soon most
 * inputs are such, and what is changed in a late message of theirs nobody hears. So a target hands
 * in what went well, and half of all changes begin with one of those. */
#pragma once
#include "impl/wire/bytes.h"

/* The input that was just run is one of them. Behind the watch on memory, though it allocates none.
 */
void kept_add(const uint8_t *data, size_t size);

/* One of them, of no bytes if there is none; it stays what it is until the next is added. state: of
 * harness/fuzz/draw.h. */
struct bytes kept_draw(uint64_t *state);
