/* contrast_words.h - moments of a session and what builds do in them, as a person reads them. */
#pragma once
#include "harness/report/quirks.h"

#include <limits.h>

#define CONTRAST_NUMBERS 64 /* error numbers of one reaction that are told apart */

/* A state, and what meets the build there. Where the tables tell events apart by the answer, as
 * parameters that are accepted from those that are refused, it is one event. */
struct contrast_moment {
    enum machine_state state;
    unsigned event;
};

/* A set of reactions, and the numbers that came with errors, growing. */
struct contrast_reaction {
    unsigned set; /* of enum table_reaction */
    int numbers[CONTRAST_NUMBERS];
    size_t n;
};

/* False: the tables do not know it. */
bool contrast_moment_of(const struct quirk *q, struct contrast_moment *moment);
bool contrast_is_same_moment(const struct contrast_moment *a, const struct contrast_moment *b);
/* In the order of the tables. */
int contrast_order(const struct contrast_moment *a, const struct contrast_moment *b);
#define CONTRAST_BEGIN                                                                             \
    {                                                                                              \
        .event = UINT_MAX                                                                          \
    }
/* The next one there, the first behind CONTRAST_BEGIN; false: there is none. */
bool contrast_next(struct contrast_moment *moment);
/* Whether it is a text whose content decides, which each case has of its own. */
bool contrast_tells_by_text(const struct contrast_moment *moment);

void contrast_add(struct contrast_reaction *r, const struct quirk *q);
void contrast_join(struct contrast_reaction *r, const struct contrast_reaction *more);
bool contrast_is_same(const struct contrast_reaction *a, const struct contrast_reaction *b);

/* "server in TEST_RUNNING: 0c CLIENT_TERMINATE (ST-SRV-7)". */
void contrast_moment_text(const struct contrast_moment *moment, struct text *out);
/* "ends the test without a message", "SERVER_ERROR 110 IEMESSAGE, 121 IEACCESSDENIED"; several of
 * them with the joint between them, "and" or "or". */
void contrast_reaction_text(const struct contrast_moment *moment, const struct contrast_reaction *r,
                            const char *joint, struct text *out);
