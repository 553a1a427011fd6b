/* machine.c - the part of a session that both roles share: queue, timers, inputs.
 *
 * What a server or a client does about an event is in machine_server.c and machine_client.c, after
 * the table. */
#include "impl/wire/machine.h"

#include "impl/wire/account.h"
#include "impl/wire/json.h"
#include "impl/wire/machine_core.h"
#include "impl/wire/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS UINT64_C(1000000000)

/* Ours: a client's results hold no output (RES-7), and reading millions of values would keep a
 * server from its other tests. RESULTS_STREAMS_LIMIT entries have a third of it. */
#define CLIENT_VALUES_MAX (128u << 10)

void machine_config_init(struct machine_config *config, enum machine_role role)
{
    *config = (struct machine_config){
        .role = role,
        .item_timeout_ns = 10 * SECONDS, /* TMO-1, TMO-3 */
        .rcv_timeout_ns = 120 * SECONDS, /* TMO-4 */
        .streams_timeout_ns = 120 * SECONDS,
        .finish_timeout_ns = 120 * SECONDS,
        .grace_ns = 40 * SECONDS, /* TMO-8, 3.7+ */
    };
}

struct machine *machine_new(const struct machine_config *config)
{
    struct machine *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->config = *config;
    m->state = config->role == MACHINE_SERVER ? SRV_COOKIE : CLI_START;
    for (int timer = 0; timer < N_TIMERS; timer++)
        m->at_ns[timer] = UINT64_MAX;
    frame_init(&m->dec);
    params_init(&m->params);
    results_init(&m->peer_results);
    return m;
}

