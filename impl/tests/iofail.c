#include "impl/tests/iofail.h"

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

static atomic_uint victim, count, limit; /* atomic: some tests have threads */
static atomic_int victim_trouble, victim_errno;
static _Atomic uint64_t skipped_ns, lost_ns;
static void (*before_connect)(void);

void io_fail_at(unsigned n, enum io_trouble trouble, int os_errno)
{
    atomic_store(&victim_trouble, (int)trouble);
    atomic_store(&victim_errno, os_errno);
    atomic_store(&count, 0);
    atomic_store(&victim, n);
}

bool io_failed(void)
{
    unsigned n = atomic_load(&victim);

    return n > 0 && atomic_load(&count) >= n;
}

void io_limit(unsigned bytes)
{
    atomic_store(&limit, bytes);
}

void io_skip_ns(uint64_t ns)
{
    atomic_fetch_add(&skipped_ns, ns);
}

void io_lose_ns(uint64_t ns)
{
    atomic_store(&lost_ns, ns);
}

/* Whether this call fails, with errno set; else *len is what it may move. */
static bool hit(size_t *len)
{
    unsigned most = atomic_load(&limit);

    if (len != NULL && most > 0 && *len > most)
        *len = most;
    if (atomic_fetch_add(&count, 1) + 1 != atomic_load(&victim))
        return false;
    if (atomic_load(&victim_trouble) == IO_SHORT) {
        if (len != NULL && *len > 1)
            *len = 1;
        return false;
    }
    errno = atomic_load(&victim_errno);
    return true;
}

/* X(result, name, (parameters), (arguments), length)  length: address of the size_t that is the
 * number of bytes to move, NULL for a call that is done whole or not at all. */
#define CALLS(X)                                                                                   \
    X(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags), &n)                \
    X(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), &n)          \
    X(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), &n)                                  \
    X(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), &n)                           \
    X(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), NULL)               \
    X(int, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags),                    \
      (fd, from, len, flags), NULL)                                                                \
    X(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), (fd, e, n, ms), NULL)

#define X(result, name, parameters, arguments, length)                                             \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return hit(length) ? -1 : __real_##name arguments;                                         \
    }
CALLS(X)
#undef X

int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
    if (before_connect != NULL)
        before_connect();
    return hit(NULL) ? -1 : __real_connect(fd, to, len);
}

void io_before_connect(void (*call)(void))
{
    before_connect = call;
}

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
    int result = __real_clock_gettime(clock, t);
    uint64_t lost = clock == CLOCK_MONOTONIC ? atomic_load(&lost_ns) : 0;
    uint64_t skipped = atomic_fetch_add(&skipped_ns, lost) + lost;
    uint64_t ns = (uint64_t)t->tv_nsec + (clock == CLOCK_MONOTONIC ? skipped : 0);

    t->tv_sec += (time_t)(ns / 1000000000);
    t->tv_nsec = (long)(ns % 1000000000);
    return result;
}

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);

/* glibc's freeaddrinfo() goes along the list, so that two lists may be put together. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    const char *comma = strchr(host, ',');
    char first[64];
    int failure;

    if (comma == NULL)
        return __real_getaddrinfo(host, service, hints, list);
    snprintf(first, sizeof first, "%.*s", (int)(comma - host), host);
    failure = __real_getaddrinfo(first, service, hints, list);
    if (failure != 0)
        return failure;
    while (*list != NULL)
        list = &(*list)->ai_next;
    return __real_getaddrinfo(comma + 1, service, hints, list);
}
