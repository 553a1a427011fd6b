#include "impl/net/rnd.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

enum spec_err rnd_bytes(void *out, size_t len)
{
    char *at = out;

    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno != EINTR)
            return SPEC_E_SYSTEM;
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return SPEC_OK;
}
