/* flow.h - one data stream of a client: sends or receives on the loop, without a thread.
 *
 * A flow moves bytes as its socket and its rate allow, a bounded number in each turn of the loop,
 * so that a thousand of them share it. When to stop is its client's affair, who is told of each
 * step. */
#pragma once
#include "impl/net/loop.h"
#include "impl/wire/account.h"
#include "impl/wire/params.h"

struct load_flow;

/* Who a flow belongs to. Fixed while flows run. */
struct load_flow_owner {
    struct loop *loop;
    const struct params *params;
    bool udp;
    uint64_t start_ns;
    /* So much more was sent or received: bytes, and whole blocks (TCP: 0 received) or datagrams. It
     * may stop and close the flow. */
    void (*moved)(struct load_flow *flow, uint64_t bytes, uint64_t blocks);
    void (*failed)(struct load_flow *flow, int os_errno); /* it is stopped */
};

struct load_flow {
    struct load_flow_owner *owner; /* borrowed */
    struct loop_source source;     /* fd -1: closed */
    struct loop_timer pace;
    bool sends;
    bool counts;    /* from start to stop; what comes later is thrown away */
    uint64_t share; /* sender: blocks that it may still begin; UINT64_MAX: any */
    size_t left;    /* sender: bytes of the block that is under way */
    uint64_t bytes, blocks;
    uint64_t packets; /* UDP sender */
    struct {
        uint64_t bytes, packets, errors, retransmits;
    } omitted;              /* of these, what came before the counted period */
    uint64_t thrown_away;   /* bytes received after the stop */
    struct account_udp udp; /* UDP receiver */
};

/* Take over a connected, non-blocking socket. */
void load_flow_init(struct load_flow *f, struct load_flow_owner *owner, int fd, bool sends);
/* Begin to send so many blocks (UINT64_MAX: any), or to count what comes. */
void load_flow_start(struct load_flow *f, uint64_t blocks);
/* The omit period is over (OMIT-1): note what moved in it; and from here on so many blocks. */
void load_flow_omit(struct load_flow *f, uint64_t blocks);
/* Stop sending; a receiver reads on, so that no server is held up that writes (FLOW-6). */
void load_flow_stop(struct load_flow *f);
void load_flow_close(struct load_flow *f); /* again does nothing */
