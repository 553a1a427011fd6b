/* value.c - a constant, a limit or a piece of arithmetic that is off by a little. */
#include "impl/mutants/mutant.h"
#include "impl/mutants/table.h"

#include "impl/net/sock.h"
#include "impl/wire/account.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* X(NAME, id, clauses) */
#define VALUES(X)                                                                                  \
    X(ID_NO_GAP, "stream-id/2-is-used", "STR-6")                                                   \
    X(ID_FROM_0, "stream-id/from-0", "STR-6")                                                      \
    X(JITTER_8, "jitter/divided-by-8", "UDP-9")                                                    \
    X(JITTER_KEPT, "jitter/kept-at-omit-end", "UDP-9 OMIT-1")                                      \
    X(JITTER_FIRST, "jitter/first-datagram-counts", "UDP-9")                                       \
    X(LOSS_KEPT, "loss/late-datagrams-stay-lost", "UDP-7")                                         \
    X(LOSS_NONE, "loss/never-counted", "UDP-7")                                                    \
    X(LOSS_NARROW, "loss/31-bits", "UDP-7 UDP-6.v3")                                               \
    X(OMIT_LOSS, "loss/anew-behind-omit", "OMIT-1 RES-14 RES-16")                                  \
    X(JITTER_SIGNED, "jitter/signed-transit", "UDP-9")                                             \
    X(LOSS_DUPLICATE, "loss/duplicates-are-packets", "UDP-7")                                      \
    X(CONNECT_OLD, "udp-connect/other-value", "UDPC-2")                                            \
    X(REPLY_OLD, "udp-reply/other-value", "UDPC-3")                                                \
    X(REPLY_ANY, "udp-reply/any-is-taken", "UDPC-4")                                               \
    X(REPLY_STRICT, "udp-reply/only-that-of-3.12", "UDPC-4 INT-9")                                 \
    X(REPLY_FIRST, "udp-reply/first-wrong-one-fails", "UDPC-5")                                    \
    X(CONNECT_STRICT, "udp-connect/only-that-of-3.12", "UDPC-3 INT-8")                             \
    X(CONNECT_ANY, "udp-connect/any-is-taken", "UDPC-10")                                          \
    X(CONNECT_LONG, "udp-connect/a-byte-more-is-taken", "UDPC-10")                                 \
    X(CONNECT_SHORT, "udp-connect/a-byte-less-is-taken", "UDPC-10")                                \
    X(SEQ_FROM_0, "datagram/seq-from-0", "UDP-5")                                                  \
    X(SEQ_BY_2, "datagram/seq-by-2", "UDP-5")                                                      \
    X(SEQ_ANEW, "datagram/seq-anew-behind-omit", "UDP-5")                                          \
    X(SEQ_NARROW, "datagram/12-byte-header-always", "UDP-2")                                       \
    X(SEQ_WIDE, "datagram/16-byte-header-always", "UDP-1")                                         \
    X(SEC_USEC, "datagram/sec-and-usec-swapped", "UDP-1")                                          \
    X(SEC_OF_1970, "datagram/seconds-since-1970", "UDP-4.v2")                                      \
    X(UDP_PORT, "udp-port/another-than-tcp", "CONN-2 UDPC-1")                                      \
    X(CHECK_NOTHING, "params/nothing-is-refused", "ST-SRV-3.a INT-11")                             \
    X(CHECK_ALL, "params/everything-is-refused", "ST-SRV-2 PARAM-2")                               \
    X(BIDIR_HALF, "streams/bidir-not-doubled", "STR-1 STR-3")                                      \
    X(BIDIR_ORDER, "streams/direction-inverted", "STR-2 STR-3")                                    \
    X(STREAMS_ONE_LESS, "streams/one-less", "STR-1 STR-4")                                         \
    X(STREAMS_ONE_MORE, "streams/one-more", "STR-1 STR-4")                                         \
    X(RESULTS_ANY, "results/anything-goes", "RES-21 RES-22")                                       \
    X(RESULTS_ID, "results/unknown-id-goes", "RES-22")                                             \
    X(RESULTS_TYPE, "results/any-type-goes", "ST-CLI-31.b JSON-12")                                \
    X(RESULTS_OUTPUT, "results/output-is-dropped", "RES-23 ST-CLI-35")                             \
    X(RESULTS_LOSS, "results/no-loss-and-no-jitter", "RES-23")                                     \
    X(ITEM_FOR_EVER, "timer/items-for-ever", "TMO-1 TMO-2")                                        \
    X(RCV_FOR_EVER, "timer/no-data-for-ever", "TMO-4 TMO-5")                                       \
    X(DURATION_FOR_EVER, "timer/no-duration", "TMO-8")                                             \
    X(PEER_FOR_EVER, "timer/streams-and-done-for-ever", "INT-4 DEF-29")                            \
    X(END_EARLY, "end/half-the-time", "END-1")                                                     \
    X(END_TIME, "end/a-tenth-early/time", "END-1")                                                 \
    X(END_BYTES, "end/a-tenth-early/bytes", "END-1")                                               \
    X(END_BLOCKS, "end/a-tenth-early/blocks", "END-1")                                             \
    X(END_OMIT, "end/omit-is-counted", "OMIT-4")                                                   \
    X(BLOCKS_LESS, "end/one-block-less", "END-1 END-4")                                            \
    X(PACE_TWICE, "pacing/twice-the-rate", "DATA-4 DATA-5")                                        \
    X(PACE_NONE, "pacing/none", "DATA-4 DATA-5")                                                   \
    X(TIME_0_ENDS, "duration/time-0-is-at-once", "PARAM-47")                                       \
    X(NO_GRACE, "duration/no-grace", "PARAM-48 TMO-8")                                             \
    X(BYTES_END, "duration/of-so-many-bytes-at-once", "INT-2")                                     \
    X(BYTES_STAY, "end/bytes-of-the-test-before", "INT-10 PARAM-49")                               \
    X(TOS_STAYS, "params/TOS-of-the-test-before", "INT-10")

