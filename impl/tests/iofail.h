/* iofail.h - makes the n-th system call of a test fail or fall short, and moves the clock.
 *
 * Every test program is linked with iofail.c, whose wrappers stand in front of recv, send, read,
 * write, recvmsg, accept4, connect, epoll_wait and clock_gettime for all of our own objects. They
 * pass everything on until told otherwise. Calls of all threads count. And
 * getaddrinfo() takes "::1,127.0.0.1" for a name of two addresses. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum io_trouble {
    IO_FAIL,  /* -1 with the errno given; the call is not made */
    IO_SHORT, /* recv, send, read, write: one byte only; others are left alone */
};

/* Count from 0 again, and hit the n-th call from here on, that one only; 0: none. */
void io_fail_at(unsigned n, enum io_trouble trouble, int os_errno);

/* Whether the call that was to be hit came. */
bool io_failed(void);

/* recv, send, read and write move at most this many bytes per call; 0: no limit. */
void io_limit(unsigned bytes);

/* Call this before each connect(), to have things happen in a race's window; NULL: not. */
void io_before_connect(void (*call)(void));

/* Put CLOCK_MONOTONIC forward, on top of what it was put forward before. */
void io_skip_ns(uint64_t ns);

/* From here on, do that with each look at it: a machine on which much happens between two lines. */
void io_lose_ns(uint64_t ns);
