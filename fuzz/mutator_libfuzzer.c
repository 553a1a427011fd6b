/* mutator_libfuzzer.c - the session mutator as libFuzzer's own, for the targets that say which form
 * (form.h) their input has.
 *
 * One time in four libFuzzer changes the bytes as if there were no form. With FUZZ_PLAIN set in the
 * environment it always does: to see what the mutator is worth. */
#include "fuzz/kept.h"
#include "harness/fuzz/draw.h"
#include "harness/fuzz/form.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t max_size, unsigned seed);

#define PLAIN_OF 4 /* one in so many */
#define KEPT_OF  2

/* A session that went well in place of the input, now and then; the size of what is there now. */
static size_t go_back(uint8_t *data, size_t size, size_t cap, unsigned seed)
{
    uint64_t state = ~(uint64_t)seed;

    if (draw(&state, KEPT_OF) != 0)
        return size;
    struct bytes session = kept_draw(&state);
    if (session.len == 0 || session.len > cap)
        return size;
    memcpy(data, session.at, session.len);
    return session.len;
}

static bool is_plain(unsigned seed)
{
    static int told = -1;
    uint64_t state = seed;

    if (told < 0)
        told = getenv("FUZZ_PLAIN") != NULL;
    return told || draw(&state, PLAIN_OF) == 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (is_plain(seed))
        return LLVMFuzzerMutate(data, size, max_size);
    size = go_back(data, size, max_size, seed);
    return form_mutate(fuzz_form, data, size, max_size, seed, LLVMFuzzerMutate);
}

/* Bytes of both in turns, as libFuzzer's own does it. */
static size_t cross_plainly(struct bytes one, struct bytes two, uint8_t *out, size_t cap,
                            unsigned seed)
{
    uint64_t state = seed;
    size_t n = 0;

    while (n < cap && one.len > 0) {
        for (size_t run = 1 + draw(&state, one.len); run > 0 && n < cap; run--) {
            out[n++] = *one.at;
            one = (struct bytes){one.at + 1, one.len - 1};
        }
        struct bytes next = two;
        two = one;
        one = next;
    }
    return n;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *two,
                                 size_t two_size, uint8_t *out, size_t max_size, unsigned seed)
{
    struct bytes a = {one, one_size}, b = {two, two_size};

    return is_plain(seed) ? cross_plainly(a, b, out, max_size, seed)
                          : form_cross(fuzz_form, a, b, out, max_size, seed);
}
