/* client.h - the reference client: one test. */
#pragma once
#include "impl/options.h"

#include <stdio.h>

/* Run the test that the options ask for; fills in what of its params only the connection tells.
 * out: results; err: errors (in text mode). Returns the exit status: 0, or 1 if the test failed. */
int client_run(struct options *opt, FILE *out, FILE *err);
