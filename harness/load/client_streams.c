/* client_streams.c - opens the data connections, one after the other (STR-1). */
#include "harness/load/client_core.h"

#include "impl/tune.h"
#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"
#include "impl/wire/knock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
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

/* --- UDP: a connect message and its reply (UDPC-2 to UDPC-5) -----------------------------------
 */

void load_client_drop_knock(struct load_client *c)
{
    loop_unwatch(&c->knock);
    if (c->knock.fd >= 0)
        close(c->knock.fd);
    c->knock.fd = -1;
}

static void on_reply(struct loop_source *source, uint32_t events)
{
    struct load_client *c = LOOP_OWNER(struct load_client, knock, source);
    uint8_t datagram[64];
    ssize_t n = recv(source->fd, datagram, sizeof datagram, MSG_DONTWAIT);
    enum knock_answer answer = KNOCK_GIVE_UP;
    int fd = source->fd;

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n >= 0)
        answer = knock_take(&c->knock_budget, (struct bytes){datagram, (size_t)n});
    if (answer == KNOCK_NOT_YET)
        return;
    if (answer == KNOCK_ANSWERED) {
        loop_unwatch(&c->knock);
        c->knock.fd = -1;
        stream_is_up(c, fd);
        return;
    }
    int os_errno = n < 0 ? errno : EBADMSG;
    load_client_drop_knock(c);
    load_client_failed(c, IESTREAMREAD, os_errno);
}

static void knock(struct load_client *c, int fd)
{
    const uint8_t *value = datagram_connect_bytes(DATAGRAM_CONNECT);

    c->knock = (struct loop_source){.fd = fd, .ready = on_reply};
    c->knock_budget = knock_budget(c->params->reverse, c->params->len);
    if (send(fd, value, DATAGRAM_CONNECT_LEN, 0) == DATAGRAM_CONNECT_LEN &&
        loop_watch(c->setting->loop, &c->knock, EPOLLIN) == SPEC_OK)
        return;
    int os_errno = errno;
    load_client_drop_knock(c);
    load_client_failed(c, IESTREAMWRITE, os_errno);
}

/* --- connecting ------------------------------------------------------------------------------ */

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
        knock(c, fd);
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
