/* accept.h - takes connections from a listener, all that wait at once, and survives a lack of
 * descriptors.
 *
 * It does not own the listener. */
#pragma once
#include "impl/net/loop.h"
#include "impl/net/sock.h"

struct accept_door;

/* accepted() gets each connection: fd is its from then on. It may free the door. NULL: see errno.
 */
struct accept_door *
accept_new(struct loop *loop, int listener,
           void (*accepted)(void *context, int fd, const struct sock_name *peer), void *context);
void accept_free(struct accept_door *door); /* NULL is allowed */
