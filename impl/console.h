/* console.h - many tests, one output: whose lines are shown when.
 *
 * A server that runs several tests at once would mix their lines. One test holds the floor and is
 * shown as it goes; what the others print waits, whole, until the floor is free or their test ends.
 * With one test at a time nothing changes. */
#pragma once
#include <stddef.h>
#include <stdio.h>

struct console;

/* A test's line of output. */
struct console_slot;

/* out is the caller's and outlives the console. NULL without memory. */
struct console *console_new(FILE *out);

/* All slots must be closed. NULL is allowed. */
void console_free(struct console *c);

/* A stream for one test, written like any FILE and closed by console_close(). NULL without memory.
 */
struct console_slot *console_open(struct console *c);
FILE *console_file(struct console_slot *slot);

/* Shows what is left, passes the floor on and frees the slot. */
void console_close(struct console_slot *slot);
