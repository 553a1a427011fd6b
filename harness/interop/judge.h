/* judge.h - the verdict on a cell that was played, from what both ends and the wire say. */
#pragma once
#include "harness/interop/cell.h"

#include <stdbool.h>

struct judge_end {
    const struct subject *subject; /* it has ended */
    const struct interop_end *end;
    bool ended_itself;      /* client: before its time was up */
    const char *transcript; /* file, or NULL: not iperfref */
};

struct judge_case {
    const struct interop_mode *mode;
    const struct kit *kit;
    struct judge_end client, server;
    bool listens_again;    /* the server was ready for a next test */
    const char *facts;     /* of the mode, filled in */
    const char *received;  /* MODE_FILE: where the receiver wrote */
    uint64_t buffers_grow; /* bytes that the buffers of a stream can grow to, both ends together */
    bool may_be_late;      /* the receiver may have waited for a processor: they may all be full */
};

/* True: green. Else the first thing that is wrong, in why. */
bool judge_cell(const struct judge_case *c, struct text *why);

/* Whether the text begins with a whole JSON value. */
bool judge_has_report(const struct text *out);