MUTANT_FAMILY(value, VALUES);

WRAP(int64_t, account_stream_id, (unsigned index))
{
    if (fault == ID_NO_GAP)
        return (int64_t)index + 1;
    return __real_account_stream_id(index) - (fault == ID_FROM_0);
}

/* A transit below 0 stays below 0. */
static void take_signed(struct account_udp *a, const struct account_udp *before,
                        const struct datagram_header *header, uint64_t arrival_ns)
{
    int64_t sent_us = header->sec * INT64_C(1000000) + header->usec;
    int64_t transit_us = (int64_t)(arrival_ns / 1000) - sent_us;
    double change_s = before->primed ? (double)(transit_us - before->transit_us) / 1e6 : 0;

    a->jitter_s =
        before->jitter_s + ((change_s < 0 ? -change_s : change_s) - before->jitter_s) / 16;
    a->transit_us = transit_us;
}

WRAP(void, account_udp_take,
     (struct account_udp * a, const struct datagram_header *header, bool wide, uint64_t arrival_ns))
{
    struct account_udp before = *a;
    struct datagram_header narrow = {header->sec, header->usec, header->seq & INT32_MAX};

    if (fault == JITTER_FIRST)
        a->primed = true;
    __real_account_udp_take(a, fault == LOSS_NARROW ? &narrow : header, wide, arrival_ns);
    if (fault == JITTER_SIGNED)
        take_signed(a, &before, header, arrival_ns);
    if (fault == JITTER_8)
        a->jitter_s = before.jitter_s + 2 * (a->jitter_s - before.jitter_s);
    if (fault == LOSS_KEPT && a->errors < before.errors)
        a->errors = before.errors;
    if (fault == LOSS_NONE)
        a->errors = 0;
    if (fault == LOSS_DUPLICATE && a->packets == before.packets)
        a->packets++;
}

WRAP(void, account_udp_omit_end, (struct account_udp * a))
{
    if (fault != JITTER_KEPT)
        __real_account_udp_omit_end(a);
    if (fault == OMIT_LOSS)
        a->packets = a->errors = 0;
}

WRAP(const uint8_t *, datagram_connect_bytes, (enum datagram_connect kind))
{
    static const uint8_t other[] = {'1', '2', '3', '4'};

    return fault == CONNECT_OLD ? other : __real_datagram_connect_bytes(kind);
}

