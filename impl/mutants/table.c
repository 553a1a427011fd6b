/* table.c - for each cell of the tables, a reaction that nobody may have there. */
#include "impl/mutants/table.h"

#include "impl/mutants/mutant.h"
#include "impl/wire/bytes.h"
#include "impl/wire/machine_core.h"

#include <stdio.h>
#include <string.h>

#define SOON_NS UINT64_C(150000000)

const struct table_cell *__real_table_cell(enum machine_state state, unsigned event);
const struct table_cell *__wrap_table_cell(enum machine_state state, unsigned event);

static struct {
    bool taken;
    enum machine_state state;
    unsigned event;
    struct table_cell cell;
} fault;

/* --- which, and what instead ------------------------------------------------------------------ */

static bool can_occur(enum machine_state state, unsigned event)
{
    return (__real_table_cell(state, event)->allowed & TABLE_NONE) == 0;
}

/* Nothing at all, where something is to be done. Else TERMINATE, which is seen at once and belongs
 * to signals alone; third parties may move nobody to that. */
static enum table_reaction wrong(enum machine_state state, unsigned event)
{
    unsigned quiet = TABLE_IGNORE | TABLE_WAIT | TABLE_PART;
    bool may_be_ignored = __real_table_cell(state, event)->allowed & quiet;

    return may_be_ignored || table_event_actor(table_role(state), event) == TABLE_THIRD
               ? TABLE_TERMINATE
               : TABLE_IGNORE;
}

/* "server/RUN/SEV_TEST_END/ignore" */
static void name(char id[128], enum machine_state state, unsigned event)
{
    enum machine_role role = table_role(state);

    snprintf(id, 128, "%s/%s/%s/%s", role == MACHINE_SERVER ? "server" : "client",
             machine_state_name(state), table_event_name(role, event),
             table_reaction_name(wrong(state, event)));
}

/* What says of all states, or all from one on, what the rows say of each. */
static const struct {
    enum machine_role role;
    unsigned event;
    enum machine_state from;
    const char *clause;
} general[] = {
    {MACHINE_SERVER, SEV_RESET,            SRV_COOKIE, "CLOSE-12"   },
    {MACHINE_CLIENT, CEV_STREAM_LOST,      CLI_END,    "FLOW-7.n"   },
    {MACHINE_CLIENT, CEV_SERVER_TERMINATE, CLI_START,  "ST-CLI-8.b" },
    {MACHINE_CLIENT, CEV_STREAM_REFUSED,   CLI_RUN,    "ST-CLI-22.c"},
};

static const char *general_clause(enum machine_state state, unsigned event)
{
    for (size_t i = 0; i < ARRAY_LEN(general); i++)
        if (general[i].role == table_role(state) && general[i].event == event &&
            state >= general[i].from)
            return general[i].clause;
    return NULL;
}

/* Clauses of the cell, of its row, and of what is said in general: each once. */
static void name_clauses(char out[128], enum machine_state state, unsigned event)
{
    enum machine_role role = table_role(state);
    const char *cell = __real_table_cell(state, event)->clause, *row = table_event_row(role, event),
               *other = general_clause(state, event);

    snprintf(out, 128, "%s%s%s%s%s", cell, strcmp(row, cell) == 0 ? "" : " ",
             strcmp(row, cell) == 0 ? "" : row, other ? " " : "", other ? other : "");
}

static void list(mutant_emit *emit)
{
    char id[128], clauses[128];

    for (enum machine_state state = 0; state < MACHINE_OVER; state++)
        for (unsigned event = 0; event < table_n_events(table_role(state)); event++) {
            if (!can_occur(state, event))
                continue;
            name(id, state, event);
            name_clauses(clauses, state, event);
            emit(id, clauses);
        }
}

static void break_cell(enum machine_state state, unsigned event)
{
    enum table_reaction r = wrong(state, event);

    fault.taken = true;
    fault.state = state;
    fault.event = event;
    fault.cell = *__real_table_cell(state, event);
    fault.cell.ours = r;
    fault.cell.next = r == TABLE_IGNORE ? state : MACHINE_OVER;
}

static bool take(const char *rest)
{
    char id[128];

    for (enum machine_state state = 0; state < MACHINE_OVER; state++) {
        for (unsigned event = 0; event < table_n_events(table_role(state)); event++) {
            name(id, state, event);
            if (strcmp(id, rest) == 0 && can_occur(state, event)) {
                break_cell(state, event);
                return true;
            }
        }
    }
    return false;
}

bool table_fault_is(enum machine_state state, unsigned event)
{
    return fault.taken && fault.state == state && fault.event == event;
}

bool table_fault_is_of(enum machine_role role, unsigned event)
{
    return fault.taken && table_role(fault.state) == role && fault.event == event;
}

/* --- the machine looks it up ------------------------------------------------------------------ */

static bool results_are_odd;

/* To the machine the odd ones are results like others (ST-CLI-35). */
WRAP(enum spec_err, machine_take_results, (struct machine * m, struct bytes text))
{
    enum spec_err err = __real_machine_take_results(m, text);
    const struct results *r = &m->peer_results;

    results_are_odd =
        err == SPEC_OK && (r->n_streams == 0 || r->server_output_text || r->server_output_json);
    return err;
}

const struct table_cell *__wrap_table_cell(enum machine_state state, unsigned event)
{
    if (state == CLI_RESULTS && event == CEV_RESULTS && results_are_odd)
        event = CEV_RESULTS_ODD;
    return table_fault_is(state, event) ? &fault.cell : __real_table_cell(state, event);
}

/* --- bytes of an item: the machine never asks what one of them says as a state ------------------
 */

bool table_fault_takes(struct machine *m, struct bytes *in)
{
    bool is_server = table_role(m->state) == MACHINE_SERVER;

    if (!fault.taken || m->state != fault.state || m->reading_error ||
        !(__real_table_cell(fault.state, fault.event)->allowed & TABLE_PART))
        return false;
    for (size_t i = 0; i < in->len; i++) {
        int8_t byte = (int8_t)in->at[i];
        if (fault.event !=
            (is_server ? (unsigned)table_server_byte(byte) : (unsigned)table_client_byte(byte)))
            continue;
        *in = (struct bytes){in->at + in->len, 0};
        if (is_server)
            machine_server_event(m, (enum table_server_event)fault.event, 0, 0);
        else
            machine_client_event(m, (enum table_client_event)fault.event, 0, 0);
        return true;
    }
    return false;
}

/* --- time: nobody waits two minutes for a fault; a timer of its own comes soon -----------------
 */

static const struct {
    enum machine_role role;
    unsigned event;
    enum machine_timer timer;
} timers[] = {
    {MACHINE_SERVER, SEV_SILENCE,  TIMER_PEER    },
    {MACHINE_SERVER, SEV_NO_DATA,  TIMER_RCV     },
    {MACHINE_SERVER, SEV_DURATION, TIMER_DURATION},
    {MACHINE_CLIENT, CEV_SILENCE,  TIMER_PEER    },
    {MACHINE_CLIENT, CEV_NO_DATA,  TIMER_RCV     },
};

WRAP(bool, machine_next, (struct machine * m, struct machine_action *action))
{
    static const struct machine *armed;

    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        if (armed == m || m->state != fault.state || fault.cell.ours != TABLE_TERMINATE ||
            !table_fault_is_of(timers[i].role, timers[i].event))
            continue;
        armed = m;
        m->at_ns[timers[i].timer] = m->now_ns + SOON_NS;
    }
    return mutant_deep_next(m, action, __real_machine_next);
}

const struct mutant_family mutant_table = {"table", list, take};
