#include "harness/subject/subject.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX                                                                                 \
    (4u << 20)        /* kept of stdout and of stderr each; the rest is read and dropped           \
                       */
#define GRACE_MS 2000 /* from SIGTERM to SIGKILL */

void subject_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* --- starting -------------------------------------------------------------------------------- */

static void __attribute__((noreturn))
become(char *const argv[], int out, int err, int report, pid_t parent)
{
    sigset_t none;
    int nowhere = open("/dev/null", O_RDONLY);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    dup2(nowhere, 0);
    dup2(out, 1);
    dup2(err, 2);
    execvp(argv[0], argv);
    int error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(126);
    _exit(127);
}

static bool make_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) == 0)
            continue;
        while (i-- > 0) {
            close(pipes[i][0]);
            close(pipes[i][1]);
        }
        return false;
    }
    return true;
}

/* The errno of a failed exec, or 0. */
static int exec_error(int report)
{
    int error = 0;
    ssize_t got;

    do
        got = read(report, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    close(report);
    return got == sizeof error ? error : 0;
}

static void reap(struct subject *s)
{
    int status;

    if (s->running && waitpid(s->pid, &status, WNOHANG) == s->pid) {
        s->running = false;
        s->ended = true;
        s->status = status;
    }
}

bool subject_start(struct subject *s, char *const argv[], struct text *why)
{
    int pipes[3][2];
    pid_t parent = getpid();

    *s = (struct subject){.pid = -1, .pidfd = -1, .out_fd = -1, .err_fd = -1};
    if (!make_pipes(pipes)) {
        text_addf(why, "pipe: %s", strerror(errno));
        return false;
    }
    s->pid = fork();
    if (s->pid == 0)
        become(argv, pipes[0][1], pipes[1][1], pipes[2][1], parent);
    int fork_error = errno;
    for (int i = 0; i < 3; i++)
        close(pipes[i][1]);
    s->out_fd = pipes[0][0];
    s->err_fd = pipes[1][0];
    int error = exec_error(pipes[2][0]);
    if (s->pid < 0) {
        text_addf(why, "fork: %s", strerror(fork_error));
        return false;
    }
    s->running = true;
    s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
    fcntl(s->out_fd, F_SETFL, O_NONBLOCK);
    fcntl(s->err_fd, F_SETFL, O_NONBLOCK);
    if (error == 0)
        return true;
    text_addf(why, "%s: %s", argv[0], strerror(error));
    return false;
}

/* --- watching -------------------------------------------------------------------------------- */

static void drain(int *fd, struct text *into)
{
    static char buf[65536];

    while (*fd >= 0) {
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

void subject_turn(struct subject *s)
{
    reap(s); /* first: what it wrote before its end is in the pipes by now */
    drain(&s->out_fd, &s->out);
    drain(&s->err_fd, &s->err);
}

static size_t watch(void *context, struct pollfd *fds, size_t max)
{
    const struct subject *s = context;
    const int all[] = {s->running ? s->pidfd : -1, s->out_fd, s->err_fd};
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

    reap(s);
    *status = s->status;
    return s->ended;
}

static bool send_signal(void *context, int signo)
{
    struct subject *s = context;

    return s->running && kill(s->pid, signo) == 0;
}

static const struct text *output(void *context)
{
    return &((struct subject *)context)->out;
}

struct sim_process subject_process(struct subject *s)
{
    return (struct sim_process){s, watch, turn, ended, send_signal, output};
}

bool subject_sanitizer_line(const struct subject *s, struct text *line)
{
    static const char *const signs[] = {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                                        "WARNING: ThreadSanitizer",
                                        "runtime error: ", "WARNING: MemorySanitizer"};

    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        const char *at = strstr(text_string(&s->err), signs[i]);
        if (!at)
            continue;
        while (at > s->err.at && at[-1] != '\n')
            at--;
        text_add(line, at, strcspn(at, "\n"));
        return true;
    }
    return false;
}

/* --- ending ---------------------------------------------------------------------------------- */

static void await_end(struct subject *s, int ms)
{
    struct pollfd fd = {.fd = s->pidfd, .events = POLLIN};

    for (int waited = 0; s->running && waited < ms; waited += 20) {
        poll(&fd, 1, 20);
        subject_turn(s); /* it may be blocked in writing */
    }
}

/* Whoever below us is left: processes that left its session, or lost their parents. */
static void end_orphans(void)
{
    char line[4096], path[64];

    for (int rounds = 0; rounds < 100; rounds++) {
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *f = fopen(path, "re");
        size_t len = f ? fread(line, 1, sizeof line - 1, f) : 0;
        line[len] = '\0';
        if (f)
            fclose(f);
        if (len == 0)
            return;
        for (char *at = line, *end; *at; at = end + strspn(end, " \n")) {
            long pid = strtol(at, &end, 10);
            if (end == at)
                break;
            kill((pid_t)pid, SIGKILL);
        }
        while (waitpid(-1, NULL, 0) > 0)
            ;
    }
}

void subject_end(struct subject *s)
{
    if (s->running) {
        kill(-s->pid, SIGCONT);
        kill(-s->pid, SIGTERM);
        await_end(s, GRACE_MS);
    }
    if (s->pid > 0)
        kill(-s->pid, SIGKILL);
    await_end(s, GRACE_MS);
    subject_turn(s);
    end_orphans();
}

void subject_fini(struct subject *s)
{
    const int all[] = {s->pidfd, s->out_fd, s->err_fd};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] >= 0)
            close(all[i]);
    text_fini(&s->out);
    text_fini(&s->err);
    *s = (struct subject){.pid = -1, .pidfd = -1, .out_fd = -1, .err_fd = -1};
}

