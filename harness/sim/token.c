/* token.c - the authentication token that a script asks for (AUTH-2 to AUTH-7). */
#include "harness/sim/peer.h"

#include "impl/net/auth.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEYS "{keys}/"

/* The public key's file: public.pem of the keys' folder, or the file that was named, which may
 * stand in that folder too. */
static bool key_path(const struct sim *s, const char *key, struct text *path, struct text *why)
{
    bool in_keys = !key || strncmp(key, KEYS, strlen(KEYS)) == 0;

    if (!in_keys) {
        text_adds(path, key);
        return true;
    }
    if (!s->config->keys) {
        text_adds(why, "there is no folder of keys here; `key FILE` names a public key");
        return false;
    }
    text_addf(path, "%s/%s", s->config->keys, key ? key + strlen(KEYS) : "public.pem");
    return true;
}

static bool set_claim(const struct script_token *token, struct token_claim *claim)
{
    claim->time_s = token->is_relative ? (int64_t)time(NULL) + token->at_s : token->at_s;
    return snprintf(claim->user, sizeof claim->user, "%s", token->user) < (int)sizeof claim->user &&
           snprintf(claim->password, sizeof claim->password, "%s", token->password) <
               (int)sizeof claim->password;
}

bool token_make(const struct sim *s, const struct script_token *token, struct text *value,
                struct text *why)
{
    char reason[256] = "", sealed[TOKEN_TEXT_MAX];
    struct text path = {0};
    struct token_claim claim;
    struct auth_key *key = NULL;
    enum spec_err e = SPEC_E_USAGE;
    bool pkcs1 = token->padding == SCRIPT_PADDING_OF_SUBJECT
                     ? s->config->wants_pkcs1
                     : token->padding == SCRIPT_PADDING_PKCS1;

    if (key_path(s, token->key, &path, why)) {
        key = auth_load_public(text_string(&path), reason, sizeof reason);
        if (!key) /* a private key has the public one in it */
            key = auth_load_private(text_string(&path), reason, sizeof reason);
        if (!key)
            text_addf(why, "%s: %s", text_string(&path), reason);
    }
    if (key && set_claim(token, &claim))
        e = auth_seal(key, pkcs1, &claim, sealed, sizeof sealed);
    if (e == SPEC_OK)
        text_addf(value, "\"%s\"", sealed);
    else if (why->len == 0)
        text_addf(why, "no token can be made: %s", spec_err_text(e));
    auth_key_free(key);
    text_fini(&path);
    return e == SPEC_OK;
}
