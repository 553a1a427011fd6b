/* observer_view.c - who may have known what: the order of messages under crossing.
 *
 * A side's sight is a step: what it is doing, which tells the state in which its peer will read
 * what it sends next. Reading moves it on, sending too. Since nobody knows how much of what was
 * seen on the wire a side had read when it sent, all ways are followed at once, and a message is
 * illegal only if it is so on each of them. Legality itself is the table's first column. */
#include "impl/wire/observer_core.h"
#include "impl/wire/state.h"
#include "impl/wire/table.h"

#include <assert.h>

enum step {
    /* a client */
    C_CONNECTED, /* the cookie is due */
    C_START,
    C_PARAM_DUE, /* 09 read */
    C_PARAM,
    C_CREATE,
    C_TSTART,
    C_RUN,
    C_END,
    C_RESULTS_DUE, /* 0d read */
    C_RESULTS,
    C_XCHG,
    C_SHOWN,  /* 0e read: 10 is due */
    C_FAILED, /* it read what ends a session: it may say 10 (CLOSE-9) */
    C_OVER,   /* it sent 10 or 0c */
    /* a server */
    S_ACCEPTED, /* the cookie is awaited */
    S_COOKIE,   /* 09 is due */
    S_PARAMS,
    S_JUDGE, /* parameters read: 0a is due */
    S_CREATE,
    S_TSTART, /* 02 is due */
    S_RUN,
    S_END, /* 04 read: 0d is due */
    S_RESULTS,
    S_GOT,  /* results read: its own are due */
    S_SENT, /* 0e is due */
    S_DISPLAY,
    S_OVER,  /* the client is gone or done; an error may still be told (ERR-6, ERR-7) */
    S_ENDED, /* it sent ff, fe or 0b */
    FREE,    /* the other side broke the rules first: everything goes */
    N_STEPS,
    NOWHERE
};

#define NOBODY MACHINE_OVER

static const struct sight {
    enum machine_state peer; /* that reads what is sent in this step */
    const char *expected;    /* for people */
} sights[N_STEPS] = {
    [C_CONNECTED] = {SRV_COOKIE,  "the cookie"                         },
    [C_START] = {SRV_PARAMS,  "nothing before 09"                  },
    [C_PARAM_DUE] = {SRV_PARAMS,  "the parameters"                     },
    [C_PARAM] = {SRV_CREATE,  "nothing before 0a"                  },
    [C_CREATE] = {SRV_CREATE,  "streams, then 04"                   },
    [C_TSTART] = {SRV_RUN,     "04"                                 },
    [C_RUN] = {SRV_RUN,     "04"                                 },
    [C_END] = {SRV_RESULTS, "nothing before 0d"                  },
    [C_RESULTS_DUE] = {SRV_RESULTS, "the client's results"               },
    [C_RESULTS] = {SRV_DISPLAY, "nothing before 0e"                  },
    [C_XCHG] = {SRV_DISPLAY, "nothing before 0e"                  },
    [C_SHOWN] = {SRV_DISPLAY, "10"                                 },
    [C_FAILED] = {NOBODY,      "10, or nothing"                     },
    [C_OVER] = {NOBODY,      "nothing more"                       },
    [S_ACCEPTED] = {NOBODY,      "nothing before the cookie"          },
    [S_COOKIE] = {CLI_START,   "09"                                 },
    [S_PARAMS] = {CLI_PARAM,   "nothing before the parameters"      },
    [S_JUDGE] = {CLI_PARAM,   "0a"                                 },
    [S_CREATE] = {CLI_CREATE,  "01"                                 },
    [S_TSTART] = {CLI_TSTART,  "02"                                 },
    [S_RUN] = {CLI_RUN,     "nothing before 04"                  },
    [S_END] = {CLI_END,     "0d"                                 },
    [S_RESULTS] = {CLI_RESULTS, "nothing before the client's results"},
    [S_GOT] = {CLI_RESULTS, "the server's results"               },
    [S_SENT] = {CLI_XCHG,    "0e"                                 },
    [S_DISPLAY] = {NOBODY,      "nothing before 10"                  },
    [S_OVER] = {NOBODY,      "nothing, or an error"               },
    [S_ENDED] = {NOBODY,      "nothing more"                       },
    [FREE] = {NOBODY,      "anything"                           },
};

struct move {
    enum step from;
    int message;
    enum step to;
};

