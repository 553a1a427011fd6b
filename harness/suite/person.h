/* person.h - waiting for a client that a person starts. */
#pragma once
#include "harness/script/script.h"

/* Say on stderr what to type for the case, and wait, however long that takes, for a client at the
 * listening socket tcp; who sends no cookie is passed over, and told of. Returns its connection,
 * from which nothing was taken. */
int person_await(const struct script *script, const char *host, unsigned port, int tcp);
