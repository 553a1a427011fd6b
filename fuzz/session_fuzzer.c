/* session_fuzzer.c - a whole session in process: client machine and server machine, and between
 * them a channel that delays, splits and, if told to, changes bytes; an observer watches half-way.
 *
 * Input: three bytes of set-up (flags as in client_fuzzer.c, streams, then the order in which the
 * machines wake up), then one byte per step: what in the high 4 bits, how much in the low 4.
 *   0 1  the client's, the server's bytes reach the observer    (low + 1) squared
 *   2 3  they reach the other end
 *   4    a stream comes up, at the client and then at the server
 *   5    the test is over
 *   6 7  the client, the server: a signal, a failure, a kill, a time-out (low % 4)
 *   8 9  a byte on its way to the observer is replaced by the next byte of the input
 *   a b  the same, one is put in      c d  one is lost
 *   e    both directions are emptied
 *   f    a message of the input is put behind the client's (low % 2: the server's) bytes: its
 * length in a byte, then the message
 * When the steps are used up, everything arrives and time passes until both ends are done.
 *
 * telling.h makes an input of the server's or the client's own target of it, and so a script. */
#include "fuzz/kept.h"
#include "fuzz/shell.h"
#include "fuzz/telling.h"
#include "fuzz/watch.h"
#include "harness/fuzz/form.h"

#include "impl/wire/state.h"

const enum form fuzz_form = FORM_STEPS;

#define STEPS  512
#define ROUNDS 600 /* until both ends are done; a silence of 120 s is one */

/* Bytes on their way, then perhaps the end. */
struct hop {
    struct fuzz_log bytes;
    bool ends, has_ended;
};

struct pair {
    struct shell ends[2];     /* by enum observer_side, as all below */
    struct hop out[2], in[2]; /* before and behind the observer, by the sender */
    bool is_gone[2];          /* the process was killed */
    bool is_changed[2];       /* the channel changed that sender's bytes */
    size_t n_seen[2];         /* bytes that reached the observer */
    bool is_disturbed;        /* one end was stopped, or the channel changed bytes */
    struct watch watch;
    struct telling telling;
};

/* --- the channel -------------------------------------------------------------------------------
 */

static void drop(struct fuzz_log *log, size_t at, size_t len)
{
    memmove(log->at + at, log->at + at + len, log->len - at - len);
    log->len -= len;
}

/* What an end sent and did is on its way. */
static void collect(struct pair *x, enum observer_side side)
{
    struct shell *s = &x->ends[side];

    if (!x->is_gone[side])
        fuzz_note(&x->out[side].bytes, s->out.at, s->out.len);
    s->out.len = 0;
    x->out[side].ends = x->out[side].ends || shell_is_over(s) || x->is_gone[side];
}

static void pass_observer(struct pair *x, enum observer_side side, size_t most)
{
    struct hop *from = &x->out[side], *to = &x->in[side];
    struct bytes piece = {from->bytes.at, MIN(most, from->bytes.len)};

    if (piece.len > 0) {
        watch_bytes(&x->watch, side, x->ends[side].now_ns, piece);
        x->n_seen[side] += piece.len;
        fuzz_note(&to->bytes, piece.at, piece.len);
        drop(&from->bytes, 0, piece.len);
    }
    if (from->bytes.len == 0 && from->ends && !from->has_ended) {
        from->has_ended = to->ends = true;
        observer_end(x->watch.o, side, x->ends[side].now_ns, false);
    }
}

static void arrive(struct pair *x, enum observer_side from, size_t most)
{
    enum observer_side at = from == OBSERVER_CLIENT ? OBSERVER_SERVER : OBSERVER_CLIENT;
    struct shell *s = &x->ends[at];
    struct hop *hop = &x->in[from];
    size_t n = MIN(most, hop->bytes.len);

    if (!x->is_gone[at])
        telling_bytes(&x->telling, at, (struct bytes){hop->bytes.at, n});
    while (n > 0 && !x->is_gone[at]) {
        struct bytes left = {hop->bytes.at, n};
        shell_bytes(s, &left);
        drop(&hop->bytes, 0, n - left.len);
        n = left.len;
        shell_settle(s);
        collect(x, at);
    }
    if (hop->bytes.len > 0 || !hop->ends || hop->has_ended || x->is_gone[at])
        return;
    hop->has_ended = true;
    telling_note(&x->telling, at, 'E');
    machine_eof(s->m, s->now_ns);
    shell_settle(s);
    collect(x, at);
}

