/* meaning.c - what a peer can mean: `params { ... }`, `params K = V`, `meaning { ... }`. */
#include "harness/script/parse.h"

#include "harness/script/jsonplace.h"
#include "impl/wire/json.h"
#include "impl/wire/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum json_type type;
    const char *words;
} kinds[] = {
    [PARAMS_FLAG] = {JSON_BOOL,   "true or false"   },
    [PARAMS_NUMBER] = {JSON_NUMBER, "a number"        },
    [PARAMS_STRING] = {JSON_STRING, "a text in quotes"},
};

/* How many letters are to be changed, added or left out to make one word of the other. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t n = strlen(b);

    if (n >= ARRAY_LEN(row))
        return UINT32_MAX;
    for (size_t k = 0; k <= n; k++)
        row[k] = (unsigned)k;
    for (unsigned i = 1; *a; a++, i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= n; k++) {
            unsigned changed = corner + (*a != b[k - 1]);
            corner = row[k];
            row[k] = MIN(MIN(row[k], row[k - 1]) + 1, changed);
        }
    }
    return row[n];
}

static const char *nearest(const char *word)
{
    int best = 0;

    for (int k = 1; k < PARAM_N_KEYS; k++)
        if (distance(word, params_key_name((enum param_key)k)) <
            distance(word, params_key_name((enum param_key)best)))
            best = k;
    return params_key_name((enum param_key)best);
}

/* One parameter: its name stands at `at` of the line, its value at `value_at`. */
static bool check_member(struct cursor *c, const char *name, size_t at, const json_value *value,
                         size_t value_at)
{
    int key = params_key_find(name);

    if (key < 0)
        return cursor_fail(c, at, "a parameter such as %s", nearest(name));
    enum params_kind kind = params_row((enum param_key)key)->kind;
    return json_type_of(value) == kinds[kind].type ||
           cursor_fail(c, value_at, "%s for %s (`wire params.%s` says what a peer does not mean)",
                       kinds[kind].words, name, name);
}

/* What a peer means of a parameter is one value. */
static bool check_object(struct cursor *c, const char *text, size_t begin, const json_value *root)
{
    bool seen[PARAM_N_KEYS] = {false};
    const json_value *member = NULL;
    size_t at, value;

    for (size_t n = 0; (member = json_next(root, member)); n++) {
        if (!jsonplace_member(text, n, &at, &value) ||
            !check_member(c, json_key(member), begin + at, member, begin + value))
            return false;
        int key = params_key_find(json_key(member));
        if (seen[key])
            return cursor_fail(c, begin + at, "%s only once", json_key(member));
        seen[key] = true;
    }
    return true;
}

bool parse_meaning(struct cursor *c, const char **object)
{
    size_t begin = (cursor_at_end(c), c->at);
    json_value *root;

    if (c->text[begin] != '{')
        return cursor_fail(c, begin, "a JSON object");
    char *text = cursor_json(c);
    if (!text || json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &root) != SPEC_OK)
        return false; /* the second cannot be: cursor_json() has parsed it */
    bool ok = check_object(c, text, begin, root);
    json_free(root);
    *object = text;
    return ok;
}

bool parse_member_meant(struct cursor *c, const char **object)
{
    size_t at = (cursor_at_end(c), c->at), value_at;
    char *key = cursor_need(c, "a parameter and '= VALUE', or a JSON object");
    json_value *root;

    if (!key || !cursor_need_word(c, "="))
        return false;
    value_at = (cursor_at_end(c), c->at);
    char *value = cursor_json(c);
    if (!value ||
        json_parse((struct bytes){(const uint8_t *)value, strlen(value)}, &root) != SPEC_OK)
        return false;
    bool ok = check_member(c, key, at, root, value_at);
    json_free(root);
    struct text text = {0};
    text_addf(&text, "{\"%s\": %s}", key, value);
    *object = arena_copy(c->arena, text.at, text.len);
    text_fini(&text);
    return ok;
}

void script_add_meaning(const json_value *said, struct text *out)
{
    const char *comma = "";

    text_adds(out, "{");
    for (int k = 0; k < PARAM_N_KEYS; k++) {
        const char *name = params_key_name((enum param_key)k);
        const json_value *value = json_member(said, name);
        enum params_kind kind = params_row((enum param_key)k)->kind;
        char *printed = json_type_of(value) == kinds[kind].type ? json_print(value) : NULL;
        if (!printed)
            continue;
        text_addf(out, "%s\"%s\":%s", comma, name, printed);
        comma = ",";
        free(printed);
    }
    text_adds(out, "}");
}
