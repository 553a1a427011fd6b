/* shell.h - an honest shell around a machine, in memory: it carries every action out, and aborts on
 * one that is out of order. The peer's bytes and all that happens come from the target. */
#pragma once
#include "fuzz/fuzz.h"

#include "impl/wire/account.h"
#include "impl/wire/clause.h"
#include "impl/wire/ierr.h"
#include "impl/wire/machine.h"
#include "impl/wire/observer.h"
#include "impl/wire/table.h"

#define SHELL_ACTIONS 8 /* no input makes more */

struct shell {
    struct machine *m;
    enum machine_role role;
    uint64_t now_ns;
    bool is_slow;           /* questions are answered by shell_answer() only */
    bool refuses;           /* tokens are bad, streams cannot be prepared */
    bool has_eof;           /* the peer's end, behind unread */
    int asked;              /* the question that is open: enum machine_action_kind, or -1 */
    struct fuzz_log out;    /* sent, not taken yet */
    struct fuzz_log unread; /* the peer's, while the machine waits for an answer */
    struct fuzz_log did;    /* every action, in order */
    unsigned n_done[MACHINE_END + 1];
    unsigned n_streams, n_up;
    enum machine_state state; /* before the input that is being carried out */
    enum machine_state last;  /* the state in which the session ended */
    struct machine_end end;
};

static inline void shell_init(struct shell *s, const struct machine_config *config)
{
    *s = (struct shell){.role = config->role, .now_ns = 1000, .asked = -1};
    s->m = machine_new(config);
    if (s->m == NULL)
        abort();
    s->state = machine_state(s->m);
}

static inline void shell_fini(struct shell *s)
{
    machine_free(s->m);
    fuzz_log_fini(&s->out);
    fuzz_log_fini(&s->unread);
    fuzz_log_fini(&s->did);
}

static inline enum observer_side shell_side(const struct shell *s)
{
    return s->role == MACHINE_CLIENT ? OBSERVER_CLIENT : OBSERVER_SERVER;
}

static inline bool shell_is_over(const struct shell *s)
{
    return s->n_done[MACHINE_END] > 0;
}

/* --- actions -----------------------------------------------------------------------------------
 */

static inline void shell_check_order(const struct shell *s, const struct machine_action *action)
{
    const unsigned *n = s->n_done;
    unsigned n_opened = n[MACHINE_ACCEPT] + n[MACHINE_OPEN];

    FUZZ_CHECK(n[MACHINE_END] == 0, "action %d behind the end", action->kind);
    switch (action->kind) {
    case MACHINE_ACCEPT:
    case MACHINE_OPEN:
        FUZZ_CHECK(n_opened == 0 && action->n >= 1 && action->n <= 256, "%u streams", action->n);
        break;
    case MACHINE_INIT:
        FUZZ_CHECK(n_opened == 1 && n[MACHINE_INIT] == 0 && s->n_up == s->n_streams, "%u of %u up",
                   s->n_up, s->n_streams);
        break;
    case MACHINE_RUN:
        FUZZ_CHECK(n[MACHINE_INIT] == 1 && n[MACHINE_RUN] == 0, "run");
        break;
    case MACHINE_CLOSE_STREAMS:
        FUZZ_CHECK(n_opened == 1 && n[MACHINE_CLOSE_STREAMS] == 0, "streams closed");
        break;
    case MACHINE_REPORT:
        FUZZ_CHECK(n[MACHINE_REPORT] == 0, "a second report");
        break;
    case MACHINE_SEND:
        FUZZ_CHECK(action->bytes.len > 0, "nothing to send");
        break;
    case MACHINE_END:
        FUZZ_CHECK(n_opened == n[MACHINE_CLOSE_STREAMS], "streams left open");
        FUZZ_CHECK(action->end.clause != NULL && clause_find(action->end.clause) != NULL, "%s",
                   action->end.clause);
        FUZZ_CHECK(!action->end.ok || !action->end.peer_said, "a good end with an error");
        break;
    default:
        break;
    }
}

/* Results as this end makes them: an entry per stream. */
static inline void shell_pack(struct shell *s)
{
    struct results r;

    results_init(&r);
    if (results_set_streams(&r, s->n_streams) != SPEC_OK)
        abort();
    r.sender_has_retransmits = -1;
    for (unsigned i = 0; i < s->n_streams; i++) {
        r.streams[i].id = account_stream_id(i);
        r.streams[i].retransmits = -1;
    }
    machine_results(s->m, s->now_ns, &r);
    results_fini(&r);
}