/* what: 0 replace, 1 put in, 2 take away. */
static void change(struct pair *x, enum observer_side side, unsigned what, uint8_t how,
                   uint8_t byte)
{
    struct fuzz_log *log = &x->out[side].bytes;
    size_t at = log->len > 0 ? how * 3u % log->len : 0;

    if (log->len == 0)
        return;
    x->is_disturbed = x->is_changed[side] = true;
    if (what == 0)
        log->at[at] = byte;
    else if (what == 2)
        drop(log, at, 1);
    else {
        fuzz_note(log, &byte, 1);
        memmove(log->at + at + 1, log->at + at, log->len - at - 1);
        log->at[at] = byte;
    }
}

/* The channel makes up a whole message. */
static void put(struct pair *x, enum observer_side side, struct bytes message)
{
    if (message.len == 0 || x->out[side].ends)
        return;
    x->is_disturbed = x->is_changed[side] = true;
    fuzz_note(&x->out[side].bytes, message.at, message.len);
}

/* --- the ends ----------------------------------------------------------------------------------
 */

static void stream_up(struct pair *x)
{
    struct shell *client = &x->ends[OBSERVER_CLIENT], *server = &x->ends[OBSERVER_SERVER];

    if (client->n_up < client->n_streams && !x->is_gone[OBSERVER_CLIENT]) {
        telling_note(&x->telling, OBSERVER_CLIENT, 'u');
        shell_stream_up(client);
    }
    if (server->n_up < MIN(client->n_up, server->n_streams) && !x->is_gone[OBSERVER_SERVER]) {
        telling_note(&x->telling, OBSERVER_SERVER, 'u');
        shell_stream_up(server);
    }
    collect(x, OBSERVER_CLIENT);
    collect(x, OBSERVER_SERVER);
}

static void test_over(struct pair *x)
{
    struct shell *client = &x->ends[OBSERVER_CLIENT];

    if (client->n_done[MACHINE_RUN] == 0 || client->state != CLI_RUN || x->is_gone[OBSERVER_CLIENT])
        return;
    telling_note(&x->telling, OBSERVER_CLIENT, 'O');
    machine_test_over(client->m, client->now_ns);
    shell_settle(client);
    collect(x, OBSERVER_CLIENT);
}

static void wake(struct pair *x, enum observer_side side)
{
    if (!x->is_gone[side] && !shell_is_over(&x->ends[side]))
        telling_note(&x->telling, side, 'T');
    if (!x->is_gone[side])
        shell_tick(&x->ends[side]);
    collect(x, side);
}

static void disturb(struct pair *x, enum observer_side side, unsigned what)
{
    struct shell *s = &x->ends[side];

    if (x->is_gone[side] || shell_is_over(s))
        return;
    x->is_disturbed = true;
    if (what == 0)
        machine_terminate(s->m, s->now_ns);
    else if (what == 1)
        machine_failed(s->m, s->now_ns, IESTREAMREAD, 5);
    else if (what == 2)
        x->is_gone[side] = true;
    else
        wake(x, side);
    shell_settle(s);
    collect(x, side);
}

/* --- playing -----------------------------------------------------------------------------------
 */

static void flow(struct pair *x)
{
    for (int side = OBSERVER_CLIENT; side <= OBSERVER_SERVER; side++) {
        pass_observer(x, (enum observer_side)side, SIZE_MAX);
        arrive(x, (enum observer_side)side, SIZE_MAX);
    }
}

static void step(struct pair *x, uint8_t byte, struct bytes *in)
{
    uint8_t what = byte >> 4, how = byte & 15;
    size_t many = (how + 1u) * (how + 1u);

    if (what < 2)
        pass_observer(x, (enum observer_side)what, many);
    else if (what < 4)
        arrive(x, (enum observer_side)(what - 2), many);
    else if (what == 4)
        stream_up(x);
    else if (what == 5)
        test_over(x);
    else if (what < 8)
        disturb(x, (enum observer_side)(what - 6), how % 4);
    else if (what < 14)
        change(x, (enum observer_side)(what & 1), (what - 8) / 2, how, what < 12 ? fuzz_u8(in) : 0);
    else if (what == 14)
        flow(x);
    else
        put(x, (enum observer_side)(how & 1), fuzz_take(in, fuzz_u8(in)));
}

static bool is_done(const struct pair *x, enum observer_side side)
{
    return x->is_gone[side] || shell_is_over(&x->ends[side]);
}

/* Whether nothing is on its way to somebody who reads it. */
static bool is_still(const struct pair *x)
{
    for (int side = 0; side < 2; side++)
        if (x->out[side].bytes.len > 0 || x->out[side].ends != x->out[side].has_ended ||
            (x->in[side].bytes.len > 0 && !x->is_gone[1 - side]))
            return false;
    return true;
}

