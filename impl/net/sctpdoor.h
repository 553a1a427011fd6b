/* sctpdoor.h - where SCTP streams knock: a listener on the port number of the TCP one, open only
 * while somebody waits for such streams (SCTP-4).
 *
 * Its sockets are one-to-one style (SCTP-1): what comes in is read and written like TCP. */
#pragma once
#include "impl/net/loop.h"
#include "impl/net/sock.h"

struct sctpdoor;

/* Open the door. also: further local addresses (-X), see sock_listen_sctp(). accepted() gets each
 * connection on the loop's thread: fd is its from then on.
 * Returns 0 or iperf3's number with errno set (sock_listen_sctp()). */
int sctpdoor_open(struct loop *loop, const struct sock_at *at, const char *also,
                  void (*accepted)(void *context, int fd, const struct sock_name *peer),
                  void *context, struct sctpdoor **door);
void sctpdoor_close(struct sctpdoor *door); /* NULL is allowed; connections that wait are lost */
