/* table.c - for each cell of the tables, a reaction that nobody may have there. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"
#include "impl/wire/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct table_cell *__real_table_cell(enum machine_state state, unsigned event);
const struct table_cell *__wrap_table_cell(enum machine_state state, unsigned event);

/* The step that follows each state in a test that goes well: where a wrong ADVANCE leads. */
static const enum machine_state following[MACHINE_OVER] = {
    [SRV_COOKIE] = SRV_PARAMS, [SRV_PARAMS] = SRV_CREATE,   [SRV_CREATE] = SRV_RUN,
    [SRV_RUN] = SRV_RESULTS,   [SRV_RESULTS] = SRV_DISPLAY, [SRV_DISPLAY] = SRV_RESULTS,
    [CLI_START] = CLI_PARAM,   [CLI_PARAM] = CLI_CREATE,    [CLI_CREATE] = CLI_TSTART,
    [CLI_TSTART] = CLI_RUN,    [CLI_RUN] = CLI_END,         [CLI_END] = CLI_RESULTS,
    [CLI_RESULTS] = CLI_XCHG,  [CLI_XCHG] = MACHINE_OVER,
};

/* What a role may do wrongly, the most telling first. */
static const enum table_reaction wrong_of_server[] = {TABLE_IGNORE, TABLE_ADVANCE, TABLE_ERROR,
                                                      TABLE_CLOSE, TABLE_CRASH};
static const enum table_reaction wrong_of_client[] = {TABLE_IGNORE, TABLE_FAIL, TABLE_FAIL_DONE,
                                                      TABLE_ADVANCE, TABLE_CRASH};

static struct {
    bool taken;
    enum machine_state state;
    unsigned event;
    struct table_cell cell;
} fault;

/* Reactions that look the same from outside go together. */
static unsigned alike(enum table_reaction r)
{
    static const unsigned sets[] = {TABLE_IGNORE | TABLE_WAIT | TABLE_NONE | TABLE_PART,
                                    TABLE_ADVANCE | TABLE_OBEY, TABLE_ERROR | TABLE_ERROR_ONE,
                                    TABLE_CLOSE | TABLE_END_OK};

    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        if (sets[i] & r)
            return sets[i];
    return r;
}

/* Cells that the machine never looks up: the event cannot occur, its bytes are part of an item, or
 * the listener decides (value.c has faults for that). */
static bool is_looked_up(enum machine_state state, unsigned event)
{
    const struct table_cell *cell = __real_table_cell(state, event);

    return table_event_actor(table_role(state), event) != TABLE_THIRD &&
           (cell->allowed & (TABLE_NONE | TABLE_PART | TABLE_TAKE | TABLE_DENY)) == 0 &&
           (cell->ours & (TABLE_NONE | TABLE_PART | TABLE_WAIT)) == 0;
}

static enum table_reaction wrong(enum machine_state state, const struct table_cell *cell)
{
    bool is_server = table_role(state) == MACHINE_SERVER;
    const enum table_reaction *all = is_server ? wrong_of_server : wrong_of_client;
    enum table_reaction r;

    for (size_t i = 0; (r = all[i]) != TABLE_CRASH; i++)
        if ((cell->allowed & alike(r)) == 0)
            break;
    return r;
}

/* "server/RUN/SEV_TEST_END/ignore" */
static void name(char id[128], enum machine_state state, unsigned event)
{
    enum machine_role role = table_role(state);
    const struct table_cell *cell = __real_table_cell(state, event);

    snprintf(id, 128, "%s/%s/%s/%s", role == MACHINE_SERVER ? "server" : "client",
             machine_state_name(state), table_event_name(role, event),
             table_reaction_name(wrong(state, cell)));
}

static void list(mutant_emit *emit)
{
    char id[128], clauses[128];

    for (enum machine_state state = 0; state < MACHINE_OVER; state++) {
        enum machine_role role = table_role(state);
        for (unsigned event = 0; event < table_n_events(role); event++) {
            const struct table_cell *cell = __real_table_cell(state, event);
            if (!is_looked_up(state, event))
                continue;
            name(id, state, event);
            const char *row = table_event_row(role, event);
            snprintf(clauses, sizeof clauses, "%s %s", cell->clause, row);
            emit(id, strcmp(row, cell->clause) == 0 ? row : clauses);
        }
    }
}

static void break_cell(enum machine_state state, unsigned event)
{
    const struct table_cell *cell = __real_table_cell(state, event);
    enum table_reaction r = wrong(state, cell);

    fault.cell = *cell;
    fault.cell.ours = r;
    fault.cell.next = r == TABLE_IGNORE    ? state
                      : r == TABLE_ADVANCE ? following[state]
                                           : MACHINE_OVER;
    fault.cell.ierr = r == TABLE_ERROR && cell->ierr == 0 ? 110 : cell->ierr;
}

static bool take(const char *rest)
{
    char id[128];

    for (enum machine_state state = 0; state < MACHINE_OVER; state++) {
        for (unsigned event = 0; event < table_n_events(table_role(state)); event++) {
            name(id, state, event);
            if (strcmp(id, rest) != 0 || !is_looked_up(state, event))
                continue;
            break_cell(state, event);
            fault.state = state;
            fault.event = event;
            return fault.taken = true;
        }
    }
    return false;
}

const struct table_cell *__wrap_table_cell(enum machine_state state, unsigned event)
{
    if (!fault.taken || fault.state != state || fault.event != event)
        return __real_table_cell(state, event);
    if (fault.cell.ours == TABLE_CRASH)
        abort();
    return &fault.cell;
}

const struct mutant_family mutant_table = {"table", list, take};
