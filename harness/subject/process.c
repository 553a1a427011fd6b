/* process.c - a subject's process: started below a keeper, watched, ended with all that it started.
 */
#include "harness/session/clock.h"
#include "harness/subject/keeper.h"
#include "harness/subject/subject.h"
#include "harness/subject/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX                                                                                 \
    (4u << 20)          /* kept of stdout and of stderr each; the rest is read and dropped         \
                         */
#define GRACE_MS  2000  /* from SIGTERM to SIGKILL */
#define HUNG_MS   300   /* the same, for one that hangs */
#define KEEPER_MS 15000 /* for a keeper to end what is below it */

void subject_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void subject_init(struct subject *s)
{
    *s = (struct subject){
        .pid = -1, .keeper = -1, .pidfd = -1, .line = -1, .out_fd = -1, .err_fd = -1};
}

/* --- starting -------------------------------------------------------------------------------- */

struct ends {
    int out[2], err[2], line[2];
};

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool make_ends(struct ends *e)
{
    *e = (struct ends){
        {-1, -1},
        {-1, -1},
        {-1, -1}
    };
    if (pipe2(e->out, O_CLOEXEC) == 0 && pipe2(e->err, O_CLOEXEC) == 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->line) == 0)
        return true;
    int error = errno;
    close_all(e->out, 2);
    close_all(e->err, 2);
    close_all(e->line, 2);
    errno = error;
    return false;
}

/* The next word of the keeper, and the descriptor that comes with it; false if there is none, with
 * errno 0 at the end of the line. */
