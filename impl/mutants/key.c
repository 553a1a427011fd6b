/* key.c - one member of the parameters or of the results missing, renamed, of another type, or one
 * more than it should be. */
#include "impl/mutants/mutant.h"

#include "impl/wire/bytes.h"
#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRAPPED(type)                                                                              \
    void __real_jwrite_##type(struct jwrite *w, const char *key, type##_value value);              \
    void __wrap_jwrite_##type(struct jwrite *w, const char *key, type##_value value)
typedef int64_t int_value;
typedef double double_value;
typedef bool bool_value;
typedef const char *string_value;
WRAPPED(int);
WRAPPED(double);
WRAPPED(bool);
WRAPPED(string);
void __real_params_encode(const struct params *p, struct jwrite *w);
void __wrap_params_encode(const struct params *p, struct jwrite *w);
void __real_results_encode(const struct results *r, struct jwrite *w);
void __wrap_results_encode(const struct results *r, struct jwrite *w);

enum message { NO_MESSAGE, PARAMS, RESULTS };
enum how { MISSING, RENAMED, RETYPED, PLUS_ONE, N_HOWS };
static const char *const how_words[] = {"missing", "renamed", "retyped", "plus-one"};

/* The results' members. */
static const struct {
    const char *key, *clauses;
    bool is_number;
} results_members[] = {
    {"cpu_util_total",         "RES-2",               true },
    {"cpu_util_user",          "RES-3",               true },
    {"cpu_util_system",        "RES-4",               true },
    {"sender_has_retransmits", "RES-5",               true },
    {"congestion_used",        "RES-6 RES-1",         false},
    {"server_output_text",     "RES-7",               false},
    {"id",                     "RES-10 STR-6",        true },
    {"bytes",                  "RES-11 DATA-1",       true },
    {"retransmits",            "RES-12",              true },
    {"jitter",                 "RES-13 UDP-9",        true },
    {"errors",                 "RES-14 UDP-7",        true },
    {"omitted_errors",         "RES-15 RES-18 INT-5", true },
    {"packets",                "RES-16 UDP-7",        true },
    {"omitted_packets",        "RES-17 RES-18 INT-5", true },
    {"start_time",             "RES-19 RES-1 INT-5",  true },
    {"end_time",               "RES-28 RES-1 INT-5",  true },
};

static enum message now; /* which message is being written */
static struct {
    enum message message;
    const char *key;
    enum how how;
} fault;

/* --- the list -------------------------------------------------------------------------------- */

static void list_how(mutant_emit *emit, const char *message, const char *key, const char *clauses,
                     unsigned n_hows)
{
    char id[128];

    for (enum how how = 0; how < n_hows; how++) {
        snprintf(id, sizeof id, "%s/%s/%s", message, key, how_words[how]);
        emit(id, clauses);
    }
}

static void list(mutant_emit *emit)
{
    for (enum param_key key = 0; key < PARAM_N_KEYS; key++) {
        const struct params_row *row = params_row(key);
        list_how(emit, "params", row->key, row->clause,
                 row->kind == PARAMS_NUMBER ? N_HOWS : PLUS_ONE);
    }
    for (size_t i = 0; i < ARRAY_LEN(results_members); i++)
        list_how(emit, "results", results_members[i].key, results_members[i].clauses,
                 results_members[i].is_number ? N_HOWS : PLUS_ONE);
}

static bool take(const char *rest)
{
    static char key[64];
    char how[16];
    bool params = strncmp(rest, "params/", 7) == 0;

    if (!params && strncmp(rest, "results/", 8) != 0)
        return false;
    if (sscanf(strchr(rest, '/') + 1, "%63[^/]/%15s", key, how) != 2)
        return false;
    for (enum how h = 0; h < N_HOWS; h++) {
        if (strcmp(how, how_words[h]) != 0)
            continue;
        fault.message = params ? PARAMS : RESULTS;
        fault.key = key;
        fault.how = h;
        return true;
    }
    return false;
}

/* --- the fault ------------------------------------------------------------------------------- */

static bool hits(const char *key)
{
    return now != NO_MESSAGE && now == fault.message && key && strcmp(key, fault.key) == 0;
}

static const char *renamed(const char *key)
{
    static char other[80];

    snprintf(other, sizeof other, "x_%s", key);
    return other;
}

void __wrap_jwrite_int(struct jwrite *w, const char *key, int64_t value)
{
    if (!hits(key))
        __real_jwrite_int(w, key, value);
    else if (fault.how == RETYPED)
        __real_jwrite_string(w, key, "1");
    else if (fault.how != MISSING)
        __real_jwrite_int(w, fault.how == RENAMED ? renamed(key) : key,
                          value + (fault.how == PLUS_ONE));
}

void __wrap_jwrite_double(struct jwrite *w, const char *key, double value)
{
    if (!hits(key))
        __real_jwrite_double(w, key, value);
    else if (fault.how == RETYPED)
        __real_jwrite_string(w, key, "1");
    else if (fault.how != MISSING)
        __real_jwrite_double(w, fault.how == RENAMED ? renamed(key) : key,
                             value + (fault.how == PLUS_ONE));
}

void __wrap_jwrite_bool(struct jwrite *w, const char *key, bool value)
{
    if (!hits(key))
        __real_jwrite_bool(w, key, value);
    else if (fault.how == RETYPED)
        __real_jwrite_int(w, key, value);
    else if (fault.how != MISSING)
        __real_jwrite_bool(w, renamed(key), value);
}

void __wrap_jwrite_string(struct jwrite *w, const char *key, const char *value)
{
    if (!hits(key))
        __real_jwrite_string(w, key, value);
    else if (fault.how == RETYPED)
        __real_jwrite_int(w, key, 1);
    else if (fault.how != MISSING)
        __real_jwrite_string(w, renamed(key), value);
}

void __wrap_params_encode(const struct params *p, struct jwrite *w)
{
    now = PARAMS;
    __real_params_encode(p, w);
    now = NO_MESSAGE;
}

void __wrap_results_encode(const struct results *r, struct jwrite *w)
{
    now = RESULTS;
    __real_results_encode(r, w);
    now = NO_MESSAGE;
}

const struct mutant_family mutant_key = {"key", list, take};
