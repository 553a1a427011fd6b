/* fact.h - what must show that a mode took effect: short claims about the JSON texts of a test.
 *
 * Claims stand behind each other, parted by blanks:
 *   J:start.test_start.blksize=1024   a member's value (numbers by value, true and false as 1 and
 * 0) J:start.connected.0.local_port=1  elements of arrays by number J:end.streams#=4 how many
 * elements or members S:server_output_text              it is there */
#pragma once
#include "harness/session/text.h"
#include "impl/wire/json.h"

#include <stdbool.h>

enum fact_source {
    FACT_CLIENT_REPORT,  /* J: the client's -J */
    FACT_PARAMS,         /* P: the parameters on the wire */
    FACT_CLIENT_RESULTS, /* C: the client's results on the wire */
    FACT_SERVER_RESULTS, /* S: the server's */
    FACT_N_SOURCES
};

/* Check every claim whose source is not NULL. False: the first that does not hold, in why. A claim
 * that cannot be read does not hold. */
bool fact_check(const char *claims, const json_value *const sources[FACT_N_SOURCES],
                struct text *why);
