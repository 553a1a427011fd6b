/* rest.c - whether a subject waits, or uses the processor when nothing is asked of it. */
#include "harness/subject/leak.h"
#include "harness/subject/tree.h"
#include "harness/subject/watch.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define NS_PER_MS     1000000u
#define SPIN_MS       1000     /* of processor time, times the scale: then it spins */
#define PATIENCE_MS   30000    /* on the clock, times the scale: then nothing is proved */
#define GLANCES       3        /* of which one finds it at rest; */
#define GLANCE_MS     1        /* between two of them */
#define LOOK_MS       10       /* between two looks at one who does not rest */
#define SUSPICIOUS    0.5      /* share of its whole life that it was busy */
#define WARM_UP_MS    200      /* processor time that is no sign of anything */
#define BUSY_SHARE    0.3      /* since the case began */
#define BUSY_MS       20       /* and at least so much */
#define RUN_NS        1000000u /* without a nap: too long for one who only looks at the clock */
#define PROCESSES_MAX 256      /* of a subject, that are looked at */
#define MUCH_OUTPUT   32768    /* in a pipe: it is about to be full */

/* Who is busy for less than this share of so long rests. */
struct window {
    unsigned ms;
    double share;
};
static const struct window after_a_case = {50, 0.2}, asked_for = {250, 0.1};
static const struct window after_a_nap = {500, 0.2}; /* of one who was busy meanwhile */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts = {0};

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What all processes of the subject have used of the processor, and what they waited for one: on a
 * busy machine a spinning thread waits most of the time. */
struct use {
    uint64_t used_ns, waited_ns, at_ns;
    uint64_t naps;    /* voluntary context switches */
    bool is_runnable; /* a thread runs, or waits for a processor */
};

static void read_file(const char *path, char *text, size_t cap)
{
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(text, 1, cap - 1, f) : 0;

    text[len] = '\0';
    if (f)
        fclose(f);
}

static void look_at_thread(pid_t pid, const char *thread, struct use *use)
{
    static const char naps_key[] = "\nvoluntary_ctxt_switches:";
    char path[300], text[4096];
    unsigned long long waited = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)pid, thread);
    read_file(path, text, sizeof text);
    const char *behind = strrchr(text, ')'); /* the name may hold anything */
    use->is_runnable |= behind && behind[1] && behind[2] == 'R';
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)pid, thread);
    read_file(path, text, sizeof text);
    if (sscanf(text, "%*u %llu", &waited) == 1)
        use->waited_ns += waited;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/status", (int)pid, thread);
    read_file(path, text, sizeof text);
    const char *naps = strstr(text, naps_key);
    use->naps += naps ? strtoull(naps + sizeof naps_key - 1, NULL, 10) : 0;
}

static void look_at_process(pid_t pid, struct use *use)
{
    char path[64];
    struct dirent *entry;
    clockid_t clock;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (clock_getcpuclockid(pid, &clock) == 0)
        use->used_ns += clock_ns(clock);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        if (isdigit((unsigned char)entry->d_name[0]))
            look_at_thread(pid, entry->d_name, use);
    if (dir)
        closedir(dir);
}

/* False if it is gone. */
static bool look(const struct subject *s, struct use *use)
{
    pid_t pids[PROCESSES_MAX];
    size_t n = s->running ? tree_below(s->keeper, pids, PROCESSES_MAX) : 0;

    *use = (struct use){.at_ns = clock_ns(CLOCK_MONOTONIC)};
    for (size_t i = 0; i < n; i++)
        look_at_process(pids[i], use);
    return use->used_ns != 0;
}

/* From one look to another; what has ended between them counts for nothing. */
static uint64_t difference(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

/* The share of the time between two looks for which it wanted the processor. */
static double wanted(const struct use *before, const struct use *now)
{
    uint64_t ns =
        difference(before->used_ns, now->used_ns) + difference(before->waited_ns, now->waited_ns);

    return (double)ns / (double)(difference(before->at_ns, now->at_ns) + 1);
}

/* On a busy machine one who only looks at the clock every millisecond (iperf3's pacing timer) waits
 * for a processor each time, and so seems to want one; but it uses little, and little at a time. */
static bool only_ticks(const struct use *before, const struct use *now, double share)
{
    uint64_t spent = difference(before->used_ns, now->used_ns);

    return (double)spent < share * (double)(now->at_ns - before->at_ns) &&
           spent < RUN_NS * difference(before->naps, now->naps);
}

void subject_pass_time(struct subject *s, unsigned ms)
{
    struct sim_process p = subject_process(s);
    struct pollfd fds[4];
    uint64_t until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)ms * NS_PER_MS, now;

    while (s->running && (now = clock_ns(CLOCK_MONOTONIC)) < until) {
        poll(fds, (nfds_t)p.watch(s, fds, ARRAY_LEN(fds)), (int)((until - now) / NS_PER_MS) + 1);
        subject_turn(s); /* it may print without end */
    }
}

