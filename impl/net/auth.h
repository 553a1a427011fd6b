/* auth.h - RSA, SHA-256 and the credentials file for the authentication token (AUTH-1 to AUTH-9).
 *
 * The one door to OpenSSL. The grammar of the token is impl/wire/token.h. Keys may be used by
 * several threads at once. */
#pragma once
#include "impl/wire/bytes.h"
#include "impl/wire/err.h"
#include "impl/wire/token.h"

#include <stdbool.h>

struct auth_key;

/* Load an RSA key from a PEM file. A private key must have no passphrase (none is ever asked for).
 *   why  cap bytes, what was wrong in words, NUL-terminated, on failure
 * NULL on failure. */
struct auth_key *auth_load_public(const char *path, char *why, size_t cap);
struct auth_key *auth_load_private(const char *path, char *why, size_t cap);
void auth_key_free(struct auth_key *key); /* NULL is allowed */

/* Context of the two operations; borrowed. */
struct auth_rsa {
    const struct auth_key *key;
    bool pkcs1; /* PKCS#1 v1.5, else OAEP with SHA-1 (AUTH-7) */
};

/* One RSA operation as struct token_rsa wants it; context is a struct auth_rsa. */
enum spec_err auth_encrypt(void *context, struct bytes in, uint8_t *out, size_t cap,
                           size_t *out_len);
enum spec_err auth_decrypt(void *context, struct bytes in, uint8_t *out, size_t cap,
                           size_t *out_len);

/* 32-byte digest (AUTH-9). */
void auth_sha256(struct bytes in, uint8_t digest[32]);

/* What a server requires. Borrowed. */
struct auth_policy {
    const struct auth_key *private_key;
    const char *users_path; /* credentials file, read anew for each check */
    bool pkcs1;
    int64_t skew_s; /* AUTH-8 */
};

enum auth_verdict {
    AUTH_OK,
    AUTH_TOKEN, /* does not open (AUTH-13) */
    AUTH_STALE, /* too far from our time (AUTH-8) */
    AUTH_USER,  /* no line of the file matches (AUTH-9) */
    AUTH_FILE,  /* the credentials file cannot be read */
};

/* Check a token; slow (RSA): authjob.h does it on a thread of its own. token may be NULL:
 * AUTH_TOKEN.
 *   claim  the user it names, for a log line, from AUTH_STALE on; may be NULL */
enum auth_verdict auth_check(const struct auth_policy *policy, const char *token, int64_t now_s,
                             struct token_claim *claim);

/* A verdict in words, for a log line. Static. */
const char *auth_verdict_text(enum auth_verdict verdict);

/* Client: make the token. SPEC_OK, SPEC_E_USAGE (white space in name or password), SPEC_E_TOKEN
 * (too long for the key, AUTH-6), SPEC_E_SPACE. out holds TOKEN_TEXT_MAX. */
enum spec_err auth_seal(const struct auth_key *public_key, bool pkcs1,
                        const struct token_claim *claim, char *out, size_t cap);
