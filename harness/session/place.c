/* place.c - where the subject is in its table. */
#include "harness/session/place.h"

#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <string.h>

bool session_is_of(const struct session_message *m, const char *who)
{
    return m->stream == 0 && strcmp(m->who, who) == 0;
}

static enum machine_state server_moves(enum machine_state state, const struct session_message *m)
{
    bool ours = m->from == SESSION_US;

    if (m->kind == SESSION_COOKIE && ours && m->body.len == COOKIE_LEN)
        return SRV_PARAMS;
    if (m->kind == SESSION_JSON && ours && state == SRV_RESULTS)
        return SRV_DISPLAY;
    if (m->kind != SESSION_STATE)
        return state;
    if (!ours && m->state == CREATE_STREAMS)
        return SRV_CREATE;
    if (!ours && (m->state == TEST_START || m->state == TEST_RUNNING))
        return SRV_RUN;
    if ((ours && m->state == TEST_END) || (!ours && m->state == EXCHANGE_RESULTS))
        return SRV_RESULTS;
    return ours && m->state == IPERF_DONE ? MACHINE_OVER : state;
}

static enum machine_state client_moves(enum machine_state state, const struct session_message *m)
{
    static const struct {
        int8_t byte;
        enum machine_state next;
    } moves[] = {
        {PARAM_EXCHANGE,   CLI_PARAM   },
        {CREATE_STREAMS,   CLI_CREATE  },
        {TEST_START,       CLI_TSTART  },
        {TEST_RUNNING,     CLI_RUN     },
        {EXCHANGE_RESULTS, CLI_RESULTS },
        {DISPLAY_RESULTS,  MACHINE_OVER},
    };

    if (m->from != SESSION_US)
        return m->kind == SESSION_STATE && m->state == TEST_END ? CLI_END : state;
    if (m->kind == SESSION_JSON && state == CLI_RESULTS)
        return CLI_XCHG;
    for (size_t i = 0; m->kind == SESSION_STATE && i < ARRAY_LEN(moves); i++)
        if (moves[i].byte == m->state)
            return moves[i].next;
    return state;
}

enum machine_state session_moves(const struct session *s, enum machine_state state,
                                 const struct session_message *m)
{
    return s->we_serve ? client_moves(state, m) : server_moves(state, m);
}

enum machine_state session_place(const struct session *s, const char *who, size_t at)
{
    enum machine_state state = s->we_serve ? CLI_START : SRV_COOKIE;

    for (size_t i = 0; i < at; i++)
        if (session_is_of(&s->messages[i], who))
            state = session_moves(s, state, &s->messages[i]);
    return state;
}
