/* token.h - the authentication token (AUTH-2 to AUTH-9, AUTH-13): base64, plaintext grammar, skew.
 *
 * RSA and SHA-256 come in through function pointers, so that this room needs no crypto library and
 * a shell can run the slow part on a thread of its own. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"

#include <stdbool.h>

#define TOKEN_PLAIN_MAX                                                                            \
    2048 /* ours: longest plaintext; more than any RSA key of 16384 bits holds */
#define TOKEN_CIPHER_MAX 2048 /* ours: longest ciphertext, in bytes */
#define TOKEN_TEXT_MAX   ((TOKEN_CIPHER_MAX + 2) / 3 * 4 + 1)

/* One RSA operation: in -> out (cap bytes), *out_len written. Returns SPEC_OK or SPEC_E_TOKEN. */
struct token_rsa {
    enum spec_err (*run)(void *context, struct bytes in, uint8_t *out, size_t cap, size_t *out_len);
    void *context;
};

struct token_claim {
    char user[256], password[256]; /* NUL-terminated; longer ones are SPEC_E_TOKEN */
    int64_t time_s;                /* Unix time (AUTH-4) */
};

/* Standard alphabet, padded, no line breaks (AUTH-2). out is NUL-terminated.
 * Decode refuses any other character, wrong padding, and lengths that are no multiple of 4.
 * Return SPEC_OK; SPEC_E_SPACE if cap does not suffice; decode also SPEC_E_TOKEN. */
enum spec_err token_base64_encode(struct bytes in, char *out, size_t cap);
enum spec_err token_base64_decode(const char *text, uint8_t *out, size_t cap, size_t *out_len);

/* The three lines of AUTH-3. User and password hold no white space, and the user is not empty
 * (AUTH-5: else SPEC_E_USAGE). An empty password can be sent; no receiver can read it.
 * Returns SPEC_OK, SPEC_E_USAGE, SPEC_E_SPACE (out has cap bytes, the NUL included). */
enum spec_err token_plain_format(const struct token_claim *claim, char *out, size_t cap);

/* Takes any amount of blanks after the colons and ignores what follows the digits (AUTH-13).
 * Returns SPEC_OK or SPEC_E_TOKEN; claim is written on SPEC_OK only. */
enum spec_err token_plain_parse(struct bytes plain, struct token_claim *claim);

/* Client: the string for `authtoken` (AUTH-2, AUTH-3).
 *   out  cap bytes; TOKEN_TEXT_MAX suffices always
 * Returns SPEC_OK; SPEC_E_USAGE as token_plain_format(); SPEC_E_SPACE; or what encrypt returned. */
enum spec_err token_seal(const struct token_claim *claim, const struct token_rsa *encrypt,
                         char *out, size_t cap);

/* Server: the claim in such a string. claim is written on SPEC_OK only; else SPEC_E_TOKEN: empty,
 * not base64, does not decrypt, or not the grammar (AUTH-13). */
enum spec_err token_open(const char *text, const struct token_rsa *decrypt,
                         struct token_claim *claim);

/* |now - time| <= threshold, both ends inclusive (AUTH-8). Times in s. */
bool token_is_fresh(const struct token_claim *claim, int64_t now_s, int64_t threshold_s);

/* One line of a credentials file against a claim (AUTH-9): `name,hash` with hash the lower-case hex
 * SHA-256 of "{name}password"; comment lines and lines without a comma never match.
 *   sha256  writes the 32-byte digest of in
 *   line    without its newline; trailing CR and blanks are ignored */
typedef void token_sha256(struct bytes in, uint8_t digest[32]);
bool token_line_matches(struct bytes line, const struct token_claim *claim, token_sha256 *sha256);
