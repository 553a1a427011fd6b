/* draw.h - random numbers that are the same from the same seed everywhere (splitmix64). */
#pragma once
#include <stddef.h>
#include <stdint.h>

static inline uint64_t draw_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to n - 1; n > 0. */
static inline size_t draw(uint64_t *state, size_t n)
{
    return (size_t)(draw_next(state) % n);
}
