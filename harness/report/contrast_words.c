#include "harness/report/contrast_words.h"

#include "impl/wire/ierr.h"
#include "impl/wire/table.h"

#include <string.h>

/* The states of the tables, by the message that has brought a session there. */
static const char *const states[MACHINE_OVER] = {
    [SRV_COOKIE] = "server that awaits the cookie",
    [SRV_PARAMS] = "server in PARAM_EXCHANGE",
    [SRV_CREATE] = "server in CREATE_STREAMS",
    [SRV_RUN] = "server in TEST_RUNNING",
    [SRV_RESULTS] = "server in EXCHANGE_RESULTS",
    [SRV_DISPLAY] = "server in DISPLAY_RESULTS",
    [CLI_START] = "client that has sent its cookie",
    [CLI_PARAM] = "client in PARAM_EXCHANGE",
    [CLI_CREATE] = "client in CREATE_STREAMS",
    [CLI_TSTART] = "client in TEST_START",
    [CLI_RUN] = "client in TEST_RUNNING",
    [CLI_END] = "client behind its TEST_END",
    [CLI_RESULTS] = "client in EXCHANGE_RESULTS, which awaits results",
    [CLI_XCHG] = "client in EXCHANGE_RESULTS, which has the results",
};

static const char *const server_does[TABLE_N_REACTIONS] = {
    [TABLE_BIT_ADVANCE] = "goes on with the test",
    [TABLE_BIT_OBEY] = "does what the byte asks for",
    [TABLE_BIT_PART] = "takes it for a part of what it reads",
    [TABLE_BIT_IGNORE] = "ignores it",
    [TABLE_BIT_WAIT] = "waits",
    [TABLE_BIT_CLOSE] = "ends the test without a message",
    [TABLE_BIT_ERROR] = "SERVER_ERROR",
    [TABLE_BIT_ERROR_ONE] = "SERVER_ERROR without errno",
    [TABLE_BIT_END_OK] = "ends the test as a success",
    [TABLE_BIT_DENY] = "ACCESS_DENIED, and goes on with the test",
    [TABLE_BIT_TAKE] = "takes it for a stream",
    [TABLE_BIT_FAIL] = "ends with an error",
    [TABLE_BIT_FAIL_DONE] = "IPERF_DONE, and ends with an error",
    [TABLE_BIT_TERMINATE] = "SERVER_TERMINATE, and ends",
    [TABLE_BIT_CRASH] = "crashes",
    [TABLE_BIT_HANG] = "does nothing, for good",
};

/* Where a client's words are others. */
static const char *const client_does[TABLE_N_REACTIONS] = {
    [TABLE_BIT_END_OK] = "ends as if all was well, without IPERF_DONE",
    [TABLE_BIT_CLOSE] = "ends without a message",
    [TABLE_BIT_FAIL] = "ends with an error, without IPERF_DONE",
    [TABLE_BIT_TERMINATE] = "CLIENT_TERMINATE, and ends",
};

/* --- moments --------------------------------------------------------------------------------- */

/* The event, but for what only the answer tells. */
static unsigned asked(enum machine_state state, unsigned event)
{
    bool is_params = event == SEV_REFUSED || event == SEV_AUTH_FAILED || event == SEV_OWN_FAILURE;

    if (state == SRV_PARAMS && is_params)
        return SEV_ACCEPTED;
    return state == SRV_RESULTS && event == SEV_REFUSED ? (unsigned)SEV_ITEM : event;
}

bool contrast_moment_of(const struct quirk *q, struct contrast_moment *moment)
{
    if (!quirks_cell(q, &moment->state, &moment->event))
        return false;
    moment->event = asked(moment->state, moment->event);
    return true;
}

bool contrast_is_same_moment(const struct contrast_moment *a, const struct contrast_moment *b)
{
    return a->state == b->state && a->event == b->event;
}

int contrast_order(const struct contrast_moment *a, const struct contrast_moment *b)
{
    int order = (a->state > b->state) - (a->state < b->state);

    return order ? order : (a->event > b->event) - (a->event < b->event);
}

