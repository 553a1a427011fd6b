/* save.h - what was played, as a script that does it again message by message. */
#pragma once
#include "harness/sim/sim.h"

/* Write the session of outcome to path, under the script's own header. False: see errno. */
bool save_session(const char *path, const struct script *script, const struct sim_outcome *outcome);
