/* heard.h - keeps the remarks that code under test makes. */
#pragma once
#include "impl/tests/unit.h"
#include "impl/wire/remark.h"

#define HEARD_MAX 64

struct heard {
    struct remarks to; /* what the code under test gets: &heard.to */
    size_t n;          /* made; the first HEARD_MAX are kept */
    struct remark remark[HEARD_MAX];
};

static inline void heard_take(void *context, const struct remark *remark)
{
    struct heard *heard = context;

    if (heard->n < HEARD_MAX)
        heard->remark[heard->n] = *remark;
    heard->n++;
}

static inline void heard_init(struct heard *heard)
{
    memset(heard, 0, sizeof *heard);
    heard->to = (struct remarks){heard_take, heard};
}

/* Whether a remark under that clause about that key was made. */
static inline bool heard_has(const struct heard *heard, const char *clause, const char *key)
{
    for (size_t i = 0; i < heard->n && i < HEARD_MAX; i++)
        if (strcmp(heard->remark[i].clause, clause) == 0 && strcmp(heard->remark[i].key, key) == 0)
            return true;
    return false;
}
