#include "harness/capture/capture.h"

#include "harness/capture/fragment.h"

struct reading {
    const struct source *source;
    int link;
    capture_take *take;
    void *context;
    struct fragments fragments;
    const volatile sig_atomic_t *stop;
    struct capture_counts *counts;
};

static void take_frame(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct reading *r = (struct reading *)context;
    struct capture_counts *counts = r->counts;
    /* tv_usec holds nanoseconds: the source asked for them. */
    struct dissected p = {.at_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                   (uint64_t)header->ts.tv_usec,
                          .number = ++counts->packets};

    if (!source_passes(r->source, header, bytes))
        return;
    counts->bytes += header->len;
    if (counts->packets == 1)
        counts->first_ns = p.at_ns;
    counts->last_ns = p.at_ns;
    enum dissect_kind kind =
        dissect_frame(r->link, (struct bytes){bytes, header->caplen}, header->len, &p);
    if (kind == DISSECT_FRAGMENT)
        kind = fragments_take(&r->fragments, &p);
    if (kind == DISSECT_TCP || kind == DISSECT_UDP)
        r->take(r->context, kind, &p);
    else if (kind == DISSECT_OTHER)
        counts->others++;
    else if (kind == DISSECT_CUT)
        counts->unreadable++;
    if (r->stop != NULL && *r->stop)
        pcap_breakloop(r->source->pcap);
}

bool capture_each(struct source *source, capture_take *take, void *context,
                  const volatile sig_atomic_t *stop, struct capture_counts *counts, bool *was_cut,
                  struct text *why)
{
    struct reading r = {.source = source,
                        .link = pcap_datalink(source->pcap),
                        .take = take,
                        .context = context,
                        .stop = stop,
                        .counts = counts};
    int result;

    *counts = (struct capture_counts){0};
    do
        result = pcap_dispatch(source->pcap, -1, take_frame, (u_char *)&r);
    while (source->is_live && result >= 0 && !(stop != NULL && *stop));
    fragments_fini(&r.fragments);
    enum source_end end = source_end(source, result);
    *was_cut = end == SOURCE_CUT;
    if (end == SOURCE_DAMAGED)
        text_addf(why, "%s: behind packet %llu: %s", source->name,
                  (unsigned long long)counts->packets, pcap_geterr(source->pcap));
    return end != SOURCE_DAMAGED;
}

static void take_tracked(void *context, enum dissect_kind kind, const struct dissected *packet)
{
    if (kind == DISSECT_TCP)
        track_tcp(context, packet);
    else
        track_udp(context, packet);
}

bool capture_read(struct source *source, struct track *track, const volatile sig_atomic_t *stop,
                  struct capture_counts *counts, bool *was_cut, struct text *why)
{
    return capture_each(source, take_tracked, track, stop, counts, was_cut, why);
}
