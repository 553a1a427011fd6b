/* worker.c - plays cases in processes of their own, each with its own network where allowed.
 *
 * A worker is forked from the harness and so knows every script; it is sent an index and answers
 * with the texts of a struct suite_run. It dies with the harness, and its subjects with it. */
#include "harness/session/clock.h"
#include "harness/subject/tree.h"
#include "harness/suite/line.h"
#include "harness/suite/order.h"
#include "harness/suite/serve.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_JOB     SIZE_MAX
#define ORPHANS_MS 10000
#define WAITERS    28 /* at most, beside the jobs that were asked for: their cases only wait */
#define WAITING    6  /* of them, for each job, that turn out to wait */
#define YOUNG_NS   250000000u
#define FEW        16        /* which can all be played alone in the strict sense */
#define LARGE      (1 << 17) /* bytes that go back to the system once they are freed */

struct worker {
    pid_t pid;         /* -1: not started */
    int fd;            /* ours of a socket pair, or -1 */
    size_t job;        /* index, or NO_JOB */
    uint64_t since_ns; /* when it was given */
    /* Is given slow cases alone; those that are not, none of them while there are others. */
    bool is_slow;
};

struct pool {
    const struct script_list *list;
    const struct suite_settings *settings;
    suite_done *done;
    void *context;
    struct worker *workers;
    size_t n_workers, n_done;
    size_t n_young;      /* cases at most that are not slow, nor older than YOUNG_NS */
    bool *given;         /* of each case */
    size_t from;         /* all before were given */
    size_t n_slow;       /* workers for slow cases; if none, all go in the order of the list */
    bool stopped;        /* no more jobs are given out */
    bool is_cut;         /* some were left out, for want of time */
    bool in_order;       /* one worker, whose server is kept from case to case */
    unsigned *busy_port; /* what the worker has on another machine (serve.h); NULL: all is here */
};

/* --- in the worker --------------------------------------------------------------------------- */

static void __attribute__((noreturn)) work(const struct pool *pool, int fd, pid_t parent)
{
    size_t job;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    subject_adopt_orphans();
    mallopt(M_MMAP_THRESHOLD, LARGE); /* else each keeper copies what was once needed */
    bool own = !pool->settings->share_network && !pool->settings->remote &&
               !suite_is_far(&pool->settings->far) && subject_enter_own_network();
    struct serve serve;
    serve_init(&serve, pool->settings, own);
    serve.busy_port = pool->busy_port;
    while (line_get(fd, &job, sizeof job) && job < pool->list->n) {
        struct suite_run run;
        suite_run_case_on(&serve, pool->in_order, pool->list->at[job], &run);
        bool ok = line_put_run(fd, &run);
        suite_run_fini(&run);
        if (!ok)
            break;
    }
    serve_fini(&serve);
    tree_end_children(ORPHANS_MS); /* of a keeper that somebody killed */
    exit(0);                       /* not _exit(): a leak of the harness shows here */
}

/* --- in the harness -------------------------------------------------------------------------- */

static bool start(struct pool *pool, struct worker *w)
{
    int pair[2];
    pid_t parent = getpid();

    *w = (struct worker){.pid = -1, .fd = -1, .job = NO_JOB, .is_slow = w->is_slow};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    fflush(NULL);
    w->pid = fork();
    if (w->pid == 0) {
        for (size_t i = 0; i < pool->n_workers; i++)
            if (pool->workers[i].fd >= 0)
                close(pool->workers[i].fd);
        close(pair[0]);
        work(pool, pair[1], parent);
    }
    close(pair[1]);
    if (w->pid > 0)
        w->fd = pair[0];
    else
        close(pair[0]);
    return w->pid > 0;
}

static void stop(struct worker *w)
{
    if (w->fd >= 0)
        close(w->fd);
    if (w->pid > 0)
        waitpid(w->pid, NULL, 0);
    w->fd = -1;
    w->pid = -1;
}

/* Whether there is time for the case. */
static bool may_begin(const struct pool *pool, const struct script *script, uint64_t now)
{
    uint64_t end = pool->settings->budget_end_ns;

    return end == 0 || now + order_cost_ns(script) <= end;
}

