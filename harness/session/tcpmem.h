/* tcpmem.h - how much of a TCP stream can be on its way. */
#pragma once
#include <stdint.h>

/* Bytes that the two sockets of a connection grow to hold at the most, as the system is set (the
 * third numbers of net.ipv4.tcp_rmem and tcp_wmem). */
uint64_t tcpmem_most(void);
