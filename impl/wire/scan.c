#include "impl/wire/scan.h"

#include "impl/wire/utf8.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_AT_HAND 48 /* more than an ordinary message has in one object and those around it */

/* One key of an object that is still open. */
struct key {
    const uint8_t *at; /* behind the opening quote */
    size_t len;
    uint32_t hash;
    bool has_escape;
};

struct level {
    size_t first_key; /* its keys are the last ones of scan.keys */
    bool is_object;
};

struct scan {
    const uint8_t *first, *at, *end;
    const char *const *known;
    size_t n_known;
    struct scan_report *report;
    unsigned depth;
    struct key *keys;
    size_t n_keys, cap_keys;
    bool is_out_of_memory;
    struct level levels[SCAN_DEPTH_LIMIT]; /* depth of them are in use; never cleared as a whole */
    struct key at_hand[KEYS_AT_HAND];
};

static void flag(struct scan *s, enum scan_flaw flaw, const uint8_t *at)
{
    size_t offset = (size_t)(at - s->first);
    uint32_t bit = 1u << flaw;

    if (!(s->report->flaws & bit) || offset < s->report->at[flaw])
        s->report->at[flaw] = offset;
    s->report->flaws |= bit;
}

/* For what can't be read on behind. */
static bool stop(struct scan *s, enum scan_flaw flaw)
{
    flag(s, flaw, s->at);
    return false;
}

static bool is_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != (uint8_t)c)
        return false;
    s->at++;
    return true;
}

/* cJSON takes every byte up to 0x20 for white space. */
static void skip_space(struct scan *s)
{
    for (; s->at < s->end && *s->at <= ' '; s->at++) {
        if (*s->at == '\0')
            flag(s, SCAN_NUL, s->at);
        else if (strchr(" \t\r\n", *s->at) == NULL)
            flag(s, SCAN_SPACE, s->at);
    }
}

/* --- strings -----------------------------------------------------------------------------------
 */

/* Value of the four hexadecimal digits at at, or -1. */
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
    int32_t value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = at[i] | 0x20; /* lower case; digits stay as they are */
        if (c >= '0' && c <= '9' && at[i] == c)
            value = value * 16 + (c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (c - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static bool is_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdfff;
}

/* The code point of the escape \uXXXX, or of a pair of them, whose backslash is at *at; moves *at
 * behind it. A lone surrogate gives itself. -1 if it is not four hexadecimal digits. */
static int32_t take_unicode(const uint8_t **at, const uint8_t *end)
{
    int32_t high = hex4(*at + 2, end), low = -1;

    if (high < 0)
        return -1;
    *at += 6;
    if (high < 0xd800 || high > 0xdbff || end - *at < 6 || memcmp(*at, "\\u", 2) != 0)
        return high;
    low = hex4(*at + 2, end);
    if (low < 0xdc00 || low > 0xdfff)
        return high;
    *at += 6;
    return 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
}

static bool scan_escape(struct scan *s)
{
    const uint8_t *from = s->at;

    if (s->end - from >= 2 && from[1] == 'u') {
        int32_t point = take_unicode(&s->at, s->end);
        if (point < 0)
            return stop(s, SCAN_SYNTAX);
        if (point == 0)
            flag(s, SCAN_NUL, from);
        if (is_surrogate(point))
            flag(s, SCAN_SURROGATE, from);
        return true;
    }
    if (s->end - from < 2 || from[1] == '\0' || strchr("\"\\/bfnrt", from[1]) == NULL)
        return stop(s, SCAN_SYNTAX);
    s->at += 2;
    return true;
}

/* A character that is not printable ASCII. */
static void scan_unusual(struct scan *s)
{
    size_t len = utf8_length(s->at, s->end);

    if (*s->at == '\0')
        flag(s, SCAN_NUL, s->at);
    else if (*s->at < 0x20)
        flag(s, SCAN_CONTROL, s->at);
    else if (len == 0)
        flag(s, SCAN_UTF8, s->at);
    s->at += MAX(len, 1);
}

/* A string, from its opening quote on; *has_escape tells whether its text is not its bytes. */
static bool scan_string(struct scan *s, bool *has_escape)
{
    *has_escape = false;
    s->at++;
    while (s->at < s->end) {
        uint8_t c = *s->at;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            *has_escape = true;
            if (!scan_escape(s))
                return false;
        } else if (c >= 0x20 && c < 0x80)
            s->at++;
        else
            scan_unusual(s);
    }
    return stop(s, SCAN_SYNTAX);
}

