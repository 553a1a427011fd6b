/* shrink.h - the fewest items of a list that still show something: delta debugging.
 *
 * Knows nothing of cases; trial() tells whether a part of the list, in its order, still shows it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Whether these n items (ascending positions of the list) show it. */
typedef bool shrink_trial(void *context, const size_t *items, size_t n);

/* Take out of items (which show it) what is not needed; *n is how many are left. Calls
 * trial at most *trials_left times, and counts that down. True if every item left is needed; false
 * if the trials were used up before that was known. */
bool shrink(size_t *items, size_t *n, unsigned *trials_left, shrink_trial *trial, void *context);