WRAP(const uint8_t *, datagram_reply_bytes, (enum datagram_reply kind))
{
    static const uint8_t other[] = {'4', '3', '2', '1'};

    return fault == REPLY_OLD ? other : __real_datagram_reply_bytes(kind);
}

WRAP(enum datagram_reply, datagram_reply_kind, (struct bytes datagram))
{
    enum datagram_reply kind = __real_datagram_reply_kind(datagram);

    if (fault == REPLY_FIRST && kind == DATAGRAM_NOT_REPLY)
        exit(1);
    if (fault == REPLY_STRICT && kind != DATAGRAM_REPLY)
        return DATAGRAM_NOT_REPLY;
    return fault == REPLY_ANY ? DATAGRAM_REPLY : kind;
}

WRAP(enum datagram_connect, datagram_connect_kind, (struct bytes datagram))
{
    enum datagram_connect kind = __real_datagram_connect_kind(datagram);

    told_server(SEV_DATAGRAM);
    if (fault == CONNECT_LONG && datagram.len == DATAGRAM_CONNECT_LEN + 1)
        return __real_datagram_connect_kind((struct bytes){datagram.at, DATAGRAM_CONNECT_LEN});
    if (fault == CONNECT_SHORT && datagram.len == DATAGRAM_CONNECT_LEN - 1)
        return DATAGRAM_CONNECT;
    if (fault == CONNECT_STRICT && kind != DATAGRAM_CONNECT)
        return DATAGRAM_NOT_CONNECT;
    return fault == CONNECT_ANY ? DATAGRAM_CONNECT : kind;
}

/* Of the one stream. */
static uint64_t numbered_before_omit_end(uint64_t seq)
{
    static uint64_t last;

    if (!mutant_data_is_omit_over())
        last = seq;
    return mutant_data_is_omit_over() ? last : 0;
}

WRAP(size_t, datagram_encode, (uint8_t * out, bool wide, const struct datagram_header *header))
{
    struct datagram_header h = *header;

    if (fault == SEQ_FROM_0)
        h.seq--;
    if (fault == SEQ_BY_2)
        h.seq *= 2;
    if (fault == SEQ_ANEW)
        h.seq -= numbered_before_omit_end(header->seq);
    if (fault == SEC_USEC) {
        h.sec = header->usec;
        h.usec = header->sec;
    }
    if (fault == SEC_OF_1970)
        h.sec = (uint32_t)time(NULL);
    return __real_datagram_encode(out, (wide || fault == SEQ_WIDE) && fault != SEQ_NARROW, &h);
}

WRAP(int, sock_bind_udp, (const struct sock_at *at, int *fd))
{
    struct sock_at other = *at;

    other.port = (uint16_t)(at->port + (fault == UDP_PORT));
    return __real_sock_bind_udp(&other, fd);
}

WRAP(int, params_check,
     (const struct params *p, const struct params_limits *limits, struct remarks *remarks))
{
    int refusal = __real_params_check(p, limits, remarks);

    if (refusal == 0)
        mutant_effect_forget(
            (struct params *)(uintptr_t)p); /* the server's, which is no constant */
    return fault == CHECK_NOTHING ? 0 : fault == CHECK_ALL ? 114 : refusal;
}

/* What one client said stays for those that say nothing. */
WRAP(enum spec_err, params_decode, (struct bytes json, struct params *out, struct remarks *remarks))
{
    static int64_t num, tos;
    enum spec_err err = __real_params_decode(json, out, remarks);

    if (fault == BYTES_STAY && err == SPEC_OK && !params_has(out, PARAM_num))
        out->num = num;
    if (fault == TOS_STAYS && err == SPEC_OK && !params_has(out, PARAM_TOS))
        out->TOS = tos;
    if (err == SPEC_OK && out->num > 0)
        num = out->num;
    if (err == SPEC_OK && params_has(out, PARAM_TOS))
        tos = out->TOS;
    return err;
}

WRAP(int64_t, params_n_streams, (const struct params *p))
{
    int64_t n = __real_params_n_streams(p);

    if (fault == BIDIR_HALF && p->bidirectional)
        n /= 2;
    return n - (fault == STREAMS_ONE_LESS) + (fault == STREAMS_ONE_MORE);
}

WRAP(bool, params_client_sends, (const struct params *p, unsigned index))
{
    return __real_params_client_sends(p, index) != (fault == BIDIR_ORDER);
}

