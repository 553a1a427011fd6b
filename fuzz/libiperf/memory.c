/* memory.c - libiperf's allocations, and its variables. */
#include "fuzz/libiperf/memory.h"

#include "impl/wire/bytes.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS_MAX 65536 /* more are not tracked: the run's limit on memory is reached before */
#define PLACES_MAX 256
#define SIZE_LIMIT (64u << 20) /* of one allocation: for more there is no memory */

/* Of one allocation; size is that of a mapping, 0: a block. */
static struct block {
    void *at;
    const void *caller;
    size_t size;
} blocks[BLOCKS_MAX];
static size_t n_blocks;

static struct place {
    const void *caller;
    size_t n_blocks;
} places[PLACES_MAX];
static size_t n_places;

/* Its threads, if the library has some, allocate as well. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *libiperf_malloc(size_t size);
void *libiperf_calloc(size_t n, size_t size);
void *libiperf_realloc(void *at, size_t size);
char *libiperf_strdup(const char *text);
char *libiperf_strndup(const char *text, size_t max);
void libiperf_free(void *at);
void *libiperf_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int libiperf_munmap(void *at, size_t size);

static void *hold(void *at, size_t size, const void *caller)
{
    pthread_mutex_lock(&lock);
    if (at && n_blocks < BLOCKS_MAX)
        blocks[n_blocks++] = (struct block){at, caller, size};
    pthread_mutex_unlock(&lock);
    return at;
}

/* The newest go first most often. */
static void let_go(const void *at)
{
    pthread_mutex_lock(&lock);
    size_t i = n_blocks;
    while (i > 0 && blocks[i - 1].at != at)
        i--;
    if (i > 0) {
        memmove(&blocks[i - 1], &blocks[i], (n_blocks - i) * sizeof *blocks);
        n_blocks--;
    }
    pthread_mutex_unlock(&lock);
}

#define CALLER __builtin_return_address(0)

void *libiperf_malloc(size_t size)
{
    return hold(size > SIZE_LIMIT ? NULL : malloc(size), 0, CALLER);
}

void *libiperf_calloc(size_t n, size_t size)
{
    return hold(n > SIZE_LIMIT || n * size > SIZE_LIMIT ? NULL : calloc(n, size), 0, CALLER);
}

void *libiperf_realloc(void *at, size_t size)
{
    if (size > SIZE_LIMIT)
        return NULL;
    if (at)
        let_go(at);
    return hold(realloc(at, size), 0, CALLER);
}

/* Of NULL, too: it must crash as it does elsewhere. */
__attribute__((no_sanitize("undefined"))) char *libiperf_strdup(const char *text)
{
    return hold(strdup(text), 0, CALLER);
}

char *libiperf_strndup(const char *text, size_t max)
{
    return hold(strndup(text, max), 0, CALLER);
}

void libiperf_free(void *at)
{
    if (at)
        let_go(at);
    free(at);
}

void *libiperf_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (size > SIZE_LIMIT) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *got = mmap(at, size, protection, flags, fd, offset);

    return got == MAP_FAILED ? got : hold(got, size, CALLER);
}

int libiperf_munmap(void *at, size_t size)
{
    let_go(at);
    return munmap(at, size);
}

/* --- variables ------------------------------------------------------------------------------- */

/* The sections that the library's variables were put into (see the Makefile). */
extern char __start_libiperf_data[], __stop_libiperf_data[];
extern char __start_libiperf_bss[], __stop_libiperf_bss[];

/* Both ends of a section are objects of their own to the language. */
static size_t between(const char *start, const char *stop)
{
    return (size_t)((uintptr_t)stop - (uintptr_t)start);
}

/* Byte by byte: between variables there may be what AddressSanitizer forbids to touch. */
__attribute__((no_sanitize("address"), no_builtin)) static void
put(volatile char *to, const volatile char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from ? from[i] : '\0';
}

static void reset_variables(void)
{
    static char *kept;
    size_t len = between(__start_libiperf_data, __stop_libiperf_data);

    if (!kept) {
        kept = malloc(len + 1);
        if (!kept)
            abort();
        put(kept, __start_libiperf_data, len);
    }
    put(__start_libiperf_data, kept, len);
    put(__start_libiperf_bss, NULL, between(__start_libiperf_bss, __stop_libiperf_bss));
}

void memory_reset(void)
{
    for (; n_blocks > 0; n_blocks--) {
        const struct block *b = &blocks[n_blocks - 1];
        if (b->size > 0)
            munmap(b->at, b->size);
        else
            free(b->at);
    }
    reset_variables();
}

/* --- leaks ----------------------------------------------------------------------------------- */

/* Whether the word is among those from `at` on. */
__attribute__((no_sanitize("address"))) static bool holds(const char *at, size_t len,
                                                          const void *word)
{
    const uintptr_t *words = (const uintptr_t *)(((uintptr_t)at + 7) & ~(uintptr_t)7);

    for (; (const char *)(words + 1) <= at + len; words++)
        if (*words == (uintptr_t)word)
            return true;
    return false;
}

/* A variable of the library's or another block of its own says where the block is. */
static bool is_reachable(const struct block *b)
{
    if (holds(__start_libiperf_bss, between(__start_libiperf_bss, __stop_libiperf_bss), b->at) ||
        holds(__start_libiperf_data, between(__start_libiperf_data, __stop_libiperf_data), b->at))
        return true;
    for (size_t i = 0; i < n_blocks; i++)
        if (&blocks[i] != b && blocks[i].size == 0 &&
            holds(blocks[i].at, malloc_usable_size(blocks[i].at), b->at))
            return true;
    return false;
}

static void note(const void *caller)
{
    size_t i = 0;

    while (i < n_places && places[i].caller != caller)
        i++;
    if (i == PLACES_MAX)
        return;
    n_places = MAX(n_places, i + 1);
    places[i].caller = caller;
    places[i].n_blocks++;
}

size_t memory_lost(void)
{
    size_t n = 0;

    for (size_t i = 0; i < n_blocks; i++)
        if (!is_reachable(&blocks[i])) {
            note(blocks[i].caller);
            n++;
        }
    return n;
}

static int by_blocks(const void *a, const void *b)
{
    size_t one = ((const struct place *)a)->n_blocks, two = ((const struct place *)b)->n_blocks;

    return (one < two) - (one > two);
}

void memory_tell(size_t max)
{
    char where[256];

    qsort(places, n_places, sizeof *places, by_blocks);
    for (size_t i = 0; i < MIN(n_places, max); i++) {
        __sanitizer_symbolize_pc((void *)(uintptr_t)places[i].caller, "%f %s:%l", where,
                                 sizeof where);
        fprintf(stderr, "libiperf: %zu blocks lost that were got in %s\n", places[i].n_blocks,
                where);
    }
}
