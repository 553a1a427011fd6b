/* edges.h - how often a running process took each edge of its code, where the program counts that
 * itself: any of its files that clang built with -fsanitize-coverage=inline-8bit-counters (part of
 * -fsanitize=fuzzer-no-link) has a section of counters, a byte for each edge. They are read out of
 * the process's memory: the program need not know, nor end, and no library stands between. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EDGES_FILES_MAX 8         /* of one process */
#define EDGES_MAX       (1 << 22) /* counters of one process */

struct edges {
    pid_t pid; /* 0: none */
    struct {
        uintptr_t at; /* in the process's memory */
        size_t n;
    } parts[EDGES_FILES_MAX];
    size_t n_parts, n;    /* n: counters of all */
    uint8_t *last, *next; /* n each: at the last look, and at the one before while it is compared */
};

/* Find the counters of a process. False: it has none, or may not be looked into; n is 0 then. */
bool edges_open(struct edges *e, pid_t pid);
void edges_close(struct edges *e);

/* Look, and tell which edges were taken since the last look, or since the start of the process:
 * their numbers, and how often (bucket 0 to 7: 1, 2, 3, 4, 8, 16, 32, 128 times and more; counters
 * go round at 256). False: the process is gone. */
bool edges_look(struct edges *e, void (*taken)(void *context, size_t edge, unsigned bucket),
                void *context);
