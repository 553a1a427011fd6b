#include "harness/capture/capture.h"

#include "harness/capture/fragment.h"

#include <stdlib.h>
#include <time.h>

struct reading {
    struct source *source;
    capture_take *take;
    void *context;
    capture_frame *frame; /* NULL: nobody wants it as it is */
    void *frame_context;
    bool is_over; /* frame has had enough */
    struct fragments fragments;
    const volatile sig_atomic_t *stop;
    struct capture_counts *counts;
};

static void count_unread(struct capture_counts *counts, const struct dissected *p)
{
    if (counts->unread++ > 0)
        return;
    counts->unread_number = p->number;
    counts->unread_name = p->unread;
}

static void count_segment(struct capture_counts *counts, const struct dissected *p)
{
    if (p->len > 0)
        *(p->payload.len > 0 ? &counts->filled : &counts->bare) += 1;
}

static void take_frame(u_char *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct reading *r = (struct reading *)context;
    struct capture_counts *counts = r->counts;

    if (source_takes_next_file(r->source, header))
        return;
    /* tv_usec holds nanoseconds: the source asked for them. */
    struct dissected p = {.at_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                   (uint64_t)header->ts.tv_usec,
                          .number = ++counts->packets,
                          .place = r->source->interface};

    if (!source_passes(r->source, header, bytes))
        return;
    if (r->frame != NULL && !r->is_over)
        r->is_over = !r->frame(r->frame_context, header, bytes);
    counts->bytes += header->len;
    if (counts->packets == 1)
        counts->first_ns = p.at_ns;
    counts->last_ns = p.at_ns;
    enum dissect_kind kind =
        dissect_frame(r->source->link, (struct bytes){bytes, header->caplen}, header->len, &p);
    if (kind == DISSECT_FRAGMENT)
        kind = fragments_take(&r->fragments, &p);
    if (kind == DISSECT_TCP)
        count_segment(counts, &p);
    if (kind == DISSECT_TCP || kind == DISSECT_UDP)
        r->take(r->context, kind, &p);
    else if (kind == DISSECT_UNREAD)
        count_unread(counts, &p);
    else if (kind == DISSECT_CUT)
        counts->cut++;
    if (r->stop != NULL && *r->stop)
        source_stop(r->source);
}

bool capture_each(struct source *source, capture_take *take, void *context,
                  const volatile sig_atomic_t *stop, struct capture_counts *counts, bool *was_cut,
                  struct text *why)
{
    struct reading r = {
        .source = source, .take = take, .context = context, .stop = stop, .counts = counts};

    *counts = (struct capture_counts){0};
    enum source_end end = source_each(source, take_frame, (u_char *)&r);
    fragments_fini(&r.fragments);
    *was_cut = end == SOURCE_CUT;
    if (end == SOURCE_DAMAGED)
        text_addf(why, "%s: behind packet %llu: %s", source->name,
                  (unsigned long long)counts->packets, source_error(source));
    return end != SOURCE_DAMAGED;
}

void capture_tell_unread(const struct capture_counts *counts, struct text *out)
{
    if (counts->unread > 0)
        text_addf(out, "%llu packet%s not looked into (%s in packet %llu%s)",
                  (unsigned long long)counts->unread, text_plural(counts->unread),
                  counts->unread_name, (unsigned long long)counts->unread_number,
                  counts->unread == 1 ? "" : ", and others");
    if (counts->cut > 0)
        text_addf(out, "%s%llu packet%s cut within the headers, or damaged there",
                  counts->unread > 0 ? ", " : "", (unsigned long long)counts->cut,
                  text_plural(counts->cut));
    if (counts->bare > 0 && counts->filled == 0)
        text_addf(out,
                  "%sthe snap length left nothing but headers, and sessions are found by what "
                  "comes behind them: capture with `-s 0`",
                  out->len > 0 ? ", " : "");
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
    bool is_good = capture_each(source, take_tracked, track, stop, counts, was_cut, why);

    if (!is_good && !source->has_misfit) /* what came before that is whole */
        track_break(track, CAPTURE_DAMAGED);
    return is_good;
}

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

struct capture_live {
    struct reading reading;
    struct capture_counts counts;
};

struct capture_live *capture_live_new(struct source *source, struct track *track, struct text *why)
{
    char error[PCAP_ERRBUF_SIZE] = "";

    if (pcap_setnonblock(source->pcap, 1, error) != 0) {
        text_addf(why, "%s: %s", source->name, error);
        return NULL;
    }
    struct capture_live *live = text_realloc(NULL, sizeof *live);
    *live = (struct capture_live){
        .reading = {
                    .source = source, .take = take_tracked, .context = track, .counts = &live->counts}
    };
    return live;
}

void capture_live_free(struct capture_live *live)
{
    if (live != NULL)
        fragments_fini(&live->reading.fragments);
    free(live);
}

void capture_live_frames(struct capture_live *live, capture_frame *frame, void *context)
{
    live->reading.frame = frame;
    live->reading.frame_context = context;
}

int capture_live_fd(const struct capture_live *live)
{
    return pcap_get_selectable_fd(live->reading.source->pcap);
}

const struct capture_counts *capture_live_counts(const struct capture_live *live)
{
    return &live->counts;
}

bool capture_live_turn(struct capture_live *live, struct text *why)
{
    struct reading *r = &live->reading;
    int result = pcap_dispatch(r->source->pcap, -1, take_frame, (u_char *)r);

    track_tick(r->context, clock_ns());
    if (result < 0 && result != PCAP_ERROR_BREAK)
        text_addf(why, "%s: %s", r->source->name, pcap_geterr(r->source->pcap));
    return why->len == 0 && !r->is_over;
}
