/* kept.c - see kept.h. Of all that were handed in each is there with the same chance. */
#include "fuzz/kept.h"

#include "harness/fuzz/draw.h"

#include <string.h>

#define KEPT_N   64
#define KEPT_LEN 4096 /* longer ones are not kept */

static struct {
    uint8_t at[KEPT_LEN];
    size_t len;
} kept[KEPT_N];
static size_t n_offered;

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

struct bytes kept_draw(uint64_t *state)
{
    size_t n = MIN(n_offered, KEPT_N), which = n > 0 ? draw(state, n) : 0;

    return (struct bytes){kept[which].at, kept[which].len};
}
