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
    else if (params_protocol(p) == PARAMS_UDP && p->dont_fragment)
        ierr = sock_set_dont_fragment(fd);
    if (!ierr && p->window)
        ierr = sock_set_window(fd, (int)p->window);
    if (!ierr && p->TOS)
        ierr = sock_set_tos(fd, (int)p->TOS);
    if (!ierr && p->fqrate > 0)
        ierr = sock_set_pacing(fd, (uint64_t)p->fqrate);
    return ierr;
}

int tune_accepted(int fd, const struct params *p)
{
    if (params_protocol(p) != PARAMS_TCP || !p->window)
        return 0;
    return sock_fit_segment(fd, (int)p->MSS);
}

int tune_congestion(int fd, const struct params *p)
{
    if (params_protocol(p) != PARAMS_TCP || !p->congestion)
        return 0;
    return sock_set_congestion(fd, p->congestion);
}

int tune_sctp(int fd, const struct params *p, int64_t nstreams, const char *addresses)
{
    int ierr = 0;

    if (p->nodelay)
        ierr = sock_set_sctp_nodelay(fd);
    if (!ierr && p->MSS)
        ierr = sock_set_sctp_mss(fd, (int)p->MSS);
    if (!ierr && nstreams)
        ierr = sock_set_sctp_streams(fd, (unsigned)nstreams);
    return ierr ? ierr : sock_add_sctp_addresses(fd, addresses);
}

int tune_try(const struct params *p)
{
    enum params_protocol protocol = params_protocol(p);
    int type = (protocol == PARAMS_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
    int number = protocol == PARAMS_SCTP ? IPPROTO_SCTP : 0; /* SCTP-5 */
    int fd = socket(AF_INET6, type, number);
    int ierr, saved;

    if (fd < 0 && errno == EAFNOSUPPORT)
        fd = socket(AF_INET, type, number);
    if (fd < 0)
        return IESTREAMLISTEN;
    ierr = tune_stream(fd, p, 0);
    saved = errno;
    close(fd);
    errno = saved;
    return ierr;
}
