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

/* The sockets of a table in /proc that listen on the port (0: on any); returns how many. */
static size_t listeners_in(const char *table, unsigned port, struct sockdiag_listener *at,
                           size_t max)
{
    char line[512];
    unsigned state;
    size_t n = 0;
    FILE *f = fopen(table, "re");

    while (f && n < max && fgets(line, sizeof line, f))
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   &at[n].port, &state, &at[n].inode) == 3 &&
            state == TCP_LISTENING && (port == 0 || at[n].port == port))
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
                 ? listeners_in(kinds[i].table, port, at + n, LISTENERS_MAX / 2)
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

/* One that ended well may have left a daemon that is about to listen. Nobody can seem to be there
 * for a moment: while a parent ends, and its child is not yet below the keeper. */
static bool may_listen_yet(const struct subject *s, unsigned *deserted)
{
    pid_t pid;

    if (s->running)
        return true;
    if (!s->ended || s->status != 0)
        return false;
    *deserted = tree_below(s->keeper, &pid, 1) > 0 ? 0 : *deserted + 1;
    return *deserted < DESERTED_LOOKS;
}

enum subject_ready subject_await_listening(struct subject *s, unsigned port, uint64_t deadline_ns)
{
    enum subject_ready ready;
    uint64_t foreign_since = 0;
    unsigned deserted = 0;
    pid_t who = 0;

    while ((ready = look(s, port, &who)) != SUBJECT_READY &&
           !stays_foreign(ready, &foreign_since) &&
           (ready == SUBJECT_FOREIGN || may_listen_yet(s, &deserted)) && now_ns() < deadline_ns) {
        struct pollfd fd = {.fd = s->line, .events = POLLIN};
        poll(&fd, s->running, 1); /* the tables have no event to wait for */
        subject_turn(s);
    }
    if (ready == SUBJECT_READY)
        subject_follow(s, who);
    return ready;
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