/* The next case for the worker, or NO_JOB. */
static size_t next_job(struct pool *pool, const struct worker *w)
{
    size_t other = NO_JOB;
    uint64_t now = now_ns();

    for (size_t i = pool->from; i < pool->list->n; i++) {
        if (pool->given[i])
            continue;
        if (!may_begin(pool, pool->list->at[i], now)) {
            pool->is_cut = true;
            continue;
        }
        if (pool->n_slow == 0 || suite_is_slow(pool->list->at[i]) == w->is_slow)
            return i;
        if (other == NO_JOB)
            other = i;
    }
    return w->is_slow ? NO_JOB : other;
}

/* A case that goes on for a quarter of a second waits for a timer of its subject, slow or not: its
 * place is another's then, unless the server is in doubt, of which the first few cases are to tell.
 * Milliseconds until there is one for a case that is not slow; 0: now; -1: not while all goes on as
 * it does. */
static int until_room(const struct pool *pool, uint64_t now)
{
    uint64_t age_ns = 0, old_ns = pool->settings->is_doubtful ? UINT64_MAX : YOUNG_NS;
    size_t n = 0;

    for (size_t i = 0; i < pool->n_workers; i++) {
        const struct worker *w = &pool->workers[i];
        if (w->is_slow || w->job == NO_JOB || now - w->since_ns >= old_ns)
            continue;
        age_ns = MAX(age_ns, now - w->since_ns);
        n++;
    }
    if (n < pool->n_young)
        return 0;
    return old_ns == UINT64_MAX ? -1 : (int)((old_ns - age_ns) / 1000000) + 1;
}

static void give(struct pool *pool, struct worker *w, size_t job)
{
    if (w->fd < 0 && !start(pool, w))
        return;
    w->job = job;
    w->since_ns = now_ns();
    pool->given[job] = true;
    while (pool->from < pool->list->n && pool->given[pool->from])
        pool->from++;
    line_put(w->fd, &job, sizeof job); /* if it is gone, take() finds out */
}

/* To all that have none. Milliseconds until there may be room for one more, -1: not while all goes
 * on as it does. */
static int give_out(struct pool *pool)
{
    int room_ms = until_room(pool, now_ns()), wait_ms = -1;

    for (size_t i = 0; i < pool->n_workers; i++) {
        struct worker *w = &pool->workers[i];
        if (w->job != NO_JOB)
            continue;
        if (!w->is_slow && room_ms != 0) {
            wait_ms = room_ms;
            continue;
        }
        size_t job = pool->stopped ? NO_JOB : next_job(pool, w);
        if (job == NO_JOB)
            stop(w);
        else
            give(pool, w, job);
        if (!w->is_slow && job != NO_JOB)
            room_ms = until_room(pool, now_ns());
    }
    return wait_ms;
}

static void finish(struct pool *pool, struct worker *w, struct suite_run *run)
{
    if (!pool->done(pool->context, w->job, run))
        pool->stopped = true;
    pool->n_done++;
}