static enum step find(const struct move *moves, size_t n, enum step from, int message)
{
    for (size_t i = 0; i < n; i++)
        if (moves[i].from == from && moves[i].message == message)
            return moves[i].to;
    return NOWHERE;
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct move reads[] = {
    {C_START,    PARAM_EXCHANGE,   C_PARAM_DUE  },
    {C_PARAM,    CREATE_STREAMS,   C_CREATE     },
    {C_CREATE,   TEST_START,       C_TSTART     },
    {C_TSTART,   TEST_RUNNING,     C_RUN        },
    {C_END,      TEST_START,       C_END        }, /* crossing with a 04 in CREATE (FLOW-12) */
    {C_END,      TEST_RUNNING,     C_END        },
    {C_END,      EXCHANGE_RESULTS, C_RESULTS_DUE},
    {C_RESULTS,  VIEW_JSON,        C_XCHG       },
    {C_XCHG,     DISPLAY_RESULTS,  C_SHOWN      },
    {S_ACCEPTED, VIEW_COOKIE,      S_COOKIE     },
    {S_ACCEPTED, VIEW_END,         FREE         }, /* a short cookie: up to 3.14 taken as one (CTL-7) */
    {S_ACCEPTED, VIEW_RESET,       FREE         },
    {S_PARAMS,   VIEW_JSON,        S_JUDGE      },
    {S_CREATE,   TEST_END,         S_END        },
    {S_RUN,      TEST_END,         S_END        },
    {S_DISPLAY,  TEST_END,         S_END        },
    {S_RESULTS,  VIEW_JSON,        S_GOT        },
};

static bool is_due(enum step step)
{
    return step == S_COOKIE || step == S_JUDGE || step == S_TSTART || step == S_END ||
           step == S_GOT || step == S_SENT;
}

/* A message that ends the session for its reader, in whatever state; in a reading state of the
 * server's it is read as part of the item, which then never comes. */
static bool is_last(int message)
{
    return message == VIEW_END || message == VIEW_RESET || message == SERVER_TERMINATE ||
           message == SERVER_ERROR || message == ACCESS_DENIED || message == CLIENT_TERMINATE ||
           message == IPERF_DONE;
}

/* Where reading leads; NOWHERE: the side does not read now, it has something to send first. */
static enum step after_reading(enum step step, int message)
{
    enum step to = find(reads, ARRAY_LEN(reads), step, message);

    if (to != NOWHERE)
        return to;
    if (step == FREE || step == C_OVER || step == C_FAILED || step == S_OVER || step == S_ENDED)
        return step;
    if (is_due(step))
        return NOWHERE;
    if (is_last(message))
        return step < S_ACCEPTED ? C_FAILED : S_OVER;
    return FREE; /* the other side's fault */
}

/* --- sending ---------------------------------------------------------------------------------- */

static const struct move sends[] = {
    {C_CONNECTED,   VIEW_COOKIE,      C_START  },
    {C_PARAM_DUE,   VIEW_JSON,        C_PARAM  },
    {C_CREATE,      TEST_END,         C_END    },
    {C_TSTART,      TEST_END,         C_END    },
    {C_RUN,         TEST_END,         C_END    },
    {C_SHOWN,       TEST_END,         C_END    },
    {C_RESULTS_DUE, VIEW_JSON,        C_RESULTS},
    {C_FAILED,      IPERF_DONE,       C_OVER   },
    {S_COOKIE,      PARAM_EXCHANGE,   S_PARAMS },
    {S_JUDGE,       CREATE_STREAMS,   S_CREATE },
    {S_CREATE,      TEST_START,       S_TSTART },
    {S_TSTART,      TEST_RUNNING,     S_RUN    },
    {S_END,         EXCHANGE_RESULTS, S_RESULTS},
    {S_GOT,         VIEW_JSON,        S_SENT   },
    {S_SENT,        DISPLAY_RESULTS,  S_DISPLAY},
};

static bool is_client(enum step step)
{
    return step < S_ACCEPTED;
}

/* The event that the message is to its reader. */
static unsigned event_of(enum step step, int message)
{
    if (is_client(step)) {
        if (message == VIEW_JSON)
            return sights[step].peer == SRV_PARAMS ? SEV_ACCEPTED : SEV_ITEM;
        return message == VIEW_COOKIE ? SEV_ITEM : table_server_byte((int8_t)message);
    }
    return message == VIEW_JSON ? CEV_RESULTS : table_client_byte((int8_t)message);
}

const char *view_never_sends(enum observer_side side, int message)
{
    if (message >= VIEW_COOKIE)
        return NULL;
    if (state_name((int8_t)message) == NULL ||
        (!state_is_sent_by_client((int8_t)message) && !state_is_sent_by_server((int8_t)message)))
        return "ST-2";
    if (side == OBSERVER_CLIENT && message == TEST_START)
        return "ST-6.n";
    bool may = side == OBSERVER_CLIENT ? state_is_sent_by_client((int8_t)message)
                                       : state_is_sent_by_server((int8_t)message);
    return may ? NULL : "ST-1";
}

/* The clause for a message that is legal for its reader but comes before its sender could know
 * that. */
static const char *too_early(enum step step, int message)
{
    switch (step) {
    case C_END:
        return "FLOW-13";
    case S_ACCEPTED:
        return "CTL-8";
    case S_PARAMS:
        return message == CREATE_STREAMS ? "FLOW-3" : "FLOW-1";
    case S_RESULTS:
        return message == VIEW_JSON ? "FLOW-8" : "FLOW-1";
    case S_TSTART:
        return "FLOW-4";
    case S_SENT:
        return "FLOW-9";
    default:
        return "FLOW-1";
    }
}

/* What ends the session from this side's point of view, and may be said while the peer's word is
 * awaited: 10 and 0c; ff, fe and 0b. */
static bool is_own_end(enum step step, int message)
{
    if (is_client(step))
        return message == IPERF_DONE || message == CLIENT_TERMINATE;
    return message == ACCESS_DENIED || message == SERVER_ERROR || message == SERVER_TERMINATE;
}

/* With nobody there to read it in a known state. */
static const char *forbidden_at_the_end(enum step step, int message)
{
    if (step == C_FAILED || step == S_ACCEPTED)
        return is_own_end(step, message) ? NULL : too_early(step, message);
    if (step == C_OVER || step == S_ENDED || message == ACCESS_DENIED)
        return message == ACCESS_DENIED ? "CLOSE-1" : "FLOW-1";
    return is_own_end(step, message) ? NULL : "FLOW-1";
}

/* Why the message may not be sent in that step; NULL if it may. */
static const char *forbidden(enum step step, int message)
{
    const struct sight *sight = &sights[step];
    /* That says more than the table's cell, which may speak of the item that the byte falls into.
     */
    const char *clause =
        view_never_sends(is_client(step) ? OBSERVER_CLIENT : OBSERVER_SERVER, message);

    if (clause != NULL)
        return clause;
    if (sight->peer == NOBODY)
        return forbidden_at_the_end(step, message);
    clause = table_cell(sight->peer, event_of(step, message))->forbidden;
    if (is_own_end(step, message))
        return clause;
    bool is_its_turn = find(sends, ARRAY_LEN(sends), step, message) != NOWHERE;
    if (clause == NULL)
        return is_its_turn ? NULL : too_early(step, message);
    /* 02 and 0e are owed at once: that says more than what else is out of place. */
    return step == S_TSTART || step == S_SENT ? too_early(step, message) : clause;
}

static enum step after_sending(enum step step, int message)
{
    enum step to = find(sends, ARRAY_LEN(sends), step, message);

