/* effect.c - a server takes a parameter, and acts as if it had not come (PARAM-2). */
#include "impl/mutants/mutant.h"

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

static enum param_key forgotten = PARAM_N_KEYS;

static void list(mutant_emit *emit)
{
    char id[64], clauses[64];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct params_row *row = params_row(keys[i]);
        snprintf(id, sizeof id, "none-of/%s", row->key);
        snprintf(clauses, sizeof clauses, "PARAM-2 %s %s.s", row->clause, row->clause);
        emit(id, clauses);
    }
}

static bool take(const char *rest)
{
    if (strncmp(rest, "none-of/", 8) != 0)
        return false;
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

const struct mutant_family mutant_effect = {"effect", list, take};
