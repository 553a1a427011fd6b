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

/* --- sessions that went well ----------------------------------------------------------------- */

#define KEPT_N   64
#define KEPT_LEN 4096 /* longer ones are not kept */

static struct {
    uint8_t at[KEPT_LEN];
    size_t len;
} kept[KEPT_N];
static size_t n_offered;

/* Of all that were handed in each is there with the same chance. */
void kept_add(const uint8_t *data, size_t size)
{
    uint64_t state = n_offered;
    size_t place = n_offered < KEPT_N ? n_offered : draw(&state, n_offered + 1);

    n_offered++;
    if (place >= KEPT_N || size > KEPT_LEN)
        return;
    memcpy(kept[place].at, data, size);
    kept[place].len = size;
}

/* One of them in place of the input, now and then; the size of what is there now. */
static size_t go_back(uint8_t *data, size_t size, size_t cap, unsigned seed)
{
    uint64_t state = ~(uint64_t)seed;
    size_t n = n_offered < KEPT_N ? n_offered : KEPT_N;

    if (n == 0 || draw(&state, KEPT_OF) != 0)
        return size;
    size_t which = draw(&state, n);
    if (kept[which].len == 0 || kept[which].len > cap)
        return size;
    memcpy(data, kept[which].at, kept[which].len);
    return kept[which].len;
}

/* --- the engine's calls ---------------------------------------------------------------------- */

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
