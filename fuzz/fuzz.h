/* fuzz.h - what all fuzz targets share: claims that abort, inputs taken apart, pieces of any size,
 * memory watched.
 *
 * A target is one file, NAME_fuzzer.c. It claims what must hold for every input, with FUZZ_CHECK();
 * sanitizers see the rest. What it reads is deterministic: no clock, no random numbers. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#endif
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's entry; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- claims ------------------------------------------------------------------------------------
 */

__attribute__((noreturn, format(printf, 3, 4))) static inline void
fuzz_fail(const char *where, const char *claim, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "\n%s: does not hold: %s: ", where, claim);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

#define FUZZ_LINE_(line) #line
#define FUZZ_LINE(line)  FUZZ_LINE_(line)
/* The claim, and a printf text that says what was seen instead. */
#define FUZZ_CHECK(claim, ...)                                                                     \
    do {                                                                                           \
        if (!(claim))                                                                              \
            fuzz_fail(__FILE__ ":" FUZZ_LINE(__LINE__), #claim, __VA_ARGS__);                      \
    } while (0)

/* --- taking an input apart ---------------------------------------------------------------------
 */

/* From the front; zeros behind the end. */
static inline uint8_t fuzz_u8(struct bytes *in)
{
    if (in->len == 0)
        return 0;
    *in = (struct bytes){in->at + 1, in->len - 1};
    return in->at[-1];
}

static inline uint64_t fuzz_u64(struct bytes *in)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | fuzz_u8(in);
    return value;
}

/* At most len bytes. */
static inline struct bytes fuzz_take(struct bytes *in, size_t len)
{
    struct bytes taken = {in->at, MIN(len, in->len)};

    *in = (struct bytes){in->at + taken.len, in->len - taken.len};
    return taken;
}

/* A NUL-terminated copy for free(); a NUL inside ends it early for those who look for one. */
static inline char *fuzz_text(struct bytes in)
{
    char *text = malloc(in.len + 1);

    if (text == NULL)
        abort();
    if (in.len > 0)
        memcpy(text, in.at, in.len);
    text[in.len] = '\0';
    return text;
}

static inline bool fuzz_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* --- pieces ------------------------------------------------------------------------------------
 */

/* How a run of bytes arrives. Seed 0: all at once; 1: byte by byte; else pieces of 1 to seed. */
struct fuzz_cuts {
    uint8_t seed;
    uint32_t state;
};

static inline struct bytes fuzz_piece(struct fuzz_cuts *cuts, struct bytes *in)
{
    if (cuts->seed == 0)
        return fuzz_take(in, in->len);
    cuts->state = cuts->state * 1664525u + 1013904223u;
    return fuzz_take(in, 1 + (cuts->state >> 16) % cuts->seed);
}

/* --- memory ------------------------------------------------------------------------------------
 */

/* Bytes that the code under test holds, and the most it held since fuzz_memory_start(). Only
 * AddressSanitizer tells: without it there is no watch. */
static struct {
    size_t now, most;
    bool is_on, is_hooked;
} fuzz_memory;

#if __has_feature(address_sanitizer)
static inline void fuzz_on_malloc(const volatile void *at, size_t size)
{
    (void)at;
    if (!fuzz_memory.is_on)
        return;
    fuzz_memory.now += size;
    fuzz_memory.most = MAX(fuzz_memory.most, fuzz_memory.now);
}

static inline void fuzz_on_free(const volatile void *at)
{
    if (fuzz_memory.is_on && at != NULL)
        fuzz_memory.now -=
            MIN(fuzz_memory.now, __sanitizer_get_allocated_size((const void *)(uintptr_t)at));
}

static inline void fuzz_memory_start(void)
{
    if (!fuzz_memory.is_hooked)
        __sanitizer_install_malloc_and_free_hooks(fuzz_on_malloc, fuzz_on_free);
    fuzz_memory.is_hooked = fuzz_memory.is_on = true;
    fuzz_memory.now = fuzz_memory.most = 0;
}
#else
static inline void fuzz_memory_start(void)
{
}
#endif

/* Ends the watch; the claim is that the code held at most base + factor * size bytes at once. */
static inline void fuzz_memory_stop(size_t base, size_t factor, size_t size)
{
    fuzz_memory.is_on = false;
    FUZZ_CHECK(fuzz_memory.most <= base + factor * size, "%zu bytes of memory for %zu of input",
               fuzz_memory.most, size);
}

/* --- what a run did, to be compared with another's ---------------------------------------------
 */

/* A growing run of bytes. Zero it to start. Its memory is the target's: it is not watched. */
struct fuzz_log {
    uint8_t *at;
    size_t len, cap;
};

static inline void fuzz_note(struct fuzz_log *log, const void *bytes, size_t len)
{
    if (log->len + len > log->cap) {
        bool was_on = fuzz_memory.is_on;
        fuzz_memory.is_on = false;
        log->cap = MAX(2 * log->cap, log->len + len + 256);
        log->at = realloc(log->at, log->cap);
        if (log->at == NULL)
            abort();
        fuzz_memory.is_on = was_on;
    }
    if (len > 0)
        memcpy(log->at + log->len, bytes, len);
    log->len += len;
}

static inline void fuzz_note_u64(struct fuzz_log *log, uint64_t value)
{
    fuzz_note(log, &value, sizeof value);
}

static inline struct bytes fuzz_noted(const struct fuzz_log *log)
{
    return (struct bytes){log->at, log->len};
}

static inline void fuzz_log_fini(struct fuzz_log *log)
{
    free(log->at);
    *log = (struct fuzz_log){0};
}
