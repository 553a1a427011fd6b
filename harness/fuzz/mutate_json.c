/* mutate_json.c - changes of a JSON text, by the places of its keys and values.
 *
 * The text is only scanned for tokens: what is no JSON any more can be changed further. */
#include "harness/fuzz/draw.h"
#include "harness/fuzz/mutate.h"

#include "impl/wire/params.h"
#include "impl/wire/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 512
#define DEPTH_MAX  64
#define ATTEMPTS   16   /* until a value is no container */
#define NEST_MAX   2000 /* brackets around one value: above what parsers of the field allow */

/* A run of the text. */
struct place {
    size_t from, to;
    bool is_key;
};

struct places {
    struct place at[PLACES_MAX];
    size_t n, n_keys;
};

/* --- finding them ---------------------------------------------------------------------------- */

static size_t end_of_string(struct bytes text, size_t at)
{
    for (at++; at < text.len && text.at[at] != '"'; at++)
        at += text.at[at] == '\\';
    return MIN(at + 1, text.len);
}

static bool is_one_of(const char *set, uint8_t ch)
{
    return ch != '\0' && strchr(set, ch) != NULL;
}

static size_t end_of_word(struct bytes text, size_t at)
{
    while (at < text.len && !is_one_of("[]{},:\" \t\r\n", text.at[at]))
        at++;
    return at;
}

static size_t note(struct places *p, size_t from, size_t to)
{
    if (p->n == PLACES_MAX)
        return PLACES_MAX;
    p->at[p->n] = (struct place){from, to, false};
    return p->n++;
}

/* A value that a colon follows was a key. */
static void make_key(struct places *p)
{
    if (p->n > 0 && !p->at[p->n - 1].is_key) {
        p->at[p->n - 1].is_key = true;
        p->n_keys++;
    }
}

static void find(struct bytes text, struct places *p)
{
    size_t open[DEPTH_MAX], depth = 0, to;

    *p = (struct places){.n = 0};
    for (size_t at = 0; at < text.len; at = to) {
        uint8_t ch = text.at[at];
        to = at + 1;
        if (ch == '"') {
            note(p, at, to = end_of_string(text, at));
        } else if (ch == '{' || ch == '[') {
            size_t which = note(p, at, text.len);
            if (depth < DEPTH_MAX)
                open[depth++] = which;
        } else if ((ch == '}' || ch == ']') && depth > 0) {
            if (open[--depth] < PLACES_MAX)
                p->at[open[depth]].to = to;
        } else if (ch == ':') {
            make_key(p);
        } else if (!is_one_of(", \t\r\n}]", ch)) {
            note(p, at, to = MAX(end_of_word(text, at), to));
        }
    }
}

static const struct place *pick(struct mutator *m, const struct places *p, bool is_key)
{
    size_t n = is_key ? p->n_keys : p->n - p->n_keys;
    size_t nth = n > 0 ? draw(&m->seed, n) : 0;

    for (size_t i = 0; n > 0; i++)
        if (p->at[i].is_key == is_key && nth-- == 0)
            return &p->at[i];
    return NULL;
}

/* --- what takes their place ------------------------------------------------------------------ */

/* Where integers and doubles change their nature, and what the protocol's ranges end at. */
static const char *const numbers[] = {
    "0",
    "1",
    "-1",
    "2",
    "3",
    "127",
    "128",
    "129",
    "256",
    "1000",
    "65507",
    "65508",
    "65535",
    "65536",
    "86400",
    "86401",
    "131072",
    "1048576",
    "1048577",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0.5",
    "-0",
    "1e3",
    "1.5e9",
    "1e400",
    "-1e400",
    "007",
    "1.",
};

/* Of each type, and some that are none. */
static const char *const others[] = {
    "true", "false", "null", "{}",          "[]",  "\"\"",        "\"x\"",        "[[]]",
    "[1]",  "[{}]",  "nul",  "\"\\u0000\"", "NaN", "\"\\ud800\"", "\"\\\\\\\"\"", "{\"a\":{}}",
};

/* The parameters that are strings: who takes another type for one may die of it (DEF-18). */
static const char *const string_keys[] = {
#define KEY_FLAG(name)
#define KEY_NUMBER(name)
#define KEY_STRING(name) #name,
#define X(kind, name)    KEY_##kind(name)
    PARAM_KEYS(X)
#undef X
};

