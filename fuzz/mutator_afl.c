/* mutator_afl.c - the session mutator for AFL++, which does not call libFuzzer's entry: a shared
 * object for AFL_CUSTOM_MUTATOR_LIBRARY. FUZZ_FORM=steps in the environment is for the session
 * target; else inputs are records (form.h).
 *
 * AFL++ finds the functions by name; none of its headers is needed. */
#include "harness/fuzz/form.h"

#include "harness/fuzz/draw.h"

#include <stdlib.h>
#include <string.h>

#define ROOM (1u << 20) /* AFL++'s largest input */

struct afl_mutator {
    uint64_t seed;
    enum form form;
    uint8_t out[ROOM];
};

void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **out, uint8_t *add,
                       size_t add_size, size_t max_size);
void afl_custom_deinit(void *data);

void *afl_custom_init(void *afl, unsigned seed)
{
    const char *form = getenv("FUZZ_FORM");
    struct afl_mutator *m = malloc(sizeof *m);

    (void)afl;
    if (m) {
        m->seed = seed;
        m->form = form && strcmp(form, "steps") == 0 ? FORM_STEPS : FORM_RECORDS;
    }
    return m;
}

size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **out, uint8_t *add,
                       size_t add_size, size_t max_size)
{
    struct afl_mutator *m = data;
    size_t cap = MIN(max_size, ROOM);
    unsigned seed = (unsigned)draw_next(&m->seed);

    *out = m->out;
    if (add && add_size > 0 && seed % 3 == 0)
        return form_cross(m->form, (struct bytes){buf, size}, (struct bytes){add, add_size}, m->out,
                          cap, seed);
    size = MIN(size, cap);
    memcpy(m->out, buf, size);
    return form_mutate(m->form, m->out, size, cap, seed, NULL);
}

void afl_custom_deinit(void *data)
{
    free(data);
}
