/* counters.h - the counts of one stream: written by its worker, readable by anyone at any moment.
 *
 * A reader gets values that belong together (a datagram's bytes and its number, never one without
 * the other) and never makes the writer wait. */
#pragma once
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Since the stream began. Eight bytes each: they travel as words. */
struct counts {
    uint64_t bytes;
    uint64_t blocks;       /* sender: whole blocks; UDP receiver: datagrams */
    uint64_t packets;      /* UDP: sender: sent; receiver: highest number (UDP-7) */
    uint64_t errors;       /* UDP receiver */
    uint64_t out_of_order; /* UDP receiver */
    double jitter_s;       /* UDP receiver */
};

#define COUNTERS_WORDS (sizeof(struct counts) / sizeof(uint64_t))

/* Zeroed before use. */
struct counters {
    atomic_uint version; /* odd while the writer is at work */
    _Atomic uint64_t words[COUNTERS_WORDS];
};

/* One writer only. No fences, so that a race detector can follow: a word is stored with release
 * after the odd version, and loaded with acquire before the version is looked at again. */
static inline void counters_write(struct counters *c, const struct counts *counts)
{
    uint64_t words[COUNTERS_WORDS];
    unsigned version = atomic_load_explicit(&c->version, memory_order_relaxed);

    memcpy(words, counts, sizeof words);
    atomic_store_explicit(&c->version, version + 1, memory_order_relaxed);
    for (size_t i = 0; i < COUNTERS_WORDS; i++)
        atomic_store_explicit(&c->words[i], words[i], memory_order_release);
    atomic_store_explicit(&c->version, version + 2, memory_order_release);
}

static inline struct counts counters_read(struct counters *c)
{
    uint64_t words[COUNTERS_WORDS];
    struct counts counts;

    for (;;) {
        unsigned version = atomic_load_explicit(&c->version, memory_order_acquire);
        for (size_t i = 0; i < COUNTERS_WORDS; i++)
            words[i] = atomic_load_explicit(&c->words[i], memory_order_acquire);
        if (version % 2 == 0 && atomic_load_explicit(&c->version, memory_order_relaxed) == version)
            break;
        sched_yield(); /* the writer may have been put aside in the middle */
    }
    memcpy(&counts, words, sizeof counts);
    return counts;
}
