/* naps.c - a machine that lets a program wait: a library for LD_PRELOAD that sleeps in front of
 * calls.
 *
 *   LD_PRELOAD=build/naps.so NAPS=5 PROGRAM
 *
 * In front of so many of a hundred calls that read, write, wait, open, close or start a thread,
 * behind that start, at the thread's first instruction and before the process's exit the caller
 * sleeps for up to NAP_MAX_NS. That is what a processor that is wanted by others does, at the
 * moments that races are made of: a handful of naps shows what a thousand runs on a busy machine
 * may not. No verdict may depend on it, whether the subject naps or the harness does
 * (scripts/false-alarms). */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAP_MAX_NS 20000000

/* As old as the architecture, so that programs with a C library of their own, and an old one, take
 * it. */
#if defined __x86_64__
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#elif defined __aarch64__
__asm__(".symver dlsym,dlsym@GLIBC_2.17");
#endif

static int percent;
static __thread uint64_t random_state;

__attribute__((constructor)) static void begin(void)
{
    const char *naps = getenv("NAPS");

    percent = naps ? atoi(naps) : 0;
}

/* xorshift64, begun anew in each thread and each process. */
static uint64_t draw(void)
{
    struct timespec now;

    if (random_state == 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        random_state = ((uint64_t)getpid() << 32) ^ (uintptr_t)&random_state ^
                       (uint64_t)now.tv_nsec * 2654435761u;
    }
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void nap(void)
{
    uint64_t number = percent ? draw() : 0;

    if (percent && number % 100 < (uint64_t)percent)
        nanosleep(&(struct timespec){0, (long)((number >> 32) % NAP_MAX_NS)}, NULL);
}

__attribute__((destructor)) static void end(void)
{
    nap();
}

#define NAPPING(type, name, params, args)                                                          \
    type name params                                                                               \
    {                                                                                              \
        static type(*real) params;                                                                 \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        nap();                                                                                     \
        return real args;                                                                          \
    }

// clang-format off
NAPPING(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len))
NAPPING(ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len))
NAPPING(ssize_t, recv, (int fd, void *buf, size_t len, int flags), (fd, buf, len, flags))
NAPPING(ssize_t, send, (int fd, const void *buf, size_t len, int flags), (fd, buf, len, flags))
NAPPING(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))
NAPPING(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags))
NAPPING(int, select, (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *left), (n, r, w, e, left))
NAPPING(int, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))
NAPPING(int, accept, (int fd, struct sockaddr *from, socklen_t *len), (fd, from, len))
NAPPING(int, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags), (fd, from, len, flags))
NAPPING(int, connect, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
NAPPING(int, listen, (int fd, int backlog), (fd, backlog))
NAPPING(int, shutdown, (int fd, int how), (fd, how))
NAPPING(int, close, (int fd), (fd))
// clang-format on

struct start {
    void *(*run)(void *);
    void *arg;
};

static void *run(void *start)
{
    struct start here = *(struct start *)start;

    free(start);
    nap();
    return here.run(here.arg);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *),
                   void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    struct start *start = malloc(sizeof *start);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (!start)
        abort();
    *start = (struct start){routine, arg};
    int err = real(thread, attr, run, start);
    if (err)
        free(start);
    nap();
    return err;
}
