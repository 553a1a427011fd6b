/* world.c - the calls of libiperf that wait, tell the time, end the process or have to do with
 * sockets; `symbols` says which is which.
 *
 * The network's sockets are stream and datagram sockets of the Unix domain: no port, nothing left
 * behind, and what was sent is there at once. Their options and addresses are made up. */
#include "fuzz/libiperf/world.h"

#include "fuzz/libiperf/peer.h"
#include "fuzz/libiperf/threads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS          1000000000u
#define CALLS_MAX   20000 /* that wait, in one run: a run of more goes nowhere */
#define CALLS_AFTER 2000  /* behind the end of all connections */
#define LOOKS_MAX   8     /* of select() in turn without a byte read: more are taken for a wait */
#define TEST_NS                                                                                    \
    (15u * (uint64_t)NS) /* beyond the end of a test of 1 s, and of a server's grace               \
                          */

static struct {
    jmp_buf out;
    bool is_running;
    uint64_t now_ns;
    unsigned n_calls, n_after;
    unsigned n_looks;         /* since something was read or accepted */
    struct peer_address from; /* whom the latest datagram came from */
} world;

int libiperf_socket(int domain, int type, int protocol);
int libiperf_bind(int fd, const struct sockaddr *a, socklen_t len);
int libiperf_listen(int fd, int backlog);
int libiperf_accept(int fd, struct sockaddr *a, socklen_t *len);
int libiperf_connect(int fd, const struct sockaddr *a, socklen_t len);
int libiperf_getsockname(int fd, struct sockaddr *a, socklen_t *len);
int libiperf_getpeername(int fd, struct sockaddr *a, socklen_t *len);
int libiperf_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int libiperf_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int libiperf_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                         struct addrinfo **found);
void libiperf_freeaddrinfo(struct addrinfo *found);
int libiperf_select(int n, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout);
int libiperf_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
ssize_t libiperf_read(int fd, void *bytes, size_t len);
ssize_t libiperf_recv(int fd, void *bytes, size_t len, int flags);
ssize_t libiperf_recvfrom(int fd, void *bytes, size_t len, int flags, struct sockaddr *a,
                          socklen_t *a_len);
ssize_t libiperf_write(int fd, const void *bytes, size_t len);
int libiperf_clock_gettime(clockid_t clock, struct timespec *ts);
int libiperf_gettimeofday(struct timeval *tv, void *zone);
int libiperf_nanosleep(const struct timespec *time, struct timespec *left);
int libiperf_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                             struct timespec *left);
void libiperf_exit(int status);
int libiperf_sctp_bindx(int fd, struct sockaddr *a, int n, int flags);
int libiperf_sctp_opt_info(int fd, int id, int option, void *value, socklen_t *len);

/* --- a run ----------------------------------------------------------------------------------- */

enum world_end world_run(int (*run)(void *context), void *context, int *result)
{
    enum world_end end;

    threads_reset();
    world.n_calls = world.n_after = world.n_looks = 0;
    world.now_ns = 1000u * (uint64_t)NS;
    world.is_running = true;
    end = (enum world_end)setjmp(world.out);
    if (end == WORLD_RETURNED)
        *result = run(context);
    world.is_running = false;
    threads_reset();
    return end;
}

static _Noreturn void leave(enum world_end how)
{
    longjmp(world.out, (int)how);
}

static void leave_by_exit(void)
{
    leave(WORLD_EXITED);
}

void libiperf_exit(int status)
{
    if (!world.is_running)
        exit(status);
    if (threads_is_one())
        threads_leave(leave_by_exit);
    leave_by_exit();
}

/* --- waiting --------------------------------------------------------------------------------- */

static const uint64_t never = UINT64_MAX;

/* A call of a thread's that may go on without waiting: others have their turn some time. */
static void count_call(void)
{
    if (threads_is_one())
        threads_count_call();
}

/* The library has nothing to do until then: its threads and the peer act, or time passes, which is
 * the main thread's to wait for. True: it is then. */
static bool wait_until(uint64_t due_ns)
{
    if (threads_is_one()) {
        threads_give_way();
        return world.now_ns >= due_ns;
    }
    threads_turn();
    peer_drain();
    enum peer_did did = peer_step();

    if (++world.n_calls > CALLS_MAX || (did == PEER_IS_DONE && ++world.n_after > CALLS_AFTER))
        leave(WORLD_STUCK);
    if (did == PEER_IS_DONE && due_ns == never)
        leave(WORLD_STUCK);
    if (did == PEER_ACTED)
        return false;
    if (did == PEER_OUTWAITED)
        world.now_ns += TEST_NS;
    if (due_ns != never)
        world.now_ns = MAX(world.now_ns, due_ns);
    return due_ns != never;
}

void world_wait(void)
{
    wait_until(never);
}

static bool has_any(const fd_set *set, int n)
{
    for (int fd = 0; set && fd < n; fd++)
        if (FD_ISSET(fd, set))
            return true;
    return false;
}