/* --- keys --------------------------------------------------------------------------------------
 */

/* Walks the text of a key, escapes resolved: two spellings of one key are one key. */
struct reader {
    const uint8_t *at, *end;
    uint8_t rest[3]; /* of a character that came from an escape; in reverse */
    unsigned n_rest;
};

static struct reader reader_of(const struct key *key)
{
    return (struct reader){.at = key->at, .end = key->at + key->len};
}

/* Give out code point as UTF-8: its first byte, the others later. */
static int spread(struct reader *r, int32_t point)
{
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};

    if (point < 0x80)
        return point;
    for (int32_t room = 0x40; r->n_rest == 0 || point >= room; room = 0x40 >> r->n_rest) {
        r->rest[r->n_rest++] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    return leads[r->n_rest] | point;
}

/* The next byte, or -1 at the end. */
static int read_byte(struct reader *r)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

    if (r->n_rest > 0)
        return r->rest[--r->n_rest];
    if (r->at == r->end)
        return -1;
    if (*r->at != '\\')
        return *r->at++;
    if (r->at[1] == 'u')
        return spread(r, take_unicode(&r->at, r->end));
    const char *letter = strchr(from, r->at[1]);
    int byte = letter != NULL ? to[letter - from] : r->at[1];
    r->at += 2;
    return byte;
}

static int compare_text(const struct key *a, const struct key *b)
{
    if (!a->has_escape && !b->has_escape) {
        int order = memcmp(a->at, b->at, MIN(a->len, b->len));
        return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
    }
    struct reader left = reader_of(a), right = reader_of(b);
    int x, y;
    do {
        x = read_byte(&left);
        y = read_byte(&right);
    } while (x == y && x >= 0);
    return x - y;
}

/* Equal keys together, in the order of the text. */
static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    int order = (a->hash > b->hash) - (a->hash < b->hash);

    if (order == 0)
        order = compare_text(a, b);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static uint32_t hash_of(const struct key *key)
{
    struct reader r = reader_of(key);
    uint32_t hash = 2166136261u; /* FNV-1a: only a shortcut, equality is always looked at */

    if (!key->has_escape)
        for (size_t i = 0; i < key->len; i++)
            hash = (hash ^ key->at[i]) * 16777619u;
    else
        for (int byte = read_byte(&r); byte >= 0; byte = read_byte(&r))
            hash = (hash ^ (uint8_t)byte) * 16777619u;
    return hash;
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* 2: the same, 1: the same but for ASCII case, 0: another. */
static int likeness(const struct key *key, const char *known)
{
    struct reader r = reader_of(key);
    int like = 2;

    for (;; known++) {
        int c = read_byte(&r), k = (uint8_t)*known;
        if (c < 0 || k == 0)
            return c < 0 && k == 0 ? like : 0;
        if (lower(c) != lower(k))
            return 0;
        if (c != k)
            like = 1;
    }
}

static void check_case(struct scan *s, const struct key *key)
{
    int best = 0;

    for (size_t i = 0; i < s->n_known && best < 2; i++) {
        /* Most differ in the first byte, which is compared here to save the call. */
        if (key->has_escape || ((key->at[0] ^ (uint8_t)s->known[i][0]) & ~0x20) == 0)
            best = MAX(best, likeness(key, s->known[i]));
    }
    if (best == 1)
        flag(s, SCAN_CASE, key->at - 1);
}

static bool grow_keys(struct scan *s)
{
    bool is_ours = s->keys != s->at_hand;
    struct key *keys = realloc(is_ours ? s->keys : NULL, 2 * s->cap_keys * sizeof *keys);

    if (keys == NULL)
        return false;
    if (!is_ours)
        memcpy(keys, s->at_hand, sizeof s->at_hand);
    s->keys = keys;
    s->cap_keys *= 2;
    return true;
}

static void keep_key(struct scan *s, struct key *key)
{
    if (s->is_out_of_memory)
        return;
    if (s->n_keys == s->cap_keys && !grow_keys(s)) {
        s->is_out_of_memory = true;
        return;
    }
    key->hash = hash_of(key);
    s->keys[s->n_keys++] = *key;
}

/* A key and its colon. */
static bool scan_key(struct scan *s)
{
    struct key key;

    skip_space(s);
    if (s->at == s->end || *s->at != '"')
        return stop(s, SCAN_SYNTAX);
    key.at = s->at + 1;
    if (!scan_string(s, &key.has_escape))
        return false;
    key.len = (size_t)(s->at - 1 - key.at);
    check_case(s, &key);
    keep_key(s, &key);
    skip_space(s);
    return take(s, ':') || stop(s, SCAN_SYNTAX);
}

/* Look for duplicates among the keys of the object that closes, and forget them. */
static void close_keys(struct scan *s, size_t first)
{
    struct key *keys = s->keys + first;
    size_t n = s->n_keys - first;

    if (n > 1 && !s->is_out_of_memory)
        qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n && !s->is_out_of_memory; i++)
        if (keys[i - 1].hash == keys[i].hash && compare_text(&keys[i - 1], &keys[i]) == 0)
            flag(s, SCAN_DUPLICATE, keys[i].at - 1);
    s->n_keys = first;
}

