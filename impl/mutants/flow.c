/* flow.c - a message of the flow sent twice, never, too early, too late, or behind the next one. */
#include "impl/mutants/mutant.h"

#include "impl/net/chan.h"
#include "impl/wire/frame.h"
#include "impl/wire/state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum spec_err __real_chan_send(struct chan *c, struct bytes bytes);
enum spec_err __wrap_chan_send(struct chan *c, struct bytes bytes);

enum message {
    COOKIE,
    PARAMS,
    RESULTS,
    ERROR,
    STATE, /* and above: the state byte is message - STATE */
};

enum how { TWICE, NEVER, EARLY, LATE, SWAPPED, N_HOWS };
static const char *const how_words[] = {"twice", "never", "early", "late", "swapped"};

#define LATE_S 40 /* longer than anybody has to wait for what can come at once */

/* after: the message behind which EARLY sends it; -1: it cannot come earlier. Where one end's last
 * message of a test is concerned, none follows to be swapped with. */
static const struct {
    const char *name;
    int message, after;
    bool has_next;
    const char *clauses;
} messages[] = {
    {"cookie",           COOKIE,                         -1,                       true,  "CTL-1 FLOW-1"                      },
    {"params",           PARAMS,                         COOKIE,                   true,  "FLOW-1 PARAM-1"                    },
    {"results",          RESULTS,                        STATE + TEST_END,         true,  "FLOW-1 RES-1 FLOW-8 FLOW-9 FLOW-13"},
    {"PARAM_EXCHANGE",   STATE + PARAM_EXCHANGE,         -1,                       true,  "FLOW-1 FLOW-2"                     },
    {"CREATE_STREAMS",   STATE + CREATE_STREAMS,         STATE + PARAM_EXCHANGE,   true,  "FLOW-1 FLOW-3"                     },
    {"TEST_START",       STATE + TEST_START,             STATE + CREATE_STREAMS,   true,  "FLOW-1 FLOW-4"                     },
    {"TEST_RUNNING",     STATE + TEST_RUNNING,           STATE + CREATE_STREAMS,   true,  "FLOW-1 FLOW-4"                     },
    {"TEST_END",         STATE + TEST_END,               PARAMS,                   true,  "FLOW-1 FLOW-6 END-6"               },
    {"EXCHANGE_RESULTS", STATE + EXCHANGE_RESULTS,       STATE + TEST_RUNNING,     true,  "FLOW-1 FLOW-7"                     },
    {"DISPLAY_RESULTS",  STATE + DISPLAY_RESULTS,        STATE + EXCHANGE_RESULTS, false, "FLOW-1 FLOW-9"                     },
    {"IPERF_DONE",       STATE + IPERF_DONE,             STATE + TEST_END,         false, "FLOW-1"                            },
    {"SERVER_ERROR",     ERROR,                          -1,                       false, "ERR-1 ERR-8"                       },
    {"ACCESS_DENIED",    STATE + (uint8_t)ACCESS_DENIED, -1,                       false, "CLOSE-1 CONN-4.n"                  },
    {"SERVER_TERMINATE", STATE + SERVER_TERMINATE,       -1,                       false, "CLOSE-6"                           },
    {"CLIENT_TERMINATE", STATE + CLIENT_TERMINATE,       -1,                       false, "CLOSE-6"                           },
};

static int row = -1;
static enum how how;

static bool makes_sense(size_t i, enum how h)
{
    return h == EARLY ? messages[i].after >= 0 : h == SWAPPED ? messages[i].has_next : true;
}

static void list(mutant_emit *emit)
{
    char id[64];

    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        for (enum how h = 0; h < N_HOWS; h++) {
            if (!makes_sense(i, h))
                continue;
            snprintf(id, sizeof id, "%s/%s", messages[i].name, how_words[h]);
            emit(id, messages[i].clauses);
        }
}

static bool take(const char *rest)
{
    char id[64];

    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        for (enum how h = 0; h < N_HOWS; h++) {
            snprintf(id, sizeof id, "%s/%s", messages[i].name, how_words[h]);
            if (strcmp(id, rest) != 0)
                continue;
            row = (int)i;
            how = h;
            return true;
        }
    return false;
}

static int message_of(struct bytes b)
{
    if (b.len == 1)
        return STATE + b.at[0];
    if (b.len == COOKIE_LEN)
        return COOKIE;
    if ((int8_t)b.at[0] == SERVER_ERROR)
        return ERROR;
    return memmem(b.at, b.len, "\"cpu_util_total\"", 16) ? RESULTS : PARAMS;
}

/* Too early there is nothing to tell yet: an empty object. */
static void send_early(struct chan *c, int message)
{
    static const uint8_t object[] = {0, 0, 0, 2, '{', '}'};
    uint8_t state = (uint8_t)(message - STATE);

    __real_chan_send(c, message < STATE ? (struct bytes){object, sizeof object}
                                        : (struct bytes){&state, 1});
}

/* One message; whoever else must go first or with it does. */
static enum spec_err send_one(struct chan *c, struct bytes b)
{
    static struct chan *held_of;
    static uint8_t held[65536];
    static size_t held_len;
    static bool was_early;
    bool hits = row >= 0 && message_of(b) == messages[row].message;
    enum spec_err err;

    if (hits && (how == NEVER || (how == EARLY && was_early)))
        return SPEC_OK;
    if (hits && how == SWAPPED && held_len == 0 && b.len <= sizeof held) {
        memcpy(held, b.at, held_len = b.len);
        held_of = c;
        return SPEC_OK;
    }
    if (hits && how == LATE)
        nanosleep(&(struct timespec){.tv_sec = LATE_S}, NULL);
    err = __real_chan_send(c, b);
    if (hits && how == TWICE)
        __real_chan_send(c, b);
    if (held_len > 0 && held_of == c) {
        __real_chan_send(c, (struct bytes){held, held_len});
        held_len = 0;
    }
    if (row >= 0 && how == EARLY && message_of(b) == messages[row].after && !was_early) {
        was_early = true;
        send_early(c, messages[row].message);
    }
    return err;
}

enum spec_err __wrap_chan_send(struct chan *c, struct bytes b)
{
    static const uint8_t both[] = {TEST_START, TEST_RUNNING};

    if (b.len != sizeof both || memcmp(b.at, both, sizeof both) != 0)
        return send_one(c, b);
    enum spec_err err = send_one(c, (struct bytes){both, 1});
    return err == SPEC_OK ? send_one(c, (struct bytes){both + 1, 1}) : err;
}

const struct mutant_family mutant_flow = {"flow", list, take};
