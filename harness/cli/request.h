/* request.h - what the command line of `iperfspec test` asks for. */
#pragma once
#include "harness/cli/base.h"
#include "harness/cli/cli.h"
#include "harness/cli/tell.h"
#include "harness/report/live.h"

struct test_request {
    struct suite suite;
    struct cli_choice choice;
    struct tell tell;
    struct live live;
    struct suite beside; /* of --base */
    struct gate gate;
    struct subject_build base; /* only how it is started; request_has_base() */
    const char *ports, *profile, *segment, *record, *expect, *required;
    bool quiet, verbose, persistent, no_probe, bisect;
    double jobs, max_skip, seed, details, rounds, budget_s, limit_s, soak_s;
    unsigned n_detailed;
    struct text kept;  /* folder for what failed cases left, if only --html was given */
    struct text again; /* the command line, up to the choice of cases */
};

/* Read the command line, over the defaults. CLI_OK, or CLI_USAGE after a message; *help if help was
 * asked for, and printed. request_fini() in any case. */
int request_read(struct test_request *r, int argc, char **argv, bool *help);
void request_fini(struct test_request *r);

/* --- request_check.c --- */
/* Read the words that options hold, and see whether all of it goes together. False after one line.
 */
bool request_check(struct test_request *r);
/* Whether it is to be compared with a --base. */
bool request_has_base(const struct test_request *r);
