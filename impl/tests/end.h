/* end.h - one end of a session in memory, for tests: a machine, and a shell that carries its
 * actions out at once and remembers them. */
#pragma once
#include "impl/tests/unit.h"
#include "impl/wire/account.h"
#include "impl/wire/machine.h"
#include "impl/wire/state.h"
#include "impl/wire/table.h"

#define END_CAP 65536

struct end {
    struct machine *m;
    uint64_t now_ns;
    uint8_t out[END_CAP]; /* what it sent and nobody took yet */
    size_t out_len;
    char did[256];      /* its actions, a letter each: see end_letter() */
    unsigned n_streams; /* asked for by ACCEPT or OPEN */
    bool answers;       /* AUTHORIZE, PREPARE, PACK are answered at once, streams come up at once */
    bool authorizes;
    struct machine_end end;
    unsigned n_ends;
};

static inline char end_letter(enum machine_action_kind kind)
{
    return "sAPaoirCRpE"[kind];
}

/* Results as this end would make them: one entry per stream, all counts zero. */
static inline void end_pack(struct end *e)
{
    struct results r;

    results_init(&r);
    if (results_set_streams(&r, e->n_streams) != SPEC_OK) {
        machine_failed(e->m, e->now_ns, 115, 12); /* IEPACKAGERESULTS, ENOMEM */
        return;
    }
    r.sender_has_retransmits = -1;
    for (unsigned i = 0; i < e->n_streams; i++) {
        r.streams[i].id = account_stream_id(i);
        r.streams[i].retransmits = -1;
    }
    machine_results(e->m, e->now_ns, &r);
    results_fini(&r);
}

static inline void end_answer(struct end *e, const struct machine_action *action)
{
    switch (action->kind) {
    case MACHINE_AUTHORIZE:
        machine_authorized(e->m, e->now_ns, e->authorizes);
        break;
    case MACHINE_PREPARE:
        machine_prepared(e->m, e->now_ns, 0, 0);
        break;
    case MACHINE_PACK:
        end_pack(e);
        break;
    case MACHINE_OPEN:
    case MACHINE_ACCEPT:
        break;
    default:
        break;
    }
}

/* Take all actions. */
static inline void end_drain(struct end *e)
{
    struct machine_action action;

    while (machine_next(e->m, &action)) {
        size_t n = strlen(e->did);
        assert_int_equal(e->n_ends, 0); /* nothing comes after MACHINE_END */
        assert_true(n + 1 < sizeof e->did);
        e->did[n] = end_letter(action.kind);
        e->did[n + 1] = '\0';
        if (action.kind == MACHINE_SEND) {
            assert_true(e->out_len + action.bytes.len <= sizeof e->out);
            memcpy(e->out + e->out_len, action.bytes.at, action.bytes.len);
            e->out_len += action.bytes.len;
        }
        if (action.kind == MACHINE_ACCEPT || action.kind == MACHINE_OPEN)
            e->n_streams = action.n;
        if (action.kind == MACHINE_END) {
            e->end = action.end;
            e->n_ends++;
        }
        if (e->answers)
            end_answer(e, &action);
    }
}

/* Hand bytes over, step at a time (0: all at once), taking actions in between. */
static inline void end_feed(struct end *e, struct bytes in, size_t step)
{
    while (in.len > 0) {
        struct bytes piece = {in.at, step == 0 ? in.len : MIN(step, in.len)};
        size_t given = piece.len;
        machine_bytes(e->m, e->now_ns, &piece);
        end_drain(e);
        in = (struct bytes){in.at + (given - piece.len), in.len - (given - piece.len)};
        if (piece.len == given && machine_is_waiting(e->m))
            return; /* it waits for the shell */
    }
}

static inline void end_streams_up(struct end *e)
{
    for (unsigned i = 0; i < e->n_streams; i++) {
        machine_stream_up(e->m, e->now_ns);
        end_drain(e);
    }
}

static inline void end_init(struct end *e, const struct machine_config *config)
{
    memset(e, 0, sizeof *e);
    e->answers = e->authorizes = true;
    e->now_ns = 1000;
    e->m = machine_new(config);
    assert_non_null(e->m);
}

static inline void end_fini(struct end *e)
{
    machine_free(e->m);
    e->m = NULL;
}
