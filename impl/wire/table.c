/* table.c - the rows of table_server.def and table_client.def, checked when they are compiled. */
#include "impl/wire/table.h"

#include "impl/wire/ierr.h"
#include "impl/wire/profile.h"
#include "impl/wire/state.h"

#include <assert.h>
#include <string.h>

/* Short words for the .def files. */
enum {
#define X(name, words) name = TABLE_##name,
    TABLE_REACTIONS(X)
#undef X
};
#define MAY           NULL
#define NO(clause)    clause
#define DERIVED       TABLE_DERIVED, ""
#define OURS          TABLE_OURS, ""
#define SEEN(builds)  TABLE_WITNESSED, builds
#define ALL_BUILDS    SEEN("3.0.1-3.22")
#define TEN_BUILDS    SEEN("3.0.12, 3.7, 3.10.1, 3.12, 3.15, 3.17.1, 3.18, 3.20, 3.21, 3.22")
#define ELEVEN_BUILDS SEEN("eleven builds of 3.0.12-3.22")
#define EIGHT_BUILDS  SEEN("3.0.12, 3.7, 3.9, 3.10.1, 3.12, 3.16, 3.19.1, 3.22")
#define FIVE_BUILDS   SEEN("3.7, 3.12, 3.18, 3.21, 3.22")

/* What we do is one reaction, and one that is allowed. */
#define X(state, event, may, set, ours, ierr, next, clause, evidence)                              \
    static_assert(((ours) & ((ours)-1)) == 0 && ((set) & (ours)) != 0, #state " x " #event);
#include "impl/wire/table_client.def"
#include "impl/wire/table_server.def"
#undef X

/* As many rows as cells, and none twice: a name that stands twice does not compile. */
#define X(state, event, may, set, ours, ierr, next, clause, evidence) CELL_##state##_##event,
enum server_cell {
#include "impl/wire/table_server.def"
    N_SERVER_CELLS
};
enum client_cell {
#include "impl/wire/table_client.def"
    N_CLIENT_CELLS
};
#undef X
static_assert((int)N_SERVER_CELLS == TABLE_N_SERVER_STATES * (int)SEV_N,
              "a server's cell is missing");
static_assert((int)N_CLIENT_CELLS == TABLE_N_CLIENT_STATES * (int)CEV_N,
              "a client's cell is missing");

static const struct table_cell server_cells[TABLE_N_SERVER_STATES][SEV_N] = {
#define X(state, event, may, set, ours, ierr, next, clause, evidence)                              \
    [state][event] = {may, set, (enum table_reaction)(ours), ierr, next, clause, evidence},
#include "impl/wire/table_server.def"
#undef X
};

/* clang-format off */
static const struct table_cell client_cells[TABLE_N_CLIENT_STATES][CEV_N] = {
#define X(state, event, may, set, ours, ierr, next, clause, evidence)                              \
    [state - CLI_START][event] = {may, set, (enum table_reaction)(ours), ierr, next, clause, evidence},
#include "impl/wire/table_client.def"
#undef X
};
/* clang-format on */

struct event_row {
    const char *name, *row, *text;
    enum table_actor actor;
};

#define X(name, actor, row, words) [name] = {#name, row, words, TABLE_##actor},
static const struct event_row server_events[] = {TABLE_SERVER_EVENTS(X)};
static const struct event_row client_events[] = {TABLE_CLIENT_EVENTS(X)};
#undef X

enum machine_role table_role(enum machine_state state)
{
    return state < CLI_START ? MACHINE_SERVER : MACHINE_CLIENT;
}

unsigned table_n_events(enum machine_role role)
{
    return role == MACHINE_SERVER ? SEV_N : CEV_N;
}

const struct table_cell *table_cell(enum machine_state state, unsigned event)
{
    assert(state < MACHINE_OVER && event < table_n_events(table_role(state)));
    if (table_role(state) == MACHINE_SERVER)
        return &server_cells[state][event];
    return &client_cells[state - CLI_START][event];
}

enum table_server_event table_server_byte(int8_t byte)
{
    switch (byte) {
    case TEST_START:
        return SEV_TEST_START;
    case TEST_END:
        return SEV_TEST_END;
    case CLIENT_TERMINATE:
        return SEV_CLIENT_TERMINATE;
    case IPERF_DONE:
        return SEV_IPERF_DONE;
    default:
        return SEV_OTHER_BYTE;
    }
}

enum table_client_event table_client_byte(int8_t byte)
{
    switch (byte) {
    case PARAM_EXCHANGE:
        return CEV_PARAM_EXCHANGE;
    case CREATE_STREAMS:
        return CEV_CREATE_STREAMS;
    case TEST_START:
        return CEV_TEST_START;
    case TEST_RUNNING:
        return CEV_TEST_RUNNING;
    case EXCHANGE_RESULTS:
        return CEV_EXCHANGE_RESULTS;
    case DISPLAY_RESULTS:
        return CEV_DISPLAY_RESULTS;
    case IPERF_DONE:
        return CEV_IPERF_DONE;
    case SERVER_TERMINATE:
        return CEV_SERVER_TERMINATE;
    case ACCESS_DENIED:
        return CEV_ACCESS_DENIED;
    case SERVER_ERROR:
        return CEV_SERVER_ERROR;
    default:
        return byte > 0 ? CEV_POSITIVE_BYTE : CEV_NEGATIVE_BYTE;
    }
}

static const struct event_row *event_row(enum machine_role role, unsigned event)
{
    assert(event < table_n_events(role));
    return role == MACHINE_SERVER ? &server_events[event] : &client_events[event];
}

const char *table_event_name(enum machine_role role, unsigned event)
{
    return event_row(role, event)->name;
}

const char *table_event_text(enum machine_role role, unsigned event)
{
    return event_row(role, event)->text;
}

const char *table_event_row(enum machine_role role, unsigned event)
{
    return event_row(role, event)->row;
}

enum table_actor table_event_actor(enum machine_role role, unsigned event)
{
    return event_row(role, event)->actor;
}

static const char *const reaction_names[] = {
#define X(name, words) [TABLE_BIT_##name] = words,
    TABLE_REACTIONS(X)
#undef X
};

const char *table_reaction_name(enum table_reaction reaction)
{
    for (unsigned bit = 0; bit < TABLE_N_REACTIONS; bit++)
        if (reaction == (enum table_reaction)(1 << bit))
            return reaction_names[bit];
    return "?";
}

char *table_reactions_text(unsigned set, char *out, size_t cap)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned bit = 0; bit < TABLE_N_REACTIONS && len < cap; bit++)
        if (set >> bit & 1)
            len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? "|" : "",
                                    reaction_names[bit]);
    return out;
}

