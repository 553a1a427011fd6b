/* growth.c - what a subject holds, and whether that grows with each session and stays. */
#include "harness/session/clock.h"
#include "harness/subject/leak.h"
#include "harness/subject/tree.h"
#include "harness/subject/watch.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#define PROCESSES_MAX 1024
#define SHADOW_KIB    (1ull << 30)
#define SHADOW_LEAST  16384 /* bytes a session that a sanitizer may keep for itself */
#define RELEASE_MS                                                                                 \
    5000 /* times the scale: for what is closed late, by a thread of its own, say                  \
          */
#define LOOK_MS 20

/* --- samples --------------------------------------------------------------------------------- */

static bool add_descriptors(pid_t pid, struct subject_sample *sample)
{
    char path[64];
    struct dirent *entry;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        sample->descriptors += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return dir != NULL;
}

static bool add_status(pid_t pid, struct subject_sample *sample)
{
    char path[64], line[256];
    unsigned long long kib = 0, space = 0;
    unsigned found = 0, threads = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        found += sscanf(line, "RssAnon: %llu", &kib) == 1 ||
                 sscanf(line, "VmSize: %llu", &space) == 1 ||
                 sscanf(line, "Threads: %u", &threads) == 1;
    if (f)
        fclose(f);
    sample->memory += kib * 1024;
    sample->threads += threads;
    sample->has_shadow |= space >= SHADOW_KIB;
    return found == 3;
}

static uint64_t used_by(pid_t pid)
{
    struct timespec ts = {0};
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool subject_sample(const struct subject *s, struct subject_sample *sample)
{
    pid_t pids[PROCESSES_MAX];
    bool is_known = false;

    *sample = (struct subject_sample){.at_ns = now_ns()};
    if (s->running)
        sample->processes = (unsigned)tree_below(s->keeper, pids, PROCESSES_MAX);
    for (size_t i = 0; i < sample->processes; i++) {
        bool has_descriptors = add_descriptors(pids[i], sample);
        bool has_status = add_status(pids[i], sample);
        sample->used_ns += used_by(pids[i]);
        is_known |= has_descriptors && has_status && pids[i] == s->pid;
    }
    return is_known;
}

/* --- growth ---------------------------------------------------------------------------------- */

/* least: a growth for each session that is worth a word. What comes one by one is sure to grow
 * after a few steps. */
enum { PROCESSES, DESCRIPTORS, THREADS, MEMORY };
static const struct {
    const char *name;
    double least;
    bool is_counted;
} kinds[SUBJECT_QUANTITIES] = {
    [PROCESSES] = {"processes",   0.05, true },
    [DESCRIPTORS] = {"descriptors", 0.05, true },
    [THREADS] = {"threads",     0.05, true },
    [MEMORY] = {"bytes",       256,  false},
};

static double quantity_of(const struct subject_sample *sample, size_t kind)
{
    const double values[SUBJECT_QUANTITIES] = {
        [PROCESSES] = sample->processes,
        [DESCRIPTORS] = sample->descriptors,
        [THREADS] = sample->threads,
        [MEMORY] = (double)sample->memory,
    };

    return values[kind];
}

bool subject_growth_note(struct subject_growth *g, const struct subject *s)
{
    struct subject_sample sample;

    if (g->n == SUBJECT_SAMPLES_MAX || !subject_sample(s, &sample))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        g->samples[i][g->n] = quantity_of(&sample, i);
    g->has_shadow = sample.has_shadow;
    g->n++;
    return true;
}

bool subject_growth_is_steady(const struct subject_growth *g)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].is_counted && leak_is_steady(g->samples[i], g->n))
            return true;
    return false;
}

struct proof {
    double per_session, low, high;
    bool is_steady; /* no interval, but each step */
};

static bool grows(const struct subject_growth *g, size_t kind, struct proof *proof)
{
    const double *samples = g->samples[kind];
    bool is_vague = kind == MEMORY && g->has_shadow;
    struct leak_slope slope;

    if (kinds[kind].is_counted && leak_is_steady(samples, g->n)) {
        *proof =
            (struct proof){.per_session = (samples[g->n - 1] - samples[0]) / (double)(g->n - 1),
                           .is_steady = true};
        return true;
    }
    if (!leak_fit(samples, g->n, &slope) ||
        !leak_is_growing(&slope, is_vague ? SHADOW_LEAST : kinds[kind].least))
        return false;
    *proof = (struct proof){slope.per_session, slope.low, slope.high, false};
    return true;
}

bool subject_growth_shows(const struct subject_growth *g, const char *each, struct text *what)
{
    struct proof proof;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!grows(g, i, &proof))
            continue;
        text_addf(what, "each %s leaves %.2f %s more behind ", each, proof.per_session,
                  kinds[i].name);
        if (proof.is_steady)
            text_addf(what, "(each of %zu)", g->n - 1);
        else
            text_addf(what, "(%.2f to %.2f, 99 %% of %zu)", proof.low, proof.high, g->n);
        return true;
    }
    return false;
}

/* Most of what has grown is there no more. */
static bool is_released(const struct subject_growth *g, const struct subject_sample *now)
{
    struct proof proof;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        double left = quantity_of(now, i) - g->samples[i][0];
        if (grows(g, i, &proof) && left >= proof.per_session / 2 * (double)(g->n - 1))
            return false;
    }
    return true;
}

bool subject_growth_stays(const struct subject_growth *g, struct subject *s, double scale)
{
    struct subject_sample now;

    for (double ms = 0; ms < RELEASE_MS * scale && subject_sample(s, &now); ms += LOOK_MS) {
        if (is_released(g, &now))
            return false;
        subject_pass_time(s, LOOK_MS);
    }
    return true;
}
