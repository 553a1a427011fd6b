/* live.c - how far a run is: one line that is written over, where somebody looks on. */
#include "harness/report/live.h"

#include "harness/session/clock.h"
#include "harness/session/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_EVERY_NS UINT64_C(100000000)
#define GUESS_AFTER_NS UINT64_C(2000000000) /* sooner it would jump about */

static bool can_write_over(FILE *out)
{
    const char *term = getenv("TERM");

    return isatty(fileno(out)) && term && *term && strcmp(term, "dumb") != 0;
}

void live_begin(struct live *l, size_t total)
{
    *l = (struct live){.total = total, .began_ns = now_ns()};
    l->out = can_write_over(stdout) ? stdout : can_write_over(stderr) ? stderr : NULL;
}

void live_format(const struct live *l, uint64_t now_ns, char *out, size_t cap)
{
    uint64_t elapsed = now_ns - l->began_ns;
    size_t left = l->total - l->done;
    int n = snprintf(out, cap, "[%zu/%zu] ", l->done, l->total);

    if (l->hunted) {
        snprintf(out + n, cap - (size_t)n, "what brings %s about?", l->hunted);
        return;
    }
    n += snprintf(out + n, cap - (size_t)n, "%zu unexpected", l->bad);

    if (elapsed >= GUESS_AFTER_NS && l->done > 0 && n > 0 && (size_t)n < cap)
        snprintf(out + n, cap - (size_t)n, ", about %.0f s left",
                 (double)elapsed / 1e9 * (double)left / (double)l->done);
}

static void show(struct live *l, uint64_t now_ns)
{
    char line[80];
    bool is_due = now_ns >= l->shown_ns + SHOWN_EVERY_NS;
    if (!l->out || (l->is_shown && !is_due))
        return;
    live_format(l, now_ns, line, sizeof line);
    fprintf(l->out, "\r%.*s\033[K", terminal_room(l->out), line);
    fflush(l->out);
    l->shown_ns = now_ns;
    l->is_shown = true;
}

void live_step(struct live *l, bool is_bad, uint64_t now_ns)
{
    l->done += l->done < l->total; /* a flaky case comes twice */
    l->bad += is_bad;
    show(l, now_ns);
}

void live_place(struct live *l, size_t done, size_t total, const char *hunted, uint64_t now_ns)
{
    if (done < l->done || total != l->total) /* another order */
        l->began_ns = now_ns;
    l->done = done;
    l->total = total;
    l->hunted = hunted;
    show(l, now_ns);
}

void live_clear(struct live *l)
{
    if (!l->is_shown)
        return;
    fputs("\r\033[K", l->out);
    fflush(l->out);
    l->is_shown = false;
}
