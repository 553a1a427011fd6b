#include "impl/tests/alloc.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

static atomic_uint victim, count; /* atomic: some tests have threads */

static bool fails(void)
{
    if (atomic_fetch_add(&count, 1) + 1 != atomic_load(&victim))
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

void alloc_fail_at(unsigned n)
{
    /* The wrapped malloc: what cJSON gives out is still plain heap memory, for free(). */
    cJSON_Hooks hooks = {.malloc_fn = __wrap_malloc, .free_fn = free};

    cJSON_InitHooks(&hooks);
    atomic_store(&count, 0);
    atomic_store(&victim, n);
}

unsigned alloc_count(void)
{
    return atomic_load(&count);
}

bool alloc_failed(void)
{
    unsigned n = atomic_load(&victim);

    return n > 0 && atomic_load(&count) >= n;
}
