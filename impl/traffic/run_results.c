/* run_results.c - what a run came to: totals per stream, and our results message (RES-2 to RES-28).
 */
#include "impl/traffic/run.h"

#include "impl/traffic/run_state.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_SEC 1e9

static double counted_seconds(const struct run *run)
{
    uint64_t from_ns = run->counted_from_ns > 0 ? run->counted_from_ns : run->start_ns;

    return run->ended ? (double)(run->ended_ns - from_ns) / NS_PER_SEC : 0;
}

struct interval_total run_totals(const struct run *run, size_t i)
{
    const struct stream *s = run->streams[i];
    struct interval_total total = tally_total(&s->tally);

    total.counted.id = account_stream_id((unsigned)i);
    total.counted.socket = s->socket;
    total.counted.end_s = counted_seconds(run);
    total.detail = s->detail;
    return total;
}

static double seconds_between(const struct timeval *from, const struct timeval *to)
{
    return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_usec - from->tv_usec) / 1e6;
}

static void fill_cpu(const struct run *run, struct results *out)
{
    double wall = (double)(run->ended_ns - run->start_ns) / NS_PER_SEC;
    const struct rusage *from = &run->usage_start, *to = &run->usage_end;

    if (!run->ended || wall <= 0)
        return;
    out->cpu_util_user = 100 * seconds_between(&from->ru_utime, &to->ru_utime) / wall;
    out->cpu_util_system = 100 * seconds_between(&from->ru_stime, &to->ru_stime) / wall;
    out->cpu_util_total = out->cpu_util_user + out->cpu_util_system;
}

/* RES-5 */
static int64_t has_retransmits(const struct run *run)
{
    int64_t has = -1;

    for (size_t i = 0; i < run->n_streams; i++)
        if (run->streams[i]->sends && has < 1)
            has = run->streams[i]->tally.last.tcp.valid;
    return has;
}

static void fill_stream(struct results_stream *out, const struct interval_total *total)
{
    const struct interval *counted = &total->counted;

    *out = (struct results_stream){
        .id = counted->id,
        .bytes = (int64_t)counted->bytes,
        .retransmits = counted->retransmits,
        .jitter = counted->jitter_s,
        .errors = total->lost,
        .omitted_errors = total->omitted_lost,
        .packets = total->packets,
        .omitted_packets = total->omitted_packets,
        .end_time = counted->end_s,
        .has_omitted = true,
        .has_times = true,
    };
}

enum spec_err run_fill_results(const struct run *run, struct results *out)
{
    if (results_set_streams(out, run->n_streams) != SPEC_OK)
        return SPEC_E_NOMEM;
    for (size_t i = 0; i < run->n_streams; i++) {
        struct interval_total total = run_totals(run, i);
        fill_stream(&out->streams[i], &total);
    }
    fill_cpu(run, out);
    out->sender_has_retransmits = has_retransmits(run);
    if (run->congestion[0] == '\0')
        return SPEC_OK;
    out->congestion_used = strdup(run->congestion);
    return out->congestion_used ? SPEC_OK : SPEC_E_NOMEM;
}