/* "error 110", or "advance to RUN": what is done, with the number or the state that goes with it.
 */
static void format_reaction(char *out, size_t cap, enum table_reaction reaction, int ierr,
                            enum machine_state next)
{
    const char *name = table_reaction_name(reaction);

    if (reaction == TABLE_ADVANCE)
        snprintf(out, cap, "%s %s", name, machine_state_name(next));
    else if (ierr != 0)
        snprintf(out, cap, "%s %d", name, ierr);
    else
        snprintf(out, cap, "%s", name);
}

static const char *evidence_text(const struct table_cell *cell)
{
    if (cell->evidence == TABLE_WITNESSED)
        return cell->builds;
    return cell->evidence == TABLE_OURS ? "ours" : "derived";
}

static void print_cell(FILE *out, const struct profile *profile, enum machine_state state,
                       unsigned event)
{
    const struct table_cell *cell = table_cell(state, event);
    enum machine_role role = table_role(state);
    bool is_peers = table_event_actor(role, event) == TABLE_PEER;
    struct profile_reaction does = {cell->ours, cell->ierr, cell->clause};
    char allowed[128], reaction[40];

    table_reactions_text(cell->allowed, allowed, sizeof allowed);
    if (profile->version == NULL || profile_reaction(profile, state, event, &does))
        format_reaction(reaction, sizeof reaction, does.reaction, does.ierr, cell->next);
    else
        snprintf(reaction, sizeof reaction, "not known");
    fprintf(out, "%-3s %-8s %-21s %-12s %-30s %-18s ", role == MACHINE_SERVER ? "srv" : "cli",
            machine_state_name(state), table_event_name(role, event) + strlen("SEV_"),
            !is_peers         ? "-"
            : cell->forbidden ? cell->forbidden
                              : "may",
            allowed, reaction);
    if (profile->version == NULL)
        fprintf(out, "%-12s %s\n", does.clause, evidence_text(cell));
    else
        fprintf(out, "%s\n", does.clause);
}

void table_print(FILE *out, const struct profile *profile)
{
    fprintf(out,
            "# State x event tables, profile %s. Columns: role, state, event, whether a correct\n"
            "# peer may (or the clause that forbids it), reactions allowed to anyone, what %s\n"
            "# does, clause%s. Made by build/tests/test_table --write.\n",
            profile->name, profile->version == NULL ? "the reference" : "this build",
            profile->version == NULL ? ", evidence" : "");
    for (int state = SRV_COOKIE; state < MACHINE_OVER; state++)
        for (unsigned event = 0; event < table_n_events(table_role((enum machine_state)state));
             event++)
            print_cell(out, profile, (enum machine_state)state, event);
}
