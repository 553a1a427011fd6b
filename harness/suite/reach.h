/* reach.h - what can be asked of a subject that is elsewhere. */
#pragma once
#include "harness/suite/suite.h"

/* Why the script cannot be judged of a subject that is on another machine, that a person starts, or
 * that runs already (settings->far, settings->remote): there its process, its sockets and its
 * addresses are out of sight. NULL: it can, or the subject is here. Static. */
const char *reach_problem(const struct script *script, const struct suite_settings *settings);

/* Whether a failure of that cause would show. What grows in a process, or works in it, does not
 * where it is out of sight, nor how it ended where no command of ours started it. */
bool reach_shows(const struct script *script, const struct suite_settings *settings,
                 enum sim_cause cause);
