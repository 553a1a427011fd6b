/* arena.h - memory that is given back all at once. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Zero it to start. */
struct arena {
    struct arena_block *blocks;
    bool is_shared; /* with the processes that are forked: see arena.c. To be set at the start */
};

/* Zeroed memory, aligned for anything. A process without memory ends. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_copy(struct arena *a, const char *at, size_t len); /* NUL behind it */
/* Room for one more element behind n of size bytes each in array; returns the (moved) array. */
void *arena_grow(struct arena *a, void *array, size_t n, size_t size);
/* Free all that it handed out. */
void arena_fini(struct arena *a);
