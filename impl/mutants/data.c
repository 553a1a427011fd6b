/* data.c - what the streams carry, and what the results make of it, is off by a little. */
#include "impl/mutants/mutant.h"

#include "impl/traffic/run.h"
#include "impl/traffic/stream.h"
#include "impl/traffic/tally.h"
#include "impl/wire/bytes.h"
#include "impl/wire/state.h"

#include <sys/socket.h>

/* X(NAME, id, clauses) */
#define DATA(X)                                                                                    \
    X(BYTES_ROUNDED, "results/bytes-in-whole-KiB", "RES-11 INT-7")                                 \
    X(JITTER_MS, "results/jitter-in-ms", "RES-13 UDP-9")                                           \
    X(CPU_NEGATIVE, "results/cpu-below-0", "RES-2 RES-3 RES-4")                                    \
    X(ALWAYS_SENDER, "results/always-a-sender", "RES-5")                                           \
    X(STREAMS_REVERSED, "results/streams-reversed", "RES-1 RES-9")                                 \
    X(LAST_MISSING, "results/last-stream-missing", "RES-1 RES-9")                                  \
    X(OMIT_BYTES, "omit/bytes-stay", "RES-20 OMIT-1")                                              \
    X(FIRST_UNCOUNTED, "stream/first-read-uncounted", "RES-11 RES-26.s RES-26.c")                  \
    X(ANSWERS, "stream/receiver-answers", "STR-16 UDP-16")                                         \
    X(END_MARK, "stream/end-mark", "END-5")                                                        \
    X(DATAGRAM_SHORT, "datagram/one-byte-less", "UDP-3 DATA-1")                                    \
    X(CONTENT, "stream/04-in-front-is-no-data", "DATA-2.n")

MUTANT_FAMILY(data, DATA);

static void reverse(struct results *r)
{
    for (size_t i = 0; i < r->n_streams / 2; i++) {
        struct results_stream kept = r->streams[i];
        r->streams[i] = r->streams[r->n_streams - 1 - i];
        r->streams[r->n_streams - 1 - i] = kept;
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
    }
    if (fault == CPU_NEGATIVE)
        out->cpu_util_total = out->cpu_util_user = out->cpu_util_system = -1;
    if (fault == ALWAYS_SENDER)
        out->sender_has_retransmits = 1;
    if (fault == STREAMS_REVERSED)
        reverse(out);
    if (fault == LAST_MISSING && out->n_streams > 1)
        out->n_streams--;
    return err;
}

WRAP(void, tally_omit_end, (struct tally * t))
{
    __real_tally_omit_end(t);
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
    if (fault == FIRST_UNCOUNTED && !atomic_exchange(&was_here, true))
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