/* The library looks what is ready. The peer has its turn when nothing is, and also when it can only
 * write, since a sender is never without something to do, or does not read what it could. */
int libiperf_select(int n, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout)
{
    if (!world.is_running)
        return select(n, in, out, other, timeout);

    count_call();
    uint64_t due = never;
    bool is_idle = !threads_is_one() && ++world.n_looks > LOOKS_MAX;
    bool waits_not = timeout && !timerisset(timeout) && !is_idle;
    if (timeout)
        due = world.now_ns + (uint64_t)timeout->tv_sec * NS + (uint64_t)timeout->tv_usec * 1000u;
    for (;;) {
        fd_set sets[3];
        fd_set *given[] = {in, out, other}, *asked[3];
        for (int i = 0; i < 3; i++) {
            if (given[i])
                sets[i] = *given[i];
            asked[i] = given[i] ? &sets[i] : NULL;
        }
        int ready = select(n, asked[0], asked[1], asked[2], &(struct timeval){0});
        bool has_time = ready == 0 || is_idle || !has_any(asked[0], n);
        bool is_due = waits_not || (has_time && wait_until(due));
        if (ready == 0 && !is_due)
            continue;
        for (int i = 0; i < 3; i++)
            if (given[i])
                *given[i] = sets[i];
        return ready;
    }
}

int libiperf_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    int ready = poll(fds, n, world.is_running ? 0 : timeout_ms);

    if (!world.is_running || ready != 0)
        return ready;
    uint64_t due = timeout_ms < 0 ? never : world.now_ns + (uint64_t)timeout_ms * 1000000u;
    while (ready == 0 && !wait_until(due))
        ready = poll(fds, n, 0);
    return ready;
}

int libiperf_clock_gettime(clockid_t clock, struct timespec *ts)
{
    (void)clock;
    count_call();
    world.now_ns += 1000;
    *ts = (struct timespec){.tv_sec = (time_t)(world.now_ns / NS), .tv_nsec = world.now_ns % NS};
    return 0;
}

int libiperf_gettimeofday(struct timeval *tv, void *zone)
{
    (void)zone;
    count_call();
    world.now_ns += 1000;
    tv->tv_sec = (time_t)(world.now_ns / NS);
    tv->tv_usec = (suseconds_t)(world.now_ns % NS / 1000);
    return 0;
}

static uint64_t ns_of(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * NS + (uint64_t)time->tv_nsec;
}

int libiperf_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)left;
    world.now_ns += ns_of(time);
    if (threads_is_one())
        threads_give_way();
    else
        threads_turn();
    return 0;
}

int libiperf_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                             struct timespec *left)
{
    struct timespec rest = {0};
    uint64_t due_ns = ns_of(time);

    (void)clock;
    if (flags & TIMER_ABSTIME)
        due_ns -= MIN(due_ns, world.now_ns);
    rest.tv_sec = (time_t)(due_ns / NS);
    rest.tv_nsec = (long)(due_ns % NS);
    return libiperf_nanosleep(&rest, left);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static bool waits(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* Until when a read waits: a UDP client gives its server 30 s for the answer to its first datagram.
 */
static uint64_t read_deadline(int fd)
{
    struct timeval most = {0};

    (void)getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, &(socklen_t){sizeof most});
    uint64_t ns = (uint64_t)most.tv_sec * NS + (uint64_t)most.tv_usec * 1000u;
    return ns > 0 ? world.now_ns + ns : never;
}

ssize_t libiperf_recvfrom(int fd, void *bytes, size_t len, int flags, struct sockaddr *a,
                          socklen_t *a_len)
{
    struct peer_address from = {.len = sizeof from.at};
    uint64_t due = 0;
    ssize_t n;

    count_call();
    flags |= world.is_running ? MSG_DONTWAIT : 0;
    while ((n = recvfrom(fd, bytes, len, flags, (struct sockaddr *)&from.at, &from.len)) < 0 &&
           errno == EAGAIN && world.is_running && waits(fd)) {
        due = due != 0 ? due : read_deadline(fd);
        if (wait_until(due)) {
            errno = EAGAIN;
            break;
        }
    }
    world.n_looks = n > 0 && !threads_is_one() ? 0 : world.n_looks;
    if (n >= 0 && a) {
        world.from = from;
        libiperf_getpeername(fd, a, a_len);
    }
    if (n == 0 && world.is_running && peer_took_reset()) {
        errno = ECONNRESET;
        n = -1;
    }
    return n;
}

ssize_t libiperf_recv(int fd, void *bytes, size_t len, int flags)
{
    return libiperf_recvfrom(fd, bytes, len, flags, NULL, NULL);
}

ssize_t libiperf_read(int fd, void *bytes, size_t len)
{
    ssize_t n = libiperf_recvfrom(fd, bytes, len, 0, NULL, NULL);

    return n < 0 && errno == ENOTSOCK ? read(fd, bytes, len) : n;
}

ssize_t libiperf_write(int fd, const void *bytes, size_t len)
{
    ssize_t n;

    count_call();
    for (;;) {
        n = send(fd, bytes, len, MSG_NOSIGNAL | (world.is_running ? MSG_DONTWAIT : 0));
        if (n < 0 && errno == ENOTSOCK)
            return write(fd, bytes, len);
        if (n >= 0 || errno != EAGAIN || !world.is_running || !waits(fd))
            return n;
        wait_until(never);
    }
}

/* --- sockets --------------------------------------------------------------------------------- */

static const struct sockaddr_in someone = {.sin_family = AF_INET};

static int put_address(struct sockaddr *a, socklen_t *len)
{
    struct sockaddr_in in = someone;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons(5201);
    if (a && len) {
        memcpy(a, &in, MIN((size_t)*len, sizeof in));
        *len = sizeof in;
    }
    return 0;
}

static int type_of(int fd)
{
    int type = 0;

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
    return type;
}

static struct peer_address name_of(int fd)
{
    struct peer_address a = {.len = sizeof a.at};

    if (getsockname(fd, (struct sockaddr *)&a.at, &a.len) != 0)
        a.len = 0;
    return a;
}

/* With a name that the kernel chose, so that datagrams can be answered. */
int libiperf_socket(int domain, int type, int protocol)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    (void)domain;
    (void)protocol;
    if (fd >= 0)
        (void)bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family);
    return fd;
}

