/* observer_judge.c - what a message says: cookie, parameters, results, error numbers. */
#include "impl/wire/account.h"
#include "impl/wire/clause.h"
#include "impl/wire/ierr.h"
#include "impl/wire/json.h"
#include "impl/wire/observer_core.h"
#include "impl/wire/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STREAMS_MAX 256 /* 128 in each direction (PARAM-14) */

static void report(struct observer *o, const struct lane *lane,
                   struct observer_violation *violation)
{
    bool judged = lane->from == OBSERVER_CLIENT ? o->config.judge_client : o->config.judge_server;

    violation->by = lane->from;
    if (judged)
        o->config.violation(o->config.context, violation);
}

void observer_blame(struct observer *o, const struct lane *lane, uint64_t at_ns, uint64_t offset,
                    const char *clause, const char *expected, const char *found_format, ...)
{
    struct observer_violation violation = {.clause = clause, .at_ns = at_ns, .offset = offset};
    va_list args;

    snprintf(violation.expected, sizeof violation.expected, "%s", expected);
    va_start(args, found_format);
    vsnprintf(violation.found, sizeof violation.found, found_format, args);
    va_end(args);
    report(o, lane, &violation);
}

void observer_blame_never_right(struct observer *o, const struct lane *lane, uint64_t at_ns,
                                const char *clause, const char *expected, const char *found)
{
    struct observer_violation violation = {
        .clause = clause, .at_ns = at_ns, .offset = lane->offset, .is_never_right = true};

    snprintf(violation.expected, sizeof violation.expected, "%s", expected);
    snprintf(violation.found, sizeof violation.found, "%s", found);
    report(o, lane, &violation);
}

void observer_judge_cookie(struct observer *o, struct lane *lane, uint64_t at_ns,
                           struct bytes cookie)
{
    char found[96];

    if (!lane->has_hole && !frame_cookie_is_well_formed(cookie.at))
        observer_blame(o, lane, at_ns, lane->item_offset, "CTL-2", "36 non-NUL bytes and a NUL",
                       "%s", remark_escape(found, sizeof found, cookie.at, cookie.len));
}

/* --- remarks that are violations -------------------------------------------------------------- */

struct hearing {
    struct observer *o;
    const struct lane *lane;
    uint64_t at_ns;
    bool ids_are_known; /* which streams the test has */
    unsigned n_reported;
};

/* MUST and SHOULD judge anybody; what only new implementations are asked for, only if we are told
 * to. */
static bool is_verdict(const struct hearing *hearing, const struct remark *remark)
{
    const struct clause *clause = clause_find(remark->clause);
    bool judge_new = hearing->o->config.judge_new;

    if (clause == NULL || clause->level > CLAUSE_SHOULD_NOT)
        return false;
    if (strcmp(clause->versions, "new") == 0)
        return judge_new;
    /* Builds up to 3.13 send none of the omitted pair (RES-15): only one of the two is wrong for
     * all. */
    if (strcmp(clause->id, "RES-18") == 0 && strncmp(remark->found, "none", 4) == 0)
        return judge_new;
    /* A test that was ended early need not have all its streams (FLOW-12). */
    if (strcmp(clause->id, "RES-1") == 0 && strcmp(remark->key, "streams") == 0)
        return hearing->ids_are_known;
    return true;
}

/* What may be left out is, "if sent, a string": of another type it is no member of the table. */
static bool is_of_wrong_type(const struct remark *remark)
{
    const struct clause *clause = clause_find(remark->clause);

    if (clause == NULL || clause->level != CLAUSE_MAY)
        return false;
    for (int type = JSON_NULL; type <= JSON_OBJECT; type++)
        if (strcmp(remark->expected, json_type_name((enum json_type)type)) == 0)
            return true;
    return false;
}

static void hear(void *context, const struct remark *remark)
{
    struct hearing *hearing = context;
    const struct lane *lane = hearing->lane;
    bool is_wrong = is_of_wrong_type(remark);
    struct observer_violation violation = {
        .clause = is_wrong ? "RES-1" : remark->clause,
        .at_ns = hearing->at_ns,
        .offset = lane->item_offset + 4 + (remark->offset == (size_t)-1 ? 0 : remark->offset),
    };

    if (!is_wrong && !is_verdict(hearing, remark))
        return;
    snprintf(violation.expected, sizeof violation.expected, "%.40s%s%.80s", remark->key,
             remark->key[0] != '\0' ? ": " : "", remark->expected);
    snprintf(violation.found, sizeof violation.found, "%s", remark->found);
    report(hearing->o, lane, &violation);
    hearing->n_reported++;
}

