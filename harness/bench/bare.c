/* bare.c - what sockets on this machine can do: the yardstick of scripts/bench.
 *
 *   usage: bare PATH [-t SECONDS] [-P STREAMS] [-l LEN]
 *
 *   tcp        send() and recv()
 *   bidir      the same, both ways, a connection each
 *   zerocopy   splice() from memory through a pipe, and recv()
 *   skip       the same, and recv() that throws the bytes away
 *   udp        datagrams of LEN, by segmentation offload both ways
 *
 * Two processes over loopback that move bytes by the best call for the path and do nothing else: no
 * control connection, no headers, no counts but the sum. Prints one line of JSON: bytes received,
 * seconds, processor seconds of both processes. It stands alone: no code is shared with what it is
 * held against. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 256
#define BUFFER_LEN  (1 << 20)
#define PIPE_LEN    (1 << 20)
#define READ_LEN    (512 * 1024)
#define LOW_WATER   (256 * 1024) /* of a single stream; several keep the processors busy anyway */
#define DATAGRAMS   65000        /* what goes into one buffer of segments, at most */

static const struct path {
    const char *name;
    bool udp, zerocopy, skip, both;
} paths[] = {
    {.name = "tcp"    },
    {             .name = "bidir",     .both = true},
    {             .name = "zerocopy", .zerocopy = true},
    {             .name = "skip", .zerocopy = true, .skip = true},
    { .name = "udp",     .udp = true},
};

static const struct path *path;
static size_t len;
static int low_water; /* what a receiver is woken for */

/* A stream at one end: a thread that sends or receives until the process ends. */
struct end {
    int fd;
    bool sends;
    _Atomic uint64_t received;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- sending and receiving ----------------------------------------------------------------------
 */

static int memory_file(const char *bytes)
{
    int fd = memfd_create("bare", MFD_CLOEXEC);

    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        die("memfd_create");
    return fd;
}

/* The pipe takes pages out of the file, and the socket takes them over. */
static void splice_all(int fd, const char *buf)
{
    int file = memory_file(buf), ends[2];

    if (pipe(ends) < 0)
        die("pipe");
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_LEN);
    for (;;) {
        loff_t at = 0;
        ssize_t n = splice(file, &at, ends[1], NULL, len, 0);
        while (n > 0) {
            ssize_t some = splice(ends[0], NULL, fd, NULL, (size_t)n, 0);
            if (some <= 0)
                return;
            n -= some;
        }
    }
}

static void send_all(int fd, char *buf)
{
    size_t each = path->udp ? DATAGRAMS / len * len : len;
    int segment = (int)len;

    if (path->udp && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
        die("UDP_SEGMENT");
    for (;;)
        if (send(fd, buf, each, MSG_NOSIGNAL) < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
            return;
}

static void receive_all(struct end *end, char *buf)
{
    int on = 1;
    size_t cap = path->udp ? 65536 : READ_LEN;

    if (path->udp && setsockopt(end->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0)
        die("UDP_GRO");
    if (!path->udp)
        setsockopt(end->fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
    for (;;) {
        ssize_t n =
            path->skip ? recv(end->fd, NULL, BUFFER_LEN, MSG_TRUNC) : recv(end->fd, buf, cap, 0);
        if (n <= 0)
            return;
        end->received += (uint64_t)n;
    }
}

static void *work(void *arg)
{
    struct end *end = arg;
    char *buf = calloc(1, BUFFER_LEN);

    if (!buf)
        die("calloc");
    if (end->sends && path->zerocopy)
        splice_all(end->fd, buf);
    else if (end->sends)
        send_all(end->fd, buf);
    else
        receive_all(end, buf);
    free(buf);
    return NULL;
}

static void start(struct end *ends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, &ends[i]) != 0)
            die("pthread_create");
        pthread_detach(thread);
    }
}

/* --- two connected ends -------------------------------------------------------------------------
 */

static int new_socket(struct sockaddr_in *name)
{
    int fd = socket(AF_INET, path->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    socklen_t name_len = sizeof *name;

    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)name, sizeof *name) < 0 ||
        getsockname(fd, (struct sockaddr *)name, &name_len) < 0)
        die("socket");
    return fd;
}

static void connect_pair(int fd[2])
{
    struct sockaddr_in to, from;

    fd[1] = new_socket(&to);
    fd[0] = new_socket(&from);
    if (!path->udp && listen(fd[1], 1) < 0)
        die("listen");
    if (connect(fd[0], (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    if (path->udp) {
        if (connect(fd[1], (struct sockaddr *)&from, sizeof from) < 0)
            die("connect");
        return;
    }
    int accepted = accept(fd[1], NULL, NULL);
    if (accepted < 0)
        die("accept");
    close(fd[1]);
    fd[1] = accepted;
}

/* --- the run ------------------------------------------------------------------------------------
 */

static uint64_t sum(const struct end *ends, size_t n)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += ends[i].received;
    return bytes;
}

struct outcome {
    uint64_t bytes;
    double seconds, cpu_s;
};

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct outcome run(struct end *ends, size_t n, double seconds)
{
    struct outcome outcome;
    double began = now_s(), cpu = cpu_s();

    start(ends, n);
    usleep((useconds_t)(seconds * 1e6));
    outcome.bytes = sum(ends, n);
    outcome.seconds = now_s() - began;
    outcome.cpu_s = cpu_s() - cpu;
    return outcome;
}

static void measure(size_t n, double seconds)
{
    static struct end ends[2][2 * STREAMS_MAX];
    struct outcome ours, theirs;
    size_t n_ends = path->both ? 2 * n : n;
    int report[2];
    pid_t child = -1;

    for (size_t i = 0; i < n_ends; i++) {
        int fd[2];
        connect_pair(fd);
        ends[0][i] = (struct end){.fd = fd[0], .sends = i < n};
        ends[1][i] = (struct end){.fd = fd[1], .sends = i >= n};
    }
    if (pipe(report) < 0 || (child = fork()) < 0)
        die("fork");
    ours = run(ends[child == 0], n_ends, seconds);
    if (child == 0)
        _exit(write(report[1], &ours, sizeof ours) != sizeof ours);
    if (read(report[0], &theirs, sizeof theirs) != sizeof theirs)
        die("read");
    waitpid(child, NULL, 0);
    printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"cpu_s\": %.6f}\n",
           ours.bytes + theirs.bytes, theirs.seconds, ours.cpu_s + theirs.cpu_s);
    exit(0);
}

int main(int argc, char **argv)
{
    double seconds = 1;
    size_t n = 1;

    for (size_t i = 0; argc > 1 && i < sizeof paths / sizeof *paths; i++)
        if (strcmp(argv[1], paths[i].name) == 0)
            path = &paths[i];
    if (!path) {
        fprintf(stderr,
                "usage: bare tcp|bidir|zerocopy|skip|udp [-t SECONDS] [-P STREAMS] [-l LEN]\n");
        return 2;
    }
    len = path->udp ? 1448 : path->zerocopy ? 512 * 1024 : 256 * 1024;
    for (int option; (option = getopt(argc - 1, argv + 1, "t:P:l:")) >= 0;) {
        if (option == 't')
            seconds = atof(optarg);
        else if (option == 'P')
            n = (size_t)atoi(optarg);
        else if (option == 'l')
            len = (size_t)atoi(optarg);
        else
            return 2;
    }
    if (n < 1 || n > STREAMS_MAX || len < 1 || len > (path->udp ? DATAGRAMS : BUFFER_LEN))
        return 2;
    low_water = n == 1 ? LOW_WATER : 1;
    signal(SIGPIPE, SIG_IGN);
    measure(n, seconds);
}
