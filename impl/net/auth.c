#include "impl/net/auth.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096 /* of the credentials file; longer lines never match */

struct auth_key {
    EVP_PKEY *pkey;
};

/* --- keys
 * ----------------------------------------------------------------------------------------- */

/* No passphrase, and no question on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *context)
{
    (void)buf, (void)size, (void)writing, (void)context;
    return -1;
}

typedef EVP_PKEY *pem_reader(FILE *file, EVP_PKEY **out, pem_password_cb *ask, void *context);

/* OpenSSL's own words for why a file was not a key. */
static void explain(const char *path, const char *kind, char *why, size_t cap)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    if (ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ)
        reason = "it has a passphrase, which is not supported";
    snprintf(why, cap, "%s: no %s key in PEM form: %s", path, kind,
             reason != NULL ? reason : "unreadable");
}

static struct auth_key *check_key(EVP_PKEY *pkey, const char *path, char *why, size_t cap)
{
    struct auth_key *key;

    if (EVP_PKEY_base_id(pkey) != EVP_PKEY_RSA) {
        snprintf(why, cap, "%s: not an RSA key", path);
        return NULL;
    }
    if (EVP_PKEY_size(pkey) > TOKEN_CIPHER_MAX) {
        snprintf(why, cap, "%s: longer than %d bits", path, TOKEN_CIPHER_MAX * 8);
        return NULL;
    }
    key = malloc(sizeof *key);
    if (key == NULL) {
        snprintf(why, cap, "%s: %s", path, strerror(ENOMEM));
        return NULL;
    }
    key->pkey = pkey;
    return key;
}

static struct auth_key *load(const char *path, pem_reader *reader, const char *kind, char *why,
                             size_t cap)
{
    struct auth_key *key = NULL;
    EVP_PKEY *pkey;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        snprintf(why, cap, "%s: %s", path, strerror(errno));
        return NULL;
    }
    ERR_clear_error();
    pkey = reader(file, NULL, no_passphrase, NULL);
    fclose(file);
    if (pkey == NULL)
        explain(path, kind, why, cap);
    else
        key = check_key(pkey, path, why, cap);
    if (key == NULL)
        EVP_PKEY_free(pkey);
    ERR_clear_error();
    return key;
}

struct auth_key *auth_load_public(const char *path, char *why, size_t cap)
{
    return load(path, PEM_read_PUBKEY, "public", why, cap);
}

struct auth_key *auth_load_private(const char *path, char *why, size_t cap)
{
    return load(path, PEM_read_PrivateKey, "private", why, cap);
}

void auth_key_free(struct auth_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

/* --- operations
 * ----------------------------------------------------------------------------------- */

typedef int rsa_init(EVP_PKEY_CTX *ctx);
typedef int rsa_run(EVP_PKEY_CTX *ctx, unsigned char *out, size_t *out_len, const unsigned char *in,
                    size_t in_len);

static enum spec_err run_rsa(const struct auth_rsa *rsa, rsa_init *init, rsa_run *run,
                             struct bytes in, uint8_t *out, size_t cap, size_t *out_len)
{
    uint8_t whole[TOKEN_CIPHER_MAX]; /* OpenSSL wants the size of the key, whatever comes out */
    size_t len = sizeof whole;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa->key->pkey, NULL);
    int padding = rsa->pkcs1 ? RSA_PKCS1_PADDING : RSA_PKCS1_OAEP_PADDING;
    bool ok = ctx != NULL && init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0 &&
              run(ctx, whole, &len, in.at, in.len) > 0 && len <= cap;

    if (ok) {
        memcpy(out, whole, len);
        *out_len = len;
    }
    OPENSSL_cleanse(whole, sizeof whole);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return ok ? SPEC_OK : SPEC_E_TOKEN;
}

enum spec_err auth_encrypt(void *context, struct bytes in, uint8_t *out, size_t cap,
                           size_t *out_len)
{
    return run_rsa(context, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, in, out, cap, out_len);
}

enum spec_err auth_decrypt(void *context, struct bytes in, uint8_t *out, size_t cap,
                           size_t *out_len)
{
    return run_rsa(context, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, in, out, cap, out_len);
}

void auth_sha256(struct bytes in, uint8_t digest[32])
{
    /* A digest that cannot be computed matches nothing that is written in hex by sha256sum. */
    if (EVP_Digest(in.at, in.len, digest, NULL, EVP_sha256(), NULL) != 1)
        memset(digest, 0, 32);
}

/* --- checking
 * ------------------------------------------------------------------------------------- */

/* Every line is tried (AUTH-9). */
static bool any_line_matches(FILE *file, const struct token_claim *claim)
{
    char line[LINE_MAX_BYTES];
    bool inside = false, found = false; /* inside: what comes belongs to a line that is too long */

    while (!found && fgets(line, sizeof line, file) != NULL) {
        size_t len = strlen(line);
        bool whole = len > 0 && line[len - 1] == '\n';
        if (!inside && (whole || feof(file)))
            found = token_line_matches((struct bytes){(const uint8_t *)line, len - whole}, claim,
                                       auth_sha256);
        inside = !whole;
    }
    return found;
}

static enum auth_verdict check_user(const char *path, const struct token_claim *claim)
{
    FILE *file = fopen(path, "re");
    enum auth_verdict verdict;

    if (file == NULL)
        return AUTH_FILE;
    verdict = any_line_matches(file, claim) ? AUTH_OK : ferror(file) ? AUTH_FILE : AUTH_USER;
    fclose(file);
    return verdict;
}

enum auth_verdict auth_check(const struct auth_policy *policy, const char *token, int64_t now_s,
                             struct token_claim *claim)
{
    struct auth_rsa rsa = {policy->private_key, policy->pkcs1};
    struct token_rsa decrypt = {auth_decrypt, &rsa};
    struct token_claim found;
    enum auth_verdict verdict;

    if (token == NULL || token_open(token, &decrypt, &found) != SPEC_OK)
        return AUTH_TOKEN;
    verdict = token_is_fresh(&found, now_s, policy->skew_s) ? check_user(policy->users_path, &found)
                                                            : AUTH_STALE;
    if (claim != NULL)
        *claim = found;
    OPENSSL_cleanse(&found, sizeof found);
    return verdict;
}

const char *auth_verdict_text(enum auth_verdict verdict)
{
    static const char *const texts[] = {
        [AUTH_OK] = "authorised",
        [AUTH_TOKEN] = "the token cannot be opened with this key and padding",
        [AUTH_STALE] = "the token's time is too far from ours",
        [AUTH_USER] = "user name or password is wrong",
        [AUTH_FILE] = "the credentials file cannot be read",
    };

    return texts[verdict];
}

enum spec_err auth_seal(const struct auth_key *public_key, bool pkcs1,
                        const struct token_claim *claim, char *out, size_t cap)
{
    struct auth_rsa rsa = {public_key, pkcs1};
    struct token_rsa encrypt = {auth_encrypt, &rsa};

    return token_seal(claim, &encrypt, out, cap);
}
