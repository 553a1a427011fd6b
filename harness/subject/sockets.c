/* sockets.c - who listens where, asked of the kernel. Nothing here connects to the subject. */
#include "harness/session/clock.h"
#include "harness/sim/sockdiag.h"
#include "harness/subject/subject.h"
#include "harness/subject/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTENING  0x0a
#define BELOW_MAX      256
#define LISTENERS_MAX  64
#define FOREIGN_MS     300u
#define SETTLED_LOOKS  3 /* in a row, a millisecond apart */
#define DESERTED_LOOKS 50

/* The sockets of a table in /proc that listen on the port (0: on any), or that have it and do
 * something else; returns how many. */
static size_t sockets_in(const char *table, unsigned port, bool listen,
                         struct sockdiag_listener *at, size_t max)
{
    char line[512];
    unsigned state;
    size_t n = 0;
    FILE *f = fopen(table, "re");

    while (f && n < max && fgets(line, sizeof line, f))
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   &at[n].port, &state, &at[n].inode) == 3 &&
            (state == TCP_LISTENING) == listen && (port == 0 || at[n].port == port))
            n++;
    if (f)
        fclose(f);
    return n;
}

static size_t listeners(unsigned port, struct sockdiag_listener at[static LISTENERS_MAX])
{
    static const struct {
        int family;
        const char *table;
    } kinds[] = {
        {AF_INET,  "/proc/self/net/tcp" },
        {AF_INET6, "/proc/self/net/tcp6"},
    };
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        int more = sockdiag_listeners(kinds[i].family, port, at + n, LISTENERS_MAX / 2);
        n += more == SOCKDIAG_UNKNOWN
                 ? sockets_in(kinds[i].table, port, true, at + n, LISTENERS_MAX / 2)
                 : (size_t)more;
    }
    return n;
}

static bool holds(pid_t pid, unsigned long inode)
{
    char path[300], link[64], wanted[64];
    struct dirent *entry;
    bool found = false;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *dir = opendir(path);
    while (dir && !found && (entry = readdir(dir))) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, entry->d_name);
        ssize_t len = readlink(path, link, sizeof link - 1);
        link[MAX(len, 0)] = '\0';
        found = strcmp(link, wanted) == 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* The process that holds the socket: the subject, or one that it started, however indirectly; 0 if
 * none of them does. */
static pid_t holder(const struct subject *s, unsigned long inode)
{
    pid_t pids[BELOW_MAX], found = 0;

    if (!s->ended && holds(s->pid, inode))
        return s->pid;
    size_t n = tree_below(s->keeper, pids, ARRAY_LEN(pids));
    for (size_t i = 0; i < n && !found; i++)
        found = holds(pids[i], inode) ? pids[i] : 0;
    return found;
}

/* The same as subject_listens(), and who listens. */
static enum subject_ready look(const struct subject *subject, unsigned port, pid_t *who)
{
    struct sockdiag_listener at[LISTENERS_MAX];
    size_t n = listeners(port, at);

    for (size_t i = 0; i < n; i++)
        if ((*who = holder(subject, at[i].inode)))
            return SUBJECT_READY;
    return n > 0 ? SUBJECT_FOREIGN : SUBJECT_NOT_YET;
}

enum subject_ready subject_listens(const struct subject *subject, unsigned port)
{
    pid_t who;

    return look(subject, port, &who);
}

unsigned subject_port(const struct subject *subject)
{
    struct sockdiag_listener at[LISTENERS_MAX];
    size_t n = listeners(0, at);

    for (size_t i = 0; i < n; i++)
        if (holder(subject, at[i].inode))
            return at[i].port;
    return 0;
}

/* A socket can look foreign for a moment: while it is handed on in a fork, while its owner's parent
 * ends, or when it was closed between our two looks. One that stays so is. */
static bool stays_foreign(enum subject_ready ready, uint64_t *since)
{
    if (ready != SUBJECT_FOREIGN)
        *since = 0;
    else if (*since == 0)
        *since = now_ns();
    return *since != 0 && now_ns() - *since > FOREIGN_MS * 1000000u;
}

/* One that ended well may have left a daemon. Nobody can seem to be there for a moment: while a
 * parent ends, and its child is not yet below the keeper. */
bool subject_goes_on(void *context)
{
    struct subject *s = context;
    pid_t pid;

    if (!s->ended || s->status != 0)
        return false;
    s->deserted = tree_below(s->keeper, &pid, 1) > 0 ? 0 : s->deserted + 1;
    return s->deserted < DESERTED_LOOKS;
}

enum subject_ready subject_await_listening(struct subject *s, unsigned port, uint64_t deadline_ns)
{
    enum subject_ready ready;
    uint64_t foreign_since = 0;
    pid_t who = 0;

    while (
        (ready = look(s, port, &who)) != SUBJECT_READY && !stays_foreign(ready, &foreign_since) &&
        (ready == SUBJECT_FOREIGN || s->running || subject_goes_on(s)) && now_ns() < deadline_ns) {
        struct pollfd fd = {.fd = s->line, .events = POLLIN};
        poll(&fd, s->running, 1); /* the tables have no event to wait for */
        subject_turn(s);
    }
    if (ready == SUBJECT_READY)
        subject_follow(s, who);
    return ready;
}

/* Whether it has children, as far as its first thread tells; a kernel may keep that to itself. One
 * that has just ended had some, maybe. */
static bool may_have_children(const struct subject *s)
{
    struct pollfd end = {.fd = s->pidfd, .events = POLLIN};
    char path[64], c;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
    FILE *f = fopen(path, "re");
    bool some = !f || fread(&c, 1, 1, f) == 1;
    if (f)
        fclose(f);
    return some || !s->running || poll(&end, 1, 0) != 0;
}

/* The process whose end of a connection has that port; 0: none of the subject's. */
static pid_t caller(const struct subject *s, unsigned port)
{
    static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};
    struct sockdiag_listener at[LISTENERS_MAX];
    pid_t who = 0;

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        size_t n = sockets_in(tables[i], port, false, at, ARRAY_LEN(at));
        for (size_t k = 0; k < n && !who; k++)
            who = at[k].inode ? holder(s, at[k].inode) : 0;
    }
    return who;
}

void subject_met(void *context, unsigned port)
{
    struct subject *s = context;
    pid_t who = 0;

    subject_turn(s);
    if (!may_have_children(s))
        return;
    for (int looks = 0; !who && looks < DESERTED_LOOKS; looks++) {
        who = caller(s, port);
        if (!who)
            poll(NULL, 0, 1); /* as above */
    }
    if (who)
        subject_follow(s, who);
}

void subject_await_settled(struct subject *s, unsigned port, uint64_t deadline_ns)
{
    const struct sim_process process = subject_process(s);
    unsigned looks = 0;

    while (s->running && looks < SETTLED_LOOKS && now_ns() < deadline_ns) {
        struct pollfd fd = {.fd = s->line, .events = POLLIN};
        bool settled = process.sleeps(s) && subject_listens(s, port) == SUBJECT_READY;
        looks = settled ? looks + 1 : 0;
        poll(&fd, 1, 1); /* the tables have no event to wait for */
        subject_turn(s);
    }
}

static bool binds(int type, unsigned *port)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
              getsockname(fd, (struct sockaddr *)&at, &len) == 0;

    *port = ntohs(at.sin6_port);
    if (fd >= 0)
        close(fd);
    return ok;
}

unsigned subject_free_port(void)
{
    for (int i = 0; i < 50; i++) {
        unsigned port = 0;
        if (binds(SOCK_STREAM, &port) && binds(SOCK_DGRAM, &port))
            return port;
    }
    return 0;
}
