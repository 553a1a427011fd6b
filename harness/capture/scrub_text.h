/* scrub_text.h - takes what is private out of texts, in place, lengths kept. Pure.
 *
 * A word becomes another one, the same for the same word wherever it stands: letters stay letters,
 * digits stay digits, what is between words stays. Which one depends on a salt, so that nobody can
 * find a word by trying. */
#pragma once
#include "impl/wire/bytes.h"

struct scrub_salt {
    uint8_t bytes[16];
};

/* Every word. */
void scrub_words(const struct scrub_salt *salt, uint8_t *text, size_t len);
/* Of a JSON text, or what pretends to be one: every string but keys and values that tell nothing of
 * anybody (versions, congestion algorithms); outside of strings whatever is no number and none of
 * JSON's own words. */
void scrub_json(const struct scrub_salt *salt, uint8_t *text, size_t len);
