#include "impl/wire/state.h"

#include "impl/wire/bytes.h"

#include <stddef.h>
#include <string.h>

#define LOWEST SERVER_ERROR

/* Indexed by value - LOWEST; the value 0 has no name (ST-1). */
static const struct {
    const char *name;
    bool client, server;
} states[] = {
#define X(name, value, client, server) [(value)-LOWEST] = {#name, client, server},
    STATES(X)
#undef X
};

static size_t index_of(int8_t byte)
{
    /* A value below the lowest wraps to one far above the table. */
    return (size_t)(byte - LOWEST);
}

const char *state_name(int8_t byte)
{
    return index_of(byte) < ARRAY_LEN(states) ? states[index_of(byte)].name : NULL;
}

bool state_from_name(const char *name, int8_t *byte)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (states[i].name == NULL || strcmp(states[i].name, name) != 0)
            continue;
        *byte = (int8_t)((int)i + LOWEST);
        return true;
    }
    return false;
}

bool state_is_sent_by_client(int8_t byte)
{
    return index_of(byte) < ARRAY_LEN(states) && states[index_of(byte)].client;
}

bool state_is_sent_by_server(int8_t byte)
{
    return index_of(byte) < ARRAY_LEN(states) && states[index_of(byte)].server;
}