static const char *draw_key(struct mutator *m)
{
    const char *const *const lists[] = {results_keys, results_stream_keys};
    size_t n = 1, which = draw(&m->seed, 6);

    if (which < 2)
        return params_key_name((enum param_key)draw(&m->seed, PARAM_N_KEYS));
    if (which < 4)
        return string_keys[draw(&m->seed, ARRAY_LEN(string_keys))];
    while (lists[which - 4][n]) /* neither is empty */
        n++;
    return lists[which - 4][draw(&m->seed, n)];
}

static void add_long_string(struct mutator *m, struct text *out)
{
    static const size_t lengths[] = {16, 128, 255, 256, 1024, 4096, 8192};
    size_t len = lengths[draw(&m->seed, ARRAY_LEN(lengths))];
    char ch = draw(&m->seed, 4) ? 'a' : (char)(128 + draw(&m->seed, 128));

    text_adds(out, "\"");
    for (size_t i = 0; i < len; i++)
        text_add(out, &ch, 1);
    text_adds(out, "\"");
}

static void add_value(struct mutator *m, struct text *out)
{
    switch (draw(&m->seed, 8)) {
    case 0:
        add_long_string(m, out);
        break;
    case 1:
        text_addf(out, "%zu", draw(&m->seed, 1000));
        break;
    case 2:
    case 3:
    case 4:
        text_adds(out, others[draw(&m->seed, ARRAY_LEN(others))]);
        break;
    default:
        text_adds(out, numbers[draw(&m->seed, ARRAY_LEN(numbers))]);
    }
}

static void add_member(struct mutator *m, struct text *out)
{
    text_addf(out, "\"%s\":", draw_key(m));
    add_value(m, out);
}

/* --- the changes: each writes what takes the run's place ------------------------------------- */

static struct bytes run_of(struct bytes text, const struct place *p)
{
    return (struct bytes){text.at + p->from, p->to - p->from};
}

static void nest(struct mutator *m, struct bytes value, struct text *out)
{
    size_t depth = draw(&m->seed, 4) ? 1 + draw(&m->seed, 3) : 1 + draw(&m->seed, NEST_MAX);

    for (size_t i = 0; i < depth; i++)
        text_adds(out, "[");
    text_add(out, value.at, value.len);
    for (size_t i = 0; i < depth; i++)
        text_adds(out, "]");
}

/* A number that is close to it: of the other sign, longer, beside it. */
static void move_number(struct mutator *m, struct bytes value, struct text *out)
{
    bool is_negative = value.at[0] == '-';
    char digits[24];
    int len = (int)MIN(value.len, sizeof digits - 1);

    switch (draw(&m->seed, 3)) {
    case 0:
        text_adds(out, is_negative ? "" : "-");
        text_add(out, value.at + is_negative, value.len - is_negative);
        break;
    case 1:
        text_add(out, value.at, value.len);
        text_addf(out, "%zu", draw(&m->seed, 10));
        break;
    default:
        snprintf(digits, sizeof digits, "%.*s", len, (const char *)value.at);
        text_addf(out, "%.17g", strtod(digits, NULL) + (draw(&m->seed, 2) ? 1 : -1));
    }
}

static void change_value(struct mutator *m, struct bytes text, const struct places *all,
                         const struct place *p, struct text *out)
{
    struct bytes value = run_of(text, p), other = run_of(text, pick(m, all, false));
    bool is_number = value.len > 0 && is_one_of("-0123456789", value.at[0]);

    switch (draw(&m->seed, 8)) {
    case 0: /* as it was, with more around it */
        nest(m, value, out);
        break;
    case 1: /* a number becomes a string, a string a number */
        if (value.len > 1 && value.at[0] == '"')
            text_addf(out, "%zu", value.len);
        else
            text_addf(out, "\"%.*s\"", (int)MIN(value.len, 64), (const char *)value.at);
        break;
    case 2: /* its neighbour's */
        text_add(out, other.at, other.len);
        break;
    case 3:
        if (is_number)
            move_number(m, value, out);
        else
            add_value(m, out);
        break;
    default:
        add_value(m, out);
    }
}

static void change_key(struct mutator *m, struct bytes key, struct text *out)
{
    switch (draw(&m->seed, 4)) {
    case 0:
        text_adds(out, "\"\"");
        break;
    case 1: /* who looks for it without regard to case finds it */
        for (size_t i = 0; i < key.len; i++) {
            bool is_small = key.at[i] >= 'a' && key.at[i] <= 'z';
            uint8_t letter = is_small ? (uint8_t)(key.at[i] - 32) : key.at[i];
            text_add(out, &letter, 1);
        }
        break;
    default:
        text_addf(out, "\"%s\"", draw_key(m));
    }
}

