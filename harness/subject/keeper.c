#include "harness/subject/keeper.h"

#include "harness/subject/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE 262144 /* of a keeper */
#define START_SIZE 65536  /* of that, for the subject until its exec */
#define BELOW_MAX  256    /* processes of a subject, that are looked at */
#define END_MS     10000  /* for what a subject left behind, without a namespace */

struct birth {
    const struct keeper_order *order;
    uid_t uid; /* outside of the namespace */
    gid_t gid;
};

struct keeper {
    int out, err, line, signals;
    pid_t subject; /* 0 once it was waited for */
    pid_t heir;    /* 0: none, or it has ended */
    int status;    /* of the subject that was waited for */
    bool heir_ended;
    int heir_status; /* then; who waits for its own children hides it */
};

/* --- becoming the keeper --------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        errno = EACCES; /* and the mount is refused */
    if (fd >= 0)
        close(fd);
}

static void map_one(const char *path, unsigned id)
{
    char text[64];

    snprintf(text, sizeof text, "%u %u 1", id, id);
    write_file(path, text);
}

/* Sanitizers and valgrind read /proc with the pids of their own namespace. */
static bool own_proc(const struct birth *b)
{
    if (b->order->namespaces & CLONE_NEWUSER) {
        write_file("/proc/self/setgroups", "deny");
        map_one("/proc/self/uid_map", b->uid);
        map_one("/proc/self/gid_map", b->gid);
    }
    return mount(NULL, "/proc", NULL, MS_SLAVE | MS_REC, NULL) == 0 &&
           mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

/* A kernel before 5.9 has no close_range(). */
static void close_from(unsigned first)
{
    if (close_range(first, ~0u, 0) < 0)
        for (int fd = (int)first; fd < 65536; fd++)
            close(fd);
}

/* Nothing of the harness's may stay open here: neither the sockets of a session nor the lines to
 * other keepers. What is ours goes to 3, 4 and 5, in an order that overwrites none of it. */
static void take_descriptors(struct keeper *k, const struct keeper_order *o)
{
    int *const mine[] = {&k->out, &k->err, &k->line}, from[] = {o->out, o->err, o->line};
    int nowhere;

    for (int i = 0; i < 3; i++) {
        *mine[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 6);
        if (*mine[i] < 0) /* too few descriptors are allowed: the end of the line tells */
            _exit(1);
    }
    for (int i = 0; i < 3; i++)
        *mine[i] = dup3(*mine[i], 3 + i, O_CLOEXEC);
    close_from(6);
    nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        dup2(nowhere, i);
}

static void settle(void)
{
    setsid(); /* what the terminal sends to us all is not for it */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "keeper");
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, signo == SIGCHLD ? SIG_DFL : SIG_IGN);
}

/* --- the subject ----------------------------------------------------------------------------- */

/* With a namespace every subject has the same pid, and would write into the same file. Of two
 * values the sanitizers take the last. */
static void report_on_stderr(void)
{
    static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                        "MSAN_OPTIONS", "LSAN_OPTIONS"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *options = getenv(names[i]);
        char *more = NULL;
        if (options && strstr(options, "log_path") &&
            asprintf(&more, "%s:log_path=stderr", options) > 0)
            setenv(names[i], more, 1);
        free(more);
    }
}

struct start {
    const struct keeper *keeper;
    const struct keeper_order *order;
    pid_t parent;
    int error; /* of the exec; 0 if it went well */
};

/* In the keeper's memory, which waits until this is over: nothing has to be copied. */
static int become(void *context)
{
    struct start *start = context;
    const struct keeper_order *o = start->order;
    sigset_t none;

    sigemptyset(&none);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != start->parent)
        _exit(127);
    dup2(start->keeper->out, 1);
    dup2(start->keeper->err, 2);
    for (size_t i = 0; o->env && o->env[i]; i++)
        putenv((char *)(uintptr_t)o->env[i]);
    report_on_stderr();
    execvp(o->argv[0], o->argv);
    start->error = errno;
    _exit(127);
}

/* The subject's pid, or 0 with errno: of clone(), or of the exec. */
static pid_t start_subject(const struct keeper *k, const struct keeper_order *o)
{
    struct start start = {k, o, getpid(), 0};
    _Alignas(16) char stack[START_SIZE];
    pid_t pid = clone(become, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &start);

    if (pid > 0)
        errno = start.error;
    return pid < 0 || start.error ? 0 : pid;
}

/* --- the line -------------------------------------------------------------------------------- */

