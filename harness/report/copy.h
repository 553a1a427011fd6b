/* copy.h - values of a report, taken over into another one. */
#pragma once
#include "impl/wire/json.h"

#include <stddef.h>

struct jwrite;

/* Write value below key (NULL in arrays). Whole numbers stay whole up to 2^53. What is nested
 * deeper than any report is written as null. */
void copy_value(struct jwrite *w, const char *key, const json_value *value);

/* Results, borrowed from their reports. Zero it to start; at is the caller's to free(). */
struct copy_list {
    const json_value **at;
    size_t n;
};
void copy_list_add(struct copy_list *list, const json_value *results);
void copy_list_sort(struct copy_list *list); /* by id */
/* An id that two of a sorted list have, or NULL. */
const char *copy_list_twice(const struct copy_list *list);
