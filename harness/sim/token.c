/* token.c - the authentication token that a script asks for (AUTH-2 to AUTH-7). */
#include "harness/sim/peer.h"

#include "impl/net/auth.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEYS   "{keys}/"
#define SKEW_S 10 /* as servers allow (AUTH-8) */

/* A key's file: the usual one of the keys' folder, or the one that was named, which may stand in
 * that folder too. */
static bool key_path(const struct sim *s, const char *key, const char *usual, struct text *path,
                     struct text *why)
{
    bool in_keys = !key || strncmp(key, KEYS, strlen(KEYS)) == 0;

    if (!in_keys) {
        text_adds(path, key);
        return true;
    }
    if (!s->config->keys) {
        text_adds(why, "there is no folder of keys here; `key FILE` names a key");
        return false;
    }
    text_addf(path, "%s/%s", s->config->keys, key ? key + strlen(KEYS) : usual);
    return true;
}

static bool set_claim(const struct script_token *token, struct token_claim *claim)
{
    claim->time_s = token->is_relative ? (int64_t)time(NULL) + token->at_s : token->at_s;
    return snprintf(claim->user, sizeof claim->user, "%s", token->user) < (int)sizeof claim->user &&
           snprintf(claim->password, sizeof claim->password, "%s", token->password) <
               (int)sizeof claim->password;
}

static bool is_pkcs1(const struct sim *s, const struct script_token *token)
{
    return token->padding == SCRIPT_PADDING_OF_SUBJECT ? s->config->wants_pkcs1
                                                       : token->padding == SCRIPT_PADDING_PKCS1;
}

bool token_make(const struct sim *s, const struct script_token *token, struct text *value,
                struct text *why)
{
    char reason[256] = "", sealed[TOKEN_TEXT_MAX];
    struct text path = {0};
    struct token_claim claim;
    struct auth_key *key = NULL;
    enum spec_err e = SPEC_E_USAGE;

    if (key_path(s, token->key, "public.pem", &path, why)) {
        key = auth_load_public(text_string(&path), reason, sizeof reason);
        if (!key) /* a private key has the public one in it */
            key = auth_load_private(text_string(&path), reason, sizeof reason);
        if (!key)
            text_addf(why, "%s: %s", text_string(&path), reason);
    }
    if (key && set_claim(token, &claim))
        e = auth_seal(key, is_pkcs1(s, token), &claim, sealed, sizeof sealed);
    if (e == SPEC_OK)
        text_addf(value, "\"%s\"", sealed);
    else if (why->len == 0)
        text_addf(why, "no token can be made: %s", spec_err_text(e));
    auth_key_free(key);
    text_fini(&path);
    return e == SPEC_OK;
}

/* --- the subject's --------------------------------------------------------------------------- */

static bool compare(const struct token_claim *want, const struct token_claim *got, struct text *why)
{
    if (strcmp(want->user, got->user) != 0)
        text_addf(why, "the token is of user '%s' (AUTH-3)", got->user);
    else if (strcmp(want->password, got->password) != 0)
        text_addf(why, "the token's password is '%s' (AUTH-3)", got->password);
    else if (!token_is_fresh(got, want->time_s, SKEW_S))
        text_addf(why, "the token is of %lld s, and now it is %lld (AUTH-4)",
                  (long long)got->time_s, (long long)want->time_s);
    return why->len == 0;
}

/* text: NULL if there is none. */
static bool open_token(const struct sim *s, const struct script_token *token, const char *text,
                       struct text *why)
{
    char reason[256] = "";
    struct text path = {0};
    struct token_claim want, got = {0};
    struct auth_key *key = NULL;

    if (key_path(s, token->key, "private.pem", &path, why)) {
        key = auth_load_private(text_string(&path), reason, sizeof reason);
        if (!key)
            text_addf(why, "%s: %s", text_string(&path), reason);
    }
    struct auth_rsa rsa = {key, is_pkcs1(s, token)};
    struct token_rsa decrypt = {auth_decrypt, &rsa};
    if (key && !text)
        text_adds(why, "there is no authtoken (AUTH-1)");
    else if (key && token_open(text, &decrypt, &got) != SPEC_OK)
        text_addf(why, "authtoken is no token that opens with %s padding (AUTH-2, AUTH-3, AUTH-7)",
                  rsa.pkcs1 ? "PKCS#1" : "OAEP");
    bool ok = why->len == 0 && set_claim(token, &want) && compare(&want, &got, why);
    auth_key_free(key);
    text_fini(&path);
    return ok;
}

bool token_says(const struct sim *s, const struct script_token *token, struct bytes params,
                struct text *why)
{
    struct params p;
    bool ok = params_decode(params, &p, NULL) == SPEC_OK && open_token(s, token, p.authtoken, why);

    if (!ok && why->len == 0)
        text_adds(why, "the parameters are no JSON (PARAM-1)");
    params_fini(&p);
    return ok;
}