static void say(int line, enum keeper_kind kind, int value, uint64_t max_rss, int fd)
{
    struct keeper_word word = {kind, value, max_rss};
    struct iovec iov = {&word, sizeof word};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    while (sendmsg(line, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* Let the heir be the subject, which has ended well; false if there is none. */
static bool follow(struct keeper *k)
{
    int pidfd;

    if (k->subject || !k->heir || k->status != 0 ||
        (pidfd = (int)syscall(SYS_pidfd_open, k->heir, 0)) < 0)
        return false;
    k->subject = k->heir;
    k->heir = 0;
    say(k->line, KEEPER_FOLLOWS, k->subject, 0, pidfd);
    close(pidfd);
    return true;
}

/* Wait for whoever ended, and tell if it was the subject. */
static void reap(struct keeper *k)
{
    struct signalfd_siginfo info;
    struct rusage usage;
    int status;
    pid_t pid;

    while (read(k->signals, &info, sizeof info) > 0)
        ;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        if (pid == k->heir) {
            k->heir = 0;
            k->heir_ended = true;
            k->heir_status = status;
        }
        if (pid != k->subject)
            continue;
        k->subject = 0;
        k->status = status;
        if (status == 0 && k->heir_ended) /* it was quicker */
            status = k->heir_status;
        if (!follow(k))
            say(k->line, KEEPER_ENDED, status, (uint64_t)usage.ru_maxrss * 1024, -1);
    }
}

static bool is_below_us(pid_t pid)
{
    pid_t pids[BELOW_MAX];
    size_t n = tree_below(getpid(), pids, BELOW_MAX);

    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* To an heir in a session of its own, whose parent has yet to end: first, since who loses its
 * parent can be missed in the tree. */
static void pass_to_heir(const struct keeper *k, int signo)
{
    int pidfd = -1;

    if (k->heir && getpgid(k->heir) != k->subject)
        pidfd = (int)syscall(SYS_pidfd_open, k->heir, 0);
    if (pidfd < 0)
        return;
    if (is_below_us(k->heir)) /* else another's: who waited for the heir kept its end to itself */
        syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
    close(pidfd);
}

static void pass_on(const struct keeper *k, int signo)
{
    if (!k->subject)
        return;
    pass_to_heir(k, signo);
    /* Not waited for yet: its pid, and that of its group, cannot be another's. */
    if (kill(-k->subject, signo) < 0)
        kill(k->subject, signo); /* one that followed, and leads no group */
}

/* Carry out one call; false at the end of the line. */
static bool obey(struct keeper *k)
{
    struct keeper_call call;
    ssize_t got = recv(k->line, &call, sizeof call, MSG_DONTWAIT);

    if (got != sizeof call)
        return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
    if (call.kind == KEEPER_SIGNAL)
        pass_on(k, call.value);
    if (call.kind == KEEPER_HEIR) {
        k->heir = call.value > 0 ? call.value : 0;
        k->heir_ended = false;
        if (!follow(k))
            say(k->line, KEEPER_NOTED, 0, 0, -1);
    }
    return true;
}

static void serve(struct keeper *k)
{
    struct pollfd fds[2] = {
        {.fd = k->line,    .events = POLLIN},
        {.fd = k->signals, .events = POLLIN}
    };
    bool goes_on = true;

    while (goes_on) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            reap(k);
        if (fds[0].revents)
            goes_on = obey(k);
    }
}

static int run(void *context)
{
    const struct birth *b = context;
    const struct keeper_order *o = b->order;
    struct keeper k = {0};
    sigset_t child;

    take_descriptors(&k, o);
    settle();
    if (o->namespaces && !own_proc(b)) {
        say(k.line, KEEPER_NO_ROOM, errno, 0, -1);
        _exit(0);
    }
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    k.signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    k.subject = start_subject(&k, o);
    if (k.subject == 0) {
        say(k.line, KEEPER_NO_EXEC, errno, 0, -1);
        _exit(0);
    }
    int pidfd = (int)syscall(SYS_pidfd_open, k.subject, 0);
    say(k.line, KEEPER_STARTED, k.subject, 0, pidfd);
    close(pidfd);
    close(k.out);
    close(k.err);
    serve(&k);
    _exit(o->namespaces || tree_end_children(END_MS) ? 0 : 1);
}

pid_t keeper_start(const struct keeper_order *order)
{
    struct birth b = {order, getuid(), getgid()};
    _Alignas(16) char stack[STACK_SIZE]; /* in the copy that it gets of our memory */

    return clone(run, stack + sizeof stack, (int)order->namespaces | SIGCHLD, &b);
}
