/* tally.c - see tally.h. */
#include "impl/traffic/tally.h"

#include "impl/wire/bytes.h"

static struct interval_limits limits_between(const struct interval_tcp *from,
                                             const struct interval_tcp *to)
{
    return (struct interval_limits){
        .busy_us = to->busy_us - from->busy_us,
        .rwnd_limited_us = to->rwnd_limited_us - from->rwnd_limited_us,
        .sndbuf_limited_us = to->sndbuf_limited_us - from->sndbuf_limited_us,
    };
}

static struct interval between(const struct tally *t, const struct tally_point *from,
                               const struct tally_point *to)
{
    bool receives_udp = t->udp && !t->sender;
    bool counts_retransmits = t->sender && !t->udp && to->tcp.valid;

    return (struct interval){
        .sender = t->sender,
        .bytes = to->counts.bytes - from->counts.bytes,
        .retransmits =
            counts_retransmits ? (int64_t)(to->tcp.retransmits - from->tcp.retransmits) : -1,
        .tcp = to->tcp,
        .packets = t->udp ? (int64_t)(to->counts.packets - from->counts.packets) : 0,
        .lost = receives_udp ? (int64_t)(to->counts.errors - from->counts.errors) : 0,
        .out_of_order =
            receives_udp ? (int64_t)(to->counts.out_of_order - from->counts.out_of_order) : 0,
        .jitter_s = receives_udp ? to->counts.jitter_s : 0,
        .limits =
            counts_retransmits ? limits_between(&from->tcp, &to->tcp) : (struct interval_limits){0},
    };
}

static void sample(struct tally *t, const struct interval_tcp *tcp)
{
    if (!tcp->valid)
        return;
    t->max_snd_cwnd = MAX(t->max_snd_cwnd, tcp->snd_cwnd);
    t->max_snd_wnd = MAX(t->max_snd_wnd, tcp->snd_wnd);
    t->max_rtt_us = MAX(t->max_rtt_us, tcp->rtt_us);
    t->min_rtt_us = t->n_rtt == 0 ? tcp->rtt_us : MIN(t->min_rtt_us, tcp->rtt_us);
    t->sum_rtt_us += tcp->rtt_us;
    t->n_rtt++;
}

struct interval tally_interval(struct tally *t, const struct tally_point *now)
{
    struct interval stretch = between(t, &t->last, now);

    sample(t, &now->tcp);
    t->last = *now;
    return stretch;
}

void tally_omit_end(struct tally *t)
{
    t->base = t->last;
}

struct interval_total tally_total(const struct tally *t)
{
    static const struct tally_point zero;
    struct interval whole = between(t, &zero, &t->last);
    struct interval omitted = between(t, &zero, &t->base);

    return (struct interval_total){
        .counted = between(t, &t->base, &t->last),
        .max_snd_cwnd = t->max_snd_cwnd,
        .max_snd_wnd = t->max_snd_wnd,
        .max_rtt_us = t->max_rtt_us,
        .min_rtt_us = t->min_rtt_us,
        .mean_rtt_us = t->n_rtt > 0 ? (uint32_t)(t->sum_rtt_us / t->n_rtt) : 0,
        .reorder = t->last.tcp.reorder,
        .packets = whole.packets,
        .lost = whole.lost,
        .out_of_order = whole.out_of_order,
        .omitted_packets = omitted.packets,
        .omitted_lost = omitted.lost,
    };
}

uint64_t tally_bytes(const struct tally *t, const struct counts *now)
{
    return now->bytes - t->base.counts.bytes;
}

uint64_t tally_blocks(const struct tally *t, const struct counts *now)
{
    return now->blocks - t->base.counts.blocks;
}
