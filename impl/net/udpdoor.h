/* udpdoor.h - the server's unconnected UDP socket, where UDP streams knock (UDPC-1, UDPC-3).
 *
 * Who may come in is not decided here (impl/wire/admit.h), and the reply is the caller's to send.
 */
#pragma once
#include "impl/net/loop.h"
#include "impl/net/sock.h"

struct udpdoor;

/* A datagram from somebody who has no socket yet; borrowed for the call. */
struct udpdoor_knock {
    struct bytes datagram; /* at most its first 2048 bytes */
    struct sock_addr from;
    struct sock_name peer;  /* the same in words */
    struct sock_addr local; /* the address of ours that it was sent to */
};

/* Open the door. knock() comes on the loop's thread and may call anything here.
 * Returns 0 or iperf3's number (sock_bind_udp(); IESTREAMLISTEN). */
int udpdoor_open(struct loop *loop, const struct sock_at *at,
                 void (*knock)(void *context, const struct udpdoor_knock *k), void *context,
                 struct udpdoor **door);
void udpdoor_close(struct udpdoor *door); /* NULL is allowed; datagrams that wait are lost */

/* A socket of its own for this sender: same local address and port, connected. Other clients'
 * datagrams that fell into it before the connect come to knock() again, from the loop; further ones
 * of this sender (a repeated connect message) are dropped. The caller sends the reply (UDPC-3,
 * UDPC-11) on *fd. Returns 0, IESTREAMACCEPT, IEBINDDEV, IEREUSEADDR. */
int udpdoor_accept(struct udpdoor *door, const struct udpdoor_knock *k, int *fd);