/* The value behind the key at `key`, the last one if it has none. */
static size_t end_of_member(const struct places *all, const struct place *key)
{
    size_t next = (size_t)(key - all->at) + 1;

    return next < all->n && !all->at[next].is_key ? all->at[next].to : key->to;
}

/* Out with it, and with the comma behind or before it. */
static struct place widen_to_comma(struct bytes text, struct place p)
{
    if (p.to < text.len && text.at[p.to] == ',')
        p.to++;
    else if (p.from > 0 && text.at[p.from - 1] == ',')
        p.from--;
    return p;
}

static void change_member(struct mutator *m, struct bytes text, struct place *p, struct text *out)
{
    struct bytes member = run_of(text, p);

    switch (draw(&m->seed, 3)) {
    case 0:
        *p = widen_to_comma(text, *p);
        break;
    case 1: /* twice; the second with another value, perhaps */
        text_add(out, member.at, member.len);
        text_adds(out, ",");
        text_add(out, member.at, member.len);
        break;
    default:
        add_member(m, out);
        text_adds(out, ",");
        text_add(out, member.at, member.len);
    }
}

/* What takes the place of *p, which may be made wider. */
static void change(struct mutator *m, struct bytes text, const struct places *all, struct place *p,
                   struct text *out)
{
    const struct place *key = pick(m, all, true), *value = pick(m, all, false);
    size_t which = draw(&m->seed, 8);

    if (key && which < 3) {
        *p = (struct place){key->from, end_of_member(all, key), false};
        change_member(m, text, p, out);
    } else if (key && which == 3) {
        *p = *key;
        change_key(m, run_of(text, p), out);
    } else if (value) {
        *p = *value;
        change_value(m, text, all, p, out);
    }
}

static void replace(struct bytes text, const struct place *p, const struct text *instead,
                    struct text *out)
{
    text_add(out, text.at, p->from);
    text_add(out, instead->at, instead->len);
    text_add(out, text.at + p->to, text.len - p->to);
}

void mutate_json(struct mutator *m, struct bytes text, struct text *out)
{
    struct places all;
    struct text instead = {0};
    struct place p = {0};

    find(text, &all);
    if (all.n == all.n_keys) {
        text_adds(out, "{");
        add_member(m, out);
        text_adds(out, "}");
        return;
    }
    change(m, text, &all, &p, &instead);
    replace(text, &p, &instead, out);
    text_fini(&instead);
}

/* --- values of their own kind ---------------------------------------------------------------- */

static void add_number(struct mutator *m, bool is_whole, struct text *out)
{
    size_t number = draw(&m->seed, 2) ? draw(&m->seed, 1000) : (size_t)1 << draw(&m->seed, 31);

    text_addf(out, "%zu", number);
    if (!is_whole && draw(&m->seed, 2))
        text_addf(out, ".%zu", draw(&m->seed, 1000));
}

static void add_word(struct mutator *m, struct text *out)
{
    text_adds(out, "\"");
    for (size_t n = draw(&m->seed, 12); n > 0; n--)
        text_addf(out, "%c", (char)('a' + draw(&m->seed, 26)));
    text_adds(out, "\"");
}

/* False for what is neither a number, a string nor a truth value. */
static bool add_of_kind(struct mutator *m, struct bytes value, struct text *out)
{
    uint8_t first = value.len > 0 ? value.at[0] : '\0';

    if (first == '"')
        add_word(m, out);
    else if (first == 't' || first == 'f')
        text_adds(out, first == 't' ? "false" : "true");
    else if (is_one_of("-0123456789", first))
        add_number(m, memchr(value.at, '.', value.len) == NULL, out);
    else
        return false;
    return true;
}

void mutate_json_value(struct mutator *m, struct bytes text, struct text *out)
{
    const struct place *value = NULL;
    struct places all;
    struct text instead = {0};
    bool is_found = false;

    find(text, &all);
    for (int i = 0; i < ATTEMPTS && !is_found; i++) {
        value = pick(m, &all, false);
        is_found = value && add_of_kind(m, run_of(text, value), &instead);
    }
    if (is_found)
        replace(text, value, &instead, out);
    else
        text_add(out, text.at, text.len);
    text_fini(&instead);
}
