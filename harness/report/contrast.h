/* contrast.h - where two builds do otherwise, in words of the protocol.
 *
 * Builds are compared case by case, as the same case brings both into the same state and shows both
 * the same event; what differs is put together by state, event and what each of them does. What a
 * text asks for is told by its case alone; of a byte, an end, a stranger, any case is as good as
 * another, so what both builds do there at times is no difference between them. */
#pragma once
#include "harness/report/quirks.h"

#include <stdio.h>

struct contrast {
    unsigned both;   /* states and events that a case showed of both builds */
    unsigned differ; /* ways in which they react otherwise there */
    unsigned
        misses; /* clauses and folders of cases that one of them meets, no reaction telling why */
    unsigned chance; /* cases that differ in what both builds do at times */
};

/* all: also what they do alike, what one of them alone has met, and what differs by chance. */
struct contrast contrast_print(FILE *out, const struct quirks *a, const struct quirks *b, bool all);
