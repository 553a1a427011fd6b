/* sign.h - the token of a client that authenticates, from its options (AUTH-3). */
#pragma once
#include "impl/net/auth.h"
#include "impl/options.h"

/* Put a token of this moment into params: user and password are those of opt, which has both.
 * Slow (RSA). SPEC_OK, SPEC_E_NOMEM, or what auth_seal() returns. */
enum spec_err sign_params(const struct options *opt, const struct auth_key *public_key,
                          struct params *params);
