#include "harness/subject/watch.h"

#include "harness/subject/leak.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHADOW_KIB    (1ull << 30)
#define SHADOW_LEAST  16384 /* bytes a session that a sanitizer may keep for itself */
#define NS_PER_MS     1000000u
#define SPIN_MS       1000  /* of processor time, times the scale: then it spins */
#define PATIENCE_MS   30000 /* on the clock, times the scale: then nothing is proved */
#define LOOK_MS       10    /* between two looks at one who does not rest */
#define SUSPICIOUS    0.5   /* share of the time since the last look that was used */
#define WARM_UP_MS    200   /* processor time that is no sign of anything */
#define PROCESSES_MAX 64    /* of a subject, that are looked at */

/* --- rest ------------------------------------------------------------------------------------ */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts = {0};

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What the process and those below it have used of the processor, and what they waited for one: on
 * a busy machine a spinning thread waits most of the time. */
struct use {
    uint64_t used_ns, waited_ns;
    bool is_runnable; /* a thread runs, or waits for a processor */
    pid_t pids[PROCESSES_MAX];
    size_t n; /* of them */
};

static size_t read_file(const char *path, char *text, size_t cap)
{
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(text, 1, cap - 1, f) : 0;

    text[len] = '\0';
    if (f)
        fclose(f);
    return len;
}

static void look_at_thread(pid_t pid, const char *thread, struct use *use)
{
    char path[300], text[512];
    unsigned long long waited = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)pid, thread);
    read_file(path, text, sizeof text);
    const char *behind = strrchr(text, ')'); /* the name may hold anything */
    use->is_runnable |= behind && behind[1] && behind[2] == 'R';
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)pid, thread);
    read_file(path, text, sizeof text);
    if (sscanf(text, "%*u %llu", &waited) == 1)
        use->waited_ns += waited;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, thread);
    read_file(path, text, sizeof text);
    char *end;
    for (long child = strtol(text, &end, 10); child > 0 && *end == ' ' && use->n < PROCESSES_MAX;
         child = strtol(end, &end, 10))
        use->pids[use->n++] = (pid_t)child;
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
    *use = (struct use){.pids = {s->pid}, .n = s->running};
    for (size_t i = 0; i < use->n; i++) /* grows by the children of each */
        look_at_process(use->pids[i], use);
    return use->used_ns != 0;
}

/* From one look to another; what has ended between them counts for nothing. */
static uint64_t difference(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

/* Whether it wanted the processor for most of the time between two looks. */
static bool is_busy(const struct use *before, const struct use *now, uint64_t elapsed_ns)
{
    uint64_t wanted =
        difference(before->used_ns, now->used_ns) + difference(before->waited_ns, now->waited_ns);

    return now->is_runnable || (double)wanted > SUSPICIOUS * (double)elapsed_ns;
}

static void pass_time(struct subject *s)
{
    struct sim_process p = subject_process(s);
    struct pollfd fds[4];
    uint64_t until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)LOOK_MS * NS_PER_MS, now;

    while (s->running && (now = clock_ns(CLOCK_MONOTONIC)) < until) {
        poll(fds, (nfds_t)p.watch(s, fds, ARRAY_LEN(fds)), (int)((until - now) / NS_PER_MS) + 1);
        subject_turn(s); /* it may print without end */
    }
}

bool subject_rests(struct subject *s, double scale, struct text *used)
{
    uint64_t began = clock_ns(CLOCK_MONOTONIC), seen = s->started_ns, at;
    struct use first, before, now;

    if (!look(s, &first))
        return true;
    /* At the first look what counts is its whole life: one may nap when we look. */
    before = (struct use){.used_ns = MIN(first.used_ns, (uint64_t)WARM_UP_MS * NS_PER_MS),
                          .waited_ns = first.waited_ns};
    while (look(s, &now)) {
        uint64_t spent = difference(first.used_ns, now.used_ns);
        at = clock_ns(CLOCK_MONOTONIC);
        if (!is_busy(&before, &now, at - seen))
            return true;
        if ((double)spent >= SPIN_MS * scale * NS_PER_MS) {
            text_addf(used, "used %.1f s of processor time in %.1f s, when nothing was asked of it",
                      (double)spent / 1e9, (double)(at - began) / 1e9);
            return false;
        }
        if ((double)(at - began) >= PATIENCE_MS * scale * NS_PER_MS)
            return true;
        before = now;
        seen = at;
        pass_time(s);
    }
    return true;
}

