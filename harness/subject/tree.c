#include "harness/subject/tree.h"

#include "impl/wire/bytes.h"

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

size_t tree_below(pid_t root, pid_t *pids, size_t max)
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

/* The caller's own children: a single small file, so that even one who forks and ends without pause
 * is caught between two forks. */
static size_t children(pid_t *pids, size_t max)
{
    char path[64];
    size_t n = 0;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "re");
    if (!f)
        return tree_below(getpid(), pids, max); /* a kernel without it */
    for (int pid; n < max && fscanf(f, "%d", &pid) == 1;)
        pids[n++] = (pid_t)pid;
    fclose(f);
    return n;
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
