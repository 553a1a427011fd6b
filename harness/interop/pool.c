#include "harness/interop/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CELL_LIMIT_S 120 /* the sum of what a cell waits for; it comes to an end by itself */

struct pool {
    const struct interop_cell *cells;
    struct interop_outcome *outcomes;
    const struct kit *kit;
    size_t n, next;
    pid_t *pids; /* per cell; 0: not running */
    unsigned n_running;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

/* Without SA_RESTART, so that waitpid() returns. */
static void catch_interrupts(void)
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = interrupt};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sigaction(all[i], &action, NULL);
}

struct interop_outcome *pool_share(size_t n)
{
    void *at = mmap(NULL, (n + 1) * sizeof(struct interop_outcome), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

/* A cell dies with us, and what it started dies with it. */
static void __attribute__((noreturn)) be_cell(const struct pool *p, size_t index, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    alarm(CELL_LIMIT_S);
    cell_play(&p->cells[index], p->kit, &p->outcomes[index]);
    _exit(0);
}

static bool start(struct pool *p, size_t index)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        be_cell(p, index, parent);
    if (pid < 0)
        return false;
    p->pids[index] = pid;
    p->n_running++;
    return true;
}

static bool start_more(struct pool *p, unsigned n_jobs)
{
    for (; p->next < p->n && p->n_running < n_jobs; p->next++)
        if (p->outcomes[p->next].verdict == CELL_OPEN && !start(p, p->next))
            return false;
    return true;
}

/* Note the end of a cell; the index, or n for a process that is none (an orphan of one). */
static size_t note_end(struct pool *p, pid_t pid, int status)
{
    for (size_t i = 0; i < p->next; i++) {
        if (p->pids[i] != pid)
            continue;
        struct interop_outcome *o = &p->outcomes[i];
        p->pids[i] = 0;
        p->n_running--;
        if (o->verdict == CELL_OPEN) {
            o->verdict = CELL_TROUBLE;
            snprintf(o->reason, sizeof o->reason, "the cell's own process ended: status 0x%x",
                     (unsigned)status);
        }
        return i;
    }
    return p->n;
}

static void end_all(struct pool *p)
{
    for (size_t i = 0; i < p->next; i++)
        if (p->pids[i] > 0)
            kill(p->pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

bool pool_play(const struct interop_cell *cells, struct interop_outcome *outcomes, size_t n,
               const struct kit *kit, unsigned n_jobs, void (*done)(void *context, size_t index),
               void *context)
{
    struct pool p = {.cells = cells, .outcomes = outcomes, .kit = kit, .n = n};
    bool ok = true;

    p.pids = text_realloc(NULL, (n + 1) * sizeof *p.pids);
    memset(p.pids, 0, (n + 1) * sizeof *p.pids);
    subject_adopt_orphans();
    catch_interrupts();
    fflush(NULL);
    while (ok && !interrupted) {
        int status;
        ok = start_more(&p, n_jobs);
        if (!ok || p.n_running == 0)
            break;
        pid_t pid = waitpid(-1, &status, 0);
        size_t index = pid > 0 ? note_end(&p, pid, status) : n;
        if (index < n)
            done(context, index);
    }
    end_all(&p);
    free(p.pids);
    return ok && !interrupted;
}
