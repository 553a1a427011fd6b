/* summary.c - see summary.h. */
#include "impl/report/summary.h"

#include "impl/wire/bytes.h"

/* -1 is "no count" on either side. A peer's absurd counts must not overflow. */
static int64_t add_retransmits(int64_t a, int64_t b)
{
    int64_t sum;

    if (a < 0 || b < 0)
        return MAX(a, b);
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

struct summary_stretch summary_stretch(const struct interval *rows, size_t n)
{
    struct summary_stretch sum = {
        .start_s = rows[0].start_s, .end_s = rows[0].end_s, .retransmits = -1};

    for (size_t i = 0; i < n; i++) {
        sum.bytes += rows[i].bytes;
        sum.retransmits = add_retransmits(sum.retransmits, rows[i].retransmits);
        sum.packets += rows[i].packets;
        sum.lost += rows[i].lost;
        sum.jitter_s += rows[i].jitter_s / (double)n;
    }
    return sum;
}

static struct summary_end our_end(const struct interval *counted)
{
    return (struct summary_end){
        .seconds = counted->end_s,
        .bytes = counted->bytes,
        .retransmits = counted->retransmits,
        .packets = counted->packets,
        .lost = counted->lost,
        .out_of_order = counted->out_of_order,
        .jitter_s = counted->jitter_s,
    };
}

/* The peer's counts travel over the whole test, with the omitted part beside them (RES-14 to
 * RES-18). */
static struct summary_end peer_end(const struct results *peer, const struct interval *ours)
{
    const struct results_stream *s = peer != NULL ? results_find(peer, ours->id) : NULL;
    struct summary_end end = {.seconds = ours->end_s, .retransmits = -1};

    if (s == NULL)
        return end;
    if (s->has_times && s->end_time > s->start_time)
        end.seconds = s->end_time - s->start_time;
    end.bytes = s->bytes > 0 ? (uint64_t)s->bytes : 0;
    end.retransmits = MAX(s->retransmits, -1);
    end.packets = s->packets;
    end.lost = s->errors;
    end.jitter_s = s->jitter;
    /* A hostile peer's numbers may not fit; the difference of what does is meant. */
    if (s->has_omitted && (__builtin_sub_overflow(s->packets, s->omitted_packets, &end.packets) ||
                           __builtin_sub_overflow(s->errors, s->omitted_errors, &end.lost)))
        end.packets = end.lost = 0;
    return end;
}

struct summary_stream summary_stream(const struct interval_total *ours, const struct results *peer)
{
    struct summary_end own = our_end(&ours->counted), other = peer_end(peer, &ours->counted);
    struct summary_stream s = ours->counted.sender ? (struct summary_stream){own, other}
                                                   : (struct summary_stream){other, own};

    /* RES-5, RES-29: only the receiver knows these, only the sender that. */
    s.sent.lost = s.sent.out_of_order = 0;
    s.sent.jitter_s = 0;
    s.received.retransmits = -1;
    return s;
}

static void add_end(struct summary_end *sum, const struct summary_end *end, size_t index, size_t n)
{
    /* The time of the first stream stands for all, as in stock. */
    if (index == 0)
        *sum = (struct summary_end){.retransmits = -1, .seconds = end->seconds};
    sum->bytes += end->bytes;
    sum->retransmits = add_retransmits(sum->retransmits, end->retransmits);
    if (__builtin_add_overflow(sum->packets, end->packets, &sum->packets) ||
        __builtin_add_overflow(sum->lost, end->lost, &sum->lost))
        sum->packets = sum->lost = 0;
    sum->out_of_order += end->out_of_order;
    sum->jitter_s += end->jitter_s / (double)n;
}

void summary_add(struct summary_stream *sum, const struct summary_stream *stream, size_t index,
                 size_t n)
{
    add_end(&sum->sent, &stream->sent, index, n);
    add_end(&sum->received, &stream->received, index, n);
}

double summary_bps(uint64_t bytes, double seconds)
{
    return seconds > 0 ? (double)bytes * 8 / seconds : 0;
}
