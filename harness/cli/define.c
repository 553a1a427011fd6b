/* define.c - -D NAME=VALUE: {NAME} in a script's text becomes the value, before it is read. */
#include "harness/cli/define.h"

#include <ctype.h>
#include <string.h>

bool define_add(struct defines *d, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t len = equals ? (size_t)(equals - argument) : 0;

    if (len == 0 || d->n == ARRAY_LEN(d->at) || !isalpha((unsigned char)argument[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)argument[i]) && argument[i] != '_')
            return false;
    d->at[d->n++] = (struct define){argument, len, equals + 1, false};
    return true;
}

/* The one whose {NAME} text begins with. */
static struct define *find(struct defines *d, const char *text)
{
    for (size_t i = 0; i < d->n && *text == '{'; i++)
        if (strncmp(text + 1, d->at[i].name, d->at[i].len) == 0 && text[1 + d->at[i].len] == '}')
            return &d->at[i];
    return NULL;
}

void define_replace(struct defines *d, const char *text, struct text *out)
{
    while (*text) {
        struct define *found = find(d, text);
        if (found) {
            text_adds(out, found->value);
            text += found->len + 2;
            found->used = true;
        } else {
            text_add(out, text++, 1);
        }
    }
}

const char *define_unused(const struct defines *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (!d->at[i].used)
            return d->at[i].name;
    return NULL;
}