static inline void shell_act(struct shell *s, const struct machine_action *action)
{
    shell_check_order(s, action);
    s->n_done[action->kind]++;
    fuzz_note_u64(&s->did, (uint64_t)action->kind << 32 | action->n);
    switch (action->kind) {
    case MACHINE_SEND:
        fuzz_note(&s->did, action->bytes.at, action->bytes.len);
        fuzz_note(&s->out, action->bytes.at, action->bytes.len);
        break;
    case MACHINE_ACCEPT:
    case MACHINE_OPEN:
        s->n_streams = action->n;
        break;
    case MACHINE_AUTHORIZE:
    case MACHINE_PREPARE:
    case MACHINE_PACK:
        s->asked = (int)action->kind;
        break;
    case MACHINE_END:
        s->end = action->end;
        s->last = s->state;
        fuzz_note_u64(&s->did,
                      (uint64_t)(uint32_t)action->end.ierr << 32 | (uint32_t)action->end.os_errno);
        fuzz_note(&s->did, action->end.clause, strlen(action->end.clause));
        break;
    default:
        break;
    }
}

static inline void shell_drain(struct shell *s)
{
    struct machine_action action;
    unsigned n = 0;

    while (machine_next(s->m, &action)) {
        FUZZ_CHECK(++n <= SHELL_ACTIONS, "%u actions for one input", n);
        shell_act(s, &action);
    }
    if (shell_is_over(s)) {
        s->asked = -1;
        FUZZ_CHECK(machine_state(s->m) == MACHINE_OVER && machine_deadline(s->m) == UINT64_MAX,
                   "not over after its end");
    }
    FUZZ_CHECK(machine_is_waiting(s->m) == (s->asked >= 0), "question %d", s->asked);
    s->state = machine_state(s->m);
}

/* --- inputs ------------------------------------------------------------------------------------
 */

/* Answer the open question, if there is one. */
static inline void shell_answer(struct shell *s)
{
    int asked = s->asked;

    s->asked = -1;
    if (asked == MACHINE_AUTHORIZE)
        machine_authorized(s->m, s->now_ns, !s->refuses);
    else if (asked == MACHINE_PREPARE)
        machine_prepared(s->m, s->now_ns, s->refuses ? IESTREAMLISTEN : 0, s->refuses ? 98 : 0);
    else if (asked == MACHINE_PACK)
        shell_pack(s);
    else
        return;
    shell_drain(s);
}

static inline void shell_settle(struct shell *s)
{
    shell_drain(s);
    while (!s->is_slow && s->asked >= 0)
        shell_answer(s);
}

/* Bytes from the peer, as far as the machine takes them in one go; in is moved past those. */
static inline void shell_bytes(struct shell *s, struct bytes *in)
{
    size_t before = in->len;
    bool was_waiting = machine_is_waiting(s->m);

    machine_bytes(s->m, s->now_ns, in);
    FUZZ_CHECK(in->len <= before && (in->len < before) == !was_waiting, "%zu of %zu taken",
               before - in->len, before);
}

static inline void shell_stream_up(struct shell *s)
{
    s->n_up += s->n_up < s->n_streams;
    machine_stream_up(s->m, s->now_ns);
    shell_settle(s);
}

static inline void shell_tick(struct shell *s)
{
    uint64_t due = machine_deadline(s->m);

    if (due == UINT64_MAX)
        return;
    s->now_ns = MAX(s->now_ns, due);
    machine_tick(s->m, s->now_ns);
    FUZZ_CHECK(machine_deadline(s->m) > s->now_ns, "due again at once");
    shell_settle(s);
}

/* --- whose fault --------------------------------------------------------------------------------
 */

/* Whether the session ended by something that the table forbids the peer. Cells of one clause that
 * disagree on that are not held against it. */
static inline bool shell_blames_peer(const struct shell *s)
{
    bool blames = false;

    if (!shell_is_over(s) || s->last >= MACHINE_OVER)
        return false;
    for (unsigned event = 0; event < table_n_events(s->role); event++) {
        const struct table_cell *cell = table_cell(s->last, event);
        if (cell->next != MACHINE_OVER || strcmp(cell->clause, s->end.clause) != 0)
            continue;
        bool is_silence = s->role == MACHINE_CLIENT && event == CEV_ERROR_SILENCE;
        if (cell->forbidden == NULL || is_silence) /* time is not the observer's to judge */
            return false;
        blames = true;
    }
    return blames;
}