static bool hear(int line, struct keeper_word *word, int *fd, int flags)
{
    struct iovec iov = {word, sizeof *word};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t got;

    do
        got = recvmsg(line, &m, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != sizeof *word) {
        errno = got < 0 ? errno : 0;
        return false;
    }
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (fd && c && c->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return true;
}

/* The pid behind a pidfd, in the namespace of our /proc. */
static pid_t pid_of(int pidfd, pid_t otherwise)
{
    char path[64], line[256];
    int pid = (int)otherwise;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pid: %d", &pid) == 1)
            break;
    if (f)
        fclose(f);
    return (pid_t)pid;
}

static void await_keeper(pid_t keeper)
{
    while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* One attempt, with or without namespaces: 1 it runs, 0 not in this way, -1 there is no hope. */
static int attempt(struct subject *s, struct keeper_order *order, struct text *why)
{
    struct keeper_word word = {0};
    struct ends e;

    if (!make_ends(&e)) {
        text_addf(why, "pipe: %s", strerror(errno));
        return -1;
    }
    order->out = e.out[1];
    order->err = e.err[1];
    order->line = e.line[1];
    s->keeper = keeper_start(order);
    int error = errno;
    close(e.out[1]);
    close(e.err[1]);
    close(e.line[1]);
    s->out_fd = e.out[0];
    s->err_fd = e.err[0];
    s->line = e.line[0];
    bool heard = s->keeper > 0 && hear(s->line, &word, &s->pidfd, 0);
    if (heard && word.kind == KEEPER_STARTED && s->pidfd >= 0) {
        s->pid = pid_of(s->pidfd, word.value);
        return 1;
    }
    close(s->line);
    s->line = -1;
    if (s->keeper > 0)
        await_keeper(s->keeper);
    else if (!order->namespaces)
        text_addf(why, "fork: %s", strerror(error));
    if (heard && word.kind == KEEPER_NO_EXEC)
        text_addf(why, "%s: %s", order->argv[0], strerror(word.value));
    else if (heard && word.kind == KEEPER_STARTED)
        text_addf(why, "%s: no descriptor left for its process", order->argv[0]);
    else if (s->keeper > 0 && !heard)
        text_addf(why, "%s: its keeper ended at once", order->argv[0]);
    subject_fini(s);
    return why->len ? -1 : 0;
}

bool subject_start(struct subject *s, char *const argv[], const char *const env[], struct text *why)
{
    /* Where the system allows it, first without a user namespace: we may have one already. */
    static const unsigned ways[] = {CLONE_NEWPID | CLONE_NEWNS,
                                    CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUSER, 0};
    struct keeper_order order = {.argv = argv, .env = env};
    int done = 0;

    subject_init(s);
    for (size_t i = 0; done == 0 && i < ARRAY_LEN(ways); i++) {
        order.namespaces = ways[i];
        done = attempt(s, &order, why);
    }
    if (done != 1) {
        if (why->len == 0)
            text_addf(why, "%s cannot be started", argv[0]);
        return false;
    }
    s->running = true;
    s->started_ns = now_ns();
    s->own_pids = order.namespaces != 0;
    fcntl(s->out_fd, F_SETFL, O_NONBLOCK);
    fcntl(s->err_fd, F_SETFL, O_NONBLOCK);
    return true;
}

/* --- watching -------------------------------------------------------------------------------- */

static void drain(int *fd, struct text *into)
{
    static char buf[65536];

    for (int i = 0; *fd >= 0 && i < 64; i++) { /* one who never stops must not keep us */
        ssize_t got = read(*fd, buf, sizeof buf);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            close(*fd);
            *fd = -1;
            return;
        }
        if (into->len < OUTPUT_MAX)
            text_add(into, buf, (size_t)got);
    }
}

/* A shell, or a wrapper of its manners, ends with 128 + N where the program that it waited for was
 * killed by signal N. Those that a fault raises are the program's crash; others may be anybody's.
 */
static int status_below(int status)
{
    static const int faults[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

    for (size_t i = 0; WIFEXITED(status) && i < ARRAY_LEN(faults); i++)
        if (WEXITSTATUS(status) == 128 + faults[i])
            return faults[i];
    return status;
}

static void take_word(struct subject *s, const struct keeper_word *word, int pidfd)
{
    if (word->kind == KEEPER_ENDED) {
        s->running = false;
        s->ended = true;
        s->status = status_below(word->value);
        s->max_rss = word->max_rss;
    } else if (word->kind == KEEPER_FOLLOWS && pidfd >= 0) {
        close(s->pidfd);
        s->pidfd = pidfd;
        s->pid = pid_of(pidfd, word->value);
        s->running = true;
        s->ended = false;
    }
}

static void listen_to_keeper(struct subject *s)
{
    struct keeper_word word = {0};
    int pidfd = -1;

    if (!s->running)
        return;
    if (hear(s->line, &word, &pidfd, MSG_DONTWAIT)) {
        take_word(s, &word, pidfd);
    } else if (errno != EAGAIN) {
        s->running = false;
        s->lost = true;
    }
}

/* The pids of a process in its namespaces, from ours inwards; how many. */
static size_t namespaces_pids(pid_t pid, int *pids, size_t max)
{
    char path[64], line[512];
    size_t n = 0;
    int len;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && n == 0 && fgets(line, sizeof line, f))
        if (strncmp(line, "NSpid:", 6) == 0)
            for (const char *at = line + 6; n < max && sscanf(at, "%d%n", &pids[n], &len) == 1;
                 at += len)
                n++;
    if (f)
        fclose(f);
    return n;
}

void subject_follow(struct subject *s, pid_t heir)
{
    struct keeper_call call = {KEEPER_HEIR, 0};
    struct keeper_word word = {.kind = KEEPER_ENDED};
    int theirs[8], keepers[8], pidfd;
    size_t depth = namespaces_pids(s->keeper, keepers, ARRAY_LEN(keepers));

    if (heir == s->pid || depth == 0 || namespaces_pids(heir, theirs, ARRAY_LEN(theirs)) < depth)
        return;
    call.value = theirs[depth - 1];
    if (send(s->line, &call, sizeof call, MSG_NOSIGNAL) != sizeof call)
        return;
    do {
        pidfd = -1;
        if (!hear(s->line, &word, &pidfd, 0))
            return; /* subject_turn() finds out as well */
        take_word(s, &word, pidfd);
    } while (word.kind != KEEPER_NOTED && word.kind != KEEPER_FOLLOWS);
}

void subject_turn(struct subject *s)
{
    listen_to_keeper(s); /* first: what it wrote before its end is in the pipes by now */
    drain(&s->out_fd, &s->out);
    drain(&s->err_fd, &s->err);
}

static size_t watch(void *context, struct pollfd *fds, size_t max)
{
    const struct subject *s = context;
    const int all[] = {s->running ? s->line : -1, s->out_fd, s->err_fd};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(all) && n < max; i++)
        if (all[i] >= 0)
            fds[n++] = (struct pollfd){.fd = all[i], .events = POLLIN};
    return n;
}

static void turn(void *context)
{
    subject_turn(context);
}

static bool ended(void *context, int *status)
{
    struct subject *s = context;

    listen_to_keeper(s);
    *status = s->status;
    return s->ended;
}

