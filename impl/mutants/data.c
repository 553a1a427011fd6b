/* data.c - what the streams carry, and what the results make of it, is off by a little. */
#include "impl/mutants/mutant.h"

#include "impl/report/report.h"
#include "impl/traffic/run.h"
#include "impl/traffic/run_state.h"
#include "impl/traffic/stream.h"
#include "impl/traffic/tally.h"
#include "impl/wire/bytes.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* X(NAME, id, clauses) */
#define DATA(X)                                                                                    \
    X(BYTES_ROUNDED, "results/bytes-in-whole-KiB", "RES-11 INT-7")                                 \
    X(JITTER_MS, "results/jitter-in-ms", "RES-13 UDP-9")                                           \
    X(CPU_NEGATIVE, "results/cpu-below-0", "RES-2 RES-3 RES-4")                                    \
    X(ALWAYS_SENDER, "results/always-a-sender", "RES-5")                                           \
    X(STREAMS_REVERSED, "results/streams-reversed", "RES-1 RES-9")                                 \
    X(LAST_MISSING, "results/last-stream-missing", "RES-1 RES-9")                                  \
    X(CPU_SWAPPED, "results/cpu-user-and-system-swapped", "RES-3 RES-4")                           \
    X(CPU_TOTAL, "results/cpu-total-is-that-of-the-user", "RES-2")                                 \
    X(CPU_SHARE, "results/cpu-as-a-share-of-1", "RES-2 RES-3 RES-4")                               \
    X(CONGESTION, "results/congestion-of-another", "RES-6")                                        \
    X(END_TIME_OMIT, "results/omit-is-in-end-time", "RES-28 OMIT-1")                               \
    X(END_TIME_MS, "results/end-time-in-ms", "RES-28")                                             \
    X(NO_RETRANSMITS, "results/retransmits-are-0", "RES-12")                                       \
    X(OUTPUT_LINE, "results/output-is-one-line", "RES-7 RES-27")                                   \
    X(OUTPUT_CUT, "results/output-without-its-end", "RES-7 RES-27")                                \
    X(OUTPUT_EMPTY, "results/output-is-an-empty-object", "RES-8")                                  \
    X(OMIT_BYTES, "omit/bytes-stay", "RES-20 OMIT-1")                                              \
    X(OMIT_FIRST, "omit/what-comes-first-though-late", "OMIT-3")                                   \
    X(FIRST_UNCOUNTED, "stream/first-read-uncounted", "RES-11 RES-26.s RES-26.c")                  \
    X(ANSWERS, "stream/receiver-answers", "STR-16 UDP-16")                                         \
    X(PACE_FIRST, "pacing/of-the-first-stream-alone", "DATA-4 DATA-5")                             \
    X(PACE_ONE_WAY, "pacing/not-in-both-directions", "DATA-4 DATA-5")                              \
    X(END_MARK, "stream/end-mark", "END-5")                                                        \
    X(DATAGRAM_SHORT, "datagram/one-byte-less", "UDP-3 DATA-1")                                    \
    X(SHORT_IS_WHOLE, "datagram/short-counts-as-whole", "UDP-11.v3 RES-11")                        \
    X(CONTENT, "stream/04-in-front-is-no-data", "DATA-2.n")

MUTANT_FAMILY(data, DATA);

static double omitted_s(const struct run *run)
{
    return run->counted_from_ns > 0 ? (double)(run->counted_from_ns - run->start_ns) / 1e9 : 0;
}

static void reverse(struct results *r)
{
    for (size_t i = 0; i < r->n_streams / 2; i++) {
        struct results_stream kept = r->streams[i];
        r->streams[i] = r->streams[r->n_streams - 1 - i];
        r->streams[r->n_streams - 1 - i] = kept;
    }
}

static void change_cpu_use(struct results *r)
{
    double total = r->cpu_util_total, user = r->cpu_util_user, system = r->cpu_util_system;

    if (fault == CPU_NEGATIVE)
        total = user = system = -1;
    r->cpu_util_total = fault == CPU_TOTAL ? user : total;
    r->cpu_util_user = fault == CPU_SWAPPED ? system : user;
    r->cpu_util_system = fault == CPU_SWAPPED ? user : system;
    if (fault == CPU_SHARE) {
        r->cpu_util_total /= 100;
        r->cpu_util_user /= 100;
        r->cpu_util_system /= 100;
    }
}

