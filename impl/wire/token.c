#include "impl/wire/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_LEN 32

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* White space as scanf() of the C locale knows it, with which iperf3 reads the plaintext. */
static const char blanks[] = " \t\n\v\f\r";

enum spec_err token_base64_encode(struct bytes in, char *out, size_t cap)
{
    if ((in.len + 2) / 3 * 4 >= cap)
        return SPEC_E_SPACE;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = MIN(in.len - i, 3);
        uint8_t group[3] = {0};
        memcpy(group, in.at + i, n);
        *out++ = alphabet[group[0] >> 2];
        *out++ = alphabet[(group[0] & 3) << 4 | group[1] >> 4];
        *out++ = n > 1 ? alphabet[(group[1] & 15) << 2 | group[2] >> 6] : '=';
        *out++ = n > 2 ? alphabet[group[2] & 63] : '=';
    }
    *out = '\0';
    return SPEC_OK;
}

enum spec_err token_base64_decode(const char *text, uint8_t *out, size_t cap, size_t *out_len)
{
    size_t len = strlen(text), digits = strspn(text, alphabet), pad = len - digits;
    unsigned bits = 0, n_bits = 0;

    if (len % 4 != 0 || pad > 2 || strspn(text + digits, "=") != pad)
        return SPEC_E_TOKEN;
    if (len / 4 * 3 - pad > cap)
        return SPEC_E_SPACE;
    *out_len = len / 4 * 3 - pad;
    for (size_t i = 0; i < digits; i++) {
        bits = bits << 6 | (unsigned)(strchr(alphabet, text[i]) - alphabet);
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        *out++ = (uint8_t)(bits >> n_bits);
    }
    return SPEC_OK;
}

/* Whether a receiver gets the word back that it is sent: it reads up to the first blank (AUTH-5).
 * Of an empty one it would read the next line: an empty password, which stock clients send too,
 * opens nothing. */
static bool is_word(const char *text)
{
    return text[0] != '\0' && strpbrk(text, blanks) == NULL;
}

enum spec_err token_plain_format(const struct token_claim *claim, char *out, size_t cap)
{
    if (!is_word(claim->user) || (claim->password[0] != '\0' && !is_word(claim->password)))
        return SPEC_E_USAGE;
    int len = snprintf(out, cap, "user: %s\npwd:  %s\nts:   %" PRId64, claim->user, claim->password,
                       claim->time_s);
    return (size_t)len < cap ? SPEC_OK : SPEC_E_SPACE;
}

/* The helpers of the grammar take from the front of *in, and say whether they could. The end reads
 * as a NUL. */
static uint8_t peek(const struct bytes *in)
{
    return in->len > 0 ? in->at[0] : '\0';
}

static uint8_t take(struct bytes *in)
{
    uint8_t first = in->at[0];

    *in = (struct bytes){in->at + 1, in->len - 1};
    return first;
}

static bool is_blank(uint8_t c)
{
    return c != '\0' && strchr(blanks, c) != NULL;
}

static void skip_blanks(struct bytes *in)
{
    while (is_blank(peek(in)))
        take(in);
}

/* The name of a line and the blanks around it. */
static bool take_label(struct bytes *in, const char *label)
{
    size_t len = strlen(label);

    if (in->len < len || memcmp(in->at, label, len) != 0)
        return false;
    *in = (struct bytes){in->at + len, in->len - len};
    skip_blanks(in);
    return true;
}

/* At least one character up to a blank, a NUL or the end, and the blanks behind it. */
static bool take_word(struct bytes *in, char *word, size_t cap)
{
    size_t len = 0;

    while (peek(in) != '\0' && !is_blank(peek(in))) {
        if (len == cap - 1)
            return false;
        word[len++] = (char)take(in);
    }
    word[len] = '\0';
    skip_blanks(in);
    return len > 0;
}

