/* soak.h - iperfspec test --soak. */
#pragma once
#include "harness/cli/cli.h"
#include "harness/suite/soak.h"

/* Run it, tell of it on out, and write it to json ("-" for stdout) if that is not NULL. Returns the
 * exit status. */
int cli_soak(struct suite *suite, double seconds, const char *json, FILE *out);
