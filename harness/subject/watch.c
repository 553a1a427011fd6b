#include "harness/subject/watch.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_MS   1000000u
#define SPIN_MS     1000  /* of processor time, times the scale: then it spins */
#define PATIENCE_MS 30000 /* on the clock, times the scale: then nothing is proved */
#define LOOK_MS     10    /* between two looks at one who does not rest */
#define SUSPICIOUS  0.5   /* share of the time since the last look that was used */
#define WARM_UP_MS  200   /* processor time that is no sign of anything */

/* --- reports --------------------------------------------------------------------------------- */

/* Without a sanitizer's name these are valgrind's, behind "==PID== ". */
static const char *const signs[] = {
    "ERROR: AddressSanitizer",
    "ERROR: HWAddressSanitizer",
    "ERROR: LeakSanitizer",
    "WARNING: ThreadSanitizer",
    "ERROR: ThreadSanitizer",
    "WARNING: MemorySanitizer",
    "ERROR: MemorySanitizer",
    "ERROR: UndefinedBehaviorSanitizer",
    "runtime error: ",
    "== Invalid read of size",
    "== Invalid write of size",
    "== Invalid free()",
    "== Conditional jump or move",
    "== Use of uninitialised value",
    "== Syscall param ",
    "== Mismatched free()",
    "== Source and destination ov",
    "== Jump to the invalid address",
    "== Process terminating with",
    "== Possible data race",
};

bool subject_report(const struct subject *s, size_t from, struct text *line, const char **at)
{
    const char *text = text_string(&s->err) + MIN(from, s->err.len), *first = NULL;

    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        const char *found = strstr(text, signs[i]);
        if (found && (!first || found < first))
            first = found;
    }
    if (!first)
        return false;
    while (first > text && first[-1] != '\n')
        first--;
    text_add(line, first, strcspn(first, "\n"));
    *at = first;
    return true;
}

/* --- rest ------------------------------------------------------------------------------------ */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts = {0};

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Processor time of the whole process so far; false if it is gone. */
static bool used_ns(const struct subject *s, uint64_t *ns)
{
    clockid_t clock;

    if (clock_getcpuclockid(s->pid, &clock) != 0)
        return false;
    *ns = clock_ns(clock);
    return true;
}

/* Whether a thread of it is running or waits for a processor. */
static bool is_runnable(const struct subject *s)
{
    char path[300], line[512];
    struct dirent *entry;
    bool runnable = false;

    snprintf(path, sizeof path, "/proc/%d/task", (int)s->pid);
    DIR *dir = opendir(path);
    while (dir && !runnable && (entry = readdir(dir))) {
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)s->pid, entry->d_name);
        FILE *f = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "re") : NULL;
        size_t len = f ? fread(line, 1, sizeof line - 1, f) : 0;
        line[len] = '\0';
        if (f)
            fclose(f);
        const char *behind = strrchr(line, ')'); /* the name may hold anything */
        runnable = behind && behind[1] && behind[2] == 'R';
    }
    if (dir)
        closedir(dir);
    return runnable;
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
    uint64_t began = clock_ns(CLOCK_MONOTONIC), seen = s->started_ns, first, before, now;

    if (!s->running || !used_ns(s, &first))
        return true;
    /* At the first look what counts is its whole life: one who sleeps for moments only. */
    before = MIN(first, (uint64_t)WARM_UP_MS * NS_PER_MS);
    for (now = first;; pass_time(s)) {
        uint64_t at = clock_ns(CLOCK_MONOTONIC);
        if (!s->running || !used_ns(s, &now))
            return true;
        bool busy = (double)(now - before) > SUSPICIOUS * (double)(at - seen);
        if (!busy && !is_runnable(s))
            return true;
        if ((double)(now - first) >= SPIN_MS * scale * NS_PER_MS) {
            text_addf(used, "used %.1f s of processor time in %.1f s, when nothing was asked of it",
                      (double)(now - first) / 1e9, (double)(at - began) / 1e9);
            return false;
        }
        if ((double)(at - began) >= PATIENCE_MS * scale * NS_PER_MS)
            return true;
        before = now;
        seen = at;
    }
}

/* --- samples --------------------------------------------------------------------------------- */

static bool read_status(pid_t pid, struct subject_sample *sample)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    unsigned found = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        found += sscanf(line, "RssAnon: %llu", &kib) == 1 ||
                 sscanf(line, "Threads: %u", &sample->threads) == 1;
    if (f)
        fclose(f);
    sample->memory = kib * 1024;
    return found == 2;
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
