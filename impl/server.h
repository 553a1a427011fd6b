/* server.h - the reference server: many tests at once on one port, or one at a time as stock. */
#pragma once
#include "impl/options.h"

#include <stdio.h>

/* Serve until a signal, or after one test with -1. Threads and signals are set up inside.
 *   out  results; err  errors (in text mode)
 * Returns the exit status. */
int server_run(const struct options *opt, FILE *out, FILE *err);
