/* tcpinfo.h - what the kernel tells about a TCP connection. */
#pragma once
#include "impl/traffic/interval.h"

/* TCP_INFO of a socket. Members that this kernel does not fill are 0; valid is false if the socket
 * has no TCP_INFO (UDP, SCTP, some MPTCP sockets). */
struct interval_tcp tcpinfo_read(int fd);

/* The congestion control in use: RES-6. Writes a name, or "unknown" where it can't be read.
 *   name  at least 16 bytes */
void tcpinfo_congestion(int fd, char name[16]);
