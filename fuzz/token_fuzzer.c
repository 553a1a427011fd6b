/* token_fuzzer.c - the authentication token: base64, plaintext, credentials file.
 *
 * Input: a byte of flags, a line of the credentials file, a newline, then the token's text or, of
 * the same bytes, its plaintext. RSA does nothing here but hand its bytes on. */
#include "fuzz/fuzz.h"

#include "impl/wire/token.h"

static enum spec_err pass(void *context, struct bytes in, uint8_t *out, size_t cap, size_t *out_len)
{
    (void)context;
    if (in.len > cap)
        return SPEC_E_TOKEN;
    memcpy(out, in.at, in.len);
    *out_len = in.len;
    return SPEC_OK;
}

static const struct token_rsa rsa = {pass, NULL};

/* Something that depends on every byte. */
static void digest_of(struct bytes in, uint8_t digest[32])
{
    memset(digest, 0, 32);
    for (size_t i = 0; i < in.len; i++)
        digest[i % 32] = (uint8_t)(digest[i % 32] * 31 + in.at[i]);
}

static bool same(const struct token_claim *a, const struct token_claim *b)
{
    return strcmp(a->user, b->user) == 0 && strcmp(a->password, b->password) == 0 &&
           a->time_s == b->time_s;
}

static void check_base64(const char *text, struct bytes raw)
{
    uint8_t bytes[TOKEN_CIPHER_MAX];
    char out[TOKEN_TEXT_MAX];
    size_t len;

    if (token_base64_decode(text, bytes, sizeof bytes, &len) == SPEC_OK) {
        FUZZ_CHECK(len <= sizeof bytes, "%zu bytes", len);
        FUZZ_CHECK(token_base64_encode((struct bytes){bytes, len}, out, sizeof out) == SPEC_OK &&
                       strlen(out) == strlen(text) &&
                       (strcmp(out, text) == 0 || strchr(text, '=') != NULL),
                   "%s and %s", text, out); /* bits behind the last byte are lost */
    }
    if (token_base64_encode(raw, out, sizeof out) == SPEC_OK && raw.len <= sizeof bytes)
        FUZZ_CHECK(token_base64_decode(out, bytes, sizeof bytes, &len) == SPEC_OK &&
                       fuzz_equal((struct bytes){bytes, len}, raw),
                   "%s", out);
}

static void check_claim(const struct token_claim *claim, struct bytes line)
{
    struct token_claim again;
    char plain[TOKEN_PLAIN_MAX], text[TOKEN_TEXT_MAX];

    FUZZ_CHECK(token_plain_format(claim, plain, sizeof plain) == SPEC_OK, "%s", claim->user);
    FUZZ_CHECK(token_plain_parse((struct bytes){(uint8_t *)plain, strlen(plain)}, &again) ==
                       SPEC_OK &&
                   same(claim, &again),
               "%s", plain);
    FUZZ_CHECK(token_seal(claim, &rsa, text, sizeof text) == SPEC_OK &&
                   token_open(text, &rsa, &again) == SPEC_OK && same(claim, &again),
               "%s", plain);
    FUZZ_CHECK(token_is_fresh(claim, claim->time_s, 0), "not fresh at once");
    if (token_line_matches(line, claim, digest_of))
        FUZZ_CHECK(line.len > 65 && memcmp(line.at, claim->user, strlen(claim->user)) == 0,
                   "a line matches");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    uint8_t flags = fuzz_u8(&in);
    const uint8_t *newline = in.len > 0 ? memchr(in.at, '\n', in.len) : NULL;
    struct bytes line = fuzz_take(&in, newline != NULL ? (size_t)(newline - in.at) : 0);
    struct token_claim claim;
    char *text;

    fuzz_u8(&in);
    text = fuzz_text(in);
    check_base64(text, in);
    enum spec_err err = flags & 1 ? token_plain_parse(in, &claim) : token_open(text, &rsa, &claim);
    FUZZ_CHECK(err == SPEC_OK || err == SPEC_E_TOKEN, "%d", err);
    if (err == SPEC_OK)
        check_claim(&claim, line);
    free(text);
    return 0;
}
