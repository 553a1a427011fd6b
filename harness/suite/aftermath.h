/* aftermath.h - what a server shows once its case was played: whether it rests, serves on, and
 * holds no more than before. Whatever the case was about. Inside of a worker. */
#pragma once
#include "harness/subject/watch.h"
#include "harness/suite/serve.h"

/* Play config's script, adding what came to run; whether it went well (case.c). */
bool case_play(const struct sim_config *config, struct suite_run *run);
/* What any case of the suite is played with; the script is borrowed (case.c). */
struct sim_config case_config(const struct script *script, const struct suite_settings *settings);

/* Play a case that is tagged `leak`: many sessions, each of which has to go well. */
void aftermath_play_for_leaks(struct sim_config *config, struct subject *s, struct suite_run *run);

/* Judge the process behind a case: spin, end and service unless the script saw to them, leaks. A
 * cause of its own takes the place of what the case found. before: what the process held when the
 * case began, or NULL if that is not known. Whether it can be kept for the next case, if that is
 * what is wanted. */
bool aftermath_judge(struct serve *serve, const struct script *script, struct sim_config *config,
                     const struct subject_sample *before, bool keep, struct suite_run *run);
