/* sockdiag.h - sockets of our network namespace, asked of the kernel by netlink (sock_diag(7)).
 *
 * The tables in /proc/net tell the same, but whoever reads them walks a hash table that all
 * namespaces share, as large as the machine's memory allows: milliseconds for each look. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKDIAG_UNKNOWN (-1) /* the kernel does not say: look into /proc/self/net */

/* The receive queue, in bytes, of the socket that is bound to local and connected to remote. 1, or
 * 0 if there is no such socket, or SOCKDIAG_UNKNOWN. */
int sockdiag_queue(bool udp, const struct sockaddr_storage *local,
                   const struct sockaddr_storage *remote, uint32_t *queue);

struct sockdiag_listener {
    unsigned port;
    unsigned long inode;            /* as in /proc/PID/fd: "socket:[INODE]" */
    char address[INET6_ADDRSTRLEN]; /* "::" and "0.0.0.0": any; "" in what /proc says */
};
/* The TCP sockets of a family that listen on the port (0: on any): how many, up to max; or
 * SOCKDIAG_UNKNOWN. */
int sockdiag_listeners(int family, unsigned port, struct sockdiag_listener *at, size_t max);