/* --- numbers and words -------------------------------------------------------------------------
 */

/* A number's digits, as far as its size depends on them. */
struct magnitude {
    char digits[24];  /* the first significant ones */
    size_t n_digits;  /* of those kept */
    int64_t exponent; /* the value is 0.DIGITS * 10^exponent */
};

static void scan_digits(struct scan *s, struct magnitude *m, bool is_fraction)
{
    for (; is_digit(s); s->at++) {
        bool counts = m->n_digits > 0 || *s->at != '0';
        if (counts && m->n_digits < sizeof m->digits)
            m->digits[m->n_digits++] = (char)*s->at;
        if (is_fraction)
            m->exponent -= !counts;
        else
            m->exponent += counts;
    }
}

static void scan_exponent(struct scan *s, struct magnitude *m)
{
    bool is_negative = s->at < s->end && *s->at == '-';
    int64_t value = 0;

    if (!is_negative)
        take(s, '+');
    s->at += is_negative;
    if (!is_digit(s))
        flag(s, SCAN_NUMBER_FORM, s->at);
    for (; is_digit(s); s->at++)
        value = MIN(value * 10 + (*s->at - '0'), INT64_C(1) << 40); /* beyond any text's length */
    m->exponent += is_negative ? -value : value;
}

/* Whether the number is at least limit, which is written like a magnitude. */
static bool reaches(const struct magnitude *m, int64_t exponent, const char *limit)
{
    size_t n = strlen(limit);

    if (m->n_digits == 0 || m->exponent != exponent)
        return m->n_digits > 0 && m->exponent > exponent;
    int order = memcmp(m->digits, limit, MIN(m->n_digits, n));
    return order > 0 || (order == 0 && m->n_digits >= n);
}

static bool scan_number(struct scan *s)
{
    const uint8_t *from = s->at;
    struct magnitude m = {.n_digits = 0};
    bool is_integer = true, has_digits;

    if (take(s, '+'))
        flag(s, SCAN_NUMBER_FORM, from);
    else
        take(s, '-');
    const uint8_t *first = s->at;
    scan_digits(s, &m, false);
    has_digits = s->at > first;
    if (s->at - first > 1 && *first == '0')
        flag(s, SCAN_LEADING_ZERO, first);
    if (take(s, '.')) {
        is_integer = false;
        const uint8_t *fraction = s->at;
        scan_digits(s, &m, true);
        if (!has_digits || s->at == fraction)
            flag(s, SCAN_NUMBER_FORM, from);
        has_digits = has_digits || s->at > fraction;
    }
    if (!has_digits)
        return stop(s, SCAN_SYNTAX);
    if (take(s, 'e') || take(s, 'E')) {
        is_integer = false;
        scan_exponent(s, &m);
    }
    if (is_integer && reaches(&m, 16, "9007199254740993")) /* 2^53 + 1 */
        flag(s, SCAN_BIG_NUMBER, from);
    /* From 2^1024 - 2^970 on, rounding gives infinity; its first digits tell it well enough. */
    if (reaches(&m, 309, "17976931348623158079"))
        flag(s, SCAN_HUGE_NUMBER, from);
    return true;
}