    if (to != NOWHERE)
        return to;
    return is_client(step) ? C_OVER : S_ENDED;
}

/* --- ways ------------------------------------------------------------------------------------- */

void view_init(struct view *v, enum observer_side of)
{
    v->of = of;
    v->n_ways = 1;
    v->ways[0] = (struct view_way){of == OBSERVER_CLIENT ? C_CONNECTED : S_ACCEPTED, 0};
    v->n_log = 0;
}

void view_give_up(struct view *v)
{
    v->n_ways = 0;
}

/* Add a way, once; false if there is no room. */
static bool add(struct view_way ways[VIEW_SETS], unsigned *n, enum step step, unsigned n_read)
{
    for (unsigned i = 0; i < *n; i++)
        if (ways[i].step == step && ways[i].n_read == n_read)
            return true;
    if (*n == VIEW_SETS)
        return false;
    ways[(*n)++] = (struct view_way){(uint8_t)step, (uint16_t)n_read};
    return true;
}

/* All ways that reading opens, those before included. */
static bool read_on(struct view *v, const struct view *other)
{
    for (unsigned i = 0; i < v->n_ways; i++) {
        unsigned n_read = v->ways[i].n_read;
        if (n_read == other->n_log)
            continue;
        enum step to = after_reading((enum step)v->ways[i].step, other->log[n_read]);
        if (to != NOWHERE && !add(v->ways, &v->n_ways, to, n_read + 1))
            return false;
    }
    return true;
}

static bool put(struct view *v, int message)
{
    if (v->n_log == VIEW_LOG)
        return false;
    v->log[v->n_log++] = message;
    return true;
}

/* The way that has read the most: the likeliest, for the words of a verdict. */
static enum step likeliest(const struct view *v)
{
    const struct view_way *best = &v->ways[0];

    for (unsigned i = 1; i < v->n_ways; i++)
        if (v->ways[i].n_read >= best->n_read)
            best = &v->ways[i];
    return (enum step)best->step;
}

/* Narrow v to the ways on which message may be sent. */
static void send_on(struct view *v, int message)
{
    struct view_way ways[VIEW_SETS];
    unsigned n = 0;

    for (unsigned i = 0; i < v->n_ways; i++) {
        enum step step = (enum step)v->ways[i].step;
        if (step == FREE)
            add(ways, &n, FREE, v->ways[i].n_read);
        else if (message == VIEW_END || message == VIEW_RESET) /* anyone may close */
            add(ways, &n, step, v->ways[i].n_read);
        else if (forbidden(step, message) == NULL)
            add(ways, &n, after_sending(step, message), v->ways[i].n_read);
    }
    for (unsigned i = 0; i < n; i++)
        v->ways[i] = ways[i];
    v->n_ways = n;
}

bool view_send(struct view *v, const struct view *other, int message, const char **clause,
               const char **expected)
{
    bool judged = v->n_ways > 0;

    if (judged && !read_on(v, other)) {
        view_give_up(v); /* too many ways to follow: nothing can be said */
        judged = false;
    }
    if (judged) {
        enum step step = likeliest(v);
        send_on(v, message);
        if (v->n_ways == 0) {
            *clause = forbidden(step, message);
            *expected = sights[step].expected;
            put(v, VIEW_ILLEGAL);
            return false;
        }
    }
    if (!put(v, message))
        view_give_up(v);
    return true;
}
