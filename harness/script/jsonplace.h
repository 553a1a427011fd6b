/* jsonplace.h - where in a JSON text things stand: what is wrong with it, and its members.
 *
 * Reading is json.h's affair, which says no more than yes or no; this is for pointing at a column.
 * What is taken here is what json.h takes of one value that fills the whole text. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Whether text (NUL-terminated) is one JSON value. If not, *at is the offset of what is wrong, and
 * *expected says what should stand there; static. */
bool jsonplace_is_value(const char *text, size_t *at, const char **expected);

/* The offsets of the n-th member's key and value in the text of an object that is a value. False if
 * it has fewer, or is no object. */
bool jsonplace_member(const char *text, size_t n, size_t *key, size_t *value);
