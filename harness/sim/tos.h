/* tos.h - datagrams with the TOS (IPv6: the traffic class) that they came with. */
#pragma once
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Have the kernel tell it of what comes on a UDP socket. */
void tos_ask(int fd);

/* As recvfrom() of a socket that is not to block; peer and its len may be NULL. tos: -1 if the
 * kernel does not tell; as it was if nothing came. */
ssize_t tos_receive(int fd, void *at, size_t len, struct sockaddr_storage *peer,
                    socklen_t *peer_len, int *tos);
