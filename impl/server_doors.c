/* server_doors.c - where streams come in that do not come through the listener: UDP and SCTP; open
 * only while some test awaits such streams, and UDP tests of one address one after the other. */
#include "impl/server_core.h"
#include "impl/wire/ierr.h"

#include <errno.h>

/* The network or a client may send a connect message twice (UDPC-7 forbids only the latter). */
static bool is_known(const struct server *s, const struct sock_name *peer)
{
    const struct server_test *test;

    TAILQ_FOREACH(test, &s->tests, entry)
        if (server_test_has_udp(test, peer))
            return true;
    return false;
}

static void on_knock(void *context, const struct udpdoor_knock *knock)
{
    struct server *s = context;
    struct admit_view view = server_view_udp(s, NULL);
    size_t which = 0;
    int fd;

    if (!admit_udp(&view, &knock->peer.addr, knock->datagram, &which) || is_known(s, &knock->peer))
        return;
    int ierr = udpdoor_accept(s->udp, knock, &fd);
    if (ierr)
        session_failed(s->viewed[which]->session, ierr, errno);
    else
        server_test_add_udp(s->viewed[which], fd, &knock->peer);
}

/* A door for streams, on the port number of the listener; open already, it stays so. */
static int open_door(struct server *s, enum params_protocol protocol)
{
    struct sock_at at = {
        .host = s->opt->bind_address, .device = s->opt->bind_dev, .family = s->opt->family};
    struct sock_name name;

    if (protocol == PARAMS_UDP ? s->udp != NULL : s->sctp != NULL)
        return 0;
    if (!sock_local(s->listener, &name)) {
        errno = ESHUTDOWN;
        return IESTREAMLISTEN;
    }
    at.port = name.port;
    if (protocol == PARAMS_UDP)
        return udpdoor_open(s->loop, &at, on_knock, s, &s->udp);
    return sctpdoor_open(s->loop, &at, s->opt->xbind, server_admit_guest, s, &s->sctp);
}

bool server_may_announce(void *context, struct server_test *test, int *ierr)
{
    struct server *s = context;
    enum params_protocol protocol = params_protocol(session_params(test->session));
    struct admit_view view = server_view_udp(s, test);

    if (protocol == PARAMS_TCP)
        return true;
    if (protocol == PARAMS_UDP && !admit_udp_may_start(&view, 0)) {
        server_index_wait(s, test, SERVER_PARKED);
        return false;
    }
    server_index_wait(s, test, protocol == PARAMS_UDP ? SERVER_AWAITING_UDP : SERVER_AWAITING_SCTP);
    *ierr = open_door(s, protocol);
    return true;
}

/* UDPC-8: nobody may knock where nobody waits. */
void server_shut_udp(struct server *s)
{
    if (!s->udp || s->n_waiting[SERVER_AWAITING_UDP] > 0 || s->n_waiting[SERVER_PARKED] > 0)
        return;
    udpdoor_close(s->udp);
    s->udp = NULL;
}

void server_shut_sctp(struct server *s)
{
    if (!s->sctp || s->n_waiting[SERVER_AWAITING_SCTP] > 0)
        return;
    sctpdoor_close(s->sctp);
    s->sctp = NULL;
}

/* Some set-up has ended: let in who waits for it. From the loop, because a test that is let in can
 * end at once, and so let in the next. */
void server_unpark_all(struct loop_timer *timer, uint64_t now_ns)
{
    struct server *s = LOOP_OWNER(struct server, unpark, timer);
    struct server_test *test, *next;

    (void)now_ns;
    for (test = TAILQ_FIRST(&s->waiting[SERVER_PARKED]); test; test = next) {
        next = TAILQ_NEXT(test, waiting);
        server_test_unpark(test);
    }
    server_shut_udp(s);
}
