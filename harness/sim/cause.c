/* cause.c - why a case did not go well, in words. */
#include "harness/sim/sim.h"

const char *sim_cause_word(enum sim_cause cause)
{
    static const char *const words[] = {
#define X(name, word, text) word,
        SIM_CAUSES(X)
#undef X
    };
    return words[cause];
}

const char *sim_cause_text(enum sim_cause cause)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        SIM_CAUSES(X)
#undef X
    };
    return texts[cause];
}
