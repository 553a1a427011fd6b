#include "harness/capture/capture.h"

#include "harness/capture/fragment.h"

struct reading {
    pcap_t *pcap;
    int link;
    struct track *track;
    struct fragments fragments;
    const volatile sig_atomic_t *stop;
    struct capture_counts *counts;
};

static void take(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct reading *r = (struct reading *)context;
    struct capture_counts *counts = r->counts;
    /* tv_usec holds nanoseconds: the source asked for them. */
    struct dissected p = {.at_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                   (uint64_t)header->ts.tv_usec,
                          .number = ++counts->packets};

    counts->bytes += header->len;
    if (counts->packets == 1)
        counts->first_ns = p.at_ns;
    counts->last_ns = p.at_ns;
    enum dissect_kind kind =
        dissect_frame(r->link, (struct bytes){bytes, header->caplen}, header->len, &p);
    if (kind == DISSECT_FRAGMENT)
        kind = fragments_take(&r->fragments, &p);
    if (kind == DISSECT_TCP)
        track_tcp(r->track, &p);
    else if (kind == DISSECT_UDP)
        track_udp(r->track, &p);
    else if (kind == DISSECT_OTHER)
        counts->others++;
    else if (kind == DISSECT_CUT)
        counts->unreadable++;
    if (r->stop != NULL && *r->stop)
        pcap_breakloop(r->pcap);
}

bool capture_read(struct source *source, struct track *track, const volatile sig_atomic_t *stop,
                  struct capture_counts *counts, bool *was_cut, struct text *why)
{
    struct reading r = {.pcap = source->pcap,
                        .link = pcap_datalink(source->pcap),
                        .track = track,
                        .stop = stop,
                        .counts = counts};
    int result;

    *counts = (struct capture_counts){0};
    do
        result = pcap_dispatch(source->pcap, -1, take, (u_char *)&r);
    while (source->is_live && result >= 0 && !(stop != NULL && *stop));
    fragments_fini(&r.fragments);
    enum source_end end = source_end(source, result);
    *was_cut = end == SOURCE_CUT;
    if (end == SOURCE_DAMAGED)
        text_addf(why, "%s: behind packet %llu: %s", source->name,
                  (unsigned long long)counts->packets, pcap_geterr(source->pcap));
    return end != SOURCE_DAMAGED;
}
