/* memory.h - what libiperf holds: every block and mapping of its own is known, so that a run that
 * ended in the middle leaves nothing, and one that ended well shows what it lost.
 *
 * Its variables start each run as they were at the first. */
#pragma once
#include <stddef.h>

/* Before the first run, and before every one: variables as they were, no block, no mapping. */
void memory_reset(void);

/* How many blocks and mappings the library holds that it could no longer give back: neither a
 * variable nor another block says where they are. Who got them is noted. */
size_t memory_lost(void);

/* Print up to max places where such blocks were got, with their numbers. */
void memory_tell(size_t max);
