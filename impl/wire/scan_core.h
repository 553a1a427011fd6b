/* scan_core.h - what scan.c, scan_key.c and scan_number.c share; private to them. */
#pragma once
#include "impl/wire/scan.h"

/* More than an ordinary message has in one object and those around it. */
#define SCAN_KEYS_AT_HAND 48

/* One key of an object that is still open. */
struct scan_key {
    const uint8_t *at; /* behind the opening quote */
    size_t len;
    uint32_t hash;
    bool has_escape;
};

struct scan_level {
    size_t first_key; /* its keys are the last ones of scan.keys */
    bool is_object;
};

struct scan {
    const uint8_t *first, *at, *end;
    const char *const *known;
    size_t n_known, next_known; /* where the next key is looked for first */
    struct scan_report *report;
    unsigned depth;
    struct scan_key *keys;
    size_t n_keys, cap_keys;
    bool is_out_of_memory;
    /* depth of them are in use; never cleared as a whole */
    struct scan_level levels[SCAN_DEPTH_LIMIT];
    struct scan_key at_hand[SCAN_KEYS_AT_HAND];
};

/* Note a flaw; the first place of each counts. */
static inline void scan_flag(struct scan *s, enum scan_flaw flaw, const uint8_t *at)
{
    size_t offset = (size_t)(at - s->first);
    uint32_t bit = 1u << flaw;

    if (!(s->report->flaws & bit) || offset < s->report->at[flaw])
        s->report->at[flaw] = offset;
    s->report->flaws |= bit;
}

/* The same, for what can't be read on behind: false. */
static inline bool scan_stop(struct scan *s, enum scan_flaw flaw)
{
    scan_flag(s, flaw, s->at);
    return false;
}

static inline bool scan_is_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static inline bool scan_take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != (uint8_t)c)
        return false;
    s->at++;
    return true;
}

/* The code point of the escape \uXXXX, or of a pair of them, whose backslash is at *at; moves *at
 * behind it. A lone surrogate gives itself. -1 if it is not four hexadecimal digits. */
int32_t scan_unicode(const uint8_t **at, const uint8_t *end);

/* Flag a key that is a known one in another case. */
void scan_check_case(struct scan *s, const struct scan_key *key);

/* Keep a key for as long as its object is open; computes its hash. */
void scan_keep_key(struct scan *s, struct scan_key *key);

/* Look for duplicates among the keys of the object that closes, and forget them.
 *   first  index of its first key */
void scan_close_keys(struct scan *s, size_t first);

/* A number, from its first character on. False if it is none. */
bool scan_number(struct scan *s);
