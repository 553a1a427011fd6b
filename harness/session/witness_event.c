/* witness_event.c - what a message of ours is to the subject: which column of its table. */
#include "harness/session/witness_core.h"

#include "harness/session/place.h"
#include "impl/wire/account.h"
#include "impl/wire/frame.h"
#include "impl/wire/ierr.h"
#include "impl/wire/json.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"
#include "impl/wire/state.h"
#include "impl/wire/table.h"

#include <string.h>

#define STREAMS_MAX 512

bool witness_is_end(const struct session_message *m)
{
    return m->kind == SESSION_END || m->kind == SESSION_CLOSE;
}

/* --- texts ----------------------------------------------------------------------------------- */

/* The streams of the test, as the client's parameters on the connection say. */
static size_t stream_ids(const struct session *s, const char *who, size_t end, int64_t *ids)
{
    enum session_from client = s->we_serve ? SESSION_SUBJECT : SESSION_US;
    struct params params;
    size_t n = 0, i = 0;

    while (i < end && !(session_is_of(&s->messages[i], who) && s->messages[i].from == client &&
                        s->messages[i].kind == SESSION_JSON))
        i++;
    if (i == end)
        return 0;
    if (params_decode(s->messages[i].body, &params, NULL) == SPEC_OK)
        n = (size_t)MIN(MAX(params_n_streams(&params), 0), STREAMS_MAX);
    for (size_t k = 0; k < n; k++)
        ids[k] = account_stream_id((unsigned)k);
    params_fini(&params);
    return n;
}

/* Whether a member that may be absent is there, and of another type: which is as if it were not. */
static bool has_ill_typed(struct bytes body)
{
    static const struct {
        const char *key;
        enum json_type type;
    } optional[] = {
        {"congestion_used",    JSON_STRING},
        {"server_output_text", JSON_STRING},
        {"server_output_json", JSON_OBJECT},
    };
    json_value *tree = NULL;
    bool found = false;

    if (json_parse(body, &tree) == SPEC_OK)
        for (size_t i = 0; i < ARRAY_LEN(optional); i++) {
            const json_value *v = json_member(tree, optional[i].key);
            found |= v && json_type_of(v) != optional[i].type;
        }
    json_free(tree);
    return found;
}

/* SPEC_OK with the number of streams, SPEC_E_STREAM_ID, or that it cannot be used. */
static enum spec_err read_results(const struct session *s, size_t at, size_t *n_streams)
{
    const struct session_message *m = &s->messages[at];
    int64_t ids[STREAMS_MAX];
    size_t n = stream_ids(s, m->who, at, ids);
    struct results results;

    if (m->announced != m->body.len)
        return SPEC_E_JSON;
    enum spec_err err = results_decode(m->body, n ? ids : NULL, n, &results, NULL);
    *n_streams = results.n_streams;
    results_fini(&results);
    return err;
}

static bool is_json(const struct session_message *m)
{
    json_value *tree = NULL;
    bool ok = m->announced == m->body.len && json_parse(m->body, &tree) == SPEC_OK;

    json_free(tree);
    return ok;
}

/* --- events ---------------------------------------------------------------------------------- */

/* One byte of ours, whatever it was sent as. */
static bool is_byte(const struct session_message *m, int8_t *byte)
{
    bool raw = m->kind == SESSION_BYTES && m->body.len == 1;

    *byte = raw ? (int8_t)m->body.at[0] : m->state;
    return raw || m->kind == SESSION_STATE;
}

/* Whether a server has refused good parameters for a failure of its own (ERR-6): its sockets. */
static bool is_own_failure(const struct session_message *reply)
{
    static const int numbers[] = {IESETNODELAY, IESETMSS,  IESETBUF,       IEREUSEADDR,
                                  IEV6ONLY,     IESETBUF2, IESTREAMLISTEN, IESETCONGESTION};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (reply->ierr == numbers[i])
            return true;
    return false;
}

/* What our message is to a server; false: nothing that a single cell is about. */
static bool server_event(const struct session_message *m, enum machine_state state,
                         const struct session_message *reply, unsigned *event)
{
    bool waits_for_text = state == SRV_PARAMS || state == SRV_RESULTS;
    bool refused = reply && reply->kind == SESSION_ERROR;
    int8_t byte;

    if (witness_is_end(m) || m->kind == SESSION_RESET) {
        *event = m->kind == SESSION_RESET ? SEV_RESET : SEV_EOF;
        return true;
    }
    if (m->kind == SESSION_COOKIE && state == SRV_COOKIE && m->body.len == COOKIE_LEN)
        *event = SEV_ITEM;
    else if (m->kind == SESSION_JSON && waits_for_text && !is_json(m))
        *event = SEV_ILL_FORMED;
    else if (m->kind == SESSION_JSON && state == SRV_PARAMS)
        *event = !refused                    ? SEV_ACCEPTED
                 : reply->ierr == IEAUTHTEST ? SEV_AUTH_FAILED
                 : is_own_failure(reply)     ? SEV_OWN_FAILURE
                                             : SEV_REFUSED;
    else if (m->kind == SESSION_JSON && state == SRV_RESULTS)
        *event = refused ? SEV_REFUSED : SEV_ITEM;
    else if (is_byte(m, &byte))
        *event = table_server_byte(byte);
    else
        return false;
    return true;
}

/* fe and no more, then silence or the end. */
static unsigned bare_error(const struct session_message *behind)
{
    return behind && behind->from == SESSION_US && witness_is_end(behind) ? CEV_ERROR_BARE
                                                                          : CEV_ERROR_SILENCE;
}

static unsigned results_event(const struct session *s, size_t at)
{
    size_t n;
    enum spec_err err = read_results(s, at, &n);

    if (err == SPEC_E_STREAM_ID)
        return CEV_RESULTS_ID;
    return err != SPEC_OK                                  ? (unsigned)CEV_RESULTS_BAD
           : n == 0 || has_ill_typed(s->messages[at].body) ? (unsigned)CEV_RESULTS_ODD
                                                           : (unsigned)CEV_RESULTS;
}

static bool client_event(const struct session *s, size_t at, enum machine_state state,
                         const struct session_message *behind, unsigned *event)
{
    const struct session_message *m = &s->messages[at];
    int8_t byte;

    if (witness_is_end(m) || m->kind == SESSION_RESET)
        *event = m->kind == SESSION_RESET ? CEV_RESET : CEV_EOF;
    else if (m->kind == SESSION_ERROR)
        *event = m->n_ints == 2   ? (unsigned)CEV_SERVER_ERROR
                 : m->n_ints == 1 ? (unsigned)CEV_ERROR_ONE
                                  : bare_error(behind);
    else if (state == CLI_RESULTS && m->kind == SESSION_JSON)
        *event = results_event(s, at);
    else if (is_byte(m, &byte))
        *event = byte == SERVER_ERROR && state != CLI_RESULTS ? bare_error(behind)
                                                              : (unsigned)table_client_byte(byte);
    else
        return false;
    return true;
}

bool witness_event(const struct session *s, size_t at, enum machine_state state,
                   const struct session_message *behind, unsigned *event)
{
    return s->we_serve ? client_event(s, at, state, behind, event)
                       : server_event(&s->messages[at], state, behind, event);
}
