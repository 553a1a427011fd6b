#include "impl/sign.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum spec_err sign_params(const struct options *opt, const struct auth_key *public_key,
                          struct params *params)
{
    struct token_claim claim = {.time_s = time(NULL)};
    char token[TOKEN_TEXT_MAX];
    enum spec_err err;

    snprintf(claim.user, sizeof claim.user, "%s", opt->username);
    snprintf(claim.password, sizeof claim.password, "%s", opt->password);
    err = auth_seal(public_key, opt->pkcs1, &claim, token, sizeof token);
    explicit_bzero(claim.password, sizeof claim.password);
    return err == SPEC_OK ? params_set_text(params, PARAM_authtoken, token) : err;
}
