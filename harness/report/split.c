/* split.c - the members of a JSON object, or the elements of an array, one after the other. */
#include "harness/report/split.h"

#include <string.h>

static void skip_space(struct split *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at != '\0')
        s->at++;
}

/* Past the string that begins here. */
static void skip_string(struct split *s)
{
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
        s->at += *s->at == '\\' && s->at + 1 < s->end;
    s->at += s->at < s->end;
}

/* Past one value: to the comma or bracket behind it. */
static void skip_value(struct split *s)
{
    size_t depth = 0;

    while (s->at < s->end) {
        uint8_t c = *s->at;
        if (c == '"') {
            skip_string(s);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return;
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        s->at++;
    }
}

bool split_begin(struct split *s, struct bytes text)
{
    *s = (struct split){.at = text.at, .end = text.at + text.len};
    skip_space(s);
    if (s->at == s->end || (*s->at != '{' && *s->at != '['))
        return false;
    s->is_object = *s->at++ == '{';
    return true;
}

static bool broken(struct split *s)
{
    s->is_broken = true;
    return false;
}

static bool take_key(struct split *s, struct bytes *key)
{
    const uint8_t *from = s->at;

    if (s->at == s->end || *s->at != '"')
        return broken(s);
    skip_string(s);
    *key = (struct bytes){from + 1, (size_t)(s->at - from) - (s->at[-1] == '"' ? 2 : 1)};
    skip_space(s);
    if (s->at == s->end || *s->at++ != ':')
        return broken(s);
    return true;
}

bool split_next(struct split *s, struct bytes *key, struct bytes *value)
{
    *key = (struct bytes){0};
    skip_space(s);
    if (s->at < s->end && *s->at == (s->is_object ? '}' : ']'))
        return false;
    if (s->is_object && !take_key(s, key))
        return false;
    skip_space(s);
    const uint8_t *from = s->at;
    skip_value(s);
    *value = (struct bytes){from, (size_t)(s->at - from)};
    if (s->at == s->end || s->at == from)
        return broken(s);
    s->at += *s->at == ',';
    return true;
}

bool split_is(struct bytes key, const char *word)
{
    return key.len == strlen(word) && memcmp(key.at, word, key.len) == 0;
}
