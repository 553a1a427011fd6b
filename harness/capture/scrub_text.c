#include "harness/capture/scrub_text.h"

#include "impl/net/auth.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define CHUNK   32 /* letters that one digest is good for */
#define KEY_MAX 64

/* Strings that are kept: a matter of the build or the system. */
static const char *const plain_keys[] = {"client_version", "congestion", "congestion_used"};

static bool is_word(uint8_t c)
{
    return isalnum(c) || c >= 0x80;
}

static uint8_t other(uint8_t c, uint8_t random)
{
    if (isdigit(c))
        return (uint8_t)('2' + random % 6); /* a cookie has no others (CTL-2) */
    if (isupper(c))
        return (uint8_t)('A' + random % 26);
    return (uint8_t)('a' + random % 26);
}

static void scrub_word(const struct scrub_salt *salt, uint8_t *at, size_t len)
{
    uint8_t state[32 + CHUNK] = {0};

    memcpy(state, salt->bytes, sizeof salt->bytes);
    for (size_t done = 0; done < len; done += CHUNK) {
        size_t n = MIN((size_t)CHUNK, len - done);
        memcpy(state + 32, at + done, n);
        auth_sha256((struct bytes){state, 32 + n}, state);
        for (size_t i = 0; i < n; i++)
            at[done + i] = other(at[done + i], state[i]);
    }
}

void scrub_words(const struct scrub_salt *salt, uint8_t *text, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        bool word = is_word(text[at]);
        for (n = 1; at + n < len && is_word(text[at + n]) == word; n++)
            ;
        if (word)
            scrub_word(salt, text + at, n);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

struct scanner {
    const struct scrub_salt *salt;
    uint8_t *text;
    size_t len, at;
    char key[KEY_MAX]; /* of the member that we are in; "" if it is too long */
};

/* Behind the string that begins at s->at. */
static size_t string_end(const struct scanner *s)
{
    size_t at = s->at + 1;

    while (at < s->len && s->text[at] != '"')
        at += s->text[at] == '\\' ? 2 : 1;
    return MIN(at + 1, s->len);
}

/* Escapes stay; one that stands for a character becomes a harmless one. */
static void scrub_inside(const struct scanner *s, size_t from, size_t to)
{
    while (from < to) {
        uint8_t *slash = memchr(s->text + from, '\\', to - from);
        size_t plain = slash != NULL ? (size_t)(slash - s->text) - from : to - from;
        scrub_words(s->salt, s->text + from, plain);
        from += plain + 2;
        if (slash != NULL && from + 4 <= to && s->text[from - 1] == 'u') {
            memcpy(s->text + from, "0078", 4);
            from += 4;
        }
    }
}

static bool is_plain(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(plain_keys); i++)
        if (strcmp(key, plain_keys[i]) == 0)
            return true;
    return false;
}

static void take_string(struct scanner *s)
{
    size_t begin = s->at + 1, end = string_end(s), behind = end;

    while (behind < s->len && isspace(s->text[behind]))
        behind++;
    bool is_key = behind < s->len && s->text[behind] == ':';
    size_t inner = end > begin && s->text[end - 1] == '"' ? end - 1 - begin : end - begin;
    if (is_key) {
        memset(s->key, 0, sizeof s->key);
        if (inner < KEY_MAX)
            memcpy(s->key, s->text + begin, inner);
    } else if (!is_plain(s->key)) {
        scrub_inside(s, begin, begin + inner);
    }
    s->at = end;
}

static void take_word(struct scanner *s)
{
    size_t begin = s->at, n = 0;
    uint8_t *word = s->text + begin;

    while (begin + n < s->len && (is_word(word[n]) || (n > 0 && strchr("+-.", word[n]) && word[n])))
        n++;
    bool is_ours = (n == 4 && (memcmp(word, "true", 4) == 0 || memcmp(word, "null", 4) == 0)) ||
                   (n == 5 && memcmp(word, "false", 5) == 0);
    bool is_number = isdigit(word[0]);
    for (size_t i = 0; i < n; i++)
        is_number = is_number && (isdigit(word[i]) || strchr("eE+-.", word[i]) != NULL);
    if (!is_ours && !is_number)
        scrub_words(s->salt, word, n);
    s->at += n;
}

void scrub_json(const struct scrub_salt *salt, uint8_t *text, size_t len)
{
    struct scanner s = {.salt = salt, .text = text, .len = len};

    while (s.at < s.len) {
        if (s.text[s.at] == '"')
            take_string(&s);
        else if (is_word(s.text[s.at]))
            take_word(&s);
        else
            s.at++;
    }
}
