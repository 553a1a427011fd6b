/* define.h - -D NAME=VALUE: {NAME} in a script's text becomes the value, before it is read. */
#pragma once
#include "harness/session/text.h"

#include <stdbool.h>

struct define {
    const char *name; /* len characters */
    size_t len;
    const char *value;
    bool used;
};

struct defines {
    struct define at[64];
    size_t n;
};

/* Take "NAME=VALUE" (borrowed). NAME is letters, digits and _, a letter first. False if it is
 * something else, or one too many. */
bool define_add(struct defines *d, const char *argument);
/* Add text to out, each {NAME} replaced; what is put in is not looked at again. */
void define_replace(struct defines *d, const char *text, struct text *out);
/* The argument of the first that no text had a place for; NULL if all were used. */
const char *define_unused(const struct defines *d);
