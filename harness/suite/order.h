/* order.h - in which order cases are played. An order is an array of n places in a list. */
#pragma once
#include "harness/suite/suite.h"

/* The same order for the same seed and n everywhere. */
void order_shuffle(size_t *index, size_t n, uint64_t seed);

/* Those first that are worth most per second: order.c says what that is. */
void order_by_worth(const struct script_list *list, size_t *index, size_t n);

/* Those first whose steps may wait longest: others fill the time beside them. */
void order_by_patience(const struct script_list *list, size_t *index, size_t n);

/* About how long a case takes, by its kind: what a budget reckons with before it is begun. */
uint64_t order_cost_ns(const struct script *script);
