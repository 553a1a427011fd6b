#include "impl/net/udpknock.h"

#include "impl/wire/datagram.h"
#include "impl/wire/ierr.h"
#include "impl/wire/knock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_NS UINT64_C(30000000000) /* TMO-11 */

/* Nothing is under way any more. The socket is the caller's. */
static int leave(struct udpknock *k)
{
    int fd = k->source.fd;

    loop_timer_cancel(&k->timer);
    loop_unwatch(&k->source);
    k->loop = NULL;
    return fd;
}

static void fail(struct udpknock *k, int os_errno)
{
    udpknock_cancel(k);
    k->done(k->context, -1, IESTREAMREAD, os_errno);
}

static void on_reply(struct loop_source *source, uint32_t events)
{
    struct udpknock *k = LOOP_OWNER(struct udpknock, source, source);
    uint8_t datagram[64];
    ssize_t n = recv(source->fd, datagram, sizeof datagram, MSG_DONTWAIT);

    (void)events;
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail(k, errno);
        return;
    }
    switch (knock_take(&k->budget, (struct bytes){datagram, (size_t)n})) {
    case KNOCK_ANSWERED:
        k->done(k->context, leave(k), 0, 0);
        break;
    case KNOCK_GIVE_UP:
        fail(k, EBADMSG);
        break;
    case KNOCK_NOT_YET:
        break;
    }
}

static void on_no_reply(struct loop_timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    fail(LOOP_OWNER(struct udpknock, timer, timer), ETIMEDOUT);
}

int udpknock_start(struct udpknock *k, struct loop *loop, int fd, const struct params *p,
                   void (*done)(void *context, int fd, int ierr, int os_errno), void *context)
{
    const uint8_t *value = datagram_connect_bytes(DATAGRAM_CONNECT);

    *k = (struct udpknock){
        .loop = loop,
        .source = {.fd = fd, .ready = on_reply},
        .timer = {.fire = on_no_reply       },
        .budget = knock_budget(p->reverse, p->len),
        .done = done,
        .context = context
    };
    if (send(fd, value, DATAGRAM_CONNECT_LEN, 0) != DATAGRAM_CONNECT_LEN ||
        loop_watch(loop, &k->source, EPOLLIN) != SPEC_OK) {
        int os_errno = errno;
        udpknock_cancel(k);
        errno = os_errno;
        return IESTREAMWRITE;
    }
    loop_timer_set(loop, &k->timer, loop_now() + REPLY_NS);
    return 0;
}

void udpknock_cancel(struct udpknock *k)
{
    if (k->loop)
        close(leave(k));
}
