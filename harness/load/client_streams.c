/* client_streams.c - opens the data connections, one after the other (STR-1). */
#include "harness/load/client_core.h"

#include "impl/tune.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_next(struct load_client *c);

static void stream_is_up(struct load_client *c, int fd)
{
    bool sends = params_client_sends(c->params, c->n_flows);

    load_flow_init(&c->flows[c->n_flows++], &c->owner, fd, sends);
    c->n_wanted--;
    machine_stream_up(c->machine, loop_now());
    load_client_drive(c);
    if (c->n_wanted > 0 && !c->ended)
        open_next(c);
}

static void on_knocked(void *context, int fd, int ierr, int os_errno)
{
    struct load_client *c = context;

    if (ierr)
        load_client_failed(c, ierr, os_errno);
    else
        stream_is_up(c, fd);
}

static int prepare(void *context, int fd)
{
    const struct load_client *c = context;
    int ierr = tune_stream(fd, c->params, (int)c->mode->opt.snd_timeout_ms);

    return ierr ? ierr : tune_congestion(fd, c->params);
}

static void on_stream(void *context, int fd, int ierr, int os_errno)
{
    struct load_client *c = context;

    c->dial = NULL;
    if (ierr) {
        load_client_failed(c, ierr, os_errno);
    } else if (c->owner.udp) {
        ierr = udpknock_start(&c->knock, c->setting->loop, fd, c->params, on_knocked, c);
        if (ierr)
            load_client_failed(c, ierr, errno);
    } else if (send(fd, c->cookie, COOKIE_LEN, MSG_NOSIGNAL) != COOKIE_LEN) { /* STR-10 */
        os_errno = errno;
        close(fd);
        load_client_failed(c, IESENDCOOKIE, os_errno);
    } else {
        stream_is_up(c, fd);
    }
}

static void open_next(struct load_client *c)
{
    struct dial_to to = {
        .host = c->setting->host,
        .port = c->setting->port,
        .kind = c->owner.udp       ? SOCK_KIND_UDP
                : c->params->mptcp ? SOCK_KIND_MPTCP
                                   : SOCK_KIND_TCP,
        .failure = IESTREAMCONNECT,
        .prepare = prepare,
        .done = on_stream,
        .context = c,
    };

    c->dial = dial_new(c->setting->loop, &to);
    if (!c->dial)
        load_client_failed(c, IESTREAMCONNECT, ENOMEM);
}

void load_client_open(struct load_client *c, unsigned n)
{
    c->n_wanted = n;
    if (n > 0)
        open_next(c);
}
