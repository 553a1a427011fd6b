/* live.c - how far a run is: one line that is written over, where somebody looks on. */
#include "harness/report/live.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHOWN_EVERY_NS UINT64_C(100000000)
#define GUESS_AFTER_NS UINT64_C(2000000000) /* sooner it would jump about */

static bool can_write_over(FILE *out)
{
    const char *term = getenv("TERM");

    return isatty(fileno(out)) && term && *term && strcmp(term, "dumb") != 0;
}

uint64_t live_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void live_begin(struct live *l, size_t total)
{
    *l = (struct live){.total = total, .began_ns = live_now()};
    l->out = can_write_over(stdout) ? stdout : can_write_over(stderr) ? stderr : NULL;
}

void live_format(const struct live *l, uint64_t now_ns, char *out, size_t cap)
{
    uint64_t elapsed = now_ns - l->began_ns;
    size_t left = l->total - l->done;
    int n = snprintf(out, cap, "[%zu/%zu] %zu unexpected", l->done, l->total, l->bad);

    if (elapsed >= GUESS_AFTER_NS && l->done > 0 && n > 0 && (size_t)n < cap)
        snprintf(out + n, cap - (size_t)n, ", about %.0f s left",
                 (double)elapsed / 1e9 * (double)left / (double)l->done);
}

void live_step(struct live *l, bool is_bad, uint64_t now_ns)
{
    char line[80];

    l->done += l->done < l->total; /* a flaky case comes twice */
    l->bad += is_bad;
    bool is_due = now_ns >= l->shown_ns + SHOWN_EVERY_NS;
    if (!l->out || (l->is_shown && !is_due))
        return;
    live_format(l, now_ns, line, sizeof line);
    fprintf(l->out, "\r%s\033[K", line);
    fflush(l->out);
    l->shown_ns = now_ns;
    l->is_shown = true;
}

void live_clear(struct live *l)
{
    if (!l->is_shown)
        return;
    fputs("\r\033[K", l->out);
    fflush(l->out);
    l->is_shown = false;
}
