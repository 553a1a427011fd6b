/* seeds.h - the sessions that fuzzing begins with when it is given none: short correct ones of each
 * kind, as scripts in the raw form (harness/script/raw.h). */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Append the i-th; false if there are no more. Those with `plays client` are for servers. */
bool fuzz_seed(size_t i, struct text *script);
