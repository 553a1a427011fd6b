/* alloc.h - makes the n-th allocation fail, to walk the paths that no memory opens.
 *
 * Every test program is linked with alloc.c, whose wrappers stand in front of malloc, calloc,
 * realloc, strdup and strndup for all of our own objects, and of cJSON's allocations. They pass
 * everything on until alloc_fail_at() is called. Allocations inside other libraries are not
 * touched.
 *
 *     for (unsigned n = 1;; n++) {
 *         alloc_fail_at(n);
 *         enum spec_err e = thing_under_test(...);
 *         if (!alloc_failed())
 *             break; // it needs fewer than n allocations, and succeeded
 *         assert_int_equal(e, SPEC_E_NOMEM);
 *     }
 *     alloc_fail_at(0); */
#pragma once
#include <stdbool.h>

/* Count from 0 again, and let the n-th allocation from here on fail, that one only; 0: none. */
void alloc_fail_at(unsigned n);

/* Allocations since alloc_fail_at(), the failed one included. */
unsigned alloc_count(void);

/* Whether the allocation that was to fail came. */
bool alloc_failed(void);
