/* keep.h - `--keep DIR`: what a case that did not go well left, in files of its own. */
#pragma once
#include "harness/capture/recorder.h"
#include "harness/suite/suite.h"

struct keep {
    char path[1200]; /* DIR/ID, slashes of the id replaced; an ending is added for each file */
    struct recorder recorder;
    bool is_on, records;
    int error; /* errno of a capture that could not be made */
};

/* Note the session from here on, for config's next sim_run(). dir NULL: nothing is kept. */
void keep_begin(struct keep *keep, const char *dir, const struct script *script,
                struct sim_config *config);
/* Write script, command, verdict, timeline and what the subject printed beside the capture; after a
 * case that went well everything is removed again. What could not be written is named in
 * run->unkept, with the reason. */
void keep_end(struct keep *keep, const struct script *script, const struct subject *subject,
              struct suite_run *run);
