#include "impl/wire/err.h"

static const char *const texts[] = {
#define X(name, text) [name] = text,
    SPEC_ERRORS(X)
#undef X
};

const char *spec_err_text(enum spec_err e)
{
    return (unsigned)e < SPEC_N_ERRORS ? texts[e] : "unknown error";
}