/* To its process group, as a terminal does: the server may be the child of a shell. */
static bool send_signal(void *context, int signo)
{
    struct subject *s = context;
    struct keeper_call call = {KEEPER_SIGNAL, signo};

    return s->running && send(s->line, &call, sizeof call, MSG_NOSIGNAL) == sizeof call;
}

static bool limit(void *context, int64_t descriptors)
{
    struct subject *s = context;
    struct rlimit now;

    if (!s->running || prlimit(s->pid, RLIMIT_NOFILE, NULL, &now) < 0)
        return false;
    if (!s->had_descriptors)
        s->had_descriptors = now.rlim_cur;
    now.rlim_cur = descriptors ? MIN((rlim_t)descriptors, now.rlim_max) : s->had_descriptors;
    return prlimit(s->pid, RLIMIT_NOFILE, &now, NULL) == 0;
}

static const struct text *output(void *context)
{
    return &((struct subject *)context)->out;
}

static const struct text *error_output(void *context)
{
    struct subject *s = context;

    return &s->err;
}

/* The state of a thread is the letter behind its name, which may hold anything. D is the kernel's
 * business for it, such as a page of its program: no rest. */
static bool thread_sleeps(int tasks, const char *id)
{
    char path[300], line[512];
    ssize_t len = -1;

    snprintf(path, sizeof path, "%s/stat", id);
    int fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        len = read(fd, line, sizeof line - 1);
        close(fd);
    }
    line[MAX(len, 0)] = '\0';
    const char *behind = strrchr(line, ')');
    return len <= 0 || !behind || (behind[1] && !strchr("RD", behind[2]));
}

static bool sleeps(void *context)
{
    const struct subject *s = context;
    char path[64];
    bool all = true;

    snprintf(path, sizeof path, "/proc/%d/task", (int)s->pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && all && (e = readdir(dir));)
        all = e->d_name[0] == '.' || thread_sleeps(dirfd(dir), e->d_name);
    if (dir)
        closedir(dir);
    return all;
}

struct sim_process subject_process(struct subject *s)
{
    return (struct sim_process){s,
                                watch,
                                turn,
                                ended,
                                send_signal,
                                limit,
                                output,
                                error_output,
                                sleeps,
                                subject_judge_rest,
                                subject_goes_on,
                                subject_met};
}

void subject_forget_output(struct subject *s)
{
    text_fini(&s->err); /* before we read on: a report of which nobody knows yet is news */
    subject_turn(s);
    text_fini(&s->out);
}

/* --- ending ---------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return (int64_t)(now_ns() / 1000000);
}

bool subject_await_end(struct subject *s, double ms)
{
    int64_t deadline = now_ms() + (int64_t)ms, left;

    while (s->running && (left = deadline - now_ms()) > 0) {
        struct pollfd fds[4];
        poll(fds, (nfds_t)watch(s, fds, 4), (int)left);
        subject_turn(s); /* it may be blocked in writing */
    }
    return s->ended;
}

/* Close the line: the keeper ends all, and itself. */
static void dismiss(struct subject *s)
{
    struct pollfd fd = {.fd = s->line, .events = POLLIN};
    int64_t deadline = now_ms() + KEEPER_MS, left;
    char rest[64];

    shutdown(s->line, SHUT_WR);
    while ((left = deadline - now_ms()) > 0) {
        if (poll(&fd, 1, (int)left) > 0 && recv(s->line, rest, sizeof rest, MSG_DONTWAIT) <= 0)
            break;
    }
    int status = 0;
    if (left <= 0)
        kill(s->keeper, SIGKILL);
    while (waitpid(s->keeper, &status, 0) < 0 && errno == EINTR)
        ;
    s->left_behind = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    s->keeper = -1;
}

void subject_end(struct subject *s)
{
    static const int politely[] = {SIGCONT, SIGTERM};

    if (s->keeper <= 0)
        return;
    listen_to_keeper(s);
    for (size_t i = 0; i < ARRAY_LEN(politely); i++)
        send_signal(s, politely[i]);
    subject_await_end(s, s->has_hung ? HUNG_MS : GRACE_MS);
    send_signal(s, SIGKILL);
    subject_await_end(s, GRACE_MS);
    dismiss(s);
    s->running = false;
    subject_turn(s);
}

void subject_fini(struct subject *s)
{
    const int all[] = {s->pidfd, s->line, s->out_fd, s->err_fd};

    close_all(all, ARRAY_LEN(all));
    text_fini(&s->out);
    text_fini(&s->err);
    subject_init(s);
}
