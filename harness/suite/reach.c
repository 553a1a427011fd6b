/* reach.c - what can be asked of a subject that is elsewhere.
 *
 * Nothing is claimed of it that only its process, or its kernel's tables, could make certain. */
#include "harness/suite/reach.h"

#include <string.h>

#define OPTIONS   "a server elsewhere cannot be given options"
#define KEYS      "the keys are not on the other machine"
#define ADDRESSES "a subject elsewhere has another address"
#define PROCESS   "the process of a subject elsewhere is out of reach"
#define QUEUES    "whether a subject elsewhere has read what was sent cannot be seen"
#define COUNTS    "what a subject elsewhere has received by the end is not certain"
#define TYPED     "nobody types options as long as these"

#define TYPED_MAX 200 /* letters */

struct reach {
    bool has_command;  /* its end and its output are those of the command that started it */
    bool is_loopback;  /* any address 127.x reaches it */
    bool has_our_data; /* we send some, as far as the script's head tells */
};

static bool is_far(const struct script *script, const struct suite_settings *settings)
{
    const struct suite_far *far = &settings->far;

    return script->plays_server ? far->harness || far->listen : far->dut || settings->remote;
}

/* Clients send unless they are told to receive; in bidirectional tests both do. */
static bool we_send(const struct script *script)
{
    if (!script->plays_server)
        return !script->params || !strstr(script->params, "\"reverse\"");
    return strstr(script->subject, "-R") || strstr(script->subject, "--reverse") ||
           strstr(script->subject, "--bidir");
}

static bool claims_counts(const struct script_expect *expect)
{
    bool claims = expect->where && query_claims_counts(expect->where);

    for (size_t i = 0; i < expect->events.n && !claims; i++)
        claims = expect->events.at[i].where && query_claims_counts(expect->events.at[i].where);
    return claims;
}

static const char *expect_problem(const struct script_expect *expect, const struct reach *reach)
{
    switch (expect->kind) {
    case SCRIPT_EXPECT_REST:
        return PROCESS;
    case SCRIPT_EXPECT_EXIT:
    case SCRIPT_EXPECT_SIGNAL:
    case SCRIPT_EXPECT_OUTPUT:
    case SCRIPT_EXPECT_FAILURE:
        if (!reach->has_command)
            return PROCESS;
        break;
    default:
        break;
    }
    return reach->has_our_data && claims_counts(expect) ? COUNTS : NULL;
}

static const char *step_problem(const struct script_step *step, const struct reach *reach)
{
    switch (step->verb) {
    case SCRIPT_SUBJECT:
        return PROCESS;
    case SCRIPT_DRAINED:
        return QUEUES;
    case SCRIPT_OPEN:
        return (step->open.from || step->open.to) && !reach->is_loopback ? ADDRESSES : NULL;
    case SCRIPT_EXPECT:
        return expect_problem(&step->expect, reach);
    default:
        return NULL;
    }
}

/* Of the first step that has one. */
static const char *steps_problem(const struct script_steps *steps, const struct reach *reach)
{
    const char *problem = NULL;

    for (size_t i = 0; i < steps->n && !problem; i++) {
        const struct script_step *step = &steps->at[i];
        problem = step_problem(step, reach);
        for (size_t k = 0; script_is_block(step->verb) && k < step->branches.n && !problem; k++)
            problem = steps_problem(&step->branches.at[k], reach);
    }
    return problem;
}

const char *reach_problem(const struct script *script, const struct suite_settings *settings)
{
    const struct suite_far *far = &settings->far;
    const char *at = settings->remote ? settings->remote : far->dut;
    struct reach reach = {
        .has_command = script->plays_server && !far->listen,
        .is_loopback = !script->plays_server && at && strncmp(at, "127.", 4) == 0,
        .has_our_data = we_send(script),
    };

    if (!is_far(script, settings))
        return NULL;
    if (script->address)
        return ADDRESSES;
    if (script->subject[0] && settings->remote && !script->plays_server)
        return OPTIONS;
    if (script->plays_server && far->listen && strlen(script->subject) > TYPED_MAX)
        return TYPED;
    if (strstr(script->subject, "{keys}") ||
        (script_words_have(&script->needs, "auth") && !settings->remote && !reach.has_command))
        return KEYS;
    if (script_words_have(&script->needs, "signal"))
        return PROCESS;
    return steps_problem(&script->steps, &reach);
}

bool reach_shows(const struct script *script, const struct suite_settings *settings,
                 enum sim_cause cause)
{
    bool is_of_process = cause == SIM_LEAK || cause == SIM_SPIN;
    /* A command tells how it ended. One that runs already may have been started anew by who keeps
     * it. */
    bool is_of_its_end = cause == SIM_CRASH || cause == SIM_EXIT || cause == SIM_SANITIZER;

    if (!is_far(script, settings))
        return true;
    return !is_of_process && !(is_of_its_end && settings->remote);
}
