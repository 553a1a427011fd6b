/* profile.c - looks a build up in profile.def. */
#include "impl/wire/profile.h"

#include "impl/wire/clause.h"

#include <string.h>

enum {
#define X(name, words) name = TABLE_##name,
    TABLE_REACTIONS(X)
#undef X
};

#define S_(state) (1u << (state))
#define S(state)  S_(SRV_##state)
#define C_OPENING (S_(CLI_CREATE) | S_(CLI_TSTART))
/* All but RESULTS, where every byte is part of the length or the text. */
#define C_READING                                                                                  \
    (C_OPENING | S_(CLI_START) | S_(CLI_PARAM) | S_(CLI_RUN) | S_(CLI_END) | S_(CLI_XCHG))
#define C_FAILING (C_READING | S_(CLI_RESULTS))

/* clang-format off */
const struct profile_row profile_rows[] = {
#define X(states, event, versions, reaction, ierr, clause)                                         \
    {states, event, versions, {(enum table_reaction)(reaction), ierr, clause}},
#include "impl/wire/profile.def"
#undef X
};
/* clang-format on */
const size_t n_profile_rows = ARRAY_LEN(profile_rows);

const struct profile profiles[] = {
    {"any",          NULL,   NULL     },
    {"3.9",          "3.9",  NULL     },
    {"3.12-deb12u2", "3.12", "deb12u2"},
    {"3.18-deb13u2", "3.18", "deb13u2"},
    {"3.22",         "3.22", NULL     },
};
const size_t n_profiles = ARRAY_LEN(profiles);

const struct profile *profile_find(const char *name)
{
    for (size_t i = 0; i < n_profiles; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}

static bool is_single(unsigned set)
{
    return (set & (set - 1)) == 0;
}

bool profile_reaction(const struct profile *profile, enum machine_state state, unsigned event,
                      struct profile_reaction *out)
{
    const struct table_cell *cell = table_cell(state, event);
    struct clause_version version;

    if (profile->version == NULL ||
        !clause_version_parse(profile->version, profile->vendor, &version))
        return false;
    if (cell->forbidden == NULL && cell->ours == TABLE_ADVANCE && is_single(cell->allowed)) {
        *out = (struct profile_reaction){cell->ours, cell->ierr, cell->clause};
        return true; /* in its place: no row for the other states applies */
    }
    for (size_t i = 0; i < n_profile_rows; i++) {
        const struct profile_row *row = &profile_rows[i];
        if ((row->states >> state & 1) == 0 || row->event != event ||
            table_role((enum machine_state)__builtin_ctz(row->states)) != table_role(state) ||
            !clause_versions_hold(row->versions, &version))
            continue;
        *out = row->does;
        return true;
    }
    *out = (struct profile_reaction){cell->ours, cell->ierr, cell->clause};
    return is_single(cell->allowed);
}
