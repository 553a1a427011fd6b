/* node.h - memory on the node of the processor that uses it, where a machine has several. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Move what there is of these bytes to the calling thread's node; pages that nobody has touched yet
 * will come from there anyway. Where there is one node, or the system refuses, nothing happens. */
void node_settle(void *at, size_t len);

/* Whether a list such as "0-3,6", of the nodes that are online, has more than one. */
bool node_is_several(const char *list);

/* Move what there is of them to a node. False if the system refuses all of it (errno). */
bool node_move(void *at, size_t len, int node);
