#include "impl/net/sctpdoor.h"

#include "impl/net/accept.h"
#include "impl/wire/ierr.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct sctpdoor {
    int listener;
    struct accept_ops ops;
    struct accept_door *accept;
};

int sctpdoor_open(struct loop *loop, const struct sock_at *at, const char *also,
                  void (*accepted)(void *context, int fd, const struct sock_name *peer),
                  void *context, struct sctpdoor **door)
{
    struct sctpdoor *d = calloc(1, sizeof *d);
    int ierr, saved;

    if (d == NULL)
        return IESTREAMLISTEN;
    d->listener = -1;
    d->ops.accepted = accepted;
    ierr = sock_listen_sctp(at, also, &d->listener);
    if (ierr == 0) {
        d->accept = accept_new(loop, d->listener, &d->ops, context);
        ierr = d->accept != NULL ? 0 : IESTREAMLISTEN;
    }
    if (ierr != 0) {
        saved = errno;
        sctpdoor_close(d);
        errno = saved;
        return ierr;
    }
    *door = d;
    return 0;
}

void sctpdoor_close(struct sctpdoor *door)
{
    if (door == NULL)
        return;
    accept_free(door->accept);
    if (door->listener >= 0)
        close(door->listener);
    free(door);
}