static void take(struct pool *pool, struct worker *w)
{
    struct suite_run run;

    if (line_get_run(w->fd, &run)) {
        finish(pool, w, &run);
    } else {
        int status = 0;
        suite_run_fini(&run);
        run = (struct suite_run){.cause = SIM_TROUBLE};
        waitpid(w->pid, &status, 0);
        w->pid = -1;
        text_addf(&run.got, "the harness's own worker ended with %s %d",
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        finish(pool, w, &run);
        stop(w);
    }
    w->job = NO_JOB;
}

static bool any_busy(const struct pool *pool, struct pollfd *fds)
{
    bool busy = false;

    for (size_t i = 0; i < pool->n_workers; i++) {
        bool works = pool->workers[i].fd >= 0 && pool->workers[i].job != NO_JOB;
        fds[i] = (struct pollfd){.fd = works ? pool->workers[i].fd : -1, .events = POLLIN};
        busy |= works;
    }
    return busy;
}

/* Milliseconds until everything ends; -1: it does not, unless a signal interrupts the wait. What
 * was expected to be over within the budget, and is not, is left out as well. */
static int time_left(const struct pool *pool)
{
    uint64_t limit = pool->settings->limit_ns, budget = pool->settings->budget_end_ns;
    uint64_t now = now_ns();

    if (suite_must_end(pool->settings))
        return 0;
    if (budget != 0)
        limit = limit ? MIN(limit, budget) : budget;
    if (limit == 0)
        return -1;
    return limit <= now ? 0 : (int)MIN((limit - now) / 1000000 + 1, 1000000000);
}

/* Of what has begun nothing will be heard: the workers are killed, and with them goes what they
 * started, but for what is on another machine. */
static void end_all(struct pool *pool)
{
    unsigned port = 0;

    for (size_t i = 0; i < pool->n_workers; i++)
        if (pool->workers[i].pid > 0)
            kill(pool->workers[i].pid, SIGKILL);
    if (pool->busy_port)
        port = *pool->busy_port;
    if (port > 0)
        serve_far_stop(&pool->settings->far, port);
    pool->is_cut = true;
}

/* Memory in common with the workers, where one has to know what another left elsewhere. */
static unsigned *share_port(const struct suite_settings *settings)
{
    if (!suite_is_far(&settings->far))
        return NULL;
    void *at =
        mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* One key for all workers: they are forked from here. */
static void prepare_keys(const struct script_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (suite_wants_keys(list->at[i])) {
            subject_keys_prepare();
            return;
        }
}

/* With at most n cases at a time, and so many more: slow ones, and those that turn out to wait. */
static bool run_pool(struct pool *pool, size_t n, size_t n_slow, size_t n_waiting)
{
    pool->n_slow = n_slow;
    pool->n_young = n;
    pool->n_workers = n_slow + n + n_waiting;
    if (time_left(pool) == 0)
        return true;
    prepare_keys(pool->list);
    struct pollfd *fds = text_realloc(NULL, pool->n_workers * sizeof *fds);

    pool->workers = text_realloc(NULL, pool->n_workers * sizeof *pool->workers);
    pool->given = text_realloc(NULL, (pool->list->n + 1) * sizeof *pool->given);
    memset(pool->given, 0, (pool->list->n + 1) * sizeof *pool->given);
    pool->busy_port = share_port(pool->settings);
    for (size_t i = 0; i < pool->n_workers; i++)
        pool->workers[i] =
            (struct worker){.pid = -1, .fd = -1, .job = NO_JOB, .is_slow = i < n_slow};
    for (int room_ms = give_out(pool); any_busy(pool, fds); room_ms = give_out(pool)) {
        int left_ms = time_left(pool);
        int wait_ms = room_ms < 0 || (left_ms >= 0 && left_ms < room_ms) ? left_ms : room_ms;
        if (poll(fds, pool->n_workers, wait_ms) < 0 && errno != EINTR)
            break;
        if (time_left(pool) == 0) {
            end_all(pool);
            break;
        }
        for (size_t i = 0; i < pool->n_workers; i++)
            if (fds[i].revents)
                take(pool, &pool->workers[i]);
    }
    for (size_t i = 0; i < pool->n_workers; i++)
        stop(&pool->workers[i]);
    free(pool->workers);
    if (pool->busy_port)
        munmap(pool->busy_port, sizeof *pool->busy_port);
    free(pool->given);
    free(fds);
    return pool->stopped || pool->is_cut || pool->n_done == pool->list->n;
}

/* Slow cases wait for the timers of their subject: beside the rest they cost nothing. */
static size_t count_waiters(const struct script_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n && n < WAITERS; i++)
        n += suite_is_slow(list->at[i]);
    return n;
}

/* A server elsewhere is one for all cases: two at a time would disturb each other. */
static bool has_one_server(const struct suite_settings *settings)
{
    return settings->remote || suite_is_far(&settings->far);
}

bool suite_run_all(const struct script_list *list, const struct suite_settings *settings,
                   suite_done *done, void *context)
{
    struct pool pool = {.list = list, .settings = settings, .done = done, .context = context};
    unsigned jobs = has_one_server(settings) ? 1 : MAX(settings->jobs, 1);
    size_t n = MIN(jobs, MAX(list->n, 1));

    if (jobs == 1)
        return run_pool(&pool, 1, 0, 0);
    return run_pool(&pool, n, count_waiters(list), n > 1 ? MIN(WAITING * n, WAITERS) : 0);
}

bool suite_run_alone(const struct script_list *list, const struct suite_settings *settings,
                     suite_done *done, void *context)
{
    struct pool pool = {.list = list, .settings = settings, .done = done, .context = context};
    bool is_many = list->n > FEW && settings->jobs > 1 && !has_one_server(settings);

    return run_pool(&pool, 1, 0, is_many ? WAITERS : 0);
}

bool suite_run_in_order(const struct script_list *list, const struct suite_settings *settings,
                        suite_done *done, void *context)
{
    struct pool pool = {
        .list = list, .settings = settings, .done = done, .context = context, .in_order = true};

    return run_pool(&pool, 1, 0, 0);
}
