/* arena.c - in blocks from malloc(), one for each piece; or in large blocks of shared memory.
 *
 * A fork copies the page tables of private memory, and each later write in either process copies a
 * page. The suite forks twice for each case, and holds thousands of scripts that nobody changes: in
 * shared memory they cost a fork nothing. What a child writes there its parent sees, so this is for
 * what stays as it is. */
#include "harness/session/arena.h"

#include "harness/session/text.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SHARED_MIN 65536u
#define SHARED_MAX (4u << 20) /* a block is twice as large as the last, up to here */

/* With AddressSanitizer each piece is a block of its own: it watches the space between blocks. */
#if defined(__SANITIZE_ADDRESS__)
#define CAN_SHARE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAN_SHARE 0
#endif
#endif
#ifndef CAN_SHARE
#define CAN_SHARE 1
#endif

struct arena_block {
    struct arena_block *next;
    size_t size, used; /* of a shared block, this head included; size 0: from malloc() */
    max_align_t data[];
};

static void push(struct arena *a, struct arena_block *block)
{
    block->next = a->blocks;
    a->blocks = block;
}

static void *alloc_own(struct arena *a, size_t size)
{
    struct arena_block *block = text_realloc(NULL, sizeof *block + size);

    block->size = block->used = 0;
    push(a, block);
    return memset(block->data, 0, size);
}

/* A new block with room for size bytes at least; NULL if the kernel has none. */
static struct arena_block *new_shared(struct arena *a, size_t size)
{
    size_t twice = a->blocks ? 2 * a->blocks->size : SHARED_MIN;
    size_t len = MAX(MIN(twice, SHARED_MAX), SHARED_MIN);

    len = MAX(len, sizeof(struct arena_block) + size);
    struct arena_block *block =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return NULL;
    block->size = len;
    block->used = sizeof *block;
    push(a, block);
    return block;
}

/* NULL: it has to come from malloc(). */
static void *alloc_shared(struct arena *a, size_t size)
{
    struct arena_block *block = a->blocks;

    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!block || block->size - block->used < size)
        block = new_shared(a, size);
    if (!block)
        return NULL;
    void *at = (char *)block + block->used;
    block->used += size;
    return at;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *at = CAN_SHARE && a->is_shared ? alloc_shared(a, size) : NULL;

    return at ? at : alloc_own(a, size);
}

char *arena_copy(struct arena *a, const char *at, size_t len)
{
    char *copy = arena_alloc(a, len + 1);

    if (len > 0)
        memcpy(copy, at, len);
    return copy;
}

void *arena_grow(struct arena *a, void *array, size_t n, size_t size)
{
    /* Doubles at powers of two: the old copies stay in the arena and cost at most as much again. */
    if (n > 0 && (n & (n - 1)) != 0)
        return array;
    void *new = arena_alloc(a, (n ? 2 * n : 1) * size);
    if (n > 0)
        memcpy(new, array, n * size);
    return new;
}

void arena_fini(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        if (block->size)
            munmap(block, block->size);
        else
            free(block);
    }
}