/* --- samples --------------------------------------------------------------------------------- */

static bool read_status(pid_t pid, struct subject_sample *sample)
{
    char path[64], line[256];
    unsigned long long kib = 0, space = 0;
    unsigned found = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        found += sscanf(line, "RssAnon: %llu", &kib) == 1 ||
                 sscanf(line, "VmSize: %llu", &space) == 1 ||
                 sscanf(line, "Threads: %u", &sample->threads) == 1;
    if (f)
        fclose(f);
    sample->memory = kib * 1024;
    sample->has_shadow = space >= SHADOW_KIB;
    return found == 3;
}

bool subject_sample(const struct subject *s, struct subject_sample *sample)
{
    char path[64];
    struct dirent *entry;

    *sample = (struct subject_sample){0};
    snprintf(path, sizeof path, "/proc/%d/fd", (int)s->pid);
    DIR *dir = s->running ? opendir(path) : NULL;
    while (dir && (entry = readdir(dir)))
        sample->descriptors += entry->d_name[0] != '.';
    if (!dir)
        return false;
    closedir(dir);
    return read_status(s->pid, sample);
}

bool subject_growth_note(struct subject_growth *g, const struct subject *s)
{
    struct subject_sample sample;

    if (g->n == SUBJECT_SAMPLES_MAX || !subject_sample(s, &sample))
        return false;
    g->memory[g->n] = (double)sample.memory;
    g->descriptors[g->n] = sample.descriptors;
    g->threads[g->n] = sample.threads;
    g->has_shadow = sample.has_shadow;
    g->n++;
    return true;
}

bool subject_growth_is_steady(const struct subject_growth *g)
{
    return leak_is_steady(g->descriptors, g->n) || leak_is_steady(g->threads, g->n);
}

bool subject_growth_shows(const struct subject_growth *g, const char *each, struct text *what)
{
    const struct {
        const char *name;
        const double *samples;
        double least;
        bool is_counted; /* they come one by one */
    } kinds[] = {
        {"descriptors", g->descriptors, 0.05,                               true },
        {"threads",     g->threads,     0.05,                               true },
        {"bytes",       g->memory,      g->has_shadow ? SHADOW_LEAST : 256, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const double *samples = kinds[i].samples;
        struct leak_slope slope;
        if (kinds[i].is_counted && leak_is_steady(samples, g->n)) {
            text_addf(what, "each %s leaves %.2f %s more behind (each of %zu)", each,
                      (samples[g->n - 1] - samples[0]) / (double)(g->n - 1), kinds[i].name,
                      g->n - 1);
            return true;
        }
        if (!leak_fit(samples, g->n, &slope) || !leak_is_growing(&slope, kinds[i].least))
            continue;
        text_addf(what, "each %s leaves %.2f %s more behind (%.2f to %.2f, 99 %% of %zu)", each,
                  slope.per_session, kinds[i].name, slope.low, slope.high, g->n);
        return true;
    }
    return false;
}

enum sim_cause subject_judge_rest(void *context, double scale, struct text *why)
{
    struct subject *s = context;
    struct subject_growth growth = {.n = 0};

    if (!subject_rests(s, scale, why))
        return SIM_SPIN;
    while (growth.n < LEAK_MIN_N && subject_growth_note(&growth, s))
        pass_time(s);
    return subject_growth_shows(&growth, "10 ms of waiting", why) ? SIM_LEAK : SIM_OK;
}