/* What nobody has is left out, rather than refused. */
static void drop_unknown(struct results *r, const int64_t *ids, size_t n_ids)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->n_streams; i++)
        for (size_t k = 0; k < n_ids; k++)
            if (r->streams[i].id == ids[k]) {
                r->streams[kept++] = r->streams[i];
                break;
            }
    r->n_streams = kept;
}

static void forget(struct results *r)
{
    if (fault == RESULTS_OUTPUT) {
        free(r->server_output_text);
        r->server_output_text = NULL;
    }
    for (size_t i = 0; fault == RESULTS_LOSS && i < r->n_streams; i++) {
        r->streams[i].errors = 0;
        r->streams[i].jitter = 0;
    }
}

WRAP(enum spec_err, results_decode,
     (struct bytes json, const int64_t *ids, size_t n_ids, struct results *out,
      struct remarks *remarks))
{
    enum spec_err err = __real_results_decode(json, fault == RESULTS_ID ? NULL : ids,
                                              fault == RESULTS_ID ? 0 : n_ids, out, remarks);

    if (err == SPEC_OK)
        forget(out);
    if (fault == RESULTS_ID && err == SPEC_OK && ids)
        drop_unknown(out, ids, n_ids);
    if (fault == RESULTS_ANY || (fault == RESULTS_TYPE && err == SPEC_E_TYPE))
        return SPEC_OK;
    return err;
}

WRAP(void, machine_set_timer, (struct machine * m, enum machine_timer timer, uint64_t after_ns))
{
    static const enum fault for_ever[] = {[TIMER_ITEM] = ITEM_FOR_EVER,
                                          [TIMER_RCV] = RCV_FOR_EVER,
                                          [TIMER_PEER] = PEER_FOR_EVER,
                                          [TIMER_DURATION] = DURATION_FOR_EVER};

    if (timer == TIMER_DURATION && (fault == TIME_0_ENDS || fault == BYTES_END))
        after_ns = 1;
    if (timer == TIMER_DURATION && fault == NO_GRACE)
        after_ns = UINT64_C(1000000000);
    if (fault != for_ever[timer])
        __real_machine_set_timer(m, timer, after_ns);
}

/* In a test that has no limit, one that is over as soon as it is set. */
WRAP(int64_t, params_time_limit, (const struct params *p))
{
    int64_t limit_s = __real_params_time_limit(p);
    bool hits = params_has(p, PARAM_time) ? fault == TIME_0_ENDS : fault == BYTES_END;

    return hits && limit_s == 0 ? 1 : limit_s;
}

WRAP(bool, account_end_reached,
     (const struct account_end *end, int64_t counted_ns, uint64_t bytes, uint64_t blocks))
{
    struct account_end e = *end;

    if (fault == END_EARLY)
        e.time_ns /= 2;
    if (fault == END_TIME)
        e.time_ns -= e.time_ns / 10;
    if (fault == END_BYTES)
        e.bytes -= e.bytes / 10;
    if (fault == END_BLOCKS)
        e.blocks -= e.blocks / 10;
    if (fault == END_OMIT && counted_ns < 0)
        counted_ns = INT64_MAX / 2;
    return __real_account_end_reached(&e, counted_ns, bytes, blocks);
}

WRAP(uint64_t, account_blocks, (const struct account_end *end, uint64_t len))
{
    uint64_t blocks = __real_account_blocks(end, len);

    return fault == BLOCKS_LESS && blocks > 1 && blocks != UINT64_MAX ? blocks - 1 : blocks;
}

WRAP(uint64_t, account_pace_ns, (uint64_t start_ns, uint64_t rate_bps, uint64_t sent))
{
    if (fault == PACE_NONE)
        return start_ns;
    return __real_account_pace_ns(start_ns, fault == PACE_TWICE ? 2 * rate_bps : rate_bps, sent);
}

WRAP(uint64_t, account_paced_bytes, (uint64_t start_ns, uint64_t rate_bps, uint64_t now_ns))
{
    if (fault == PACE_NONE)
        return UINT64_MAX;
    return __real_account_paced_bytes(start_ns, fault == PACE_TWICE ? 2 * rate_bps : rate_bps,
                                      now_ns);
}