/* It listens where datagrams reach it; connections: once it says so. */
int libiperf_bind(int fd, const struct sockaddr *a, socklen_t len)
{
    struct peer_address where = name_of(fd);

    (void)a;
    (void)len;
    if (type_of(fd) == SOCK_DGRAM)
        peer_heard(SOCK_DGRAM, &where);
    return 0;
}

int libiperf_listen(int fd, int backlog)
{
    struct peer_address where = name_of(fd);

    (void)backlog;
    peer_heard(SOCK_STREAM, &where);
    return listen(fd, 64);
}

int libiperf_accept(int fd, struct sockaddr *a, socklen_t *len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (world.is_running && poll(&p, 1, 0) == 0 && waits(fd))
        wait_until(never);
    put_address(a, len);
    world.n_looks = 0;
    return accept(fd, NULL, NULL);
}

/* A server connects its socket to whom a datagram came from, a client to the peer. */
int libiperf_connect(int fd, const struct sockaddr *a, socklen_t len)
{
    int type = type_of(fd);
    const struct peer_address *to =
        type == SOCK_DGRAM && world.from.len > 0 ? &world.from : peer_listens(type);

    (void)a;
    (void)len;
    return connect(fd, (const struct sockaddr *)&to->at, to->len);
}

int libiperf_getsockname(int fd, struct sockaddr *a, socklen_t *len)
{
    (void)fd;
    return put_address(a, len);
}

int libiperf_getpeername(int fd, struct sockaddr *a, socklen_t *len)
{
    (void)fd;
    return put_address(a, len);
}

/* Buffers are the kernel's; of TCP there is nothing to be said but its usual numbers. */
int libiperf_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (level == SOL_SOCKET)
        return getsockopt(fd, level, name, value, len);
    memset(value, 0, *len);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION)
        memcpy(value, "cubic", MIN((size_t)*len, sizeof "cubic"));
    else if (level == IPPROTO_TCP && name == TCP_MAXSEG && *len == sizeof(int))
        memcpy(value, &(int){1448}, sizeof(int));
    return 0;
}

int libiperf_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    static const char *const known[] = {"cubic", "reno"};

    if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF || name == SO_RCVTIMEO))
        return setsockopt(fd, level, name, value, len);
    if (level == IPPROTO_UDP) { /* no segmentation offload */
        errno = ENOPROTOOPT;
        return -1;
    }
    if (level != IPPROTO_TCP || name != TCP_CONGESTION)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (len == strlen(known[i]) && memcmp(value, known[i], len) == 0)
            return 0;
    errno = ENOENT;
    return -1;
}

int libiperf_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                         struct addrinfo **found)
{
    static struct sockaddr_in address;
    static struct addrinfo one;

    (void)host;
    (void)service;
    put_address((struct sockaddr *)&address, &(socklen_t){sizeof address});
    one = (struct addrinfo){.ai_family = AF_INET,
                            .ai_socktype = hints ? hints->ai_socktype : SOCK_STREAM,
                            .ai_addr = (struct sockaddr *)&address,
                            .ai_addrlen = sizeof address};
    *found = &one;
    return 0;
}

void libiperf_freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

/* SCTP's sockets are stream sockets as well. */
int libiperf_sctp_bindx(int fd, struct sockaddr *a, int n, int flags)
{
    (void)fd;
    (void)a;
    (void)n;
    (void)flags;
    return 0;
}

int libiperf_sctp_opt_info(int fd, int id, int option, void *value, socklen_t *len)
{
    (void)fd;
    (void)id;
    (void)option;
    memset(value, 0, *len);
    return 0;
}
