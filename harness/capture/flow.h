/* flow.h - the table of TCP and UDP flows: one lookup per packet, bounded memory.
 *
 * A flow is both directions between two addresses and ports. When the table is full the flow that
 * was silent for longest goes. */
#pragma once
#include "harness/capture/checksum.h"

#define FLOW_MAX 32768

struct flow_key {
    uint8_t address[2][16];
    uint16_t port[2];
    uint32_t is_udp;
};

enum flow_kind {
    FLOW_NEW,     /* nothing known yet */
    FLOW_FOREIGN, /* not iperf3's */
    FLOW_CONTROL, /* may be a control connection, or is one */
    FLOW_STREAM,
};

struct control; /* track.c */
struct track_session;
struct track_stream;

struct flow {
    struct flow_key key;
    struct flow *chain, *older, *newer;
    enum flow_kind kind;
    int client;        /* which end (0, 1) opened it; -1 while unknown */
    bool has_start[2]; /* SYN of that end was seen: its first byte has the number start */
    uint8_t scale[2];  /* window scale, DISSECT_NO_SCALE */
    uint32_t start[2];
    /* A SYN of end syn_from in mid-connection, which begins another one if somebody goes by it;
     * -1: none. Its first byte has the number syn_start. */
    int syn_from;
    uint8_t syn_scale;
    uint32_t syn_start;
    uint64_t first_number;          /* first packet */
    struct checksum_trust trust[2]; /* by the end that sends */
    struct control *control;
    struct track_session *session;
    struct track_stream *stream;
};

struct flow_table {
    struct flow **buckets;
    size_t n_buckets; /* a power of two */
    struct flow *oldest, *newest, *last, *spare;
    size_t n;
    /* A flow goes: for whoever keeps something for it. */
    void (*forget)(void *context, struct flow *flow);
    void *context;
};

/* Empty; forget() and context are kept. */
void flow_table_init(struct flow_table *t, void (*forget)(void *context, struct flow *flow),
                     void *context);
/* Without forget() being called. */
void flow_table_fini(struct flow_table *t);

/* The flow of a packet, new (FLOW_NEW) where there was none; *from is the end that sent it. */
struct flow *flow_table_get(struct flow_table *t, const struct dissected *p, bool is_udp,
                            int *from);

/* Take a flow out. forget() is not called. */
void flow_table_remove(struct flow_table *t, struct flow *flow);
