/* campaign.c - the workers, each a process of its own; what they are told and what they tell. */
#include "harness/fuzz/fuzz.h"
#include "harness/session/clock.h"
#include "harness/session/terminal.h"
#include "harness/subject/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX    64
#define LOOK_MS     250
#define TELL_S      30 /* between two lines where nobody looks at a terminal */
#define GRACE_S     5  /* for workers to come to an end once they are told */
#define ORPHANS_MS  10000
#define INTERRUPTED 130

/* In memory that all share. */
struct shared {
    volatile bool stop;
    struct fuzz_counts counts[JOBS_MAX];
};

/* Ctrl-C, a CI's cancelling, the end of the terminal. */
static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

/* What the parent waits for; blocked, so that none is missed. What somebody had it ignore (nohup)
 * is not among it. */
static sigset_t news(void)
{
    struct sigaction now;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(&set, ends[i]);
    return set;
}

/* --- workers --------------------------------------------------------------------------------- */

static void __attribute__((noreturn))
work(const struct fuzz_settings *s, unsigned number, struct shared *shared, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(3);
    sigset_t set = news();
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        signal(ends[i], SIG_IGN); /* the parent tells */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    subject_adopt_orphans();
    bool own = !s->suite.share_network && !s->suite.remote && subject_enter_own_network();
    fuzz_work(s, number, own, &shared->counts[number], &shared->stop);
    tree_end_children(ORPHANS_MS);
    exit(0);
}

static unsigned start(const struct fuzz_settings *s, struct shared *shared, pid_t *pids)
{
    pid_t parent = getpid();
    unsigned n = 0;

    fflush(NULL);
    for (; n < s->jobs; n++) {
        pids[n] = fork();
        if (pids[n] == 0)
            work(s, n, shared, parent);
        if (pids[n] < 0)
            break;
    }
    return n;
}

/* How many still run. One that ended otherwise than by itself is trouble of ours. */
static unsigned reap(pid_t *pids, unsigned n, struct shared *shared)
{
    unsigned running = 0;
    int status;

    for (unsigned i = 0; i < n; i++) {
        if (pids[i] > 0 && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
            pids[i] = 0;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                shared->counts[i].has_trouble = true;
                snprintf(shared->counts[i].trouble, sizeof shared->counts[i].trouble,
                         "worker %u ended with %s %d", i, WIFSIGNALED(status) ? "signal" : "status",
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            }
        }
        running += pids[i] > 0;
    }
    return running;
}

/* --- telling --------------------------------------------------------------------------------- */

static struct fuzz_counts sum(const struct shared *shared, unsigned n)
{
    struct fuzz_counts all = {.runs = 0};

    for (unsigned i = 0; i < n; i++) {
        const struct fuzz_counts *c = &shared->counts[i];
        all.runs += c->runs;
        all.findings += c->findings;
        all.repeats += c->repeats;
        all.corpus = MAX(all.corpus, c->corpus);
        all.states = MAX(all.states, c->states);
        all.reactions = MAX(all.reactions, c->reactions);
        all.edges = MAX(all.edges, c->edges);
        all.features = MAX(all.features, c->features);
        all.last_new_ns = MAX(all.last_new_ns, c->last_new_ns);
    }
    return all;
}

/* What matters comes first: of a terminal's line the rest may be cut off. */
static void write_line(const struct fuzz_counts *all, double took, char *line, size_t cap)
{
    double since = all->last_new_ns ? now_s() - (double)all->last_new_ns / 1e9 : 0;
    char edges[40] = "";

    if (all->edges > 0) /* of a build that counts them */
        snprintf(edges, sizeof edges, "%" PRIu64 " edges, ", all->edges);
    snprintf(line, cap,
             "%.0f s: %" PRIu64 " sessions, %.0f/s; %" PRIu64 " states, %" PRIu64
             " findings, nothing new for %.0f s; %" PRIu64 " reactions, %s%" PRIu64
             " features, %" PRIu64 " in the corpus; findings met again %" PRIu64 " times",
             took, all->runs, took > 0 ? (double)all->runs / took : 0, all->states, all->findings,
             since, all->reactions, edges, all->features, all->corpus, all->repeats);
}

static void tell(FILE *out, const struct shared *shared, unsigned n, double began_s, bool is_live)
{
    const struct fuzz_counts all = sum(shared, n);
    char line[400];

    write_line(&all, now_s() - began_s, line, sizeof line);
    if (is_live)
        fprintf(out, "\r%.*s\033[K", terminal_room(out), line);
    else
        fprintf(out, "%s\n", line);
    fflush(out);
}

/* Until all have ended; once they are told to stop, not for long. Whether it was interrupted. */
static bool watch(pid_t *pids, unsigned n, struct shared *shared, double began_s)
{
    bool is_live = isatty(STDERR_FILENO), interrupted = false;
    double told_s = now_s(), stop_s = 0;
    const sigset_t set = news();

    while (reap(pids, n, shared) > 0) {
        for (unsigned i = 0; shared->stop && now_s() > stop_s + GRACE_S && i < n; i++)
            if (pids[i] > 0)
                kill(pids[i], SIGKILL); /* all that it knew is on disk */
        if (is_live || now_s() > told_s + TELL_S) {
            tell(stderr, shared, n, began_s, is_live);
            told_s = now_s();
        }
        int signo = sigtimedwait(&set, NULL, &(struct timespec){0, LOOK_MS * 1000000});
        if (signo > 0 && signo != SIGCHLD && !interrupted) {
            interrupted = shared->stop = true;
            stop_s = now_s();
        }
    }
    if (is_live)
        fputs("\n", stderr);
    return interrupted;
}

static int finish(const struct fuzz_settings *s, const struct shared *shared, unsigned n,
                  double began_s, bool interrupted)
{
    struct fuzz_counts all = sum(shared, n);
    int status = interrupted ? INTERRUPTED : 0;

    tell(stdout, shared, n, began_s, false);
    for (unsigned i = 0; i < n; i++) {
        if (shared->counts[i].trouble[0])
            fprintf(stderr, "iperfspec fuzz: %s\n", shared->counts[i].trouble);
        if (shared->counts[i].has_trouble && !interrupted)
            status = 3;
    }
    if (all.findings > 0) {
        printf("findings: %s/README.md\n", s->findings);
        status = 1;
    }
    return status;
}

int fuzz_run(const struct fuzz_settings *s)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const sigset_t set = news();
    sigset_t before;
    pid_t pids[JOBS_MAX];
    double began_s = now_s();

    if (shared == MAP_FAILED)
        return 3;
    sigprocmask(SIG_BLOCK, &set, &before);
    unsigned n = start(s, shared, pids);
    bool interrupted = watch(pids, n, shared, began_s);
    int status = n == s->jobs ? finish(s, shared, n, began_s, interrupted) : 3;
    sigprocmask(SIG_SETMASK, &before, NULL);
    munmap(shared, sizeof *shared);
    return status;
}
