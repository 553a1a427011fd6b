/* pool.h - plays cells in processes of their own, several at a time. */
#pragma once
#include "harness/interop/cell.h"

/* Play every cell whose outcome is CELL_OPEN, at most n_jobs at a time, in order.
 *   outcomes  n of them, in memory shared with children (pool_share())
 *   done      called in this process after each
 * Nothing is left behind, also when a signal interrupts. False: interrupted, or out of processes.
 */
bool pool_play(const struct interop_cell *cells, struct interop_outcome *outcomes, size_t n,
               const struct kit *kit, unsigned n_jobs, void (*done)(void *context, size_t index),
               void *context);

/* Zeroed memory for n outcomes, for the rest of the process's life. NULL: see errno. */
struct interop_outcome *pool_share(size_t n);
