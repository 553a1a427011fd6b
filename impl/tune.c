#include "impl/tune.h"

#include "impl/net/sock.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <unistd.h>

static int tune_tcp(int fd, const struct params *p, int snd_timeout_ms)
{
    int ierr = 0;

    if (p->nodelay)
        ierr = sock_set_nodelay(fd);
    if (!ierr && p->MSS)
        ierr = sock_set_mss(fd, (int)p->MSS);
    if (!ierr && snd_timeout_ms)
        ierr = sock_set_user_timeout(fd, (unsigned)snd_timeout_ms);
    return ierr;
}

int tune_stream(int fd, const struct params *p, int snd_timeout_ms)
{
    int ierr = 0;

    if (params_protocol(p) == PARAMS_TCP)
        ierr = tune_tcp(fd, p, snd_timeout_ms);
    else if (p->dont_fragment)
        ierr = sock_set_dont_fragment(fd);
    if (!ierr && p->window)
        ierr = sock_set_window(fd, (int)p->window);
    if (!ierr && p->TOS)
        ierr = sock_set_tos(fd, (int)p->TOS);
    if (!ierr && p->fqrate > 0)
        ierr = sock_set_pacing(fd, (uint64_t)p->fqrate);
    return ierr;
}

int tune_congestion(int fd, const struct params *p)
{
    if (params_protocol(p) != PARAMS_TCP || !p->congestion)
        return 0;
    return sock_set_congestion(fd, p->congestion);
}

int tune_try(const struct params *p)
{
    bool udp = params_protocol(p) == PARAMS_UDP;
    int family = sock_has_ipv6() ? AF_INET6 : AF_INET;
    int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int ierr, saved;

    if (fd < 0)
        return IESTREAMLISTEN;
    ierr = tune_stream(fd, p, 0);
    saved = errno;
    close(fd);
    errno = saved;
    return ierr;
}
