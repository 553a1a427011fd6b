#include "impl/report/detail.h"

#include "impl/traffic/detail.h"
#include "impl/wire/bytes.h"

#define KEY "iperfref"

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

/* --- for rows and for streams ---------------------------------------------------------------- */

static void put_limits(struct jwrite *w, const struct interval_limits *limits)
{
    jwrite_double(w, "busy_seconds", seconds(limits->busy_us));
    jwrite_double(w, "rwnd_limited_seconds", seconds(limits->rwnd_limited_us));
    jwrite_double(w, "sndbuf_limited_seconds", seconds(limits->sndbuf_limited_us));
}

static void put_spread(struct jwrite *w, const char *key, const struct spread *s, double unit)
{
    static const struct {
        const char *key;
        double part;
    } marks[] = {
        {"p50",   0.5  },
        {"p90",   0.9  },
        {"p99",   0.99 },
        {"p99.9", 0.999},
    };

    jwrite_object(w, key);
    jwrite_uint(w, "samples", s->n);
    jwrite_double(w, "min", (double)s->min / unit);
    jwrite_double(w, "mean", s->n > 0 ? (double)s->sum / (double)s->n / unit : 0);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        jwrite_double(w, marks[i].key, (double)spread_at(s, marks[i].part) / unit);
    jwrite_double(w, "max", (double)s->max / unit);
    jwrite_end(w);
}

/* --- an interval's row ----------------------------------------------------------------------- */

void detail_row(struct jwrite *w, const struct interval *row)
{
    if (!row->rtt_us || row->retransmits < 0) /* a TCP sender has them */
        return;
    jwrite_object(w, KEY);
    put_spread(w, "rtt_us", row->rtt_us, 1);
    jwrite_uint(w, "delivery_rate", row->tcp.delivery_rate_bps);
    jwrite_uint(w, "min_rtt", row->tcp.min_rtt_us);
    put_limits(w, &row->limits);
    jwrite_end(w);
}

/* --- a stream at the end --------------------------------------------------------------------- */

static void put_distances(struct jwrite *w, const struct arrivals *a)
{
    jwrite_array(w, "reordering_distance");
    for (unsigned i = 0; i < ARRIVALS_DISTANCES; i++) {
        if (a->distance[i] == 0)
            continue;
        jwrite_object(w, NULL);
        jwrite_uint(w, "from", UINT64_C(1) << i);
        jwrite_uint(w, "to", (UINT64_C(2) << i) - 1);
        jwrite_uint(w, "packets", a->distance[i]);
        jwrite_end(w);
    }
    jwrite_end(w);
}

static void put_arrivals(struct jwrite *w, const struct arrivals *a)
{
    jwrite_uint(w, "duplicates", a->duplicates);
    jwrite_uint(w, "reordered", a->late);
    jwrite_uint(w, "too_late", a->too_late);
    put_distances(w, a);
    jwrite_uint(w, "longest_run", arrivals_longest_run(a));
    put_spread(w, "interarrival_us", &a->gaps, 1e3);
}

static void put_tcp(struct jwrite *w, const struct interval_total *total)
{
    put_spread(w, "rtt_us", &total->detail->rtt_us, 1);
    jwrite_uint(w, "delivery_rate", total->counted.tcp.delivery_rate_bps);
    put_limits(w, &total->counted.limits);
}

void detail_stream(struct jwrite *w, const struct interval_total *total, bool udp)
{
    const struct detail *d = total->detail;
    bool sends = total->counted.sender;

    if (!d || (!sends && !udp))
        return;
    jwrite_object(w, KEY);
    if (sends)
        jwrite_double(w, "stalled_seconds", (double)d->stalled_ns / 1e9);
    else
        put_arrivals(w, &d->arrivals);
    if (sends && total->counted.retransmits >= 0)
        put_tcp(w, total);
    jwrite_end(w);
}

/* --- the end --------------------------------------------------------------------------------- */

void detail_end(struct jwrite *w, const struct report_end *end)
{
    double gb = 0, cpu_s;

    if (end->n == 0 || !end->totals[0].detail)
        return;
    for (size_t i = 0; i < end->n; i++)
        gb += (double)end->totals[i].counted.bytes / 1e9;
    cpu_s = end->cpu_total / 100 * end->totals[0].counted.end_s;
    jwrite_object(w, KEY);
    jwrite_double(w, "cpu_seconds", cpu_s);
    jwrite_double(w, "cpu_seconds_per_gb", gb > 0 ? cpu_s / gb : 0);
    jwrite_end(w);
}
