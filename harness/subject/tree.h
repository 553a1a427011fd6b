/* tree.h - the processes below one of ours, as /proc shows them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The processes below root (at any depth, root not among them), at most max; returns how many. A
 * process that is being born or adopted meanwhile can be missed. */
size_t tree_below(pid_t root, pid_t *pids, size_t max);

/* Kill the caller's children, and theirs as they come to it (it is a child subreaper), until there
 * are none, also while they go on forking. False if some are left after ms. */
bool tree_end_children(int ms);
