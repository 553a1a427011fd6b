/* interval.h - what was measured on one stream in one stretch of time.
 *
 * The data engine fills it, the report prints it. Plain numbers, no ownership. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What the kernel says about a TCP stream at one instant (Linux TCP_INFO). */
struct interval_tcp {
    bool valid;                 /* false: not TCP, or not readable */
    uint64_t retransmits;       /* since the connection began */
    uint64_t snd_cwnd, snd_wnd; /* bytes */
    uint32_t rtt_us, rttvar_us, pmtu, reorder;
    uint32_t min_rtt_us;        /* of the last minutes; 0: not known, as all that follows */
    uint64_t delivery_rate_bps; /* of the last flight, bit/s */
    /* us since the connection began: data was under way; and of that, what held it up was the
     * receiver's window, or the sender's buffer. */
    uint64_t busy_us, rwnd_limited_us, sndbuf_limited_us;
};

/* Of a stretch: how long a TCP sender was busy, and what by (struct interval_tcp). */
struct interval_limits {
    uint64_t busy_us, rwnd_limited_us, sndbuf_limited_us;
};

struct detail;

struct spread;

/* Counts of the stretch alone (differences), except where noted. */
struct interval {
    int64_t id;   /* stream id (STR-6) */
    int socket;   /* descriptor number, which iperf3 prints */
    bool sender;  /* this end of the stream sends */
    bool omitted; /* the stretch lies in the omit period */
    double start_s,
        end_s; /* since the start of the test or, once that is over, of the counted period */
    uint64_t bytes;
    int64_t retransmits;     /* TCP sender; -1: no counts */
    struct interval_tcp tcp; /* at the end of the stretch */
    int64_t packets; /* UDP: sender: sent; receiver: expected, so that lost <= packets normally */
    int64_t lost;    /* UDP receiver; can be negative when late arrivals are taken back */
    int64_t out_of_order;          /* UDP receiver */
    double jitter_s;               /* UDP receiver, at the end of the stretch */
    struct interval_limits limits; /* TCP sender */
    /* Of a TCP sender, for JSON alone (else NULL): round trip times of the stretch; borrowed until
     * the callback that gets the row returns. */
    const struct spread *rtt_us;
};

/* The same for a whole stream, at the end of the test. */
struct interval_total {
    struct interval counted;            /* without the omit period; start_s is 0 */
    uint64_t max_snd_cwnd, max_snd_wnd; /* bytes; TCP sender */
    uint32_t max_rtt_us, min_rtt_us, mean_rtt_us, reorder;
    int64_t packets, lost,
        out_of_order; /* UDP, whole test: what goes into the results (RES-14, RES-16) */
    int64_t omitted_packets, omitted_lost;
    const struct detail *detail; /* NULL: nobody asked for it; borrowed for the life of the run */
};
