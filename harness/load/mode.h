/* mode.h - what the clients of a load ask for, in iperf3's own options.
 *
 * A mode is "-u -b 1M -k 20", or with a weight "3:-u -b 1M -k 20": three tests of it for each one
 * of a mode without. Whatever shapes a test is taken; what concerns the client's output, files and
 * CPUs is not. */
#pragma once
#include "impl/net/auth.h"
#include "impl/options.h"

#include <stddef.h>

#define LOAD_MODES_MAX  64
#define LOAD_WEIGHT_MAX 1000

struct load_mode {
    char *text;           /* the options as they were given, without the weight; ours */
    unsigned weight;      /* at least 1 */
    struct options opt;   /* params is ready to be sent, but for a token */
    struct auth_key *key; /* that makes it, for each test its own; NULL: none */
};

struct load_modes {
    struct load_mode at[LOAD_MODES_MAX];
    size_t n;
    unsigned weight; /* of all */
};

/* Add a mode. False after a line on stderr: no options of a client, or one mode too many. */
bool load_modes_add(struct load_modes *modes, const char *text);
/* Add those of a file: one a line, # begins a comment. False after a line on stderr. */
bool load_modes_read(struct load_modes *modes, const char *path);
/* Add the six that are played where none is named: TCP and UDP, both directions, small. */
bool load_modes_add_usual(struct load_modes *modes);
void load_modes_fini(struct load_modes *modes);

/* The mode of the number-th test, from 0: each run of as many tests as all weights come to has
 * every mode as often as it weighs. There is at least one mode. */
const struct load_mode *load_modes_pick(const struct load_modes *modes, uint64_t number);