void machine_free(struct machine *m)
{
    if (m == NULL)
        return;
    frame_fini(&m->dec);
    params_fini(&m->params);
    results_fini(&m->peer_results);
    free(m->message);
    free(m);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void queue(struct machine *m, const struct machine_action *action)
{
    assert(m->n_queued < MACHINE_QUEUE);
    m->queue[m->n_queued++] = *action;
}

void machine_do(struct machine *m, enum machine_action_kind kind, unsigned n)
{
    queue(m, &(struct machine_action){.kind = kind, .n = n});
}

void machine_send(struct machine *m, const void *bytes, size_t len)
{
    uint8_t *at = m->scratch + m->scratch_len;

    assert(m->scratch_len + len <= sizeof m->scratch);
    memcpy(at, bytes, len);
    m->scratch_len += len;
    queue(m, &(struct machine_action){
                 .kind = MACHINE_SEND, .bytes = {at, len}
    });
}

void machine_send_state(struct machine *m, int8_t state)
{
    machine_send(m, &state, 1);
}

enum spec_err machine_send_json(struct machine *m, struct jwrite *w, size_t limit)
{
    struct bytes text;
    enum spec_err err = jwrite_finish(w, &text);
    uint8_t *message = NULL;

    if (err == SPEC_OK && text.len > limit)
        err = SPEC_E_LENGTH;
    if (err == SPEC_OK && (message = malloc(text.len + 4)) == NULL)
        err = SPEC_E_NOMEM;
    if (err == SPEC_OK) {
        frame_put_json_length(message, text.len);
        memcpy(message + 4, text.at, text.len);
        free(m->message);
        m->message = message;
        queue(m, &(struct machine_action){
                     .kind = MACHINE_SEND, .bytes = {message, text.len + 4}
        });
    }
    jwrite_fini(w);
    return err;
}

void machine_close_streams(struct machine *m)
{
    if (m->streams_open)
        machine_do(m, MACHINE_CLOSE_STREAMS, 0);
    m->streams_open = false;
}

void machine_finish(struct machine *m, const struct machine_end *end)
{
    queue(m, &(struct machine_action){.kind = MACHINE_END, .end = *end});
    m->state = MACHINE_OVER;
    m->waiting = WAITING_NOT;
    for (int timer = 0; timer < N_TIMERS; timer++)
        m->at_ns[timer] = UINT64_MAX;
}

bool machine_next(struct machine *m, struct machine_action *action)
{
    if (m->n_taken == m->n_queued)
        return false;
    *action = m->queue[m->n_taken++];
    return true;
}

/* --- time ------------------------------------------------------------------------------------- */

void machine_set_timer(struct machine *m, enum machine_timer timer, uint64_t after_ns)
{
    m->at_ns[timer] =
        after_ns == 0 || after_ns > UINT64_MAX - m->now_ns ? UINT64_MAX : m->now_ns + after_ns;
}

void machine_stop_timer(struct machine *m, enum machine_timer timer)
{
    m->at_ns[timer] = UINT64_MAX;
}

bool machine_receives(const struct machine *m, const struct params *params)
{
    return params->bidirectional || params->reverse == (m->config.role == MACHINE_CLIENT);
}

uint64_t machine_deadline(const struct machine *m)
{
    uint64_t first = UINT64_MAX;

    for (int timer = 0; timer < N_TIMERS; timer++)
        first = MIN(first, m->at_ns[timer]);
    return first;
}

/* --- inputs ----------------------------------------------------------------------------------- */

/* Every input begins here: false if the session is over. What the queue lent out is taken back, if
 * the shell has taken all of it. */
static bool begin(struct machine *m, uint64_t now_ns)
{
    if (m->state == MACHINE_OVER)
        return false;
    if (m->n_taken == m->n_queued)
        m->n_taken = m->n_queued = 0, m->scratch_len = 0;
    m->now_ns = now_ns;
    return true;
}

static bool is_server(const struct machine *m)
{
    return m->config.role == MACHINE_SERVER;
}

static void end_of_peer(struct machine *m)
{
    m->eof_due = false;
    if (is_server(m))
        machine_server_event(m, SEV_EOF, 0, 0);
    else
        machine_client_eof(m);
}

/* After an answer of the shell's: the end of the connection may have waited for it. */
static void answered(struct machine *m)
{
    if (m->eof_due && m->waiting == WAITING_NOT && m->state != MACHINE_OVER)
        end_of_peer(m);
}

void machine_start(struct machine *m, uint64_t now_ns)
{
    if (!begin(m, now_ns))
        return;
    if (is_server(m)) {
        machine_set_timer(m, TIMER_ITEM, m->config.item_timeout_ns);
        return;
    }
    memcpy(m->cookie, m->config.cookie, COOKIE_LEN);
    m->has_cookie = true;
    machine_send(m, m->cookie, COOKIE_LEN);
    frame_expect(&m->dec, FRAME_STATE, 0);
}

void machine_bytes(struct machine *m, uint64_t now_ns, struct bytes *in)
{
    if (!begin(m, now_ns)) {
        *in = (struct bytes){in->at + in->len, 0};
        return;
    }
    if (m->waiting != WAITING_NOT || in->len == 0)
        return;
    if (is_server(m))
        machine_server_bytes(m, in);
    else
        machine_client_bytes(m, in);
}

void machine_eof(struct machine *m, uint64_t now_ns)
{
    if (!begin(m, now_ns))
        return;
    if (m->waiting != WAITING_NOT)
        m->eof_due = true;
    else
        end_of_peer(m);
}

void machine_reset(struct machine *m, uint64_t now_ns, int os_errno)
{
    if (!begin(m, now_ns))
        return;
    if (is_server(m))
        machine_server_event(m, SEV_RESET, 0, os_errno);
    else
        machine_client_reset(m, os_errno);
}

void machine_failed(struct machine *m, uint64_t now_ns, int ierr, int os_errno)
{
    if (!begin(m, now_ns))
        return;
    if (is_server(m))
        machine_server_event(m, SEV_OWN_FAILURE, ierr, os_errno);
    else
        machine_client_failed(m, ierr, os_errno);
}

void machine_terminate(struct machine *m, uint64_t now_ns)
{
    if (!begin(m, now_ns))
        return;
    if (is_server(m))
        machine_server_event(m, SEV_SIGNAL, 0, 0);
    else
        machine_client_event(m, CEV_SIGNAL, 0, 0);
}

void machine_test_over(struct machine *m, uint64_t now_ns)
{
    if (!begin(m, now_ns) || is_server(m) || m->run_due || m->reading_error) /* ERR-4 */
        return;
    machine_client_event(m, CEV_TEST_OVER, 0, 0);
}

void machine_tick(struct machine *m, uint64_t now_ns)
{
    if (!begin(m, now_ns))
        return;
    for (int timer = 0; timer < N_TIMERS && m->state != MACHINE_OVER; timer++) {
        if (m->at_ns[timer] > now_ns)
            continue;
        m->at_ns[timer] = UINT64_MAX;
        if (is_server(m))
            machine_server_timer(m, (enum machine_timer)timer);
        else
            machine_client_timer(m, (enum machine_timer)timer);
    }
}

void machine_progress(struct machine *m, uint64_t at_ns)
{
    uint64_t timeout = m->config.rcv_timeout_ns;

    if (m->at_ns[TIMER_RCV] != UINT64_MAX && at_ns <= UINT64_MAX - timeout)
        m->at_ns[TIMER_RCV] = MAX(m->at_ns[TIMER_RCV], at_ns + timeout);
}

void machine_authorized(struct machine *m, uint64_t now_ns, bool ok)
{
    if (!begin(m, now_ns) || m->waiting != WAITING_AUTHORIZED)
        return;
    machine_server_authorized(m, ok);
    answered(m);
}

void machine_prepared(struct machine *m, uint64_t now_ns, int ierr, int os_errno)
{
    if (!begin(m, now_ns) || m->waiting != WAITING_PREPARED)
        return;
    m->waiting = WAITING_NOT;
    if (ierr != 0)
        machine_server_event(m, SEV_OWN_FAILURE, ierr, os_errno);
    else
        machine_server_event(m, SEV_ACCEPTED, 0, 0);
    answered(m);
}

void machine_results(struct machine *m, uint64_t now_ns, const struct results *r)
{
    if (!begin(m, now_ns) || m->waiting != WAITING_RESULTS)
        return;
    m->waiting = WAITING_NOT;
    if (is_server(m))
        machine_server_results(m, r);
    else
        machine_client_results(m, r);
    answered(m);
}

void machine_stream_up(struct machine *m, uint64_t now_ns)
{
    if (!begin(m, now_ns) || m->n_up >= m->n_streams)
        return;
    m->n_up++;
    if (!is_server(m))
        machine_client_stream_up(m);
    else if (m->n_up == m->n_streams)
        machine_server_event(m, SEV_STREAMS_UP, 0, 0);
}

/* --- what it knows ------------------------------------------------------------------------------
 */

enum spec_err machine_send_results(struct machine *m, const struct results *r)
{
    struct jwrite w;

    jwrite_init(&w, JWRITE_COMPACT);
    results_encode(r, &w);
    return machine_send_json(m, &w, UINT32_MAX);
}

enum spec_err machine_take_results(struct machine *m, struct bytes text)
{
    int64_t ids[MACHINE_STREAMS_MAX];
    unsigned n = MIN(m->n_streams, MACHINE_STREAMS_MAX);

    for (unsigned i = 0; i < n; i++)
        ids[i] = account_stream_id(i);
    if (m->has_results)
        results_fini(&m->peer_results);
    m->has_results = false;
    enum spec_err err = SPEC_E_NOMEM;
    if (m->config.role == MACHINE_CLIENT || json_count(text) <= CLIENT_VALUES_MAX)
        err = results_decode(text, ids, n, &m->peer_results, NULL);
    m->has_results = err == SPEC_OK;
    if (err != SPEC_OK)
        results_fini(&m->peer_results);
    return err;
}

enum machine_state machine_state(const struct machine *m)
{
    return m->state;
}

const char *machine_state_name(enum machine_state state)
{
    static const char *const names[] = {
#define X(name) [name] = &#name[4], /* without SRV_ or CLI_ */
        SERVER_STATES(X) CLIENT_STATES(X)
#undef X
            [MACHINE_OVER] = "OVER",
    };

    return (unsigned)state < MACHINE_N_STATES ? names[state] : "?";
}

bool machine_is_waiting(const struct machine *m)
{
    return m->waiting != WAITING_NOT;
}

const uint8_t *machine_cookie(const struct machine *m)
{
    return m->has_cookie ? m->cookie : NULL;
}

const struct params *machine_params(const struct machine *m)
{
    if (!is_server(m))
        return m->config.params;
    return m->has_params ? &m->params : NULL;
}

const struct results *machine_peer_results(const struct machine *m)
{
    return m->has_results ? &m->peer_results : NULL;
}