/* The receiver cannot use it: a violation even where no remark says why. */
static void blame_unusable(struct hearing *hearing, const char *clause, enum spec_err err)
{
    if (hearing->n_reported == 0)
        observer_blame(hearing->o, hearing->lane, hearing->at_ns, hearing->lane->item_offset,
                       clause, "a usable message", "%s", spec_err_text(err));
}

/* --- JSON ------------------------------------------------------------------------------------- */

static enum spec_err judge_params(struct observer *o, struct hearing *hearing, struct bytes text)
{
    struct remarks remarks = {hear, hearing};

    if (o->has_params)
        params_fini(&o->params);
    enum spec_err err = params_decode(text, &o->params, &remarks);
    o->has_params = err == SPEC_OK;
    if (err != SPEC_OK)
        params_fini(&o->params);
    if (err != SPEC_OK && err != SPEC_E_NOMEM)
        blame_unusable(hearing, "PARAM-1", err);
    return err == SPEC_E_NOMEM ? err : SPEC_OK;
}

/* The ids of the test's streams; 0 if they are not known. */
static size_t stream_ids(const struct observer *o, int64_t ids[STREAMS_MAX])
{
    int64_t n = o->has_params ? params_n_streams(&o->params) : 0;

    if (n < 1 || n > STREAMS_MAX || !o->order_is_known || o->lanes[0].is_broken ||
        o->lanes[1].is_broken)
        return 0;
    for (int64_t i = 0; i < n; i++)
        ids[i] = account_stream_id((unsigned)i);
    return (size_t)n;
}

static enum spec_err judge_results(struct observer *o, struct hearing *hearing, struct bytes text)
{
    struct remarks remarks = {hear, hearing};
    struct results *results = &o->results[hearing->lane->from];
    int64_t ids[STREAMS_MAX];
    size_t n_ids = stream_ids(o, ids);

    hearing->ids_are_known = n_ids > 0 && o->lanes[OBSERVER_SERVER].sent[TEST_RUNNING] > 0;
    results_fini(results);
    enum spec_err err = results_decode(text, n_ids > 0 ? ids : NULL, n_ids, results, &remarks);
    o->has_results[hearing->lane->from] = err == SPEC_OK;
    if (err == SPEC_E_STREAM_ID)
        blame_unusable(hearing, "RES-22", err);
    else if (err != SPEC_OK && err != SPEC_E_NOMEM)
        blame_unusable(hearing, "RES-21", err);
    return err == SPEC_E_NOMEM ? err : SPEC_OK;
}

enum spec_err observer_judge_text(struct observer *o, struct lane *lane, uint64_t at_ns,
                                  struct bytes text)
{
    struct hearing hearing = {.o = o, .lane = lane, .at_ns = at_ns};

    if (lane->has_hole || lane->is_broken)
        return SPEC_OK;
    return lane->is_results ? judge_results(o, &hearing, text) : judge_params(o, &hearing, text);
}

/* --- SERVER_ERROR ----------------------------------------------------------------------------- */

void observer_judge_error(struct observer *o, struct lane *lane, uint64_t at_ns, int n_ints,
                          int32_t ierr, bool is_ragged)
{
    bool one_is_enough = n_ints == 1 && ierr == IEAUTHTEST && !is_ragged && !o->config.judge_new;

    if (lane->has_hole)
        return;
    if (n_ints < 2 && !one_is_enough) /* ERR-2: 3.2-3.18 send one integer with 142 */
        observer_blame(o, lane, at_ns, lane->item_offset, "ERR-1", "fe and two integers",
                       "fe and %d whole integers", n_ints);
    if (n_ints > 0 && ierr_name(ierr) == NULL)
        observer_blame(o, lane, at_ns, lane->item_offset, "ERRNO-1", "an error number of the table",
                       "%d", (int)ierr);
    /* Another exchange (FLOW-12) is like the first. */
    if (o->config.judge_new && lane->sent[DISPLAY_RESULTS] > 0 &&
        lane->sent[DISPLAY_RESULTS] >= lane->sent[EXCHANGE_RESULTS])
        observer_blame(o, lane, at_ns, lane->item_offset, "ERR-8", "no error after 0e",
                       "fe and number %d", (int)ierr);
}
