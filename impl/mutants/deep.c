/* deep.c - crash, hang, spin, leak and messages out of order that one thing said deep in a session
 * brings about: what a fuzzer has to find (scripts/fuzz-proof). The suite is not measured by them:
 * they are listed by `list deep` alone. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"
#include "impl/wire/machine.h"
#include "impl/wire/state.h"

#include <string.h>

/* Whether what came in that state is what the fault waits for. */
typedef bool deep_trigger(struct bytes bytes);

static bool has(struct bytes b, const char *word)
{
    return memmem(b.at, b.len, word, strlen(word)) != NULL;
}

static bool negative_bytes(struct bytes b)
{
    return has(b, "\"bytes\":-");
}

static bool long_string(struct bytes b)
{
    return has(b, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static bool running_again(struct bytes b)
{
    return b.at[0] == TEST_RUNNING;
}

static bool done_too_early(struct bytes b)
{
    return b.at[0] == IPERF_DONE;
}

static bool with_omit(struct bytes b)
{
    return has(b, "\"omit\":1,") || has(b, "\"omit\":2,") || has(b, "\"omit\":3,");
}

static bool whole_cpu_use(struct bytes b)
{
    return has(b, "\"cpu_util_total\":1");
}

static bool nested_twice(struct bytes b)
{
    return has(b, ":[[");
}

static bool error_behind_all(struct bytes b)
{
    return (int8_t)b.at[0] == SERVER_ERROR;
}

static bool no_state(struct bytes b)
{
    return state_name((int8_t)b.at[0]) == NULL;
}

static const char twice[] = "the next DISPLAY_RESULTS or IPERF_DONE is said twice";
static const uint8_t late_state = DISPLAY_RESULTS;
static const char late[] = "behind the next SERVER_ERROR comes a state";

static const struct {
    const char *id;
    enum machine_state state;
    deep_trigger *is_met;
    const char *act; /* of fault.c's, or one of these two */
} faults[] = {
    {"server/negative-bytes/crash", SRV_RESULTS, negative_bytes,   "crash"},
    {"server/long-string/hang",     SRV_PARAMS,  long_string,      "hang" },
    {"server/running-again/leak",   SRV_RUN,     running_again,    "leak" },
    {"server/done-too-early/spin",  SRV_RUN,     done_too_early,   "spin" },
    {"server/nested/crash",         SRV_RESULTS, nested_twice,     "crash"},
    {"server/with-omit/order",      SRV_PARAMS,  with_omit,        twice  },
    {"server/no-state/order",       SRV_RUN,     no_state,         late   },
    {"client/running-again/crash",  CLI_RUN,     running_again,    "crash"},
    {"client/error-at-last/crash",  CLI_XCHG,    error_behind_all, "crash"},
    {"client/whole-cpu-use/order",  CLI_RESULTS, whole_cpu_use,    twice  },
};

static int taken = -1;
static const char *owed; /* of the two */

static void list(mutant_emit *emit)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        emit(faults[i].id, "INT-3");
}

static bool take(const char *rest)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (strcmp(faults[i].id, rest) == 0)
            taken = (int)i;
    return taken >= 0;
}

void mutant_deep_bytes(const struct machine *m, struct bytes bytes)
{
    if (taken < 0 || bytes.len == 0 || machine_state(m) != faults[taken].state ||
        !faults[taken].is_met(bytes))
        return;
    if (faults[taken].act == twice || faults[taken].act == late)
        owed = faults[taken].act;
    else
        mutant_fault_act(faults[taken].act);
}

static bool is_due(const struct machine_action *action)
{
    if (action->kind != MACHINE_SEND)
        return false;
    int8_t first = (int8_t)action->bytes.at[0];
    bool is_last_state =
        action->bytes.len == 1 && (first == DISPLAY_RESULTS || first == IPERF_DONE);
    return (owed == twice && is_last_state) || (owed == late && first == SERVER_ERROR);
}

bool mutant_deep_next(struct machine *m, struct machine_action *action,
                      bool (*next)(struct machine *m, struct machine_action *action))
{
    static struct machine_action again;

    if (again.bytes.len > 0) {
        *action = again;
        again.bytes.len = 0;
        return true;
    }
    bool is_any = next(m, action);
    if (is_any && is_due(action)) {
        again = *action;
        if (owed == late)
            again.bytes = (struct bytes){&late_state, 1};
        owed = NULL;
    }
    return is_any;
}

const struct mutant_family mutant_deep = {"deep", list, take};