WRAP(enum spec_err, run_fill_results, (const struct run *run, struct results *out))
{
    enum spec_err err = __real_run_fill_results(run, out);

    for (size_t i = 0; i < out->n_streams; i++) {
        struct results_stream *s = &out->streams[i];
        if (fault == BYTES_ROUNDED)
            s->bytes -= s->bytes % 1024;
        if (fault == JITTER_MS)
            s->jitter *= 1000;
        if (fault == END_TIME_MS)
            s->end_time *= 1000;
        if (fault == END_TIME_OMIT)
            s->end_time += omitted_s(run);
        if (fault == NO_RETRANSMITS && s->retransmits > 0)
            s->retransmits = 0;
    }
    change_cpu_use(out);
    if (fault == CONGESTION && out->congestion_used)
        out->congestion_used[0] = 'x';
    if (fault == ALWAYS_SENDER)
        out->sender_has_retransmits = 1;
    if (fault == STREAMS_REVERSED)
        reverse(out);
    if (fault == LAST_MISSING && out->n_streams > 1)
        out->n_streams--;
    return err;
}

static atomic_bool is_omit_over;

bool mutant_data_is_omit_over(void)
{
    return atomic_load(&is_omit_over);
}

WRAP(void, tally_omit_end, (struct tally * t))
{
    __real_tally_omit_end(t);
    atomic_store(&is_omit_over, true);
    if (fault == OMIT_BYTES)
        t->base.counts.bytes = 0;
}

WRAP(void, stream_note_received,
     (struct stream * s, uint64_t n, uint64_t n_datagrams, uint64_t now_ns))
{
    static atomic_bool was_here;

    if (fault == ANSWERS)
        (void)send(s->fd, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (fault == CONTENT && n > 0 && s->room && s->room[0] == TEST_END)
        n = 0;
    if (fault == SHORT_IS_WHOLE && n < n_datagrams * s->flow->len)
        n = n_datagrams * s->flow->len;
    bool is_first = !atomic_exchange(&was_here, true);
    if (is_first &&
        (fault == FIRST_UNCOUNTED || (fault == OMIT_FIRST && mutant_data_is_omit_over())))
        n = 0;
    __real_stream_note_received(s, n, n_datagrams, now_ns);
}

WRAP(void, sender_finish, (struct stream * s))
{
    static const uint8_t mark[16];

    __real_sender_finish(s);
    if (fault == END_MARK)
        (void)send(s->fd, mark, sizeof mark, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* All senders of a run share the length. */
WRAP(enum step, udp_send, (struct stream * s))
{
    static atomic_bool was_here;

    if (fault == DATAGRAM_SHORT && !atomic_exchange(&was_here, true))
        s->flow->len--;
    return __real_udp_send(s);
}

/* The report's own text, to be cut. */
WRAP(const char *, report_output_text, (struct report * r))
{
    static char text[1 << 20];
    const char *whole = __real_report_output_text(r), *last;

    if (!whole || (fault != OUTPUT_LINE && fault != OUTPUT_CUT))
        return whole;
    last = fault == OUTPUT_LINE ? strchr(whole, '\n') : strstr(whole, "- - -");
    snprintf(text, sizeof text, "%.*s", last ? (int)(last - whole) : 0, whole);
    return text;
}

WRAP(const char *, report_output_json, (struct report * r))
{
    const char *whole = __real_report_output_json(r);

    return whole && fault == OUTPUT_EMPTY ? "{}" : whole;
}

WRAP(void, stream_begin, (struct stream * s, uint8_t *room, size_t room_len))
{
    static atomic_uint n_senders;

    __real_stream_begin(s, room, room_len);
    if (!s->sends)
        return;
    if ((fault == PACE_FIRST && atomic_fetch_add(&n_senders, 1) > 0) ||
        (fault == PACE_ONE_WAY && s->flow->params->bidirectional))
        s->pacer.rate_bps = 0;
}