bool contrast_next(struct contrast_moment *moment)
{
    if (++moment->event >= table_n_events(table_role(moment->state))) {
        moment->event = 0;
        moment->state = (enum machine_state)(moment->state + 1);
    }
    return moment->state < MACHINE_OVER;
}

bool contrast_tells_by_text(const struct contrast_moment *moment)
{
    switch (moment->state) {
    case SRV_PARAMS:
        return moment->event == SEV_ACCEPTED || moment->event == SEV_ILL_FORMED;
    case SRV_RESULTS:
        return moment->event == SEV_ITEM || moment->event == SEV_ILL_FORMED;
    case CLI_RESULTS:
        return moment->event == CEV_RESULTS || moment->event == CEV_RESULTS_BAD ||
               moment->event == CEV_RESULTS_ID || moment->event == CEV_RESULTS_ODD;
    default:
        return false;
    }
}

void contrast_moment_text(const struct contrast_moment *moment, struct text *out)
{
    enum machine_role role = table_role(moment->state);

    text_addf(out, "%s: ", states[moment->state]);
    if (moment->state == SRV_PARAMS && moment->event == SEV_ACCEPTED)
        text_adds(out, "parameters (ST-SRV-2, ST-SRV-3)");
    else if (moment->state == SRV_RESULTS && moment->event == SEV_ITEM)
        text_adds(out, "results (ST-SRV-1, ST-SRV-3)");
    else if (moment->state == CLI_RESULTS && moment->event == CEV_RESULTS_ODD)
        text_adds(out, "results without streams, with extra or ill-typed members (ST-CLI-35)");
    else
        text_addf(out, "%s (%s)", table_event_text(role, moment->event),
                  table_event_row(role, moment->event));
}

/* --- reactions ------------------------------------------------------------------------------- */

static void add_number(struct contrast_reaction *r, int number)
{
    size_t i = 0;

    while (i < r->n && r->numbers[i] < number)
        i++;
    if ((i < r->n && r->numbers[i] == number) || r->n == CONTRAST_NUMBERS)
        return;
    memmove(&r->numbers[i + 1], &r->numbers[i], (r->n - i) * sizeof r->numbers[0]);
    r->numbers[i] = number;
    r->n++;
}

void contrast_add(struct contrast_reaction *r, const struct quirk *q)
{
    for (unsigned bit = 0; bit < TABLE_N_REACTIONS; bit++)
        if (strcmp(table_reaction_name((enum table_reaction)(1u << bit)), q->reaction) == 0)
            r->set |= 1u << bit;
    if (q->error)
        add_number(r, q->error);
}

void contrast_join(struct contrast_reaction *r, const struct contrast_reaction *more)
{
    r->set |= more->set;
    for (size_t i = 0; i < more->n; i++)
        add_number(r, more->numbers[i]);
}

bool contrast_is_same(const struct contrast_reaction *a, const struct contrast_reaction *b)
{
    return a->set == b->set && a->n == b->n &&
           memcmp(a->numbers, b->numbers, a->n * sizeof a->numbers[0]) == 0;
}

static void add_numbers(const struct contrast_reaction *r, struct text *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const char *name = ierr_name(r->numbers[i]);
        text_addf(out, "%s %d%s%s", i > 0 ? "," : "", r->numbers[i], name ? " " : "",
                  name ? name : "");
    }
}

void contrast_reaction_text(const struct contrast_moment *moment, const struct contrast_reaction *r,
                            const char *joint, struct text *out)
{
    bool is_client = table_role(moment->state) == MACHINE_CLIENT;
    bool is_first = true;

    for (unsigned bit = 0; bit < TABLE_N_REACTIONS; bit++) {
        if (!(r->set & 1u << bit) || !server_does[bit])
            continue;
        const char *words = is_client && client_does[bit] ? client_does[bit] : server_does[bit];
        if (!is_first)
            text_addf(out, "; %s ", joint);
        text_adds(out, words);
        if (1u << bit & (TABLE_ERROR | TABLE_ERROR_ONE))
            add_numbers(r, out);
        is_first = false;
    }
}
