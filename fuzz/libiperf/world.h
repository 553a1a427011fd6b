/* world.h - what libiperf takes for the world: sockets of this process instead of the network's, a
 * clock that moves when the library waits, a peer (peer.h) that acts whenever it does, and an
 * exit() that ends one run. */
#pragma once
#include <stdbool.h>

enum world_end {
    WORLD_RETURNED,
    WORLD_EXITED, /* exit() inside of the library */
    WORLD_STUCK   /* it waits without a deadline for a peer that has ended all its connections */
};

/* Call run(context) until it ends in one of these ways; its return value in *result. abort() stays
 * what it is. */
enum world_end world_run(int (*run)(void *context), void *context, int *result);

/* Let the peer act, and the library's threads: the main thread waits for something of theirs. */
void world_wait(void);
