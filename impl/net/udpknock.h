/* udpknock.h - a client opens a UDP stream: its connect message, and the wait for the reply (UDPC-2
 * to UDPC-5). udpdoor.h is the other side of it. */
#pragma once
#include "impl/net/loop.h"
#include "impl/wire/params.h"

/* The caller's, zeroed before its first use; it may be used again for the next stream. */
struct udpknock {
    struct loop *loop; /* NULL: nothing is under way */
    struct loop_source source;
    struct loop_timer timer;
    int64_t budget;
    void (*done)(void *context, int fd, int ierr, int os_errno);
    void *context;
};

/* Send the connect message on fd, a connected socket, which is the callee's from now on, and wait
 * for the reply, for TMO-11's time at most. done comes once, from the loop: with the socket and
 * ierr 0, or with fd -1 (it is closed), IESTREAMREAD and its errno, EBADMSG where other datagrams
 * came in place of a reply. p: what the test was asked for with.
 * Returns 0, or IESTREAMWRITE with errno: then fd is closed, and done never comes. */
int udpknock_start(struct udpknock *k, struct loop *loop, int fd, const struct params *p,
                   void (*done)(void *context, int fd, int ierr, int os_errno), void *context);

/* Give up, if something is under way: no done(). */
void udpknock_cancel(struct udpknock *k);
