/* inflow.h - how fast it comes to a receiver: seen from one time that its queue is empty to the
 * next.
 *
 * To be woken for little costs a receiver more than the little, and its sender too, who does the
 * waking. What a receiver does about a flood is its own affair (tcp.c, udp_receive.c). No clock. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INFLOW_WAITS 16 /* that are short, one after the other, and it is a flood */

/* Zeroed before the first. */
struct inflow {
    uint64_t since_ns; /* the queue was empty */
    uint64_t n, bytes; /* that came since, as its owner counts them */
    unsigned waits;    /* for the next ones, one after the other, that were short */
    size_t buffer;     /* UDP: the socket's; 0: not asked for yet */
};

/* The queue is empty. brink_ns is how long as much would take to come if it came just slowly enough
 * to be no flood. Whether it is one; from here on it is counted anew. */
static inline bool inflow_is_flood(struct inflow *f, uint64_t now_ns, uint64_t brink_ns)
{
    f->waits = brink_ns > now_ns - f->since_ns ? f->waits + 1 : 0;
    f->since_ns = now_ns;
    f->n = f->bytes = 0;
    return f->waits > INFLOW_WAITS;
}
