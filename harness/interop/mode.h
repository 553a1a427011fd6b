/* mode.h - a mode of the interop matrix: its options, who has it, what must show.
 *
 * The table itself is modes.def. What a cell makes of it is in cell.h. */
#pragma once
#include "harness/session/text.h"
#include "impl/wire/clause.h"

#include <stdbool.h>
#include <stddef.h>

enum interop_flag {
    MODE_QUICK = 1,    /* in --quick */
    MODE_CONTROL = 2,  /* also between any two stock builds: the control group */
    MODE_FLOOD = 4,    /* unpaced: as much may be in flight as the kernel lets buffers grow */
    MODE_OMIT = 8,     /* the two ends' counts begin at different times (OMIT-3) */
    MODE_TEXT = 16,    /* the server reports as text, not as JSON */
    MODE_FILE = 32,    /* what {src} holds must arrive in {dst} */
    MODE_AUTH = 64,    /* the client gets a password */
    MODE_REFUSED = 128 /* a wrong one: the test must be refused */
};

struct interop_mode {
    const char *name;
    unsigned flags;
    const char *client, *server;                   /* options */
    const char *client_versions, *server_versions; /* sets in the registry's notation */
    const char *needs;                             /* of the kernel: "", "ipv6", "mptcp" */
    const char *facts;                             /* fact.h */
};

extern const struct interop_mode interop_modes[];
extern const size_t interop_n_modes;

/* One end of a cell, as far as the table asks. */
struct mode_side {
    bool is_reference;             /* iperfref: has every mode */
    bool has_version;              /* else a build of unknown name: it is tried */
    struct clause_version version; /* with is_reference: the version whose options it has */
};

struct mode_kernel {
    bool ipv6, mptcp;
};

/* Ask the kernel, in the network namespace of the caller. */
struct mode_kernel mode_probe_kernel(void);

/* Whether the table has this pair skip the mode; if so, why is added. */
bool mode_is_skipped(const struct interop_mode *mode, const struct mode_side *client,
                     const struct mode_side *server, const struct mode_kernel *kernel,
                     struct text *why);

/* What stands for {name} in options and facts; the last has the name NULL. */
struct mode_word {
    const char *name, *value;
};

/* Write a template with {name} and {SET?text} filled in for that side. Braces with neither inside
 * stay as they are. */
void mode_expand(const char *template, const struct mode_side *side, const struct mode_word *words,
                 struct text *out);
