/* copy.h - values of a report, taken over into another one. */
#pragma once
#include "harness/report/kept.h"

struct jwrite;

/* Write value below key (NULL in arrays). Whole numbers stay whole up to 2^53. What is nested
 * deeper than any report is written as null. */
void copy_value(struct jwrite *w, const char *key, const json_value *value);

/* What has an id: results of a run, or the cases of a gate; borrowed from their reports. Zero it to
 * start. */
struct copy_list {
    struct copy_item {
        const char *id;
        const struct kept_result *kept; /* NULL: tree */
        const json_value *tree;
    } * at;
    size_t n, cap;
};
void copy_list_add_results(struct copy_list *list, const struct kept_run *run);
void copy_list_add(struct copy_list *list, const json_value *objects);
void copy_list_sort(struct copy_list *list); /* by id */
/* An id that two of a sorted list have, or NULL. */
const char *copy_list_twice(const struct copy_list *list);
/* Write them as an array below key, each with put; and free the list. */
void copy_list_put(struct copy_list *list, struct jwrite *w, const char *key,
                   void (*put)(struct jwrite *w, const char *key, const json_value *object));