static bool scan_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= len && memcmp(s->at, words[i], len) == 0) {
            s->at += len;
            return true;
        }
    }
    return stop(s, SCAN_SYNTAX);
}

/* --- structure ---------------------------------------------------------------------------------
 */

static bool scan_scalar(struct scan *s)
{
    bool has_escape;

    if (s->at == s->end)
        return stop(s, SCAN_SYNTAX);
    if (*s->at == '"')
        return scan_string(s, &has_escape);
    if (is_digit(s) || strchr("+-.", *s->at) != NULL)
        return scan_number(s);
    return scan_word(s);
}

/* An opening bracket, and the key behind it; *is_empty: its closing bracket came at once. */
static bool open_level(struct scan *s, bool *is_empty)
{
    bool is_object = *s->at == '{';

    if (s->depth == SCAN_DEPTH_LIMIT)
        return stop(s, SCAN_DEPTH);
    s->levels[s->depth++] = (struct level){.first_key = s->n_keys, .is_object = is_object};
    s->report->depth = MAX(s->report->depth, s->depth);
    s->at++;
    skip_space(s);
    *is_empty = s->at < s->end && *s->at == (is_object ? '}' : ']');
    return *is_empty || !is_object || scan_key(s);
}

/* After a value: closing brackets, up to where the next value stands or depth is 0. */
static bool finish_value(struct scan *s)
{
    while (s->depth > 0) {
        const struct level *level = &s->levels[s->depth - 1];
        skip_space(s);
        if (take(s, ','))
            return !level->is_object || scan_key(s);
        if (!take(s, level->is_object ? '}' : ']'))
            return stop(s, SCAN_SYNTAX);
        close_keys(s, level->first_key);
        s->depth--;
    }
    return true;
}

static bool scan_value(struct scan *s)
{
    do {
        bool is_closed = true;
        skip_space(s);
        if (s->at < s->end && (*s->at == '{' || *s->at == '[')) {
            if (!open_level(s, &is_closed))
                return false;
        } else if (!scan_scalar(s))
            return false;
        if (is_closed && !finish_value(s))
            return false;
    } while (s->depth > 0);
    return true;
}

static void scan_text(struct scan *s)
{
    if (s->end - s->at >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0) {
        flag(s, SCAN_BOM, s->at);
        s->at += 3;
    }
    skip_space(s);
    if (s->at == s->end) {
        flag(s, SCAN_EMPTY, s->at);
        return;
    }

    const uint8_t *value = s->at;
    bool is_whole = scan_value(s);
    if (*value != '{' && (is_whole || s->depth > 0))
        flag(s, SCAN_NOT_OBJECT, value);
    if (!is_whole || s->at == s->end)
        return;
    flag(s, SCAN_TRAILING, s->at);
    const uint8_t *nul = memchr(s->at, '\0', (size_t)(s->end - s->at));
    if (nul != NULL)
        flag(s, SCAN_NUL, nul);
}

enum spec_err scan_json(struct bytes text, const char *const *known, size_t n_known,
                        struct scan_report *report)
{
    struct scan s; /* 17 KB: only what is used of it is ever written */

    s.first = s.at = text.at;
    s.end = text.at + text.len;
    s.known = known;
    s.n_known = n_known;
    s.report = report;
    s.depth = 0;
    s.keys = s.at_hand;
    s.n_keys = 0;
    s.cap_keys = KEYS_AT_HAND;
    s.is_out_of_memory = false;
    report->flaws = report->depth = 0;

    scan_text(&s);
    report->end = (size_t)(s.at - s.first);
    if (s.keys != s.at_hand)
        free(s.keys);
    if (s.is_out_of_memory)
        return SPEC_E_NOMEM;
    return report->flaws != 0 ? SPEC_E_JSON : SPEC_OK;
}

const char *scan_flaw_text(enum scan_flaw flaw)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        SCAN_FLAWS(X)
#undef X
    };

    return texts[flaw];
}
