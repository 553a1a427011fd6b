#include "harness/subject/tree.h"

#include "impl/wire/bytes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX   64
#define ROUND_MAX   512 /* killed before the list is read anew */
#define ROUNDS_FAST 200 /* without a pause between */

static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(line, 1, sizeof line - 1, f) : 0;
    line[len] = '\0';
    if (f)
        fclose(f);
    const char *behind = strrchr(line, ')'); /* the name may hold anything */
    if (behind)
        sscanf(behind + 1, " %*c %d", &parent);
    return (pid_t)parent;
}

static bool is_below(pid_t pid, pid_t root)
{
    pid_t at = parent_of(pid);

    for (int depth = 0; at > 1 && at != root && depth < DEPTH_MAX; depth++)
        at = parent_of(at);
    return at == root;
}

/* What a kernel without lists of children leaves: every process is looked at. */
static size_t search_all(pid_t root, pid_t *pids, size_t max)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;

    while (dir && n < max && (entry = readdir(dir))) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid > 0 && pid != root && is_below(pid, root))
            pids[n++] = pid;
    }
    if (dir)
        closedir(dir);
    return n;
}

/* Add the children of one thread; -1 and errno if they cannot be read. */
static int add_children(pid_t pid, const char *thread, pid_t *pids, size_t *n, size_t max)
{
    char path[300];

    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, thread);
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    for (int child; *n < max && fscanf(f, "%d", &child) == 1;)
        pids[(*n)++] = child;
    fclose(f);
    return 0;
}

static void add_children_of_all(pid_t pid, pid_t *pids, size_t *n, size_t max)
{
    char path[64];
    struct dirent *entry;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        if (isdigit((unsigned char)entry->d_name[0]))
            add_children(pid, entry->d_name, pids, n, max);
    if (dir)
        closedir(dir);
}

size_t tree_below(pid_t root, pid_t *pids, size_t max)
{
    size_t n = 0;

    if (access("/proc/thread-self/children", F_OK) < 0)
        return search_all(root, pids, max);
    add_children_of_all(root, pids, &n, max);
    for (size_t i = 0; i < n; i++) /* grows by the children of each */
        add_children_of_all(pids[i], pids, &n, max);
    return n;
}

/* The caller's own children: a single small file, so that even one who forks and ends without pause
 * is caught between two forks. */
static size_t children(pid_t *pids, size_t max)
{
    char thread[24];
    size_t n = 0;

    snprintf(thread, sizeof thread, "%d", (int)getpid());
    return add_children(getpid(), thread, pids, &n, max) == 0 ? n : search_all(getpid(), pids, max);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool tree_end_children(int ms)
{
    int64_t deadline = now_ms() + ms;
    pid_t pids[ROUND_MAX];
    unsigned rounds = 0;

    for (;;) {
        size_t n = children(pids, ARRAY_LEN(pids));
        for (size_t i = 0; i < n; i++)
            kill(pids[i], SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return true;
        if (now_ms() >= deadline)
            return false;
        if (n == 0 || ++rounds > ROUNDS_FAST)
            poll(NULL, 0, 1); /* killed, and not yet dead */
    }
}
