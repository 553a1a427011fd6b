/* effect.c - a server takes a parameter, and acts as if it had not come (PARAM-2); or a client says
 * one, and does otherwise itself. */
#include "impl/mutants/mutant.h"

#include "impl/traffic/run.h"
#include "impl/tune.h"
#include "impl/wire/bytes.h"
#include "impl/wire/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not those that no server does anything with: what is the default anyway (tcp), what is told of
 * the client alone, and what is of use in older versions only. */
static const enum param_key keys[] = {
    PARAM_udp,           PARAM_omit,
    PARAM_time,          PARAM_num,
    PARAM_blockcount,    PARAM_server_affinity,
    PARAM_MSS,           PARAM_nodelay,
    PARAM_parallel,      PARAM_reverse,
    PARAM_bidirectional, PARAM_mptcp,
    PARAM_window,        PARAM_len,
    PARAM_bandwidth,     PARAM_fqrate,
    PARAM_burst,         PARAM_gso,
    PARAM_gso_bf_size,   PARAM_gro,
    PARAM_TOS,           PARAM_title,
    PARAM_extra_data,    PARAM_congestion,
    PARAM_zerocopy,      PARAM_get_server_output,
    PARAM_dont_fragment, PARAM_udp_counters_64bit,
    PARAM_skip_rx_copy,  PARAM_repeating_payload,
};

/* Where a client's own part of it can be seen. */
static const struct said {
    const char *id, *clauses;
    enum param_key key;
} said[] = {
    {"said-alone/TOS",               "PARAM-32", PARAM_TOS              },
    {"said-alone/repeating_payload", "PARAM-40", PARAM_repeating_payload},
};

static enum param_key forgotten = PARAM_N_KEYS, said_alone = PARAM_N_KEYS;

static void list(mutant_emit *emit)
{
    char id[64], clauses[64];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct params_row *row = params_row(keys[i]);
        snprintf(id, sizeof id, "none-of/%s", row->key);
        snprintf(clauses, sizeof clauses, "PARAM-2 %s %s.s", row->clause, row->clause);
        emit(id, clauses);
    }
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        emit(said[i].id, said[i].clauses);
}

static bool take(const char *rest)
{
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        if (strcmp(rest, said[i].id) == 0)
            said_alone = said[i].key;
    if (strncmp(rest, "none-of/", 8) != 0)
        return said_alone != PARAM_N_KEYS;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(rest + 8, params_key_name(keys[i])) == 0)
            forgotten = keys[i];
    return forgotten != PARAM_N_KEYS;
}

#define FORGET_FLAG(name)   p->name = fresh.name
#define FORGET_NUMBER(name) p->name = fresh.name
#define FORGET_STRING(name) (free(p->name), p->name = NULL)

void mutant_effect_forget(struct params *p)
{
    struct params fresh;

    if (forgotten == PARAM_N_KEYS)
        return;
    params_init(&fresh);
    p->present &= ~(UINT64_C(1) << forgotten);
    switch (forgotten) {
#define X(kind, name)                                                                              \
    case PARAM_##name:                                                                             \
        FORGET_##kind(name);                                                                       \
        break;
        PARAM_KEYS(X)
#undef X
    default:
        break;
    }
    params_fini(&fresh);
}

/* Of either side: a server's is what none-of/TOS is about. */
WRAP(int, tune_stream, (int fd, const struct params *p, int snd_timeout_ms))
{
    struct params other = *p;

    if (said_alone == PARAM_TOS)
        other.TOS = 0;
    return __real_tune_stream(fd, &other, snd_timeout_ms);
}

WRAP(struct run *, run_new, (const struct run_config *config))
{
    static struct params
        other; /* for the life of the run; of its strings the owner is the client */
    struct run_config changed = *config;

    if (said_alone == PARAM_repeating_payload && config->role == MACHINE_CLIENT) {
        other = *config->params;
        other.present &= ~(UINT64_C(1) << PARAM_repeating_payload);
        other.repeating_payload = 0;
        changed.params = &other;
    }
    return __real_run_new(&changed);
}

const struct mutant_family mutant_effect = {"effect", list, take};
