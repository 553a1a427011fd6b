/* scan.c - strings, words and structure; see scan_key.c and scan_number.c for the rest. */
#include "impl/wire/scan.h"

#include "impl/wire/plain.h"
#include "impl/wire/scan_core.h"
#include "impl/wire/utf8.h"

#include <stdlib.h>
#include <string.h>

/* cJSON takes every byte up to 0x20 for white space. */
static void skip_space(struct scan *s)
{
    for (; s->at < s->end && *s->at <= ' '; s->at++) {
        if (*s->at == '\0')
            scan_flag(s, SCAN_NUL, s->at);
        else if (strchr(" \t\r\n", *s->at) == NULL)
            scan_flag(s, SCAN_SPACE, s->at);
    }
}

/* --- strings -----------------------------------------------------------------------------------
 */

static bool is_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdfff;
}

static bool scan_escape(struct scan *s)
{
    const uint8_t *from = s->at;

    if (s->end - from >= 2 && from[1] == 'u') {
        int32_t point = scan_unicode(&s->at, s->end);
        if (point < 0)
            return scan_stop(s, SCAN_SYNTAX);
        if (point == 0)
            scan_flag(s, SCAN_NUL, from);
        if (is_surrogate(point))
            scan_flag(s, SCAN_SURROGATE, from);
        return true;
    }
    if (s->end - from < 2 || from[1] == '\0' || strchr("\"\\/bfnrt", from[1]) == NULL)
        return scan_stop(s, SCAN_SYNTAX);
    s->at += 2;
    return true;
}

/* A character that is not printable ASCII. */
static void scan_unusual(struct scan *s)
{
    size_t len = utf8_length(s->at, s->end);

    if (*s->at == '\0')
        scan_flag(s, SCAN_NUL, s->at);
    else if (*s->at < 0x20)
        scan_flag(s, SCAN_CONTROL, s->at);
    else if (len == 0)
        scan_flag(s, SCAN_UTF8, s->at);
    s->at += MAX(len, 1);
}

/* A string, from its opening quote on; *has_escape tells whether its text is not its bytes. */
static bool scan_string(struct scan *s, bool *has_escape)
{
    *has_escape = false;
    s->at++;
    for (;;) {
        while (s->at < s->end && is_plain[*s->at])
            s->at++;
        if (s->at == s->end)
            return scan_stop(s, SCAN_SYNTAX);
        if (scan_take(s, '"'))
            return true;
        if (*s->at != '\\') {
            scan_unusual(s);
            continue;
        }
        *has_escape = true;
        if (!scan_escape(s))
            return false;
    }
}

/* A key and its colon. */
static bool scan_key(struct scan *s)
{
    struct scan_key key;

    skip_space(s);
    if (s->at == s->end || *s->at != '"')
        return scan_stop(s, SCAN_SYNTAX);
    key.at = s->at + 1;
    if (!scan_string(s, &key.has_escape))
        return false;
    key.len = (size_t)(s->at - 1 - key.at);
    scan_check_case(s, &key);
    scan_keep_key(s, &key);
    skip_space(s);
    return scan_take(s, ':') || scan_stop(s, SCAN_SYNTAX);
}

/* --- words --------------------------------------------------------------------------------------
 */

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
    return scan_stop(s, SCAN_SYNTAX);
}

/* --- structure ---------------------------------------------------------------------------------
 */

static bool scan_scalar(struct scan *s)
{
    bool has_escape;

    if (s->at == s->end)
        return scan_stop(s, SCAN_SYNTAX);
    if (*s->at == '"')
        return scan_string(s, &has_escape);
    if (scan_is_digit(s) || strchr("+-.", *s->at) != NULL)
        return scan_number(s);
    return scan_word(s);
}

/* An opening bracket, and the key behind it; *is_empty: its closing bracket came at once. */
static bool open_level(struct scan *s, bool *is_empty)
{
    bool is_object = *s->at == '{';

    if (s->depth == SCAN_DEPTH_LIMIT)
        return scan_stop(s, SCAN_DEPTH);
    s->levels[s->depth++] = (struct scan_level){.first_key = s->n_keys, .is_object = is_object};
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
        const struct scan_level *level = &s->levels[s->depth - 1];
        skip_space(s);
        if (scan_take(s, ','))
            return !level->is_object || scan_key(s);
        if (!scan_take(s, level->is_object ? '}' : ']'))
            return scan_stop(s, SCAN_SYNTAX);
        scan_close_keys(s, level->first_key);
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
        scan_flag(s, SCAN_BOM, s->at);
        s->at += 3;
    }
    skip_space(s);
    if (s->at == s->end) {
        scan_flag(s, SCAN_EMPTY, s->at);
        return;
    }

    const uint8_t *value = s->at;
    bool is_whole = scan_value(s);
    if (*value != '{' && (is_whole || s->depth > 0))
        scan_flag(s, SCAN_NOT_OBJECT, value);
    if (!is_whole || s->at == s->end)
        return;
    scan_flag(s, SCAN_TRAILING, s->at);
    const uint8_t *nul = memchr(s->at, '\0', (size_t)(s->end - s->at));
    if (nul != NULL)
        scan_flag(s, SCAN_NUL, nul);
}

enum spec_err scan_json(struct bytes text, const char *const *known, size_t n_known,
                        struct scan_report *report)
{
    struct scan s; /* 17 KB: only what is used of it is ever written */

    s.first = s.at = text.at;
    s.end = text.at + text.len;
    s.known = known;
    s.n_known = n_known;
    s.next_known = 0;
    s.report = report;
    s.depth = 0;
    s.keys = s.at_hand;
    s.n_keys = 0;
    s.cap_keys = SCAN_KEYS_AT_HAND;
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
