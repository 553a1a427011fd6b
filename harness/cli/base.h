/* base.h - `iperfspec test --base` and --bisect: a run beside another one, and in git's words. */
#pragma once
#include "harness/cli/cli.h"
#include "harness/suite/gate.h"

/* Run the cases of build against another program, and have its verdicts expected of build. base is
 * zeroed at first; suite_fini() in any case. CLI_OK, CLI_TROUBLE with one line in why, or a status
 * after a message.
 *   program  its path or commands; what wraps build and is in its environment holds for it, too
 *   profile  of --profile, for a program that only commands start; NULL: by what it says */
int base_run(struct suite *base, const struct subject_build *program, const char *profile,
             const struct cli_choice *choice, struct suite *build, FILE *out, struct text *why);

/* An exit status of `test` as `git bisect run` reads it: 0 good, 1 bad, 125 skip this commit, 128
 * and above end it; told on out, but for a mistake in the command line.
 *   was_sure  something was judged, and nothing flickered */
int base_bisect_status(int status, bool was_sure, FILE *out);
