#include "harness/session/edit.h"

#include <stdlib.h>
#include <string.h>

/* Where a member stands: [begin, end) is the value, [name, end) with its key. */
struct span {
    size_t name, begin, end;
    bool found;
    size_t close; /* of the object or array that was searched: its bracket */
    bool empty;   /* that object has no members */
};

static size_t skip_string(const char *s, size_t at)
{
    for (at++; s[at] && s[at] != '"'; at++)
        if (s[at] == '\\' && s[at + 1])
            at++;
    return s[at] ? at + 1 : at;
}

/* Behind the value that starts at `at`. */
static size_t skip_value(const char *s, size_t at)
{
    int depth = 0;

    while (s[at]) {
        if (s[at] == '"') {
            at = skip_string(s, at);
        } else if (s[at] == '{' || s[at] == '[') {
            depth++;
            at++;
        } else if (s[at] == '}' || s[at] == ']') {
            if (depth == 0)
                return at;
            depth--;
            at++;
        } else if (s[at] == ',' && depth == 0) {
            return at;
        } else {
            at++;
            continue; /* a scalar goes on to the next comma or bracket */
        }
        if (depth == 0)
            return at;
    }
    return at;
}

/* The member `key` (or, with key NULL, element `index`) of the container at `at`. */
static struct span find_in(const char *s, size_t at, const char *key, size_t key_len, size_t index)
{
    struct span span = {.empty = true};
    size_t i = 0;

    if (s[at] != (key ? '{' : '['))
        return (struct span){.close = SIZE_MAX};
    at++;
    while (s[at] && s[at] != '}' && s[at] != ']') {
        size_t name = at;
        span.empty = false;
        if (key) {
            size_t behind = skip_string(s, at);
            at = behind + 1; /* the colon */
            span.found = behind - name == key_len + 2 && memcmp(s + name + 1, key, key_len) == 0;
        } else {
            span.found = i++ == index;
        }
        size_t end = skip_value(s, at);
        if (span.found) {
            span.name = name;
            span.begin = at;
            span.end = end;
            return span;
        }
        at = end + (s[end] == ',');
    }
    span.close = at;
    return span;
}

/* Walk the path; *key is the last key (for adding it). */
static struct span walk(const char *s, const char *path, const char **key, size_t *key_len)
{
    struct span span = {.found = true, .close = SIZE_MAX};

    *key = NULL;
    while (*path && span.found) {
        if (*path == '[') {
            char *end;
            size_t index = strtoul(path + 1, &end, 10);
            span = find_in(s, span.begin, NULL, 0, index);
            *key = NULL;
            path = *end == ']' ? end + 1 : end;
        } else {
            path += *path == '.';
            *key = path;
            *key_len = strcspn(path, ".[");
            span = find_in(s, span.begin, path, *key_len, 0);
            path += *key_len;
        }
        if (*path && !span.found)
            span.close = SIZE_MAX;
    }
    return span;
}

bool edit_find(const struct text *json, const char *path, struct bytes *value)
{
    const char *key;
    size_t key_len;
    struct span span = walk(text_string(json), path, &key, &key_len);

    if (!span.found || *path == '\0')
        return false;
    *value = (struct bytes){(const uint8_t *)json->at + span.begin, span.end - span.begin};
    return true;
}

static void splice(struct text *json, size_t from, size_t to, const char *with)
{
    struct text new = {0};

    text_add(&new, json->at, from);
    text_adds(&new, with);
    text_add(&new, json->at + to, json->len - to);
    text_fini(json);
    *json = new;
}

static void cut(struct text *json, const struct span *span)
{
    size_t from = span->name, to = span->end;

    if (json->at[to] == ',')
        to++;
    else if (from > 0 && json->at[from - 1] == ',')
        from--;
    splice(json, from, to, "");
}

bool edit_json(struct text *json, const char *path, const char *value)
{
    const char *key;
    size_t key_len = 0;
    struct text member = {0};
    struct span span = walk(text_string(json), path, &key, &key_len);

    if (span.found && value)
        splice(json, span.begin, span.end, value);
    else if (span.found)
        cut(json, &span);
    else if (span.close == SIZE_MAX)
        return false;
    else if (value && key) {
        text_addf(&member, "%s\"%.*s\":%s", span.empty ? "" : ",", (int)key_len, key, value);
        splice(json, span.close, span.close, text_string(&member));
        text_fini(&member);
    }
    return true;
}
