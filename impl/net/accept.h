/* accept.h - takes connections from a listener, all that wait at once, and survives a lack of
 * descriptors.
 *
 * It does not own the listener. */
#pragma once
#include "impl/net/loop.h"
#include "impl/net/sock.h"

struct accept_door;

struct accept_ops {
    /* A connection: fd is its from then on. It may free the door. */
    void (*accepted)(void *context, int fd, const struct sock_name *peer);
    /* For a second none could be taken, for want of descriptors or memory: errno; told again each
     * second. It may not free the door. NULL: nobody wants to know. */
    void (*starved)(void *context, int os_errno);
};

/* ops and context are borrowed for its life. NULL: see errno. */
struct accept_door *accept_new(struct loop *loop, int listener, const struct accept_ops *ops,
                               void *context);
void accept_free(struct accept_door *door); /* NULL is allowed */