/* Let everything arrive, and time pass where nothing else helps. */
static void finish(struct pair *x, bool server_first)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (is_done(x, OBSERVER_CLIENT) && is_done(x, OBSERVER_SERVER) && is_still(x))
            return;
        flow(x);
        for (unsigned n = 0; n < 8; n++)
            stream_up(x);
        if (!is_still(x))
            continue;
        test_over(x);
        if (!is_still(x))
            continue;
        wake(x, server_first ? OBSERVER_SERVER : OBSERVER_CLIENT);
        if (is_still(x))
            wake(x, server_first ? OBSERVER_CLIENT : OBSERVER_SERVER);
    }
    fuzz_fail(__FILE__, "both ends come to an end", "client %s, server %s",
              machine_state_name(machine_state(x->ends[0].m)),
              machine_state_name(machine_state(x->ends[1].m)));
}

/* --- verdicts ----------------------------------------------------------------------------------
 */

/* Whose bytes arrived as they were sent has done nothing wrong, whatever came the other way; and
 * what that end takes for a fault of the other one is one to the observer. */
static void check(const struct pair *x)
{
    for (int side = 0; side < 2; side++)
        FUZZ_CHECK(x->is_changed[side] || x->watch.n_violations[side] == 0, "side %d: %s", side,
                   watch_words(&x->watch, (enum observer_side)side));
    for (int side = 0; side < 2; side++)
        FUZZ_CHECK(x->is_changed[side] || x->n_seen[1 - side] == 0 ||
                       !shell_blames_peer(&x->ends[side]) || x->watch.n_violations[1 - side] > 0,
                   "side %d: %s in %s, and the observer is silent", side, x->ends[side].end.clause,
                   machine_state_name(x->ends[side].last));
    if (x->is_disturbed)
        return;
    for (int side = 0; side < 2; side++)
        FUZZ_CHECK(x->ends[side].end.ok, "side %d: %s, error %d", side, x->ends[side].end.clause,
                   x->ends[side].end.ierr);
    FUZZ_CHECK(observer_completed(x->watch.o), "not complete");
    FUZZ_CHECK(x->ends[OBSERVER_SERVER].n_done[MACHINE_RUN] == 1, "no test was run");
}

/* --- set-up ------------------------------------------------------------------------------------
 */

static void fill(struct params *p, uint8_t flags, uint8_t n_streams)
{
    params_init(p);
    p->udp = flags & 16;
    p->tcp = !p->udp;
    p->bidirectional = flags & 8;
    p->reverse = (flags & 12) == 4;
    p->time = 1;
    p->parallel = 1 + n_streams % 4;
    p->len = 1024;
    static const enum param_key sent[] = {PARAM_tcp,     PARAM_udp,  PARAM_bidirectional,
                                          PARAM_reverse, PARAM_time, PARAM_parallel,
                                          PARAM_len};
    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        params_mark(p, sent[i]);
}

static void set_up(struct pair *x, const struct params *p, uint8_t flags)
{
    struct machine_config config;

    *x = (struct pair){.is_disturbed = false};
    telling_start(&x->telling, flags);
    machine_config_init(&config, MACHINE_SERVER);
    shell_init(&x->ends[OBSERVER_SERVER], &config);
    machine_config_init(&config, MACHINE_CLIENT);
    memset(config.cookie, 'c', COOKIE_LEN - 1);
    config.params = p;
    shell_init(&x->ends[OBSERVER_CLIENT], &config);
    watch_init(&x->watch, true, true, true);
    for (int side = 0; side < 2; side++) {
        machine_start(x->ends[side].m, x->ends[side].now_ns);
        shell_settle(&x->ends[side]);
        collect(x, (enum observer_side)side);
    }
}

static void take_down(struct pair *x)
{
    for (int side = 0; side < 2; side++) {
        shell_fini(&x->ends[side]);
        fuzz_log_fini(&x->out[side].bytes);
        fuzz_log_fini(&x->in[side].bytes);
    }
    watch_fini(&x->watch);
    telling_stop(&x->telling);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t flags = fuzz_u8(&in), n_streams = fuzz_u8(&in), server_first = fuzz_u8(&in);
    struct pair x;
    struct params p;

    fuzz_memory_start();
    fill(&p, flags, n_streams);
    set_up(&x, &p, flags);
    for (unsigned n = 0; in.len > 0 && n < STEPS; n++)
        step(&x, fuzz_u8(&in), &in);
    finish(&x, server_first & 1);
    observer_finish(x.watch.o);
    fuzz_memory_stop(1 << 18, 64, size);
    check(&x);
    if (x.ends[OBSERVER_CLIENT].end.ok && x.ends[OBSERVER_SERVER].end.ok)
        kept_add(data, size);
    take_down(&x);
    params_fini(&p);
    return 0;
}
