/* scan_key.c - keys of objects: escapes resolved, case and duplicates looked at. */
#include "impl/wire/scan_core.h"

#include <stdlib.h>
#include <string.h>

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

int32_t scan_unicode(const uint8_t **at, const uint8_t *end)
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

/* Walks the text of a key, escapes resolved: two spellings of one key are one key. */
struct reader {
    const uint8_t *at, *end;
    uint8_t rest[3]; /* of a character that came from an escape; in reverse */
    unsigned n_rest;
};

static struct reader reader_of(const struct scan_key *key)
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
        return spread(r, scan_unicode(&r->at, r->end));
    const char *letter = strchr(from, r->at[1]);
    int byte = letter != NULL ? to[letter - from] : r->at[1];
    r->at += 2;
    return byte;
}

static int compare_text(const struct scan_key *a, const struct scan_key *b)
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
    const struct scan_key *a = left, *b = right;
    int order = (a->hash > b->hash) - (a->hash < b->hash);

    if (order == 0)
        order = compare_text(a, b);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static uint32_t hash_of(const struct scan_key *key)
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
static int likeness(const struct scan_key *key, const char *known)
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

static bool is_exactly(const struct scan_key *key, const char *known)
{
    return !key->has_escape && strlen(known) == key->len && memcmp(known, key->at, key->len) == 0;
}

static int best_likeness(const struct scan *s, const struct scan_key *key)
{
    int best = 0;

    for (size_t i = 0; i < s->n_known && best < 2; i++) {
        /* Most differ in the first byte, which is compared here to save the call. */
        if (key->has_escape || ((key->at[0] ^ (uint8_t)s->known[i][0]) & ~0x20) == 0)
            best = MAX(best, likeness(key, s->known[i]));
    }
    return best;
}

void scan_check_case(struct scan *s, const struct scan_key *key)
{
    /* A message's keys mostly stand in the order of the table, some left out. */
    for (size_t i = s->next_known; i < s->n_known; i++)
        if (is_exactly(key, s->known[i])) {
            s->next_known = i + 1;
            return;
        }
    s->next_known = 0;
    if (best_likeness(s, key) == 1)
        scan_flag(s, SCAN_CASE, key->at - 1);
}

static bool grow_keys(struct scan *s)
{
    bool is_ours = s->keys != s->at_hand;
    struct scan_key *keys = realloc(is_ours ? s->keys : NULL, 2 * s->cap_keys * sizeof *keys);

    if (keys == NULL)
        return false;
    if (!is_ours)
        memcpy(keys, s->at_hand, sizeof s->at_hand);
    s->keys = keys;
    s->cap_keys *= 2;
    return true;
}

void scan_keep_key(struct scan *s, struct scan_key *key)
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

void scan_close_keys(struct scan *s, size_t first)
{
    struct scan_key *keys = s->keys + first;
    size_t n = s->n_keys - first;

    if (n > 1 && !s->is_out_of_memory)
        qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n && !s->is_out_of_memory; i++)
        if (keys[i - 1].hash == keys[i].hash && compare_text(&keys[i - 1], &keys[i]) == 0)
            scan_flag(s, SCAN_DUPLICATE, keys[i].at - 1);
    s->n_keys = first;
}
