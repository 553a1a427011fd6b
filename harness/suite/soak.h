/* soak.h - one server, correct and faulty sessions in turn for hours: whether something grows. */
#pragma once
#include "harness/subject/leak.h"
#include "harness/suite/suite.h"

/* X(name, word, unit, the least growth per session that counts) */
#define SOAK_QUANTITIES(X)                                                                         \
    X(SOAK_MEMORY, "memory", "bytes", 16)                                                          \
    X(SOAK_DESCRIPTORS, "descriptors", "descriptors", 0.002)                                       \
    X(SOAK_THREADS, "threads", "threads", 0.002)                                                   \
    X(SOAK_PROCESSES, "processes", "processes", 0.002)                                             \
    X(SOAK_SERVICE, "service", "ms", 0.0005)

enum soak_quantity {
#define X(name, word, unit, least) name,
    SOAK_QUANTITIES(X)
#undef X
        SOAK_N_QUANTITIES
};
const char *soak_word(enum soak_quantity q);
const char *soak_unit(enum soak_quantity q);

#define SOAK_SAMPLES 4096 /* kept; beyond, two become one: the smaller */

struct soak_series {
    double at[SOAK_SAMPLES];
    size_t n;
    double first, last;
};

struct soak {
    uint64_t seconds;
    unsigned sessions, correct; /* played; the correct ones among them */
    unsigned restarts; /* the process ended, or served no longer, and a new one took over */
    unsigned trouble;  /* harness trouble */
    unsigned stride;   /* correct sessions behind each kept sample */
    char culprit[256]; /* the case behind the first restart, and what came of it */
    struct soak_series series[SOAK_N_QUANTITIES];
    bool may_grow[SOAK_N_QUANTITIES]; /* not for certain, but the interval leaves room for it */
    struct leak_slope slopes[SOAK_N_QUANTITIES]; /* per correct session, with what came before it */
    bool grows[SOAK_N_QUANTITIES], is_known;     /* is_known: there were samples enough to tell */
};

struct soak_limits {
    double seconds;
    unsigned correct; /* sessions, 0: any number */
};

/* Play until a limit is reached, in an order of suite->seed: each chosen server case that a kept
 * process of this build can play, that is expected to pass and that is not slow; and behind each a
 * correct session, after which the process is measured. Its end begins the series anew: what the
 * old one held is no measure for the new. Calls told() each minute. False, with a reason in why, if
 * there is nothing to play or no server. */
bool soak_run(struct suite *suite, struct soak_limits limits, struct soak *soak,
              void (*told)(void *context, const struct soak *soak), void *context,
              struct text *why);

/* 0 nothing grows, 1 something grows or the process ended, 3 not known; the reasons go to why. */
int soak_exit_status(const struct soak *soak, struct text *why);
