/* run_plan.c - what the parameters mean for a run: blocks, batches, limits. None of a peer's
 * numbers can be trusted. */
#include "impl/traffic/run_state.h"
#include "impl/wire/bytes.h"
#include "impl/wire/datagram.h"

#define NS_PER_SEC UINT64_C(1000000000)
#define WRITE_LEN  (size_t)(256 * 1024) /* a write that is worth its call */
#define SPLICE_LEN (size_t)(512 * 1024) /* the same without a copy: half a pipe */
#define PIECES     4                    /* of a block whose bytes have a pace */
#define PIECE_LEN  (size_t)1448         /* what a packet holds: shorter pieces don't pay */
#define PIECE_RATE 2000                 /* pieces in a second, about: nor do more of them */

uint64_t run_seconds(int64_t s)
{
    return (uint64_t)MIN(MAX(s, 0), INT32_MAX) * NS_PER_SEC;
}

static size_t block_len(const struct params *params, bool udp)
{
    int64_t len = params->len;

    if (udp) /* PARAM-19; an old client's value can lie outside */
        return (size_t)MIN(MAX(len, DATAGRAM_LEN_MIN), DATAGRAM_LEN_MAX);
    return (size_t)MIN(MAX(len, 1), 1 << 20);
}

/* How many datagrams a sender's buffer holds (PARAM-26): none of the lengths can be trusted. */
static size_t datagrams_per_buffer(const struct params *params, size_t len)
{
    int64_t room = params->gso != 0 ? params->gso_bf_size : DATAGRAM_LEN_MAX;

    room = MIN(MAX(room, 0), DATAGRAM_LEN_MAX);
    return MIN(MAX((size_t)room / len, (size_t)1), (size_t)UDP_BATCH_MAX);
}

static bool is_counted(const struct params *params)
{
    return params->num > 0 || params->blockcount > 0;
}

/* On TCP a block has no meaning for the receiver (DATA-1), so that short ones are joined and long
 * ones cut; but not where the user wants packets of that size, so many blocks, or a file that is
 * read block by block. */
static bool is_any_write(const struct params *params, const struct flow *flow)
{
    return !flow->udp && !flow->sctp && !is_counted(params) && !flow->file && !params->nodelay;
}

/* How many blocks may go at once where they have a pace: what is due in a millisecond, since a
 * sender that sends each by itself can't keep up with short ones. */
static size_t paced_blocks(const struct params *params, const struct flow *flow)
{
    uint64_t due = (uint64_t)params->bandwidth / 8 / 1000;

    if (params->burst > 0 || flow->piece < flow->len)
        return 1;
    return MAX((size_t)MIN(due, WRITE_LEN) / flow->len, (size_t)1);
}

/* How many blocks a sender may have on its way at once. Several streams share few blocks fairly:
 * each takes one at a time. */
static size_t batch_of(const struct params *params, const struct flow *flow)
{
    bool shared = is_counted(params) && params->parallel > 1 && params->gso == 0;

    if (flow->udp && !shared)
        return datagrams_per_buffer(params, flow->len);
    if (!is_any_write(params, flow))
        return 1;
    if (params->bandwidth > 0)
        return paced_blocks(params, flow);
    return MAX((params->zerocopy ? SPLICE_LEN : WRITE_LEN) / flow->len, (size_t)1);
}

/* How many bytes go at a time where there is a pace: what was sent is off by half of it. */
static size_t piece_of(const struct params *params, const struct flow *flow)
{
    uint64_t bytes_per_s = (uint64_t)MAX(params->bandwidth, 0) / 8;
    uint64_t least = MAX(PIECE_LEN, bytes_per_s / PIECE_RATE);

    if (!is_any_write(params, flow) || params->bandwidth <= 0 || params->burst > 0)
        return flow->len;
    return (size_t)MIN(MAX(flow->len / PIECES, least), flow->len);
}

static void init_flow(struct flow *flow, const struct run_config *config)
{
    enum params_protocol protocol = params_protocol(config->params);

    flow->params = config->params;
    flow->udp = protocol == PARAMS_UDP;
    flow->sctp = protocol == PARAMS_SCTP;
    flow->wide = params_has(config->params, PARAM_udp_counters_64bit);
    flow->len = block_len(config->params, flow->udp);
    flow->file = config->file;
    flow->skip_rx_copy = config->skip_rx_copy;
    flow->alone = config->params->parallel <= 1;
    flow->detailed = config->detailed;
    /* Where the bytes are thrown away, headers between them can't be read. */
    flow->gro = !config->skip_rx_copy;
    flow->piece = piece_of(config->params, flow);
    flow->batch = batch_of(config->params, flow);
}

/* Who limits itself to num and blockcount, and when. A client's senders do, once the omit period is
 * over: before, they warm up without a limit. A sending server must not leave its client waiting
 * for bytes that will not come: it stops by itself only where every byte arrives and is counted,
 * that is for TCP without an omit period (PARAM-48). */
static void init_limits(struct run *run)
{
    const struct params *params = run->config.params;
    bool client = run->config.role == MACHINE_CLIENT;
    bool exact = !run->flow.udp && params->omit <= 0;

    run->end = (struct account_end){
        .time_ns = client ? run_seconds(params_time_limit(params)) : 0,
        .bytes = (uint64_t)MAX(params->num, 0),
        .blocks = (uint64_t)MAX(params->blockcount, 0),
    };
    budget_init(&run->flow.budget,
                (run->end.bytes > 0 || run->end.blocks > 0) && (client || exact));
    run->flow.receive_bytes = client ? run->end.bytes : 0;
    run->flow.receive_blocks = client ? run->end.blocks : 0;
}

void run_plan(struct run *run)
{
    init_flow(&run->flow, &run->config);
    init_limits(run);
}
