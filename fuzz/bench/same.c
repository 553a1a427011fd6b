/* same.c - a mutator that changes nothing: libFuzzer's own loop over a fixed corpus, for
 * scripts/bench-fuzz. */
#include <stddef.h>
#include <stdint.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    (void)data;
    (void)max_size;
    (void)seed;
    return size;
}