static bool take_time(struct bytes *in, int64_t *time_s)
{
    bool negative = peek(in) == '-', any = false;
    int64_t value = 0;

    if (negative || peek(in) == '+')
        take(in);
    for (; peek(in) >= '0' && peek(in) <= '9'; any = true) {
        int digit = take(in) - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *time_s = value;
    return any;
}

enum spec_err token_plain_parse(struct bytes plain, struct token_claim *claim)
{
    struct token_claim got;

    if (!take_label(&plain, "user:") || !take_word(&plain, got.user, sizeof got.user) ||
        !take_label(&plain, "pwd:") || !take_word(&plain, got.password, sizeof got.password) ||
        !take_label(&plain, "ts:") || !take_time(&plain, &got.time_s))
        return SPEC_E_TOKEN;
    *claim = got;
    return SPEC_OK;
}

enum spec_err token_seal(const struct token_claim *claim, const struct token_rsa *encrypt,
                         char *out, size_t cap)
{
    char plain[TOKEN_PLAIN_MAX];
    uint8_t cipher[TOKEN_CIPHER_MAX];
    size_t len;

    enum spec_err e = token_plain_format(claim, plain, sizeof plain);
    if (e != SPEC_OK)
        return e;
    struct bytes in = {(const uint8_t *)plain, strlen(plain)};
    e = encrypt->run(encrypt->context, in, cipher, sizeof cipher, &len);
    explicit_bzero(plain, sizeof plain); /* it holds a password */
    if (e != SPEC_OK)
        return e;
    return token_base64_encode((struct bytes){cipher, len}, out, cap);
}

enum spec_err token_open(const char *text, const struct token_rsa *decrypt,
                         struct token_claim *claim)
{
    uint8_t cipher[TOKEN_CIPHER_MAX], plain[TOKEN_PLAIN_MAX];
    size_t len;

    if (token_base64_decode(text, cipher, sizeof cipher, &len) != SPEC_OK || len == 0)
        return SPEC_E_TOKEN;
    struct bytes in = {cipher, len};
    if (decrypt->run(decrypt->context, in, plain, sizeof plain, &len) != SPEC_OK)
        return SPEC_E_TOKEN;
    enum spec_err e = token_plain_parse((struct bytes){plain, len}, claim);
    explicit_bzero(plain, sizeof plain);
    return e;
}

bool token_is_fresh(const struct token_claim *claim, int64_t now_s, int64_t threshold_s)
{
    __int128 age = (__int128)now_s - claim->time_s;

    return -(__int128)threshold_s <= age && age <= threshold_s;
}

/* Lower-case hex of the SHA-256 of "{user}password". */
static void hash_claim(const struct token_claim *claim, token_sha256 *sha256,
                       char hex[2 * DIGEST_LEN + 1])
{
    char text[sizeof claim->user + sizeof claim->password + 2];
    uint8_t digest[DIGEST_LEN];

    int len = snprintf(text, sizeof text, "{%s}%s", claim->user, claim->password);
    sha256((struct bytes){(const uint8_t *)text, (size_t)len}, digest);
    explicit_bzero(text, sizeof text);
    for (size_t i = 0; i < DIGEST_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.at, text, bytes.len) == 0;
}

bool token_line_matches(struct bytes line, const struct token_claim *claim, token_sha256 *sha256)
{
    char hex[2 * DIGEST_LEN + 1];

    if (line.len == 0 || line.at[0] == '#')
        return false;
    while (line.len > 0 && is_blank(line.at[line.len - 1]))
        line.len--;
    const uint8_t *comma = memchr(line.at, ',', line.len);
    if (comma == NULL)
        return false;
    size_t name_len = (size_t)(comma - line.at);
    if (!is_text((struct bytes){line.at, name_len}, claim->user))
        return false;
    hash_claim(claim, sha256, hex);
    return is_text((struct bytes){comma + 1, line.len - name_len - 1}, hex);
}