/* One nap is no rest: a whole window must be quiet. Guilty is who uses up SPIN_MS before that. */
static bool comes_to_rest(struct subject *s, struct window window, double scale, struct text *used)
{
    const double share = window.share;
    struct use first, before, now;

    if (!look(s, &first))
        return true;
    for (before = first;;) {
        subject_pass_time(s, LOOK_MS);
        if (!look(s, &now))
            return true;
        uint64_t spent = difference(first.used_ns, now.used_ns), ns = now.at_ns - first.at_ns;
        if ((double)spent >= SPIN_MS * scale * NS_PER_MS) {
            if (only_ticks(&first, &now, share))
                return true;
            text_addf(used, "used %.1f s of processor time in %.1f s, when nothing was asked of it",
                      (double)spent / 1e9, (double)ns / 1e9);
            return false;
        }
        if ((double)ns >= PATIENCE_MS * scale * NS_PER_MS)
            return true;
        if (now.at_ns - before.at_ns < (uint64_t)window.ms * NS_PER_MS)
            continue;
        bool is_busy = wanted(&before, &now) >= window.share;
        if (!now.is_runnable && (!is_busy || only_ticks(&before, &now, window.share)))
            return true;
        if (is_busy)
            window = after_a_nap;
        before = now;
    }
}

/* One may nap when we look, and one whose threads take turns (as an interpreter's do) naps just
 * when the other thread has answered us: then its life tells, and what it used in the case. */
static bool was_busy(const struct subject *s, const struct subject_sample *since,
                     const struct use *now)
{
    struct use born = {.at_ns = s->started_ns,
                       .used_ns = MIN(now->used_ns, (uint64_t)WARM_UP_MS * NS_PER_MS),
                       .waited_ns = now->waited_ns};
    uint64_t spent = since ? difference(since->used_ns, now->used_ns) : 0;

    return wanted(&born, now) >= SUSPICIOUS ||
           (spent >= (uint64_t)BUSY_MS * NS_PER_MS &&
            (double)spent >= BUSY_SHARE * (double)(now->at_ns - since->at_ns));
}

/* It may sleep because nobody reads what it prints: that is no rest. */
static bool waits_for_a_reader(const struct subject *s)
{
    const int pipes[] = {s->out_fd, s->err_fd};
    int waiting = 0;

    for (size_t i = 0; i < ARRAY_LEN(pipes); i++)
        if (pipes[i] >= 0 && ioctl(pipes[i], FIONREAD, &waiting) == 0 && waiting >= MUCH_OUTPUT)
            return true;
    return false;
}

bool subject_rests(struct subject *s, const struct subject_sample *since, double scale,
                   struct text *used)
{
    struct use now;

    for (int i = 0; i < GLANCES; i++) { /* it may be about to finish what the case asked for */
        if (i > 0)
            subject_pass_time(s, GLANCE_MS);
        if (!look(s, &now) ||
            (!now.is_runnable && !waits_for_a_reader(s) && !was_busy(s, since, &now)))
            return true;
    }
    return comes_to_rest(s, after_a_case, scale, used);
}

enum sim_cause subject_judge_rest(void *context, double scale, struct text *why)
{
    struct subject *s = context;
    struct subject_growth growth = {.n = 0};
    struct use before, now;

    if (!subject_rests(s, NULL, scale, why))
        return SIM_SPIN;
    bool is_there = look(s, &before);
    while (growth.n < LEAK_MIN_N && subject_growth_note(&growth, s))
        subject_pass_time(s, LOOK_MS);
    if (is_there && look(s, &now) && wanted(&before, &now) >= asked_for.share &&
        !comes_to_rest(s, asked_for, scale, why))
        return SIM_SPIN;
    return subject_growth_shows(&growth, "10 ms of waiting", why) ? SIM_LEAK : SIM_OK;
}
