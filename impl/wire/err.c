#include "impl/wire/err.h"

static const struct {
    enum spec_blame blame;
    const char *text;
} errors[] = {
#define X(name, blame, text) [name] = {blame, text},
    SPEC_ERRORS(X)
#undef X
};

const char *spec_err_text(enum spec_err e)
{
    return (unsigned)e < SPEC_N_ERRORS ? errors[e].text : "unknown error";
}

enum spec_blame spec_err_blame(enum spec_err e)
{
    return (unsigned)e < SPEC_N_ERRORS ? errors[e].blame : SPEC_ENV;
}