/* --- command lines --------------------------------------------------------------------------- */

static void add_arg(char ***argv, size_t *n, const char *arg)
{
    *argv = text_realloc(*argv, (*n + 2) * sizeof **argv);
    (*argv)[(*n)++] = text_dup(arg);
    (*argv)[*n] = NULL;
}

/* Divide at blanks; '...' and "..." hold words together. */
static void add_options(char ***argv, size_t *n, const char *options)
{
    while (*(options += strspn(options, " \t"))) {
        struct text word = {0};
        char quote = 0;
        for (; *options && (quote || !isspace((unsigned char)*options)); options++) {
            if (quote ? *options == quote : *options == '\'' || *options == '"')
                quote = quote ? 0 : *options;
            else
                text_add(&word, options, 1);
        }
        add_arg(argv, n, text_string(&word));
        text_fini(&word);
    }
}

/* {host} and {port} in a template. */
static void expand(const char *template, const char *host, const char *port, struct text *out)
{
    while (*template) {
        if (strncmp(template, "{port}", 6) == 0) {
            text_adds(out, port);
            template += 6;
        } else if (strncmp(template, "{host}", 6) == 0) {
            text_adds(out, host ? host : "");
            template += 6;
        } else {
            text_add(out, template ++, 1);
        }
    }
}

char **subject_argv(const struct subject_build *build, const char *host, unsigned port,
                    const char *options)
{
    const char *template = host ? build->client_cmd : build->server_cmd;
    char **argv = NULL, number[16];
    size_t n = 0;

    snprintf(number, sizeof number, "%u", port);
    if (*template) {
        struct text command = {0};
        text_adds(&command, "exec ");
        expand(template, host, number, &command);
        text_addf(&command, " %s", options);
        add_arg(&argv, &n, "/bin/sh");
        add_arg(&argv, &n, "-c");
        add_arg(&argv, &n, text_string(&command));
        text_fini(&command);
        return argv;
    }
    add_arg(&argv, &n, build->path);
    add_arg(&argv, &n, host ? "-c" : "-s");
    if (host)
        add_arg(&argv, &n, host);
    add_arg(&argv, &n, "-p");
    add_arg(&argv, &n, number);
    add_options(&argv, &n, options);
    return argv;
}

void subject_argv_free(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}
