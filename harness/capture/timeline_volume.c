/* timeline_volume.c - how much data went over the streams, and when. */
#include "harness/capture/timeline.h"

#include <inttypes.h>

static void print_bytes(FILE *out, char mark, uint64_t bytes, uint64_t unseen, uint64_t span_ns)
{
    if (bytes == 0)
        return;
    fprintf(out, "  %c %" PRIu64 " byte%s", mark, bytes, text_plural(bytes));
    if (span_ns > 0)
        fprintf(out, ", %.3f Mbit/s", (double)bytes * 8e3 / (double)span_ns);
    if (unseen > 0)
        fprintf(out, ", %" PRIu64 " not seen", unseen);
}

/* What went in the time from from_ns on, by sender. Where the clock tells nothing there is no
 * rate. */
static void print_span(FILE *out, const struct track_session *s, uint64_t from_ns, uint64_t span_ns,
                       const uint64_t bytes[2], const uint64_t unseen[2])
{
    if (s->odd_clock_number != 0)
        span_ns = 0;
    fprintf(out, "%11.6f %9s  = data", (double)(int64_t)(from_ns - s->first_ns) / 1e9, "");
    if (span_ns > 0)
        fprintf(out, " for %.3g s", (double)span_ns / 1e9);
    putc(':', out);
    print_bytes(out, '>', bytes[OBSERVER_CLIENT], unseen[OBSERVER_CLIENT], span_ns);
    print_bytes(out, '<', bytes[OBSERVER_SERVER], unseen[OBSERVER_SERVER], span_ns);
    putc('\n', out);
}

void timeline_print_volume(FILE *out, const struct track_session *s, unsigned *next,
                           uint64_t until_ns)
{
    const struct track_volume *v = &s->volume;

    for (; *next < v->n; ++*next) {
        uint64_t from = v->start_ns + *next * v->span_ns;
        uint64_t bytes[2] = {v->bytes[0][*next], v->bytes[1][*next]};
        uint64_t unseen[2] = {v->unseen[0][*next], v->unseen[1][*next]};
        if (from >= until_ns)
            break;
        if (bytes[0] + bytes[1] > 0)
            print_span(out, s, from, MIN(v->span_ns, MAX(until_ns, v->last_ns) - from), bytes,
                       unseen);
    }
}

static uint64_t sum_of(const uint64_t *counts, unsigned n)
{
    uint64_t sum = 0;

    while (n-- > 0)
        sum += counts[n];
    return sum;
}

void timeline_follow_volume(FILE *out, const struct track_session *s, const char *prefix,
                            struct timeline_told *told, uint64_t now_ns)
{
    const struct track_volume *v = &s->volume;
    struct timeline_told all = {.ns = now_ns};
    uint64_t bytes[2], unseen[2], from_ns = told->ns != 0 ? told->ns : v->start_ns;

    for (int side = 0; side < 2; side++) {
        all.bytes[side] = sum_of(v->bytes[side], v->n);
        all.unseen[side] = sum_of(v->unseen[side], v->n);
        bytes[side] = all.bytes[side] - told->bytes[side];
        /* What was missing may have come late since. */
        unseen[side] = all.unseen[side] - MIN(told->unseen[side], all.unseen[side]);
    }
    if (bytes[0] + bytes[1] == 0)
        return;
    fputs(prefix, out);
    print_span(out, s, from_ns, now_ns - MIN(from_ns, now_ns), bytes, unseen);
    *told = all;
}
